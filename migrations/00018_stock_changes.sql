-- +goose Up
-- Items whose figures or promises have changed, by the transaction that changed them. Processes keep the stock table in memory and
-- bring it up to date by what they have not seen of this; rows go when every process has.
CREATE TABLE stock_changes (
    xid  xid8   NOT NULL DEFAULT pg_current_xact_id(),
    skus text[] NOT NULL
);
CREATE INDEX stock_changes_xid ON stock_changes (xid);

-- +goose StatementBegin
CREATE FUNCTION note_stock_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stock_changes (skus) SELECT array_agg(DISTINCT sku) FROM changed HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION note_stock_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stock_changes (skus) VALUES (ARRAY[OLD.sku, NEW.sku]);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER figures_come AFTER INSERT ON stock_figures REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_stock_changes();
CREATE TRIGGER figures_change AFTER UPDATE ON stock_figures REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_stock_changes();
CREATE TRIGGER figures_go AFTER DELETE ON stock_figures REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_stock_changes();
CREATE TRIGGER promises_come AFTER INSERT ON reservations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_stock_changes();
CREATE TRIGGER promises_go AFTER DELETE ON reservations REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_stock_changes();
-- What is on its way to a node is promised all the same: its work and its times are no change.
CREATE TRIGGER promises_change AFTER UPDATE OF node, sku, quantity ON reservations FOR EACH ROW EXECUTE FUNCTION note_stock_change();

-- +goose Down
DROP TRIGGER promises_change ON reservations;
DROP TRIGGER promises_go ON reservations;
DROP TRIGGER promises_come ON reservations;
DROP TRIGGER figures_go ON stock_figures;
DROP TRIGGER figures_change ON stock_figures;
DROP TRIGGER figures_come ON stock_figures;
DROP FUNCTION note_stock_change, note_stock_changes;
DROP TABLE stock_changes;
