-- +goose Up
-- Orders and shipments are read much more often than the database looks into them: as text they are read as they are, where
-- jsonb is written out anew for every reader. Lists by item have a column of their own.
ALTER TABLE orders ALTER COLUMN doc TYPE json USING doc::json, ADD COLUMN skus text[] NOT NULL DEFAULT '{}';
UPDATE orders SET skus = ARRAY(SELECT DISTINCT l->>'sku' FROM json_array_elements(doc->'lines') l WHERE l->>'sku' IS NOT NULL)
WHERE json_typeof(doc->'lines') = 'array';
ALTER TABLE shipments ALTER COLUMN doc TYPE json USING doc::json;

-- What lies at all nodes of the items of a page is found item by item.
ALTER TABLE stock_figures DROP CONSTRAINT stock_figures_pkey, ADD PRIMARY KEY (sku, node);
DROP INDEX reservations_key;
CREATE INDEX reservations_key ON reservations (sku, node);

-- +goose Down
DROP INDEX reservations_key;
CREATE INDEX reservations_key ON reservations (node, sku);
ALTER TABLE stock_figures DROP CONSTRAINT stock_figures_pkey, ADD PRIMARY KEY (node, sku);
ALTER TABLE shipments ALTER COLUMN doc TYPE jsonb USING doc::jsonb;
ALTER TABLE orders DROP COLUMN skus, ALTER COLUMN doc TYPE jsonb USING doc::jsonb;
