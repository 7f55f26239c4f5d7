package resolvers

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/trade"
	"crossdock/graph/scalar"
)

// maxNodes bounds the ids of one nodes field, and maxEntities those of one type that a router asks for: a
// page of its own can hold many more.
const (
	maxNodes    = 100
	maxEntities = 1000
)

// bounded fails when there are more ids than the limit.
func bounded(ids []string, limit int, argument string) error {
	if len(ids) <= limit {
		return nil
	}
	return fault.New(fault.Invalid, "%d ids; the limit is %d", len(ids), limit).At(argument)
}

// things resolves global ids in bulk, type by type, each under its own row security. An id that
// is unknown, or not the viewer's to see, is null; so is one whose source does not answer, with its error.
func (r *Resolver) things(ctx context.Context, ids []string) ([]scalar.Node, error) {
	byType := map[string][]string{}
	for _, id := range ids {
		typ, inner, err := scalar.ParseGlobalID(id)
		if err != nil {
			return nil, err
		}
		byType[typ] = append(byType[typ], inner)
	}
	found := map[string]scalar.Node{}
	keep := func(typ, inner string, v scalar.Node) { found[scalar.GlobalID(typ, inner)] = v }
	s, who := scopeOf(ctx), viewer(ctx)
	for _, typ := range slices.Sorted(keysIter(byType)) {
		inner := byType[typ]
		switch typ {
		case scalar.TypeOrder:
			list, err := r.Orders.Orders(ctx, who, convert[trade.OrderID](inner))
			if err != nil {
				return nil, err
			}
			for id, o := range list {
				s.announce(o)
				keep(typ, string(id), o)
			}
		case scalar.TypeShipment:
			list, err := r.Shipments.ByID(ctx, who, inner)
			if err != nil {
				return nil, err
			}
			for id, v := range list {
				s.orders.Announce(v.Order)
				keep(typ, id, v)
			}
		case scalar.TypeWork:
			list, err := r.Shipments.WorkByID(ctx, who, inner)
			if err != nil {
				return nil, err
			}
			for id, w := range list {
				keep(typ, id, w)
			}
		case scalar.TypeReturn:
			list, err := r.Returns.ByID(ctx, who, inner)
			if err != nil {
				return nil, err
			}
			for id, v := range list {
				s.orders.Announce(v.Order)
				keep(typ, id, v)
			}
		case scalar.TypeException:
			list, err := r.Operations.ByID(ctx, who, inner)
			if err != nil {
				return nil, err
			}
			for id, v := range list {
				keep(typ, id, v)
			}
		case scalar.TypeInvoice, scalar.TypeCreditMemo:
			list, err := r.Finance.ByID(ctx, who, inner)
			if err != nil {
				return nil, err
			}
			for id, d := range list {
				switch {
				case typ == scalar.TypeInvoice && d.Kind == finance.Invoice:
					keep(typ, id, &scalar.Invoice{Document: d})
				case typ == scalar.TypeCreditMemo && d.Kind == finance.CreditMemo:
					keep(typ, id, &scalar.CreditMemo{Document: d})
				}
			}
		case scalar.TypeAccount:
			for _, id := range convert[trade.AccountID](inner) {
				s.announceAccount(id)
			}
		case scalar.TypeItem:
			for _, sku := range convert[trade.SKU](inner) {
				s.announceItem(sku)
			}
		}
	}
	// What sources answer comes last, when everything is announced.
	failed := map[string]error{}
	for i, res := range s.accounts.Load(ctx, convert[trade.AccountID](byType[scalar.TypeAccount])...) {
		inner := byType[scalar.TypeAccount][i]
		if failed[scalar.GlobalID(scalar.TypeAccount, inner)] = res.Err; res.OK {
			keep(scalar.TypeAccount, inner, res.Value)
		}
	}
	for i, res := range s.items.Load(ctx, convert[trade.SKU](byType[scalar.TypeItem])...) {
		inner := byType[scalar.TypeItem][i]
		if failed[scalar.GlobalID(scalar.TypeItem, inner)] = res.Err; res.OK {
			keep(scalar.TypeItem, inner, res.Value)
		}
	}
	out, errs := make([]scalar.Node, len(ids)), make(graphql.BatchErrorList, len(ids))
	for i, id := range ids {
		out[i] = found[id]
		if failed[id] != nil {
			errs[i] = s.failures.first(ctx, failed[id])
		}
	}
	return out, some(errs)
}

// some is the list as an error, nil when nothing failed.
func some(errs graphql.BatchErrorList) error {
	if slices.ContainsFunc(errs, func(e error) bool { return e != nil }) {
		return errs
	}
	return nil
}

func convert[T ~string](in []string) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = T(v)
	}
	return out
}

// entities resolves what a router asks for, under the same row security as node.
func entities[T any](ctx context.Context, r *Resolver, ids []string) ([]*T, error) {
	if err := bounded(ids, maxEntities, "representations"); err != nil {
		return nil, err
	}
	list, err := scopeOf(ctx).together(ctx, r, ids)
	if list, err = partial(ctx, list, err); err != nil {
		return nil, err
	}
	out := make([]*T, len(list))
	for i, v := range list {
		out[i], _ = v.(*T)
	}
	return out, nil
}

// represented is what the representations of a question stand for. gqlgen asks for each type by itself, and each
// would ask its sources before the others have said what they need.
type represented struct {
	once sync.Once
	ids  []string
	list map[string]scalar.Node
	errs map[string]error
}

// together resolves ids with all others of their question. Where one of those cannot be read, it resolves them alone.
func (s *scope) together(ctx context.Context, r *Resolver, ids []string) ([]scalar.Node, error) {
	all, _ := ctx.Value(representedKey{}).(*represented)
	if all == nil {
		return r.things(ctx, ids)
	}
	all.once.Do(func() {
		list, err := r.things(ctx, all.ids)
		some, partly := errors.AsType[graphql.BatchErrorList](err)
		if err != nil && !partly {
			return
		}
		all.list, all.errs = map[string]scalar.Node{}, map[string]error{}
		for i, id := range all.ids {
			all.list[id] = list[i]
			if partly && some[i] != nil {
				all.errs[id] = some[i]
			}
		}
	})
	if all.list == nil {
		return r.things(ctx, ids)
	}
	out, errs := make([]scalar.Node, len(ids)), make(graphql.BatchErrorList, len(ids))
	for i, id := range ids {
		out[i], errs[i] = all.list[id], all.errs[id]
	}
	return out, some(errs)
}

type representedKey struct{}

// representing is the context of a question with its representations, each by its id.
func representing(ctx context.Context, args map[string]any) context.Context {
	all := &represented{}
	reps, _ := args["representations"].([]map[string]any)
	for _, rep := range reps {
		if id, ok := rep["id"].(string); ok && !slices.Contains(all.ids, id) {
			all.ids = append(all.ids, id)
		}
	}
	return context.WithValue(ctx, representedKey{}, all)
}

// sameKey gives representations of orders by number their id. One question may mix the keys of a type,
// and gqlgen would read them all by the first one's.
func (r *Resolver) sameKey(ctx context.Context, args map[string]any) error {
	given, _ := args["representations"].([]map[string]any)
	// The maps are the request's own, and other root fields read them at the same time.
	reps := make([]map[string]any, len(given))
	var numbers []string
	for i, rep := range given {
		reps[i] = maps.Clone(rep)
		if number, ok := byNumber(rep); ok {
			numbers = append(numbers, number)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	args["representations"] = reps
	found, err := r.Orders.ByNumbers(ctx, viewer(ctx), numbers)
	if err != nil {
		return err
	}
	for _, rep := range reps {
		number, ok := byNumber(rep)
		if !ok {
			continue
		}
		rep["id"] = scalar.GlobalID(scalar.TypeOrder, nobody)
		if o := found[number]; o != nil {
			rep["id"] = scalar.GlobalID(scalar.TypeOrder, string(o.ID))
		}
	}
	return nil
}

// nobody is an id that no order has.
const nobody = "00000000-0000-0000-0000-000000000000"

// byNumber reads the number of an order's representation that has no id.
func byNumber(rep map[string]any) (string, bool) {
	number, ok := rep["number"].(string)
	return number, ok && rep["__typename"] == "Order" && rep["id"] == nil
}
