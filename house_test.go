package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"crossdock/domains/returns"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

// newHouse is a world whose ERP and shop are products by configuration, from docs/examples/house.yaml.
func newHouse(t *testing.T) *world {
	t.Helper()
	raw, err := os.ReadFile("docs/examples/house.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(said *told, cfg *config.Config) {
		house, err := config.Parse(strings.NewReader(said.fill(string(raw), "127.0.0.1:0")), os.Getenv)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Sources = append(house.Sources, slices.DeleteFunc(cfg.Sources, func(s config.Source) bool { return s.Name == "erp" || s.Name == "webshop" })...)
	})
}

// TestACompanyThatWroteItsOwnSystemsNeedsNoAdapter takes an order to the doorstep, part of it back to
// its credit, and a shop's order to its tracking, on systems that are configuration alone.
func TestACompanyThatWroteItsOwnSystemsNeedsNoAdapter(t *testing.T) {
	t.Parallel()
	w := newHouse(t)
	w.start()
	o := w.delivered("house", line("SKU-1000", "6"), line("SKU-1001", "2"))
	if n := w.copies("erpOrders")(o.Number); n != 1 || !strings.HasPrefix(o.References[0].Value, "H") {
		t.Errorf("the ERP has the order %d times, as %+v", n, o.References)
	}
	docs, err := w.finance.ByOrder(t.Context(), service(), []trade.OrderID{o.ID})
	if err != nil || len(docs[o.ID]) == 0 || docs[o.ID][0].Total.Amount.IsZero() {
		t.Fatalf("invoices %v, %v", docs, err)
	}
	r, err := w.returns.Request(t.Context(), buyer("C10001"), "r1", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("4")}, Reason: returns.Defective}}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.returns.Approve(t.Context(), service(), r.ID); err != nil {
		t.Fatal(err)
	}
	w.until("the return is credited", func() bool {
		w.step()
		return w.returned(r.ID).Status == returns.Closed
	})
	if n := w.copies("creditMemos")(r.Number); n != 1 {
		t.Errorf("the ERP has %d memos", n)
	}
	w.admin("POST", "/admin/shop/orders", `{"po":"WEB","lines":[{"sku":"SKU-1000","quantity":3}]}`)
	w.until("the shop has its number, its tracking and its stock", func() bool {
		w.step()
		state := w.admin("GET", "/admin/shop/orders", "")
		shown := state["orders"].([]any)[0].(map[string]any)
		tracking, _ := shown["tracking"].([]any)
		tags, _ := shown["tags"].([]any)
		return len(tracking) == 1 && len(tags) == 2 && state["stock"].(map[string]any)["SKU-1000"] != nil
	})
	cases := line("SKU-1000", "2")
	cases.Quantity.Unit = "CS"
	part := w.place("rest", draft("C10001", cases))
	if l := w.order(part.OrderID).Lines[0]; l.Quantity.String() != "24 PCS" {
		t.Errorf("two cases are %s: %+v", l.Quantity, part.Findings)
	}
	w.until("it is registered", func() bool { return len(w.order(part.OrderID).References) == 1 })
	if _, err := w.orders.Cancel(t.Context(), buyer("C10001"), part.OrderID, nil, "enough"); err != nil {
		t.Fatal(err)
	}
	w.until("the ERP has given a cancelled order up", func() bool { return w.copies("erpOrders")(w.order(part.OrderID).Number) == 0 })
}

// TestTheHistoryOfABespokeERP is loaded like any other.
func TestTheHistoryOfABespokeERP(t *testing.T) {
	t.Parallel()
	w := newHouse(t)
	w.admin("POST", "/admin/shop/orders", `{"po":"OLD","daysAgo":40,"fulfilled":true,"lines":[{"sku":"SKU-1000","quantity":2}]}`)
	c := &counting{rows: map[string]int{}}
	if err := w.backfill(t.Context(), nil, c.report); err != nil {
		t.Fatal(err)
	}
	invoices := w.admin("GET", "/admin/truth", "")["invoices"].(map[string]any)
	var docs, dangling int
	if err := w.pool.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE order_id IS NULL) FROM finance_documents`).Scan(&docs, &dangling); err != nil {
		t.Fatal(err)
	}
	if docs != len(invoices) || dangling != 0 || c.rows["finished orders"] != 1 || c.rows["items"] != 60 {
		t.Errorf("%d documents of %d, %d of no order; %v", docs, len(invoices), dangling, c.rows)
	}
}

// TestAProductByConfigurationPassesTheSuiteOfAnERP in every port.
func TestAProductByConfigurationPassesTheSuiteOfAnERP(t *testing.T) {
	t.Parallel()
	newHouse(t).testERP("house", true)
}
