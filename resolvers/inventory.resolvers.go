package resolvers

import (
	"context"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
)

func (r *nodeAvailabilityResolver) Lots(ctx context.Context, objs []*inventory.AtNode) ([][]*inventory.Lot, error) {
	return load(ctx, scopeOf(ctx).lots, keysOf(objs, func(n *inventory.AtNode) inventory.Key { return inventory.Key{Node: n.Node.ID, SKU: n.SKU} }))
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

func (r *Resolver) NodeAvailability() generated.NodeAvailabilityResolver {
	return &nodeAvailabilityResolver{r}
}

type nodeAvailabilityResolver struct{ *Resolver }
