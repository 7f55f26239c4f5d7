-- +goose Up
-- What callers have left to spend. Each process takes a little more than it needs at once, so that few questions lead here.
-- A crash may forget it: then everybody has all of it again.
CREATE UNLOGGED TABLE allowances (
    client  text             NOT NULL,
    subject text             NOT NULL,
    points  double precision NOT NULL,
    at      timestamptz      NOT NULL,
    -- What was taken last.
    leased  double precision NOT NULL,
    PRIMARY KEY (client, subject)
);

-- +goose Down
DROP TABLE allowances;
