package sourcetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
)

// Command is one write of an adapter that creates something under a key of ours, with the read
// that finds it again. It is what a durable process repeats until it knows the outcome.
type Command[V any] struct {
	// Do creates the thing; Find looks for things by key.
	Do   func(ctx context.Context, key string) error
	Find func(ctx context.Context, keys []string) (lookup.Answers[string, V], error)
	// Key makes keys that were never used.
	Key func(n int) string
	// Unique says that the product itself refuses a second thing of the same key. Where it does
	// not, the caller looks before it creates.
	Unique bool
	// Copies asks the product's own books how many things of the key there are.
	Copies func(key string) int
	// Lose makes replies get lost after their effect, Down makes the product fail, until the
	// returned function is called.
	Lose, Down func() (undo func())
}

// TestCommand runs the suite for writes.
func TestCommand[V any](t *testing.T, c Command[V]) {
	t.Helper()
	ctx := t.Context()
	found := func(key string) bool {
		t.Helper()
		a, err := c.Find(ctx, []string{key, c.Key(1_000)})
		if err != nil || a.Failed[key] != nil {
			t.Fatalf("find %s: %v %v", key, err, a.Failed[key])
		}
		if _, ok := a.Found[c.Key(1_000)]; ok {
			t.Errorf("a key that was never used is found")
		}
		_, ok := a.Found[key]
		return ok
	}
	// What was never created is not there; what was created is, once.
	once := c.Key(0)
	if found(once) {
		t.Fatalf("%s is there before it was created", once)
	}
	if err := c.Do(ctx, once); err != nil {
		t.Fatalf("create %s: %v", once, err)
	}
	if !found(once) || c.Copies(once) != 1 {
		t.Errorf("%s was created: found %t, %d copies", once, found(once), c.Copies(once))
	}
	// A second one is refused as a conflict, or answered as the first, where the product can tell.
	if c.Unique {
		if err := c.Do(ctx, once); err != nil && fault.KindOf(err) != fault.Conflict {
			t.Errorf("a repeat is %v", err)
		}
		race := c.Key(1)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { _ = c.Do(ctx, race) })
		}
		wg.Wait()
		if n := c.Copies(once) + c.Copies(race); n != 2 {
			t.Errorf("two keys have %d copies after repeats and a race", n)
		}
	}
	// A lost reply leaves the caller unsure. What it did can be found; what takes several calls is
	// taken up by a repeat where it stopped.
	lost := c.Key(2)
	undo := c.Lose()
	err := c.Do(ctx, lost)
	undo()
	if err == nil || !fault.Unsure(err) {
		t.Errorf("a lost reply is %v, which is not unsure", err)
	}
	if !found(lost) {
		if err := c.Do(ctx, lost); err != nil {
			t.Errorf("a repeat after a lost reply: %v", err)
		}
	}
	if !found(lost) || c.Copies(lost) != 1 {
		t.Errorf("after a lost reply: found %t, %d copies", found(lost), c.Copies(lost))
	}
	// A product that is down has done nothing and can be asked again.
	down := c.Key(3)
	undo = c.Down()
	err = c.Do(ctx, down)
	undo()
	if err == nil || !fault.Retryable(err) {
		t.Errorf("while the product is down it is %v", err)
	}
	if found(down) {
		t.Errorf("%s was created while the product was down", down)
	}
	// A caller that has gone does not act.
	gone := c.Key(4)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := c.Do(cancelled, gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled caller is answered %v", err)
	}
	if found(gone) {
		t.Errorf("%s was created for a caller that had gone", gone)
	}
}
