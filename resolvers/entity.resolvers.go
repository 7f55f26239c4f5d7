package resolvers

import (
	"context"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/orders"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/graph/generated"
	"crossdock/graph/model"
)

func (r *entityResolver) FindManyAccountByIDs(ctx context.Context, reps []*model.AccountByIDsInput) ([]*accounts.Account, error) {
	return entities[accounts.Account](ctx, r.Resolver, keysOf(reps, func(i *model.AccountByIDsInput) string { return i.ID }))
}

func (r *entityResolver) FindManyItemByIDs(ctx context.Context, reps []*model.ItemByIDsInput) ([]*catalog.Item, error) {
	return entities[catalog.Item](ctx, r.Resolver, keysOf(reps, func(i *model.ItemByIDsInput) string { return i.ID }))
}

func (r *entityResolver) FindManyOrderByIDs(ctx context.Context, reps []*model.OrderByIDsInput) ([]*orders.Order, error) {
	return entities[orders.Order](ctx, r.Resolver, keysOf(reps, func(i *model.OrderByIDsInput) string { return i.ID }))
}

func (r *entityResolver) FindManyOrderByNumbers(ctx context.Context, reps []*model.OrderByNumbersInput) ([]*orders.Order, error) {
	list, err := r.Orders.ByNumbers(ctx, viewer(ctx), keysOf(reps, func(i *model.OrderByNumbersInput) string { return i.Number }))
	if err != nil {
		return nil, err
	}
	out := make([]*orders.Order, len(reps))
	for i, rep := range reps {
		out[i] = list[rep.Number]
	}
	scopeOf(ctx).announce(out...)
	return out, nil
}

func (r *entityResolver) FindManyReturnByIDs(ctx context.Context, reps []*model.ReturnByIDsInput) ([]*returns.Return, error) {
	return entities[returns.Return](ctx, r.Resolver, keysOf(reps, func(i *model.ReturnByIDsInput) string { return i.ID }))
}

func (r *entityResolver) FindManyShipmentByIDs(ctx context.Context, reps []*model.ShipmentByIDsInput) ([]*shipments.Shipment, error) {
	return entities[shipments.Shipment](ctx, r.Resolver, keysOf(reps, func(i *model.ShipmentByIDsInput) string { return i.ID }))
}

func (r *Resolver) Entity() generated.EntityResolver { return &entityResolver{r} }

type entityResolver struct{ *Resolver }
