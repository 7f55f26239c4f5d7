package resolvers

import (
	"context"

	"crossdock/domains/accounts"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/scalar"
)

func (r *queryResolver) Viewer(ctx context.Context) (*trade.Viewer, error) {
	who := viewer(ctx)
	if s := scopeOf(ctx); s.selected["Viewer.accounts"] {
		for _, id := range who.Accounts {
			s.announceAccount(id)
		}
	}
	return &who, nil
}

func (r *queryResolver) Node(ctx context.Context, id string) (scalar.Node, error) {
	list, err := r.things(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func (r *queryResolver) Nodes(ctx context.Context, ids []string) ([]scalar.Node, error) {
	if err := bounded(ids, maxNodes, "ids"); err != nil {
		return nil, err
	}
	list, err := r.things(ctx, ids)
	return partial(ctx, list, err)
}

func (r *viewerResolver) Accounts(ctx context.Context, obj *trade.Viewer) ([]*accounts.Account, error) {
	list, err := load(ctx, scopeOf(ctx).accounts, obj.Accounts)
	list, err = partial(ctx, list, err)
	return present(list), err
}

func (r *Resolver) Mutation() generated.MutationResolver { return &mutationResolver{r} }

func (r *Resolver) Query() generated.QueryResolver { return &queryResolver{r} }

func (r *Resolver) Subscription() generated.SubscriptionResolver { return &subscriptionResolver{r} }

func (r *Resolver) Viewer() generated.ViewerResolver { return &viewerResolver{r} }

type (
	mutationResolver     struct{ *Resolver }
	queryResolver        struct{ *Resolver }
	subscriptionResolver struct{ *Resolver }
	viewerResolver       struct{ *Resolver }
)
