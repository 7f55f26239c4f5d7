package sourcetest

import (
	"context"
	"errors"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
)

// Feed is one list of changes of an adapter.
type Feed[V any] struct {
	Read func(ctx context.Context, cursor string) (lookup.Page[V], error)
	// KeyOf names the thing that changed.
	KeyOf func(V) string
	// Change makes a change and returns the key of what changed.
	Change func() string
	// Down makes the product fail until the returned function is called.
	Down func() (undo func())
	// Opaque says that cursors are the product's own and not checked here.
	Opaque bool
}

// TestFeed runs the suite for feeds: nothing that changed after a cursor is missing behind it, a
// cursor can be read again, and a failure moves none.
func TestFeed[V any](t *testing.T, f Feed[V]) {
	t.Helper()
	ctx := t.Context()
	// drain reads to the end and returns what it saw and the last cursor.
	drain := func(cursor string) (map[string]bool, string) {
		t.Helper()
		seen := map[string]bool{}
		for range 1000 {
			p, err := f.Read(ctx, cursor)
			if err != nil {
				t.Fatalf("read from %q: %v", cursor, err)
			}
			for _, v := range p.Items {
				seen[f.KeyOf(v)] = true
			}
			if p.Total > 0 && p.Total < len(p.Items) {
				t.Errorf("%d rows of %d", len(p.Items), p.Total)
			}
			if !p.More {
				return seen, p.Next
			}
			if p.Next == cursor {
				t.Fatalf("more after %q, at the same cursor", cursor)
			}
			cursor = p.Next
		}
		t.Fatal("the feed does not end")
		return nil, ""
	}
	_, start := drain("")
	one := f.Change()
	seen, middle := drain(start)
	if !seen[one] {
		t.Errorf("%s changed after the cursor and is not behind it: %v", one, seen)
	}
	two := f.Change()
	if seen, _ = drain(middle); !seen[two] {
		t.Errorf("%s changed after the second cursor and is not behind it: %v", two, seen)
	}
	if seen, _ = drain(start); !seen[one] || !seen[two] {
		t.Errorf("the first cursor, read again, misses a change: %v", seen)
	}
	undo := f.Down()
	p, err := f.Read(ctx, middle)
	undo()
	if err == nil || !fault.Retryable(err) || p.Next != middle {
		t.Errorf("while the product is down the cursor %q becomes %q, %v", middle, p.Next, err)
	}
	if !f.Opaque {
		if _, err := f.Read(ctx, "no cursor of ours"); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a cursor that is none is %v", err)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := f.Read(cancelled, middle); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled caller is answered %v", err)
	}
}
