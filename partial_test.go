package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/graph/scalar"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

// TestPricesOfABranchAreNotThoseOfTheAccount: an ERP whose price lists know no branches says so, and the
// same question without one is answered beside it.
func TestPricesOfABranchAreNotThoseOfTheAccount(t *testing.T) {
	t.Parallel()
	g := newGraph(t, newWorld(t))
	got := g.query("C10001", `{
		own: priceQuote(lines: [{sku: "SKU-1000", quantity: {value: "1"}}]) { price { unitPrice { amount } } }
		there: priceQuote(branch: "NORTH", lines: [{sku: "SKU-1000", quantity: {value: "1"}}]) { price { unitPrice { amount } } }
	}`, nil)
	if own := fmt.Sprint(got.Data["own"]); !strings.Contains(own, "amount") {
		t.Errorf("the account's own price is %s", own)
	}
	if len(got.Errors) != 1 || got.Errors[0].Extensions["code"] != string(fault.Unsupported) || !strings.Contains(fmt.Sprint(got.Data["there"]), "price:<nil>") {
		t.Errorf("at a branch: %v, %v", got.Data["there"], got.Errors)
	}
}

// TestAnOutageLeavesTheRestOfThePage asks a portal's page with one system down, once when nothing was
// asked before and once when everything was: the page is never lost, what the system owns is null or
// last known, whatever else there is stands, and each failure is said once, with its source.
func TestAnOutageLeavesTheRestOfThePage(t *testing.T) {
	t.Parallel()
	const page = `query($ids: [ID!]!) {
		viewer { accounts { number } }
		orders(first: 5) { nodes { number total { amount } account(maxAge: 0) { name provenance { freshness } } lines { sku
			item(maxAge: 0) { name provenance { freshness } } price(maxAge: 0) { unitPrice { amount } }
			availability(maxAge: 0) { complete nodes { node provenance { freshness } } unavailable { node code } } } shipments { number } } }
		item(sku: "SKU-1001", maxAge: 0) { name }
		availability(skus: ["SKU-1040", "SKU-1041"], maxAge: 0) { sku complete }
		priceQuote(lines: [{sku: "SKU-1000", quantity: {value: "1"}}, {sku: "SKU-1001", quantity: {value: "1"}}]) { sku price { unitPrice { amount } } }
		nodes(ids: $ids) { __typename id }
	}`
	const stock = `{ availability(skus: ["SKU-1050"], maxAge: 0) { nodes { provenance { freshness } } unavailable { node } } }`
	probes := map[string]string{"bc": `{ item(sku: "SKU-1050", maxAge: 0) { provenance { freshness } } }`, "wms": stock, "shipbob": stock}
	for system, source := range map[string]string{"bc": "erp", "wms": "wms", "shipbob": "threepl"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t, newWorld(t))
			a := g.place("before", draft("C10001", line("SKU-1000", "1"), line("SKU-1001", "2")))
			vars := map[string]any{"ids": []string{scalar.GlobalID(scalar.TypeOrder, string(a.OrderID)), scalar.GlobalID(scalar.TypeItem, "SKU-1030"), scalar.GlobalID(scalar.TypeAccount, "C10001")}}
			ask := func() (map[string]any, []string) {
				t.Helper()
				got := g.query("C10001", page, vars)
				if got.Data == nil {
					t.Fatalf("the page is lost: %v", got.Errors)
				}
				var said []string
				for _, e := range got.Errors {
					if e.Extensions["source"] != source || e.Extensions["code"] != string(fault.Unavailable) || e.Extensions["affected"] == nil || len(e.Path) == 0 || len(fmt.Sprint(e.Extensions["traceId"])) != 32 {
						t.Errorf("an error says %q at %v, %v", e.Message, e.Path, e.Extensions)
					}
					said = append(said, fmt.Sprint(e.Path))
				}
				return got.Data, said
			}
			g.admin("POST", "/admin/knobs", `{"outage":{"`+system+`":true}}`)
			cold, said := ask()
			if n := len(cold["orders"].(map[string]any)["nodes"].([]any)); n != 1 {
				t.Errorf("%d orders are shown", n)
			}
			prices, rest := strings.Contains(fmt.Sprint(cold["priceQuote"]), "amount"), strings.Contains(fmt.Sprint(cold["availability"]), "complete:true")
			if erp := system == "bc"; prices == erp || rest != erp {
				t.Errorf("prices are there: %t; every node's figure: %t; errors at %v", prices, rest, said)
			}
			if len(said) == 0 {
				t.Error("nothing is said of the outage")
			}
			for i, path := range said {
				if slices.Contains(said[:i], path) {
					t.Errorf("the outage is said twice at %s", path)
				}
			}
			if things := cold["nodes"].([]any); things[0] == nil || (system != "bc" && things[1] == nil) {
				t.Errorf("things by id: %v", things)
			}
			g.admin("POST", "/admin/knobs", `{"outage":{"`+system+`":false}}`)
			g.until("the source is asked again", func() bool {
				got := fmt.Sprint(g.query("C10001", probes[system], nil).Data)
				return strings.Contains(got, "LIVE") && !strings.Contains(got, "LAST_KNOWN") && !strings.Contains(got, "unavailable:[map")
			})
			if got := g.query("C10001", page, vars); len(got.Errors) > 0 {
				t.Fatalf("with every source up: %v", got.Errors)
			}
			g.admin("POST", "/admin/knobs", `{"outage":{"`+system+`":true}}`)
			warm, said := ask()
			if shown := fmt.Sprint(warm["orders"]); !strings.Contains(shown, "LAST_KNOWN") || strings.Contains(shown, "item:<nil>") || strings.Contains(shown, "account:<nil>") || strings.Contains(shown, "availability:<nil>") {
				t.Errorf("what was known is not shown as last known: %s; errors at %v", shown, said)
			}
			if things := warm["nodes"].([]any); things[0] == nil || things[1] == nil || things[2] == nil {
				t.Errorf("things by id: %v; errors at %v", things, said)
			}
		})
	}
}

// TestASpentBudgetLeavesReadsWhatWasLastKnown, and says so; work on what was accepted still has its share.
func TestASpentBudgetLeavesReadsWhatWasLastKnown(t *testing.T) {
	t.Parallel()
	w := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		for i := range cfg.Sources {
			if s := &cfg.Sources[i]; s.Name == "wms" {
				s.Policy.Rate.Calls, s.Policy.Rate.Per = 10, config.Duration(time.Hour)
			}
		}
	})
	g := newGraph(t, w)
	const page = `{ availability(skus: ["SKU-1000"], maxAge: 0) { complete nodes { provenance { source freshness } } } }`
	seen := map[string]int{}
	for range 12 {
		got := g.query("operations", page, nil)
		if len(got.Errors) > 0 {
			t.Fatalf("a spent budget fails the page: %v", got.Errors)
		}
		for _, n := range got.Data["availability"].([]any)[0].(map[string]any)["nodes"].([]any) {
			if p := n.(map[string]any)["provenance"].(map[string]any); p["source"] == "wms" {
				seen[p["freshness"].(string)]++
			}
		}
	}
	// Two nodes by one call; eight of ten calls are for reads.
	if seen["LIVE"] != 16 || seen["LAST_KNOWN"] != 8 {
		t.Errorf("the warehouse's figures were %v", seen)
	}
	a, err := w.systems["wms"].Reports(lookup.In(t.Context(), lookup.Work), "EAST", []string{"NEVER"})
	if err != nil || len(a.Failed) > 0 {
		t.Errorf("work has no share left: %v, %v", a, err)
	}
	got := g.query("operations", `{ sources { name product kind status calls failures lastSuccessAt limiter { calls perSeconds used } } }`, nil)
	text := fmt.Sprint(got.Data)
	for _, want := range []string{"limiter:map[calls:10 perSeconds:3600 used:9] name:wms product:rest status:UP", "kind:ERP", "name:webshop product:shopify status:UNKNOWN"} {
		if !strings.Contains(text, want) {
			t.Errorf("sources do not show %q: %s", want, text)
		}
	}
	if got := g.query("buyer", `{ sources { name } }`, nil); len(got.Errors) == 0 {
		t.Error("a buyer sees the sources")
	}
}
