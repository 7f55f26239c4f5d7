-- +goose Up
-- The last day on which an account's credit limit may be used, where its system of record says.
ALTER TABLE credit_figures ADD COLUMN limit_until text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE credit_figures DROP COLUMN limit_until;
