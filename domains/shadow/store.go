package shadow

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

type store struct{ pool *postgres.Pool }

func (s store) note(ctx context.Context, tx postgres.Tx, w Write) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO shadow_writes (id, source, operation, subject, order_id, method, target, body, note) VALUES ($1, $2, $3, $4, nullif($5, '')::uuid, $6, $7, $8, $9)
		ON CONFLICT (source, operation, subject) DO UPDATE SET method = excluded.method, target = excluded.target, body = excluded.body, note = excluded.note,
		    times = shadow_writes.times + 1, at = clock_timestamp()`,
		postgres.NewID(), w.Source, w.Operation, w.Subject, string(w.Order), w.Method, w.Target, w.Body, w.Note)
	if err != nil {
		return fmt.Errorf("note what was not written: %w", err)
	}
	return nil
}

func (s store) compared(ctx context.Context, tx postgres.Tx, order trade.OrderID, c Comparison) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO shadow_orders (order_id, source, theirs, differences) VALUES ($1, $2, $3, $4)
		ON CONFLICT (order_id) DO UPDATE SET theirs = excluded.theirs, differences = excluded.differences, at = clock_timestamp()`, order, c.Source, c.Theirs, c.Differences)
	if err != nil {
		return fmt.Errorf("compare an order: %w", err)
	}
	return nil
}

func (s store) list(ctx context.Context, f Filter, first int, after string) ([]*Write, bool, error) {
	if err := postgres.Cursor(after); err != nil {
		return nil, false, err
	}
	rows, err := s.pool.Query(ctx, `
		SELECT w.id::text, w.source, w.operation, w.subject, coalesce(w.order_id::text, ''), w.method, w.target, w.body, w.note, w.times, w.at, o.theirs, o.differences, o.at
		FROM shadow_writes w LEFT JOIN shadow_orders o ON o.order_id = w.order_id AND o.source = w.source
		WHERE ($1 = '' OR w.source = $1) AND (NOT $2 OR o.differences <> '{}')
		AND ($3 = '' OR (w.at, w.id) < (SELECT at, id FROM shadow_writes WHERE id = nullif($3, '')::uuid))
		ORDER BY w.at DESC, w.id DESC LIMIT $4`, f.Source, f.Different, after, first+1)
	if err != nil {
		return nil, false, fmt.Errorf("what was not written: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Write, error) {
		var w Write
		var theirs *string
		var differences []string
		var at *time.Time
		err := row.Scan(&w.ID, &w.Source, &w.Operation, &w.Subject, &w.Order, &w.Method, &w.Target, &w.Body, &w.Note, &w.Times, &w.At, &theirs, &differences, &at)
		if theirs != nil {
			w.Compared = &Comparison{Source: w.Source, Theirs: *theirs, Differences: differences, At: *at}
		}
		return &w, err
	})
	if err != nil {
		return nil, false, fmt.Errorf("what was not written: %w", err)
	}
	return list[:min(first, len(list))], len(list) > first, nil
}
