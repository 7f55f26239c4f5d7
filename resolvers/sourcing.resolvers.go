package resolvers

import (
	"context"

	"crossdock/domains/inventory"
	"crossdock/graph/model"
)

func (r *queryResolver) SimulateSourcing(ctx context.Context, input model.SimulateSourcingInput) (*inventory.Plan, error) {
	d, err := orderDraft(viewer(ctx), model.PlaceOrderInput{AccountID: input.AccountID, RequestedDate: input.RequestedDate, ShipTo: input.ShipTo, CarrierService: input.CarrierService, Lines: input.Lines})
	if err != nil {
		return nil, err
	}
	raw, err := r.Resolver.Orders.SimulateSourcing(ctx, viewer(ctx), d, input.Criteria, value(input.MaxNodes))
	if err != nil {
		return nil, err
	}
	return plan(raw)
}
