// Package route sends each key to the source that owns it and merges the answers. A source that
// fails spoils only its own keys.
package route

import (
	"cmp"
	"context"
	"sync"

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
	owner   map[trade.NodeID]string
	local   map[trade.NodeID]trade.NodeID
	ours    map[string]map[trade.NodeID]trade.NodeID
	names   Names
}

// NewStock routes by the nodes' configured source. A source that names its places or our items otherwise
// than we do is asked by its own names.
func NewStock(nodes []inventory.Node, sources map[string]inventory.Source, names Names) *Stock {
	s := &Stock{sources: sources, names: names, owner: map[trade.NodeID]string{}, local: map[trade.NodeID]trade.NodeID{}, ours: map[string]map[trade.NodeID]trade.NodeID{}}
	for _, n := range nodes {
		s.owner[n.ID] = n.Source
		s.local[n.ID] = trade.NodeID(n.Location)
		if s.ours[n.Source] == nil {
			s.ours[n.Source] = map[trade.NodeID]trade.NodeID{}
		}
		s.ours[n.Source][trade.NodeID(n.Location)] = n.ID
	}
	return s
}

// Stock asks all owners at once.
func (s *Stock) Stock(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, inventory.Figure], error) {
	out, err := ask(ctx, s, keys, func(source inventory.Source) question[inventory.Figure] { return source.Stock })
	for k, f := range out.Found {
		if f.Key != k {
			f.Key = k
			out.Found[k] = f
		}
	}
	return out, err
}

// Lots asks those owners that know lots.
func (s *Stock) Lots(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, []inventory.Lot], error) {
	return ask(ctx, s, keys, func(source inventory.Source) question[[]inventory.Lot] {
		if lots, ok := source.(inventory.LotSource); ok {
			return lots.Lots
		}
		return nil
	})
}

// Arrivals asks those owners that know what is expected.
func (s *Stock) Arrivals(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, []inventory.Arrival], error) {
	return ask(ctx, s, keys, func(source inventory.Source) question[[]inventory.Arrival] {
		if arrivals, ok := source.(inventory.ArrivalSource); ok {
			return arrivals.Arrivals
		}
		return nil
	})
}

// question is what a source is asked by keys.
type question[V any] func(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, V], error)

// ask puts a question to the owners of the keys, all at once, and translates the names of their places. An
// owner without the question is left out.
func ask[V any](ctx context.Context, s *Stock, keys []inventory.Key, of func(inventory.Source) question[V]) (lookup.Answers[inventory.Key, V], error) {
	groups, renamed := map[string][]inventory.Key{}, map[string]bool{}
	for _, k := range keys {
		if name, ok := s.owner[k.Node]; ok && s.sources[name] != nil {
			local := s.local[k.Node]
			if groups[name] == nil {
				groups[name] = make([]inventory.Key, 0, len(keys)*len(s.ours[name])/len(s.owner))
			}
			groups[name] = append(groups[name], inventory.Key{Node: local, SKU: k.SKU})
			if local != k.Node {
				renamed[name] = true
			}
		}
	}
	room := len(keys)
	if len(groups) == 1 {
		room = 0 // the owner's answers are ours
	}
	out := lookup.Empty[inventory.Key, V](room)
	var mu sync.Mutex
	var calls []func()
	for name, theirs := range groups {
		put := of(s.sources[name])
		if put == nil {
			continue
		}
		calls = append(calls, func() {
			names, err := s.names(ctx, name)
			if err == nil && names.Same() && !renamed[name] {
				answers, err := put(ctx, theirs)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					out.Fail(theirs, err)
				}
				if err == nil && len(groups) == 1 {
					out = answers
				} else {
					out.Merge(answers)
				}
				return
			}
			named := make([]inventory.Key, len(theirs))
			for i, k := range theirs {
				named[i] = inventory.Key{Node: k.Node, SKU: names.TheirItem(k.SKU)}
			}
			var answers lookup.Answers[inventory.Key, V]
			if err == nil {
				answers, err = put(ctx, named)
			}
			mu.Lock()
			defer mu.Unlock()
			for i, k := range named {
				ours := inventory.Key{Node: s.ours[name][k.Node], SKU: theirs[i].SKU}
				if f, ok := answers.Found[k]; ok {
					out.Found[ours] = f
				}
				if e := cmp.Or(answers.Failed[k], err); e != nil {
					out.Failed[ours] = e
				}
			}
		})
	}
	lookup.Abreast(calls)
	return out, ctx.Err()
}
