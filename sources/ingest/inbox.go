package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/operations"
	"crossdock/domains/references"
	"crossdock/internal/postgres"
	"crossdock/internal/telemetry"
)

// Hook is what one source sends us.
type Hook struct {
	// Verify checks the signature over the raw body and returns the delivery's id and topic.
	Verify func(h http.Header, body []byte, now time.Time) (delivery, topic string, err error)
	// Handle takes one delivery in. It may see a delivery again.
	Handle func(ctx context.Context, topic string, body []byte) error
}

// Exceptions is where a delivery that cannot be taken in goes.
type Exceptions interface {
	Raise(ctx context.Context, tx postgres.Tx, e operations.Exception) error
	Clear(ctx context.Context, tx postgres.Tx, key, resolution string) error
}

// Inbox keeps what was sent, byte for byte, before anything reads it, and takes it in
// afterwards. A delivery that cannot be taken in becomes an Exception with its bytes kept.
type Inbox struct {
	Pool  *postgres.Pool
	Hooks map[string]Hook
	// Again takes in what a poll read and could not take in, by the feed's id.
	Again      map[string]func(ctx context.Context, body []byte) error
	Exceptions Exceptions
	// Candidates are things of ours that a name which nobody has mapped could mean.
	Candidates func(ctx context.Context, n references.Name, label string) ([]references.Candidate, error)
	// Mapping is what such a name means by now, as the transaction sees it; empty when still nobody has said.
	Mapping func(ctx context.Context, tx postgres.Tx, n references.Name) (ours string, err error)
	Now     func() time.Time
	Log     *slog.Logger
	// Tracing follows what deliveries set in motion.
	Tracing *telemetry.Tracing
	wake    chan struct{}
}

// NewInbox returns an inbox over the database.
func NewInbox(pool *postgres.Pool, exceptions Exceptions, now func() time.Time, log *slog.Logger) *Inbox {
	return &Inbox{
		Pool: pool, Hooks: map[string]Hook{}, Again: map[string]func(context.Context, []byte) error{},
		Exceptions: exceptions, Now: now, Log: log, wake: make(chan struct{}, 1),
	}
}

const (
	maxDelivery = 1 << 20
	maxTries    = 10
)

// ServeHTTP stores a delivery and acknowledges it. The path's last element names the source.
func (i *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	source := r.PathValue("source")
	hook, ok := i.Hooks[source]
	if !ok {
		http.Error(w, "no such source", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDelivery))
	if err != nil {
		http.Error(w, "the delivery is too large", http.StatusRequestEntityTooLarge)
		return
	}
	delivery, topic, err := hook.Verify(r.Header, body, i.Now())
	if err != nil {
		i.Log.WarnContext(r.Context(), "refused webhook", "source", source, "error", err)
		http.Error(w, "the signature does not match", http.StatusUnauthorized)
		return
	}
	if err := i.store(r.Context(), source, delivery, topic, body); err != nil {
		i.Log.ErrorContext(r.Context(), "store webhook", "source", source, "error", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// polled marks the topic of what a poll read, before the feed's name.
const polled = "feed:"

// keep stores a change that a poll read and could not take in. The same change is kept once.
func (i *Inbox) keep(ctx context.Context, source, feed string, body []byte) error {
	return i.store(ctx, source, fmt.Sprintf("%s%s/%x", polled, feed, sha256.Sum256(body)), polled+feed, body)
}

func (i *Inbox) store(ctx context.Context, source, delivery, topic string, body []byte) error {
	sum := sha256.Sum256(body)
	_, err := i.Pool.Exec(ctx, `
		INSERT INTO inbox (id, source, delivery_id, topic, sha256, body, state) VALUES ($1, $2, $3, $4, $5, $6, 'RECEIVED')
		ON CONFLICT (source, delivery_id) DO NOTHING`, postgres.NewID(), source, delivery, topic, sum[:], body)
	if err != nil {
		return fmt.Errorf("keep a delivery of %s: %w", source, err)
	}
	select {
	case i.wake <- struct{}{}:
	default:
	}
	return nil
}

// handle takes one delivery in.
func (i *Inbox) handle(ctx context.Context, source, topic string, body []byte) error {
	if feed, ok := strings.CutPrefix(topic, polled); ok {
		if again := i.Again[source+"/"+feed]; again != nil {
			return again(ctx, body)
		}
	} else if hook, ok := i.Hooks[source]; ok {
		return hook.Handle(ctx, topic, body)
	}
	return fault.New(fault.Unsupported, "nothing that %s sends is expected any more", source)
}

// Run takes deliveries in until the context ends.
func (i *Inbox) Run(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-i.wake:
		case <-t.C:
		}
		for {
			more, err := i.one(ctx)
			if err != nil && ctx.Err() == nil {
				i.Log.ErrorContext(ctx, "inbox", "error", err)
			}
			if !more || err != nil {
				break
			}
		}
	}
}

// one takes the oldest delivery in. The row is locked meanwhile, so that replicas share the work.
func (i *Inbox) one(ctx context.Context) (more bool, err error) {
	err = postgres.InTx(ctx, i.Pool, func(tx postgres.Tx) error {
		var id, source, topic, awaited string
		var body []byte
		var attempts int
		err := tx.QueryRow(ctx, `
			SELECT id::text, source, topic, body, attempts, awaits FROM inbox
			WHERE state = 'RECEIVED' AND received_at + attempts * interval '2 seconds' <= clock_timestamp()
			ORDER BY received_at LIMIT 1 FOR UPDATE SKIP LOCKED`).Scan(&id, &source, &topic, &body, &attempts, &awaited)
		if postgres.NoRows(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("next delivery: %w", err)
		}
		more = true
		err = i.followed(ctx, source, topic, body)
		switch {
		case err == nil:
			if _, err = tx.Exec(ctx, `UPDATE inbox SET state = 'DONE', done_at = clock_timestamp(), attempts = attempts + 1, last_error = '' WHERE id = $1`, id); err != nil {
				return err
			}
			if awaited != "" {
				if err := i.Exceptions.Clear(ctx, tx, awaited, "the delivery was taken in"); err != nil {
					return err
				}
			}
			return i.Exceptions.Clear(ctx, tx, "inbox/"+id, "the delivery was taken in")
		case ctx.Err() != nil:
			return ctx.Err()
		case !fault.Permanent(err) && attempts+1 < maxTries:
			_, err = tx.Exec(ctx, `UPDATE inbox SET attempts = attempts + 1, last_error = $2 WHERE id = $1`, id, err.Error())
			return err
		}
		awaits := ""
		about := map[string]any{"topic": topic, "payload": payload(body), "attempts": attempts + 1, "error": message(err), "errorKind": fault.KindOf(err)}
		e := operations.Exception{
			Code: "DELIVERY_DEAD", Severity: "ERROR", Title: fmt.Sprintf("%s from %s could not be taken in: %s", topic, source, message(err)),
			Subject: "inbox/" + id, Key: "inbox/" + id, Source: source, InboxID: id, CreatedAt: i.Now(),
		}
		if unmapped, ok := errors.AsType[*references.UnmappedError](err); ok {
			if ours, err := i.Mapping(ctx, tx, unmapped.Name); err != nil || ours != "" {
				// Somebody has said while it was tried.
				_, e := tx.Exec(ctx, `UPDATE inbox SET attempts = 1, last_error = '' WHERE id = $1`, id)
				return errors.Join(err, e)
			}
			candidates, err := i.Candidates(ctx, unmapped.Name, unmapped.Label)
			if err != nil {
				return err
			}
			awaits, about["reference"], about["candidates"] = unmapped.Key(), unmapped.Name, candidates
			e.Code, e.Title, e.Subject, e.Key = references.Unmapped, message(unmapped), awaits, awaits
		}
		if _, err := tx.Exec(ctx, `UPDATE inbox SET state = 'DEAD', attempts = attempts + 1, last_error = $2, awaits = $3 WHERE id = $1`, id, err.Error(), awaits); err != nil {
			return err
		}
		detail, err := json.Marshal(about)
		if err != nil {
			return err
		}
		e.Detail = detail
		return i.Exceptions.Raise(ctx, tx, e)
	})
	return more, err
}

// followed takes one delivery in, as the beginning of a trace.
func (i *Inbox) followed(ctx context.Context, source, topic string, body []byte) error {
	ctx, span := i.Tracing.Begin(ctx, "delivery "+source+" "+topic)
	defer span.End()
	err := i.handle(postgres.Traced(ctx), source, topic, body)
	if err != nil {
		span.Failed(string(fault.KindOf(err)))
	}
	return err
}

// Mapped makes due what waited for a reference, in the caller's transaction.
func (i *Inbox) Mapped(ctx context.Context, tx postgres.Tx, key string) error {
	_, err := tx.Exec(ctx, `UPDATE inbox SET state = 'RECEIVED', attempts = 0 WHERE awaits = $1 AND state = 'DEAD'`, key)
	return err
}

// payload is a delivery as a person reads it: as JSON where it is that.
func payload(body []byte) any {
	if json.Valid(body) {
		return json.RawMessage(body)
	}
	return string(body)
}

func message(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Message
	}
	return "internal error"
}

// Retry makes a dead delivery due again, and all that wait for the same reference, in the caller's transaction.
func (i *Inbox) Retry(ctx context.Context, tx postgres.Tx, id string) error {
	_, err := tx.Exec(ctx, `
		UPDATE inbox SET state = 'RECEIVED', attempts = 0
		WHERE state = 'DEAD' AND (id = $1 OR (awaits <> '' AND awaits = (SELECT awaits FROM inbox WHERE id = $1)))`, id)
	return err
}

// Store remembers cursors in the database.
type Store struct{ Pool *postgres.Pool }

// Load returns the cursor of a feed, empty when it was never read.
func (s Store) Load(ctx context.Context, source, feed string) (cursor string, err error) {
	err = s.Pool.QueryRow(ctx, `SELECT cursor FROM feed_cursors WHERE source = $1 AND feed = $2`, source, feed).Scan(&cursor)
	if postgres.NoRows(err) {
		return "", nil
	}
	return cursor, err
}

// Save keeps the cursor of a feed.
func (s Store) Save(ctx context.Context, source, feed, cursor string) error {
	_, err := s.Pool.Exec(ctx, `
		INSERT INTO feed_cursors (source, feed, cursor) VALUES ($1, $2, $3)
		ON CONFLICT (source, feed) DO UPDATE SET cursor = excluded.cursor, updated_at = clock_timestamp()`, source, feed, strings.TrimSpace(cursor))
	return err
}
