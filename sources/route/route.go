// Package route sends each key to the source that owns it and merges the answers. A source that
// fails spoils only its own keys.
package route

import (
	"context"
	"slices"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
)

var (
	_ inventory.Source        = (*Stock)(nil)
	_ inventory.LotSource     = (*Stock)(nil)
	_ inventory.ArrivalSource = (*Stock)(nil)
)

// Stock asks the source behind each node.
type Stock struct {
	sources map[string]inventory.Source
	owners  map[trade.NodeID]owner
	names   Names
}

// owner is the source of a node, and what that calls it.
type owner struct {
	source string
	local  trade.NodeID
}

// NewStock routes by the nodes' configured source. A source that names its places or our items otherwise
// than we do is asked by its own names.
func NewStock(nodes []inventory.Node, sources map[string]inventory.Source, names Names) *Stock {
	s := &Stock{sources: sources, names: names, owners: map[trade.NodeID]owner{}}
	for _, n := range nodes {
		if sources[n.Source] != nil {
			s.owners[n.ID] = owner{n.Source, trade.NodeID(n.Location)}
		}
	}
	return s
}

// Stock asks all owners at once.
func (s *Stock) Stock(ctx context.Context, keys []inventory.Key) ([]lookup.Result[inventory.Figure], error) {
	out, err := ask(ctx, s, keys, func(source inventory.Source) question[inventory.Figure] { return source.Stock })
	for i, k := range keys {
		out[i].Value.Key = k
	}
	return out, err
}

// Lots asks those owners that know lots.
func (s *Stock) Lots(ctx context.Context, keys []inventory.Key) ([]lookup.Result[[]inventory.Lot], error) {
	return ask(ctx, s, keys, func(source inventory.Source) question[[]inventory.Lot] {
		if lots, ok := source.(inventory.LotSource); ok {
			return lots.Lots
		}
		return nil
	})
}

// Arrivals asks those owners that know what is expected.
func (s *Stock) Arrivals(ctx context.Context, keys []inventory.Key) ([]lookup.Result[[]inventory.Arrival], error) {
	return ask(ctx, s, keys, func(source inventory.Source) question[[]inventory.Arrival] {
		if arrivals, ok := source.(inventory.ArrivalSource); ok {
			return arrivals.Arrivals
		}
		return nil
	})
}

// question is what a source is asked by keys.
type question[V any] = lookup.Ask[inventory.Key, V]

// share is what one source is asked of a question's keys: where among them they are, and what it calls their nodes.
type share struct {
	source  string
	places  []int
	keys    []inventory.Key
	renamed bool
}

// ask puts a question to the owners of the keys, all at once, and translates the names of their places. For an
// owner without the question its keys do not exist.
func ask[V any](ctx context.Context, s *Stock, keys []inventory.Key, of func(inventory.Source) question[V]) ([]lookup.Result[V], error) {
	var shares []*share
	for i, k := range keys {
		o, owned := s.owners[k.Node]
		if !owned {
			continue
		}
		at := slices.IndexFunc(shares, func(sh *share) bool { return sh.source == o.source })
		if at < 0 {
			at = len(shares)
			shares = append(shares, &share{source: o.source, places: make([]int, 0, len(keys)), keys: make([]inventory.Key, 0, len(keys))})
		}
		sh := shares[at]
		sh.places, sh.keys = append(sh.places, i), append(sh.keys, inventory.Key{Node: o.local, SKU: k.SKU})
		sh.renamed = sh.renamed || o.local != k.Node
	}
	if len(shares) == 1 && len(shares[0].keys) == len(keys) {
		return answered(ctx, s, shares[0], of), ctx.Err()
	}
	out := make([]lookup.Result[V], len(keys))
	calls := make([]func(), len(shares))
	for i, sh := range shares {
		calls[i] = func() { lookup.Put(out, sh.places, answered(ctx, s, sh, of)) }
	}
	lookup.Abreast(calls)
	return out, ctx.Err()
}

// answered are a source's answers to its share.
func answered[V any](ctx context.Context, s *Stock, sh *share, of func(inventory.Source) question[V]) []lookup.Result[V] {
	put := of(s.sources[sh.source])
	if put == nil {
		return make([]lookup.Result[V], len(sh.keys))
	}
	results, err := renaming(ctx, s, sh, put)
	if err == nil && len(results) != len(sh.keys) {
		err = fault.New(fault.BadResponse, "%d answers to %d questions", len(results), len(sh.keys)).From(sh.source)
	}
	if err == nil {
		return results
	}
	out := slices.Repeat([]lookup.Result[V]{{Err: err}}, len(sh.keys))
	for i, r := range results[:min(len(results), len(out))] {
		if r.OK || r.Err != nil { // which says more than that the time is up
			out[i] = r
		}
	}
	return out
}

// renaming puts a source's share of a question to it by the names that it has for our items. Several of ours may be one of its own.
func renaming[V any](ctx context.Context, s *Stock, sh *share, put question[V]) ([]lookup.Result[V], error) {
	names, err := s.names(ctx, sh.source)
	if err != nil {
		return nil, err
	}
	if names.Same() && !sh.renamed {
		return put(ctx, sh.keys)
	}
	for i := range sh.keys {
		sh.keys[i].SKU = names.TheirItem(sh.keys[i].SKU)
	}
	return lookup.Once(put)(ctx, sh.keys)
}
