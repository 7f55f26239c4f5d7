package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/internal/postgres"
)

type store struct{ pool *postgres.Pool }

const columns = `id::text, code, severity, status, title, detail, subject, business_key, coalesce(order_id::text, ''), account_id, source,
	coalesce(effect_id::text, ''), coalesce(inbox_id::text, ''), occurrences, created_at, updated_at, resolved_at, resolution, resolved_by`

func scan(row pgx.CollectableRow) (*Exception, error) {
	var e Exception
	return &e, row.Scan(&e.ID, &e.Code, &e.Severity, &e.Status, &e.Title, &e.Detail, &e.Subject, &e.Key, &e.Order, &e.Account, &e.Source,
		&e.EffectID, &e.InboxID, &e.Occurrences, &e.CreatedAt, &e.UpdatedAt, &e.ResolvedAt, &e.Resolution, &e.ResolvedBy)
}

func (s *store) raise(ctx context.Context, tx postgres.Tx, e Exception) error {
	if len(e.Detail) == 0 {
		e.Detail = json.RawMessage(`{}`)
	}
	var id string
	var fresh bool
	err := tx.QueryRow(ctx, `
		INSERT INTO exceptions (id, code, severity, status, title, detail, subject, business_key, order_id, account_id, source, effect_id, inbox_id)
		VALUES ($1, $2, $3, 'OPEN', $4, $5, $6, $7, nullif($8, '')::uuid, $9, $10, nullif($11, '')::uuid, nullif($12, '')::uuid)
		ON CONFLICT (code, business_key) WHERE status <> 'RESOLVED' DO UPDATE
		SET occurrences = exceptions.occurrences + 1, status = 'OPEN', title = excluded.title, detail = excluded.detail,
		    effect_id = excluded.effect_id, inbox_id = excluded.inbox_id, updated_at = clock_timestamp()
		RETURNING id::text, occurrences = 1`,
		postgres.NewID(), e.Code, e.Severity, e.Title, e.Detail, e.Subject, e.Key, string(e.Order), e.Account, e.Source, e.EffectID, e.InboxID).Scan(&id, &fresh)
	if err != nil {
		return fmt.Errorf("raise %s: %w", e.Code, err)
	}
	if !fresh {
		return nil
	}
	e.ID = id
	return postgres.Append(ctx, tx, e.event("exception.raised", e.CreatedAt))
}

func (s *store) clear(ctx context.Context, tx postgres.Tx, key, resolution string) error {
	rows, err := tx.Query(ctx, `
		UPDATE exceptions SET status = 'RESOLVED', resolution = $2, resolved_by = 'crossdock', resolved_at = clock_timestamp(), updated_at = clock_timestamp()
		WHERE business_key = $1 AND status <> 'RESOLVED' RETURNING `+columns, key, resolution)
	if err != nil {
		return fmt.Errorf("clear %s: %w", key, err)
	}
	cleared, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return fmt.Errorf("clear %s: %w", key, err)
	}
	for _, e := range cleared {
		if err := postgres.Append(ctx, tx, e.event("exception.resolved", *e.ResolvedAt)); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) list(ctx context.Context, status Status, first int, after string) ([]*Exception, bool, error) {
	if err := postgres.Cursor(after); err != nil {
		return nil, false, err
	}
	if first < 1 || first > 100 {
		return nil, false, fault.New(fault.Invalid, "a page of %d; ask for 1 to 100", first).At("first")
	}
	rows, err := s.pool.Query(ctx, `
		SELECT `+columns+` FROM exceptions WHERE ($1 = '' OR status = $1)
		AND ($2 = '' OR (created_at, id) < (SELECT created_at, id FROM exceptions WHERE id = nullif($2, '')::uuid))
		ORDER BY created_at DESC, id DESC LIMIT $3`, status, after, first+1)
	if err != nil {
		return nil, false, fmt.Errorf("exceptions: %w", err)
	}
	list, err := pgx.CollectRows(rows, scan)
	if len(list) > first {
		return list[:first], true, err
	}
	return list, false, err
}

func (s *store) byID(ctx context.Context, ids []string) (map[string]*Exception, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+columns+` FROM exceptions WHERE id = ANY($1::text[]::uuid[])`, postgres.IDs(ids...))
	if err != nil {
		return nil, fmt.Errorf("exceptions: %w", err)
	}
	list, err := pgx.CollectRows(rows, scan)
	out := map[string]*Exception{}
	for _, e := range list {
		out[e.ID] = e
	}
	return out, err
}

func (s *store) update(ctx context.Context, id string, fn func(postgres.Tx, *Exception) error) (*Exception, error) {
	var out *Exception
	err := postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+columns+` FROM exceptions WHERE id = ANY($1::text[]::uuid[]) FOR UPDATE`, postgres.IDs(id))
		if err != nil {
			return fmt.Errorf("exception %s: %w", id, err)
		}
		out, err = pgx.CollectExactlyOneRow(rows, scan)
		if postgres.NoRows(err) {
			return fault.New(fault.NotFound, "no exception %q", id).At("exceptionId")
		}
		if err != nil {
			return fmt.Errorf("exception %s: %w", id, err)
		}
		if err := fn(tx, out); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE exceptions SET status = $2, resolution = $3, resolved_by = $4, resolved_at = $5, updated_at = clock_timestamp() WHERE id = $1`,
			out.ID, out.Status, out.Resolution, out.ResolvedBy, out.ResolvedAt)
		if err != nil {
			return fmt.Errorf("exception %s: %w", id, err)
		}
		typ := map[Status]event.Type{Retrying: "exception.retried", Resolved: "exception.resolved"}[out.Status]
		return postgres.Append(ctx, tx, out.event(typ, time.Now()))
	})
	return out, err
}
