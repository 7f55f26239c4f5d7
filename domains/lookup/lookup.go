// Package lookup is the shape of every bulk question and its answers.
//
// Ports are bulk by design: many keys in, an answer for each out, so that no adapter can be
// slow one key at a time.
package lookup

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"crossdock/domains/fault"
	"crossdock/internal/stack"
)

// Answers holds what a source said about each key asked for. A key missing from both halves
// does not exist. A failed key does not spoil its neighbours.
type Answers[K comparable, V any] struct {
	Found  map[K]V
	Failed map[K]error
}

// Empty returns answers with room for n keys.
func Empty[K comparable, V any](n int) Answers[K, V] {
	return Answers[K, V]{Found: make(map[K]V, n), Failed: map[K]error{}}
}

// AllFailed returns answers in which every key has failed.
func AllFailed[K comparable, V any](keys []K, err error) Answers[K, V] {
	out := Empty[K, V](0)
	out.Fail(keys, err)
	return out
}

// Fail makes keys have failed.
func (a Answers[K, V]) Fail(keys []K, err error) {
	for _, k := range keys {
		a.Failed[k] = err
	}
}

// Merge adds the answers of another source to a.
func (a Answers[K, V]) Merge(b Answers[K, V]) {
	maps.Copy(a.Found, b.Found)
	maps.Copy(a.Failed, b.Failed)
}

// Result is the answer for one key. Without an error and not OK, the key does not exist. Within a domain one may be OK beside an error:
// then it is what was last known.
type Result[V any] struct {
	Value V
	OK    bool
	Err   error
}

// Ask is one bulk question that is answered in the order of its keys: what goes through several hands is not looked up by key in each.
type Ask[K comparable, V any] func(ctx context.Context, keys []K) ([]Result[V], error)

// InOrder are answers in the order of keys, which may repeat.
func InOrder[K comparable, V any](keys []K, answers Answers[K, V]) []Result[V] {
	out := make([]Result[V], len(keys))
	for i, k := range keys {
		if len(answers.Failed) > 0 {
			if out[i].Err = answers.Failed[k]; out[i].Err != nil {
				continue
			}
		}
		out[i].Value, out[i].OK = answers.Found[k]
	}
	return out
}

// ByKey are the results of keys by key.
func ByKey[K comparable, V any](keys []K, results []Result[V]) Answers[K, V] {
	out := Empty[K, V](len(results))
	for i, r := range results {
		if r.Err != nil {
			out.Failed[keys[i]] = r.Err
		} else if r.OK {
			out.Found[keys[i]] = r.Value
		}
	}
	return out
}

// Ordered is a question that is answered by key, answered in order.
func Ordered[K comparable, V any](ask func(ctx context.Context, keys []K) (Answers[K, V], error)) Ask[K, V] {
	return func(ctx context.Context, keys []K) ([]Result[V], error) {
		answers, err := ask(ctx, keys)
		return InOrder(keys, answers), err
	}
}

// Only is the result of a question about one key. The key's own failure says more than that of the question.
func Only[V any](results []Result[V], err error) Result[V] {
	if len(results) == 0 || err != nil && results[0].Err == nil {
		return Result[V]{Err: err}
	}
	return results[0]
}

// Failure is the failure of the first key that has failed, nil when none has.
func Failure[V any](results []Result[V]) error {
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// Once is a question that is asked about each key once, however often it is there. It fails when not each is answered.
func Once[K comparable, V any](ask Ask[K, V]) Ask[K, V] {
	return func(ctx context.Context, keys []K) ([]Result[V], error) {
		distinct, places := Distinct(keys)
		results, err := ask(ctx, distinct)
		if len(results) != len(distinct) {
			return nil, cmp.Or(err, error(fault.New(fault.BadResponse, "%d answers to %d questions", len(results), len(distinct))))
		}
		return At(results, places), err
	}
}

// Where asks about those keys that are accepted. The others are answered as if they did not exist.
func Where[K comparable, V any](ctx context.Context, keys []K, accepts func(K) bool, ask Ask[K, V]) ([]Result[V], error) {
	var places []int
	for i, k := range keys {
		if accepts(k) {
			places = append(places, i)
		}
	}
	switch len(places) {
	case 0:
		return make([]Result[V], len(keys)), nil
	case len(keys):
		return ask(ctx, keys)
	}
	results, err := ask(ctx, At(keys, places))
	out := make([]Result[V], len(keys))
	Put(out, places, results)
	return out, err
}

// At are the elements of a list at these places.
func At[T any](list []T, places []int) []T {
	out := make([]T, len(places))
	for i, p := range places {
		out[i] = list[p]
	}
	return out
}

// Put puts the elements of a list to these places of another one.
func Put[T any](into []T, places []int, list []T) {
	for i, v := range list {
		into[places[i]] = v
	}
}

// Unique returns keys without repeats, in the order of first appearance.
func Unique[K comparable](keys []K) []K {
	out := make([]K, 0, min(len(keys), few))
	var seen map[K]struct{} // once there are many
	for _, k := range keys {
		_, known := seen[k]
		if known || seen == nil && slices.Contains(out, k) {
			continue
		}
		if seen == nil && len(out) == few {
			out, seen = slices.Grow(out, len(keys)-few), make(map[K]struct{}, len(keys))
			for _, k := range out {
				seen[k] = struct{}{}
			}
		}
		if out = append(out, k); seen != nil {
			seen[k] = struct{}{}
		}
	}
	return out
}

// Numbered returns keys without repeats, in the order of first appearance, and where each is among them.
func Numbered[K comparable](keys []K) ([]K, map[K]int) {
	list, at := make([]K, 0, len(keys)), make(map[K]int, len(keys))
	for _, k := range keys {
		if _, known := at[k]; !known {
			at[k] = len(list)
			list = append(list, k)
		}
	}
	return list, at
}

// Distinct returns keys without repeats, in the order of first appearance, and of each key where among them it is.
func Distinct[K comparable](keys []K) (list []K, places []int) {
	list, at := Numbered(keys)
	places = make([]int, len(keys))
	for i, k := range keys {
		places[i] = at[k]
	}
	return list, places
}

// Abreast makes calls at the same time, the last of them here, and waits for them.
func Abreast(calls []func()) {
	var wg sync.WaitGroup
	for i, call := range calls {
		if i < len(calls)-1 {
			wg.Go(func() {
				stack.Reserve()
				call()
			})
		} else {
			call()
		}
	}
	wg.Wait()
}

// Merged makes calls at the same time, and merges what they answer.
func Merged[K comparable, V any](calls []func() Answers[K, V]) Answers[K, V] {
	parts, making := make([]Answers[K, V], len(calls)), make([]func(), len(calls))
	for i, call := range calls {
		making[i] = func() { parts[i] = call() }
	}
	Abreast(making)
	out := Empty[K, V](0)
	for _, part := range parts {
		out.Merge(part)
	}
	return out
}

// few keys are found faster by looking at each.
const few = 24

// Freshness says how a value came to be in an answer.
type Freshness string

// Live was asked for this answer; cached is within the age the caller accepts; last known is
// older than that and given because the source did not answer.
const (
	Live      Freshness = "LIVE"
	Cached    Freshness = "CACHED"
	LastKnown Freshness = "LAST_KNOWN"
)

// Provenance tells where a volatile value comes from and how old it is.
type Provenance struct {
	Source    string    `json:"source"`
	AsOf      time.Time `json:"asOf"`
	Freshness Freshness `json:"freshness"`
}

// Page is one step through a source's changes. Next is the cursor to ask with next time; it
// is valid even when Items is empty. More says that asking again at once is worthwhile. Total is
// how many there are from the cursor asked with on, zero when the source does not count them.
type Page[V any] struct {
	Items []V
	Next  string
	More  bool
	Total int
}

// Window is the span of time in which something certainly happened: the answer to a read
// reflects one instant inside it, a write took effect at one instant inside it. A zero End
// means that it may still be happening.
type Window struct {
	Start, End time.Time
}

type maxAgeKey struct{}

// WithMaxAge returns a context whose reads accept values at most d old; zero means live. Like
// a deadline it belongs to the request, and every layer below may only tighten it.
func WithMaxAge(ctx context.Context, d time.Duration) context.Context {
	if cur, ok := MaxAge(ctx); ok && cur < d {
		return ctx
	}
	return context.WithValue(ctx, maxAgeKey{}, d)
}

// MaxAge returns the age the caller accepts, and whether it said so.
func MaxAge(ctx context.Context) (time.Duration, bool) {
	d, ok := ctx.Value(maxAgeKey{}).(time.Duration)
	return d, ok
}

type sinceKey struct{}

// since is the earliest moment that something may be read as of.
type since struct {
	mu sync.Mutex
	at time.Time
	// told is true when somebody has gone by it.
	told bool
}

// reach makes it no earlier than another; it is false when somebody has gone by an earlier one.
func (s *since) reach(at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.After(s.at) {
		if s.told {
			return false
		}
		s.at = at
	}
	return true
}

// WithSince returns a context whose reads of what we hold ourselves may be as of any moment since then. A query's may be as of its
// beginning: whatever was answered before it began it sees.
func WithSince(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, sinceKey{}, &since{at: at})
}

// AsOfNow returns a context whose reads see all that was done before them, as those without WithSince do.
func AsOfNow(ctx context.Context) context.Context {
	return context.WithValue(ctx, sinceKey{}, (*since)(nil))
}

// Since is the earliest moment that what we hold may be read as of: now, where nobody says otherwise.
func Since(ctx context.Context) time.Time {
	s, _ := ctx.Value(sinceKey{}).(*since)
	if s == nil {
		return time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = true
	return s.at
}

type refuseKey struct{}

// WithoutLastKnown returns a context whose reads rather fail than answer with what was last known.
func WithoutLastKnown(ctx context.Context) context.Context {
	return context.WithValue(ctx, refuseKey{}, true)
}

// TakesLastKnown reports whether what was last known is better than nothing for the caller.
func TakesLastKnown(ctx context.Context) bool { return ctx.Value(refuseKey{}) == nil }
