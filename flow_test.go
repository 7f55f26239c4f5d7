package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

func service() trade.Viewer {
	return trade.Viewer{Subject: "sam", Client: "test", Role: "SERVICE", AllAccounts: true, Scopes: []string{operations.Scope, "orders:release", orders.RulesScope}}
}

// TestTenBuyersOfTheLastUnit gives one acceptance.
func TestTenBuyersOfTheLastUnit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mu sync.Mutex
	got := map[orders.Decision]int{}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			account := trade.AccountID(fmt.Sprintf("C%05d", 10000+i))
			a, err := w.orders.Place(t.Context(), buyer(account), fmt.Sprint("last", i), draft(account, line("SKU-1003", "1")))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[a.Decision]++
		})
	}
	wg.Wait()
	if got[orders.DecisionAccepted] != 1 || got[orders.DecisionHeld] != 9 {
		t.Errorf("decisions %v, want one ACCEPTED and nine HELD", got)
	}
}

// TestCreditIsSpentOnce lets two orders at once not both pass a limit that one of them fills.
func TestCreditIsSpentOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// C10018 has 50 left of its limit of 1000.
	var mu sync.Mutex
	got := map[orders.Decision]int{}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			a, err := w.orders.Place(t.Context(), buyer("C10018"), fmt.Sprint("credit", i), draft("C10018", line(w.cheap(), "1")))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[a.Decision]++
		})
	}
	wg.Wait()
	price := w.price(w.cheap())
	fits := 0
	for left := trade.MustDecimal("50"); left.Cmp(price) >= 0; left = trade.Less(left, price) {
		fits++
	}
	fits = min(fits, 6)
	if got[orders.DecisionAccepted] != fits {
		t.Errorf("decisions %v at %s each, want %d accepted", got, price, fits)
	}
}

// TestReturnEndsInACreditMemo follows goods back.
func TestReturnEndsInACreditMemo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	o := w.delivered("ret", line("SKU-1000", "6"), line("SKU-1001", "2"))
	who := buyer("C10001")
	if _, err := w.returns.Request(t.Context(), who, "r0", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("7")}, Reason: returns.NotNeeded}}, ""); err == nil {
		t.Error("more than was shipped could be sent back")
	}
	if _, err := w.returns.Request(t.Context(), buyer("C10002"), "r0", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("1")}, Reason: returns.NotNeeded}}, ""); err == nil {
		t.Error("a stranger could send it back")
	}
	r, err := w.returns.Request(t.Context(), who, "r1", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("4")}, Reason: returns.Defective}}, "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.returns.Request(t.Context(), who, "r1", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("4")}, Reason: returns.Defective}}, "")
	if err != nil || again.ID != r.ID {
		t.Errorf("a repeat made return %v, %v", again, err)
	}
	var reused *fault.KeyError
	if _, err := w.returns.Request(t.Context(), who, "r1", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("1")}, Reason: returns.Defective}}, ""); !errors.As(err, &reused) || reused.Reason != fault.KeyMismatch {
		t.Errorf("the same key for another return is answered %v", err)
	}
	if _, err := w.returns.Request(t.Context(), who, "r2", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("3")}, Reason: returns.NotNeeded}}, ""); err == nil {
		t.Error("what is in an open return could be sent back again")
	}
	w.admin("POST", "/admin/knobs", `{"counts":{"damaged:wms":1,"damaged:shipbob":1}}`)
	if _, err := w.returns.Approve(t.Context(), service(), r.ID); err != nil {
		t.Fatal(err)
	}
	w.until("the node expects it", func() bool { return w.returned(r.ID).NodeRef != "" })
	w.step()
	w.step()
	w.until("it is credited", func() bool { return w.returned(r.ID).Status == returns.Closed })
	back := w.returned(r.ID)
	l := back.Lines[0]
	if l.Received.String() != "4" || l.Restocked.String() != "2" || l.Quarantined.String() != "2" {
		t.Errorf("received %s, restocked %s, quarantined %s", l.Received, l.Restocked, l.Quarantined)
	}
	docs, err := w.finance.ByOrder(t.Context(), service(), []trade.OrderID{o.ID})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs[o.ID] {
		if d.Kind == finance.CreditMemo {
			if d.Total.Amount.Cmp(back.Credit().Amount) != 0 || d.Number != back.CreditMemo {
				t.Errorf("the memo %s credits %s, the return %s says %s", d.Number, d.Total, back.CreditMemo, back.Credit())
			}
			return
		}
	}
	t.Error("there is no credit memo")
}

// TestAShortPickIsSourcedElsewhere gives the remainder to another node.
func TestAShortPickIsSourcedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/knobs", `{"counts":{"short:wms":1}}`)
	a := w.place("short", draft("C10001", line("SKU-1000", "8")))
	w.until("the work is released", func() bool { return w.order(a.OrderID).FulfillmentRollup() == "RELEASED" })
	w.until("all is shipped in the end", func() bool {
		w.step()
		return w.order(a.OrderID).Lines[0].Shipped.String() == "8"
	})
	works, err := w.shipments.WorkByOrder(t.Context(), service(), []trade.OrderID{a.OrderID})
	if list := works[a.OrderID]; err != nil || len(list) != 2 || list[0].Status != shipments.Incomplete || list[0].Node == list[1].Node {
		t.Errorf("works %+v, %v", list, err)
	}
}

// TestRefusedWorkIsSourcedElsewhere with all that it had, and somebody hears of it.
func TestRefusedWorkIsSourcedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/knobs", `{"counts":{"refuse:wms":1}}`)
	a := w.place("refuse", draft("C10001", line("SKU-1000", "8")))
	w.until("the work is released", func() bool { return w.order(a.OrderID).FulfillmentRollup() == "RELEASED" })
	w.until("all is shipped in the end", func() bool {
		w.step()
		return w.order(a.OrderID).Lines[0].Shipped.String() == "8"
	})
	works, err := w.shipments.WorkByOrder(t.Context(), service(), []trade.OrderID{a.OrderID})
	if list := works[a.OrderID]; err != nil || len(list) != 2 || list[0].Status != shipments.Incomplete || list[0].Reason != "the site cannot take this order" || list[1].Status != shipments.Shipped || list[1].Parts[0].Quantity.String() != "8" || list[0].Node == list[1].Node {
		t.Errorf("works %+v, %v", works[a.OrderID], err)
	}
	list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
	if err != nil || len(list) != 1 || !strings.Contains(list[0].Title, "cannot take this order") {
		t.Errorf("exceptions %+v, %v", list, err)
	}
}

// TestCancelRecallsWhatItCan ends an order that a node has begun with.
func TestCancelRecallsWhatItCan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	a := w.place("cancel", draft("C10001", line("SKU-1000", "3")))
	w.until("the work is released and registered", func() bool {
		o := w.order(a.OrderID)
		return o.FulfillmentRollup() == "RELEASED" && len(o.References) == 1
	})
	if _, err := w.orders.Cancel(t.Context(), buyer("C10001"), a.OrderID, nil, "changed my mind"); err != nil {
		t.Fatal(err)
	}
	w.until("it is cancelled", func() bool { return w.order(a.OrderID).Status == orders.Cancelled })
	w.until("the ERP has given it up", func() bool {
		_, there := w.admin("GET", "/admin/truth", "")["erpOrders"].(map[string]any)[w.order(a.OrderID).Number]
		return !there
	})
	w.until("nothing of it is counted any more", func() bool {
		var n int
		err := w.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM reservations WHERE order_id = $1) + (SELECT count(*) FROM exposures WHERE order_id = $1)`, a.OrderID).Scan(&n)
		return err == nil && n == 0
	})
}

// TestAnOrderEditedInTheERPAfterRelease raises an exception and holds the order.
func TestAnOrderEditedInTheERPAfterRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	a := w.place("edit", draft("C10001", line("SKU-1000", "5")))
	w.handedOn(a.OrderID)
	w.admin("POST", "/admin/erp/edit?order="+w.order(a.OrderID).Number+"&line=1&quantity=3", "")
	w.until("the edit is known", func() bool {
		list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
		return err == nil && len(list) == 1 && list[0].Code == "AMENDED_AFTER_RELEASE"
	})
	if o := w.order(a.OrderID); o.Status != orders.OnHold || !strings.Contains(o.ActiveHolds()[0].Reason, "after work was released") {
		t.Errorf("the order is %s with holds %+v", o.Status, o.ActiveHolds())
	}
}

// TestAnOrderRaisedInTheERP is checked again by the code that checks every order: what there is goes out, and what there is not
// or is not good for holds it.
func TestAnOrderRaisedInTheERP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	a := w.place("raised", draft("C10001", line("SKU-1000", "5")))
	w.handedOn(a.OrderID)
	edit := func(quantity string) {
		w.admin("POST", "/admin/erp/edit?order="+w.order(a.OrderID).Number+"&line=1&quantity="+quantity, "")
	}
	edit("8")
	w.until("the rest is released as well", func() bool {
		o := w.order(a.OrderID)
		l := o.Lines[0]
		return l.Released.String() == "8" && len(o.ActiveHolds()) == 0 && o.Total == l.UnitPrice.Times(l.Quantity.Value).Round()
	})
	works, err := w.shipments.WorkByOrder(t.Context(), service(), []trade.OrderID{a.OrderID})
	if len(works[a.OrderID]) != 2 || err != nil {
		t.Errorf("it has %d works, %v", len(works[a.OrderID]), err)
	}
	for _, h := range w.order(a.OrderID).Holds {
		if h.Code != "AMENDED_IN_SOURCE" || h.Status != orders.HoldAutoCleared {
			t.Errorf("it was held: %+v", h)
		}
	}
	edit("90000")
	w.until("it is held for what there is not", func() bool {
		var codes []string
		for _, h := range w.order(a.OrderID).ActiveHolds() {
			codes = append(codes, h.Code)
		}
		slices.Sort(codes)
		return slices.Equal(codes, []string{"ATP_SHORT", "CREDIT_LIMIT_EXCEEDED"})
	})
	edit("8")
	w.until("it goes on when it is lowered again", func() bool {
		o := w.order(a.OrderID)
		l := o.Lines[0]
		return len(o.ActiveHolds()) == 0 && l.Quantity.Value.String() == "8" && l.Cancelled.IsZero() && o.Total == l.UnitPrice.Times(l.Quantity.Value).Round()
	})
	if _, err := w.orders.Cancel(t.Context(), service(), a.OrderID, nil, "no more"); err != nil {
		t.Fatal(err)
	}
}

// TestAnOrderReaddressedInTheERP goes where it is to go, and a person hears of it when a node has work.
func TestAnOrderReaddressedInTheERP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{default: {backorders: LINE}}`)
	w.start()
	b := w.place("left", draft("C10001", line("SKU-1003", "1")))  // the last one
	a := w.place("moves", draft("C10001", line("SKU-1003", "2"))) // waits
	w.until("the ERP has both", func() bool {
		return w.order(a.OrderID).Heading != nil && w.order(b.OrderID).Heading != nil && w.order(b.OrderID).FulfillmentRollup() == "RELEASED"
	})
	for _, id := range []trade.OrderID{a.OrderID, b.OrderID} {
		w.admin("POST", "/admin/erp/edit?order="+w.order(id).Number+"&city=Akron&date=2030-05-06", "")
	}
	w.until("it goes elsewhere, later", func() bool {
		o := w.order(a.OrderID)
		return o.ShipTo.City == "Akron" && o.RequestedDate == "2030-05-06" && !slices.Contains(codesOf(o.ActiveHolds()), "AMENDED_IN_SOURCE")
	})
	w.until("a person hears of the other one", func() bool {
		list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
		return err == nil && len(list) == 1 && list[0].Code == "READDRESSED_AFTER_RELEASE" && list[0].Order == b.OrderID && strings.Contains(string(list[0].Detail), "Akron")
	})
	if o := w.order(b.OrderID); o.ShipTo.City == "Akron" || len(o.ActiveHolds()) > 0 {
		t.Errorf("it goes to %s with holds %v", o.ShipTo.City, codesOf(o.ActiveHolds()))
	}
}

// TestALineThatIsAddedInTheERP is checked like one of a new order and goes out; one that would be turned down holds the order,
// since the ERP has it.
func TestALineThatIsAddedInTheERP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	a := w.place("added", draft("C10001", line("SKU-1000", "5")))
	w.handedOn(a.OrderID)
	edit := func(line, sku, quantity string) {
		w.admin("POST", "/admin/erp/edit?order="+w.order(a.OrderID).Number+"&line="+line+"&sku="+sku+"&quantity="+quantity, "")
	}
	edit("2", "SKU-1001", "3")
	w.until("it goes out as well", func() bool {
		o := w.order(a.OrderID)
		return len(o.Lines) == 2 && o.Lines[1].Released.String() == "3" && len(o.ActiveHolds()) == 0
	})
	if o := w.order(a.OrderID); o.Lines[1].Outcome != orders.LineAccepted || o.Lines[1].Description == "" || o.Total != o.Lines[0].Amount.Plus(o.Lines[1].Amount) {
		t.Errorf("the line is %+v of an order of %s", o.Lines[1], o.Total)
	}
	if found, err := w.erp.Registrations(t.Context(), []string{w.order(a.OrderID).Number}); err != nil || found.Found[w.order(a.OrderID).Number].Lines[1].UnitPrice != w.order(a.OrderID).Lines[1].UnitPrice {
		t.Errorf("the ERP bills it at another price than %s", w.order(a.OrderID).Lines[1].UnitPrice)
	}
	edit("3", "SKU-1019", "12") // which nobody may sell
	held := func() []string { return codesOf(w.order(a.OrderID).ActiveHolds()) }
	w.until("it is held for that", func() bool { return slices.Equal(held(), []string{"ITEM_BLOCKED"}) })
	for range 2 {
		if _, err := w.orders.Reevaluate(t.Context(), a.OrderID); err != nil {
			t.Fatal(err)
		}
	}
	if l := w.order(a.OrderID).Lines[2]; !slices.Equal(held(), []string{"ITEM_BLOCKED"}) || l.Outcome != orders.LineHeld || !l.Rejected.IsZero() || l.Released.IsPos() {
		t.Errorf("looked at again it is %+v with holds %v", l, held())
	}
	edit("3", "SKU-1019", "0")
	w.until("taken off there it is off", func() bool { return w.order(a.OrderID).Lines[2].Outcome == orders.LineDeleted && len(held()) == 0 })
	w.until("the rest has left", func() bool {
		w.step()
		o := w.order(a.OrderID)
		return o.Lines[0].Shipped.String() == "5" && o.Lines[1].Shipped.String() == "3"
	})
	list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
	if len(list) != 0 || err != nil {
		t.Errorf("a person is asked: %+v, %v", list, err)
	}
}

// TestAReleaseIsForTheOrderAsItWas: what somebody had let go holds again when the ERP has raised the order, and turning an approval down
// recalls what was on its way.
func TestAReleaseIsForTheOrderAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{default: {orderValue: {maximum: "100"}, checks: {ORDER_MAX_VALUE: HOLD}}, classes: [{name: "ASKS", accounts: ["C10002"], policy: {orderValue: {maximum: "1000000"}, approvals: [{name: "big", above: "5000", tiers: 1}]}}]}`)
	w.start()
	released := func(account trade.AccountID, key string) trade.OrderID {
		a := w.place(key, draft(account, line("SKU-1000", "5")))
		for _, h := range w.order(a.OrderID).ActiveHolds() {
			if _, err := w.orders.ReleaseHold(t.Context(), service(), a.OrderID, nil, h.ID, "agreed with sales"); err != nil {
				t.Fatal(err)
			}
		}
		w.handedOn(a.OrderID)
		return a.OrderID
	}
	dear, asks := released("C10001", "dear"), released("C10002", "asks")
	edit := func(id trade.OrderID, quantity string) {
		w.admin("POST", "/admin/erp/edit?order="+w.order(id).Number+"&line=1&quantity="+quantity, "")
	}
	edit(dear, "9")
	w.until("it is held again", func() bool {
		holds := w.order(dear).ActiveHolds()
		return len(holds) == 1 && holds[0].Code == "ORDER_MAX_VALUE"
	})
	edit(asks, "60")
	w.until("somebody is asked", func() bool { return w.order(asks).Status == orders.PendingApproval })
	boss := trade.Viewer{Subject: "boss", AllAccounts: true, Scopes: []string{"orders:approve"}}
	if _, err := w.orders.Decide(t.Context(), boss, asks, nil, false, "far too much"); err != nil {
		t.Fatal(err)
	}
	w.until("what was on its way is recalled, and the ERP has given it up", func() bool {
		_, there := w.admin("GET", "/admin/truth", "")["erpOrders"].(map[string]any)[w.order(asks).Number]
		return w.order(asks).Status == orders.Cancelled && !there
	})
}

// TestAnOrderTakenWhileTheERPIsDownGoesOnByItself when it is back.
func TestAnOrderTakenWhileTheERPIsDownGoesOnByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/knobs", `{"outage":{"bc":true}}`)
	a := w.place("dead", draft("C10001", line("SKU-1000", "1")))
	if a.Decision != orders.DecisionHeld {
		t.Fatalf("without the ERP the order is %s", a.Decision)
	}
	for _, h := range w.order(a.OrderID).ActiveHolds() {
		if _, err := w.orders.ReleaseHold(t.Context(), service(), a.OrderID, nil, h.ID, "let it go"); fault.KindOf(err) != fault.Conflict {
			t.Errorf("an order without prices could be let go: %v", err)
		}
	}
	w.admin("POST", "/admin/knobs", `{"outage":{"bc":false}}`)
	w.until("the hold clears by itself and the order ships", func() bool {
		w.step()
		return w.order(a.OrderID).Status == orders.Completed
	})
	if o := w.order(a.OrderID); o.Currency != "USD" || o.Total.Amount.IsZero() {
		t.Errorf("the order is worth %s", o.Total)
	}
}

// TestADeadEffectBlocksItsQueueUntilSomebodyDecides: the ERP refuses the registration, so nothing after
// it reaches the ERP, although the goods leave; a person retries it, or gives it up.
func TestADeadEffectBlocksItsQueueUntilSomebodyDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	retried := w.place("retried", draft("C10001", line("SKU-1000", "1")))
	dropped := w.place("dropped", draft("C10001", line("SKU-1001", "1")))
	w.admin("POST", "/admin/erp/block?customer=C10001&why=All", "")
	w.start()
	exceptions := func() map[string]string {
		got := g.query("operations", `{ exceptions { nodes { id code order { number } } } }`, nil)
		if len(got.Errors) > 0 {
			t.Fatal(got.Errors)
		}
		out := map[string]string{}
		for _, n := range got.Data["exceptions"].(map[string]any)["nodes"].([]any) {
			if e := n.(map[string]any); e["code"] == "EFFECT_DEAD" {
				out[e["order"].(map[string]any)["number"].(string)] = e["id"].(string)
			}
		}
		return out
	}
	w.until("both registrations are dead and the goods have left", func() bool {
		w.step()
		return len(exceptions()) == 2 && w.order(retried.OrderID).FulfillmentRollup() == "DELIVERED" && w.order(dropped.OrderID).FulfillmentRollup() == "DELIVERED"
	})
	if n := len(w.order(retried.OrderID).References) + w.copies("erpOrders")(w.order(retried.OrderID).Number); n != 0 || w.order(retried.OrderID).Lines[0].Invoiced.IsPos() {
		t.Errorf("the ERP heard of an order whose registration is dead")
	}
	ids := exceptions()
	decide := func(mutation, id string) {
		t.Helper()
		got := g.query("operations", mutation, map[string]any{"id": id})
		if len(got.Errors) > 0 || len(got.Data["x"].(map[string]any)["errors"].([]any)) > 0 {
			t.Fatalf("%s: %+v", mutation, got)
		}
	}
	w.admin("POST", "/admin/erp/block?customer=C10001", "")
	decide(`mutation($id: ID!) { x: retryException(input: {exceptionId: $id}) { exception { status } errors { message } } }`, ids[w.order(retried.OrderID).Number])
	w.until("the retried order is registered, posted and invoiced", func() bool {
		o := w.order(retried.OrderID)
		return len(o.References) == 1 && o.Lines[0].Invoiced.String() == "1"
	})
	decide(`mutation($id: ID!) { x: resolveException(input: {exceptionId: $id, resolution: "typed it in by hand"}) { exception { status } errors { message } } }`, ids[w.order(dropped.OrderID).Number])
	w.until("nothing is counted for the order that was given up", func() bool {
		var n int
		err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM exposures WHERE order_id = $1`, dropped.OrderID).Scan(&n)
		return err == nil && n == 0
	})
	if n := w.copies("erpOrders")(w.order(dropped.OrderID).Number); n != 0 {
		t.Errorf("the ERP has the order that was given up %d times", n)
	}
}

// TestServicePeopleSettleThings: a hold is released, a return called off.
func TestServicePeopleSettleThings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	g := newGraph(t, w)
	low := trade.Money{Amount: trade.MustDecimal("0.01"), Currency: "USD"}
	a := w.place("low", draft("C10001", orders.DraftLine{SKU: "SKU-1000", Quantity: trade.Quantity{Value: trade.MustDecimal("2")}, ExpectedUnitPrice: &low}))
	if a.Decision != orders.DecisionHeld {
		t.Fatalf("an order at a cent is %s", a.Decision)
	}
	o := g.query("service", `query($n: String!) { order(number: $n) { id holds { id code status } } }`, map[string]any{"n": w.order(a.OrderID).Number}).Data["order"].(map[string]any)
	release := map[string]any{"i": map[string]any{"orderId": o["id"], "holdId": o["holds"].([]any)[0].(map[string]any)["id"], "reason": "agreed by phone"}}
	const mutation = `mutation($i: ReleaseHoldInput!) { x: releaseHold(input: $i) { order { status } errors { code message } } }`
	if got := g.query("buyer", mutation, release); len(got.Errors) == 0 {
		t.Error("a buyer can release a hold")
	}
	if got := g.query("service", mutation, release); len(got.Errors) > 0 || got.Data["x"].(map[string]any)["order"].(map[string]any)["status"] != "ACCEPTED" {
		t.Fatalf("the release is answered %+v", got)
	}
	w.until("it is delivered", func() bool {
		w.step()
		return w.order(a.OrderID).FulfillmentRollup() == "DELIVERED"
	})
	r, err := w.returns.Request(t.Context(), buyer("C10001"), "r", a.OrderID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("2")}, Reason: returns.NotNeeded}}, "")
	if err != nil {
		t.Fatal(err)
	}
	id := g.query("C10001", `{ returns(first: 1) { nodes { id } } }`, nil).Data["returns"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"]
	got := g.query("C10001", `mutation($id: ID!) { x: cancelReturn(input: {returnId: $id, reason: "kept it"}) { return { status } errors { message } } }`, map[string]any{"id": id})
	if len(got.Errors) > 0 || w.returned(r.ID).Status != returns.Cancelled {
		t.Errorf("the return is %s: %+v", w.returned(r.ID).Status, got)
	}
	if _, err := w.returns.Request(t.Context(), buyer("C10001"), "again", a.OrderID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("2")}, Reason: returns.NotNeeded}}, ""); err != nil {
		t.Errorf("what was called off cannot be sent back: %v", err)
	}
}

// TestAnEditInTheERPIsNeverLost, whenever it comes: before we know that the order is registered, while a
// node works on it, or when it has left. Somebody hears of it, and the ERP bills no more than it has.
func TestAnEditInTheERPIsNeverLost(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string]int{"at once": 0, "while it is picked": 2, "when it is packed": 3, "when it has left": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.start()
			a := w.place("edit", draft("C10001", line("SKU-1000", "5")))
			w.until("the ERP has it", func() bool { return w.copies("erpOrders")(w.order(a.OrderID).Number) == 1 })
			if steps > 0 {
				w.until("a node has it", func() bool { return w.order(a.OrderID).FulfillmentRollup() == "RELEASED" })
			}
			for range steps {
				w.step()
			}
			// When it has left, the posting and the edit race: either the edit finds a posted order and
			// is refused, or somebody hears of it.
			res, err := http.Post(w.box.URL+"/admin/erp/edit?order="+w.order(a.OrderID).Number+"&line=1&quantity=3", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			w.until("somebody hears of it, or it came too late", func() bool {
				w.step()
				list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
				return err == nil && (len(list) > 0 || res.StatusCode == http.StatusNotFound)
			})
			if res.StatusCode == http.StatusNotFound {
				return
			}
			w.until("the work is done", func() bool {
				w.step()
				return w.order(a.OrderID).FulfillmentRollup() == "DELIVERED"
			})
			if o := w.order(a.OrderID); o.Lines[0].Invoiced.Cmp(trade.MustDecimal("3")) > 0 {
				t.Errorf("%s were invoiced of a line of 3", o.Lines[0].Invoiced)
			}
		})
	}
}

// TestNothingIsCountedTwiceOrNever compares what is promised with what the nodes know, at rest.
func TestNothingIsCountedTwiceOrNever(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	before := w.available()
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			a, err := w.orders.Place(t.Context(), buyer("C10001"), fmt.Sprint("count", i), draft("C10001", line("SKU-1000", "2")))
			if err != nil || a.Decision != orders.DecisionAccepted {
				t.Errorf("%v %v", a, err)
			}
			// Whatever is on its way, every promised unit counts exactly once.
			if got := w.available(); trade.Less(before, got).Cmp(trade.MustDecimal("24")) > 0 {
				t.Errorf("%s of %s are left: something counts twice", got, before)
			}
		})
	}
	wg.Wait()
	if got := trade.Less(before, w.available()).String(); got != "24" {
		t.Errorf("24 units are promised and %s are missing", got)
	}
	w.until("all is released", func() bool {
		n, err := w.queue.Waiting(t.Context())
		return err == nil && n == 0
	})
	if got := trade.Less(before, w.available()).String(); got != "24" {
		t.Errorf("24 units are released and %s are missing", got)
	}
	for range 5 {
		w.step()
	}
	if got := trade.Less(before, w.available()).String(); got != "24" {
		t.Errorf("24 units are shipped and %s are missing", got)
	}
}

// TestAStorefrontIsNotToldOfItsBuffer: it is told of less than there is, and what it sells of that all the same is taken.
func TestAStorefrontIsNotToldOfItsBuffer(t *testing.T) {
	t.Parallel()
	w := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		for i := range cfg.Sources {
			if cfg.Sources[i].Name == "webshop" {
				cfg.Sources[i].Buffer = "7"
			}
		}
	})
	g := newGraph(t, w)
	w.start()
	shown := func() any { return w.admin("GET", "/admin/shop/orders", "")["stock"].(map[string]any)["SKU-1000"] }
	w.until("the shop is told of less", func() bool {
		return shown() == trade.Less(w.available(), trade.MustDecimal("7")).String()
	})
	there := w.available()
	const query = `{ availability(skus: ["SKU-1000"], maxAge: 0) { available { value } channels { channel buffer { value unit } available { value } } } }`
	want := fmt.Sprintf("[map[available:map[value:%s] channels:[map[available:map[value:%s] buffer:map[unit:PCS value:7] channel:webshop]]]]", there, trade.Less(there, trade.MustDecimal("7")))
	if got := fmt.Sprint(at(g.query("operations", query, nil).Data, "availability")); got != want {
		t.Errorf("the channels are shown %s, want %s", got, want)
	}
	w.admin("POST", "/admin/shop/orders", fmt.Sprintf(`{"po":"ALL","lines":[{"sku":"SKU-1000","quantity":%s}]}`, there))
	w.until("all that there is was promised to the shop", func() bool { return w.available().IsZero() })
	w.until("the shop is told that there is none", func() bool { return shown() == "0" })
}

// available is what can be promised of SKU-1000.
func (w *world) available() trade.Decimal {
	w.t.Helper()
	const sku = trade.SKU("SKU-1000")
	a := lookup.Only(w.inventory.Availability(w.t.Context(), []trade.SKU{sku}))
	if !a.OK {
		w.t.Fatalf("availability of %s: %+v", sku, a)
	}
	return a.Value.Available.Value
}

func (w *world) returned(id string) *returns.Return {
	w.t.Helper()
	found, err := w.returns.ByID(w.t.Context(), service(), []string{id})
	if err != nil || found[id] == nil {
		w.t.Fatalf("return %s: %v", id, err)
	}
	return found[id]
}

// sentBack sends some of an order's first line back and follows it to its credit memo.
func (w *world) sentBack(o *orders.Order, quantity string) *returns.Return {
	w.t.Helper()
	r, err := w.returns.Request(w.t.Context(), buyer(o.Account), "back", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal(quantity)}, Reason: returns.Defective}}, "")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.returns.Approve(w.t.Context(), service(), r.ID); err != nil {
		w.t.Fatal(err)
	}
	w.until("it is credited", func() bool {
		w.step()
		return w.returned(r.ID).Status == returns.Closed
	})
	return w.returned(r.ID)
}

// delivered places an order of C10001 and moves it to its doorstep and its invoice.
func (w *world) delivered(key string, lines ...orders.DraftLine) *orders.Order {
	w.t.Helper()
	a := w.place(key, draft("C10001", lines...))
	w.until("the order is delivered and invoiced", func() bool {
		w.step()
		o := w.order(a.OrderID)
		for _, l := range o.Lines {
			if l.Delivered.Cmp(l.Quantity.Value) != 0 || l.Invoiced.Cmp(l.Quantity.Value) != 0 {
				return false
			}
		}
		return true
	})
	return w.order(a.OrderID)
}

// TestReturnsAreCreditedOnceThoughRepliesGetLost loses a third of the sources' replies after their
// effect and fails one in ten calls, from expecting the goods to posting the memo.
func TestReturnsAreCreditedOnceThoughRepliesGetLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	var list []*returns.Return
	for i := range 4 {
		o := w.delivered(fmt.Sprint("lost", i), line("SKU-1000", "2"))
		r, err := w.returns.Request(t.Context(), buyer("C10001"), "r", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("1")}, Reason: returns.NotNeeded}}, "")
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	w.admin("POST", "/admin/knobs", `{"chances":{"lost:bc":0.3,"lost:wms":0.3,"error:bc":0.1,"error:wms":0.1}}`)
	for _, r := range list {
		if _, err := w.returns.Approve(t.Context(), service(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.until("all are credited", func() bool {
		w.step()
		for _, r := range list {
			if w.returned(r.ID).Status != returns.Closed {
				return false
			}
		}
		return true
	})
	memos := w.admin("GET", "/admin/truth", "")["creditMemos"].(map[string]any)
	for _, r := range list {
		if memos[r.Number] != 1.0 {
			t.Errorf("return %s has %v credit memos", r.Number, memos[r.Number])
		}
	}
}

// TestWhatIsCancelledOfAPartlyShippedOrderLeavesTheERP, and the order is done.
func TestWhatIsCancelledOfAPartlyShippedOrderLeavesTheERP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/knobs", `{"counts":{"short:wms":1}}`)
	a := w.place("part", draft("C10001", line("SKU-1000", "8"), line("SKU-1001", "2")))
	w.until("half is shipped and the rest is with another node", func() bool {
		l := w.order(a.OrderID).Lines[0]
		if !l.Shipped.IsPos() {
			w.step()
		}
		return l.Shipped.String() == "4" && l.Released.String() == "4"
	})
	if _, err := w.orders.Cancel(t.Context(), buyer("C10001"), a.OrderID, nil, "enough"); err != nil {
		t.Fatal(err)
	}
	w.until("the rest is cancelled and everything shipped is invoiced", func() bool {
		o := w.order(a.OrderID)
		return o.Status == orders.Completed && o.Lines[0].Cancelled.String() == "4" && o.Lines[0].Invoiced.String() == "4"
	})
	w.until("nothing is open in the ERP", func() bool {
		found, err := w.erp.Credit(t.Context(), []trade.AccountID{"C10001"})
		return err == nil && found.Found["C10001"].OpenOrders.IsZero()
	})
	w.until("the ERP's quantities are not taken for a change made there", func() bool {
		n, err := w.queue.Waiting(t.Context())
		return err == nil && n == 0
	})
	if o := w.order(a.OrderID); o.Status != orders.Completed || len(o.ActiveHolds()) > 0 {
		t.Errorf("the order is %s with holds %+v", o.Status, o.ActiveHolds())
	}
	list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Code != "SHORT_PICK" {
			t.Errorf("there is an exception %s: %s", e.Code, e.Title)
		}
	}
}
