-- +goose Up
-- Orders that wait beyond the review of a hold are found by when that is.
ALTER TABLE orders ADD COLUMN review_at timestamptz;
UPDATE orders SET review_at = (SELECT min((h->>'reviewAt')::timestamptz) FROM json_array_elements(doc->'holds') h WHERE h->>'status' = 'ACTIVE')
	WHERE status IN ('ON_HOLD', 'PENDING_APPROVAL') AND doc->'lapsed' IS NULL AND json_typeof(doc->'holds') = 'array';
CREATE INDEX orders_review ON orders (review_at) WHERE review_at IS NOT NULL;

-- +goose Down
DROP INDEX orders_review;
ALTER TABLE orders DROP COLUMN review_at;
