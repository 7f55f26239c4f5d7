package resolvers

import (
	"context"

	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

func (r *fulfillmentOrderResolver) ID(ctx context.Context, obj *shipments.Work) (string, error) {
	return scalar.GlobalID(scalar.TypeWork, obj.ID), nil
}

func (r *queryResolver) Shipment(ctx context.Context, id string) (*shipments.Shipment, error) {
	inner, err := scalar.ParseID(scalar.TypeShipment, id)
	if err != nil {
		return nil, at(err, "id")
	}
	list, err := r.Resolver.Shipments.ByID(ctx, viewer(ctx), []string{inner})
	return list[inner], err
}

func (r *queryResolver) Shipments(ctx context.Context, first *int, after *string) (*model.ShipmentConnection, error) {
	from, err := cursor(scalar.TypeShipment, after)
	if err != nil {
		return nil, err
	}
	list, more, err := r.Resolver.Shipments.List(ctx, viewer(ctx), number(first, 20), from)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		scopeOf(ctx).orders.Announce(v.Order)
	}
	rows, cursors := edges(list, scalar.TypeShipment, func(v *shipments.Shipment) string { return v.ID }, func(c string, v *shipments.Shipment) *model.ShipmentEdge {
		return &model.ShipmentEdge{Cursor: c, Node: v}
	})
	return &model.ShipmentConnection{Edges: rows, Nodes: list, PageInfo: pageInfo(cursors, more, from != "")}, nil
}

func (r *shipmentResolver) ID(ctx context.Context, obj *shipments.Shipment) (string, error) {
	return scalar.GlobalID(scalar.TypeShipment, obj.ID), nil
}

func (r *shipmentResolver) Order(ctx context.Context, objs []*shipments.Shipment) ([]*orders.Order, error) {
	return load(ctx, scopeOf(ctx).orders, keysOf(objs, func(s *shipments.Shipment) trade.OrderID { return s.Order }))
}

func (r *Resolver) FulfillmentOrder() generated.FulfillmentOrderResolver {
	return &fulfillmentOrderResolver{r}
}

func (r *Resolver) Shipment() generated.ShipmentResolver { return &shipmentResolver{r} }

type (
	fulfillmentOrderResolver struct{ *Resolver }
	shipmentResolver         struct{ *Resolver }
)
