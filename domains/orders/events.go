package orders

import (
	"time"

	"crossdock/domains/event"
)

// StreamKind is the kind of the journal's streams about orders.
const StreamKind = "order"

func (o *Order) event(typ event.Type, at time.Time, details any) event.Event {
	e := event.New(event.Stream{Kind: StreamKind, ID: string(o.ID)}, typ, at, details)
	e.AccountID, e.OrderID = string(o.Account), string(o.ID)
	return e
}
