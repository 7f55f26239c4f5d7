// Package sourcetest is what every adapter must pass: a suite for bulk questions (Test), one for
// writes (TestCommand) and one for lists of changes (TestFeed), run against the adapter in front of
// its product or of the sandbox that stands for it.
//
// They cover known, unknown and repeated keys, no keys, more keys than one call of the product
// takes, repeats and races of a write, replies lost after their effect, cursors read again, a
// cancelled caller, and a product that is down. There are no skips: an adapter implements a port
// completely or is not wired for it.
package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
)

// Port is one bulk question of an adapter, with what the suite needs to know of its world.
type Port[K comparable, V any] struct {
	// Ask puts the question.
	Ask func(ctx context.Context, keys []K) (lookup.Answers[K, V], error)
	// Known are keys that have answers, at least two; Unknown makes keys that have none.
	Known   []K
	Unknown func(n int) K
	// KeyOf reads the key that an answer is about, if it tells.
	KeyOf func(V) K
	// Many is more than one call of the product takes.
	Many int
	// Down makes the product fail until the returned function is called.
	Down func() (up func())
}

// Test runs the suite.
func Test[K comparable, V any](t *testing.T, p Port[K, V]) {
	t.Helper()
	ctx := t.Context()
	ask := func(t *testing.T, keys []K) lookup.Answers[K, V] {
		t.Helper()
		a, err := p.Ask(ctx, keys)
		if err != nil {
			t.Fatalf("ask %v: %v", keys, err)
		}
		return a
	}
	whole := func(t *testing.T, a lookup.Answers[K, V]) {
		t.Helper()
		for _, k := range p.Known {
			v, ok := a.Found[k]
			if !ok {
				t.Errorf("%v has no answer; failed: %v", k, a.Failed[k])
			} else if p.KeyOf != nil && p.KeyOf(v) != k {
				t.Errorf("%v is answered with what belongs to %v", k, p.KeyOf(v))
			}
		}
	}
	if len(p.Known) < 2 {
		t.Fatal("the suite needs two known keys")
	}
	if a := ask(t, nil); len(a.Found)+len(a.Failed) != 0 {
		t.Errorf("no keys are answered: %v", a)
	}
	whole(t, ask(t, p.Known))
	whole(t, ask(t, append(append([]K{}, p.Known...), p.Known...)))
	// An unknown key among known ones spoils nobody, and is in neither half.
	unknown := p.Unknown(0)
	a := ask(t, append([]K{unknown}, p.Known...))
	whole(t, a)
	if _, ok := a.Found[unknown]; ok || a.Failed[unknown] != nil {
		t.Errorf("the unknown key %v is answered: %v %v", unknown, a.Found[unknown], a.Failed[unknown])
	}
	var many []K
	for n := range p.Many {
		many = append(many, p.Unknown(n+1))
	}
	whole(t, ask(t, append(many, p.Known...)))

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := p.Ask(cancelled, p.Known); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled caller is answered: %v", err)
	}

	up := p.Down()
	a, err := p.Ask(ctx, p.Known)
	up()
	for _, k := range p.Known {
		failure := a.Failed[k]
		if err != nil {
			failure = err
		}
		if failure == nil || !fault.Retryable(failure) {
			t.Errorf("while the product is down %v is answered %v, %v", k, a.Found[k], failure)
		}
	}
}

// ByKey is a question that is answered in order, answered by key.
func ByKey[K comparable, V any](ask lookup.Ask[K, V]) func(ctx context.Context, keys []K) (lookup.Answers[K, V], error) {
	return func(ctx context.Context, keys []K) (lookup.Answers[K, V], error) {
		results, err := ask(ctx, keys)
		if err == nil && len(results) != len(keys) {
			err = fmt.Errorf("%d answers to %d questions", len(results), len(keys))
		}
		out := lookup.ByKey(keys, results)
		for i, r := range results {
			if _, found := out.Found[keys[i]]; err == nil && found != r.OK {
				err = fmt.Errorf("%v is answered in one of its places and not in another", keys[i])
			}
		}
		return out, err
	}
}

// Numbered makes unknown keys of a string type.
func Numbered[K ~string](prefix string) func(int) K {
	return func(n int) K { return K(fmt.Sprintf("%s-%d", prefix, n)) }
}
