package main

import (
	"fmt"
	"strings"
	"testing"

	"crossdock/domains/fault"
	"crossdock/graph/scalar"
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
					if e.Extensions["source"] != source || e.Extensions["code"] != string(fault.Unavailable) || e.Extensions["affected"] == nil || len(e.Path) == 0 {
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
			if len(said) == 0 && system == "bc" {
				t.Error("nothing is said of the outage")
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
