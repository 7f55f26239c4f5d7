package workflows_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
	"crossdock/workflows"
)

// TestWaitingIsNoTry: work that has waited for its turn more often than it may be tried still has its tries, and comes back as who
// it was.
func TestWaitingIsNoTry(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), t.Context()
	q, err := workflows.NewQueue(pool, quiet{}, workflows.Policy{Attempts: 2, Base: time.Millisecond, Cap: 20 * time.Millisecond, Lease: 10 * time.Second}, 4, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	done := make(chan struct{})
	q.Handle("waits", func(ctx context.Context, e workflows.Effect) (workflows.Apply, error) {
		switch n := calls.Add(1); {
		case n <= 5:
			return nil, &fault.Error{Kind: fault.Throttled, Message: "not yet", RetryAfter: 5 * time.Millisecond, NotSent: true, Waits: true}
		case n == 6:
			return nil, &fault.Error{Kind: fault.Unavailable, Message: "down", NotSent: true}
		}
		if lookup.Returning(ctx) != e.ID {
			t.Errorf("effect %s comes back as %q", e.ID, lookup.Returning(ctx))
		}
		close(done)
		return nothing, nil
	})
	if err := postgres.InTx(ctx, pool, func(tx postgres.Tx) error { return q.Add(ctx, tx, "order/1", "erp:erp", "waits", struct{}{}) }); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- q.Run(running) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		var state, why string
		_ = pool.QueryRow(ctx, `SELECT state, last_error FROM effects`).Scan(&state, &why)
		t.Errorf("after %d calls it is %s: %s", calls.Load(), state, why)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
