package workflows

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"crossdock/internal/postgres"
	"crossdock/internal/telemetry"
)

// NewQueue returns the effect queue of a database. Handlers are set before Run by the
// processes that own them. Without a database it can be looked at and not run.
func NewQueue(pool *postgres.Pool, exceptions Exceptions, policy Policy, workers int, log *slog.Logger) (*Queue, error) {
	q := &Queue{pool: pool, store: effectStore{pool}, handlers: map[string]Handler{}, exceptions: exceptions, policy: policy, log: log, workers: workers, desks: map[string]*desk{}, left: make(chan *desk, workers), sweepEvery: sweepEvery}
	registry := river.NewWorkers()
	river.AddWorker(registry, &worker{queue: q})
	queues := map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}}
	if pool == nil {
		queues = nil
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: postgres.JobSchema, Workers: registry, Logger: slog.New(slog.DiscardHandler),
		Queues:               queues,
		JobTimeout:           policy.Lease + 5*time.Second,
		RescueStuckJobsAfter: policy.Lease + 10*time.Second,
		FetchCooldown:        5 * time.Millisecond, FetchPollInterval: 500 * time.Millisecond,
	})
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	q.river = client
	return q, nil
}

type effectStore struct{ pool *postgres.Pool }

// gate makes everybody who changes one queue wait for one another.
func gate(ctx context.Context, tx postgres.Tx, subject, destination string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7))`, subject+"|"+destination)
	return err
}

func (s effectStore) add(ctx context.Context, tx postgres.Tx, subject, destination, kind string, payload []byte) (id string, first bool, err error) {
	if err := gate(ctx, tx, subject, destination); err != nil {
		return "", false, fmt.Errorf("effect %s: %w", kind, err)
	}
	origin := postgres.OriginOf(ctx)
	id = postgres.NewID()
	err = tx.QueryRow(ctx, `
		INSERT INTO effects (id, subject, destination, sequence, kind, payload, state, next_at, correlation, causation, traceparent)
		SELECT $1, $2, $3, coalesce(max(sequence), 0) + 1, $4, $5, 'WAITING', clock_timestamp(), $6, $7, $8 FROM effects WHERE subject = $2 AND destination = $3
		RETURNING NOT EXISTS (SELECT FROM effects WHERE subject = $2 AND destination = $3 AND state IN ('WAITING', 'DEAD'))`,
		id, subject, destination, kind, payload, origin.Correlation, origin.Causation, telemetry.Mark(ctx)).Scan(&first)
	if err != nil {
		return "", false, fmt.Errorf("effect %s: %w", kind, err)
	}
	return id, first, nil
}

// Of effects e, heads are those that are the first of their queues, and due those of them that nobody has taken.
const (
	heads = `state = 'WAITING' AND NOT EXISTS (SELECT FROM effects b WHERE b.subject = e.subject AND b.destination = e.destination
		AND b.sequence < e.sequence AND b.state IN ('WAITING', 'DEAD'))`
	due = heads + ` AND (leased_until IS NULL OR leased_until < clock_timestamp())`
)

// claim takes the effect for one attempt, if it is the head of its queue, due and free. When it
// will be later, claim says in how long.
func (s effectStore) claim(ctx context.Context, id string, lease time.Duration) (*Effect, time.Duration, error) {
	e := Effect{ID: id}
	err := s.pool.QueryRow(ctx, `
		UPDATE effects e SET attempts = attempts + 1, leased_until = clock_timestamp() + $2
		WHERE id = $1 AND next_at <= clock_timestamp() + interval '5 milliseconds' AND `+due+`
		RETURNING subject, destination, kind, payload, attempts, waited, unsure_since, correlation, traceparent`, id, lease).
		Scan(&e.Subject, &e.Destination, &e.Kind, &e.Payload, &e.Attempts, &e.Waited, &e.Unsure, &e.Correlation, &e.trace)
	if err == nil {
		return &e, 0, nil
	}
	if !postgres.NoRows(err) {
		return nil, 0, fmt.Errorf("claim effect: %w", err)
	}
	var seconds *float64
	err = s.pool.QueryRow(ctx, `
		SELECT extract(epoch FROM greatest(next_at, leased_until) - clock_timestamp()) FROM effects e WHERE id = $1 AND `+heads, id).Scan(&seconds)
	if postgres.NoRows(err) || seconds == nil {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("claim effect: %w", err)
	}
	return nil, max(10*time.Millisecond, time.Duration(*seconds*float64(time.Second))), nil
}

// done marks the effect of this attempt. It reports false when another attempt has taken over.
func (s effectStore) done(ctx context.Context, tx postgres.Tx, e *Effect, state string) (next string, mine bool, err error) {
	if err := gate(ctx, tx, e.Subject, e.Destination); err != nil {
		return "", false, fmt.Errorf("finish effect: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		UPDATE effects SET state = $3, done_at = clock_timestamp(), leased_until = NULL, last_error = '' WHERE id = $1 AND state = 'WAITING' AND attempts = $2`, e.ID, e.Attempts, state)
	if err != nil {
		return "", false, fmt.Errorf("finish effect: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return "", false, nil
	}
	next, err = head(ctx, tx, e.Subject, e.Destination)
	return next, true, err
}

// head returns the first effect of the queue that is not finished, unless it is dead.
func head(ctx context.Context, tx postgres.Tx, subject, destination string) (id string, err error) {
	err = tx.QueryRow(ctx, `
		SELECT CASE WHEN state = 'WAITING' THEN id::text ELSE '' END FROM effects WHERE subject = $1 AND destination = $2 AND state IN ('WAITING', 'DEAD')
		ORDER BY sequence LIMIT 1`, subject, destination).Scan(&id)
	if postgres.NoRows(err) {
		return "", nil
	}
	return id, err
}

func (s effectStore) retry(ctx context.Context, e *Effect, pause time.Duration, unsure, waits bool, cause string) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE effects SET leased_until = NULL, next_at = clock_timestamp() + $2, last_error = $3, waited = waited + $6::boolean::int,
		       unsure_since = CASE WHEN $4 THEN coalesce(unsure_since, clock_timestamp()) ELSE unsure_since END
		WHERE id = $1 AND state = 'WAITING' AND attempts = $5`, e.ID, pause, cause, unsure, e.Attempts, waits)
	if err != nil {
		return fmt.Errorf("postpone effect: %w", err)
	}
	return nil
}

func (s effectStore) dead(ctx context.Context, tx postgres.Tx, e *Effect, cause string) (mine bool, err error) {
	tag, err := tx.Exec(ctx, `UPDATE effects SET state = 'DEAD', leased_until = NULL, last_error = $2 WHERE id = $1 AND state = 'WAITING' AND attempts = $3`, e.ID, cause, e.Attempts)
	return tag.RowsAffected() > 0, err
}

func (s effectStore) revive(ctx context.Context, tx postgres.Tx, id string) (destination string, err error) {
	err = tx.QueryRow(ctx, `UPDATE effects SET state = 'WAITING', attempts = 0, waited = 0, next_at = clock_timestamp(), leased_until = NULL WHERE id = $1 AND state = 'DEAD' RETURNING destination`, id).Scan(&destination)
	if postgres.NoRows(err) {
		return "", nil
	}
	return destination, err
}

func (s effectStore) hurry(ctx context.Context, tx postgres.Tx, subject, destination string) (id string, err error) {
	if err := gate(ctx, tx, subject, destination); err != nil {
		return "", err
	}
	if id, err = head(ctx, tx, subject, destination); err != nil || id == "" {
		return "", err
	}
	_, err = tx.Exec(ctx, `UPDATE effects SET next_at = clock_timestamp() WHERE id = $1 AND unsure_since IS NULL`, id)
	return id, err
}

func (s effectStore) drop(ctx context.Context, tx postgres.Tx, id string) (dropped *Effect, next string, err error) {
	e := Effect{ID: id}
	err = tx.QueryRow(ctx, `UPDATE effects SET state = 'CANCELLED', done_at = clock_timestamp() WHERE id = $1 AND state = 'DEAD' RETURNING subject, destination, kind, payload`, id).
		Scan(&e.Subject, &e.Destination, &e.Kind, &e.Payload)
	if postgres.NoRows(err) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("drop effect: %w", err)
	}
	if err := gate(ctx, tx, e.Subject, e.Destination); err != nil {
		return nil, "", err
	}
	next, err = head(ctx, tx, e.Subject, e.Destination)
	return &e, next, err
}

// cancelUntried takes an effect back that nobody has begun, or that was never sent. It returns whether it could.
func (s effectStore) cancelUntried(ctx context.Context, tx postgres.Tx, subject, destination, kind, key, value string) (bool, error) {
	if err := gate(ctx, tx, subject, destination); err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, `
		UPDATE effects SET state = 'CANCELLED', done_at = clock_timestamp()
		WHERE subject = $1 AND destination = $2 AND kind = $3 AND payload->>$4 = $5 AND ((state = 'WAITING' AND attempts = 0) OR state = 'SHADOWED')`, subject, destination, kind, key, value)
	if err != nil {
		return false, fmt.Errorf("take back effect: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// unbegun reports whether an effect of the kind waits that nobody has begun, and keeps it from being begun until
// the transaction ends.
func (s effectStore) unbegun(ctx context.Context, tx postgres.Tx, subject, destination, kind string) (bool, error) {
	if err := gate(ctx, tx, subject, destination); err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, `SELECT FROM effects WHERE subject = $1 AND destination = $2 AND kind = $3 AND state = 'WAITING' AND attempts = 0 FOR UPDATE`, subject, destination, kind)
	if err != nil {
		return false, fmt.Errorf("effect %s: %w", kind, err)
	}
	return tag.RowsAffected() > 0, nil
}

func (s effectStore) exists(ctx context.Context, tx postgres.Tx, subject, kind string) (found bool, err error) {
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM effects WHERE subject = $1 AND kind = $2 AND state <> 'CANCELLED')`, subject, kind).Scan(&found)
	return found, err
}

// overdue are effects that were due a while ago and that nobody runs, but for those at some destinations.
func (s effectStore) overdue(ctx context.Context, grace time.Duration, limit int, but []string) ([]Effect, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id::text, destination FROM effects e WHERE next_at < clock_timestamp() - $1::interval AND destination <> ALL($3) AND `+due+`
		ORDER BY next_at LIMIT $2`, grace, limit, but)
	if err != nil {
		return nil, fmt.Errorf("overdue effects: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Effect, err error) { return e, row.Scan(&e.ID, &e.Destination) })
}

// next is the effect that has waited longest at one of the destinations, if one is due.
func (s effectStore) next(ctx context.Context, destinations []string) (e Effect, ok bool, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT id::text, destination FROM effects e WHERE destination = ANY($1) AND next_at <= clock_timestamp() AND `+due+`
		ORDER BY next_at LIMIT 1`, destinations).Scan(&e.ID, &e.Destination)
	if err != nil && !postgres.NoRows(err) {
		return e, false, fmt.Errorf("next effect: %w", err)
	}
	return e, err == nil, nil
}

// Waiting counts effects that are not finished. For tests and dashboards.
func (q *Queue) Waiting(ctx context.Context) (n int, err error) {
	n, _, err = q.Depth(ctx)
	return n, err
}

// Depth counts effects that are not finished, and those that nothing happens to without a person.
func (q *Queue) Depth(ctx context.Context) (waiting, dead int, err error) {
	err = q.pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state = 'WAITING'), count(*) FILTER (WHERE state = 'DEAD') FROM effects WHERE state IN ('WAITING', 'DEAD')`).Scan(&waiting, &dead)
	return waiting, dead, err
}
