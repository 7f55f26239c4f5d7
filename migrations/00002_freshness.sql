-- +goose Up

-- What a customer paid at last, as the ERP calculated it, for the minutes in which it is young enough and the
-- hours in which the ERP does not answer. The key is the whole question.
CREATE TABLE prices (
    key    text PRIMARY KEY,
    name   text        NOT NULL,
    source text        NOT NULL,
    as_of  timestamptz NOT NULL,
    doc    jsonb       NOT NULL
);
CREATE INDEX prices_as_of ON prices (as_of);

-- Since when everything that a source changed is certainly in a projection, by its list of changes.
CREATE TABLE projections (
    name    text PRIMARY KEY,
    current timestamptz NOT NULL
);

-- When something happened that the figure does not know of: it is too old from then on.
ALTER TABLE stock_figures ADD COLUMN outdated timestamptz NOT NULL DEFAULT '-infinity';

-- +goose Down
ALTER TABLE stock_figures DROP COLUMN outdated;
DROP TABLE prices, projections;
