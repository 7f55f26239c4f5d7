package imports

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/internal/postgres"
)

type store struct {
	pool *postgres.Pool
	// process names this process in claims.
	process int32
}

// start keeps an import with its orders. It returns the id of the one that the key started before, empty when there is none.
func (s *store) start(ctx context.Context, scope, key string, print []byte, i *Import, rows []Row, started event.Event) (known string, err error) {
	who, err := json.Marshal(i.who)
	if err != nil {
		return "", fmt.Errorf("import: %w", err)
	}
	err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO imports (id, scope, key, fingerprint, viewer, format, policy, status, total, created_by, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (scope, key) DO NOTHING`,
			i.ID, scope, key, print, who, i.Format, i.Policy, i.Status, i.Total, i.By, i.CreatedAt)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		if tag.RowsAffected() == 0 {
			var was []byte
			if err := tx.QueryRow(ctx, `SELECT id::text, fingerprint FROM imports WHERE scope = $1 AND key = $2`, scope, key).Scan(&known, &was); err != nil {
				return fmt.Errorf("import: %w", err)
			}
			if !bytes.Equal(was, print) {
				return &fault.KeyError{Reason: fault.KeyMismatch}
			}
			return nil
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"import_rows"}, []string{"import_id", "number", "at_line", "key", "ordered", "outcome", "problems"}, pgx.CopyFromSlice(len(rows), func(n int) ([]any, error) {
			r := rows[n]
			order, err := json.Marshal(r.Order)
			if err != nil {
				return nil, err
			}
			problems, err := json.Marshal(r.Problems)
			return []any{i.ID, r.Number, r.Line, r.Key, json.RawMessage(order), string(r.Outcome), json.RawMessage(problems)}, err
		}))
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		return postgres.Append(ctx, tx, started)
	})
	return known, err
}

const importColumns = `id::text, viewer, format, policy, status, total, note, created_by, created_at, finished_at,
	(SELECT coalesce(jsonb_object_agg(outcome, n), '{}') FROM (SELECT outcome, count(*) AS n FROM import_rows r WHERE r.import_id = imports.id GROUP BY outcome) c)`

func scan(row pgx.CollectableRow) (*Import, error) {
	i := &Import{}
	var who, counts []byte
	if err := row.Scan(&i.ID, &who, &i.Format, &i.Policy, &i.Status, &i.Total, &i.Note, &i.By, &i.CreatedAt, &i.FinishedAt, &counts); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(who, &i.who); err != nil {
		return nil, fmt.Errorf("import %s: %w", i.ID, err)
	}
	if err := json.Unmarshal(counts, &i.Counts); err != nil {
		return nil, fmt.Errorf("import %s: %w", i.ID, err)
	}
	return i, nil
}

// one returns an import, nil when there is none.
func (s *store) one(ctx context.Context, id string) (*Import, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+importColumns+` FROM imports WHERE id = $1::text::uuid`, id)
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", id, err)
	}
	i, err := pgx.CollectExactlyOneRow(rows, scan)
	if postgres.NoRows(err) || postgres.BadValue(err) {
		return nil, nil //nolint:nilnil // none
	}
	return i, err
}

// claim takes the import that is not done, that nobody else who lives holds, and whose turn was the longest ago; nil when there is
// none.
func (s *store) claim(ctx context.Context) (*Import, error) {
	var id string
	err := s.pool.QueryRow(ctx, `
		UPDATE imports SET holder = $1, tried_at = clock_timestamp() WHERE id = (
			SELECT id FROM imports WHERE status IN ('CHECKING', 'PLACING') AND (holder IS NULL OR holder = $1 OR `+postgres.Absent("imports.holder")+`)
			ORDER BY tried_at NULLS FIRST, created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING id::text`, s.process).Scan(&id)
	if postgres.NoRows(err) {
		return nil, nil //nolint:nilnil // none
	}
	if err != nil {
		return nil, fmt.Errorf("claim an import: %w", err)
	}
	i, err := s.one(ctx, id)
	if err != nil {
		s.unclaim(ctx, id)
	}
	return i, err
}

func (s *store) unclaim(ctx context.Context, id string) {
	_, _ = s.pool.Exec(ctx, `UPDATE imports SET holder = NULL WHERE id = $1::text::uuid AND holder = $2`, id, s.process)
}

func (s *store) rows(ctx context.Context, id string, outcomes []Outcome, limit, after int) ([]*Row, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT number, at_line, key, ordered, outcome, decision, coalesce(order_id::text, ''), problems FROM import_rows
		WHERE import_id = $1::text::uuid AND number > $2 AND (cardinality($3::text[]) = 0 OR outcome = ANY($3)) ORDER BY number LIMIT $4`, id, after, append([]string{}, postgres.Texts(outcomes)...), limit)
	if err != nil {
		return nil, fmt.Errorf("rows of import %s: %w", id, err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Row, error) {
		r := &Row{}
		var order, problems []byte
		if err := row.Scan(&r.Number, &r.Line, &r.Key, &order, &r.Outcome, &r.Decision, &r.OrderID, &problems); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(order, &r.Order); err != nil {
			return nil, fmt.Errorf("order %d of import %s: %w", r.Number, id, err)
		}
		return r, json.Unmarshal(problems, &r.Problems)
	})
}

// settle notes what became of an order.
func (s *store) settle(ctx context.Context, id string, number int, p Placed) error {
	problems, err := json.Marshal(p.Problems)
	if err != nil {
		return fmt.Errorf("order %d of import %s: %w", number, id, err)
	}
	_, err = s.pool.Exec(ctx, `UPDATE import_rows SET outcome = $3, decision = $4, order_id = nullif($5, '')::uuid, problems = $6 WHERE import_id = $1::text::uuid AND number = $2`,
		id, number, p.Outcome, p.Decision, string(p.OrderID), problems)
	if err != nil {
		return fmt.Errorf("order %d of import %s: %w", number, id, err)
	}
	return nil
}

// place has an import placed that was checked whole.
func (s *store) place(ctx context.Context, id string) error {
	_, err := s.pool.Exec(ctx, `UPDATE imports SET status = 'PLACING' WHERE id = $1::text::uuid AND status = 'CHECKING'`, id)
	if err != nil {
		return fmt.Errorf("import %s: %w", id, err)
	}
	return nil
}

// finish ends an import that has not ended yet. What was not placed is left out.
func (s *store) finish(ctx context.Context, id string, as Status, note string, ended event.Event) error {
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE imports SET status = $2, note = $3, finished_at = clock_timestamp() WHERE id = $1::text::uuid AND status IN ('CHECKING', 'PLACING')`, id, as, note)
		if err != nil {
			return fmt.Errorf("import %s: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE import_rows SET outcome = 'SKIPPED' WHERE import_id = $1::text::uuid AND outcome IN ('WAITING', 'CHECKED')`, id); err != nil {
			return fmt.Errorf("import %s: %w", id, err)
		}
		return postgres.Append(ctx, tx, ended)
	})
}
