package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
