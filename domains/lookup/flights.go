package lookup

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"crossdock/domains/fault"
	"crossdock/internal/stack"
)

// Ask is one bulk question.
type Ask[K comparable, V any] func(ctx context.Context, keys []K) (Answers[K, V], error)

// Flights shares a question between the callers in flight: what is on its way is asked for once.
//
// What is shared is one key's answer, and a key holds everything that its answer depends on, so that nothing is
// mixed. Who asks is not part of it: sources are asked with our own credentials, and rows are guarded above, in
// the domains. The answer that a caller joins was asked for before it came, by at most the time that a source
// may take; its provenance says when.
//
// What a promise is made from is not shared: it needs a read that began after the promise before it.
type Flights[K comparable, V any] struct {
	ask Ask[K, V]

	mu    sync.Mutex
	under map[seat[K]]*flight[K, V]
	// later are keys that are asked for behind answers, soon.
	later map[K]struct{}
}

// seat is a key on its way. Who decides does not wait with who looks: their lanes stop at different times.
type seat[K comparable] struct {
	key  K
	lane Lane
}

// flight is one question on its way. Its answers are there when done is closed.
type flight[K comparable, V any] struct {
	done    chan struct{}
	answers Answers[K, V]
	err     error
}

// Share returns the question, shared.
func Share[K comparable, V any](ask Ask[K, V]) *Flights[K, V] {
	return &Flights[K, V]{ask: ask, under: map[seat[K]]*flight[K, V]{}}
}

// limit bounds a flight that nobody waits for any more.
const limit = 30 * time.Second

// Ask joins the flights that carry keys already and starts one for the others. A caller that leaves
// takes nobody's answer along, also when it was the one who asked. The answers may be those of others as well: they are
// only read.
func (f *Flights[K, V]) Ask(ctx context.Context, keys []K) (Answers[K, V], error) {
	if err := ctx.Err(); err != nil || len(keys) == 0 {
		return Empty[K, V](0), err
	}
	up, stop := timeUp(ctx)
	defer stop()
	flights, alone := f.board(ctx, keys)
	if alone {
		select {
		case <-ctx.Done():
			return Empty[K, V](0), ctx.Err()
		case <-up.Done():
		case <-flights[0].done:
			if flights[0].err == nil {
				return flights[0].answers, nil
			}
		}
	}
	out := Empty[K, V](len(keys))
	for i, fl := range flights {
		k := keys[i]
		select {
		case <-ctx.Done():
			return out, ctx.Err()
		case <-up.Done():
		case <-fl.done:
		}
		select {
		case <-fl.done:
		default:
			out.Failed[k] = fault.New(fault.Timeout, "the source did not answer while there was time")
			continue
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

// timeUp ends while the caller has a tenth of its time left, to answer with what was last known.
func timeUp(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/10))
}

// gather is how long keys that nobody waits for are gathered, so that many pages cost one question.
const gather = 500 * time.Millisecond

// Start has the question asked for keys, soon and with those of others, and does not wait.
func (f *Flights[K, V]) Start(ctx context.Context, keys []K) {
	if len(keys) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.later == nil {
		f.later = map[K]struct{}{}
		ctx = context.WithoutCancel(ctx)
		time.AfterFunc(gather, func() {
			f.mu.Lock()
			keys := slices.Collect(maps.Keys(f.later))
			f.later = nil
			f.mu.Unlock()
			f.board(ctx, keys)
		})
	}
	for _, k := range keys {
		f.later[k] = struct{}{}
	}
}

// board finds the flight of each key, starting one for the keys that have none. alone is true when that is the only one.
func (f *Flights[K, V]) board(ctx context.Context, keys []K) (out []*flight[K, V], alone bool) {
	out, alone = make([]*flight[K, V], len(keys)), true
	mine := make([]K, 0, len(keys))
	own := &flight[K, V]{done: make(chan struct{})}
	lane := LaneOf(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, k := range keys {
		at := seat[K]{k, lane}
		fl := f.under[at]
		if fl == nil {
			fl = own
			f.under[at] = own
			mine = append(mine, k)
		}
		out[i], alone = fl, alone && fl == own
	}
	if len(mine) > 0 {
		go f.fly(context.WithoutCancel(ctx), own, lane, mine)
	}
	return out, alone
}

// fly asks.
func (f *Flights[K, V]) fly(ctx context.Context, fl *flight[K, V], lane Lane, keys []K) {
	stack.Reserve()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			// It is nobody's goroutine: a defect here must not end the process.
			fl.err = fmt.Errorf("shared question: panic: %v\n%s", v, debug.Stack())
		}
		f.mu.Lock()
		for _, k := range keys {
			delete(f.under, seat[K]{k, lane})
		}
		f.mu.Unlock()
		close(fl.done)
	}()
	fl.answers, fl.err = f.ask(ctx, keys)
}
