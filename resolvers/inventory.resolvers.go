package resolvers

import (
	"context"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
)

func (r *availabilityResolver) Atp(ctx context.Context, objs []*inventory.Availability) ([][]*trade.PromiseDay, error) {
	skus := keysOf(objs, func(a *inventory.Availability) trade.SKU { return a.SKU })
	arrivals, err := load(ctx, scopeOf(ctx).arrivals, skus)
	waiting, ours := load(ctx, scopeOf(ctx).waiting, skus)
	if ours != nil {
		return nil, ours
	}
	out := make([][]*trade.PromiseDay, len(objs))
	today := trade.DateOf(time.Now().UTC())
	for i, a := range objs {
		if a != nil && arrivals[i] != nil { // or they have failed
			out[i] = refs(trade.ATP(today, a.Available.Value, inventory.Dates(arrivals[i]), waiting[i]))
		}
	}
	return out, err
}

func (r *nodeAvailabilityResolver) Arrivals(ctx context.Context, objs []*inventory.AtNode) ([][]*inventory.Arrival, error) {
	list, err := load(ctx, scopeOf(ctx).arrivals, keysOf(objs, func(n *inventory.AtNode) trade.SKU { return n.SKU() }))
	out := make([][]*inventory.Arrival, len(objs))
	for i, n := range objs {
		if n != nil {
			out[i] = pointersTo(list[i][n.Node.ID])
		}
	}
	return out, err
}

func (r *nodeAvailabilityResolver) Lots(ctx context.Context, objs []*inventory.AtNode) ([][]*inventory.Lot, error) {
	return load(ctx, scopeOf(ctx).lots, keysOf(objs, lotKey))
}

func (r *queryResolver) CarrierServices(ctx context.Context) ([]*model.CarrierService, error) {
	return carrierServices(r.Inventory.Nodes()), nil
}

func (r *queryResolver) Availability(ctx context.Context, skus []string, maxAge *int, orLastKnown bool) ([]*inventory.Availability, error) {
	if len(skus) > maxSKUs {
		return nil, fault.New(fault.Invalid, "%d SKUs; the limit is %d", len(skus), maxSKUs).At("skus")
	}
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	scopeOf(ctx).availability.Announce(convert[trade.SKU](skus)...)
	list, err := load(ctx, scopeOf(ctx).availability, convert[trade.SKU](skus))
	list, err = shown(ctx, list, err)
	return partial(ctx, list, err)
}

func (r *Resolver) Availability() generated.AvailabilityResolver { return &availabilityResolver{r} }

func (r *Resolver) NodeAvailability() generated.NodeAvailabilityResolver {
	return &nodeAvailabilityResolver{r}
}

type (
	availabilityResolver     struct{ *Resolver }
	nodeAvailabilityResolver struct{ *Resolver }
)
