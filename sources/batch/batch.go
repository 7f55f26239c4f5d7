// Package batch gathers what one response asks for, so that the first load of a kind fetches
// every key that was announced, in one question.
//
// A resolver that returns rows announces the keys beneath them. The fields of the rows then
// load theirs; whichever comes first asks for all. What nobody selects is never asked, because
// announcing asks nothing. The fields at the root of one operation wait for one another before
// the first question, so that aliases share it. Keys that nobody announced go through
// dataloader's time window.
package batch

import (
	"context"
	"sync"
	"time"

	"github.com/graph-gophers/dataloader/v7"

	"crossdock/domains/lookup"
)

// window is how long keys that nobody announced wait for others.
const window = time.Millisecond

// Fetch answers keys in bulk.
type Fetch[K comparable, V any] func(ctx context.Context, keys []K) (lookup.Answers[K, V], error)

// Result is the answer for one key. Without an error and not OK, the key does not exist.
type Result[V any] struct {
	Value V
	OK    bool
	Err   error
}

// Loader holds one response's answers of one kind, by the age that the caller accepts.
type Loader[K comparable, V any] struct {
	gate  *Gate
	fetch Fetch[K, V]
	// live is true when a caller that does not say is answered as one that wants it live.
	live bool

	mu        sync.Mutex
	announced []K
	seen      map[K]struct{}
	// ages holds what was loaded, by what the caller accepts.
	ages map[accepts]*aged[K, V]
}

// accepts is what a caller takes for an answer.
type accepts struct {
	// age is how old it may be, where the caller says.
	age       time.Duration
	said      bool
	lastKnown bool
}

func (l *Loader[K, V]) acceptedBy(ctx context.Context) accepts {
	age, said := lookup.MaxAge(ctx)
	return accepts{age, said || l.live, lookup.TakesLastKnown(ctx)}
}

// aged is what was loaded at one age.
type aged[K comparable, V any] struct {
	loader *dataloader.Loader[K, Result[V]]
	cache  *cache[K, V]
	// taken is how many of the announced keys are in the cache.
	taken int
}

// New returns a loader. The gate may be nil.
func New[K comparable, V any](gate *Gate, fetch Fetch[K, V]) *Loader[K, V] {
	return &Loader[K, V]{gate: gate, fetch: fetch, seen: map[K]struct{}{}, ages: map[accepts]*aged[K, V]{}}
}

// Aged returns the loader for values that may be so old for a caller that does not say.
func (l *Loader[K, V]) Aged(a lookup.Ages) *Loader[K, V] {
	l.live = a == lookup.Ages{}
	return l
}

// Announce says that these keys may be loaded soon.
func (l *Loader[K, V]) Announce(keys ...K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		if _, ok := l.seen[k]; !ok {
			l.seen[k] = struct{}{}
			l.announced = append(l.announced, k)
		}
	}
}

// Load returns the answers in the order of the keys.
func (l *Loader[K, V]) Load(ctx context.Context, keys ...K) []Result[V] {
	if t, ok := ctx.Value(turnKey{}).(*turn); ok && t.whole {
		l.Announce(keys...)
		t.arrive()
		if l.gate != nil {
			t.gate.wait(ctx)
		}
	} else {
		l.gate.pass(ctx)
	}
	thunks := make([]dataloader.Thunk[Result[V]], len(keys))
	a := l.take(ctx, keys)
	for i, k := range keys {
		thunks[i] = a.loader.Load(ctx, k)
	}
	out := make([]Result[V], len(keys))
	for i, thunk := range thunks {
		r, err := thunk()
		if err != nil {
			r.Err = err
		}
		out[i] = r
	}
	return out
}

// take makes every announced key that is not loaded yet part of one question, if one of the
// keys wants it.
func (l *Loader[K, V]) take(ctx context.Context, keys []K) *aged[K, V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	want := l.acceptedBy(ctx)
	a := l.ages[want]
	if a == nil {
		c := &cache[K, V]{m: map[K]dataloader.Thunk[Result[V]]{}}
		a = &aged[K, V]{cache: c}
		a.loader = dataloader.NewBatchedLoader(l.window, dataloader.WithWait[K, Result[V]](window), dataloader.WithCache[K, Result[V]](c))
		l.ages[want] = a
	}
	wanted := false
	for _, k := range keys {
		_, announced := l.seen[k]
		wanted = wanted || (announced && !a.cache.has(k))
	}
	if !wanted {
		return a
	}
	q := &question[K, V]{ctx: ctx, fetch: l.fetch}
	for _, k := range l.announced[a.taken:] {
		if !a.cache.has(k) {
			q.keys = append(q.keys, k)
			a.cache.Set(ctx, k, q.answer(k))
		}
	}
	a.taken = len(l.announced)
	return a
}

// window answers keys that nobody announced, as dataloader gathered them.
func (l *Loader[K, V]) window(ctx context.Context, keys []K) []*dataloader.Result[Result[V]] {
	q := &question[K, V]{ctx: ctx, fetch: l.fetch, keys: keys}
	out := make([]*dataloader.Result[Result[V]], len(keys))
	for i, k := range keys {
		r, _ := q.answer(k)()
		out[i] = &dataloader.Result[Result[V]]{Data: r}
	}
	return out
}

// question is one bulk question, asked when its first answer is wanted.
type question[K comparable, V any] struct {
	ctx     context.Context //nolint:containedctx // the question belongs to the response whose context this is
	fetch   Fetch[K, V]
	keys    []K
	once    sync.Once
	answers lookup.Answers[K, V]
	err     error
}

func (q *question[K, V]) answer(k K) dataloader.Thunk[Result[V]] {
	return func() (Result[V], error) {
		q.once.Do(func() { q.answers, q.err = q.fetch(q.ctx, q.keys) })
		v, ok := q.answers.Found[k]
		err := q.answers.Failed[k] // which says more than that the time is up
		if err == nil {
			err = q.err
		}
		return Result[V]{Value: v, OK: ok && err == nil, Err: err}, nil
	}
}

// cache holds a response's answers; it lives as long as the response.
type cache[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]dataloader.Thunk[Result[V]]
}

func (c *cache[K, V]) has(k K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.m[k]
	return ok
}

// Get implements dataloader.Cache.
func (c *cache[K, V]) Get(_ context.Context, k K) (dataloader.Thunk[Result[V]], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.m[k]
	return t, ok
}

// Set implements dataloader.Cache.
func (c *cache[K, V]) Set(_ context.Context, k K, t dataloader.Thunk[Result[V]]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[k] = t
}

// Delete implements dataloader.Cache.
func (c *cache[K, V]) Delete(_ context.Context, k K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.m[k]
	delete(c.m, k)
	return ok
}

// Clear implements dataloader.Cache.
func (c *cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.m)
}
