-- +goose Up
-- Copies of prices are many, and each can be asked for again: they are not worth a log, so that a crash of the database
-- forgets them. One that is kept again stays in its page, since nothing that it changes is indexed, and nobody looks
-- into it.
DROP INDEX prices_as_of;
ALTER TABLE prices SET UNLOGGED, SET (fillfactor = 70), ALTER COLUMN doc TYPE text USING doc::text;

-- +goose Down
ALTER TABLE prices SET LOGGED, RESET (fillfactor), ALTER COLUMN doc TYPE jsonb USING doc::jsonb;
CREATE INDEX prices_as_of ON prices (as_of);
