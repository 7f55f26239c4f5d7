// Package resolvers turns the graph's questions into domain calls, one each, and their answers
// into the graph's terms. It decides nothing and fetches nothing itself.
package resolvers

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/finance"
	"crossdock/domains/imports"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/references"
	"crossdock/domains/returns"
	"crossdock/domains/shadow"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/graph/breadth"
	"crossdock/internal/auth"
	"crossdock/internal/bus"
	"crossdock/internal/limits"
	"crossdock/internal/telemetry"
	"crossdock/sources/batch"
)

// Resolver holds the domains that the graph speaks for.
type Resolver struct {
	Accounts   *accounts.Service
	Catalog    *catalog.Service
	Pricing    *pricing.Service
	Inventory  *inventory.Service
	Finance    *finance.Service
	Orders     *orders.Service
	Shipments  *shipments.Service
	Returns    *returns.Service
	Operations *operations.Service
	References *references.Service
	Shadow     *shadow.Service
	Imports    *imports.Service
	// Systems are the sources, by name.
	Systems []System
	Bus     *bus.Bus
	Log     *slog.Logger
	// DepthFirst has gqlgen's executor execute everything.
	DepthFirst bool
	// Places bound the queries that execute at once; nil does not.
	Places *Places
	// Limits are what callers may spend on operations.
	Limits *limits.Limits
	// Tracing follows operations; nil follows none.
	Tracing *telemetry.Tracing
	// Charged is told what an operation of an application has cost, or the code that it was refused with.
	Charged func(client string, points int, refused string)
	// Executed is told of each operation why gqlgen's executor executes it, or nothing.
	Executed func(ctx context.Context, why string)
	// Done is closed when the server stops: open streams end then.
	Done <-chan struct{}

	answers  buffers
	known    knowledge
	contexts contexts
}

// scope is what one response has loaded.
type scope struct {
	gate         *batch.Gate
	accounts     *batch.Loader[trade.AccountID, *accounts.Account]
	shipTos      *batch.Loader[trade.AccountID, []*accounts.ShipTo]
	credit       *batch.Loader[trade.AccountID, *finance.Position]
	items        *batch.Loader[trade.SKU, *catalog.Item]
	rules        *batch.Loader[trade.SKU, *catalog.Rule]
	prices       *batch.Loader[pricing.Key, *pricing.Price]
	availability *batch.Loader[trade.SKU, *inventory.Availability]
	lots         *batch.Loader[inventory.Key, []*inventory.Lot]
	arrivals     *batch.Loader[trade.SKU, map[trade.NodeID][]inventory.Arrival]
	waiting      *batch.Loader[trade.SKU, []trade.Dated]
	orders       *batch.Loader[trade.OrderID, *orders.Order]
	work         *batch.Loader[trade.OrderID, []*shipments.Work]
	shipments    *batch.Loader[trade.OrderID, []*shipments.Shipment]
	returns      *batch.Loader[trade.OrderID, []*returns.Return]
	documents    *batch.Loader[trade.OrderID, []*finance.Document]
	failures     failures
	// plan is what a plan has asked for, in that order; nil where gqlgen executes.
	plan []planned
	// selected are the fields of the operation.
	selected map[string]bool
	contexts contexts

	mu sync.Mutex
	// lines are those that were announced last.
	lines     keyedLines
	pages     map[pageArgs]*batch.Loader[trade.AccountID, *orders.List]
	openPages func(pageArgs) *batch.Loader[trade.AccountID, *orders.List]
	// owners are the accounts whose pages of orders may be asked for.
	owners []trade.AccountID
}

func (r *Resolver) newScope(who trade.Viewer, roots int, selected map[string]bool) *scope {
	// What is read from our own tables does not wait at the gate: what it brings is announced before the gate opens.
	g := batch.NewGate(roots)
	arrivals := batch.New(g, lookup.Ordered(r.Inventory.Arrivals))
	lots := batch.New(g, func(ctx context.Context, keys []inventory.Key) ([]lookup.Result[[]*inventory.Lot], error) {
		return each(r.Inventory.Lots(ctx, keys))
	})
	s := &scope{}
	openPages := func(a pageArgs) *batch.Loader[trade.AccountID, *orders.List] {
		return batch.New(nil, lookup.Ordered(func(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, *orders.List], error) {
			out := lookup.Empty[trade.AccountID, *orders.List](len(ids))
			for _, id := range lookup.Unique(ids) {
				list, err := r.Orders.List(ctx, who, orders.Filter{Accounts: []trade.AccountID{id}}, s.orderPaging(ctx, orders.Paging{First: &a.first, After: a.after}))
				if err != nil {
					out.Failed[id] = err
					continue
				}
				out.Found[id] = list
			}
			for _, list := range out.Found {
				s.announce(list.Orders...)
			}
			return out, ctx.Err()
		}))
	}
	*s = scope{
		gate: g, selected: selected, contexts: r.contexts, pages: map[pageArgs]*batch.Loader[trade.AccountID, *orders.List]{}, openPages: openPages,
		// Each account once: it is announced again, with what is beneath it.
		accounts: batch.New(g, lookup.Once(func(ctx context.Context, ids []trade.AccountID) ([]lookup.Result[*accounts.Account], error) {
			out, err := pointers(r.Accounts.Accounts(ctx, who, ids))
			for i, a := range out {
				if a.OK {
					s.announceAccount(ids[i])
				}
			}
			return out, err
		})).Aged(r.Accounts.Ages()),
		shipTos: batch.New(g, func(ctx context.Context, ids []trade.AccountID) ([]lookup.Result[[]*accounts.ShipTo], error) {
			return each(r.Accounts.ShipTos(ctx, who, ids))
		}),
		credit: batch.New(g, func(ctx context.Context, ids []trade.AccountID) ([]lookup.Result[*finance.Position], error) {
			out, err := r.Finance.Positions(ctx, who, ids)
			return pointers(lookup.InOrder(ids, out), err)
		}).Aged(r.Finance.Ages()),
		items: batch.New(g, lookup.Once(func(ctx context.Context, skus []trade.SKU) ([]lookup.Result[*catalog.Item], error) {
			out, err := r.Catalog.Items(ctx, skus)
			for i, item := range out {
				if item.OK {
					s.announceBeneath(skus[i])
				}
			}
			return out, err
		})).Aged(r.Catalog.Ages()),
		rules: batch.New(g, r.Catalog.Rules).Aged(r.Catalog.Ages()),
		prices: batch.New(g, func(ctx context.Context, keys []pricing.Key) ([]lookup.Result[*pricing.Price], error) {
			return r.Pricing.Prices(ctx, who, keys)
		}).Aged(r.Pricing.Ages()),
		lots: lots, arrivals: arrivals,
		waiting: batch.New(nil, func(ctx context.Context, skus []trade.SKU) ([]lookup.Result[[]trade.Dated], error) {
			list, err := r.Orders.Waiting(ctx, skus)
			return found(skus, list, err)
		}),
		availability: batch.New(g, func(ctx context.Context, skus []trade.SKU) ([]lookup.Result[*inventory.Availability], error) {
			out, err := r.Inventory.Availability(ctx, skus)
			expected, lotted := s.selected["Availability.atp"] || s.selected["NodeAvailability.arrivals"], s.selected["NodeAvailability.lots"]
			for i, a := range out {
				if a.OK && expected {
					arrivals.Announce(skus[i])
				}
				if a.OK && lotted {
					lots.Announce(keysOf(refs(a.Value.Nodes), lotKey)...)
				}
			}
			return out, err
		}).Aged(r.Inventory.Ages()),
		orders: batch.New(nil, func(ctx context.Context, ids []trade.OrderID) ([]lookup.Result[*orders.Order], error) {
			list, err := r.Orders.Orders(ctx, who, ids)
			s.announce(slices.Collect(maps.Values(list))...)
			return found(ids, list, err)
		}),
		work: batch.New(nil, func(ctx context.Context, ids []trade.OrderID) ([]lookup.Result[[]*shipments.Work], error) {
			list, err := r.Shipments.WorkByOrder(ctx, who, ids)
			return found(ids, list, err)
		}),
		shipments: batch.New(nil, func(ctx context.Context, ids []trade.OrderID) ([]lookup.Result[[]*shipments.Shipment], error) {
			list, err := r.Shipments.ByOrder(ctx, who, ids)
			announceOf(s.orders, list)
			return found(ids, list, err)
		}),
		returns: batch.New(nil, func(ctx context.Context, ids []trade.OrderID) ([]lookup.Result[[]*returns.Return], error) {
			list, err := r.Returns.ByOrder(ctx, who, ids)
			announceOf(s.orders, list)
			return found(ids, list, err)
		}),
		documents: batch.New(nil, func(ctx context.Context, ids []trade.OrderID) ([]lookup.Result[[]*finance.Document], error) {
			list, err := r.Finance.ByOrder(ctx, who, ids)
			return found(ids, list, err)
		}),
	}
	return s
}

// planned is what was asked for at a level.
type planned struct {
	Level int             `json:"level"`
	Asked []breadth.Asked `json:"asked"`
}

// pageArgs are those of a page of an account's orders.
type pageArgs struct {
	first int
	after string
}

// ordersOf loads a page of orders for each account that has been announced, so that what is beneath them all
// is announced before any of it is asked for.
func (s *scope) ordersOf(a pageArgs) *batch.Loader[trade.AccountID, *orders.List] {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.pages[a]
	if l == nil {
		l = s.openPages(a)
		s.pages[a] = l
	}
	l.Announce(s.owners...)
	return l
}

// announceAccount says that an account is asked for, and fields beneath it those that are selected.
func (s *scope) announceAccount(id trade.AccountID) {
	s.accounts.Announce(id)
	announce(s, "Account.credit", s.credit, id)
	announce(s, "Account.shipTos", s.shipTos, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners = append(s.owners, id)
}

// announce says that fields beneath these orders are asked for, those that are selected.
func (s *scope) announce(list ...*orders.Order) {
	list = slices.DeleteFunc(slices.Clone(list), func(o *orders.Order) bool { return o == nil })
	var lines []*orders.Line
	for _, o := range list {
		for i := range o.Lines {
			lines = append(lines, &o.Lines[i])
		}
	}
	ids := keysOf(list, orderID)
	s.work.Announce(ids...)
	s.shipments.Announce(ids...)
	s.returns.Announce(ids...)
	s.documents.Announce(ids...)
	if s.selected["Order.account"] {
		s.accounts.Announce(keysOf(list, func(o *orders.Order) trade.AccountID { return o.Account })...)
	}
	keyed := keyedLines{list: lines}
	item, availability := s.selected["OrderLine.item"], s.selected["OrderLine.availability"]
	if item || availability {
		keyed.skus = keysOf(lines, lineSKU)
	}
	if item {
		s.items.Announce(keyed.skus...)
	}
	if availability {
		s.availability.Announce(keyed.skus...)
	}
	if s.selected["OrderLine.price"] {
		keyed.prices = keysOf(lines, s.contexts.ofLines())
		s.prices.Announce(keyed.prices...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = keyed
}

// keyedLines are lines with what is asked of them, which is made when they are announced and asked for when they all are.
type keyedLines struct {
	list   []*orders.Line
	skus   []trade.SKU
	prices []pricing.Key
}

// keyed is what was announced of lines, nothing where they are not those that were announced last.
func (s *scope) keyed(lines []*orders.Line) keyedLines {
	s.mu.Lock()
	last := s.lines
	s.mu.Unlock()
	if !slices.Equal(last.list, lines) {
		return keyedLines{}
	}
	return last
}

// skusOf are the items of lines.
func (s *scope) skusOf(lines []*orders.Line) []trade.SKU {
	if skus := s.keyed(lines).skus; skus != nil {
		return skus
	}
	return keysOf(lines, lineSKU)
}

// pricesOf are the keys of the prices of lines.
func (s *scope) pricesOf(lines []*orders.Line) []pricing.Key {
	if prices := s.keyed(lines).prices; prices != nil {
		return prices
	}
	return keysOf(lines, s.contexts.ofLines())
}

// announceItem says that an item is asked for, and fields beneath it those that are selected.
func (s *scope) announceItem(sku trade.SKU) {
	s.items.Announce(sku)
	s.announceBeneath(sku)
}

// announceBeneath says that fields beneath an item are asked for, those that are selected.
func (s *scope) announceBeneath(sku trade.SKU) {
	announce(s, "Item.availability", s.availability, sku)
	announce(s, "Item.ordering", s.rules, sku)
}

// announce says that a key is asked for, if a field of the operation does.
func announce[K comparable, V any](s *scope, coordinate string, l *batch.Loader[K, V], key K) {
	if s.selected[coordinate] {
		l.Announce(key)
	}
}

// announceOf says that the orders of what they have may be asked for, those that have any.
func announceOf[V, T any](orders *batch.Loader[trade.OrderID, T], lists map[trade.OrderID][]V) {
	for id, list := range lists {
		if len(list) > 0 {
			orders.Announce(id)
		}
	}
}

func lotKey(n *inventory.AtNode) inventory.Key { return inventory.Key{Node: n.Node.ID, SKU: n.SKU()} }

// pointers are results with pointers to what was found.
func pointers[V any](in []lookup.Result[V], err error) ([]lookup.Result[*V], error) {
	out := make([]lookup.Result[*V], len(in))
	for i := range in {
		out[i] = lookup.Result[*V]{OK: in[i].OK, Err: in[i].Err}
		if in[i].OK {
			out[i].Value = &in[i].Value
		}
	}
	return out, err
}

// each is the same with pointers to what is in them.
func each[V any](in []lookup.Result[[]V], err error) ([]lookup.Result[[]*V], error) {
	out := make([]lookup.Result[[]*V], len(in))
	for i, r := range in {
		out[i] = lookup.Result[[]*V]{Value: pointersTo(r.Value), OK: r.OK, Err: r.Err}
	}
	return out, err
}

// pointersTo are pointers to the elements of a list; nil where there are none.
func pointersTo[V any](list []V) []*V {
	if len(list) == 0 {
		return nil
	}
	return refs(list)
}

// found are the results of keys that one read of our own tables has all of.
func found[K comparable, V any](keys []K, m map[K]V, err error) ([]lookup.Result[V], error) {
	return lookup.InOrder(keys, lookup.Answers[K, V]{Found: m}), err
}

type scopeKey struct{}

func scopeOf(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

func viewer(ctx context.Context) trade.Viewer { return auth.Viewer(ctx) }
