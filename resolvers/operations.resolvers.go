package resolvers

import (
	"context"

	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

func (r *exceptionResolver) ID(ctx context.Context, obj *operations.Exception) (string, error) {
	return scalar.GlobalID(scalar.TypeException, obj.ID), nil
}

func (r *exceptionResolver) Order(ctx context.Context, objs []*operations.Exception) ([]*orders.Order, error) {
	return load(ctx, scopeOf(ctx).orders, keysOf(objs, func(e *operations.Exception) trade.OrderID { return e.Order }))
}

func (r *exceptionResolver) Retryable(ctx context.Context, obj *operations.Exception) (bool, error) {
	return obj.EffectID != "" || obj.InboxID != "", nil
}

func (r *mutationResolver) RetryException(ctx context.Context, input model.RetryExceptionInput) (*model.RetryExceptionPayload, error) {
	id, err := scalar.ParseID(scalar.TypeException, input.ExceptionID)
	if err != nil {
		return exceptionPayload(nil, at(err, "exceptionId"))
	}
	return exceptionPayload(r.Operations.Retry(ctx, viewer(ctx), id))
}

func (r *mutationResolver) ResolveException(ctx context.Context, input model.ResolveExceptionInput) (*model.ResolveExceptionPayload, error) {
	id, err := scalar.ParseID(scalar.TypeException, input.ExceptionID)
	var done *operations.Exception
	if err = at(err, "exceptionId"); err == nil {
		done, err = r.Operations.Resolve(ctx, viewer(ctx), id, input.Resolution)
	}
	out, err := exceptionPayload(done, err)
	return (*model.ResolveExceptionPayload)(out), err
}

func (r *queryResolver) Exceptions(ctx context.Context, status *operations.Status, first *int, after *string) (*model.ExceptionConnection, error) {
	from, err := cursor(scalar.TypeException, after)
	if err != nil {
		return nil, err
	}
	var only operations.Status
	if status != nil {
		only = *status
	}
	list, more, err := r.Operations.List(ctx, viewer(ctx), only, number(first, 20), from)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		scopeOf(ctx).orders.Announce(e.Order)
	}
	rows, cursors := edges(list, scalar.TypeException, func(e *operations.Exception) string { return e.ID }, func(c string, e *operations.Exception) *model.ExceptionEdge {
		return &model.ExceptionEdge{Cursor: c, Node: e}
	})
	return &model.ExceptionConnection{Edges: rows, Nodes: list, PageInfo: pageInfo(cursors, more, from != "")}, nil
}

func (r *Resolver) Exception() generated.ExceptionResolver { return &exceptionResolver{r} }

type exceptionResolver struct{ *Resolver }
