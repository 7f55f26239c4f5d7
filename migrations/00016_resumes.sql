-- +goose Up
-- Orders that may go on by themselves, when stock has come or the cause of a hold is gone, are found without reading them all.
ALTER TABLE orders ADD COLUMN resumes boolean NOT NULL DEFAULT false;
UPDATE orders SET resumes = true WHERE json_typeof(doc->'holds') = 'array' AND (
	status = 'ON_HOLD' AND ((doc->'holds')::jsonb @> '[{"status": "ACTIVE", "code": "AMENDED_IN_SOURCE"}]' OR NOT EXISTS (
		SELECT FROM json_array_elements(doc->'holds') h WHERE h->>'status' = 'ACTIVE' AND coalesce(h->>'autoClears', 'false') <> 'true'))
	OR status IN ('ACCEPTED', 'IN_FULFILLMENT') AND (doc->'holds')::jsonb @> '[{"status": "ACTIVE", "autoClears": true}]')
	OR status IN ('ACCEPTED', 'IN_FULFILLMENT') AND short;
CREATE INDEX orders_resumes ON orders (placed_at, id) WHERE resumes;
DROP INDEX orders_held;
-- Effects that wait for a place at their destination are found there.
CREATE INDEX effects_destination ON effects (destination, next_at) WHERE state = 'WAITING';

-- +goose Down
CREATE INDEX orders_held ON orders (updated_at) WHERE status = 'ON_HOLD';
DROP INDEX effects_destination;
DROP INDEX orders_resumes;
ALTER TABLE orders DROP COLUMN resumes;
