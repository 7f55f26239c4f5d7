package lookup

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"crossdock/domains/fault"
	"crossdock/internal/stack"
)

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

	mu sync.Mutex
	// under are the keys on their way, by their hashes, of which each is made once. Who decides does not wait with who looks:
	// their lanes stop at different times.
	under map[Lane]map[uint64]ticket[K, V]
	hash  func(K) uint64
	// later are keys that are asked for behind answers, soon.
	later map[K]struct{}
}

// flight is one question on its way. Its results are there when done is closed.
type flight[K comparable, V any] struct {
	done chan struct{}
	keys []K
	// since is what whoever boarded last may be told as of.
	since since
	// marks are the hashes under which its keys are found.
	marks []uint64
	// overtaken is true when some of them lead to a later flight by now.
	overtaken bool

	results []Result[V]
	err     error
}

// ticket is where on which flight a key is.
type ticket[K comparable, V any] struct {
	flight *flight[K, V]
	place  int
}

// result is the key's, once the flight is done.
func (t ticket[K, V]) result() Result[V] {
	var r Result[V]
	if t.place < len(t.flight.results) {
		r = t.flight.results[t.place]
	}
	if t.flight.err != nil && r.Err == nil {
		return Result[V]{Err: t.flight.err}
	}
	return r
}

// Share returns the question, shared.
func Share[K comparable, V any](ask Ask[K, V]) *Flights[K, V] {
	seed := maphash.MakeSeed()
	f := &Flights[K, V]{ask: ask, under: map[Lane]map[uint64]ticket[K, V]{}, hash: func(k K) uint64 { return maphash.Comparable(seed, k) }}
	for _, lane := range Lanes() {
		f.under[lane] = map[uint64]ticket[K, V]{}
	}
	return f
}

// limit bounds a flight that nobody waits for any more.
const limit = 30 * time.Second

// Ask joins the flights that carry keys already and starts one for the others. A caller that leaves
// takes nobody's answer along, also when it was the one who asked.
func (f *Flights[K, V]) Ask(ctx context.Context, keys []K) ([]Result[V], error) {
	if err := ctx.Err(); err != nil || len(keys) == 0 {
		return nil, err
	}
	// A tenth of the caller's time is left to answer with what was last known.
	var up <-chan time.Time
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		t := time.NewTimer(left - left/10)
		defer t.Stop()
		up = t.C
	}
	out := make([]Result[V], len(keys))
	var last *flight[K, V]
	landed, late := false, false
	for i, t := range f.board(ctx, keys) {
		if t.flight != last {
			last = t.flight
			if !late {
				select {
				case <-last.done:
				case <-up:
					late = true
				case <-ctx.Done():
				}
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			landed = last.landed()
		}
		if out[i].Err = errNoTime; landed {
			out[i] = t.result()
		}
	}
	return out, nil
}

// errNoTime is of a key whose flight did not land while its caller had time to answer with what was last known.
var errNoTime = fault.New(fault.Timeout, "the source did not answer while there was time")

func (f *flight[K, V]) landed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
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

// board finds the flight of each key, starting one for the keys that have none, or none that tells what this caller may be told. A key
// whose hash is taken by another is asked for without being found by others.
func (f *Flights[K, V]) board(ctx context.Context, keys []K) []ticket[K, V] {
	out, marks := make([]ticket[K, V], len(keys)), make([]uint64, len(keys))
	for i, k := range keys {
		marks[i] = f.hash(k)
	}
	own := &flight[K, V]{done: make(chan struct{}), keys: make([]K, 0, len(keys)), marks: marks[:0], since: since{at: Since(ctx)}}
	last, tells := own, true
	f.mu.Lock()
	defer f.mu.Unlock()
	under := f.under[LaneOf(ctx)]
	for i, k := range keys {
		t, taken := under[marks[i]]
		same := taken && t.flight.keys[t.place] == k
		if same && t.flight != last {
			last, tells = t.flight, t.flight.since.reach(own.since.at)
		}
		if !same || !tells {
			t = ticket[K, V]{own, len(own.keys)}
			own.keys = append(own.keys, k)
			if same {
				last.overtaken = true
			}
			if same || !taken {
				under[marks[i]], own.marks = t, append(own.marks, marks[i])
			}
		}
		out[i] = t
	}
	if len(own.keys) > 0 {
		go f.fly(context.WithValue(context.WithoutCancel(ctx), sinceKey{}, &own.since), own, under)
	}
	return out
}

// fly asks for keys that are under way by then.
func (f *Flights[K, V]) fly(ctx context.Context, own *flight[K, V], under map[uint64]ticket[K, V]) {
	stack.Reserve()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			// It is nobody's goroutine: a defect here must not end the process.
			own.err = fmt.Errorf("shared question: panic: %v\n%s", v, debug.Stack())
		}
		f.mu.Lock()
		for _, mark := range own.marks {
			if !own.overtaken || under[mark].flight == own {
				delete(under, mark)
			}
		}
		f.mu.Unlock()
		close(own.done)
	}()
	own.results, own.err = f.ask(ctx, own.keys)
}
