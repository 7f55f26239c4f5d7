package resolvers

import (
	"context"

	"crossdock/domains/finance"
	"crossdock/domains/orders"
	"crossdock/domains/returns"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

func (r *mutationResolver) RequestReturn(ctx context.Context, input model.RequestReturnInput) (*model.RequestReturnPayload, error) {
	id, err := scalar.ParseID(scalar.TypeOrder, input.OrderID)
	if err != nil {
		return returnPayload(nil, at(err, "orderId"))
	}
	wishes := make([]returns.Wish, len(input.Lines))
	for i, l := range input.Lines {
		wishes[i] = returns.Wish{Line: l.Line, Quantity: *l.Quantity, Reason: l.Reason}
	}
	return returnPayload(r.Returns.Request(ctx, viewer(ctx), input.IdempotencyKey, trade.OrderID(id), wishes, value(input.Comment)))
}

func (r *mutationResolver) ApproveReturn(ctx context.Context, input model.ApproveReturnInput) (*model.ApproveReturnPayload, error) {
	id, err := scalar.ParseID(scalar.TypeReturn, input.ReturnID)
	var done *returns.Return
	if err = at(err, "returnId"); err == nil {
		done, err = r.Returns.Approve(ctx, viewer(ctx), id)
	}
	out, err := returnPayload(done, err)
	return (*model.ApproveReturnPayload)(out), err
}

func (r *mutationResolver) CancelReturn(ctx context.Context, input model.CancelReturnInput) (*model.CancelReturnPayload, error) {
	id, err := scalar.ParseID(scalar.TypeReturn, input.ReturnID)
	var done *returns.Return
	if err = at(err, "returnId"); err == nil {
		done, err = r.Returns.Cancel(ctx, viewer(ctx), id, value(input.Reason))
	}
	out, err := returnPayload(done, err)
	return (*model.CancelReturnPayload)(out), err
}

func (r *queryResolver) Return(ctx context.Context, id string) (*returns.Return, error) {
	inner, err := scalar.ParseID(scalar.TypeReturn, id)
	if err != nil {
		return nil, at(err, "id")
	}
	list, err := r.Resolver.Returns.ByID(ctx, viewer(ctx), []string{inner})
	return list[inner], err
}

func (r *queryResolver) Returns(ctx context.Context, first *int, after *string) (*model.ReturnConnection, error) {
	from, err := cursor(scalar.TypeReturn, after)
	if err != nil {
		return nil, err
	}
	list, more, err := r.Resolver.Returns.List(ctx, viewer(ctx), number(first, 20), from)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		scopeOf(ctx).orders.Announce(v.Order)
	}
	rows, cursors := edges(list, scalar.TypeReturn, func(v *returns.Return) string { return v.ID }, func(c string, v *returns.Return) *model.ReturnEdge {
		return &model.ReturnEdge{Cursor: c, Node: v}
	})
	return &model.ReturnConnection{Edges: rows, Nodes: list, PageInfo: pageInfo(cursors, more, from != "")}, nil
}

func (r *returnResolver) ID(ctx context.Context, obj *returns.Return) (string, error) {
	return scalar.GlobalID(scalar.TypeReturn, obj.ID), nil
}

func (r *returnResolver) Order(ctx context.Context, objs []*returns.Return) ([]*orders.Order, error) {
	return load(ctx, scopeOf(ctx).orders, keysOf(objs, func(v *returns.Return) trade.OrderID { return v.Order }))
}

func (r *returnResolver) CreditMemo(ctx context.Context, objs []*returns.Return) ([]*scalar.CreditMemo, error) {
	docs, err := r.Finance.ByReturn(ctx, viewer(ctx), keysOf(objs, func(v *returns.Return) string { return v.ID }))
	out := make([]*scalar.CreditMemo, len(objs))
	for i, v := range objs {
		if v == nil {
			continue
		}
		if d := docs[v.ID]; d != nil && d.Kind == finance.CreditMemo {
			out[i] = &scalar.CreditMemo{Document: d}
		}
	}
	return out, err
}

func (r *Resolver) Return() generated.ReturnResolver { return &returnResolver{r} }

type returnResolver struct{ *Resolver }
