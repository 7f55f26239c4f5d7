package resolvers

import (
	"context"

	"crossdock/graph/generated"
	"crossdock/graph/scalar"
)

func (r *creditMemoResolver) ID(ctx context.Context, obj *scalar.CreditMemo) (string, error) {
	return scalar.GlobalID(scalar.TypeCreditMemo, obj.ID), nil
}

func (r *invoiceResolver) ID(ctx context.Context, obj *scalar.Invoice) (string, error) {
	return scalar.GlobalID(scalar.TypeInvoice, obj.ID), nil
}

func (r *Resolver) CreditMemo() generated.CreditMemoResolver { return &creditMemoResolver{r} }

func (r *Resolver) Invoice() generated.InvoiceResolver { return &invoiceResolver{r} }

type (
	creditMemoResolver struct{ *Resolver }
	invoiceResolver    struct{ *Resolver }
)
