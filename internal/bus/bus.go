// Package bus gives committed events their place in the journal and tells whoever waits.
//
// PostgreSQL is the record. One sequencer at a time, held by an advisory lock, gives committed
// events their position; a reader that keeps the last position it saw can therefore never skip
// an event that committed late. NOTIFY only wakes readers: everything is read from the journal.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/internal/postgres"
)

const (
	sequencerLock = 7_305_002
	outbox        = "crossdock_outbox"
	sequenced     = "crossdock_events"
	// idle is how long a wake-up may be missed before everything is looked at again.
	idle  = time.Second
	chunk = 500
)

// Bus is the journal's live side.
type Bus struct {
	pool *postgres.Pool
	log  *slog.Logger

	// Passing is told when events have their place and nobody was woken yet. It is for tests
	// that end the process there; nil otherwise.
	Passing func(point string)

	mu   sync.Mutex
	wake chan struct{}
}

// New returns the bus of a database.
func New(pool *postgres.Pool, log *slog.Logger) *Bus {
	return &Bus{pool: pool, log: log, wake: make(chan struct{})}
}

// Run sequences events and wakes readers until the context ends.
func (b *Bus) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := b.session(ctx); err != nil && ctx.Err() == nil {
			b.log.WarnContext(ctx, "journal", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(idle):
			}
		}
	}
	return nil
}

// session listens on one connection of its own, and sequences on it while it has the lock.
func (b *Bus) session(ctx context.Context) error {
	held, err := b.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	conn := held.Hijack()
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `LISTEN `+outbox+`; LISTEN `+sequenced); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	leader := false
	for {
		if !leader {
			if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, sequencerLock).Scan(&leader); err != nil {
				return fmt.Errorf("sequencer lock: %w", err)
			}
		}
		if leader {
			if err := b.sequence(ctx, conn); err != nil {
				return err
			}
		}
		b.broadcast()
		wait, cancel := context.WithTimeout(ctx, idle)
		_, err := conn.WaitForNotification(wait)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

func (b *Bus) sequence(ctx context.Context, conn *pgx.Conn) error {
	for {
		tag, err := conn.Exec(ctx, `
			WITH next AS (
				SELECT id, row_number() OVER (ORDER BY recorded_at, sequence, id) AS n FROM (
					SELECT id, recorded_at, sequence FROM events WHERE position IS NULL ORDER BY recorded_at, sequence, id LIMIT $1) e),
			top AS (SELECT coalesce(max(position), 0) AS position FROM events)
			UPDATE events e SET position = top.position + next.n FROM next, top WHERE e.id = next.id`, chunk)
		if err != nil {
			return fmt.Errorf("sequence events: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		if b.Passing != nil {
			b.Passing("sequenced")
		}
		if _, err := conn.Exec(ctx, `SELECT pg_notify($1, '')`, sequenced); err != nil {
			return fmt.Errorf("sequence events: %w", err)
		}
	}
}

func (b *Bus) broadcast() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.wake)
	b.wake = make(chan struct{})
}

func (b *Bus) waiting() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wake
}

// Filter narrows the journal. Empty fields do not narrow; AllAccounts lifts the account limit.
type Filter struct {
	OrderID     string
	AllAccounts bool
	Accounts    []string
	// Streams are kinds of stream, Types are types of event.
	Streams, Types []string
	// Without is a kind of stream to leave out.
	Without string
}

// Head is the position of the newest sequenced event.
func (b *Bus) Head(ctx context.Context) (position int64, err error) {
	err = b.pool.QueryRow(ctx, `SELECT coalesce(max(position), 0) FROM events`).Scan(&position)
	return position, err
}

// Read returns up to limit events after the position, in order.
func (b *Bus) Read(ctx context.Context, f Filter, after int64, limit int) ([]event.Event, error) {
	rows, err := b.pool.Query(ctx, `
		SELECT id::text, stream_kind, stream_id, type, version, occurred_at, recorded_at, source, actor, account_id, order_id, correlation, causation, payload, sequence, position
		FROM events WHERE position > $1 AND ($2 = '' OR order_id = $2) AND ($3 OR account_id = ANY($4))
		AND (cardinality($5::text[]) = 0 OR stream_kind = ANY($5)) AND (cardinality($6::text[]) = 0 OR type = ANY($6)) AND stream_kind <> $8
		ORDER BY position LIMIT $7`, after, f.OrderID, f.AllAccounts, postgres.Texts(f.Accounts), postgres.Texts(f.Streams), postgres.Texts(f.Types), limit, f.Without)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e event.Event, err error) {
		err = row.Scan(&e.ID, &e.Stream.Kind, &e.Stream.ID, &e.Type, &e.Version, &e.OccurredAt, &e.RecordedAt, &e.Source, &e.Actor, &e.AccountID, &e.OrderID,
			&e.Correlation, &e.Causation, &e.Payload, &e.Sequence, &e.Position)
		return e, err
	})
}

// Follow sends every event after the position to out, in order and without a gap, until the
// context ends. It holds no more than one page: a slow reader only falls behind.
func (b *Bus) Follow(ctx context.Context, f Filter, after int64, out chan<- *event.Event) error {
	for {
		wake := b.waiting()
		page, err := b.Read(ctx, f, after, chunk)
		if err != nil {
			return err
		}
		for i := range page {
			select {
			case <-ctx.Done():
				return nil
			case out <- &page[i]:
				after = page[i].Position
			}
		}
		if len(page) == chunk {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
	}
}

// Cursor writes a position for clients.
func Cursor(position int64) string { return "p" + strconv.FormatInt(position, 36) }

// ParseCursor reads a cursor.
func ParseCursor(cursor string) (int64, error) {
	if len(cursor) > 1 && cursor[0] == 'p' {
		if p, err := strconv.ParseInt(cursor[1:], 36, 64); err == nil && p >= 0 {
			return p, nil
		}
	}
	return 0, fault.New(fault.Invalid, "%q is not a cursor: use one that an event carried", cursor).At("after")
}
