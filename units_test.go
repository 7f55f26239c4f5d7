package main

import (
	"fmt"
	"strings"
	"testing"

	"crossdock/domains/orders"
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
	const ordering = `{ item(sku: "SKU-1042") { unit ordering { minimum multiple decimals units { unit of per } } } }`
	if got := fmt.Sprint(g.query("service", ordering, nil).Data); got != "map[item:map[ordering:map[decimals:2 minimum:0.50 multiple:0.25 units:[map[of:0.3048 per:1 unit:FOT] map[of:100 per:1 unit:RL]]] unit:MTR]]" {
		t.Errorf("it may be ordered %s", got)
	}
}

// TestOtherUnitsWhileTheERPIsDown: what a case is comes to be known when the ERP answers, and the order goes on.
func TestOtherUnitsWhileTheERPIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/knobs", `{"outage":{"bc":true}}`)
	expected := trade.Money{Amount: trade.MustDecimal("100000"), Currency: "USD"}
	a := w.place("cases", draft("C10001", orders.DraftLine{SKU: "SKU-1000", Quantity: trade.Quantity{Value: trade.MustDecimal("2"), Unit: "CS"}, ExpectedUnitPrice: &expected}))
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
