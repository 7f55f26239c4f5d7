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
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/graph-gophers/dataloader/v7"

	"crossdock/domains/lookup"
)

// window is how long keys that nobody announced wait for others.
const window = time.Millisecond

// Loader holds one response's answers of one kind, by the age that the caller accepts.
type Loader[K comparable, V any] struct {
	gate  *Gate
	fetch lookup.Ask[K, V]
	// live is true when a caller that does not say is answered as one that wants it live.
	live bool

	mu sync.Mutex
	// announced are in the order in which they were, and as often.
	announced []K
	// seen are those of the announced that were looked at so far; they are when somebody asks.
	seen   map[K]struct{}
	looked int
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
	// first is the first question. Its keys are not in asked until there is another.
	first *question[K, V]
	// asked are the places of keys.
	asked map[K]place[K, V]
	// taken is how many of the announced keys are asked.
	taken int
	// late gathers keys that nobody announced; nil while there are none.
	late *dataloader.Loader[K, lookup.Result[V]]
}

// New returns a loader of a question, whose keys may repeat, and are not to be changed by whoever answers. The gate may be nil.
func New[K comparable, V any](gate *Gate, fetch lookup.Ask[K, V]) *Loader[K, V] {
	return &Loader[K, V]{gate: gate, fetch: fetch, ages: map[accepts]*aged[K, V]{}}
}

// Aged returns the loader for values that may be so old for a caller that does not say.
func (l *Loader[K, V]) Aged(a lookup.Ages) *Loader[K, V] {
	l.live = a.Fresh == 0 && a.Stale == 0
	return l
}

// Announce says that these keys may be loaded soon. A list of them is not to be changed afterwards.
func (l *Loader[K, V]) Announce(keys ...K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.announced) == 0 {
		l.announced = slices.Clip(keys)
		return
	}
	l.announced = append(l.announced, keys...)
}

// announceOnce is Announce for keys that may have been announced just now, as whoever returned their rows does. It returns
// from where among the announced they are.
func (l *Loader[K, V]) announceOnce(keys []K) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.announced) - len(keys)
	if n < 0 || !slices.Equal(l.announced[n:], keys) {
		n = len(l.announced)
		l.announced = append(l.announced, keys...)
	}
	return n
}

// wasAnnounced reports whether a key was announced.
func (l *Loader[K, V]) wasAnnounced(k K) bool {
	if l.seen == nil {
		l.seen = make(map[K]struct{}, len(l.announced))
	}
	for ; l.looked < len(l.announced); l.looked++ {
		l.seen[l.announced[l.looked]] = struct{}{}
	}
	_, ok := l.seen[k]
	return ok
}

// Load returns the answers in the order of the keys.
func (l *Loader[K, V]) Load(ctx context.Context, keys ...K) []lookup.Result[V] {
	t, _ := ctx.Value(turnKey{}).(*turn)
	whole := t != nil && t.whole
	from := 0
	if whole {
		from = l.announceOnce(keys)
		t.arrive()
		if l.gate != nil {
			t.gate.wait(ctx)
		}
	} else {
		l.gate.pass(ctx)
	}
	out := make([]lookup.Result[V], len(keys))
	places, late := l.take(ctx, keys, whole, from)
	var thunks []dataloader.Thunk[lookup.Result[V]]
	for i, p := range places {
		if p.question == nil {
			thunks = append(thunks, late.Load(ctx, keys[i]))
		}
	}
	for i, p := range places {
		if p.question != nil {
			out[i] = p.answer()
			continue
		}
		r, err := thunks[0]()
		if thunks = thunks[1:]; err != nil {
			r.Err = err
		}
		out[i] = r
	}
	return out
}

// Put enters an answer that came with something else. Whoever asks for the key as this context does gets it.
func (l *Loader[K, V]) Put(ctx context.Context, k K, result lookup.Result[V]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accepting(ctx)
	a.index()
	if _, known := a.asked[k]; !known {
		q := &question[K, V]{results: []lookup.Result[V]{result}}
		q.once.Do(func() {})
		a.asked[k] = place[K, V]{question: q}
	}
}

// accepting is what was loaded for those who accept what the context does.
func (l *Loader[K, V]) accepting(ctx context.Context) *aged[K, V] {
	want := l.acceptedBy(ctx)
	a := l.ages[want]
	if a == nil {
		a = &aged[K, V]{}
		l.ages[want] = a
	}
	return a
}

// take returns the place of each key, none for keys that nobody announced, and what gathers those. Every
// announced key that is not asked for yet becomes part of one question, if one of the keys wants it. whole says that all
// of them were announced, and are among the announced from there on.
func (l *Loader[K, V]) take(ctx context.Context, keys []K, whole bool, from int) ([]place[K, V], *dataloader.Loader[K, lookup.Result[V]]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accepting(ctx)
	out := make([]place[K, V], len(keys))
	if whole && len(keys) > 0 && a.first == nil && a.asked == nil {
		a.first = &question[K, V]{ctx: ctx, fetch: l.fetch, keys: slices.Clip(l.announced)}
		a.taken = len(l.announced)
		for i := range out {
			out[i] = place[K, V]{a.first, from + i}
		}
		return out, nil
	}
	a.index()
	wanted, late := false, false
	for i, k := range keys {
		if out[i] = a.asked[k]; out[i].question == nil {
			announced := whole || l.wasAnnounced(k)
			wanted, late = wanted || announced, late || !announced
		}
	}
	if wanted {
		q := &question[K, V]{ctx: ctx, fetch: l.fetch, keys: make([]K, 0, len(l.announced)-a.taken)}
		for _, k := range l.announced[a.taken:] {
			if _, known := a.asked[k]; !known {
				a.asked[k], q.keys = place[K, V]{q, len(q.keys)}, append(q.keys, k)
			}
		}
		a.taken = len(l.announced)
		for i, k := range keys {
			out[i] = a.asked[k]
		}
	}
	if late && a.late == nil {
		a.late = dataloader.NewBatchedLoader(l.window(a), dataloader.WithWait[K, lookup.Result[V]](window))
	}
	return out, a.late
}

// index enters the keys of the first question in asked.
func (a *aged[K, V]) index() {
	if a.asked != nil {
		return
	}
	a.asked = map[K]place[K, V]{}
	if a.first != nil {
		for i, k := range a.first.keys {
			a.asked[k] = place[K, V]{a.first, i}
		}
	}
}

// window answers keys that nobody announced, as dataloader gathered them.
func (l *Loader[K, V]) window(a *aged[K, V]) dataloader.BatchFunc[K, lookup.Result[V]] {
	return func(ctx context.Context, keys []K) []*dataloader.Result[lookup.Result[V]] {
		q := &question[K, V]{ctx: ctx, fetch: l.fetch, keys: keys}
		l.mu.Lock()
		for i, k := range keys {
			a.asked[k] = place[K, V]{q, i}
		}
		l.mu.Unlock()
		out := make([]*dataloader.Result[lookup.Result[V]], len(keys))
		for i := range keys {
			out[i] = &dataloader.Result[lookup.Result[V]]{Data: place[K, V]{q, i}.answer()}
		}
		return out
	}
}

// question is one bulk question, asked when its first answer is wanted.
type question[K comparable, V any] struct {
	ctx     context.Context //nolint:containedctx // the question belongs to the response whose context this is
	fetch   lookup.Ask[K, V]
	keys    []K
	once    sync.Once
	results []lookup.Result[V]
	err     error
}

// place is where in which question a key is.
type place[K comparable, V any] struct {
	question *question[K, V]
	at       int
}

var errPanicked = errors.New("the question that this key is part of panicked")

func (p place[K, V]) answer() lookup.Result[V] {
	q := p.question
	q.once.Do(func() {
		q.err = errPanicked // what the others see when it does
		q.results, q.err = q.fetch(q.ctx, q.keys)
	})
	var r lookup.Result[V]
	if p.at < len(q.results) {
		r = q.results[p.at]
	}
	if q.err != nil && r.Err == nil { // a key's own failure says more
		return lookup.Result[V]{Err: q.err}
	}
	return r
}
