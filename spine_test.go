package main

import (
	"testing"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

// TestOrderToDoorstep follows one order through every system behind real sockets.
func TestOrderToDoorstep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	d := draft("C10001", line("SKU-1000", "5"), line("SKU-1001", "2"))
	a := w.place("k1", d)
	if a.Decision != orders.DecisionAccepted {
		t.Fatalf("decision %s: %+v", a.Decision, a.Findings)
	}
	w.until("the work is released", func() bool { return w.order(a.OrderID).FulfillmentRollup() == "RELEASED" })
	w.until("the ERP has the order", func() bool { return len(w.order(a.OrderID).References) == 1 })
	for range 8 {
		w.step()
	}
	w.until("everything is delivered and invoiced", func() bool {
		o := w.order(a.OrderID)
		for _, l := range o.Lines {
			if l.Delivered.Cmp(l.Quantity.Value) != 0 || l.Invoiced.Cmp(l.Quantity.Value) != 0 {
				return false
			}
		}
		return o.Status == orders.Completed
	})
	docs, err := w.finance.ByOrder(t.Context(), trade.System("test"), []trade.OrderID{a.OrderID})
	if err != nil || len(docs[a.OrderID]) == 0 {
		t.Fatalf("invoices %v, %v", docs, err)
	}
	truth := w.admin("GET", "/admin/truth", "")
	number := w.order(a.OrderID).Number
	if n := truth["erpOrders"].(map[string]any)[number]; n != 1.0 {
		t.Errorf("the ERP has the order %v times", n)
	}
	if again := w.place("k1", d); !again.Replayed || again.OrderID != a.OrderID {
		t.Errorf("a repeat answered %+v", again)
	}
}
