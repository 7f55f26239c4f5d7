-- +goose Up

-- The journal and the outbox are one table. Position is given later, by one sequencer, to
-- committed rows only: a reader that keeps the last position can never skip a late commit.
CREATE TABLE events (
    id            uuid PRIMARY KEY,
    stream_kind   text        NOT NULL,
    stream_id     text        NOT NULL,
    sequence      bigint      NOT NULL,
    position      bigint,
    type          text        NOT NULL,
    version       int         NOT NULL,
    occurred_at   timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    source        text        NOT NULL,
    actor         text        NOT NULL DEFAULT '',
    account_id    text        NOT NULL DEFAULT '',
    order_id      text        NOT NULL DEFAULT '',
    correlation   text        NOT NULL DEFAULT '',
    causation     text        NOT NULL DEFAULT '',
    payload       jsonb       NOT NULL,
    UNIQUE (stream_kind, stream_id, sequence)
);
CREATE UNIQUE INDEX events_position ON events (position) WHERE position IS NOT NULL;
CREATE INDEX events_unsequenced ON events (recorded_at, sequence) WHERE position IS NULL;
CREATE INDEX events_order ON events (order_id, position) WHERE order_id <> '';
CREATE INDEX events_account ON events (account_id, position) WHERE account_id <> '';

CREATE SEQUENCE order_numbers START 100001;
CREATE TABLE orders (
    id           uuid PRIMARY KEY,
    number       text        NOT NULL UNIQUE,
    account_id   text        NOT NULL,
    channel      text        NOT NULL,
    channel_ref  text,
    po_number    text        NOT NULL DEFAULT '',
    status       text        NOT NULL,
    total        numeric     NOT NULL,
    currency     text        NOT NULL,
    placed_at    timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    version      int         NOT NULL,
    doc          jsonb       NOT NULL,
    UNIQUE (channel, channel_ref)
);
CREATE INDEX orders_account ON orders (account_id, placed_at DESC, id);
CREATE INDEX orders_placed ON orders (placed_at DESC, id);
CREATE INDEX orders_po ON orders (account_id, po_number);
CREATE INDEX orders_held ON orders (updated_at) WHERE status = 'ON_HOLD';

-- One row per use of a client's key: who runs it, and what it answered.
CREATE TABLE idempotency (
    scope        text        NOT NULL,
    key          text        NOT NULL,
    fingerprint  bytea       NOT NULL,
    state        text        NOT NULL CHECK (state IN ('RUNNING', 'DONE', 'FAILED')),
    holder       int         NOT NULL,
    leased_until timestamptz NOT NULL,
    answer       jsonb,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (scope, key)
);

-- A node's own figure for an item and the window in which it was read.
CREATE TABLE stock_figures (
    node         text        NOT NULL,
    sku          text        NOT NULL,
    source       text        NOT NULL,
    unit         text        NOT NULL,
    on_hand      numeric     NOT NULL,
    allocated    numeric     NOT NULL,
    inbound      numeric     NOT NULL DEFAULT 0,
    read_start   timestamptz NOT NULL,
    read_end     timestamptz NOT NULL,
    PRIMARY KEY (node, sku)
);
-- What we promised from a node. It counts until the node's figure, read wholly after the
-- release, includes it.
CREATE TABLE reservations (
    order_id      uuid        NOT NULL,
    line          int         NOT NULL,
    node          text        NOT NULL,
    sku           text        NOT NULL,
    quantity      numeric     NOT NULL CHECK (quantity > 0),
    -- The work that carries the promise to its node; empty until it is planned.
    work          text        NOT NULL DEFAULT '',
    release_start timestamptz,
    release_end   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, line, node, work)
);
CREATE INDEX reservations_key ON reservations (node, sku);
CREATE INDEX reservations_work ON reservations (work) WHERE work <> '';

-- The ERP's own figures for an account, and the orders it may not include yet.
CREATE TABLE credit_figures (
    account_id    text PRIMARY KEY,
    source        text        NOT NULL,
    currency      text        NOT NULL,
    credit_limit  numeric,
    balance       numeric     NOT NULL,
    overdue       numeric     NOT NULL,
    open_orders   numeric     NOT NULL,
    read_start    timestamptz NOT NULL,
    read_end      timestamptz NOT NULL
);
CREATE TABLE exposures (
    order_id      uuid PRIMARY KEY,
    account_id    text        NOT NULL,
    amount        numeric     NOT NULL,
    release_start timestamptz,
    release_end   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX exposures_account ON exposures (account_id);

CREATE TABLE fulfillment_orders (
    id          uuid PRIMARY KEY,
    number      text        NOT NULL UNIQUE,
    order_id    uuid        NOT NULL,
    account_id  text        NOT NULL,
    node        text        NOT NULL,
    status      text        NOT NULL,
    version     int         NOT NULL,
    updated_at  timestamptz NOT NULL,
    doc         jsonb       NOT NULL
);
CREATE INDEX fulfillment_orders_order ON fulfillment_orders (order_id);
CREATE INDEX fulfillment_orders_open ON fulfillment_orders (node, status);

CREATE TABLE shipments (
    id           uuid PRIMARY KEY,
    number       text        NOT NULL UNIQUE,
    order_id     uuid        NOT NULL,
    account_id   text        NOT NULL,
    work_id      uuid        NOT NULL,
    source       text        NOT NULL,
    source_ref   text        NOT NULL,
    status       text        NOT NULL,
    shipped_at   timestamptz NOT NULL,
    version      int         NOT NULL,
    doc          jsonb       NOT NULL,
    UNIQUE (source, source_ref)
);
CREATE INDEX shipments_order ON shipments (order_id);
CREATE INDEX shipments_account ON shipments (account_id, shipped_at DESC, id);

CREATE SEQUENCE return_numbers START 5001;
CREATE TABLE returns (
    id           uuid PRIMARY KEY,
    number       text        NOT NULL UNIQUE,
    order_id     uuid        NOT NULL,
    account_id   text        NOT NULL,
    node         text        NOT NULL,
    status       text        NOT NULL,
    requested_at timestamptz NOT NULL,
    version      int         NOT NULL,
    doc          jsonb       NOT NULL
);
CREATE INDEX returns_order ON returns (order_id);
CREATE INDEX returns_account ON returns (account_id, requested_at DESC, id);

-- Invoices and credit memos as the ERP posted them.
CREATE TABLE finance_documents (
    id          uuid PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('INVOICE', 'CREDIT_MEMO')),
    source      text        NOT NULL,
    number      text        NOT NULL,
    order_id    uuid,
    return_id   uuid,
    account_id  text        NOT NULL,
    posted_on   date        NOT NULL,
    doc         jsonb       NOT NULL,
    UNIQUE (source, kind, number)
);
CREATE INDEX finance_documents_order ON finance_documents (order_id);
CREATE INDEX finance_documents_account ON finance_documents (account_id, posted_on DESC);

-- Effects on other systems, in sequence per subject and destination.
CREATE TABLE effects (
    id           uuid PRIMARY KEY,
    subject      text        NOT NULL,
    destination  text        NOT NULL,
    sequence     bigint      NOT NULL,
    kind         text        NOT NULL,
    payload      jsonb       NOT NULL,
    state        text        NOT NULL CHECK (state IN ('WAITING', 'DONE', 'DEAD', 'CANCELLED')),
    attempts     int         NOT NULL DEFAULT 0,
    unsure_since timestamptz,
    leased_until timestamptz,
    next_at      timestamptz NOT NULL,
    last_error   text        NOT NULL DEFAULT '',
    correlation  text        NOT NULL DEFAULT '',
    causation    text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at      timestamptz,
    UNIQUE (subject, destination, sequence)
);
CREATE INDEX effects_open ON effects (subject, destination, sequence) WHERE state IN ('WAITING', 'DEAD');
CREATE INDEX effects_due ON effects (next_at) WHERE state = 'WAITING';

CREATE TABLE exceptions (
    id          uuid PRIMARY KEY,
    code        text        NOT NULL,
    severity    text        NOT NULL,
    status      text        NOT NULL CHECK (status IN ('OPEN', 'RETRYING', 'RESOLVED')),
    title       text        NOT NULL,
    detail      jsonb       NOT NULL,
    subject     text        NOT NULL,
    business_key text       NOT NULL,
    order_id    uuid,
    account_id  text        NOT NULL DEFAULT '',
    source      text        NOT NULL DEFAULT '',
    effect_id   uuid,
    inbox_id    uuid,
    occurrences int         NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at timestamptz,
    resolution  text        NOT NULL DEFAULT '',
    resolved_by text        NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX exceptions_open_key ON exceptions (code, business_key) WHERE status <> 'RESOLVED';
CREATE INDEX exceptions_status ON exceptions (status, created_at DESC, id);
CREATE INDEX exceptions_order ON exceptions (order_id);

-- What arrived, byte for byte, before anything read it.
CREATE TABLE inbox (
    id           uuid PRIMARY KEY,
    source       text        NOT NULL,
    delivery_id  text        NOT NULL,
    topic        text        NOT NULL,
    sha256       bytea       NOT NULL,
    body         bytea       NOT NULL,
    state        text        NOT NULL CHECK (state IN ('RECEIVED', 'DONE', 'DEAD')),
    attempts     int         NOT NULL DEFAULT 0,
    last_error   text        NOT NULL DEFAULT '',
    received_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at      timestamptz,
    UNIQUE (source, delivery_id)
);
CREATE INDEX inbox_open ON inbox (received_at) WHERE state = 'RECEIVED';

-- What other systems call our things.
CREATE TABLE refs (
    kind     text NOT NULL,
    ours     text NOT NULL,
    source   text NOT NULL,
    theirs   text NOT NULL,
    label    text NOT NULL DEFAULT '',
    PRIMARY KEY (kind, ours, source, theirs)
);
CREATE UNIQUE INDEX refs_theirs ON refs (kind, source, theirs);

-- How far each feed of each source has been read.
CREATE TABLE feed_cursors (
    source     text NOT NULL,
    feed       text NOT NULL,
    cursor     text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, feed)
);

-- Master data as its owner last reported it, for lists and for the hours when the owner is down.
CREATE TABLE items (
    sku    text PRIMARY KEY,
    name   text        NOT NULL,
    source text        NOT NULL,
    as_of  timestamptz NOT NULL,
    doc    jsonb       NOT NULL
);
CREATE TABLE accounts (
    id     text PRIMARY KEY,
    name   text        NOT NULL,
    source text        NOT NULL,
    as_of  timestamptz NOT NULL,
    doc    jsonb       NOT NULL
);

-- +goose Down
DROP TABLE accounts, items, feed_cursors, refs, inbox, exceptions, effects, finance_documents, returns,
    shipments, fulfillment_orders, exposures, credit_figures, reservations, stock_figures, idempotency, orders, events;
DROP SEQUENCE order_numbers, return_numbers;
