-- +goose Up

-- An effect whose source is in shadow is done when it is known what it would have sent.
ALTER TABLE effects DROP CONSTRAINT effects_state_check;
ALTER TABLE effects ADD CONSTRAINT effects_state_check CHECK (state IN ('WAITING', 'DONE', 'DEAD', 'CANCELLED', 'SHADOWED'));

-- What would have been written, the last of each operation on each subject.
CREATE TABLE shadow_writes (
    id        uuid PRIMARY KEY,
    source    text        NOT NULL,
    operation text        NOT NULL,
    subject   text        NOT NULL,
    order_id  uuid,
    method    text        NOT NULL,
    target    text        NOT NULL,
    body      text        NOT NULL,
    note      text        NOT NULL,
    times     int         NOT NULL DEFAULT 1,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (source, operation, subject)
);
CREATE INDEX shadow_writes_order ON shadow_writes (order_id);

-- What a system in shadow has made of an order that we decided, too.
CREATE TABLE shadow_orders (
    order_id    uuid PRIMARY KEY,
    source      text        NOT NULL,
    theirs      text        NOT NULL,
    differences text[]      NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- +goose Down
DROP TABLE shadow_orders, shadow_writes;
DELETE FROM effects WHERE state = 'SHADOWED';
ALTER TABLE effects DROP CONSTRAINT effects_state_check;
ALTER TABLE effects ADD CONSTRAINT effects_state_check CHECK (state IN ('WAITING', 'DONE', 'DEAD', 'CANCELLED'));
