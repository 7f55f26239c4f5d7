//go:build live

package vendure_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/live/livetest"
	"crossdock/sources/ecommerce/vendure"
	"crossdock/sources/sourcetest"
	"crossdock/sources/transport"
)

func client(t *testing.T, v *livetest.Vendure) *vendure.Client {
	t.Helper()
	c, err := vendure.New("webshop", v.URL, vendure.Config{Key: v.Key, Account: "C20003", Location: v.Location, Policy: transport.Policy{Timeout: 20 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until repeats until a fact is true.
func until(t *testing.T) func(what string, ok func() bool) {
	t.Helper()
	return func(what string, ok func() bool) {
		t.Helper()
		for range 300 {
			if ok() {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Fatalf("it never came true that %s", what)
	}
}

// TestVendurePassesTheSuiteOfAShop on the real product.
func TestVendurePassesTheSuiteOfAShop(t *testing.T) {
	t.Parallel()
	v := livetest.NewVendure(t)
	const sku = "MI-1001"
	number := fmt.Sprint("SO-T", time.Now().UnixNano())
	sourcetest.TestShop(t, sourcetest.Shop{
		Storefront: client(t, v), Item: sku, Number: number, Many: 250, Lose: livetest.Switched(&v.Lose), Down: livetest.Switched(&v.Down), Until: until(t),
		Unknown: func(n int) string { return fmt.Sprint(2_000_000_000_000 + n) },
		Buy: func(finished bool) string {
			v.Stock(sku, 10_000)
			id, _ := v.Buy(livetest.Line{SKU: sku, Quantity: 3})
			if finished {
				v.Send(id)
			}
			return id
		},
		Shows: func(ref string) sourcetest.Shown {
			o := v.Order(ref)
			var shown sourcetest.Shown
			if o.CustomFields.ExternalRef == number {
				shown.Told++
			}
			shown.Told += len(o.History.Items)
			for _, f := range o.Fulfillments {
				if f.State == "Shipped" {
					shown.Parcels = append(shown.Parcels, f.TrackingCode)
				}
			}
			onHand, allocated := v.Levels(sku)
			shown.ForSale = fmt.Sprint(onHand - allocated)
			return shown
		},
	})
}

// TestWhatWillNotComeIsCancelledAndGivenBack, once, and though replies get lost.
func TestWhatWillNotComeIsCancelledAndGivenBack(t *testing.T) {
	t.Parallel()
	v := livetest.NewVendure(t)
	c := client(t, v)
	v.Stock("MI-1002", 10_000)
	id, _ := v.Buy(livetest.Line{SKU: "MI-1002", Quantity: 4})
	paid := v.Order(id).TotalWithTax
	line := orders.Line{Number: 1, SKU: "MI-1002", Quantity: trade.Quantity{Value: trade.MustDecimal("4")}, Cancelled: trade.MustDecimal("1")}
	o := &orders.Order{ChannelRef: id, Number: "SO-1", CancelReason: "one is broken", Lines: []orders.Line{line}}
	v.Lose.Store(true)
	for range 2 {
		_ = c.CancelRest(t.Context(), o)
	}
	v.Lose.Store(false)
	tell := func() {
		t.Helper()
		until(t)("the shop is told", func() bool { return c.CancelRest(t.Context(), o) == nil })
		if err := c.CancelRest(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
	given := func() (total int64) {
		for _, r := range v.Order(id).Payments[0].Refunds {
			if r.State != "Settled" {
				t.Errorf("a refund is %+v", r)
			}
			total += r.Total
		}
		return total
	}
	tell()
	is := v.Order(id)
	if is.Lines[0].Quantity != 3 || is.TotalWithTax >= paid || given() != paid-is.TotalWithTax {
		t.Errorf("after one of four the shop has %+v; paid %d", is, paid)
	}
	o.Lines[0].Cancelled = trade.MustDecimal("4")
	tell()
	if is := v.Order(id); is.State != "Cancelled" || given() != paid {
		t.Errorf("after all four the shop has %+v; paid %d", is, paid)
	}
	a, err := c.Placed(t.Context(), []string{id})
	if p := a.Found[id]; err != nil || !p.Cancelled || len(p.Refunds) != 2 || !p.Refunds[0].Ours || !p.Refunds[1].Ours {
		t.Errorf("it is read as %+v, %v", p, err)
	}
}

// TestARefundThatMovesNothingElseIsSeen: the shop's list of changes leaves it out, reading the order does not.
func TestARefundThatMovesNothingElseIsSeen(t *testing.T) {
	t.Parallel()
	v := livetest.NewVendure(t)
	c := client(t, v)
	v.Stock("MI-1003", 10_000)
	id, _ := v.Buy(livetest.Line{SKU: "MI-1003", Quantity: 1})
	before := v.Order(id)
	v.Refund(id, 500, "goodwill")
	if after := v.Order(id); after.State != before.State || after.TotalWithTax != before.TotalWithTax {
		t.Errorf("the refund changed the order: %+v", after)
	}
	a, err := c.Placed(t.Context(), []string{id})
	if p := a.Found[id]; err != nil || len(p.Refunds) != 1 || p.Refunds[0].Ours || p.Refunds[0].Amount.String() != "5.00 USD" || p.Refunds[0].Reason != "goodwill" {
		t.Errorf("it is read as %+v, %v", p, err)
	}
}

// TestOneNumberOfSixOrdersIsOneOrders: the custom field is the key, and the database keeps it unique. Those that
// come too late have changed nothing.
func TestOneNumberOfSixOrdersIsOneOrders(t *testing.T) {
	t.Parallel()
	v := livetest.NewVendure(t)
	c := client(t, v)
	v.Stock("MI-1004", 10_000)
	number := fmt.Sprint("SO-R", time.Now().UnixNano())
	refs := make([]string, 6)
	for i := range refs {
		refs[i], _ = v.Buy(livetest.Line{SKU: "MI-1004", Quantity: 1})
	}
	var wg sync.WaitGroup
	errs := make([]error, len(refs))
	for i, ref := range refs {
		wg.Go(func() {
			errs[i] = c.Acknowledge(t.Context(), &orders.Order{ChannelRef: ref, Number: number, Decision: orders.DecisionAccepted})
		})
	}
	wg.Wait()
	won := 0
	for i, ref := range refs {
		is := v.Order(ref)
		switch {
		case errs[i] == nil && is.CustomFields.ExternalRef == number && len(is.History.Items) == 1:
			won++
		case fault.KindOf(errs[i]) == fault.Conflict && is.CustomFields.ExternalRef == "" && len(is.History.Items) == 0:
		default:
			t.Errorf("order %s is %+v after %v", ref, is, errs[i])
		}
	}
	if won != 1 {
		t.Errorf("%d of six orders have the number", won)
	}
}
