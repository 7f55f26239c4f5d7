package inventory

import (
	"context"
	"maps"
	"slices"
	"time"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
)

// Arrival is goods that a node expects: a line of a purchase order, a transfer. Reference is what the node calls it.
type Arrival struct {
	trade.Dated
	Reference string
}

// ArrivalSource is a source that knows what its nodes expect, and when. Items that nothing is expected of do not exist for it.
type ArrivalSource interface {
	Arrivals(ctx context.Context, keys []Key) ([]lookup.Result[[]Arrival], error)
}

// Arrivals are what the nodes expect of items, by node. A node that does not tell expects nothing; an item has failed when one
// of its nodes has.
func (s *Service) Arrivals(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, map[trade.NodeID][]Arrival], error) {
	out := lookup.Empty[trade.SKU, map[trade.NodeID][]Arrival](len(skus))
	source, ok := s.source.(ArrivalSource)
	if !ok {
		return out, nil
	}
	keys := s.keys(skus)
	lists, err := source.Arrivals(ctx, keys)
	if err != nil {
		return out, err
	}
	for _, sku := range skus {
		out.Found[sku] = map[trade.NodeID][]Arrival{}
	}
	for i, list := range lists {
		if k := keys[i]; list.Err != nil {
			out.Failed[k.SKU] = list.Err
		} else if list.OK {
			out.Found[k.SKU][k.Node] = list.Value
		}
	}
	for sku := range out.Failed {
		delete(out.Found, sku)
	}
	return out, nil
}

// Known are the figures at hand of some items.
type Known struct {
	// now is when they are at hand, by the database's clock.
	now     time.Time
	figures map[Key]*counted
}

// Known are the figures at hand of the items.
func (s *Service) Known(ctx context.Context, skus []trade.SKU) (Known, error) {
	keys := s.keys(skus)
	list, now, err := s.standing.figures(ctx, keys)
	known := Known{now.theirs, make(map[Key]*counted, len(list))}
	for i, c := range list {
		if c != nil {
			known.figures[keys[i]] = c
		}
	}
	return known, err
}

// Lacking are the items that the nodes, by the figures at hand, have less of than is needed. Of an item without a figure nothing
// is said.
func (s *Service) Lacking(known Known, needs map[trade.SKU]trade.Decimal) []trade.SKU {
	free := map[trade.SKU]trade.Decimal{}
	for k, c := range known.figures {
		if n, ok := s.Node(k.Node); ok && c.Source != "" {
			free[k.SKU] = trade.Sum(free[k.SKU], c.free(n.Safety))
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(needs)), func(sku trade.SKU) bool {
		has, known := free[sku]
		return !known || has.Cmp(needs[sku]) >= 0
	})
}

// Dates are the days and quantities of what is expected anywhere.
func Dates(byNode map[trade.NodeID][]Arrival) []trade.Dated {
	var out []trade.Dated
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		for _, a := range byNode[node] {
			out = append(out, a.Dated)
		}
	}
	return out
}
