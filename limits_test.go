package main

import (
	"strings"
	"testing"

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
		found += 1 + 1
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
	// What gqlgen executes is not counted.
	both := g.query("C10001", `{ __schema { queryType { name } } orders(first: 7) { nodes { number } } }`, nil).Extensions.Cost
	if both.RequestedQueryCost != 8 || both.ActualQueryCost != 8 {
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
