package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/graph/scalar"
)

// TestAQuoteIsHonoured until it ends: prices that were quoted, or set by somebody who may, are those of the order, at quantities
// that were quoted; one that has ended, or is another account's, is not.
func TestAQuoteIsHonoured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	const quoting = `mutation($i: CreateQuoteInput!) { createQuote(input: $i) { quote { number validUntil total { amount } lines { sku unitPrice { amount } overridden } } errors { code path message } } }`
	quote := func(who string, line map[string]any) any {
		t.Helper()
		got := g.query(who, quoting, map[string]any{"i": map[string]any{"accountId": "C10001", "lines": []any{line}}})
		if len(got.Errors) > 0 {
			t.Fatal(got.Errors)
		}
		return got.Data["createQuote"]
	}
	wanted := func() map[string]any {
		return map[string]any{"sku": "SKU-1000", "quantity": map[string]any{"value": "5", "unit": "PCS"}}
	}
	set := wanted()
	set["priceOverride"] = map[string]any{"unitPrice": map[string]any{"amount": "1.23", "currency": "USD"}, "reason": "the year's contract"}
	if refused := quote("C10001", set); at(refused, "quote") != nil || !strings.Contains(fmt.Sprint(at(refused, "errors")), "pricing:override") {
		t.Errorf("a buyer sets a price: %v", refused)
	}
	if refused := quote("C10001", map[string]any{"sku": "NOPE", "quantity": map[string]any{"value": "5"}}); !strings.Contains(fmt.Sprint(at(refused, "errors")), "ITEM_UNKNOWN") {
		t.Errorf("what is not sold is quoted: %v", refused)
	}
	made := quote("service", set)
	number, ok := at(made, "quote", "number").(string)
	if !ok {
		t.Fatalf("the quote is answered %v", made)
	}
	place := func(key, account, quantity, quote string) *orders.Answer {
		d := draft(trade.AccountID(account), line("SKU-1000", quantity))
		d.Quote = quote
		return w.place(key, d)
	}
	taken := place("honoured", "C10001", "5", number)
	if l := taken.Order.Lines[0]; taken.Decision != orders.DecisionAccepted || l.UnitPrice.Amount.String() != "1.23" || taken.Order.Quote != number {
		t.Errorf("by the quote it is %s at %s: %+v", taken.Decision, l.UnitPrice, taken.Findings)
	}
	if less := place("less", "C10001", "4", number); less.Order.Lines[0].UnitPrice.Amount.String() == "1.23" || !strings.Contains(fmt.Sprint(less.Findings), "QUOTE_NOT_MET") {
		t.Errorf("less than was quoted is at %s: %+v", less.Order.Lines[0].UnitPrice, less.Findings)
	}
	if theirs := place("theirs", "C10002", "5", number); theirs.Decision != orders.DecisionRejected || !strings.Contains(fmt.Sprint(theirs.Findings), "QUOTE_UNKNOWN") {
		t.Errorf("another account's quote: %s, %+v", theirs.Decision, theirs.Findings)
	}
	if _, err := w.pool.Exec(t.Context(), `UPDATE quotes SET doc = jsonb_set(doc, '{validUntil}', to_jsonb($1::text))`, time.Now().Add(-time.Second).Format(time.RFC3339Nano)); err != nil {
		t.Fatal(err)
	}
	late := place("late", "C10001", "5", number)
	if late.Decision != orders.DecisionHeld || late.Order.Lines[0].UnitPrice.Amount.String() == "1.23" || !strings.Contains(fmt.Sprint(late.Findings), "QUOTE_EXPIRED") {
		t.Errorf("a quote that has ended: %s at %s", late.Decision, late.Order.Lines[0].UnitPrice)
	}
	got := g.query("C10001", `query($id: ID!) { account(id: $id) { quotes { number createdBy note } } }`, map[string]any{"id": scalar.GlobalID(scalar.TypeAccount, "C10001")})
	if fmt.Sprint(at(got.Data, "account", "quotes")) != fmt.Sprintf("[map[createdBy:sam.service note: number:%s]]", number) {
		t.Errorf("the account's quotes are %v, %v", got.Data, got.Errors)
	}
	d := draft("C10001", line("SKU-1000", "5"))
	d.Lines[0].Override = &orders.PriceOverride{UnitPrice: trade.Money{Amount: trade.MustDecimal("2"), Currency: "USD"}, Reason: "a gesture"}
	if _, err := w.orders.Place(t.Context(), buyer("C10001"), "mine", d); fault.KindOf(err) != fault.Denied {
		t.Errorf("a buyer sets a price: %v", err)
	}
	who := service()
	who.Scopes = append(who.Scopes, orders.OverridePrices)
	if a := w.placeAs(who, "set", d); a.Order.Lines[0].UnitPrice.Amount.String() != "2" || !strings.Contains(fmt.Sprint(a.Findings), "a gesture") {
		t.Errorf("a price that was set: %+v", a.Order.Lines[0])
	}
}

// TestAPriceExplainsItself in steps that add up, with the next quantity that costs less.
func TestAPriceExplainsItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	got := g.query("C10001", `{ priceQuote(lines: [{sku: "SKU-1000", quantity: {value: "49"}}]) { price { unitPrice { amount } nextBreak { from { value } noDearer saving { amount } } waterfall { kind label amount { amount } result { amount } } } } }`, nil)
	list, _ := got.Data["priceQuote"].([]any)
	if len(list) != 1 {
		t.Fatalf("%v, %v", got.Data, got.Errors)
	}
	price := at(list[0], "price")
	sum := trade.Decimal{}
	steps, _ := at(price, "waterfall").([]any)
	for _, s := range steps {
		sum = trade.Sum(sum, trade.MustDecimal(at(s, "amount", "amount").(string)))
	}
	if len(steps) == 0 || !sum.Equal(trade.MustDecimal(at(price, "unitPrice", "amount").(string))) || at(price, "nextBreak", "from", "value") != "50" {
		t.Errorf("the price is explained by %v", price)
	}
}
