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
	g.sentWithTheirOrders()
	got = g.query("operations", `{ exceptions(after: "RXhjZXB0aW9uOm5vcGU") { nodes { id } } }`, nil)
	if len(got.Errors) != 1 || got.Errors[0].Extensions["code"] != "INVALID" || !strings.Contains(got.Errors[0].Message, "is no place in this list") {
		t.Errorf("a cursor that is none: %v", got.Errors)
	}
}

// sentWithTheirOrders fails when a page of orders, which brings its shipments along, shows others than each order by itself does.
func (g *graph) sentWithTheirOrders() {
	g.t.Helper()
	// One order has several, of which the last was sent first, and its neighbours have none.
	var number string
	if err := g.pool.QueryRow(g.t.Context(), `SELECT order_number FROM (SELECT doc->>'orderNumber' AS order_number FROM shipments LIMIT 1) AS s`).Scan(&number); err != nil {
		g.t.Fatal(err)
	}
	for i := range 3 {
		if _, err := g.pool.Exec(g.t.Context(), `
			INSERT INTO shipments (id, number, order_id, account_id, work_id, source, source_ref, status, shipped_at, version, doc)
			SELECT id, number || $1, order_id, account_id, work_id, source, source_ref || $1, status, at, version,
				(doc::jsonb || jsonb_build_object('id', id, 'number', number || $1, 'shippedAt', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))::json
			FROM (SELECT gen_random_uuid() AS id, shipped_at - $2 * interval '1 hour' AS at, number, order_id, account_id, work_id, source, source_ref, status, version, doc
				FROM shipments WHERE doc->>'orderNumber' = $3 AND number NOT LIKE '%/again%' LIMIT 1) AS s`, fmt.Sprint("/again", i), i%2, number); err != nil {
			g.t.Fatal(err)
		}
	}
	const sent = `number shipments { id number order { number } } sent: shipments { number }`
	alone := map[string]string{}
	for _, list := range []string{"first: 50", "last: 50", "first: 3", "last: 3", `first: 50, orderBy: {field: NUMBER, direction: ASC}`} {
		got := g.query("operations", `{ orders(`+list+`) { nodes { ...sent } } } fragment sent on Order { `+sent+` }`, nil)
		if len(got.Errors) > 0 {
			g.t.Fatal(got.Errors)
		}
		for _, o := range got.Data["orders"].(map[string]any)["nodes"].([]any) {
			n := o.(map[string]any)["number"].(string)
			if alone[n] == "" {
				alone[n] = fmt.Sprint(g.query("operations", `query($n: String!) { order(number: $n) { `+sent+` } }`, map[string]any{"n": n}).Data["order"])
			}
			if shows := fmt.Sprint(o); shows != alone[n] {
				g.t.Errorf("%s: the page shows %s, not %s", list, shows, alone[n])
			}
		}
	}
	if strings.Count(alone[number], "/again") != 6 || strings.Count(alone[number], "number:"+number+"]") != 4 {
		g.t.Errorf("it has %s", alone[number])
	}
}
