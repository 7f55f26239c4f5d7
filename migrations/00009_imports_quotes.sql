-- +goose Up

-- Files of orders on their way in, and their orders.
CREATE TABLE imports (
    id          uuid PRIMARY KEY,
    scope       text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    viewer      jsonb       NOT NULL,
    format      text        NOT NULL,
    policy      text        NOT NULL,
    status      text        NOT NULL CHECK (status IN ('CHECKING', 'PLACING', 'DONE', 'REFUSED', 'CANCELLED')),
    total       int         NOT NULL,
    note        text        NOT NULL DEFAULT '',
    created_by  text        NOT NULL,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    holder      int,
    tried_at    timestamptz,
    UNIQUE (scope, key)
);
CREATE INDEX imports_open ON imports (tried_at, created_at) WHERE status IN ('CHECKING', 'PLACING');
CREATE TABLE import_rows (
    import_id uuid  NOT NULL REFERENCES imports,
    number    int   NOT NULL,
    at_line   int   NOT NULL,
    key       text  NOT NULL,
    ordered   jsonb NOT NULL,
    outcome   text  NOT NULL,
    decision  text  NOT NULL DEFAULT '',
    order_id  uuid,
    problems  jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (import_id, number)
);
CREATE INDEX import_rows_outcome ON import_rows (import_id, outcome, number);

-- Prices that accounts were promised until a time.
CREATE SEQUENCE quote_numbers START 1001;
CREATE TABLE quotes (
    id          uuid PRIMARY KEY,
    number      text        NOT NULL UNIQUE,
    account_id  text        NOT NULL,
    valid_until timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    doc         jsonb       NOT NULL
);
CREATE INDEX quotes_account ON quotes (account_id, created_at DESC, id DESC);

-- +goose Down
DROP TABLE quotes;
DROP SEQUENCE quote_numbers;
DROP TABLE import_rows, imports;
