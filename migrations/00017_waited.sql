-- +goose Up
-- Attempts that waited for a person, or for our turn at a source, do not count towards giving up.
ALTER TABLE effects ADD COLUMN waited int NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE effects DROP COLUMN waited;
