package sourcetest

import (
	"slices"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

// Storefront is everything that a shop's adapter does.
type Storefront interface {
	orders.Shop
	orders.ShopFeed
	shipments.Notifier
	inventory.Publisher
}

// Shop is a shop's adapter with what the suite needs to know of the shop behind it.
type Shop struct {
	Storefront
	// Item is sold there, and in stock.
	Item trade.SKU
	// Buy has a customer buy three of the item, and the shop send them when it is to be finished. It returns
	// the order's reference.
	Buy func(finished bool) string
	// Unknown makes references that no order has; Many is more than one call of the product takes.
	Unknown func(n int) string
	Many    int
	// Number is the order of ours that the bought one becomes.
	Number string
	// Shows asks the shop's own books what a customer sees.
	Shows func(ref string) Shown
	// Lose and Down are those of a Command; Until repeats until the shop can be asked again.
	Lose, Down func() (undo func())
	Until      func(what string, ok func() bool)
}

// Shown is what a shop shows of an order, and sells of the item.
type Shown struct {
	// Told counts the marks of our number and of the decision. Parcels are the tracking numbers.
	Told    int
	Parcels []string
	ForSale string
}

// TestShop runs every suite that a shop's adapter must pass.
func TestShop(t *testing.T, s Shop) {
	t.Helper()
	t.Run("orders", func(t *testing.T) {
		var known []string
		for range 7 {
			known = append(known, s.Buy(false))
		}
		Test(t, Port[string, orders.PlacedOrder]{
			Ask: s.Placed, Known: known, Unknown: s.Unknown, KeyOf: func(o orders.PlacedOrder) string { return o.Ref }, Many: s.Many, Down: s.Down,
		})
		TestFeed(t, Feed[orders.Sighting]{
			Read: s.PlacedSince, KeyOf: func(o orders.Sighting) string { return o.Ref }, Change: func() string { return s.Buy(false) }, Down: s.Down,
		})
		TestFeed(t, Feed[orders.Registration]{
			Read: s.Finished, KeyOf: func(r orders.Registration) string { return r.Ref }, Change: func() string { return s.Buy(true) }, Down: s.Down, Opaque: true,
		})
	})
	t.Run("told once", s.told)
}

// told: a shop is told things once, however often, and though a reply gets lost.
func (s Shop) told(t *testing.T) {
	t.Helper()
	ref := s.Buy(false)
	o := &orders.Order{ChannelRef: ref, Number: s.Number, Decision: orders.DecisionAccepted}
	parcel := &shipments.Shipment{Number: s.Number + "/1", Carrier: "UPS", TrackingNumber: "1Z" + s.Number, Parts: []trade.Part{{Line: 1, SKU: s.Item, Quantity: trade.MustDecimal("3"), Unit: "PCS"}}}
	stock := map[trade.SKU]trade.Decimal{s.Item: trade.MustDecimal("7"), "NOT-SOLD": one()}
	type call struct {
		what string
		do   func() error
	}
	calls := []call{
		{"acknowledge", func() error { return s.Acknowledge(t.Context(), o) }},
		{"fulfil", func() error { return s.Fulfil(t.Context(), ref, parcel) }},
		{"stock", func() error { return s.PublishStock(t.Context(), stock) }},
	}
	for _, c := range calls {
		up := s.Down()
		if err := c.do(); err == nil || !fault.Retryable(err) {
			t.Errorf("%s while the shop is down: %v", c.what, err)
		}
		up()
	}
	s.Until("the shop is asked again", func() bool {
		a, err := s.Placed(t.Context(), []string{ref})
		return err == nil && len(a.Failed) == 0
	})
	undo := s.Lose()
	for _, c := range calls {
		if err := c.do(); err == nil || !fault.Unsure(err) {
			t.Errorf("%s whose reply is lost: %v", c.what, err)
		}
	}
	undo()
	s.Until("the shop is asked again", func() bool { return calls[0].do() == nil })
	for _, c := range calls {
		for range 2 {
			if err := c.do(); err != nil {
				t.Errorf("%s again: %v", c.what, err)
			}
		}
	}
	if shown := s.Shows(ref); shown.Told != 2 || !slices.Equal(shown.Parcels, []string{parcel.TrackingNumber}) || shown.ForSale != "7" {
		t.Errorf("the shop shows %+v", shown)
	}
}
