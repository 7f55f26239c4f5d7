-- +goose Up

-- Who says that the names mean the same: a system (LEARNED), the configuration (CONFIGURED) or a person (SET), whose word
-- no system overrules.
ALTER TABLE refs ADD COLUMN origin text NOT NULL DEFAULT 'LEARNED' CHECK (origin IN ('CONFIGURED', 'LEARNED', 'SET')),
    ADD COLUMN said_by text NOT NULL DEFAULT '',
    ADD COLUMN said_at timestamptz NOT NULL DEFAULT clock_timestamp();

UPDATE refs SET kind = 'ORDER' WHERE kind = 'order';
UPDATE refs SET label = o.number FROM orders o WHERE refs.kind = 'ORDER' AND o.id::text = refs.ours;

-- The ids of accounts and items are learned as their lists are read once more.
DELETE FROM feed_cursors WHERE feed IN ('accounts', 'items');

-- Which reference a delivery waits for; empty when it waits for none.
ALTER TABLE inbox ADD COLUMN awaits text NOT NULL DEFAULT '';
CREATE INDEX inbox_awaits ON inbox (awaits) WHERE awaits <> '' AND state = 'DEAD';

-- +goose Down
ALTER TABLE inbox DROP COLUMN awaits;
ALTER TABLE refs DROP COLUMN origin, DROP COLUMN said_by, DROP COLUMN said_at;
