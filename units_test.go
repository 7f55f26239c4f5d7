package main

import (
	"fmt"
	"strings"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/orders"
	"crossdock/domains/returns"
	"crossdock/domains/trade"
)

// TestItemsOrderedInOtherUnits are priced, promised, registered and sent in their own; the buyer sees what was ordered.
func TestItemsOrderedInOtherUnits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	w.start()
	const place = `mutation($key: String!, $unit: UnitCode!, $many: Decimal!, $sku: String!) { placeOrder(input: {idempotencyKey: $key, accountId: "C10001", poNumber: $key, lines: [{sku: $sku, quantity: {value: $many, unit: $unit}}]}) {
		decision findings { code message remedies severity } order { number lines { quantity { value unit } ordered { value unit } unitPrice { amount } amount { amount } } } } }`
	ordered := func(sku, many, unit string) any {
		return at(g.query("service", place, map[string]any{"key": "K-" + many + unit, "sku": sku, "many": many, "unit": unit}).Data, "placeOrder")
	}
	by := ordered("SKU-1000", "5", "CS")
	line := fmt.Sprint(at(by, "order", "lines"))
	own := w.place("own", draft("C10001", orders.DraftLine{SKU: "SKU-1000", Quantity: trade.Quantity{Value: trade.MustDecimal("60"), Unit: "PCS"}}))
	is := w.order(own.OrderID).Lines[0] // from 50 pieces on they cost less
	if want := fmt.Sprintf("[map[amount:map[amount:%s] ordered:map[unit:CS value:5] quantity:map[unit:PCS value:60] unitPrice:map[amount:%s]]]", is.Amount.Amount, is.UnitPrice.Amount); line != want {
		t.Errorf("five cases are %s, want %s", line, want)
	}
	number, _ := at(by, "order", "number").(string)
	o, err := w.orders.ByNumber(t.Context(), service(), number)
	if err != nil {
		t.Fatal(err)
	}
	w.until("the ERP has invoiced pieces", func() bool {
		w.step()
		l := w.order(o.ID).Lines[0]
		return l.Registered != nil && l.Registered.String() == "60" && l.Invoiced.String() == "60"
	})
	if got := fmt.Sprint(ordered("SKU-1042", "10", "FOT")); !strings.Contains(got, "UOM_NOT_CONVERTIBLE") || !strings.Contains(got, "order 3 MTR or 3.25 MTR") {
		t.Errorf("ten feet of what is sold by the quarter of a metre are answered %s", got)
	}
	w.until("pieces have left", func() bool { w.step(); return w.order(o.ID).Lines[0].Shipped.String() == "60" })
	back, err := w.returns.Request(t.Context(), service(), "back", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("1"), Unit: "CS"}, Reason: returns.OtherReason}}, "")
	if err != nil || back.Lines[0].Requested.String() != "12" {
		t.Errorf("a case that comes back is %+v, %v", back, err)
	}
	for unit, many := range map[trade.Unit]string{"BX": "1", "CS": "6"} {
		if _, err := w.returns.Request(t.Context(), service(), "more", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal(many), Unit: unit}, Reason: returns.OtherReason}}, ""); fault.KindOf(err) != fault.Invalid && fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s %s come back: %v", many, unit, err)
		}
	}
	const ordering = `{ item(sku: "SKU-1042") { unit ordering { minimum multiple decimals units { unit of per } } } }`
	if got := fmt.Sprint(g.query("service", ordering, nil).Data); got != "map[item:map[ordering:map[decimals:2 minimum:0.50 multiple:0.25 units:[map[of:0.3048 per:1 unit:FOT] map[of:100 per:1 unit:RL]]] unit:MTR]]" {
		t.Errorf("it may be ordered %s", got)
	}
}

func cases(many string) orders.DraftLine {
	return orders.DraftLine{SKU: "SKU-1000", Quantity: trade.Quantity{Value: trade.MustDecimal(many), Unit: "CS"}}
}

// TestOtherUnitsWhileTheERPIsDown: what a case is comes to be known when the ERP answers, and the order goes on.
func TestOtherUnitsWhileTheERPIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/knobs", `{"outage":{"bc":true}}`)
	expected := trade.Money{Amount: trade.MustDecimal("100000"), Currency: "USD"}
	line := cases("2")
	line.ExpectedUnitPrice = &expected
	a := w.place("cases", draft("C10001", line))
	if o := w.order(a.OrderID); o.Status != orders.OnHold {
		t.Fatalf("without the ERP it is %s: %+v", o.Status, a.Findings)
	}
	w.admin("POST", "/admin/knobs", `{"outage":{"bc":false}}`)
	w.until("all of it is with a node", func() bool {
		if _, err := w.orders.Reevaluate(t.Context(), a.OrderID); err != nil {
			t.Fatal(err)
		}
		o := w.order(a.OrderID)
		return o.Lines[0].Released.String() == "24"
	})
	l := w.order(a.OrderID).Lines[0]
	if l.Quantity.String() != "24 PCS" || l.OrderedAs().String() != "2 CS" || l.ExpectedUnitPrice.Amount.Cmp(trade.MustDecimal("8333")) < 0 || l.ExpectedUnitPrice.Amount.Cmp(trade.MustDecimal("8334")) > 0 {
		t.Errorf("its line is %+v", l)
	}
}

// TestALineIsChangedInTheUnitItWasOrderedIn, or in its own, and in no other.
func TestALineIsChangedInTheUnitItWasOrderedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := draft("C10001", cases("3"))
	d.Service = "nobody's" // so that it waits
	r, err := w.orders.Revise(t.Context(), service(), w.place("three", d).OrderID, orders.Change{Version: 1, Lines: map[int]trade.Quantity{1: {Value: trade.MustDecimal("2"), Unit: "CS"}}}, true)
	if err != nil || fmt.Sprint(r.Order.Lines[0].Quantity, " ", r.Order.Lines[0].OrderedAs()) != "24 PCS 2 CS" {
		t.Errorf("changed to two cases: %+v, %v", r, err)
	}
	_, err = w.orders.Revise(t.Context(), service(), r.Order.ID, orders.Change{Version: 1, Lines: map[int]trade.Quantity{1: {Value: trade.MustDecimal("2"), Unit: "RL"}}}, true)
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "in PCS and was ordered in CS") {
		t.Errorf("changed to rolls: %v", err)
	}
}
