package returns

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

type store struct{ pool *postgres.Pool }

// identity is the id of the return that a client's key stands for.
func identity(who trade.Viewer, order trade.OrderID, key string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(who.Client+"|"+string(order)+"|"+key)).String()
}

func (s *store) inTx(ctx context.Context, fn func(postgres.Tx) error) error {
	return postgres.InTx(ctx, s.pool, fn)
}

func (s *store) ofOrder(ctx context.Context, tx postgres.Tx, order trade.OrderID) ([]*Return, error) {
	rows, err := tx.Query(ctx, `SELECT doc FROM returns WHERE order_id = $1`, order)
	if err != nil {
		return nil, fmt.Errorf("returns of %s: %w", order, err)
	}
	return pgx.CollectRows(rows, postgres.Document[Return])
}

func (s *store) insert(ctx context.Context, tx postgres.Tx, r *Return, e func() event.Event) error {
	if err := tx.QueryRow(ctx, `SELECT 'RT-' || nextval('return_numbers')`).Scan(&r.Number); err != nil {
		return fmt.Errorf("return number: %w", err)
	}
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("return %s: %w", r.Number, err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO returns (id, number, order_id, account_id, node, status, requested_at, version, doc) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		r.ID, r.Number, r.Order, r.Account, r.Node, r.Status, r.RequestedAt, r.Version, doc); err != nil {
		return fmt.Errorf("return %s: %w", r.Number, err)
	}
	return postgres.Append(ctx, tx, e())
}

func (s *store) update(ctx context.Context, tx postgres.Tx, column, value string, fn func(*Return) ([]event.Event, error)) error {
	// The order is locked before its return, as everybody does, so that nobody waits in a circle.
	if _, err := tx.Exec(ctx, `SELECT FROM orders WHERE id = (SELECT order_id FROM returns WHERE `+column+` = $1) FOR UPDATE`, value); err != nil {
		return fmt.Errorf("return %s: %w", value, err)
	}
	rows, err := tx.Query(ctx, `SELECT doc FROM returns WHERE `+column+` = $1 FOR UPDATE`, value)
	if err != nil {
		return fmt.Errorf("return %s: %w", value, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, postgres.Document[Return])
	if postgres.NoRows(err) {
		return fault.New(fault.NotFound, "no return %q", value).At("returnId")
	}
	if err != nil {
		return fmt.Errorf("return %s: %w", value, err)
	}
	events, err := fn(r)
	if err != nil || len(events) == 0 {
		return err
	}
	r.Version++
	if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&r.UpdatedAt); err != nil {
		return fmt.Errorf("return %s: %w", r.Number, err)
	}
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("return %s: %w", r.Number, err)
	}
	if _, err := tx.Exec(ctx, `UPDATE returns SET status = $2, version = $3, doc = $4 WHERE id = $1`, r.ID, r.Status, r.Version, doc); err != nil {
		return fmt.Errorf("return %s: %w", r.Number, err)
	}
	return postgres.Append(ctx, tx, events...)
}

func (s *store) awaited(ctx context.Context, node trade.NodeID, limit int) ([]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT number FROM returns WHERE node = $1 AND status = 'AUTHORIZED' AND doc->>'nodeRef' <> '' ORDER BY requested_at LIMIT $2`, node, limit)
	if err != nil {
		return nil, fmt.Errorf("awaited returns: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// visible is the row security of every read: $1 lifts it, $2 lists the accounts.
const visible = `($1 OR account_id = ANY($2))`

func (s *store) byID(ctx context.Context, who trade.Viewer, ids []string) (map[string]*Return, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc FROM returns WHERE `+visible+` AND id = ANY($3::text[]::uuid[])`, who.AllAccounts, postgres.Texts(who.Accounts), postgres.IDs(ids...))
	if err != nil {
		return nil, fmt.Errorf("returns: %w", err)
	}
	list, err := pgx.CollectRows(rows, postgres.Document[Return])
	out := map[string]*Return{}
	for _, r := range list {
		out[r.ID] = r
	}
	return out, err
}

func (s *store) known(ctx context.Context, numbers []string) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, `SELECT number FROM returns WHERE number = ANY($1)`, numbers)
	if err != nil {
		return nil, fmt.Errorf("returns: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	out := map[string]bool{}
	for _, n := range list {
		out[n] = true
	}
	return out, err
}

func (s *store) byOrder(ctx context.Context, who trade.Viewer, orders []trade.OrderID) (map[trade.OrderID][]*Return, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc FROM returns WHERE `+visible+` AND order_id = ANY($3::text[]::uuid[]) ORDER BY requested_at`, who.AllAccounts, postgres.Texts(who.Accounts), postgres.IDs(orders...))
	if err != nil {
		return nil, fmt.Errorf("returns: %w", err)
	}
	list, err := pgx.CollectRows(rows, postgres.Document[Return])
	out := map[trade.OrderID][]*Return{}
	for _, r := range list {
		out[r.Order] = append(out[r.Order], r)
	}
	return out, err
}

func (s *store) list(ctx context.Context, who trade.Viewer, first int, after string) ([]*Return, bool, error) {
	if err := postgres.Cursor(after); err != nil {
		return nil, false, err
	}
	if first < 1 || first > 100 {
		return nil, false, fault.New(fault.Invalid, "a page of %d; ask for 1 to 100", first).At("first")
	}
	rows, err := s.pool.Query(ctx, `
		SELECT doc FROM returns WHERE `+visible+`
		AND ($3 = '' OR (requested_at, id) < (SELECT requested_at, id FROM returns WHERE id = nullif($3, '')::uuid))
		ORDER BY requested_at DESC, id DESC LIMIT $4`, who.AllAccounts, postgres.Texts(who.Accounts), after, first+1)
	if err != nil {
		return nil, false, fmt.Errorf("returns: %w", err)
	}
	list, err := pgx.CollectRows(rows, postgres.Document[Return])
	if len(list) > first {
		return list[:first], true, err
	}
	return list, false, err
}
