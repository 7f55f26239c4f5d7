package main

import (
	"fmt"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

const promiseDays = `{ availability(skus: ["SKU-1003"], maxAge: 0) { available { value } atp { date receipts issues cumulative available } nodes { node safety { value } arrivals { date quantity reference } } } }`

// days are what can be promised of an item by day, and the days and quantities that nodes expect.
func (g *graph) days() (atp []string, arrivals []trade.Dated) {
	g.t.Helper()
	got := g.query("operations", promiseDays, nil)
	if len(got.Errors) > 0 {
		g.t.Fatal(got.Errors)
	}
	item := got.Data["availability"].([]any)[0]
	for _, d := range at(item, "atp").([]any) {
		atp = append(atp, fmt.Sprintf("%v +%v -%v =%v %v", at(d, "date"), at(d, "receipts"), at(d, "issues"), at(d, "cumulative"), at(d, "available")))
	}
	for _, n := range at(item, "nodes").([]any) {
		list, _ := at(n, "arrivals").([]any)
		for _, a := range list {
			arrivals = append(arrivals, trade.Dated{Date: trade.Date(at(a, "date").(string)), Quantity: trade.MustDecimal(fmt.Sprint(at(a, "quantity")))})
		}
	}
	return atp, arrivals
}

// TestWhatArrivesIsPromised: an order that is short is told when it need not be, one that is wanted by then is not short, what
// one waits for is not promised to another, and what has arrived goes to those who wait.
func TestWhatArrivesIsPromised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	today := trade.DateOf(time.Now().UTC())
	atp, arrivals := g.days()
	if len(arrivals) != 1 || !arrivals[0].Quantity.Equal(trade.MustDecimal("200")) {
		t.Fatalf("the nodes expect %v", arrivals)
	}
	due := arrivals[0].Date
	if want := fmt.Sprintf("[%s +0 -0 =1 1 %s +200 -0 =201 201]", today, due); fmt.Sprint(atp) != want {
		t.Errorf("at first %v can be promised, want %v", atp, want)
	}
	evidence := func(a *orders.Answer) string {
		for _, f := range a.Findings {
			if f.Code == "ATP_SHORT" {
				return fmt.Sprint(f.Evidence["short"], " ", f.Evidence["expected"])
			}
		}
		return "none"
	}
	first := w.place("first", draft("C10001", line("SKU-1003", "5")))
	if o := w.order(first.OrderID); evidence(first) != "4 "+string(due) || o.Lines[0].Expected != due || o.Status != orders.OnHold {
		t.Errorf("an order that is short: %s, expected %s, %s", evidence(first), o.Lines[0].Expected, o.Status)
	}
	wanted := func(account trade.AccountID, quantity string, day trade.Date) orders.Draft {
		d := draft(account, line("SKU-1003", quantity))
		d.RequestedDate = day
		return d
	}
	later := w.place("later", wanted("C10002", "10", due))
	o := w.order(later.OrderID)
	if l := o.Lines[0]; later.Decision != orders.DecisionAccepted || l.Outcome != orders.LineAccepted || l.Expected != due || l.Backordered.String() != "10" || evidence(later) != "none" {
		t.Errorf("one that is wanted when it is there: %s, %s, expected %s, %s waited for, %s", later.Decision, l.Outcome, l.Expected, l.Backordered, evidence(later))
	}
	for quantity, want := range map[string]string{"186": "none", "187": "187 <nil>"} {
		a, err := w.orders.Validate(t.Context(), service(), wanted("C10003", quantity, due.Plus(1)))
		if err != nil || evidence(a) != want {
			t.Errorf("beside what others wait for, %s more: %s, want %s, %v", quantity, evidence(a), want, err)
		}
	}
	if a, err := w.orders.Validate(t.Context(), service(), wanted("C10003", "10", due.Plus(-1))); err != nil || evidence(a) != "10 "+string(due) {
		t.Errorf("wanted the day before: %s, %v", evidence(a), err)
	}
	whole := wanted("C10003", "10", due.Plus(1))
	whole.ShipComplete = true
	if a, err := w.orders.Validate(t.Context(), service(), whole); err != nil || evidence(a) != "10 "+string(due) || a.Decision != orders.DecisionHeld {
		t.Errorf("to be sent as a whole: %s, %v", evidence(a), err)
	}
	atp, _ = g.days()
	if want := fmt.Sprintf("[%s +0 -4 =-4 0 %s +200 -10 =186 186]", today, due); fmt.Sprint(atp) != want {
		t.Errorf("then %v can be promised, want %v", atp, want)
	}
	last := w.place("last", wanted("C10004", "186", due))
	if _, err := w.orders.Reevaluate(t.Context(), first.OrderID); err != nil {
		t.Fatal(err)
	}
	for _, a := range []*orders.Answer{first, last} {
		if o := w.order(a.OrderID); o.Lines[0].Expected != due {
			t.Errorf("order %s, looked at again, expects its goods on %q", o.Number, o.Lines[0].Expected)
		}
	}
	w.start()
	w.admin("POST", "/admin/wms/receive?site=EAST&sku=SKU-1003", "")
	w.until("those who wait have it", func() bool {
		a, b := w.order(first.OrderID), w.order(later.OrderID)
		return a.Status != orders.OnHold && b.Lines[0].Backordered.IsZero() && b.Lines[0].Expected == ""
	})
}
