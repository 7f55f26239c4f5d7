package shipments

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

type store struct{ pool *postgres.Pool }

func (s *store) inTx(ctx context.Context, fn func(postgres.Tx) error) error {
	return postgres.InTx(ctx, s.pool, fn)
}

func (s *store) insertWork(ctx context.Context, tx postgres.Tx, w *Work, e event.Event) error {
	doc, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("work %s: %w", w.Number, err)
	}
	if _, err = tx.Exec(ctx, `INSERT INTO fulfillment_orders (id, number, order_id, account_id, node, status, version, updated_at, doc) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		w.ID, w.Number, w.Order, w.Account, w.Node, w.Status, w.Version, w.UpdatedAt, doc); err != nil {
		return fmt.Errorf("work %s: %w", w.Number, err)
	}
	return postgres.Append(ctx, tx, e)
}

// updateWork locks the work whose column has the value, applies fn and saves.
func (s *store) updateWork(ctx context.Context, tx postgres.Tx, column, value string, fn func(*Work) ([]event.Event, error)) error {
	// The order is locked before its work, as everybody does, so that nobody waits in a circle.
	if _, err := tx.Exec(ctx, `SELECT FROM orders WHERE id = (SELECT order_id FROM fulfillment_orders WHERE `+column+` = $1) FOR UPDATE`, value); err != nil {
		return fmt.Errorf("work %s: %w", value, err)
	}
	var raw []byte
	err := tx.QueryRow(ctx, `SELECT doc FROM fulfillment_orders WHERE `+column+` = $1 FOR UPDATE`, value).Scan(&raw)
	if postgres.NoRows(err) {
		return fault.New(fault.NotFound, "no fulfilment order %q", value)
	}
	if err != nil {
		return fmt.Errorf("work %s: %w", value, err)
	}
	var w Work
	if err := postgres.Decode(raw, &w); err != nil {
		return fmt.Errorf("work %s: %w", value, err)
	}
	was := w.Status
	events, err := fn(&w)
	if err != nil {
		return err
	}
	if len(events) == 0 && w.Status == was {
		return nil
	}
	w.Version++
	doc, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("work %s: %w", w.Number, err)
	}
	if _, err := tx.Exec(ctx, `UPDATE fulfillment_orders SET status = $2, version = $3, updated_at = clock_timestamp(), doc = $4 WHERE id = $1`, w.ID, w.Status, w.Version, doc); err != nil {
		return fmt.Errorf("work %s: %w", w.Number, err)
	}
	return postgres.Append(ctx, tx, events...)
}

func (s *store) shipmentByRef(ctx context.Context, tx postgres.Tx, source, ref string) (*Shipment, error) {
	var raw []byte
	err := tx.QueryRow(ctx, `SELECT doc FROM shipments WHERE source = $1 AND source_ref = $2`, source, ref).Scan(&raw)
	if postgres.NoRows(err) {
		return nil, nil //nolint:nilnil // a shipment not seen before
	}
	if err != nil {
		return nil, fmt.Errorf("shipment %s: %w", ref, err)
	}
	var sh Shipment
	return &sh, postgres.Decode(raw, &sh)
}

func (s *store) insertShipment(ctx context.Context, tx postgres.Tx, sh *Shipment) error {
	doc, err := json.Marshal(sh)
	if err != nil {
		return fmt.Errorf("shipment %s: %w", sh.Number, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO shipments (id, number, order_id, account_id, work_id, source, source_ref, status, shipped_at, version, doc) VALUES ($1, $2, $3, $4, nullif($5, '')::uuid, $6, $7, $8, $9, $10, $11)`,
		sh.ID, sh.Number, sh.Order, sh.Account, sh.Work, sh.Source, sh.SourceRef, sh.Status, sh.ShippedAt, sh.Version, doc)
	if err != nil {
		return fmt.Errorf("shipment %s: %w", sh.Number, err)
	}
	return nil
}

func (s *store) saveShipment(ctx context.Context, tx postgres.Tx, sh *Shipment) error {
	doc, err := json.Marshal(sh)
	if err != nil {
		return fmt.Errorf("shipment %s: %w", sh.Number, err)
	}
	if _, err := tx.Exec(ctx, `UPDATE shipments SET status = $2, version = $3, doc = $4 WHERE id = $1`, sh.ID, sh.Status, sh.Version, doc); err != nil {
		return fmt.Errorf("shipment %s: %w", sh.Number, err)
	}
	return nil
}

func (s *store) openWork(ctx context.Context, node trade.NodeID, limit int) ([]string, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT number FROM fulfillment_orders f WHERE node = $1 AND doc->>'nodeRef' <> '' AND (
			status IN ('OPEN', 'IN_PROGRESS', 'PARTIALLY_SHIPPED')
			OR EXISTS (SELECT FROM shipments s WHERE s.work_id = f.id AND s.status NOT IN ('DELIVERED', 'LOST')))
		ORDER BY random() LIMIT $2`, node, limit)
	if err != nil {
		return nil, fmt.Errorf("open work at %s: %w", node, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// visible is the row security of every read: $1 lifts it, $2 lists the accounts.
const visible = `($1 OR account_id = ANY($2))`

func (s *store) workByID(ctx context.Context, who trade.Viewer, ids []string) (map[string]*Work, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc FROM fulfillment_orders WHERE `+visible+` AND id = ANY($3::text[]::uuid[])`, who.AllAccounts, postgres.Texts(who.Accounts), postgres.IDs(ids...))
	if err != nil {
		return nil, fmt.Errorf("fulfilment orders: %w", err)
	}
	list, err := pgx.CollectRows(rows, postgres.Document[Work])
	out := map[string]*Work{}
	for _, w := range list {
		out[w.ID] = w
	}
	return out, err
}

func (s *store) workByOrder(ctx context.Context, who trade.Viewer, orders []trade.OrderID) (map[trade.OrderID][]*Work, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc FROM fulfillment_orders WHERE `+visible+` AND order_id = ANY($3::text[]::uuid[]) ORDER BY number`, who.AllAccounts, postgres.Texts(who.Accounts), postgres.IDs(orders...))
	if err != nil {
		return nil, fmt.Errorf("fulfilment orders: %w", err)
	}
	list, err := pgx.CollectRows(rows, postgres.Document[Work])
	out := map[trade.OrderID][]*Work{}
	for _, w := range list {
		out[w.Order] = append(out[w.Order], w)
	}
	return out, err
}

// BesideOrders is a column of orders: the documents of each one's shipments, for ReadBeside. Who sees an order sees what is shipped of it.
const BesideOrders = `(SELECT '[' || string_agg(shipments.doc::text, ',') || ']' FROM shipments WHERE order_id = orders.id)`

// ReadBeside reads what an order has of BesideOrders, in the order in which it was shipped.
func ReadBeside(column []byte) (list []*Shipment, err error) {
	if len(column) == 0 {
		return nil, nil
	}
	if err := postgres.Decode(column, &list); err != nil {
		return nil, fmt.Errorf("shipments: %w", err)
	}
	slices.SortFunc(list, func(a, b *Shipment) int { return cmp.Or(a.ShippedAt.Compare(b.ShippedAt), strings.Compare(a.ID, b.ID)) })
	return list, nil
}

func (s *store) byOrder(ctx context.Context, who trade.Viewer, orders []trade.OrderID) (map[trade.OrderID][]*Shipment, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc FROM shipments WHERE `+visible+` AND order_id = ANY((SELECT $3::text[]::uuid[])::uuid[]) ORDER BY shipped_at, id`, who.AllAccounts, postgres.Texts(who.Accounts), postgres.IDs(orders...))
	if err != nil {
		return nil, fmt.Errorf("shipments: %w", err)
	}
	list, err := pgx.CollectRows(rows, postgres.Document[Shipment])
	out := map[trade.OrderID][]*Shipment{}
	for _, sh := range list {
		out[sh.Order] = append(out[sh.Order], sh)
	}
	return out, err
}

func (s *store) byID(ctx context.Context, who trade.Viewer, ids []string) (map[string]*Shipment, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc FROM shipments WHERE `+visible+` AND id = ANY($3::text[]::uuid[])`, who.AllAccounts, postgres.Texts(who.Accounts), postgres.IDs(ids...))
	if err != nil {
		return nil, fmt.Errorf("shipments: %w", err)
	}
	list, err := pgx.CollectRows(rows, postgres.Document[Shipment])
	out := map[string]*Shipment{}
	for _, sh := range list {
		out[sh.ID] = sh
	}
	return out, err
}

func (s *store) list(ctx context.Context, who trade.Viewer, first int, after string) ([]*Shipment, bool, error) {
	if err := postgres.Cursor(after); err != nil {
		return nil, false, err
	}
	if first < 1 || first > 100 {
		return nil, false, fault.New(fault.Invalid, "a page of %d; ask for 1 to 100", first).At("first")
	}
	rows, err := s.pool.Query(ctx, `
		SELECT doc FROM shipments WHERE `+visible+`
		AND ($3 = '' OR (shipped_at, id) < (SELECT shipped_at, id FROM shipments WHERE id = nullif($3, '')::uuid))
		ORDER BY shipped_at DESC, id DESC LIMIT $4`, who.AllAccounts, postgres.Texts(who.Accounts), after, first+1)
	if err != nil {
		return nil, false, fmt.Errorf("shipments: %w", err)
	}
	list, err := pgx.CollectRows(rows, postgres.Document[Shipment])
	if len(list) > first {
		return list[:first], true, err
	}
	return list, false, err
}

func (s *store) workInTx(ctx context.Context, tx postgres.Tx, order trade.OrderID) ([]*Work, error) {
	rows, err := tx.Query(ctx, `SELECT doc FROM fulfillment_orders WHERE order_id = $1 ORDER BY length(number), number`, order)
	if err != nil {
		return nil, fmt.Errorf("fulfilment orders: %w", err)
	}
	return pgx.CollectRows(rows, postgres.Document[Work])
}
