// Package fresh keeps reads of a source few: questions that are on their way are shared by everybody
// who asks the same meanwhile.
//
// What is shared is one key's answer, and a key holds everything that its answer depends on, so that
// nothing is mixed. Who asks is not part of it: sources are asked with our own credentials, and rows are
// guarded above, in the domains. The answer that a caller joins was asked for before it came, by at most
// the time that a source may take; its provenance says when.
//
// Figures that promises are handed over by (stock, credit) are not shared: a promise needs a read that
// began after it.
package fresh

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"crossdock/domains/lookup"
	"crossdock/sources/transport"
)

// Ask is one bulk question.
type Ask[K comparable, V any] func(ctx context.Context, keys []K) (lookup.Answers[K, V], error)

// Flights shares a question between the callers in flight.
type Flights[K comparable, V any] struct {
	ask Ask[K, V]

	mu    sync.Mutex
	under map[K]*flight[K, V]
}

// flight is one question on its way. Its answers are there when done is closed.
type flight[K comparable, V any] struct {
	done    chan struct{}
	answers lookup.Answers[K, V]
	err     error
}

// Share returns the question, shared.
func Share[K comparable, V any](ask Ask[K, V]) *Flights[K, V] {
	return &Flights[K, V]{ask: ask, under: map[K]*flight[K, V]{}}
}

// limit bounds a flight that nobody waits for any more.
const limit = 30 * time.Second

// Ask joins the flights that carry keys already and starts one for the others. A caller that leaves
// takes nobody's answer along, also when it was the one who asked.
func (f *Flights[K, V]) Ask(ctx context.Context, keys []K) (lookup.Answers[K, V], error) {
	keys = lookup.Unique(keys)
	out := lookup.Empty[K, V](len(keys))
	if err := ctx.Err(); err != nil || len(keys) == 0 {
		return out, err
	}
	for k, fl := range f.board(ctx, keys) {
		select {
		case <-ctx.Done():
			return out, ctx.Err()
		case <-fl.done:
		}
		if v, ok := fl.answers.Found[k]; ok && fl.err == nil {
			out.Found[k] = v
		} else if err := fl.answers.Failed[k]; err != nil {
			out.Failed[k] = err
		} else if fl.err != nil {
			out.Failed[k] = fl.err
		}
	}
	return out, nil
}

// board finds the flight of each key, starting one for the keys that have none.
func (f *Flights[K, V]) board(ctx context.Context, keys []K) map[K]*flight[K, V] {
	out := make(map[K]*flight[K, V], len(keys))
	var mine []K
	own := &flight[K, V]{done: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range keys {
		fl := f.under[k]
		if fl == nil {
			fl = own
			f.under[k] = own
			mine = append(mine, k)
		}
		out[k] = fl
	}
	if len(mine) > 0 {
		go f.fly(context.WithoutCancel(ctx), own, mine)
	}
	return out
}

// fly asks. Nobody's patience with a busy source is imposed on the others.
func (f *Flights[K, V]) fly(ctx context.Context, fl *flight[K, V], keys []K) {
	ctx, cancel := context.WithTimeout(transport.Patient(ctx, 0), limit)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			// It is nobody's goroutine: a defect here must not end the process.
			fl.err = fmt.Errorf("shared question: panic: %v\n%s", v, debug.Stack())
		}
		f.mu.Lock()
		for _, k := range keys {
			delete(f.under, k)
		}
		f.mu.Unlock()
		close(fl.done)
	}()
	fl.answers, fl.err = f.ask(ctx, keys)
}
