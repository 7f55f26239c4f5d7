package resolvers

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"golang.org/x/sync/errgroup"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/graph/breadth"
	"crossdock/sources/batch"
)

// maxAgeLimit is the oldest value that a caller may ask for, in seconds.
const maxAgeLimit = 24 * 60 * 60

// aged narrows the context to what a field's arguments accept: an age in seconds, and whether what was last
// known is better than nothing.
func aged(ctx context.Context, seconds *int, orLastKnown bool) (context.Context, error) {
	if !orLastKnown {
		ctx = lookup.WithoutLastKnown(ctx)
	}
	if seconds == nil {
		return ctx, nil
	}
	if *seconds < 0 || *seconds > maxAgeLimit {
		return ctx, fault.New(fault.Invalid, "a maxAge of %d; give 0 to %d seconds", *seconds, maxAgeLimit).At("maxAge")
	}
	return lookup.WithMaxAge(ctx, time.Duration(*seconds)*time.Second), nil
}

// load answers a batch resolver: a value for each key, null where there is none and for a key that is none. A failed
// key is null too; the failure is said once for the whole response, with how many it affected.
func load[K comparable, V any](ctx context.Context, loader *batch.Loader[K, V], keys []K) ([]V, error) {
	var none K
	asked := keys
	if slices.Contains(keys, none) {
		asked = slices.DeleteFunc(slices.Clone(keys), func(k K) bool { return k == none })
	}
	results := loader.Load(ctx, asked...)
	out := make([]V, len(keys))
	var errs graphql.BatchErrorList
	next := 0
	for i, k := range keys {
		if k == none {
			continue
		}
		r := results[next]
		next++
		if r.Err == nil {
			out[i] = r.Value
			continue
		}
		if errs == nil {
			errs = make(graphql.BatchErrorList, len(keys))
		}
		errs[i] = scopeOf(ctx).failures.first(ctx, r.Err)
	}
	return out, some(errs)
}

// shown says of availabilities which nodes could not be asked, once for each source: the figures of the others
// stand beside it.
func shown(ctx context.Context, list []*inventory.Availability, err error) ([]*inventory.Availability, error) {
	for i, a := range list {
		if a == nil {
			continue
		}
		for _, u := range a.Unknown {
			breadth.Report(ctx, i, scopeOf(ctx).failures.first(ctx, u.Err))
		}
	}
	return list, err
}

// partial hands the failures of a list's elements to the response, each at its place, so that the
// other elements stand. Any other error fails the list.
func partial[V any](ctx context.Context, list []V, err error) ([]V, error) {
	some, ok := errors.AsType[graphql.BatchErrorList](err)
	if !ok {
		return list, err
	}
	for i, e := range some {
		if e != nil {
			graphql.AddError(graphql.WithPathContext(ctx, graphql.NewPathWithIndex(i)), e)
		}
	}
	return list, nil
}

// abreast answers a batch resolver whose parents can only be asked about one by one, a few at a time.
func abreast[O, V any](ctx context.Context, objs []*O, of func(*O) (*V, error)) ([]*V, error) {
	out, errs := make([]*V, len(objs)), make(graphql.BatchErrorList, len(objs))
	var g errgroup.Group
	g.SetLimit(maxAbreast)
	for i, o := range objs {
		if o == nil {
			continue
		}
		g.Go(func() error {
			defer func() {
				if v := recover(); v != nil {
					errs[i] = graphql.GetOperationContext(ctx).RecoverFunc(ctx, v)
				}
			}()
			out[i], errs[i] = of(o)
			return nil
		})
	}
	_ = g.Wait() // each has its own
	return out, some(errs)
}

// maxAbreast bounds the reads of one field at once: the database's connections are for everybody.
const maxAbreast = 4

// keysOf reads the key of each object. gqlgen's executor also asks for objects that are nil.
func keysOf[T any, K comparable](objs []*T, key func(*T) K) []K {
	out := make([]K, len(objs))
	for i, o := range objs {
		if o != nil {
			out[i] = key(o)
		}
	}
	return out
}

// spread gives each object what was found of its key, an empty list where there is nothing.
func spread[T, V any, K comparable](objs []*T, found map[K][]V, key func(*T) K) [][]V {
	out := make([][]V, len(objs))
	for i, o := range objs {
		if out[i] = []V{}; o != nil && len(found[key(o)]) > 0 {
			out[i] = found[key(o)]
		}
	}
	return out
}

// one answers a field that loads one key.
func one[K comparable, V any](ctx context.Context, loader *batch.Loader[K, V], key K) (V, error) {
	r := loader.Load(ctx, key)[0]
	return r.Value, r.Err
}
