// Package resolvers turns the graph's questions into domain calls, one each, and their answers
// into the graph's terms. It decides nothing and fetches nothing itself.
package resolvers

import (
	"context"
	"log/slog"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/internal/auth"
	"crossdock/internal/bus"
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
	// Systems are the sources, by name.
	Systems []System
	Bus     *bus.Bus
	Log     *slog.Logger
	// Done is closed when the server stops: open streams end then.
	Done <-chan struct{}
}

// scope is what one response has loaded.
type scope struct {
	gate         *batch.Gate
	accounts     *batch.Loader[trade.AccountID, *accounts.Account]
	shipTos      *batch.Loader[trade.AccountID, []*accounts.ShipTo]
	credit       *batch.Loader[trade.AccountID, *finance.Position]
	items        *batch.Loader[trade.SKU, *catalog.Item]
	prices       *batch.Loader[pricing.Key, *pricing.Price]
	availability *batch.Loader[trade.SKU, *inventory.Availability]
	lots         *batch.Loader[inventory.Key, []*inventory.Lot]
	orders       *batch.Loader[trade.OrderID, *orders.Order]
	work         *batch.Loader[trade.OrderID, []*shipments.Work]
	shipments    *batch.Loader[trade.OrderID, []*shipments.Shipment]
	returns      *batch.Loader[trade.OrderID, []*returns.Return]
	documents    *batch.Loader[trade.OrderID, []*finance.Document]
	failures     failures
}

func (r *Resolver) newScope(who trade.Viewer, roots int) *scope {
	g := batch.NewGate(roots)
	lots := batch.New(g, func(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, []*inventory.Lot], error) {
		return each(r.Inventory.Lots(ctx, keys))
	})
	return &scope{
		gate: g,
		accounts: batch.New(g, func(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, *accounts.Account], error) {
			return pointers(r.Accounts.Accounts(ctx, who, ids))
		}).Aged(r.Accounts.Ages()),
		shipTos: batch.New(g, func(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, []*accounts.ShipTo], error) {
			return each(r.Accounts.ShipTos(ctx, who, ids))
		}),
		credit: batch.New(g, func(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, *finance.Position], error) {
			return pointers(r.Finance.Positions(ctx, who, ids))
		}).Aged(r.Finance.Ages()),
		items: batch.New(g, func(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, *catalog.Item], error) {
			return pointers(r.Catalog.Items(ctx, skus))
		}).Aged(r.Catalog.Ages()),
		prices: batch.New(g, func(ctx context.Context, keys []pricing.Key) (lookup.Answers[pricing.Key, *pricing.Price], error) {
			return pointers(r.Pricing.Prices(ctx, who, keys))
		}).Aged(r.Pricing.Ages()),
		lots: lots,
		availability: batch.New(g, func(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, *inventory.Availability], error) {
			out, err := r.Inventory.Availability(ctx, skus)
			for _, a := range out.Found {
				for _, n := range a.Nodes {
					lots.Announce(inventory.Key{Node: n.Node.ID, SKU: n.SKU})
				}
			}
			return out, err
		}).Aged(r.Inventory.Ages()),
		orders: batch.New(g, func(ctx context.Context, ids []trade.OrderID) (lookup.Answers[trade.OrderID, *orders.Order], error) {
			return found(r.Orders.Orders(ctx, who, ids))
		}),
		work: batch.New(g, func(ctx context.Context, ids []trade.OrderID) (lookup.Answers[trade.OrderID, []*shipments.Work], error) {
			return found(r.Shipments.WorkByOrder(ctx, who, ids))
		}),
		shipments: batch.New(g, func(ctx context.Context, ids []trade.OrderID) (lookup.Answers[trade.OrderID, []*shipments.Shipment], error) {
			return found(r.Shipments.ByOrder(ctx, who, ids))
		}),
		returns: batch.New(g, func(ctx context.Context, ids []trade.OrderID) (lookup.Answers[trade.OrderID, []*returns.Return], error) {
			return found(r.Returns.ByOrder(ctx, who, ids))
		}),
		documents: batch.New(g, func(ctx context.Context, ids []trade.OrderID) (lookup.Answers[trade.OrderID, []*finance.Document], error) {
			return found(r.Finance.ByOrder(ctx, who, ids))
		}),
	}
}

// announce says that fields beneath these orders may be asked for.
func (s *scope) announce(list ...*orders.Order) {
	for _, o := range list {
		if o == nil {
			continue
		}
		s.accounts.Announce(o.Account)
		s.work.Announce(o.ID)
		s.shipments.Announce(o.ID)
		s.returns.Announce(o.ID)
		s.documents.Announce(o.ID)
		for i := range o.Lines {
			l := &o.Lines[i]
			s.items.Announce(l.SKU)
			s.availability.Announce(l.SKU)
			s.prices.Announce(priceKey(l))
		}
	}
}

func priceKey(l *orders.Line) pricing.Key {
	return pricing.NewKey(l.Account, l.SKU, l.Quantity, "", l.UnitPrice.Currency)
}

func pointers[K comparable, V any](in lookup.Answers[K, V], err error) (lookup.Answers[K, *V], error) {
	out := lookup.Answers[K, *V]{Found: make(map[K]*V, len(in.Found)), Failed: in.Failed}
	for k, v := range in.Found {
		out.Found[k] = &v
	}
	return out, err
}

// each is the same with pointers to what is in them.
func each[K comparable, V any](in lookup.Answers[K, []V], err error) (lookup.Answers[K, []*V], error) {
	out := lookup.Answers[K, []*V]{Found: make(map[K][]*V, len(in.Found)), Failed: in.Failed}
	for k, list := range in.Found {
		for i := range list {
			out.Found[k] = append(out.Found[k], &list[i])
		}
	}
	return out, err
}

func found[K comparable, V any](m map[K]V, err error) (lookup.Answers[K, V], error) {
	return lookup.Answers[K, V]{Found: m}, err
}

type scopeKey struct{}

func scopeOf(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

func viewer(ctx context.Context) trade.Viewer { return auth.Viewer(ctx) }
