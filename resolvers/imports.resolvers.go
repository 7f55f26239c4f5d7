package resolvers

import (
	"context"

	"crossdock/domains/imports"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

func (r *importRowResolver) Order(ctx context.Context, objs []*imports.Row) ([]*orders.Order, error) {
	return load(ctx, scopeOf(ctx).orders, keysOf(objs, func(row *imports.Row) trade.OrderID { return row.OrderID }))
}

func (r *mutationResolver) ImportOrders(ctx context.Context, input model.ImportOrdersInput) (*model.ImportOrdersPayload, error) {
	i, err := r.Imports.Start(ctx, viewer(ctx), input.IdempotencyKey, input.Format, input.RowPolicy, input.Data)
	errs, err := problem(err)
	return &model.ImportOrdersPayload{Import: i, Errors: errs}, err
}

func (r *mutationResolver) CancelImport(ctx context.Context, input model.CancelImportInput) (*model.CancelImportPayload, error) {
	id, err := scalar.ParseID(scalar.TypeImport, input.ImportID)
	var i *imports.Import
	if err = at(err, "importId"); err == nil {
		i, err = r.Imports.Cancel(ctx, viewer(ctx), id)
	}
	errs, err := problem(err)
	return &model.CancelImportPayload{Import: i, Errors: errs}, err
}

func (r *orderImportResolver) ID(ctx context.Context, obj *imports.Import) (string, error) {
	return scalar.GlobalID(scalar.TypeImport, obj.ID), nil
}

func (r *orderImportResolver) Rows(ctx context.Context, objs []*imports.Import, outcome []imports.Outcome, first *int, after *string) ([]*model.ImportRowConnection, error) {
	return abreast(ctx, objs, func(i *imports.Import) (*model.ImportRowConnection, error) {
		return r.importRows(ctx, i, outcome, number(first, 100), after)
	})
}

func (r *queryResolver) OrderImport(ctx context.Context, id string) (*imports.Import, error) {
	inner, err := scalar.ParseID(scalar.TypeImport, id)
	if err != nil {
		return nil, at(err, "id")
	}
	i, err := r.Imports.Import(ctx, viewer(ctx), inner)
	return i, unlessMissing(err)
}

func (r *Resolver) ImportRow() generated.ImportRowResolver { return &importRowResolver{r} }

func (r *Resolver) OrderImport() generated.OrderImportResolver { return &orderImportResolver{r} }

type (
	importRowResolver   struct{ *Resolver }
	orderImportResolver struct{ *Resolver }
)
