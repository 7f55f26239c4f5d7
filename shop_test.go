package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

// TestAStorefrontOrderArrivesAndItsTrackingReturns follows an order from the shop and back.
func TestAStorefrontOrderArrivesAndItsTrackingReturns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	id := w.admin("POST", "/admin/shop/orders", `{"po":"WEB-1","lines":[{"sku":"SKU-1000","quantity":3}]}`)["id"].(string)
	find := func() *orders.Order {
		list, err := w.orders.List(t.Context(), trade.System("test"), orders.Filter{Accounts: []trade.AccountID{"C10003"}}, orders.Paging{})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list.Orders, func(o *orders.Order) bool { return o.ChannelRef == id })
		if i < 0 {
			return nil
		}
		return list.Orders[i]
	}
	w.until("the order has arrived", func() bool { return find() != nil })
	w.until("the shop has its number and its tracking", func() bool {
		w.step()
		o := w.admin("GET", "/admin/shop/orders", "")["orders"].([]any)[0].(map[string]any)
		tags, _ := o["tags"].([]any)
		tracking, _ := o["tracking"].([]any)
		return slices.Contains(tags, any("crossdock-"+find().Number)) && len(tracking) == 1
	})
	w.until("the shop knows what it may sell", func() bool {
		stock := w.admin("GET", "/admin/shop/orders", "")["stock"].(map[string]any)
		return stock["SKU-1000"] == fmt.Sprint(w.available())
	})
	w.until("the shop knows what it may sell of items that nobody has asked about", func() bool {
		stock := w.admin("GET", "/admin/shop/orders", "")["stock"].(map[string]any)
		return len(stock) > 50
	})
}

// TestAStorefrontOrderIsHeldAndNotTurnedDown: the shop has taken it already.
func TestAStorefrontOrderIsHeldAndNotTurnedDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/shop/orders", `{"lines":[{"sku":"NOPE","quantity":1}]}`)
	w.until("it is held with remedies", func() bool {
		list, err := w.orders.List(t.Context(), trade.System("test"), orders.Filter{Accounts: []trade.AccountID{"C10003"}}, orders.Paging{})
		if err != nil || len(list.Orders) != 1 {
			return false
		}
		o := list.Orders[0]
		return o.Status == orders.OnHold && len(o.ActiveHolds()) == 1 && slices.Contains(o.ActiveHolds()[0].Remedies, "CANCEL_AND_REFUND")
	})
}

// TestAStorefrontOrderIsTakenInThoughItsFirstIntakeEnds: what a shop has sold is tried until it is in,
// whatever it looks like by then.
func TestAStorefrontOrderIsTakenInThoughItsFirstIntakeEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := draft("C10003", line("SKU-1000", "3"))
	d.Channel, d.ChannelSource, d.ChannelRef = orders.Storefront, "webshop", "gid://shopify/Order/1"
	who := trade.System("storefront")
	w.admin("POST", "/admin/knobs", `{"latency":{"bc":"5s"}}`)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	before := w.erp.Transport().Calls()
	go func() {
		_, err := w.orders.Place(ctx, who, d.ChannelRef, d)
		ended <- err
	}()
	w.until("the ERP is being asked", func() bool { return w.erp.Transport().Calls() > before })
	cancel()
	if err := <-ended; err == nil {
		t.Fatal("an intake that was stopped has an answer")
	}
	w.admin("POST", "/admin/knobs", `{"latency":{"bc":"0s"}}`)
	d.Lines = append(d.Lines, line("SKU-1001", "1")) // somebody has edited it in the shop meanwhile
	first := w.placeAs(who, d.ChannelRef, d)
	if again := w.placeAs(who, d.ChannelRef, d); first.OrderID == "" || !again.Replayed || again.OrderID != first.OrderID {
		t.Errorf("the order is taken in as %q, and a repeat as %+v", first.OrderID, again)
	}
	d.ChannelRef = "gid://shopify/Order/2"
	for len(d.Lines) <= orders.MaxLines {
		d.Lines = append(d.Lines, line("SKU-1001", "1"))
	}
	if _, err := w.orders.Place(t.Context(), who, d.ChannelRef, d); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an order that is too long is answered %v: nobody would hear of it", err)
	}
}

// TestALongStorefrontOrderArrivesWhole although its lines come in several pages and the shop's
// budget is nearly spent.
func TestALongStorefrontOrderArrivesWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/shop/budget?points=1000", "")
	var lines []string
	for n := range 320 {
		lines = append(lines, fmt.Sprintf(`{"sku":"SKU-%d","quantity":%d}`, 1000+n%5, 1+n%3))
	}
	w.admin("POST", "/admin/shop/orders", `{"po":"LONG","lines":[`+strings.Join(lines, ",")+`]}`)
	w.until("it has arrived with all its lines", func() bool {
		list, err := w.orders.List(t.Context(), service(), orders.Filter{PONumber: "LONG"}, orders.Paging{})
		return err == nil && len(list.Orders) == 1 && len(list.Orders[0].Lines) == 320
	})
}

// TestACancellationInTheShopCancelsTheOrder, wherever it is; what has left is reported.
func TestACancellationInTheShopCancelsTheOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	buy := func(po string) (string, *orders.Order) {
		o, id := w.buy(po, `{"sku":"SKU-1000","quantity":3}`)
		w.handedOn(o.ID)
		return id, w.order(o.ID)
	}
	id, o := buy("CALLED-OFF")
	w.admin("POST", "/admin/shop/cancel?id="+id, "")
	w.until("it is cancelled and gone from the ERP", func() bool {
		_, there := w.admin("GET", "/admin/truth", "")["erpOrders"].(map[string]any)[o.Number]
		return w.order(o.ID).Status == orders.Cancelled && !there
	})
	id, o = buy("TOO-LATE")
	w.until("it has left", func() bool {
		w.step()
		return w.order(o.ID).Lines[0].Shipped.IsPos()
	})
	w.admin("POST", "/admin/shop/cancel?id="+id, "")
	w.until("a person hears of it", func() bool {
		list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
		return err == nil && len(list) == 1 && list[0].Code == "CANCELLED_AFTER_SHIPMENT"
	})
}

// buy orders in the shop, and waits until the order has arrived. It returns the shop's own name for it too.
func (w *world) buy(po, lines string) (*orders.Order, string) {
	w.t.Helper()
	ref := w.admin("POST", "/admin/shop/orders", `{"po":"`+po+`","lines":[`+lines+`]}`)["id"].(string)
	var o *orders.Order
	w.until("it has arrived", func() bool {
		list, err := w.orders.List(w.t.Context(), service(), orders.Filter{PONumber: po}, orders.Paging{})
		if err != nil || len(list.Orders) != 1 {
			return false
		}
		o = list.Orders[0]
		return true
	})
	return o, ref
}

// TestAnOrderThatIsEditedInItsShop is decided again while it waits. On its way it is lowered as far as no node has it, and a person
// hears of the rest.
func TestAnOrderThatIsEditedInItsShop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	w.start()
	var id trade.OrderID
	buy := func(po, lines string) (edit func(what string)) {
		o, ref := w.buy(po, lines)
		id = o.ID
		return func(what string) { w.admin("POST", "/admin/shop/edit?id="+ref+"&"+what, "") }
	}
	edit := buy("WAITS", `{"sku":"SKU-1013","quantity":100000}`)
	if o := w.order(id); o.Status != orders.OnHold {
		t.Fatalf("it is %s", o.Status)
	}
	edit("sku=NOPE&quantity=2")
	w.until("it is held for what nobody knows as well", func() bool { return slices.Contains(codesOf(w.order(id).ActiveHolds()), "ITEM_UNKNOWN") })
	edit("sku=NOPE&quantity=0")
	edit("sku=SKU-1000&quantity=3")
	edit("sku=SKU-1013&quantity=4&city=Dayton")
	w.until("all that is left has gone where it is to go", func() bool {
		w.step()
		return w.order(id).Status == orders.Completed
	})
	var got []string
	for _, l := range w.order(id).Lines {
		got = append(got, fmt.Sprint(l.SKU, " ", l.Shipped))
	}
	if o := w.order(id); !slices.Equal(got, []string{"SKU-1013 4", "SKU-1000 3"}) || o.ShipTo.City != "Dayton" {
		t.Errorf("%v have left for %s", got, o.ShipTo.City)
	}
	g.rule(`{default: {backorders: LINE}}`)
	edit = buy("GOES", `{"sku":"SKU-1003","quantity":5},{"sku":"SKU-1000","quantity":2}`)
	w.until("what there is has been released, and the ERP has it", func() bool {
		o := w.order(id)
		return o.Lines[0].Released.String() == "1" && o.Lines[1].Released.String() == "2" && len(o.References) == 1
	})
	edit("sku=SKU-1003&quantity=3")
	w.until("it is lowered, here and in the ERP", func() bool {
		o := w.order(id)
		found, err := w.erp.Registrations(t.Context(), []string{o.Number})
		return err == nil && o.Lines[0].Cancelled.String() == "2" && o.Lines[0].Backordered.String() == "2" && found.Found[o.Number].Lines[0].Quantity.Value.String() == "3"
	})
	open := func(code string) string {
		list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.Code == code {
				return string(e.Detail)
			}
		}
		return ""
	}
	if open("LESS_IN_SHOP") != "" {
		t.Error("a person is asked about what could be lowered")
	}
	edit("sku=SKU-1000&quantity=1")
	w.until("a person hears of what a node has", func() bool { return strings.Contains(open("LESS_IN_SHOP"), `"quantity": "1"`) })
	edit("sku=SKU-1001&quantity=7&city=Toledo")
	w.until("a person hears of what was added, and where it is to go", func() bool {
		return strings.Contains(open("MORE_IN_SHOP"), `"quantity": "7"`) && strings.Contains(open("READDRESSED_AFTER_RELEASE"), "Toledo")
	})
	if o := w.order(id); len(o.Lines) != 2 || o.ShipTo.City == "Toledo" {
		t.Errorf("an order on its way has %d lines and goes to %s", len(o.Lines), o.ShipTo.City)
	}
	edit("sku=SKU-1001&quantity=0")
	edit("sku=SKU-1000&quantity=2")
	w.until("that is settled", func() bool { return open("MORE_IN_SHOP") == "" && open("LESS_IN_SHOP") == "" })
}

// TestWhatIsCancelledHereIsGivenBackInTheShop: an order of which nothing has left is cancelled there, another one is lowered to what
// has left, and the shop gives back what that cost.
func TestWhatIsCancelledHereIsGivenBackInTheShop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{default: {backorders: LINE}}`)
	w.start()
	working := lookup.In(transport.Patient(t.Context(), time.Minute), lookup.Work)
	inShop := func(ref string) map[string]any {
		for _, o := range w.admin("GET", "/admin/shop/orders", "")["orders"].([]any) {
			if o := o.(map[string]any); o["id"] == ref {
				return o
			}
		}
		t.Fatalf("the shop has no order %s", ref)
		return nil
	}
	cancel := func(o *orders.Order) {
		if _, err := w.orders.Cancel(t.Context(), service(), o.ID, nil, "too much"); err != nil {
			t.Fatal(err)
		}
	}
	whole, ref := w.buy("WHOLE", `{"sku":"SKU-1013","quantity":100000,"price":2},{"sku":"NOPE","quantity":1,"price":7}`)
	cancel(whole)
	w.until("it is cancelled in the shop, and all is given back", func() bool {
		is := inShop(ref)
		return is["cancelled"] == true && is["refunded"] == "200007"
	})
	part, ref := w.buy("PART", `{"sku":"SKU-1003","quantity":5}`)
	w.until("what there is has left", func() bool {
		w.step()
		tracking, _ := inShop(ref)["tracking"].([]any)
		return w.order(part.ID).Lines[0].Shipped.String() == "1" && len(tracking) == 1
	})
	cancel(part)
	given := func() bool {
		is := inShop(ref)
		line := is["lines"].([]any)[0].(map[string]any)
		price := trade.Money{Amount: trade.MustDecimal(line["Price"].(string)), Currency: "USD"}
		return is["cancelled"] == false && line["Removed"] == 4.0 && trade.MustDecimal(is["refunded"].(string)).Equal(price.Times(trade.MustDecimal("4")).Amount)
	}
	w.until("the rest is given back", given)
	if err := w.shops["webshop"].(orders.Canceller).CancelRest(working, w.order(part.ID)); err != nil || !given() {
		t.Errorf("given back again: %v, %v", err, inShop(ref))
	}
	w.admin("POST", "/admin/shop/edit?id="+ref+"&sku=SKU-1000&quantity=2", "")
	if err := w.shops["webshop"].(orders.Canceller).CancelRest(working, w.order(part.ID)); err != nil || !given() {
		t.Errorf("what was added there is taken off: %v, %v", err, inShop(ref))
	}
	without, ref := w.buy("WITHOUT", `{"sku":"SKU-1000","quantity":2},{"sku":"GONE","quantity":3,"price":7}`)
	if err := w.shops["webshop"].(orders.Canceller).CancelRest(working, without); err != nil || inShop(ref)["refunded"] != "0" {
		t.Errorf("what a person is to settle is given back: %v, %v", err, inShop(ref))
	}
	for _, h := range w.order(without.ID).ActiveHolds() {
		if _, err := w.orders.ReleaseHold(t.Context(), service(), without.ID, nil, h.ID, "they do without"); err != nil {
			t.Fatal(err)
		}
	}
	w.until("what it goes on without is given back", func() bool { return inShop(ref)["refunded"] == "21" })
	w.until("the ERP has it", func() bool { return len(w.order(without.ID).References) == 1 })
	w.admin("POST", "/admin/erp/edit?order="+without.Number+"&line=2&sku=SKU-1001&quantity=1", "")
	w.admin("POST", "/admin/erp/edit?order="+without.Number+"&line=3&sku=SKU-1001&quantity=1", "")
	w.until("what there is has left, and what the ERP has added", func() bool {
		w.step()
		o := w.order(without.ID)
		return len(o.Lines) == 3 && o.Lines[0].Shipped.String() == "2" && o.Lines[2].Shipped.String() == "1"
	})
	w.until("nothing is stuck, and nobody is asked about a refund", func() bool {
		var waiting int
		err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM effects WHERE state IN ('WAITING', 'DEAD') AND destination = 'shop:webshop'`).Scan(&waiting)
		list, _, e := w.operations.List(t.Context(), service(), operations.Open, 10, "")
		return err == nil && e == nil && waiting == 0 && !slices.ContainsFunc(list, func(e *operations.Exception) bool { return e.Code == "REFUNDED_IN_SHOP" })
	})
}

// changing is a shop whose orders change in ways that its list of changes does not show, and that can be told of
// cancellations.
type changing struct {
	shop
	mu      sync.Mutex
	refunds []orders.Refund
	told    []string
	// taken are taken off the first line.
	taken trade.Decimal
}

func (c *changing) Placed(ctx context.Context, refs []string) (lookup.Answers[string, orders.PlacedOrder], error) {
	a, err := c.shop.Placed(ctx, refs)
	c.mu.Lock()
	defer c.mu.Unlock()
	for ref, o := range a.Found {
		o.Refunds = c.refunds
		o.Draft.Lines[0].Quantity.Value = trade.Less(o.Draft.Lines[0].Quantity.Value, c.taken)
		a.Found[ref] = o
	}
	return a, err
}

// CancelRest implements orders.Canceller.
func (c *changing) CancelRest(_ context.Context, o *orders.Order) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, fmt.Sprint(o.Status, " ", o.Kept()[1]))
	return nil
}

// TestWhatAShopGivesBackIsSeenAndWhatIsCancelledHereIsTold: a refund of the shop's own is an Exception, once,
// although its list of changes leaves it out; one of ours is not.
func TestWhatAShopGivesBackIsSeenAndWhatIsCancelledHereIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := &changing{shop: w.shops["webshop"]}
	w.processes.Systems.Shops["webshop"], w.shopping.Feeds["webshop"] = c, c
	w.start()
	o, _ := w.buy("REFUNDED", `{"sku":"SKU-1000","quantity":3}`)
	id := o.ID
	w.until("the order is released", func() bool { return w.order(id).FulfillmentRollup() == "RELEASED" })
	c.mu.Lock()
	five := trade.Money{Amount: trade.MustDecimal("5.00"), Currency: "USD"}
	c.refunds = []orders.Refund{{Ref: "1", Amount: five, At: time.Now()}, {Ref: "2", Amount: five, At: time.Now(), Ours: true}}
	c.mu.Unlock()
	raised := func() (list []*operations.Exception) {
		list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	w.until("a person hears of the refund", func() bool { return len(raised()) == 1 && raised()[0].Code == "REFUNDED_IN_SHOP" })
	for range 3 {
		w.shopping.Sweep(t.Context())
	}
	if list, o := raised(), w.order(id); len(list) != 1 || list[0].Occurrences != 1 || len(o.Refunds) != 2 {
		t.Errorf("after more sweeps there are %+v, refunds %+v", list, o.Refunds)
	}
	c.mu.Lock()
	c.taken = trade.MustDecimal("1")
	c.mu.Unlock()
	w.until("a person hears that the shop has less", func() bool {
		list := raised()
		i := slices.IndexFunc(list, func(e *operations.Exception) bool { return e.Code == "LESS_IN_SHOP" })
		return i >= 0 && strings.Contains(string(list[i].Detail), `"quantity": "1"`)
	})
	for range 3 {
		w.shopping.Sweep(t.Context())
	}
	if list := raised(); len(list) != 2 || list[0].Occurrences+list[1].Occurrences != 2 {
		t.Errorf("after more sweeps there are %+v", list)
	}
	if _, err := w.orders.Cancel(t.Context(), service(), id, nil, "not wanted"); err != nil {
		t.Fatal(err)
	}
	w.until("the shop is told that nothing comes", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.Contains(c.told, "CANCELLED 0")
	})
	w.until("what the shop had less of is settled by that", func() bool {
		w.shopping.Sweep(t.Context())
		return !slices.ContainsFunc(raised(), func(e *operations.Exception) bool { return e.Code == "LESS_IN_SHOP" })
	})
}
