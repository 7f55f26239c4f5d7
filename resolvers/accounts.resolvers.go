package resolvers

import (
	"context"

	"crossdock/domains/accounts"
	"crossdock/domains/finance"
	"crossdock/domains/orders"
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

func (r *accountResolver) Orders(ctx context.Context, objs []*accounts.Account, first *int, after *string) ([]*model.OrderConnection, error) {
	pages, err := load(ctx, scopeOf(ctx).ordersOf(pageArgs{number(first, 20), value(after)}), keysOf(objs, accountID))
	out := make([]*model.OrderConnection, len(pages))
	for i, list := range pages {
		if list != nil {
			out[i] = orderPage(ctx, list)
		}
	}
	return out, err
}

func (r *accountResolver) Quotes(ctx context.Context, objs []*accounts.Account, first *int) ([][]*orders.Quote, error) {
	found, err := r.Resolver.Orders.Quotes(ctx, viewer(ctx), keysOf(objs, accountID), number(first, 20))
	return spread(objs, found, accountID), err
}

func (r *accountResolver) Invoices(ctx context.Context, objs []*accounts.Account, open *bool, first *int, after *string) ([]*model.InvoiceConnection, error) {
	from, err := cursor(scalar.TypeInvoice, after)
	if err != nil {
		return nil, err
	}
	return abreast(ctx, objs, func(a *accounts.Account) (*model.InvoiceConnection, error) {
		return invoicePage(from)(r.Finance.Invoices(ctx, viewer(ctx), a.ID, open != nil && *open, number(first, 20), from))
	})
}

func (r *accountResolver) TaxCertificates(ctx context.Context, objs []*accounts.Account) ([][]*accounts.Certificate, error) {
	found, err := r.Accounts.Certificates(ctx, viewer(ctx), keysOf(objs, accountID))
	return spread(objs, found, accountID), err
}

func (r *mutationResolver) SetTaxCertificate(ctx context.Context, input model.SetTaxCertificateInput) (*model.SetTaxCertificatePayload, error) {
	set, err := r.Accounts.SetCertificate(ctx, viewer(ctx), accounts.Certificate{
		Account: scalar.ParseAccountID(input.AccountID), Number: input.Number, Jurisdictions: input.Jurisdictions, Categories: input.ItemCategories, From: input.ValidFrom, Until: value(input.ValidUntil), State: input.State, Note: input.Note,
	})
	errs, err := problem(err)
	if len(errs) > 0 {
		set = nil
	}
	return &model.SetTaxCertificatePayload{Certificate: set, Errors: errs}, err
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
