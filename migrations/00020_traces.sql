-- +goose Up
-- Where the trace stood that has left the effect to be done, as W3C Trace Context writes it; empty where nothing was followed.
ALTER TABLE effects ADD COLUMN traceparent text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE effects DROP COLUMN traceparent;
