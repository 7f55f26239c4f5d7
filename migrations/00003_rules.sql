-- +goose Up

-- How items may be ordered, as the ERP last said; an item that it has no rule for has a document that says so.
CREATE TABLE item_rules (
    sku    text PRIMARY KEY,
    name   text        NOT NULL,
    source text        NOT NULL,
    as_of  timestamptz NOT NULL,
    doc    jsonb       NOT NULL
);

-- +goose Down
DROP TABLE item_rules;
