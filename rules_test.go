package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/graph/scalar"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

const activate = `mutation($v: Int!, $i: Int!) { activateRuleSet(input: {version: $v, instead: $i, reason: "a test"}) { ruleSet { version status } errors { message path } } }`

// rule drafts rules and has orders decided by them in place of the built-in ones.
func (g *graph) rule(rules string) {
	g.t.Helper()
	got := g.query("operations", `mutation { draftRuleSet(input: {note: "a test", rules: `+rules+`}) { ruleSet { version status } errors { message path } } }`, nil)
	version, ok := at(got.Data, "draftRuleSet", "ruleSet", "version").(float64)
	if !ok {
		g.t.Fatalf("a draft is answered %v %v", got.Data, got.Errors)
	}
	got = g.query("operations", activate, map[string]any{"v": int(version), "i": 0})
	if at(got.Data, "activateRuleSet", "ruleSet", "status") != "ACTIVE" {
		g.t.Fatalf("an activation is answered %v %v", got.Data, got.Errors)
	}
}

// at is what lies at the end of a path of fields, nil where it ends before.
func at(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// TestRulesAreTriedThenActivated: a draft decides nothing, a trial tells what it would change among past orders, its
// activation decides the next order, which keeps its version, and the rules before are a version to go back to.
func TestRulesAreTriedThenActivated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	small := w.place("small", draft("C10001", line("SKU-1000", "1")))
	short := w.place("short", draft("C10001", line("SKU-1003", "5")))
	if small.Decision != orders.DecisionAccepted || short.Decision != orders.DecisionHeld {
		t.Fatalf("by the built-in rules: %s, %s", small.Decision, short.Decision)
	}
	got := g.query("operations", `mutation { draftRuleSet(input: {rules: {default: {backorders: LINE, orderValue: {minimum: "100000"}, checks: {ORDER_MIN_VALUE: REJECT}}, classes: [{name: "KEY", accounts: ["C10001"], policy: {orderValue: {minimum: "0"}, backorders: LINE}}]}}) { ruleSet { version } errors { message } } }`, nil)
	version, _ := at(got.Data, "draftRuleSet", "ruleSet", "version").(float64)
	if a := w.place("during", draft("C10002", line("SKU-1000", "1"))); a.Decision != orders.DecisionAccepted || w.order(a.OrderID).RuleSet != 0 {
		t.Errorf("a draft decides: %s", a.Decision)
	}
	got = g.query("operations", fmt.Sprintf(`{ ruleTrial(version: %d) { orders changed { number order { id number } was would new gone } } }`, int(version)), nil)
	changes := map[string]string{}
	list, _ := at(got.Data, "ruleTrial", "changed").([]any)
	for _, c := range list {
		changes[fmt.Sprint(at(c, "order", "number"))] = fmt.Sprint(at(c, "was"), " ", at(c, "would"), " ", at(c, "new"), " ", at(c, "gone"))
	}
	if at(got.Data, "ruleTrial", "orders") != 3.0 || len(changes) != 2 || changes[w.order(short.OrderID).Number] != "HELD ACCEPTED_WITH_CHANGES [] []" ||
		!strings.HasPrefix(fmt.Sprint(changes), "map[") || !strings.Contains(fmt.Sprint(changes), "ACCEPTED REJECTED [ORDER_MIN_VALUE] []") {
		t.Errorf("the trial tells %v of %v, %v", changes, at(got.Data, "ruleTrial", "orders"), got.Errors)
	}
	got = g.query("operations", activate, map[string]any{"v": int(version), "i": 7})
	if errs, _ := at(got.Data, "activateRuleSet", "errors").([]any); len(errs) != 1 || at(errs[0], "path") != "instead" {
		t.Errorf("an activation in place of another than the active one is answered %v", got.Data)
	}
	got = g.query("operations", activate, map[string]any{"v": int(version), "i": 0})
	if at(got.Data, "activateRuleSet", "ruleSet", "status") != "ACTIVE" {
		t.Fatalf("the activation is answered %v %v", got.Data, got.Errors)
	}
	after := w.place("after", draft("C10001", line("SKU-1003", "5")))
	refused := w.place("refused", draft("C10002", line("SKU-1000", "1")))
	if after.Decision != orders.DecisionAcceptedWithChanges || w.order(after.OrderID).RuleSet != int(version) || refused.Decision != orders.DecisionRejected {
		t.Errorf("by the new rules: %s, %s", after.Decision, refused.Decision)
	}
	if n := w.counted(refused.OrderID); n != 0 {
		t.Errorf("a refused order counts %d times", n)
	}
	if o := w.order(small.OrderID); o.RuleSet != 0 {
		t.Errorf("a past order has rule set %d", o.RuleSet)
	}
	got = g.query("operations", activate, map[string]any{"v": 0, "i": int(version)})
	if back := w.place("back", draft("C10002", line("SKU-1000", "1"))); back.Decision != orders.DecisionAccepted {
		t.Errorf("back at the built-in rules: %s, %v", back.Decision, got.Data)
	}
	if got := g.query("C10001", `{ ruleSets { version } }`, nil); len(got.Errors) == 0 {
		t.Errorf("a buyer reads the rules: %v", got.Data)
	}
}

// counted is how many promises and exposures there are of an order.
func (w *world) counted(id trade.OrderID) (n int) {
	w.t.Helper()
	if err := w.pool.QueryRow(w.t.Context(), `SELECT (SELECT count(*) FROM reservations WHERE order_id = $1) + (SELECT count(*) FROM exposures WHERE order_id = $1)`, id).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestWhatIsShort is dealt with as the account's policy says, and nothing that was turned down keeps stock or credit.
func TestWhatIsShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{classes: [
		{name: "NONE", accounts: ["C10001"], policy: {backorders: NONE}}, {name: "KILL", accounts: ["C10002"], policy: {backorders: FILL_OR_KILL}},
		{name: "LINE", accounts: ["C10003"], policy: {backorders: LINE}}]}`)
	for account, want := range map[trade.AccountID]string{
		// Of SKU-1003 there is one. Whoever is served first has it; it is given back below.
		"C10001": "ACCEPTED_WITH_CHANGES 1 of 1, 0 waiting, 0 rejected",
		"C10002": "PARTIALLY_ACCEPTED 0 of 3, 0 waiting, 3 rejected",
		"C10003": "ACCEPTED_WITH_CHANGES 1 of 3, 2 waiting, 0 rejected",
		"C10004": "HELD 1 of 3, 2 waiting, 0 rejected",
	} {
		a := w.place(string(account), draft(account, line("SKU-1003", "3"), line("SKU-1000", "1")))
		o := w.order(a.OrderID)
		l := o.Lines[0]
		if got := fmt.Sprintf("%s %s of %s, %s waiting, %s rejected", o.Decision, l.Allocated, l.Quantity.Value, l.Backordered, l.Rejected); got != want {
			t.Errorf("%s: %s, want %s", account, got, want)
		}
		total := trade.Decimal{}
		for _, l := range o.Lines {
			if l.Outcome != orders.LineRejected {
				total = trade.Sum(total, l.UnitPrice.Times(l.Quantity.Value).Round().Amount)
			}
		}
		if !o.Total.Amount.Equal(total) {
			t.Errorf("%s: the order is worth %s, its lines %s", account, o.Total, total)
		}
		if _, err := w.orders.Cancel(t.Context(), buyer(account), o.ID, nil, "the next one"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestALineIsHeldAlone while the others leave, and only those release it who may, or stand above them.
func TestALineIsHeldAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{default: {holds: {PRICE_TOLERANCE: {level: LINE, scope: "pricing:release", reviewHours: 5}}}}`)
	w.start()
	d := draft("C10001", line("SKU-1000", "2"), line("SKU-1001", "3"))
	d.Lines[1].ExpectedUnitPrice = &trade.Money{Amount: trade.MustDecimal("0.01"), Currency: "USD"}
	a := w.place("line", d)
	o := w.order(a.OrderID)
	if len(o.ActiveHolds()) != 1 || o.Status == orders.OnHold || o.ActiveHolds()[0].Line != 2 {
		t.Fatalf("the order is %s with holds %+v", o.Status, o.ActiveHolds())
	}
	w.until("the other line has left", func() bool {
		w.step()
		return w.order(a.OrderID).Lines[0].Shipped.String() == "2"
	})
	if l := w.order(a.OrderID).Lines[1]; !l.Released.IsZero() || !l.Shipped.IsZero() || l.Allocated.String() != "3" {
		t.Errorf("of the held line %s are released, %s shipped, %s allocated", l.Released, l.Shipped, l.Allocated)
	}
	if _, _, err := w.inventory.Refresh(t.Context(), []trade.SKU{"SKU-1000", "SKU-1001"}, inventory.Known{}); err != nil {
		t.Fatal(err)
	}
	var kept string
	if err := w.pool.QueryRow(t.Context(), `SELECT coalesce(sum(quantity), 0)::text FROM reservations WHERE order_id = $1 AND line = 2 AND work = ''`, a.OrderID).Scan(&kept); err != nil || kept != "3" {
		t.Errorf("%s of the held line are kept for it, %v", kept, err)
	}
	who, hold := service(), o.ActiveHolds()[0].ID
	if _, err := w.orders.ReleaseHold(t.Context(), who, o.ID, nil, hold, "please"); fault.KindOf(err) != fault.Denied {
		t.Errorf("who may release orders releases prices: %v", err)
	}
	who.Scopes = []string{orders.Override}
	if _, err := w.orders.ReleaseHold(t.Context(), who, o.ID, nil, hold, "it is agreed"); err != nil {
		t.Fatal(err)
	}
	if h := w.order(a.OrderID).Holds[0]; h.Status != orders.HoldOverridden || h.ReleasedBy != who.Subject {
		t.Errorf("the hold is %+v", h)
	}
	w.until("the line has left too", func() bool {
		w.step()
		return w.order(a.OrderID).Status == orders.Completed
	})
}

// TestAHoldOfTheInvoice lets goods leave, and the ERP posts them when it ends.
func TestAHoldOfTheInvoice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{default: {holds: {PRICE_TOLERANCE: {blocks: [INVOICE]}}}}`)
	w.start()
	d := draft("C10001", line("SKU-1000", "2"))
	d.Lines[0].ExpectedUnitPrice = &trade.Money{Amount: trade.MustDecimal("0.01"), Currency: "USD"}
	a := w.place("invoice", d)
	w.until("it has left, and waits to be posted", func() bool {
		w.step()
		var tried int
		err := w.pool.QueryRow(t.Context(), `SELECT coalesce(max(attempts), 0) FROM effects WHERE kind = 'shipment.post'`).Scan(&tried)
		return err == nil && tried > 0 && w.order(a.OrderID).Lines[0].Shipped.String() == "2"
	})
	if o := w.order(a.OrderID); !o.Lines[0].Invoiced.IsZero() || len(o.ActiveHolds()) != 1 {
		t.Fatalf("%s are invoiced, holds %+v", o.Lines[0].Invoiced, o.Holds)
	}
	if _, err := w.orders.ReleaseHold(t.Context(), service(), a.OrderID, nil, w.order(a.OrderID).ActiveHolds()[0].ID, "it is agreed"); err != nil {
		t.Fatal(err)
	}
	w.until("it is invoiced", func() bool { return w.order(a.OrderID).Lines[0].Invoiced.String() == "2" })
}

// TestTheSameOrderTwice is held as a repeat, also when both arrive at once, and what a buyer is not to know is not told.
func TestTheSameOrderTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	d := draft("C10001", line("SKU-1000", "2"))
	answers := make(chan *orders.Answer, 2)
	for n := range 2 {
		go func() {
			a, err := w.orders.Place(t.Context(), buyer("C10001"), fmt.Sprint("twice", n), d)
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	got := map[orders.Decision]int{}
	for range 2 {
		if a := <-answers; a != nil {
			got[a.Decision]++
		}
	}
	if got[orders.DecisionAccepted] != 1 || got[orders.DecisionHeld] != 1 {
		t.Errorf("decisions %v", got)
	}
	g.rule(`{default: {marginFloor: "99"}}`)
	a := w.place("margin", draft("C10001", line("SKU-1000", "2")))
	const shown = `query($id: ID!) { order(id: $id) { findings { code message evidence } holds { code reason evidence scope } %s timeline { nodes { type } } } }`
	id := map[string]any{"id": scalar.GlobalID(scalar.TypeOrder, string(a.OrderID))}
	buyers, staff := g.query("C10001", fmt.Sprintf(shown, ""), id), g.query("operations", fmt.Sprintf(shown, "review { code evidence }"), id)
	if text := fmt.Sprint(buyers.Data); !strings.Contains(text, "REVIEW") || strings.Contains(text, "margin") || strings.Contains(text, "MARGIN") || strings.Contains(text, "cost") {
		t.Errorf("a buyer is shown %s, %v", text, buyers.Errors)
	}
	if text := fmt.Sprint(staff.Data); !strings.Contains(text, "MARGIN_BELOW_FLOOR") || !strings.Contains(text, "cost") {
		t.Errorf("staff is shown %s, %v", text, staff.Errors)
	}
}

// TestAPlanExplainsItself: why a node sends is kept with the order, and what would be sent now is told without a promise, also
// by other criteria; a node that has no room before the day that the goods are wanted on is left out.
func TestAPlanExplainsItself(t *testing.T) {
	t.Parallel()
	w := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		for i := range cfg.Nodes {
			switch n := &cfg.Nodes[i]; n.ID {
			case "DC-EAST":
				n.Calendar.PerDay, n.Cost, n.TimeZone = 2, "3", "UTC"
			case "DC-WEST":
				n.Cost, n.Near = "1", []string{"US-CA"}
			default:
				n.Cost = "9"
			}
		}
	})
	g := newGraph(t, w)
	today := trade.Date(time.Now().UTC().Format(time.DateOnly))
	wanted := func() orders.Draft {
		d := draft("C10001", line("SKU-1000", "2"))
		d.RequestedDate = today
		return d
	}
	nodes := map[trade.NodeID]int{}
	var last trade.OrderID
	for n := range 4 {
		a := w.place(fmt.Sprint("room", n), wanted())
		if len(a.Order.Lines[0].Allocations) != 1 {
			t.Fatalf("order %d is promised %+v: %+v", n, a.Order.Lines[0].Allocations, a.Findings)
		}
		nodes[a.Order.Lines[0].Allocations[0].Node]++
		last = a.OrderID
	}
	if nodes["DC-EAST"] != 2 || nodes["DC-WEST"] != 2 {
		t.Errorf("orders for today go to %v: the first has room for two", nodes)
	}
	const explained = `promises { line node quantity } score { nodes cost lateness } candidates { node ships items { sku free ageSeconds } } excluded { node line reason } runnersUp { nodes } heuristic criteria`
	got := g.query("operations", `query($id: ID!) { order(id: $id) { sourcing { `+explained+` } } }`, map[string]any{"id": scalar.GlobalID(scalar.TypeOrder, string(last))})
	is := at(got.Data, "order", "sourcing")
	if text := fmt.Sprint(at(is, "excluded")); !strings.Contains(text, "FULL_UNTIL_AFTER_WANTED") || fmt.Sprint(at(is, "score", "nodes")) != "[DC-WEST]" || at(is, "heuristic") != false {
		t.Errorf("the order explains %v, %v", is, got.Errors)
	}
	simulate := `query($i: SimulateSourcingInput!) { simulateSourcing(input: $i) { ` + explained + ` } }`
	input := map[string]any{"accountId": "C10001", "criteria": []string{"COST"}, "lines": []any{map[string]any{"sku": "SKU-1000", "quantity": map[string]any{"value": "2", "unit": "PCS"}}}}
	before := w.counted(last)
	got = g.query("operations", simulate, map[string]any{"i": input})
	if fmt.Sprint(at(got.Data, "simulateSourcing", "score", "nodes")) != "[DC-WEST]" {
		t.Errorf("by cost it would be %v, %v", at(got.Data, "simulateSourcing"), got.Errors)
	}
	if w.counted(last) != before {
		t.Error("a simulation changes what is counted")
	}
	if _, err := w.orders.Cancel(t.Context(), buyer("C10001"), last, nil, "no more"); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM node_loads`).Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d orders take room at the node, %v", rows, err)
	}
}
