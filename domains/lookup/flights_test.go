package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"crossdock/domains/lookup"
)

type key struct{ account, sku string }

// slow is a source whose answers name their key, and which counts how often a key is asked for while
// it is on its way already.
type slow struct {
	mu       sync.Mutex
	under    map[key]int
	doubled  int
	asked    int
	takes    time.Duration
	fail     error
	failKeys map[key]error
}

func (s *slow) ask(ctx context.Context, keys []key) (lookup.Answers[key, string], error) {
	out := lookup.Empty[key, string](len(keys))
	s.mu.Lock()
	for _, k := range keys {
		if s.under[k]++; s.under[k] > 1 {
			s.doubled++
		}
		s.asked++
	}
	s.mu.Unlock()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return out, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		s.under[k]--
		if err := s.failKeys[k]; err != nil {
			out.Failed[k] = err
		} else if k.sku != "none" {
			out.Found[k] = k.account + "/" + k.sku
		}
	}
	return out, s.fail
}

// TestNothingIsMixed has many callers ask for overlapping keys of two accounts at once.
func TestNothingIsMixed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{under: map[key]int{}, takes: 20 * time.Millisecond, failKeys: map[key]error{{"B", "3"}: errors.New("B3")}}
		f := lookup.Share(lookup.Ordered(s.ask))
		r := rand.New(rand.NewPCG(1, 2))
		var wg sync.WaitGroup
		var given atomic.Int64
		for range 400 {
			var keys []key
			for range 1 + r.IntN(6) {
				keys = append(keys, key{[]string{"A", "B"}[r.IntN(2)], []string{"1", "2", "3", "none"}[r.IntN(4)]})
			}
			wait := time.Duration(r.IntN(200)) * time.Millisecond
			wg.Go(func() {
				time.Sleep(wait)
				results, err := f.Ask(t.Context(), keys)
				if err != nil {
					t.Error(err)
				}
				a := lookup.ByKey(keys, results)
				for _, k := range lookup.Unique(keys) {
					v, found := a.Found[k]
					switch {
					case k == key{"B", "3"}:
						if found || a.Failed[k] == nil || a.Failed[k].Error() != "B3" {
							t.Errorf("%v is %q, %v", k, v, a.Failed[k])
						}
					case k.sku == "none":
						if found || a.Failed[k] != nil {
							t.Errorf("%v is %q, %v", k, v, a.Failed[k])
						}
					case v != k.account+"/"+k.sku:
						t.Errorf("%v is answered %q", k, v)
					}
					given.Add(1)
				}
			})
		}
		wg.Wait()
		if s.doubled > 0 {
			t.Errorf("%d times a key was asked for that was on its way", s.doubled)
		}
		if int64(s.asked)*4 > given.Load() {
			t.Errorf("%d keys were asked for to give %d answers: little was shared", s.asked, given.Load())
		}
	})
}

// TestALeaverTakesNobodyAlong cancels the caller who asked; those who joined are answered.
func TestALeaverTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{under: map[key]int{}, takes: time.Second}
		f := lookup.Share(lookup.Ordered(s.ask))
		leader, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := f.Ask(leader, []key{{"A", "1"}}); !errors.Is(err, context.Canceled) {
				t.Errorf("the leaver is answered %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if a, err := f.Ask(t.Context(), []key{{"A", "1"}, {"A", "2"}}); err != nil || a[0].Value != "A/1" || a[1].Value != "A/2" {
				t.Errorf("the joiner is answered %v, %v", a, err)
			}
		})
		synctest.Wait()
		leave()
		wg.Wait()
		if s.asked != 2 {
			t.Errorf("%d keys were asked for", s.asked)
		}
	})
}

// TestWhatAFlightIsToldAsOf: as of the latest of those who have boarded; once it has gone by that, whoever may not be told so much flies by
// himself.
func TestWhatAFlightIsToldAsOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type answer struct{ since, asked time.Time }
		var looks atomic.Int64
		f := lookup.Share(func(ctx context.Context, keys []string) ([]lookup.Result[answer], error) {
			asked := time.Now()
			time.Sleep(time.Minute)
			since := lookup.Since(ctx)
			looks.Add(1)
			time.Sleep(time.Minute)
			return slices.Repeat([]lookup.Result[answer]{{Value: answer{since, asked}, OK: true}}, len(keys)), nil
		})
		start := time.Now()
		at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
		var wg sync.WaitGroup
		// board asks at a time for keys as of another, and is answered by the flight that began at a third, as of a fourth.
		board := func(now int, ctx context.Context, flight, since int, keys ...string) {
			wg.Go(func() {
				time.Sleep(time.Until(at(now)))
				got, err := f.Ask(ctx, keys)
				if err != nil {
					t.Error(err)
				}
				for i, r := range got {
					if r.Err != nil || !r.Value.asked.Equal(at(flight)) || !r.Value.since.Equal(at(since)) {
						t.Errorf("at %d s, %s: asked %s after the start, as of %s, %v", now, keys[i], r.Value.asked.Sub(start), r.Value.since.Sub(start), r.Err)
					}
				}
			})
		}
		query := func(began int) context.Context { return lookup.WithSince(t.Context(), at(began)) }
		board(0, query(0), 0, 30, "A", "B")
		board(20, query(10), 0, 30, "A")
		board(30, t.Context(), 0, 30, "B")    // who says nothing may be told as of now
		board(70, query(25), 0, 30, "A")      // which the flight has not gone beyond
		board(80, query(40), 80, 100, "A")    // which it has, at 60 s
		board(100, t.Context(), 80, 100, "A") // and what is asked for now is found
		wg.Wait()
		if n := looks.Load(); n != 2 {
			t.Errorf("%d flights", n)
		}
		board(300, query(290), 300, 290, "A", "B")
		wg.Wait()
	})
}

// TestKeysOfOneHash are told apart.
func TestKeysOfOneHash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{under: map[key]int{}, takes: time.Second}
		f := lookup.Share(lookup.Ordered(s.ask))
		f.Collide()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if a, err := f.Ask(t.Context(), []key{{"A", "1"}, {"A", "2"}, {"A", "1"}}); err != nil || a[0].Value != "A/1" || a[1].Value != "A/2" || a[2].Value != "A/1" {
					t.Errorf("they are answered %v, %v", a, err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if s.asked != 4 { // the first, once, and the other by each
			t.Errorf("%d keys were asked for", s.asked)
		}
	})
}

// TestAFailureIsEverybodysAndEndsThere: who joined hears of it, who comes later asks anew.
func TestAFailureIsEverybodysAndEndsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{under: map[key]int{}, takes: time.Second, fail: errors.New("down")}
		f := lookup.Share(lookup.Ordered(s.ask))
		k := key{"A", "1"}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if a, err := f.Ask(t.Context(), []key{k}); err != nil || fmt.Sprint(a[0].Err) != "down" {
					t.Errorf("%v %v", a, err)
				}
			})
		}
		wg.Wait()
		s.fail = nil
		if a, _ := f.Ask(t.Context(), []key{k}); a[0].Value != "A/1" {
			t.Errorf("after the failure: %v", a)
		}
		if s.asked != 2 {
			t.Errorf("%d keys were asked for", s.asked)
		}
	})
}

// TestATenthOfTheTimeIsLeft: a caller whose time is nearly up gets what has landed by then, of each flight that it waits for, and is told
// of the rest.
func TestATenthOfTheTimeIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		takes := map[string]time.Duration{"soon": 2 * time.Second, "later": 5 * time.Second, "late": 20 * time.Second, "latest": 25 * time.Second}
		f := lookup.Share(func(_ context.Context, keys []string) ([]lookup.Result[string], error) {
			time.Sleep(takes[keys[0]])
			out := make([]lookup.Result[string], len(keys))
			for i, k := range keys {
				out[i] = lookup.Result[string]{Value: k, OK: true}
			}
			return out, nil
		})
		var others sync.WaitGroup
		for k := range takes {
			others.Go(func() { _, _ = f.Ask(t.Context(), []string{k}) })
		}
		synctest.Wait()
		began := time.Now()
		ctx, cancel := context.WithDeadline(t.Context(), began.Add(10*time.Second))
		defer cancel()
		keys := []string{"soon", "late", "later", "latest", "soon"}
		got, err := f.Ask(ctx, keys)
		if took := time.Since(began); err != nil || took != 9*time.Second {
			t.Errorf("it took %v: %v", took, err)
		}
		for i, r := range got {
			if landed := takes[keys[i]] < 9*time.Second; r.OK != landed || (r.Err == nil) != landed || landed && r.Value != keys[i] {
				t.Errorf("%s is %+v", keys[i], r)
			}
		}
		others.Wait()
	})
}
