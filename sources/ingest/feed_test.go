package ingest_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/operations"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
	"crossdock/sources/ingest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// retrier starts dead deliveries again.
type retrier struct{ inbox *ingest.Inbox }

func (r *retrier) Retry(ctx context.Context, tx postgres.Tx, _, inboxID string) error {
	return r.inbox.Retry(ctx, tx, inboxID)
}

func (r *retrier) Drop(context.Context, postgres.Tx, string, string) error { return nil }

// TestAChangeThatCannotBeTakenInKeepsNoOtherWaiting: it becomes an Exception with its payload, and can
// be tried again when its cause is gone.
func TestAChangeThatCannotBeTakenInKeepsNoOtherWaiting(t *testing.T) {
	t.Parallel()
	pool := pgtest.Database(t)
	again := &retrier{}
	exceptions := operations.New(pool, again)
	inbox := ingest.NewInbox(pool, exceptions, time.Now, slog.New(slog.DiscardHandler))
	again.inbox = inbox
	var mu sync.Mutex
	var taken []string
	broken := true
	took := func(word string) bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(taken, word)
	}
	feed := ingest.Feed[string]{
		Source: "erp", Name: "words",
		Read: func(context.Context, string) (lookup.Page[string], error) {
			return lookup.Page[string]{Items: []string{"one", "poison", "three"}, Next: "end"}, nil
		},
		Take: func(_ context.Context, words []string) error {
			mu.Lock()
			defer mu.Unlock()
			for _, w := range words {
				if broken && w == "poison" {
					return fault.New(fault.Invalid, "%q is poison", w)
				}
				taken = append(taken, w)
			}
			return nil
		},
	}
	inbox.Again[feed.ID()] = feed.Again
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- inbox.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	cursors := ingest.Store{Pool: pool}
	if err := feed.Poll(ctx, cursors, inbox); err != nil {
		t.Fatal(err)
	}
	if !took("one") || !took("three") || took("poison") {
		t.Errorf("taken in: %v", taken)
	}
	if cursor, err := cursors.Load(ctx, "erp", "words"); err != nil || cursor != "end" {
		t.Errorf("the cursor is %q, %v", cursor, err)
	}
	who := trade.Viewer{Subject: "ops", Scopes: []string{operations.Scope}}
	list := func(status operations.Status) []*operations.Exception {
		t.Helper()
		out, _, err := exceptions.List(ctx, who, status, 10, "")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	until(t, "a person hears of it", func() bool { return len(list(operations.Open)) == 1 })
	e := list(operations.Open)[0]
	if e.Code != "DELIVERY_DEAD" || !strings.Contains(string(e.Detail), `"payload": "poison"`) || !strings.Contains(string(e.Detail), "is poison") {
		t.Errorf("the exception is %s with %s", e.Code, e.Detail)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	if _, err := exceptions.Retry(ctx, who, e.ID); err != nil {
		t.Fatal(err)
	}
	until(t, "it is taken in and settled", func() bool { return took("poison") && len(list(operations.Resolved)) == 1 })
}

// TestAFeedWaitsForASourceThatIsDown and moves no cursor meanwhile.
func TestAFeedWaitsForASourceThatIsDown(t *testing.T) {
	t.Parallel()
	cursors := ingest.Store{Pool: pgtest.Database(t)}
	feed := ingest.Feed[string]{
		Source: "erp", Name: "words",
		Read: func(context.Context, string) (lookup.Page[string], error) {
			return lookup.Page[string]{Items: []string{"one"}, Next: "end"}, nil
		},
		Take: func(context.Context, []string) error { return fault.New(fault.Unavailable, "the source is down") },
	}
	if err := feed.Poll(t.Context(), cursors, nil); !fault.Retryable(errors.Unwrap(err)) {
		t.Errorf("the poll ends with %v", err)
	}
	if cursor, err := cursors.Load(t.Context(), "erp", "words"); err != nil || cursor != "" {
		t.Errorf("the cursor is %q, %v", cursor, err)
	}
}

// until waits for a fact, and fails the test when it does not come true in half a minute.
func until(t *testing.T, what string, fact func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !fact() {
		select {
		case <-deadline:
			t.Fatalf("it never came true that %s", what)
		case <-tick.C:
		}
	}
}
