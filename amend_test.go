package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/graph/scalar"
)

// revise changes an order; without a version whichever there is by then.
func (w *world) revise(id trade.OrderID, c orders.Change) (*orders.Revised, error) {
	w.t.Helper()
	latest := c.Version == 0
	for {
		if latest {
			c.Version = w.order(id).Version
		}
		r, err := w.orders.Revise(w.t.Context(), buyer(w.order(id).Account), id, c, false)
		if latest && errors.As(err, new(*fault.VersionError)) {
			continue // its systems have told something of it meanwhile
		}
		return r, err
	}
}

// TestAnOrderIsAmendedBeforeItLeaves: a preview tells what would become of it and changes nothing, the amendment is decided like a
// new order, with its stock and credit counted once, and one that is turned down leaves the order as it was.
func TestAnOrderIsAmendedBeforeItLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	w.start()
	a := w.place("amend", draft("C10001", line("SKU-1003", "5"), line("SKU-1000", "2")))
	before := w.order(a.OrderID)
	if before.Status != orders.OnHold {
		t.Fatalf("the order is %s", before.Status)
	}
	const amend = `mutation($i: AmendOrderInput!) { amendOrder(input: $i) { dryRun order { status version lines { sku quantity { value } outcome } } changes { path from to } findings { code severity } errors { __typename code path message ... on ConflictError { currentVersion changedFields } } } }`
	input := map[string]any{"orderId": scalar.GlobalID(scalar.TypeOrder, string(a.OrderID)), "expectedVersion": before.Version, "dryRun": true, "lines": []any{map[string]any{"number": 1, "quantity": "1"}}, "add": []any{map[string]any{"sku": "SKU-1001", "quantity": map[string]any{"value": "3", "unit": "PCS"}}}}
	ask := func() any {
		t.Helper()
		got := g.query("C10001", amend, map[string]any{"i": input})
		if len(got.Errors) > 0 {
			t.Fatal(got.Errors)
		}
		return got.Data["amendOrder"]
	}
	preview := ask()
	changes := fmt.Sprint(at(preview, "changes"))
	for _, want := range []string{"lines.0.quantity", "lines.2.quantity", "holds", "total", "status", "from:ON_HOLD", "to:ACCEPTED"} {
		if !strings.Contains(changes, want) {
			t.Errorf("the preview lacks %s: %s", want, changes)
		}
	}
	if now := w.order(a.OrderID); now.Version != before.Version || len(now.Lines) != 2 {
		t.Errorf("a preview has changed the order: version %d, %d lines", now.Version, len(now.Lines))
	}
	input["dryRun"] = false
	input["add"] = []any{map[string]any{"sku": "NOPE", "quantity": map[string]any{"value": "3", "unit": "PCS"}}}
	if refused := ask(); at(refused, "order") != nil || !strings.Contains(fmt.Sprint(at(refused, "errors")), "ITEM_UNKNOWN") || w.order(a.OrderID).Version != before.Version {
		t.Errorf("an unknown item is answered %v", refused)
	}
	input["add"] = []any{map[string]any{"sku": "SKU-1001", "quantity": map[string]any{"value": "3", "unit": "PCS"}}}
	if done := ask(); at(done, "order", "status") != "ACCEPTED" {
		t.Fatalf("the amendment is answered %v", done)
	}
	if stale := ask(); !strings.Contains(fmt.Sprint(at(stale, "errors")), "ConflictError") || !strings.Contains(fmt.Sprint(at(stale, "errors")), "lines.0.quantity") {
		t.Errorf("an amendment of a version that is gone is answered %v", at(stale, "errors"))
	}
	w.until("all of it has left, once", func() bool {
		w.step()
		return w.order(a.OrderID).Status == orders.Completed
	})
	var got []string
	for _, l := range w.order(a.OrderID).Lines {
		got = append(got, fmt.Sprint(l.SKU, " ", l.Shipped))
	}
	if want := []string{"SKU-1003 1", "SKU-1000 2", "SKU-1001 3"}; !slices.Equal(got, want) {
		t.Errorf("%v have left, want %v", got, want)
	}
	if _, err := w.revise(a.OrderID, orders.Change{Lines: map[int]trade.Quantity{1: {Value: trade.MustDecimal("2")}}}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("an order that is done is changed: %v", err)
	}
}

// TestAnOrderOnItsWayIsOnlyLowered, as far as no node has it, and a line that is taken off is gone.
func TestAnOrderOnItsWayIsOnlyLowered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{default: {backorders: LINE}}`)
	w.start()
	a := w.place("way", draft("C10001", line("SKU-1003", "5"), line("SKU-1000", "2")))
	w.until("what there is is with its nodes, and the ERP has it", func() bool {
		o := w.order(a.OrderID)
		return o.Lines[0].Released.String() == "1" && o.Lines[1].Released.String() == "2" && len(o.References) == 1
	})
	lower := func(line int, to string) error {
		_, err := w.revise(a.OrderID, orders.Change{Lines: map[int]trade.Quantity{line: {Value: trade.MustDecimal(to)}}})
		return err
	}
	if err := lower(1, "6"); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "lowered from 5") {
		t.Errorf("raised: %v", err)
	}
	if err := lower(2, "1"); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "with a node already") {
		t.Errorf("lowered below what a node has: %v", err)
	}
	if err := lower(1, "3"); err != nil {
		t.Fatal(err)
	}
	if l := w.order(a.OrderID).Lines[0]; l.Cancelled.String() != "2" || l.Backordered.String() != "2" {
		t.Errorf("%s are cancelled and %s wait", l.Cancelled, l.Backordered)
	}
	w.until("the ERP has the lower quantity", func() bool {
		found, err := w.erp.Registrations(t.Context(), []string{w.order(a.OrderID).Number})
		return err == nil && len(found.Found[w.order(a.OrderID).Number].Lines) == 2 && found.Found[w.order(a.OrderID).Number].Lines[0].Quantity.Value.String() == "3"
	})
	held := w.place("gone", draft("C10001", line("SKU-1013", "100000"), line("SKU-1000", "2")))
	r, err := w.revise(held.OrderID, orders.Change{Lines: map[int]trade.Quantity{1: {}}})
	if err != nil || r.Order.Status != orders.Accepted || r.Order.Lines[0].Outcome != orders.LineDeleted || r.Order.Lines[1].Outcome != orders.LineAccepted {
		t.Fatalf("a line that is taken off: %+v, %v", r, err)
	}
	if _, err := w.revise(held.OrderID, orders.Change{Version: 1, Lines: map[int]trade.Quantity{2: {}}}); !errors.As(err, new(*fault.VersionError)) {
		t.Errorf("the first version is changed: %v", err)
	}
}

// TestWhatAPersonLetGoStaysSo while an amended order has not become dearer.
func TestWhatAPersonLetGoStaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// C10018 has 50 left of its limit of 1000. What is short keeps the order from leaving.
	a := w.place("dear", draft("C10018", line("SKU-1000", "20"), line("SKU-1003", "50")))
	code := func(o *orders.Order, status orders.HoldStatus) (out []string) {
		for _, h := range o.Holds {
			if h.Status == status {
				out = append(out, h.Code)
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	o := w.order(a.OrderID)
	for _, h := range o.ActiveHolds() {
		if h.Code == "CREDIT_LIMIT_EXCEEDED" {
			if _, err := w.orders.ReleaseHold(t.Context(), service(), o.ID, nil, h.ID, "they will pay"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		to, active string
	}{{"19", "[ATP_SHORT]"}, {"30", "[ATP_SHORT CREDIT_LIMIT_EXCEEDED]"}} {
		r, err := w.revise(a.OrderID, orders.Change{Lines: map[int]trade.Quantity{1: {Value: trade.MustDecimal(c.to)}}})
		if err != nil || fmt.Sprint(code(r.Order, orders.HoldActive)) != c.active {
			t.Fatalf("with %s: %v, %v, want %s", c.to, code(r.Order, orders.HoldActive), err, c.active)
		}
	}
	var rows, exposed int
	if err := w.pool.QueryRow(t.Context(), `SELECT count(*), (SELECT count(*) FROM exposures WHERE order_id = $1 AND amount = $2) FROM reservations WHERE order_id = $1`, a.OrderID, w.order(a.OrderID).Total.Amount).Scan(&rows, &exposed); err != nil || exposed != 1 {
		t.Errorf("%d exposures of the new amount, %d promises, %v", exposed, rows, err)
	}
}

// TestOrdersAreApproved on the buyer's side: tier by tier, by somebody else each time and not by whoever placed it, then decided
// again with the facts of that moment; one that is turned down keeps nothing.
func TestOrdersAreApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{default: {approvals: [{name: "big", above: "0", buyers: ["buyer@*"], tiers: 2}, {name: "never", above: "100000000"}]}}`)
	person := func(name string, scopes ...string) trade.Viewer {
		return trade.Viewer{Subject: name, Client: "test", Accounts: []trade.AccountID{"C10001"}, Scopes: scopes}
	}
	amy, ben, self := person("amy", "orders:approve"), person("ben", "orders:approve", "orders:approve:2"), buyer("C10001")
	self.Scopes = []string{"orders:approve"}
	decide := func(who trade.Viewer, id trade.OrderID, approve bool) error {
		t.Helper()
		_, err := w.orders.Decide(t.Context(), who, id, nil, approve, "a reason")
		return err
	}
	a := w.place("approve", draft("C10001", line("SKU-1000", "2")))
	if a.Decision != orders.DecisionPendingApproval || a.Order.Status != orders.PendingApproval || len(a.Order.ActiveHolds()) != 2 || a.Order.Lines[0].Allocated.String() != "2" {
		t.Fatalf("it is %s, %s with holds %+v", a.Decision, a.Order.Status, a.Order.Holds)
	}
	if _, err := w.orders.ReleaseHold(t.Context(), service(), a.OrderID, nil, a.Order.ActiveHolds()[0].ID, "a trick"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("an approval is released like a hold: %v", err)
	}
	for who, want := range map[string]struct {
		viewer trade.Viewer
		kind   fault.Kind
	}{"whoever placed it": {self, fault.Denied}, "a stranger": {trade.Viewer{Subject: "x", Accounts: []trade.AccountID{"C10002"}, Scopes: amy.Scopes}, fault.NotFound}, "somebody without the scope": {person("cy"), fault.Denied}} {
		if err := decide(want.viewer, a.OrderID, true); fault.KindOf(err) != want.kind {
			t.Errorf("%s decides: %v", who, err)
		}
	}
	if err := decide(ben, a.OrderID, true); err != nil {
		t.Fatal(err)
	}
	if err := decide(ben, a.OrderID, true); fault.KindOf(err) != fault.Denied {
		t.Errorf("one person decides in both tiers: %v", err)
	}
	if o := w.order(a.OrderID); o.Status != orders.PendingApproval {
		t.Errorf("after the first tier it is %s", o.Status)
	}
	w.admin("POST", "/admin/erp/block?customer=C10001&why=All", "")
	second := person("dee", "orders:approve:2")
	if err := decide(second, a.OrderID, true); err != nil {
		t.Fatal(err)
	}
	o := w.order(a.OrderID)
	if o.Status != orders.OnHold || len(o.ActiveHolds()) != 1 || o.ActiveHolds()[0].Code != "CUSTOMER_STOPPED" {
		t.Errorf("approved when the account is stopped it is %s with holds %+v", o.Status, o.ActiveHolds())
	}
	w.admin("POST", "/admin/erp/block?customer=C10001", "")
	b := w.place("decline", draft("C10001", line("SKU-1000", "2")))
	if err := decide(amy, b.OrderID, false); err != nil {
		t.Fatal(err)
	}
	if o := w.order(b.OrderID); o.Status != orders.Rejected || w.counted(o.ID) != 0 || !strings.Contains(o.CancelReason, "a reason") {
		t.Errorf("turned down it is %s, counted %d times: %s", o.Status, w.counted(o.ID), o.CancelReason)
	}
	w.admin("POST", "/admin/knobs", `{"outage":{"bc":true}}`)
	late := w.place("late", draft("C10001", line("SKU-1000", "2")))
	w.admin("POST", "/admin/knobs", `{"outage":{"bc":false}}`)
	w.until("what it is worth is known, and it waits for its approval", func() bool {
		if _, err := w.orders.Reevaluate(t.Context(), late.OrderID); err != nil {
			t.Fatal(err)
		}
		return w.order(late.OrderID).Status != orders.OnHold
	})
	if o := w.order(late.OrderID); o.Status != orders.PendingApproval {
		t.Errorf("an order that was worth nothing while the ERP was down is %s with holds %+v", o.Status, o.Holds)
	}
	if _, err := w.revise(late.OrderID, orders.Change{Lines: map[int]trade.Quantity{1: {Value: trade.MustDecimal("1")}}}); err != nil {
		t.Fatal(err)
	}
	mine := buyer("C10001")
	mine.Scopes = []string{"orders:approve"}
	if err := decide(mine, late.OrderID, true); fault.KindOf(err) != fault.Denied {
		t.Errorf("whoever changed it approves it: %v", err)
	}
	c := w.place("through", draft("C10001", line("SKU-1000", "2")))
	for _, who := range []trade.Viewer{amy, second} {
		if err := decide(who, c.OrderID, true); err != nil {
			t.Fatal(err)
		}
	}
	if o := w.order(c.OrderID); o.Status != orders.Accepted || o.Decision != orders.DecisionAccepted {
		t.Errorf("approved it is %s, %s", o.Status, o.Decision)
	}
}

// TestAnOrderThatWaitsTooLong lets its stock go, for others to have, and gets what there is when it goes on.
func TestAnOrderThatWaitsTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.place("long", draft("C10019", line("SKU-1003", "1"))) // held for an overdue balance, with the last one
	if l := w.order(a.OrderID).Lines[0]; l.Allocated.String() != "1" {
		t.Fatalf("%s are promised", l.Allocated)
	}
	lapse := func() *orders.Order {
		t.Helper()
		if err := w.orders.Lapse(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		return w.order(a.OrderID)
	}
	if o := lapse(); o.Lapsed || o.Lines[0].Allocated.String() != "1" {
		t.Errorf("before its review it keeps %s", o.Lines[0].Allocated)
	}
	if _, err := w.pool.Exec(t.Context(), `UPDATE orders SET doc = jsonb_set(doc::jsonb, '{holds,0,reviewAt}', '"2020-01-01T00:00:00Z"'), review_at = '2020-01-01' WHERE id = $1`, a.OrderID); err != nil {
		t.Fatal(err)
	}
	if o := lapse(); !o.Lapsed || o.Status != orders.OnHold || !o.Lines[0].Allocated.IsZero() || o.Lines[0].Backordered.String() != "1" {
		t.Errorf("after its review it is %s and keeps %s", o.Status, o.Lines[0].Allocated)
	}
	version := w.order(a.OrderID).Version
	if _, err := w.orders.Reevaluate(t.Context(), a.OrderID); err != nil {
		t.Fatal(err)
	}
	if o := w.order(a.OrderID); o.Version != version || !o.Lines[0].Allocated.IsZero() {
		t.Errorf("looked at again it is version %d of %d and keeps %s", o.Version, version, o.Lines[0].Allocated)
	}
	b := w.place("other", draft("C10001", line("SKU-1003", "1")))
	if b.Decision != orders.DecisionAccepted {
		t.Errorf("another order for it is %s", b.Decision)
	}
	if _, err := w.orders.Cancel(t.Context(), buyer("C10001"), b.OrderID, nil, "after all"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.orders.ReleaseHold(t.Context(), service(), a.OrderID, nil, w.order(a.OrderID).ActiveHolds()[0].ID, "they have paid"); err != nil {
		t.Fatal(err)
	}
	w.until("it has what there is", func() bool {
		if _, err := w.orders.Reevaluate(t.Context(), a.OrderID); err != nil {
			t.Fatal(err)
		}
		o := w.order(a.OrderID)
		return !o.Lapsed && o.Status == orders.Accepted && o.Lines[0].Allocated.String() == "1"
	})
}

// TestAnItemIsReplacedInTheERP: the line is not sent as it was, nor is the other item taken for more of it; a person is told.
func TestAnItemIsReplacedInTheERP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/knobs", `{"outage":{"wms":true}}`) // its work stays here
	a := w.place("replace", draft("C10001", line("SKU-1000", "8"), line("SKU-1001", "2")))
	number := w.order(a.OrderID).Number
	w.until("the ERP has it", func() bool {
		for _, l := range w.order(a.OrderID).Lines {
			if l.Registered == nil {
				return false
			}
		}
		return true
	})
	w.admin("POST", "/admin/erp/edit?order="+number+"&line=1&quantity=30&sku=SKU-1002", "")
	told := func() string {
		list, _, err := w.operations.List(t.Context(), service(), operations.Open, 10, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.Code == "AMENDED_WITH_ANOTHER_ITEM" {
				return e.Title
			}
		}
		return ""
	}
	w.until("a person is told", func() bool { return strings.Contains(told(), number) })
	if l := w.order(a.OrderID).Lines[0]; l.Quantity.Value.String() != "8" || !l.Raised.IsZero() {
		t.Errorf("the line is for %s, raised by %s", l.Quantity, l.Raised)
	}
}
