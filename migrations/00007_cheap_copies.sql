-- +goose Up
-- A price or a figure that is kept again stays in its page: nothing that it changes is indexed.
DROP INDEX prices_as_of;
ALTER TABLE prices SET (fillfactor = 70);
ALTER TABLE stock_figures SET (fillfactor = 70);
-- What has happened since a figure was read is looked for by when.
CREATE INDEX stock_figures_outdated ON stock_figures (outdated) WHERE outdated > '-infinity';

-- +goose Down
DROP INDEX stock_figures_outdated;
ALTER TABLE stock_figures RESET (fillfactor);
ALTER TABLE prices RESET (fillfactor);
CREATE INDEX prices_as_of ON prices (as_of);
