package orders

import (
	"context"
	"time"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
)

// Registration is an order as a system of record keeps it.
type Registration struct {
	// Number is our number, which the system keeps as its external reference. Empty for orders
	// that were typed straight into it.
	Number string
	// Ref and TheirNumber are what the system calls the order.
	Ref         string
	TheirNumber string
	Source      string
	Account     trade.AccountID
	// Buyer is whom a shop sold a finished order to, where it tells.
	Buyer    Buyer
	PONumber string
	Currency trade.Currency
	// Tax is what the system has calculated for the whole order; nil when it does not tell.
	Tax        *trade.Money
	PlacedAt   time.Time
	ModifiedAt time.Time
	ShipTo     trade.Address
	// RequestedDate is empty where the system does not tell.
	RequestedDate trade.Date
	// Posted is true when the system has shipped and invoiced it all and keeps only documents.
	Posted bool
	// Cancelled is true when the system has called it off.
	Cancelled bool
	// Unconfirmed is true when the system has the order and does not count or work on it yet; Stops are
	// what it wants a person to confirm before it does.
	Unconfirmed bool
	Stops       []Stop
	// Copies counts how often the system has an order of this number; more than one is a defect.
	Copies int
	Lines  []RegisteredLine
}

// Stop is a question of a system of record that a person must answer before it takes an order up, such as
// a credit limit that the order passes.
type Stop struct {
	// Name is the system's own name of the question, unique to the order.
	Name string `json:"name"`
	// Message is the question, for people.
	Message string `json:"message"`
}

// RegisteredLine is one line of a registration, in the order of the system's line numbers.
type RegisteredLine struct {
	// Line is our line number, where the system keeps it.
	Line      int
	SKU       trade.SKU
	Quantity  trade.Quantity
	UnitPrice trade.Money
	Shipped   trade.Decimal
}

// Registrar is a system of record for orders. All methods are safe for concurrent use and none
// retries.
type Registrar interface {
	// Register creates the order. It does not look for an earlier one: the caller has.
	Register(ctx context.Context, o *Order) (Registration, error)
	// Registrations returns what the system has of our numbers, open or posted.
	Registrations(ctx context.Context, numbers []string) (lookup.Answers[string, Registration], error)
	// Withdraw deletes an order of which nothing was posted.
	Withdraw(ctx context.Context, number string) error
	// Reduce lowers the order's lines to these quantities, by our line numbers; lines that have no
	// more are left alone. It returns the order as it is then. One that is gone is not found.
	Reduce(ctx context.Context, number string, kept map[int]trade.Decimal) (Registration, error)
	// RegistrationsSince returns orders changed since the cursor, oldest first, repeats allowed.
	RegistrationsSince(ctx context.Context, cursor string) (lookup.Page[Registration], error)
}

// Confirmer is a system of record that has an order before it takes it up, and may ask first.
type Confirmer interface {
	// Confirm has the system take up an order that it has, in spite of the stops named. It returns the
	// order as it is then, unconfirmed with the stops that are left when it would not. Repeating it is safe.
	Confirm(ctx context.Context, number string, despite []string) (Registration, error)
}

// Archive is a system of record that keeps what it posted of an order after the order is gone.
type Archive interface {
	// Posted returns orders by the system's own numbers, built of everything it posted for them.
	Posted(ctx context.Context, theirNumbers []string) (lookup.Answers[string, Registration], error)
}

// Shop is a storefront that orders come from.
type Shop interface {
	// Acknowledge tells the shop what became of its order. Repeating it changes nothing.
	Acknowledge(ctx context.Context, o *Order) error
}

// Canceller is a shop that can be told what of its order will not come.
type Canceller interface {
	// CancelRest cancels in the shop what does not stay, see Order.Stays, and has not shipped, and has it give the
	// money for that back. Repeating it changes nothing.
	CancelRest(ctx context.Context, o *Order) error
}

// PlacedOrder is an order that a shop has taken.
type PlacedOrder struct {
	Ref   string
	Draft Draft
	// Buyer is whom the shop sold to, where it tells.
	Buyer Buyer
	// PlacedAt is when the shop took it, ModifiedAt when it was last changed there; zero where the shop does not tell.
	PlacedAt   time.Time
	ModifiedAt time.Time
	// Cancelled is true when the shop has called it off.
	Cancelled bool
	// Refunds are what the shop has given back of its price, where it tells.
	Refunds []Refund
}

// Buyer is whom a shop sells to, as it calls them.
type Buyer struct {
	Ref  string `json:"ref,omitempty"`
	Name string `json:"name,omitempty"`
}

// Refund is money that a shop has given back of an order.
type Refund struct {
	// Ref is what the shop calls it.
	Ref    string      `json:"ref"`
	Amount trade.Money `json:"amount"`
	Reason string      `json:"reason,omitempty"`
	At     time.Time   `json:"at"`
	// Ours is true of a refund that we had the shop make.
	Ours bool `json:"ours,omitempty"`
}

// Sighting is an order of a shop as a list shows it.
type Sighting struct {
	Ref       string
	PlacedAt  time.Time
	Cancelled bool
}

// ShopFeed lists a shop's orders.
type ShopFeed interface {
	// Placed returns the orders with these references.
	Placed(ctx context.Context, refs []string) (lookup.Answers[string, PlacedOrder], error)
	// PlacedSince returns the orders changed since the cursor, oldest first, repeats allowed. A feed that was never read starts now: what was placed before is history.
	PlacedSince(ctx context.Context, cursor string) (lookup.Page[Sighting], error)
	// Finished returns orders that the shop has finished with, after the cursor, in an order in
	// which no order is passed over; repeats allowed.
	Finished(ctx context.Context, cursor string) (lookup.Page[Registration], error)
}
