package lookup

import (
	"context"
	"hash/maphash"
	"maps"
	"reflect"
	"sync"
	"time"

	"crossdock/domains/fault"
)

// Keeper keeps copies of what a source last said.
type Keeper[K comparable, V any] interface {
	Save(ctx context.Context, values map[K]V) error
	// Kept returns the copies at hand, with the time they were true. They are the caller's own.
	Kept(ctx context.Context, keys []K) (map[K]V, error)
}

// Ages are how old a value may be that is shown to somebody who does not say.
type Ages struct {
	// Fresh is up to when it is shown as it is; zero is never, so that its source is asked.
	Fresh time.Duration
	// Stale is up to when it is shown while its source is asked again behind the answer.
	Stale time.Duration
	// Known is up to when it is shown while its source does not answer; zero is never.
	Known time.Duration
}

// For is how old a value may be for this caller, shown as it is and while its source is asked again. A caller
// that says how old it may be gets nothing older from behind an answer.
func (a Ages) For(ctx context.Context) (fresh, stale time.Duration) {
	if age, ok := MaxAge(ctx); ok {
		return age, age
	}
	return a.Fresh, max(a.Fresh, a.Stale)
}

// ShowsLastKnown reports whether a value of this age is shown to the caller while its source does not answer.
func (a Ages) ShowsLastKnown(ctx context.Context, age time.Duration) bool {
	return TakesLastKnown(ctx) && a.Known > 0 && age <= a.Known
}

// Again is how soon a value is kept again that has not changed: a quarter of the time that a copy is good for, so that
// a copy is of use for the rest of it. Where nobody is shown copies while their source answers it is five minutes: then a
// copy says that it was true until earlier than it was.
func (a Ages) Again() time.Duration {
	switch {
	case a.Fresh > 0:
		return a.Fresh / 4
	case a.Stale > 0:
		return a.Stale / 4
	default:
		return 5 * time.Minute
	}
}

// Sort sorts keys by what is at hand: at which places are those to ask about before the answer, and which to ask about behind it. age
// says how old what is at hand of the ith key is, false when there is nothing that can be shown.
func Sort[K comparable](keys []K, fresh, stale time.Duration, age func(i int) (time.Duration, bool)) (ask []int, behind []K) {
	for i, k := range keys {
		switch old, ok := age(i); {
		case !ok || old > stale:
			ask = append(ask, i)
		case old > fresh:
			behind = append(behind, k)
		}
	}
	return ask, behind
}

// Copied is a source whose answers are kept: it is asked for what is not at hand young enough.
type Copied[K comparable, V any] struct {
	keeper     Keeper[K, V]
	asking     *Flights[K, V]
	provenance func(*V) *Provenance
	ages       Ages
}

// Copy returns a source with copies, of which none are made where none is ever shown. provenance points to a value's own.
func Copy[K comparable, V any](keeper Keeper[K, V], ask Ask[K, V], provenance func(*V) *Provenance, ages Ages) *Copied[K, V] {
	c := &Copied[K, V]{keeper: keeper, provenance: provenance, ages: ages}
	if ages == (Ages{}) {
		c.asking = Share(ask)
		return c
	}
	saved := saves[K, V]{last: map[uint64]save{}, every: ages.Again(), seed: maphash.MakeSeed()}
	c.asking = Share(func(ctx context.Context, keys []K) ([]Result[V], error) {
		results, err := ask(ctx, keys)
		if err != nil {
			return results, err
		}
		if due, notes := saved.due(keys, results, time.Now()); len(due) > 0 {
			if err = keeper.Save(ctx, due); err == nil {
				saved.note(notes)
			}
		}
		return results, err
	})
	return c
}

// saves remembers what was saved last, so that what has not changed is not saved again and again.
type saves[K comparable, V any] struct {
	// every is how soon a value is saved again that has not changed.
	every time.Duration
	seed  maphash.Seed

	mu   sync.Mutex
	last map[uint64]save
}

// save is the fingerprint of a value without its time, and when it was saved.
type save struct {
	value uint64
	// at is in nanoseconds since 1970: there are many.
	at int64
}

// remembered bounds the values that are remembered of one kind.
const remembered = 100_000

// due are the values that must be saved, and what to note of them when they are. Where there are any, those that will soon
// be are taken along.
func (s *saves[K, V]) due(keys []K, results []Result[V], now time.Time) (map[K]V, map[uint64]save) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, notes, due := map[K]V{}, map[uint64]save{}, false
	h := freshHash(s.seed)
	var its V
	var at K
	fields, named := reflect.ValueOf(&its).Elem(), reflect.ValueOf(&at).Elem()
	for i, r := range results {
		if !r.OK || r.Err != nil {
			continue
		}
		at, its = keys[i], r.Value
		// Fingerprints have 64 bits; that two of so few values have the same is next to impossible.
		key, value := fingerprint(h, named), fingerprint(h, fields)
		was, ok := s.last[key]
		changed, age := !ok || was.value != value, time.Duration(now.UnixNano()-was.at)
		if changed || age >= s.every/2 {
			out[at], notes[key] = its, save{value, now.UnixNano()}
			due = due || changed || age >= s.every
		}
	}
	if !due {
		return nil, nil
	}
	return out, notes
}

// note remembers values that were saved.
func (s *saves[K, V]) note(notes map[uint64]save) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.last)+len(notes) > remembered {
		clear(s.last)
	}
	maps.Copy(s.last, notes)
}

// Ages are how old an answer may be for a caller that does not say.
func (c *Copied[K, V]) Ages() Ages { return c.ages }

// Answers answers each key from the copy at hand when it is young enough for the caller, and else from the
// source. Of a key that the source fails to answer it gives what was last known, and says so, unless the
// caller refuses that.
func (c *Copied[K, V]) Answers(ctx context.Context, keys []K) ([]Result[V], error) {
	fresh, stale := c.ages.For(ctx)
	if stale <= 0 {
		return c.asked(ctx, keys)
	}
	kept, err := c.keeper.Kept(ctx, keys)
	if err != nil {
		return nil, err
	}
	out, now := make([]Result[V], len(keys)), time.Now()
	ask, behind := Sort(keys, fresh, stale, func(i int) (time.Duration, bool) {
		if out[i].Value, out[i].OK = kept[keys[i]]; !out[i].OK {
			return 0, false
		}
		return now.Sub(c.provenance(&out[i].Value).AsOf), true
	})
	c.asking.Start(ctx, behind)
	if len(ask) == 0 {
		return out, nil
	}
	results, err := c.asked(ctx, At(keys, ask))
	Put(out, ask, results)
	return out, err
}

// asked are the source's answers, and what was last known where it fails.
func (c *Copied[K, V]) asked(ctx context.Context, keys []K) ([]Result[V], error) {
	results, err := c.asking.Ask(ctx, keys)
	if err != nil || !TakesLastKnown(ctx) || c.ages.Known == 0 {
		return results, err
	}
	var failed []K
	for i, r := range results {
		if fault.Retryable(r.Err) {
			failed = append(failed, keys[i])
		}
	}
	if len(failed) == 0 {
		return results, nil
	}
	kept, err := c.keeper.Kept(ctx, failed)
	if err != nil {
		return results, err
	}
	now := time.Now()
	for i := range results {
		v, ok := kept[keys[i]]
		if !ok || !fault.Retryable(results[i].Err) || !c.ages.ShowsLastKnown(ctx, now.Sub(c.provenance(&v).AsOf)) {
			continue
		}
		c.provenance(&v).Freshness = LastKnown
		results[i] = Result[V]{Value: v, OK: true}
	}
	return results, nil
}
