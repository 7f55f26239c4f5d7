-- +goose Up

-- What intake decides by. A version never changes but for its status.
CREATE TABLE rule_sets (
    version      int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    status       text        NOT NULL CHECK (status IN ('DRAFT', 'ACTIVE', 'RETIRED')),
    rules        jsonb       NOT NULL,
    note         text        NOT NULL DEFAULT '',
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL,
    activated_by text        NOT NULL DEFAULT '',
    activated_at timestamptz
);
CREATE UNIQUE INDEX rule_sets_active ON rule_sets (status) WHERE status = 'ACTIVE';

-- What an order was decided from, so that the decision can be explained, and made again by other rules.
CREATE TABLE decisions (
    order_id   uuid PRIMARY KEY,
    rule_set   int         NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    considered jsonb       NOT NULL
);
CREATE INDEX decisions_latest ON decisions (decided_at DESC);

-- Orders that leave a node on a day, of nodes that send a limited number.
CREATE TABLE node_loads (
    node     text NOT NULL,
    order_id uuid NOT NULL,
    day      date NOT NULL,
    PRIMARY KEY (node, order_id)
);
CREATE INDEX node_loads_day ON node_loads (node, day);
CREATE INDEX node_loads_order ON node_loads (order_id);

-- How much more is promised and not released yet than the node has.
ALTER TABLE stock_figures ADD COLUMN oversold numeric NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE stock_figures DROP COLUMN oversold;
DROP TABLE node_loads, decisions, rule_sets;
