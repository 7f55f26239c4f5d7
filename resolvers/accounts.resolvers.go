package resolvers

import (
	"context"

	"crossdock/domains/accounts"
	"crossdock/domains/finance"
	"crossdock/graph/generated"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

func (r *accountResolver) ShipTos(ctx context.Context, objs []*accounts.Account) ([][]*accounts.ShipTo, error) {
	return load(ctx, scopeOf(ctx).shipTos, keysOf(objs, accountID))
}

func (r *accountResolver) Credit(ctx context.Context, objs []*accounts.Account, maxAge *int, orLastKnown bool) ([]*finance.Position, error) {
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	return load(ctx, scopeOf(ctx).credit, keysOf(objs, accountID))
}

func (r *accountResolver) Orders(ctx context.Context, obj *accounts.Account, first *int, after *string) (*model.OrderConnection, error) {
	return orderPage(ctx)(one(ctx, scopeOf(ctx).ordersOf(pageArgs{number(first, 20), value(after)}), obj.ID))
}

func (r *accountResolver) Invoices(ctx context.Context, obj *accounts.Account, open *bool, first *int, after *string) (*model.InvoiceConnection, error) {
	from, err := cursor(scalar.TypeInvoice, after)
	if err != nil {
		return nil, err
	}
	docs, more, err := r.Finance.Invoices(ctx, viewer(ctx), obj.ID, open != nil && *open, number(first, 20), from)
	if err != nil {
		return nil, err
	}
	list := make([]*scalar.Invoice, len(docs))
	for i, d := range docs {
		list[i] = &scalar.Invoice{Document: d}
	}
	rows, cursors := edges(list, scalar.TypeInvoice, func(i *scalar.Invoice) string { return i.ID }, func(c string, i *scalar.Invoice) *model.InvoiceEdge {
		return &model.InvoiceEdge{Cursor: c, Node: i}
	})
	return &model.InvoiceConnection{Edges: rows, Nodes: list, PageInfo: pageInfo(cursors, more, from != "")}, nil
}

func (r *queryResolver) Account(ctx context.Context, id string, maxAge *int, orLastKnown bool) (*accounts.Account, error) {
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	key, s := scalar.ParseAccountID(id), scopeOf(ctx)
	s.announceAccount(key)
	return one(ctx, s.accounts, key)
}

func (r *Resolver) Account() generated.AccountResolver { return &accountResolver{r} }

type accountResolver struct{ *Resolver }
