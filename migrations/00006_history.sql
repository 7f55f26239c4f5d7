-- +goose Up

-- A shipment of an order that we had no work for: what a node sent before we came.
ALTER TABLE shipments ALTER COLUMN work_id DROP NOT NULL;

-- +goose Down
DELETE FROM shipments WHERE work_id IS NULL;
ALTER TABLE shipments ALTER COLUMN work_id SET NOT NULL;
