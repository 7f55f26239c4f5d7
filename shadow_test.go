package main

import (
	"fmt"
	"strings"
	"testing"

	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/sandbox"
	"crossdock/sources/erp/businesscentral"
)

// newShadow is a world in which nothing is written to some sources.
func newShadow(t *testing.T, sources ...string) *world {
	t.Helper()
	return worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		for i := range cfg.Sources {
			for _, name := range sources {
				cfg.Sources[i].Shadow = cfg.Sources[i].Shadow || cfg.Sources[i].Name == name
			}
		}
	})
}

// TestASystemInShadowIsReadAndNotWritten: with every source in shadow, orders from all channels are decided, nothing
// in the world changes, and what would have been written is there to be looked at, byte for byte. Where the ERP takes
// an order by itself, it is compared with ours.
func TestASystemInShadowIsReadAndNotWritten(t *testing.T) {
	t.Parallel()
	w := newShadow(t, "erp", "wms", "threepl", "threepl-south", "webshop")
	g := newGraph(t, w)
	w.start()
	a := w.place("same", draft("C10001", line("SKU-1000", "2")))
	d := draft("C10001", line("SKU-1001", "3"))
	d.PONumber = "PO-2"
	b := w.place("other", d)
	w.admin("POST", "/admin/shop/orders", `{"po":"WEB-1","lines":[{"sku":"SKU-1000","quantity":3}]}`)
	ask := func(args string) []map[string]any {
		t.Helper()
		got := g.query("operations", `{ shadowWrites(first: 100`+args+`) { nodes { source operation subject method target body note times order { number } compared { theirs differences } } } }`, nil)
		if len(got.Errors) > 0 {
			t.Fatal(got.Errors)
		}
		var out []map[string]any
		for _, n := range got.Data["shadowWrites"].(map[string]any)["nodes"].([]any) {
			out = append(out, n.(map[string]any))
		}
		return out
	}
	about := func(source, operation string, id trade.OrderID) map[string]any {
		for _, n := range ask(`, source: "` + source + `"`) {
			if n["operation"] == operation && strings.HasPrefix(fmt.Sprint(n["subject"]), "order/"+string(id)) {
				return n
			}
		}
		return nil
	}
	number := w.order(a.OrderID).Number
	w.until("it is known what the ERP, the node and the shop would have been told", func() bool {
		w.step()
		return about("erp", "register order", a.OrderID) != nil && about("erp", "register order", b.OrderID) != nil && about("wms", "release", a.OrderID) != nil &&
			strings.Contains(fmt.Sprint(ask(`, source: "webshop"`)), "set stock") && strings.Contains(fmt.Sprint(ask(`, source: "webshop"`)), "tagsAdd")
	})
	register := about("erp", "register order", a.OrderID)
	if register["method"] != "POST" || !strings.Contains(fmt.Sprint(register["target"]), "/salesOrders?") || !strings.Contains(fmt.Sprint(register["body"]), `"externalDocumentNumber":"`+number+`"`) {
		t.Errorf("the ERP would have been told %v", register)
	}
	truth := w.admin("GET", "/admin/truth", "")
	if orders, works := truth["erpOrders"].(map[string]any), truth["works"].(map[string]any); orders[number] != nil || len(works) > 0 {
		t.Errorf("something was written: %v %v", orders[number], works)
	}
	shop := w.admin("GET", "/admin/shop/orders", "")
	if o := shop["orders"].([]any)[0].(map[string]any); o["tags"] != nil || len(shop["stock"].(map[string]any)) > 0 {
		t.Errorf("the shop was told: %v, %v", o, shop["stock"])
	}

	// The ERP's people take both orders themselves, one of them otherwise.
	desk, err := businesscentral.New("desk", w.said.URL+"/bc", businesscentral.Config{Company: w.said.Company, ClientID: "crossdock", ClientSecret: "sandbox-secret", TokenURL: "/oauth2/v2.0/token"})
	if err != nil {
		t.Fatal(err)
	}
	one, two := *w.order(a.OrderID), *w.order(b.OrderID)
	one.Number, two.Number = one.PONumber, two.PONumber
	two.Lines[0].Quantity.Value = trade.MustDecimal("5")
	if _, err := desk.Register(t.Context(), &one); err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Register(t.Context(), &two); err != nil {
		t.Fatal(err)
	}
	w.until("both are compared", func() bool {
		a, b := about("erp", "register order", a.OrderID), about("erp", "register order", b.OrderID)
		return a["compared"] != nil && b["compared"] != nil
	})
	if c := about("erp", "register order", a.OrderID)["compared"].(map[string]any); fmt.Sprint(c["differences"]) != "[]" {
		t.Errorf("the same order is told apart: %v", c)
	}
	different := ask(`, different: true`)
	if len(different) != 1 || fmt.Sprint(different[0]["compared"].(map[string]any)["differences"]) != "[SKU-1001: we have 3, erp has 5]" {
		t.Errorf("what the ERP decided otherwise is %v", different)
	}
	got := g.query("operations", `{ orders(first: 10, filter: {poNumber: "PO-2"}) { totalCount nodes { channel references { value } } } sources { name shadow } exceptions(status: OPEN) { nodes { title } } }`, nil)
	if text := fmt.Sprint(got.Data); !strings.Contains(text, "totalCount:1") || !strings.Contains(text, "channel:PORTAL references:[map[value:S-ORD") || strings.Contains(text, "shadow:false") || strings.Contains(text, "title:") {
		t.Errorf("the ERP's own orders are shown beside ours, or a person is called: %s", text)
	}
}
