package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"crossdock/internal/config"
	"crossdock/sandbox"
)

// TestTheParcelsOfFinishedOrders: what a 3PL sent for a shop's orders before we came is shown with them, once.
func TestTheParcelsOfFinishedOrders(t *testing.T) {
	t.Parallel()
	carrier := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var rows []string
		for ref := range strings.SplitSeq(r.URL.Query().Get("orders"), ",") {
			rows = append(rows, fmt.Sprintf(`{"order":%q,"parcels":[{"id":"P-%s","by":"UPS","code":"1Z999","state":"arrived","on":"2026-01-05T10:00:00Z"}]}`, ref, ref[strings.LastIndex(ref, "/")+1:]))
		}
		_, _ = io.WriteString(w, "["+strings.Join(rows, ",")+"]")
	}))
	t.Cleanup(carrier.Close)
	w := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		var old config.Source
		err := yaml.Unmarshal([]byte(`
name: old-3pl
product: rest
url: `+carrier.URL+`
operations:
  shipped: {path: /parcels, query: {orders: keys}, batch: 50, fields: {order: order, shipments: parcels}}
  shipment: {fields: {ref: id, carrier: by, tracking: code, status: state, shippedAt: on}, values: {status: {arrived: DELIVERED}}}`), &old)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Sources = append(cfg.Sources, old)
	})
	w.admin("POST", "/admin/shop/orders", `{"po":"OLD","daysAgo":40,"fulfilled":true,"lines":[{"sku":"SKU-1000","quantity":2}]}`)
	g := newGraph(t, w)
	const page = `{ orders(first: 5, filter: {poNumber: "OLD"}) { nodes { channel shipments { carrier trackingNumber status } } } }`
	for range 2 { // the second time nothing is new
		if err := w.backfill(t.Context(), []string{"webshop"}, unseen); err != nil {
			t.Fatal(err)
		}
		if err := w.cursors.Save(t.Context(), "webshop", "history of orders", ""); err != nil {
			t.Fatal(err)
		}
		got := g.query("operations", page, nil)
		if text := fmt.Sprint(got.Data, got.Errors); strings.Count(text, "trackingNumber:1Z999") != 1 || !strings.Contains(text, "status:DELIVERED") {
			t.Errorf("the page shows %s", text)
		}
	}
	got := g.query("operations", `{ shipments(first: 5) { nodes { number order { poNumber } } } node(id: "T3JkZXI6bm9wZQ") { id } }`, nil)
	if text := fmt.Sprint(got.Data, got.Errors); !strings.Contains(text, "poNumber:OLD") || !strings.Contains(text, "node:<nil>") || len(got.Errors) > 0 {
		t.Errorf("the list of shipments, and an order whose id is none: %s", text)
	}
	got = g.query("operations", `{ exceptions(after: "RXhjZXB0aW9uOm5vcGU") { nodes { id } } }`, nil)
	if len(got.Errors) != 1 || got.Errors[0].Extensions["code"] != "INVALID" || !strings.Contains(got.Errors[0].Message, "is no place in this list") {
		t.Errorf("a cursor that is none: %v", got.Errors)
	}
}
