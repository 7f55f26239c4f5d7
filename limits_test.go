package main

import (
	"fmt"
	"strings"
	"testing"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

// TestWhatAnOperationCosts is told with every answer, and what was not found is given back.
func TestWhatAnOperationCosts(t *testing.T) {
	t.Parallel()
	w := limited(t, config.Limits{Operation: 1000, Points: 3000, PerSecond: 1})
	g := newGraph(t, w)
	g.fill(2, "C10001")
	const query = `query Page($n: Int) { orders(first: $n) { nodes { number total { amount }
		account { name } shipments { trackingNumber }
		lines { sku item { name } price { unitPrice { amount } } availability { available { value } nodes { node } } } } } }`
	got := g.query("C10001", query, map[string]any{"n": 10})
	if len(got.Errors) > 0 {
		t.Fatalf("%+v", got.Errors)
	}
	// The list, and ten orders with an account, three shipments, and ten lines with item, price and five nodes' stock.
	cost := got.Extensions.Cost
	if want := 1 + 10*(1+1+3+10*(1+1+1+1+5)); cost.RequestedQueryCost != want {
		t.Errorf("the page may cost %d, want %d", cost.RequestedQueryCost, want)
	}
	found := 1
	for _, o := range got.Data["orders"].(map[string]any)["nodes"].([]any) {
		found += 1 + 1 + 1 // no shipments, which were asked for all the same
		for _, l := range o.(map[string]any)["lines"].([]any) {
			found += 4 + len(l.(map[string]any)["availability"].(map[string]any)["nodes"].([]any))
		}
	}
	if cost.ActualQueryCost != found || found < 50 {
		t.Errorf("the page cost %d, want %d", cost.ActualQueryCost, found)
	}
	if s := cost.ThrottleStatus; s == nil || s.MaximumAvailable != 3000 || s.RestoreRate != 1 || s.CurrentlyAvailable < 3000-found || s.CurrentlyAvailable > 3000-found+30 {
		t.Errorf("left is %+v", s)
	}
	// What is asked for and not there was asked for.
	for query, want := range map[string]int{
		`{ a: item(sku: "X-1") { name } b: item(sku: "X-2") { name } }`:        2,
		`{ availability(skus: ["X-1", "X-2", "X-3"]) { sku } }`:                3,
		`mutation { cancelOrder(input: {orderId: "x"}) { order { number } } }`: 10,
	} {
		if cost := g.query("C10001", query, nil).Extensions.Cost; cost.ActualQueryCost != want {
			t.Errorf("%s cost %+v, want %d", query, cost, want)
		}
	}
	// More than was assumed is found, and paid for.
	var lines []orders.DraftLine
	for i := range 13 {
		lines = append(lines, line(trade.SKU(fmt.Sprint("SKU-", 1010+2*i)), "12"))
	}
	long := w.order(w.place("long", draft("C10001", lines...)).OrderID)
	if cost := g.query("C10001", `query($n: String!) { order(number: $n) { lines { sku } } }`, map[string]any{"n": long.Number}).Extensions.Cost; cost.RequestedQueryCost != 11 || cost.ActualQueryCost != 14 {
		t.Errorf("an order of 13 lines cost %+v", cost)
	}
	// What gqlgen executes is not counted.
	both := g.query("C10001", `{ __schema { queryType { name } } orders(first: 7) { nodes { number } } }`, nil).Extensions.Cost
	if both.RequestedQueryCost != 108 || both.ActualQueryCost != 108 {
		t.Errorf("beside introspection, a page costs %+v", both)
	}
}

// TestWhoAsksForTooMuch is told so before anybody is asked, and how to go on; others are not in the way.
func TestWhoAsksForTooMuch(t *testing.T) {
	t.Parallel()
	w := limited(t, config.Limits{Operation: 1000, Points: 1500, PerSecond: 1})
	g := newGraph(t, w)
	page := func(who, first string) reply {
		t.Helper()
		return g.query(who, `{ orders(first: `+first+`) { nodes { lines { item { name } } } } }`, nil)
	}
	refused := func(r reply, code, says string) {
		t.Helper()
		if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != code || !strings.Contains(r.Errors[0].Message, says) || r.Data != nil || r.Extensions.Cost.ActualQueryCost != 0 {
			t.Fatalf("want %s, got %+v", code, r)
		}
	}
	refused(page("C10001", "100"), "COST_LIMIT_EXCEEDED", "costs up to 2101 points, and may cost 1000: ask for fewer with first")
	// Nothing is found, and nearly all of it is given back.
	for range 5 {
		if got := page("C10001", "40"); len(got.Errors) > 0 {
			t.Fatalf("%+v", got)
		}
	}
	g.fill(4, "C10002")
	spent := page("C10002", "40")
	for range 1500/(4*(1+5*2)) + 1 {
		if len(spent.Errors) > 0 {
			break
		}
		spent = page("C10002", "40")
	}
	refused(spent, "RATE_LIMITED", "ask again in")
	if after, _ := spent.Errors[0].Extensions["retryAfter"].(float64); after < 1 || after > 841 {
		t.Errorf("asks again after %v s", after)
	}
	if s := spent.Extensions.Cost.ThrottleStatus; s == nil || s.CurrentlyAvailable >= 841 {
		t.Errorf("left is %+v", s)
	}
	if got := g.query("C10002", `mutation { cancelOrder(input: {orderId: "x"}) { order { number } } }`, nil); got.Extensions.Cost.RequestedQueryCost != 11 {
		t.Errorf("a mutation costs %+v", got)
	}
	if got := page("C10001", "40"); len(got.Errors) > 0 {
		t.Errorf("another buyer is refused too: %+v", got.Errors)
	}
}

// limited is a world with limits for everybody.
func limited(t *testing.T, l config.Limits) *world {
	t.Helper()
	return worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) { cfg.Limits = l })
}
