//go:build live

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/internal/postgres/pgtest"
	"crossdock/live/livetest"
)

// realWorld is Crossdock in front of the products that package live has started, with the configuration that
// people use, each product behind a proxy that can fail.
type realWorld struct {
	*graph
	books, store *livetest.Tryton
	shop         *livetest.Vendure
}

func newRealWorld(t *testing.T) *realWorld {
	t.Helper()
	r := &realWorld{books: livetest.NewTryton(t, "LIVE_ERP", "erp"), store: livetest.NewTryton(t, "LIVE_WMS", "wms"), shop: livetest.NewVendure(t)}
	cfg, err := config.Read("live/crossdock.yaml", func(name string) string {
		if proxy := map[string]string{"LIVE_ERP": r.books.URL, "LIVE_WMS": r.store.URL, "LIVE_SHOP": r.shop.URL}[name]; proxy != "" {
			return proxy
		}
		return os.Getenv(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{app: built(t, cfg, pgtest.Database(t)), t: t, patience: 3 * time.Minute}
	r.graph = newGraph(t, w)
	return r
}

// mutate has somebody of the service change something, and returns what came of it, which must have no errors.
func (r *realWorld) mutate(query string, vars map[string]any) map[string]any {
	r.t.Helper()
	got := r.query("service", query, vars)
	if len(got.Errors) > 0 || got.Data["x"] == nil {
		r.t.Fatalf("%s: %v", query, got.Errors)
	}
	x := got.Data["x"].(map[string]any)
	if errs, _ := x["errors"].([]any); len(errs) > 0 {
		r.t.Fatalf("%s: %v", query, errs)
	}
	return x
}

// place has somebody of the service order for an account, and returns the order's global id and number.
func (r *realWorld) place(account, decision string, lines ...any) (id, number string) {
	r.t.Helper()
	x := r.mutate(`mutation($i: PlaceOrderInput!) { x: placeOrder(input: $i) { decision order { id number } findings { code severity message } errors { code message } } }`,
		map[string]any{"i": map[string]any{"idempotencyKey": fmt.Sprint(time.Now().UnixNano()), "accountId": account, "poNumber": "PO-LIVE", "lines": lines}})
	if x["decision"] != decision {
		r.t.Fatalf("it is %v, not %s: %v", x["decision"], decision, x["findings"])
	}
	o := x["order"].(map[string]any)
	return o["id"].(string), o["number"].(string)
}

func wants(sku, quantity string) any {
	return map[string]any{"sku": sku, "quantity": map[string]any{"value": quantity, "unit": "u"}}
}

// shown is an order as a portal shows it.
func (r *realWorld) shown(id string) map[string]any {
	r.t.Helper()
	got := r.query("operations", `query($id: ID!) { order(id: $id) { number status fulfillment holds { id code status reason } lines { sku shipped { value } invoiced { value } cancelled { value } }
		shipments { trackingNumber carrier parts { sku quantity { value } } } invoices { number total { amount } } creditMemos { number total { amount } } references { system value } timeline { nodes { type } } } }`, map[string]any{"id": id})
	if len(got.Errors) > 0 {
		r.t.Fatalf("order %s: %v", id, got.Errors)
	}
	return got.Data["order"].(map[string]any)
}

func count(o map[string]any, field string) int { return len(o[field].([]any)) }

const (
	outgoing = "stock.shipment.out"
	incoming = "stock.shipment.out.return"
	sold     = "sale.sale"
)

// work waits for the warehouse's shipments of an order.
func (r *realWorld) work(number string) (ids []int) {
	r.t.Helper()
	r.until("the warehouse has the work of "+number, func() bool {
		ids = r.store.IDs(outgoing, []any{"reference", "like", number + "-%"}, []any{"state", "=", "waiting"})
		return len(ids) > 0
	})
	return ids
}

// send has the people of the warehouse pick, pack and send shipments, each in one parcel.
func (r *realWorld) send(ids []int, tracking string) {
	r.t.Helper()
	r.store.Write(outgoing, ids, map[string]any{"carrier": r.store.IDs("carrier")[0]})
	r.store.Move(outgoing, ids, "assign_try", "pick")
	for _, id := range ids {
		r.store.Pack(id, tracking, false)
	}
	r.store.Move(outgoing, ids, "pack", "done")
}

// ours is the order that a shop's order became.
func (r *realWorld) ours(ref string) (id string, o *orders.Order) {
	r.t.Helper()
	r.until("the shop's order "+ref+" has arrived", func() bool {
		list, err := r.orders.List(r.t.Context(), service(), orders.Filter{Accounts: []trade.AccountID{"C20003"}}, orders.Paging{})
		if err != nil {
			return false
		}
		i := slices.IndexFunc(list.Orders, func(o *orders.Order) bool { return o.ChannelRef == ref })
		if i >= 0 {
			o = list.Orders[i]
		}
		return i >= 0
	})
	got := r.query("operations", `query($n: String!) { order(number: $n) { id } }`, map[string]any{"n": o.Number})
	return got.Data["order"].(map[string]any)["id"].(string), o
}

// exception waits for one about an order.
func (r *realWorld) exception(code, number string) (title string) {
	r.t.Helper()
	r.until("somebody is told "+code+" of "+number, func() bool {
		got := r.query("operations", `{ exceptions(first: 100) { nodes { code title order { number } } } }`, nil)
		for _, n := range got.Data["exceptions"].(map[string]any)["nodes"].([]any) {
			n := n.(map[string]any)
			if o, ok := n["order"].(map[string]any); ok && n["code"] == code && o["number"] == number {
				title = n["title"].(string)
			}
		}
		return title != ""
	})
	return title
}

// TestTheWholeFlowOnRealProducts: every step over the products' own sockets, and looked at in their own books.
func TestTheWholeFlowOnRealProducts(t *testing.T) { //nolint:tparallel // one part after another, as people would
	t.Parallel()
	r := newRealWorld(t)
	r.start()
	r.until("the ERP's items are known", func() bool { n, err := r.catalog.Count(t.Context()); return err == nil && n >= 20 })
	r.until("the shop knows what it may sell", func() bool {
		onHand, allocated := r.shop.Levels("MI-2003")
		return onHand-allocated > 1000
	})
	for _, c := range []struct { //nolint:paralleltest // as above
		name string
		run  func(*testing.T, *realWorld)
	}{
		{"an order of the shop", shopOrder},
		{"a shipment in two parts", twoParts},
		{"a return", goodsBack},
		{"a credit limit", overTheLimit},
		{"less is picked", lessIsPicked},
		{"a refund that nothing shows", quietRefund},
		{"a cancellation here", cancelledHere},
		{"a cancellation in the shop", cancelledThere},
		{"lost replies", lostReplies},
		{"lots", lots},
		{"a product that stops", stopped},
	} {
		t.Run(c.name, func(t *testing.T) {
			part := *r
			g, w := *r.graph, *r.world
			w.t, g.world, part.graph = t, &w, &g
			c.run(t, &part)
		})
	}
}

// shopOrder: placed in Vendure, it arrives in Tryton and in the warehouse, and its tracking back in Vendure.
func shopOrder(t *testing.T, r *realWorld) {
	t.Helper()
	ref, code := r.shop.Buy(livetest.Line{SKU: "MI-1001", Quantity: 4}, livetest.Line{SKU: "MI-2004", Quantity: 2})
	id, o := r.ours(ref)
	if o.Status == orders.OnHold || o.PONumber != code {
		t.Fatalf("it is %s with holds %+v, PO %s", o.Status, o.ActiveHolds(), o.PONumber)
	}
	r.send(r.work(o.Number), "TRK-"+o.Number)
	r.until("the order is completed and invoiced", func() bool {
		is := r.shown(id)
		return is["status"] == "COMPLETED" && count(is, "invoices") == 1
	})
	r.until("the shop shows the parcel", func() bool {
		is := r.shop.Order(ref)
		return is.State == "Shipped" && is.CustomFields.ExternalRef == o.Number && len(is.Fulfillments) == 1 && is.Fulfillments[0].TrackingCode == "TRK-"+o.Number && strings.HasPrefix(is.Fulfillments[0].Method, "Midwest Parcel")
	})
	if n := r.books.Count(sold, []any{"web_id", "=", o.Number}, []any{"reference", "=", code}); n != 1 {
		t.Errorf("the ERP has it %d times", n)
	}
	if n := r.books.Count("account.invoice", []any{"sales.web_id", "=", o.Number}, []any{"state", "=", "posted"}); n != 1 {
		t.Errorf("the ERP has posted %d invoices", n)
	}
}

// twoParts: the warehouse sends a part, and the rest later; each has its invoice.
func twoParts(t *testing.T, r *realWorld) {
	t.Helper()
	id, number := r.place("C20001", "ACCEPTED", wants("MI-1004", "30"), wants("MI-1005", "20"))
	ids := r.work(number)
	rest, part := r.store.Split(ids[0])
	r.store.Move(outgoing, []int{part}, "wait")
	r.send([]int{part}, "TRK-A"+number)
	r.until("a part has left and is invoiced", func() bool {
		is := r.shown(id)
		return is["status"] == "IN_FULFILLMENT" && is["fulfillment"] == "PARTIALLY_SHIPPED" && count(is, "shipments") == 1 && count(is, "invoices") == 1
	})
	r.store.Move(outgoing, []int{rest}, "wait")
	r.send([]int{rest}, "TRK-B"+number)
	r.until("all has left and is invoiced", func() bool {
		is := r.shown(id)
		return is["status"] == "COMPLETED" && count(is, "shipments") == 2 && count(is, "invoices") == 2
	})
}

// goodsBack: a return is received in the warehouse and ends in a credit note of Tryton.
func goodsBack(t *testing.T, r *realWorld) {
	t.Helper()
	id, number := r.place("C20005", "ACCEPTED", wants("MI-4001", "6"))
	r.send(r.work(number), "TRK-"+number)
	r.until("it is invoiced", func() bool { is := r.shown(id); return is["status"] == "COMPLETED" && count(is, "invoices") == 1 })
	x := r.mutate(`mutation($i: RequestReturnInput!) { x: requestReturn(input: $i) { return { id number status } errors { code message } } }`,
		map[string]any{"i": map[string]any{"idempotencyKey": number, "orderId": id, "lines": []any{map[string]any{"line": 1, "quantity": map[string]any{"value": "2"}, "reason": "DEFECTIVE"}}}})
	back := x["return"].(map[string]any)
	if back["status"] == "REQUESTED" {
		r.mutate(`mutation($id: ID!) { x: approveReturn(input: {returnId: $id}) { return { id } errors { code message } } }`, map[string]any{"id": back["id"]})
	}
	var ids []int
	r.until("the warehouse expects it", func() bool {
		ids = r.store.IDs(incoming, []any{"reference", "=", back["number"]})
		return len(ids) == 1
	})
	r.store.Move(incoming, ids, "receive", "done")
	r.until("it is credited and closed", func() bool {
		got := r.query("operations", `query($id: ID!) { return(id: $id) { status creditMemo { number total { amount } } lines { received { value } restocked { value } } } }`, map[string]any{"id": back["id"]})
		is, _ := got.Data["return"].(map[string]any)
		return is != nil && is["status"] == "CLOSED" && is["creditMemo"] != nil && strings.HasPrefix(is["creditMemo"].(map[string]any)["number"].(string), "CN")
	})
	if n := r.books.Count("account.invoice", []any{"sales.web_id", "=", back["number"]}, []any{"state", "=", "posted"}); n != 1 {
		t.Errorf("the ERP has posted %d credit notes", n)
	}
}

// overTheLimit: our check holds it; let go, Tryton asks by itself, and holds it again until that is let go too.
func overTheLimit(t *testing.T, r *realWorld) {
	t.Helper()
	id, number := r.place("C20004", "HELD", wants("MI-1003", "8"))
	release := func(code string) {
		t.Helper()
		var hold map[string]any
		r.until("it is held for "+code, func() bool {
			for _, h := range r.shown(id)["holds"].([]any) {
				if h := h.(map[string]any); h["status"] == "ACTIVE" && h["code"] == code {
					hold = h
				}
			}
			return hold != nil
		})
		if !strings.Contains(fmt.Sprint(hold["reason"]), "credit") {
			t.Errorf("the reason is %v", hold["reason"])
		}
		r.mutate(`mutation($i: ReleaseHoldInput!) { x: releaseHold(input: $i) { order { status } errors { code message } } }`, map[string]any{"i": map[string]any{"orderId": id, "holdId": hold["id"], "reason": "paid in advance"}})
	}
	release("CREDIT_LIMIT_EXCEEDED")
	release("SOURCE_STOPPED")
	r.until("the ERP works on it", func() bool {
		return r.books.Count(sold, []any{"web_id", "=", number}, []any{"state", "=", "processing"}) == 1
	})
	r.work(number)
}

// lessIsPicked: what was not there goes back to the order, and a person hears of it.
func lessIsPicked(t *testing.T, r *realWorld) {
	t.Helper()
	id, number := r.place("C20001", "ACCEPTED", wants("MI-3001", "10"))
	ids := r.work(number)
	moves := r.store.IDs("stock.move", []any{"shipment", "=", outgoing + "," + strconv.Itoa(ids[0])}, []any{"to_location.type", "!=", "customer"})
	r.store.Write("stock.move", moves, map[string]any{"quantity": 7})
	r.send(ids, "TRK-"+number)
	r.exception("SHORT_PICK", number)
	if is := r.shown(id); is["lines"].([]any)[0].(map[string]any)["shipped"].(map[string]any)["value"] != "7" || is["status"] == "COMPLETED" {
		t.Errorf("it is %v", is)
	}
}

// quietRefund: Vendure's list of changes does not show it; the sweep does.
func quietRefund(t *testing.T, r *realWorld) {
	t.Helper()
	ref, _ := r.shop.Buy(livetest.Line{SKU: "MI-1002", Quantity: 3})
	id, o := r.ours(ref)
	r.shop.Refund(ref, 250, "goodwill")
	if title := r.exception("REFUNDED_IN_SHOP", o.Number); !strings.Contains(title, "2.50 USD") {
		t.Errorf("it says %q", title)
	}
	if is := r.shown(id); !strings.Contains(fmt.Sprint(is["timeline"]), "order.refunded") {
		t.Errorf("the timeline is %v", is["timeline"])
	}
}

// cancelledHere: what is cancelled here is in the shop, with its money, and leaves ERP and warehouse.
func cancelledHere(t *testing.T, r *realWorld) {
	t.Helper()
	ref, _ := r.shop.Buy(livetest.Line{SKU: "MI-2002", Quantity: 2})
	id, o := r.ours(ref)
	r.work(o.Number)
	r.until("the ERP has it", func() bool { return r.books.Count(sold, []any{"web_id", "=", o.Number}) == 1 })
	r.mutate(`mutation($id: ID!) { x: cancelOrder(input: {orderId: $id, reason: "out of business"}) { order { status } errors { code message } } }`, map[string]any{"id": id})
	r.gone(id, o.Number)
	r.until("the shop has cancelled it and given the money back", func() bool {
		is := r.shop.Order(ref)
		p := is.Payments[0]
		return is.State == "Cancelled" && len(p.Refunds) == 1 && p.Refunds[0].State == "Settled" && p.Refunds[0].Total == p.Amount
	})
}

// gone waits until nothing of an order is left anywhere.
func (r *realWorld) gone(id, number string) {
	r.t.Helper()
	r.until("it is cancelled everywhere", func() bool {
		return r.shown(id)["status"] == "CANCELLED" && r.store.Count(outgoing, []any{"reference", "like", number + "-%"}, []any{"state", "!=", "cancelled"}) == 0 &&
			r.books.Count(sold, []any{"web_id", "=", number}, []any{"state", "not in", []string{"cancelled", "done"}}) == 0
	})
}

func cancelledThere(t *testing.T, r *realWorld) {
	t.Helper()
	ref, _ := r.shop.Buy(livetest.Line{SKU: "MI-2002", Quantity: 1})
	id, o := r.ours(ref)
	r.work(o.Number)
	r.shop.Admin(`mutation($i: CancelOrderInput!) { cancelOrder(input: $i) { ... on Order { id } ... on ErrorResult { errorCode message } } }`, map[string]any{"i": map[string]any{"orderId": ref, "reason": "changed my mind"}}, nil)
	r.gone(id, o.Number)
}

// lostReplies: whatever is created takes effect and its answer is lost, for a while, in all products; in the
// end each has it once.
func lostReplies(t *testing.T, r *realWorld) {
	t.Helper()
	for _, p := range []*livetest.Proxy{r.books.Proxy, r.store.Proxy, r.shop.Proxy} {
		p.Lose.Store(true)
	}
	ref, _ := r.shop.Buy(livetest.Line{SKU: "MI-2003", Quantity: 5})
	_, o := r.ours(ref)
	r.until("something was created and its answer lost", func() bool { return r.books.Count(sold, []any{"web_id", "=", o.Number}) > 0 })
	for _, p := range []*livetest.Proxy{r.books.Proxy, r.store.Proxy, r.shop.Proxy} {
		p.Lose.Store(false)
	}
	r.send(r.work(o.Number), "TRK-"+o.Number)
	r.until("the shop shows the parcel", func() bool { is := r.shop.Order(ref); return is.State == "Shipped" && len(is.Fulfillments) == 1 })
	if sales, works := r.books.Count(sold, []any{"web_id", "=", o.Number}), r.store.Count(outgoing, []any{"reference", "=", o.Number + "-1"}, []any{"state", "!=", "cancelled"}); sales != 1 || works != 1 {
		t.Errorf("the ERP has it %d times, the warehouse %d times", sales, works)
	}
}

// lots: what lies in the warehouse by lot, on the page of an item.
func lots(t *testing.T, r *realWorld) {
	t.Helper()
	got := r.query("operations", `{ availability(skus: ["MI-2001", "MI-1001"], maxAge: 0) { sku nodes { node lots { number onHand { value unit } } } } }`, nil)
	const first = "lots:[map[number:L2609 onHand:map[unit:u value:300]] map[number:L2611 onHand:map[unit:u value:450]]]"
	if text := fmt.Sprint(got.Data); len(got.Errors) > 0 || !strings.Contains(text, first) || !strings.Contains(text, "lots:<nil>") {
		t.Errorf("lots are %s, %v", text, got.Errors)
	}
	if calls := got.calls(); len(calls) != 3 {
		t.Errorf("it makes the calls %v", calls)
	}
}

// stopped: a product that hangs while a page is read costs its own fields, with a reason, and no others. What was
// last known of its stock is shown, and said to be that.
func stopped(t *testing.T, r *realWorld) {
	t.Helper()
	const page = `query($n: Int!) { orders(first: $n) { nodes { number account(maxAge: 0) { name provenance { source freshness } } lines { sku price(maxAge: 0) { unitPrice { amount } provenance { source freshness } } availability(maxAge: 0) { available { value } nodes { provenance { source freshness } } } } } } }`
	ask := func(p *livetest.Proxy) (data, errs string) {
		t.Helper()
		p.Hang.Store(true)
		defer p.Hang.Store(false)
		got := r.query("operations", page, map[string]any{"n": 3})
		if got.Data["orders"] == nil {
			t.Fatalf("the page failed: %v", got.Errors)
		}
		return fmt.Sprint(got.Data), fmt.Sprint(got.Errors)
	}
	if data, errs := ask(r.store.Proxy); !strings.Contains(data, "freshness:LAST_KNOWN source:wms") || strings.Contains(data, "freshness:LIVE source:wms") || !strings.Contains(data, "unitPrice:map") || strings.Contains(errs, "erp") {
		t.Errorf("with the warehouse stopped: %s %s", data, errs)
	}
	if data, errs := ask(r.books.Proxy); !strings.Contains(data, "available:map") || strings.Contains(data, "account:<nil>") || strings.Contains(data, "price:<nil>") || !strings.Contains(data, "freshness:LAST_KNOWN source:erp") || errs != "[]" {
		t.Errorf("with the ERP stopped: %s %s", data, errs)
	}
}
