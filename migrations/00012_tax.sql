-- +goose Up
-- What exempts accounts from tax somewhere, for a time.
CREATE TABLE tax_certificates (
    id            uuid PRIMARY KEY,
    account_id    text        NOT NULL,
    number        text        NOT NULL,
    jurisdictions text[]      NOT NULL,
    categories    text[]      NOT NULL,
    valid_from    date        NOT NULL,
    valid_until   date,
    state         text        NOT NULL CHECK (state IN ('PENDING', 'ACTIVE', 'REVOKED')),
    note          text        NOT NULL DEFAULT '',
    changed_by    text        NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, number)
);

-- +goose Down
DROP TABLE tax_certificates;
