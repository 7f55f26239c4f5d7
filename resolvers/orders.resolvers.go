package resolvers

import (
	"context"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

func (r *mutationResolver) PlaceOrder(ctx context.Context, input model.PlaceOrderInput) (*model.PlaceOrderPayload, error) {
	d, err := orderDraft(viewer(ctx), input)
	if err != nil {
		return placed(ctx, r.Resolver, nil, err)
	}
	answer, err := r.Orders.Place(ctx, viewer(ctx), input.IdempotencyKey, d)
	return placed(ctx, r.Resolver, answer, err)
}

func (r *mutationResolver) AmendOrder(ctx context.Context, input model.AmendOrderInput) (*model.AmendOrderPayload, error) {
	id, err := scalar.ParseID(scalar.TypeOrder, input.OrderID)
	if err = at(err, "orderId"); err != nil {
		return amended(ctx, nil, input.DryRun, err)
	}
	done, err := r.Orders.Revise(ctx, viewer(ctx), trade.OrderID(id), orderChange(input), input.DryRun)
	return amended(ctx, done, input.DryRun, err)
}

func (r *mutationResolver) DecideApproval(ctx context.Context, input model.DecideApprovalInput) (*model.DecideApprovalPayload, error) {
	id, err := scalar.ParseID(scalar.TypeOrder, input.OrderID)
	var o *orders.Order
	if err = at(err, "orderId"); err == nil {
		o, err = r.Orders.Decide(ctx, viewer(ctx), trade.OrderID(id), input.ExpectedVersion, input.Approve, input.Reason)
	}
	errs, err := problem(err)
	return &model.DecideApprovalPayload{Order: announced(ctx, o), Errors: errs}, err
}

func (r *mutationResolver) CancelOrder(ctx context.Context, input model.CancelOrderInput) (*model.CancelOrderPayload, error) {
	id, err := scalar.ParseID(scalar.TypeOrder, input.OrderID)
	var o *orders.Order
	if err = at(err, "orderId"); err == nil {
		o, err = r.Orders.Cancel(ctx, viewer(ctx), trade.OrderID(id), input.ExpectedVersion, value(input.Reason))
	}
	errs, err := problem(err)
	return &model.CancelOrderPayload{Order: announced(ctx, o), Errors: errs}, err
}

func (r *mutationResolver) ReleaseHold(ctx context.Context, input model.ReleaseHoldInput) (*model.ReleaseHoldPayload, error) {
	id, err := scalar.ParseID(scalar.TypeOrder, input.OrderID)
	var o *orders.Order
	if err = at(err, "orderId"); err == nil {
		o, err = r.Orders.ReleaseHold(ctx, viewer(ctx), trade.OrderID(id), input.ExpectedVersion, input.HoldID, input.Reason)
	}
	errs, err := problem(err)
	return &model.ReleaseHoldPayload{Order: announced(ctx, o), Errors: errs}, err
}

func (r *orderResolver) Account(ctx context.Context, objs []*orders.Order, maxAge *int, orLastKnown bool) ([]*accounts.Account, error) {
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	return load(ctx, scopeOf(ctx).accounts, keysOf(objs, func(o *orders.Order) trade.AccountID { return o.Account }))
}

func (r *orderResolver) Review(ctx context.Context, objs []*orders.Order) ([][]*orders.Finding, error) {
	found, err := r.Orders.Reviews(ctx, keysOf(objs, orderID))
	if err != nil {
		return nil, err
	}
	out := make([][]*orders.Finding, len(objs))
	for i, o := range objs {
		if o != nil {
			out[i] = refs(found[o.ID])
		}
	}
	return out, nil
}

func (r *orderResolver) Sourcing(ctx context.Context, objs []*orders.Order) ([]*inventory.Plan, error) {
	found, err := r.Orders.Plans(ctx, keysOf(objs, orderID))
	if err != nil {
		return nil, err
	}
	out := make([]*inventory.Plan, len(objs))
	for i, o := range objs {
		if o == nil {
			continue
		}
		if out[i], err = plan(found[o.ID]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *orderResolver) FulfillmentOrders(ctx context.Context, objs []*orders.Order) ([][]*shipments.Work, error) {
	return lists(ctx, scopeOf(ctx).work, keysOf(objs, orderID))
}

func (r *orderResolver) Shipments(ctx context.Context, objs []*orders.Order) ([][]*shipments.Shipment, error) {
	return lists(ctx, scopeOf(ctx).shipments, keysOf(objs, orderID))
}

func (r *orderResolver) Returns(ctx context.Context, objs []*orders.Order) ([][]*returns.Return, error) {
	return lists(ctx, scopeOf(ctx).returns, keysOf(objs, orderID))
}

func (r *orderResolver) Invoices(ctx context.Context, objs []*orders.Order) ([][]*scalar.Invoice, error) {
	return documents(ctx, objs, finance.Invoice, func(d *finance.Document) *scalar.Invoice { return &scalar.Invoice{Document: d} })
}

func (r *orderResolver) CreditMemos(ctx context.Context, objs []*orders.Order) ([][]*scalar.CreditMemo, error) {
	return documents(ctx, objs, finance.CreditMemo, func(d *finance.Document) *scalar.CreditMemo { return &scalar.CreditMemo{Document: d} })
}

func (r *orderResolver) Timeline(ctx context.Context, objs []*orders.Order, first *int, after *string) ([]*model.EventConnection, error) {
	return abreast(ctx, objs, func(o *orders.Order) (*model.EventConnection, error) {
		return r.timeline(ctx, o, number(first, 100), after)
	})
}

func (r *orderLineResolver) Item(ctx context.Context, objs []*orders.Line, maxAge *int, orLastKnown bool) ([]*catalog.Item, error) {
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	s := scopeOf(ctx)
	return load(ctx, s.items, s.skusOf(objs))
}

func (r *orderLineResolver) Price(ctx context.Context, objs []*orders.Line, maxAge *int, orLastKnown bool) ([]*pricing.Price, error) {
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	s := scopeOf(ctx)
	return load(ctx, s.prices, s.pricesOf(objs))
}

func (r *orderLineResolver) Availability(ctx context.Context, objs []*orders.Line, maxAge *int, orLastKnown bool) ([]*inventory.Availability, error) {
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	s := scopeOf(ctx)
	list, err := load(ctx, s.availability, s.skusOf(objs))
	return shown(ctx, list, err)
}

func (r *queryResolver) Order(ctx context.Context, id *string, number *string) (*orders.Order, error) {
	switch {
	case (id == nil) == (number == nil):
		return nil, fault.New(fault.Invalid, "give either id or number").At("id")
	case number != nil:
		o, err := r.Resolver.Orders.ByNumber(ctx, viewer(ctx), *number)
		return announced(ctx, o), unlessMissing(err)
	}
	inner, err := scalar.ParseID(scalar.TypeOrder, *id)
	if err != nil {
		return nil, at(err, "id")
	}
	s := scopeOf(ctx)
	s.orders.Announce(trade.OrderID(inner))
	o, err := one(ctx, s.orders, trade.OrderID(inner))
	return announced(ctx, o), err
}

func (r *queryResolver) Orders(ctx context.Context, filter *model.OrderFilter, orderBy *model.OrderOrder, first *int, after *string, last *int, before *string) (*model.OrderConnection, error) {
	p := scopeOf(ctx).orderPaging(ctx, orders.Paging{First: first, Last: last, After: value(after), Before: value(before)})
	if orderBy != nil {
		p.SortBy, p.Ascending = orderBy.Field, orderBy.Direction == model.DirectionAsc
	}
	list, err := r.Resolver.Orders.List(ctx, viewer(ctx), orderFilter(filter), p)
	if err != nil {
		return nil, err
	}
	return orderPage(ctx, list), nil
}

func (r *queryResolver) ValidateOrder(ctx context.Context, input model.PlaceOrderInput) (*model.ValidateOrderPayload, error) {
	d, err := orderDraft(viewer(ctx), input)
	if err != nil {
		return validated(nil, err)
	}
	return validated(r.Resolver.Orders.Validate(ctx, viewer(ctx), d))
}

func (r *Resolver) Order() generated.OrderResolver { return &orderResolver{r} }

func (r *Resolver) OrderLine() generated.OrderLineResolver { return &orderLineResolver{r} }

type (
	orderResolver     struct{ *Resolver }
	orderLineResolver struct{ *Resolver }
)
