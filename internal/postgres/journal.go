package postgres

import (
	"cmp"
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crossdock/domains/event"
	"crossdock/internal/telemetry"
)

// NewID returns a time-ordered unique id.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Append writes events to the journal in the caller's transaction, numbering each within its
// stream. The caller must hold the lock on the row that the stream is about, so that two
// transactions never number one stream at once.
func Append(ctx context.Context, tx Tx, events ...event.Event) error {
	if len(events) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	Queue(ctx, batch, events...)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("journal %s %s: %w", events[0].Stream, events[0].Type, err)
	}
	return nil
}

// Queue is Append among other statements that are sent together.
func Queue(ctx context.Context, batch *pgx.Batch, events ...event.Event) {
	if len(events) == 0 {
		return
	}
	origin := OriginOf(ctx)
	for _, e := range events {
		if e.ID == "" {
			e.ID = NewID()
		}
		if e.Actor == "" {
			e.Actor = origin.Actor
		}
		if e.Correlation == "" {
			e.Correlation = origin.Correlation
		}
		if e.Causation == "" {
			e.Causation = origin.Causation
		}
		batch.Queue(`
			INSERT INTO events (id, stream_kind, stream_id, sequence, type, version, occurred_at, source, actor,
			                    account_id, order_id, correlation, causation, payload)
			SELECT $1, $2, $3, coalesce(max(sequence), 0) + 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
			FROM events WHERE stream_kind = $2 AND stream_id = $3`,
			e.ID, e.Stream.Kind, e.Stream.ID, string(e.Type), e.Version, e.OccurredAt, e.Source, e.Actor,
			e.AccountID, e.OrderID, e.Correlation, e.Causation, e.Payload)
	}
	batch.Queue(`SELECT pg_notify('crossdock_outbox', '')`)
}

// Origin is who set a piece of work in motion; the journal records it with every event.
type Origin struct {
	Actor       string
	Correlation string
	Causation   string
}

type originKey struct{}

// WithOrigin returns a context whose events carry the origin.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// Traced returns a context whose events carry the id of its trace as their correlation, a new one where it has none.
func Traced(ctx context.Context) context.Context {
	o := OriginOf(ctx)
	o.Correlation = cmp.Or(telemetry.ID(ctx), NewID())
	return WithOrigin(ctx, o)
}

// OriginOf returns the origin that WithOrigin set, or an empty one.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
