package resolvers

import (
	"context"

	"crossdock/domains/event"
	"crossdock/graph/generated"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
	"crossdock/internal/bus"
)

func (r *eventResolver) Type(ctx context.Context, obj *event.Event) (string, error) {
	return string(obj.Type), nil
}

func (r *eventResolver) Cursor(ctx context.Context, obj *event.Event) (string, error) {
	return bus.Cursor(obj.Position), nil
}

func (r *eventResolver) Subject(ctx context.Context, obj *event.Event) (string, error) {
	return obj.Stream.Kind, nil
}

func (r *eventResolver) OrderID(ctx context.Context, obj *event.Event) (*string, error) {
	if obj.OrderID == "" {
		return nil, nil //nolint:nilnil // not about an order
	}
	id := scalar.GlobalID(scalar.TypeOrder, obj.OrderID)
	return &id, nil
}

func (r *eventResolver) Details(ctx context.Context, obj *event.Event) (model.EventDetails, error) {
	return details(obj)
}

func (r *subscriptionResolver) OrderEvents(ctx context.Context, orderID string, after *string) (<-chan *event.Event, error) {
	id, err := scalar.ParseID(scalar.TypeOrder, orderID)
	if err != nil {
		return nil, err
	}
	return r.follow(ctx, bus.Filter{OrderID: id}, after)
}

func (r *subscriptionResolver) FulfillmentEvents(ctx context.Context, filter *model.FulfillmentEventFilter, after *string) (<-chan *event.Event, error) {
	f := bus.Filter{Streams: []string{"fulfillment_order", "shipment", "exception"}}
	if filter != nil {
		f.Types = filter.Types
		for _, id := range filter.AccountIds {
			f.Accounts = append(f.Accounts, string(scalar.ParseAccountID(id)))
		}
	}
	return r.follow(ctx, f, after)
}

func (r *Resolver) Event() generated.EventResolver { return &eventResolver{r} }

type eventResolver struct{ *Resolver }
