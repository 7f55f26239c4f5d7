package resolvers

import (
	"context"

	"crossdock/domains/catalog"
	"crossdock/domains/inventory"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
)

func (r *itemResolver) Ordering(ctx context.Context, objs []*catalog.Item) ([]*catalog.Rule, error) {
	return load(ctx, scopeOf(ctx).rules, keysOf(objs, func(i *catalog.Item) trade.SKU { return i.SKU }))
}

func (r *itemResolver) Availability(ctx context.Context, objs []*catalog.Item, maxAge *int, orLastKnown bool) ([]*inventory.Availability, error) {
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	list, err := load(ctx, scopeOf(ctx).availability, keysOf(objs, func(i *catalog.Item) trade.SKU { return i.SKU }))
	return shown(ctx, list, err)
}

func (r *queryResolver) Item(ctx context.Context, sku string, maxAge *int, orLastKnown bool) (*catalog.Item, error) {
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	s := scopeOf(ctx)
	s.announceItem(trade.SKU(sku))
	return one(ctx, s.items, trade.SKU(sku))
}

func (r *queryResolver) Items(ctx context.Context, search *string, first *int, after *string) (*model.ItemConnection, error) {
	list, err := r.Catalog.List(ctx, value(search), number(first, 20), trade.SKU(value(after)))
	if err != nil {
		return nil, err
	}
	out := &model.ItemConnection{TotalCount: list.Total, Edges: []*model.ItemEdge{}, Nodes: []*catalog.Item{}}
	var cursors []string
	for _, item := range list.Items {
		scopeOf(ctx).announceBeneath(item.SKU)
		cursors = append(cursors, string(item.SKU))
		out.Nodes = append(out.Nodes, item)
		out.Edges = append(out.Edges, &model.ItemEdge{Cursor: string(item.SKU), Node: item})
	}
	out.PageInfo = pageInfo(cursors, list.HasNext, value(after) != "")
	return out, nil
}

func (r *Resolver) Item() generated.ItemResolver { return &itemResolver{r} }

type itemResolver struct{ *Resolver }
