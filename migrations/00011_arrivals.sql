-- +goose Up
-- Orders that wait for stock are found by the items that they may wait for.
ALTER TABLE orders ADD COLUMN short boolean NOT NULL DEFAULT false;
UPDATE orders SET short = true WHERE status NOT IN ('COMPLETED', 'CANCELLED', 'REJECTED') AND json_typeof(doc->'lines') = 'array'
	AND EXISTS (SELECT FROM json_array_elements(doc->'lines') l WHERE (l->>'backordered')::numeric > 0);
CREATE INDEX orders_short ON orders USING gin (skus) WHERE short;

-- +goose Down
DROP INDEX orders_short;
ALTER TABLE orders DROP COLUMN short;
