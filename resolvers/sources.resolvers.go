package resolvers

import (
	"context"

	"crossdock/domains/orders"
	"crossdock/domains/shadow"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

func (r *queryResolver) ShadowWrites(ctx context.Context, source *string, different *bool, first *int, after *string) (*model.ShadowWriteConnection, error) {
	from, err := cursor(scalar.TypeShadowWrite, after)
	if err != nil {
		return nil, err
	}
	f := shadow.Filter{Different: different != nil && *different}
	if source != nil {
		f.Source = *source
	}
	list, more, err := r.Shadow.List(ctx, viewer(ctx), f, number(first, 20), from)
	if err != nil {
		return nil, err
	}
	for _, w := range list {
		if w.Order != "" {
			scopeOf(ctx).orders.Announce(w.Order)
		}
	}
	rows, cursors := edges(list, scalar.TypeShadowWrite, func(w *shadow.Write) string { return w.ID }, func(c string, w *shadow.Write) *model.ShadowWriteEdge {
		return &model.ShadowWriteEdge{Cursor: c, Node: w}
	})
	return &model.ShadowWriteConnection{Edges: rows, Nodes: list, PageInfo: pageInfo(cursors, more, from != "")}, nil
}

func (r *queryResolver) Sources(ctx context.Context) ([]*model.Source, error) {
	out := make([]*model.Source, len(r.Systems))
	for i, s := range r.Systems {
		out[i] = s.shown()
	}
	return out, nil
}

func (r *shadowWriteResolver) Order(ctx context.Context, objs []*shadow.Write) ([]*orders.Order, error) {
	return load(ctx, scopeOf(ctx).orders, keysOf(objs, func(w *shadow.Write) trade.OrderID { return w.Order }))
}

func (r *Resolver) ShadowWrite() generated.ShadowWriteResolver { return &shadowWriteResolver{r} }

type shadowWriteResolver struct{ *Resolver }
