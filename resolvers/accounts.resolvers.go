package resolvers

import (
	"context"

	"crossdock/domains/accounts"
	"crossdock/domains/finance"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

func (r *accountResolver) ShipTos(ctx context.Context, objs []*accounts.Account) ([][]*accounts.ShipTo, error) {
	return load(ctx, scopeOf(ctx).shipTos, keysOf(objs, accountID))
}

func (r *accountResolver) Credit(ctx context.Context, objs []*accounts.Account) ([]*finance.Position, error) {
	return load(ctx, scopeOf(ctx).credit, keysOf(objs, accountID))
}

func (r *accountResolver) Orders(ctx context.Context, obj *accounts.Account, first *int, after *string) (*model.OrderConnection, error) {
	return orderPage(ctx)(r.Resolver.Orders.List(ctx, viewer(ctx), orders.Filter{Accounts: []trade.AccountID{obj.ID}}, orders.Paging{First: first, After: text(after)}))
}

func (r *queryResolver) Account(ctx context.Context, id string, maxAge *int) (*accounts.Account, error) {
	ctx, err := aged(ctx, maxAge)
	if err != nil {
		return nil, err
	}
	key, s := scalar.ParseAccountID(id), scopeOf(ctx)
	s.accounts.Announce(key)
	s.credit.Announce(key)
	s.shipTos.Announce(key)
	return one(ctx, s.accounts, key)
}

func (r *Resolver) Account() generated.AccountResolver { return &accountResolver{r} }

type accountResolver struct{ *Resolver }
