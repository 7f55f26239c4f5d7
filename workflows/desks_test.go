package workflows_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"crossdock/domains/operations"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
	"crossdock/workflows"
)

// quiet hears of nothing that goes wrong.
type quiet struct{}

func (quiet) Raise(context.Context, postgres.Tx, operations.Exception) error { return nil }
func (quiet) Clear(context.Context, postgres.Tx, string, string) error       { return nil }

// nothing is to be recorded.
func nothing(context.Context, postgres.Tx) error { return nil }

// TestASourceThatHangsHoldsUpNobodyElse: no more is begun there than it has places, work at another source goes on, and when it
// answers again everything is done, in turn.
func TestASourceThatHangsHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), t.Context()
	q, err := workflows.NewQueue(pool, quiet{}, workflows.DefaultPolicy(), 4, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	q.Unswept()
	q.Bound(2, "erp:slow")
	q.Bound(2, "node:fast")
	var mu sync.Mutex
	done, under, most := map[string]int{}, 0, 0
	answers := make(chan struct{})
	q.Handle("slow", func(ctx context.Context, _ workflows.Effect) (workflows.Apply, error) {
		mu.Lock()
		under++
		most = max(most, under)
		mu.Unlock()
		select {
		case <-answers:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		mu.Lock()
		defer mu.Unlock()
		under--
		done["slow"]++
		return nothing, nil
	})
	q.Handle("fast", func(context.Context, workflows.Effect) (workflows.Apply, error) {
		mu.Lock()
		defer mu.Unlock()
		done["fast"]++
		return nothing, nil
	})
	add := func(kind, destination string, n int) {
		for i := range n {
			err := postgres.InTx(ctx, pool, func(tx postgres.Tx) error {
				return q.Add(ctx, tx, fmt.Sprint(kind, "/", i), destination, kind, struct{}{})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- q.Run(running) }()
	until := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			mu.Lock()
			ok := is()
			mu.Unlock()
			if ok {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("it never came true that %s", what)
			}
		}
	}
	add("slow", "erp:slow", 12)
	until("two are begun", func() bool { return under == 2 })
	add("fast", "node:fast", 12)
	until("the others' work is done", func() bool { return done["fast"] == 12 })
	close(answers)
	until("all is done", func() bool { return done["slow"] == 12 })
	if most != 2 {
		t.Errorf("%d were under way at once at a source that has 2 places", most)
	}
	until("nothing waits", func() bool { n, err := q.Waiting(ctx); return err == nil && n == 0 })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
