package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
	"crossdock/sandbox"
	"crossdock/sandbox/exports"
)

// counting is a report that counts rows by chapter, and may end the backfill.
type counting struct {
	rows map[string]int
	stop func(rows int)
}

func (c *counting) report(_, name string, _ bool) progress { return counted{c, name} }

type counted struct {
	*counting
	name string
}

func (c counted) add(read, _ int) {
	c.rows[c.name] += read
	if c.stop != nil {
		c.stop(c.rows[c.name])
	}
}

func (counted) done() {}

// TestBackfillGoesOnWhereItStopped loads some hundreds of invoices in two attempts, and a third
// that finds nothing new.
func TestBackfillGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	w := worldOf(t, sandbox.Seeded(5, sandbox.Size{Customers: 300, Items: 40}))
	invoices := w.admin("GET", "/admin/truth", "")["invoices"].(map[string]any)
	if len(invoices) < 400 {
		t.Fatalf("%d invoiced orders are too few to stop in between", len(invoices))
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := &counting{rows: map[string]int{}}
	first.stop = func(rows int) {
		if rows > 0 && first.rows["invoices"] == rows {
			cancel()
		}
	}
	if err := w.backfill(ctx, nil, first.report); !errors.Is(err, context.Canceled) {
		t.Fatalf("the first attempt ended with %v", err)
	}
	second := &counting{rows: map[string]int{}}
	if err := w.backfill(t.Context(), nil, second.report); err != nil {
		t.Fatal(err)
	}
	if got := first.rows["invoices"] + second.rows["invoices"]; first.rows["invoices"] == 0 || second.rows["invoices"] == 0 || got < len(invoices) || got > len(invoices)+first.rows["invoices"] {
		t.Errorf("%d and then %d of %d invoices were read", first.rows["invoices"], second.rows["invoices"], len(invoices))
	}
	third := &counting{rows: map[string]int{}}
	if err := w.backfill(t.Context(), []string{"erp"}, third.report); err != nil || third.rows["invoices"] != 0 {
		t.Errorf("a third attempt read %v, %v", third.rows, err)
	}
	var orderCount, docs, dangling, uneven int
	if err := w.pool.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM orders WHERE status = 'COMPLETED'), (SELECT count(*) FROM finance_documents), (SELECT count(*) FROM finance_documents WHERE order_id IS NULL),
		       (SELECT count(*) FROM orders, json_array_elements(doc->'lines') l WHERE status = 'COMPLETED' AND (l->>'invoiced' IS DISTINCT FROM l->'quantity'->>'value' OR l->>'shipped' IS DISTINCT FROM l->'quantity'->>'value'))`).
		Scan(&orderCount, &docs, &dangling, &uneven); err != nil {
		t.Fatal(err)
	}
	if orderCount != len(invoices) || docs != len(invoices) || dangling != 0 || uneven != 0 {
		t.Errorf("%d orders, %d documents (%d of no order), %d lines not invoiced as shipped; the ERP has invoiced %d orders", orderCount, docs, dangling, uneven, len(invoices))
	}
	var pending int
	if err := w.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM effects) + (SELECT count(*) FROM reservations) + (SELECT count(*) FROM exposures) + (SELECT count(*) FROM fulfillment_orders)`).Scan(&pending); err != nil || pending != 0 {
		t.Errorf("history left %d things to do or to count, %v", pending, err)
	}
}

// TestTheHistoryOfExportsIsWhole compares orders with the files that they came from.
func TestTheHistoryOfExportsIsWhole(t *testing.T) {
	t.Parallel()
	b, err := exports.Read("docs/examples/exports")
	if err != nil {
		t.Fatal(err)
	}
	w := worldOf(t, sandbox.Loaded(b))
	if err := w.backfill(t.Context(), nil, (&counting{rows: map[string]int{}}).report); err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, o := range b.Orders {
		numbers = append(numbers, o.Number)
	}
	known, err := w.orders.ByReference(t.Context(), service(), "erp", numbers)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range b.Orders {
		o := known[want.Number]
		if o == nil {
			t.Errorf("order %s is missing", want.Number)
			continue
		}
		if string(o.Account) != want.Account || o.PONumber != want.PONumber || len(o.Lines) != len(want.Lines) {
			t.Errorf("order %s is %+v", want.Number, o)
			continue
		}
		for i, l := range want.Lines {
			got := o.Lines[i]
			if string(got.SKU) != l.SKU || !got.Quantity.Value.Equal(l.Quantity) || !got.Shipped.Equal(l.Shipped) || !got.Invoiced.Equal(l.Shipped) || !got.UnitPrice.Amount.Equal(l.Price) {
				t.Errorf("order %s line %d: %s %s at %s, shipped %s, invoiced %s; the file has %+v", want.Number, i+1, got.Quantity.Value, got.SKU, got.UnitPrice, got.Shipped, got.Invoiced, l)
			}
		}
	}
}

// TestAStorefrontsPastIsHistory loads what a shop has finished with, and only that; what is placed
// from now on goes through intake.
func TestAStorefrontsPastIsHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 60 {
		w.admin("POST", "/admin/shop/orders", fmt.Sprintf(`{"po":"OLD-%d","daysAgo":%d,"fulfilled":%t,"lines":[{"sku":"SKU-1000","quantity":2}]}`, n, 90-n, n != 7))
	}
	w.start()
	load := func() int {
		c := &counting{rows: map[string]int{}}
		if err := w.backfill(t.Context(), []string{"webshop"}, c.report); err != nil {
			t.Fatal(err)
		}
		return c.rows["finished orders"]
	}
	if n := load(); n != 59 {
		t.Errorf("%d finished orders were loaded, not 59", n)
	}
	if n := load(); n != 0 {
		t.Errorf("a second backfill loaded %d", n)
	}
	list, err := w.orders.List(t.Context(), service(), orders.Filter{Accounts: []trade.AccountID{"C10003"}}, orders.Paging{})
	if err != nil || list.Total != 59 {
		t.Fatalf("%d orders, %v", list.Total, err)
	}
	for _, o := range list.Orders {
		if o.Channel != orders.Storefront || !o.History || o.Status != orders.Completed {
			t.Errorf("order %s of the past is %s, history %t", o.ChannelRef, o.Status, o.History)
		}
	}
	// The one that is still open changes: it stays whose it is.
	for _, raw := range w.admin("GET", "/admin/shop/orders", "")["orders"].([]any) {
		w.admin("POST", "/admin/shop/touch?id="+raw.(map[string]any)["id"].(string), "")
	}
	w.admin("POST", "/admin/shop/orders", `{"po":"NEW","lines":[{"sku":"SKU-1000","quantity":2}]}`)
	w.until("a new order goes through intake", func() bool {
		list, err := w.orders.List(t.Context(), service(), orders.Filter{PONumber: "NEW"}, orders.Paging{})
		return err == nil && len(list.Orders) == 1 && !list.Orders[0].History
	})
	if list, err = w.orders.List(t.Context(), service(), orders.Filter{Accounts: []trade.AccountID{"C10003"}}, orders.Paging{}); err != nil || list.Total != 60 {
		t.Errorf("%d orders after all of them changed, %v", list.Total, err)
	}
}

// TestAnOrderIsFollowedWhileItIsTyped: the header first, then lines, then one taken off and put on again.
func TestAnOrderIsFollowedWhileItIsTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Now()
	adopt := func(account trade.AccountID, lines ...orders.RegisteredLine) *orders.Order {
		at = at.Add(time.Second)
		r := orders.Registration{Ref: "id-1", TheirNumber: "S-1", Source: "erp", Account: account, PONumber: "PO-7", Currency: "USD", PlacedAt: at, ModifiedAt: at, Lines: lines}
		if _, err := w.orders.Adopt(t.Context(), orders.ERP, r); err != nil {
			t.Fatal(err)
		}
		known, err := w.orders.ByReference(t.Context(), service(), "erp", []string{"S-1"})
		if err != nil || known["S-1"] == nil {
			t.Fatalf("%v %v", known, err)
		}
		return known["S-1"]
	}
	five := orders.RegisteredLine{SKU: "SKU-1000", Quantity: trade.Quantity{Value: trade.MustDecimal("5"), Unit: "PCS"}, Shipped: trade.MustDecimal("2")}
	for i, c := range []struct {
		account trade.AccountID
		lines   []orders.RegisteredLine
		status  orders.Status
	}{{"", nil, orders.Accepted}, {"C10001", nil, orders.Accepted}, {"C10001", []orders.RegisteredLine{five}, orders.InFulfillment}, {"C10001", []orders.RegisteredLine{five}, orders.InFulfillment}} {
		if o := adopt(c.account, c.lines...); o.Status != c.status || o.Account != c.account {
			t.Errorf("step %d: the order of %q is %s", i, o.Account, o.Status)
		}
	}
	list, err := w.orders.List(t.Context(), buyer("C10001"), orders.Filter{PONumber: "PO-7"}, orders.Paging{})
	if err != nil || len(list.Orders) != 1 {
		t.Errorf("its buyer sees %d orders, %v", len(list.Orders), err)
	}
	if _, err := w.orders.Cancel(t.Context(), buyer("C10001"), list.Orders[0].ID, nil, "no"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("an order that the ERP works on is cancelled: %v", err)
	}
}

// TestAnOlderDocumentTellsNothing of what is still to pay.
func TestAnOlderDocumentTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now()
	observe := func(remaining string, at time.Time) bool {
		var fresh bool
		if err := postgres.InTx(t.Context(), w.pool, func(tx postgres.Tx) (err error) {
			fresh, err = w.finance.Observe(t.Context(), tx, finance.Document{Kind: finance.Invoice, Source: "erp", Number: "I-1", Account: "C10001", PostedOn: "2026-01-01", Remaining: trade.Money{Amount: trade.MustDecimal(remaining), Currency: "USD"}, ModifiedAt: at})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return fresh
	}
	if !observe("100", now) || observe("0", now.Add(time.Minute)) || observe("100", now) {
		t.Error("one document is new more than once, or never")
	}
	list, _, err := w.finance.Invoices(t.Context(), buyer("C10001"), "C10001", false, 10, "")
	if err != nil || len(list) != 1 || !list[0].Remaining.Amount.IsZero() {
		t.Errorf("the invoice is %+v, %v", list, err)
	}
}

// TestAnOrderTypedIntoTheERPIsFollowed to its last invoice, although the ERP deletes it then.
func TestAnOrderTypedIntoTheERPIsFollowed(t *testing.T) {
	t.Parallel()
	b, err := exports.Read("docs/examples/exports")
	if err != nil {
		t.Fatal(err)
	}
	w := worldOf(t, sandbox.Loaded(b))
	w.start()
	find := func() *orders.Order {
		known, err := w.orders.ByReference(t.Context(), service(), "erp", []string{"SO104263"})
		if err != nil {
			t.Fatal(err)
		}
		return known["SO104263"]
	}
	w.until("it is known", func() bool { return find() != nil })
	w.admin("POST", "/admin/erp/post?order=SO104263&quantity=1", "")
	w.until("its first unit is invoiced", func() bool {
		return find().Lines[0].Invoiced.String() == "1" && find().Lines[0].Shipped.String() == "1"
	})
	w.admin("POST", "/admin/erp/post?order=SO104263", "")
	w.until("it is completed", func() bool {
		o := find()
		for _, l := range o.Lines {
			if !l.Invoiced.Equal(l.Quantity.Value) {
				return false
			}
		}
		return o.Status == orders.Completed
	})
	docs, err := w.finance.ByOrder(t.Context(), service(), []trade.OrderID{find().ID})
	if err != nil || len(docs[find().ID]) != 2 {
		t.Errorf("invoices %v, %v", docs, err)
	}
}

// TestOpenInvoicesAreTheBalance adds up what the graph shows an account that it owes, and has one of
// them paid.
func TestOpenInvoicesAreTheBalance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.backfill(t.Context(), nil, unseen); err != nil {
		t.Fatal(err)
	}
	g := newGraph(t, w)
	owed := func() (balance, open trade.Decimal, n int) {
		got := g.query("C10001", `{ account(id: "C10001") { credit { balance { amount } } invoices(open: true, first: 100) { nodes { number remaining { amount } } pageInfo { hasNextPage } } } }`, nil)
		if len(got.Errors) > 0 {
			t.Fatal(got.Errors)
		}
		account := got.Data["account"].(map[string]any)
		for _, i := range account["invoices"].(map[string]any)["nodes"].([]any) {
			open = trade.Sum(open, trade.MustDecimal(i.(map[string]any)["remaining"].(map[string]any)["amount"].(string)))
			n++
		}
		return trade.MustDecimal(account["credit"].(map[string]any)["balance"].(map[string]any)["amount"].(string)), open, n
	}
	balance, open, n := owed()
	if n == 0 || !balance.Equal(open) {
		t.Fatalf("%d open invoices of %s make a balance of %s", n, open, balance)
	}
	w.start()
	w.until("the feed of documents has begun", func() bool {
		cursor, err := w.cursors.Load(t.Context(), "erp", "posted invoices")
		return err == nil && cursor != ""
	})
	w.admin("POST", "/admin/erp/pay?customer=C10001", "")
	w.until("the paid invoice is no longer open", func() bool {
		balance, open, left := owed()
		return left == n-1 && balance.Equal(open)
	})
	all := g.query("C10001", `{ account(id: "C10001") { invoices(first: 1) { nodes { number } pageInfo { hasNextPage endCursor } } } }`, nil)
	page := all.Data["account"].(map[string]any)["invoices"].(map[string]any)
	rest := g.query("C10001", `query($a: Cursor) { account(id: "C10001") { invoices(first: 100, after: $a) { nodes { number } } } }`, map[string]any{"a": page["pageInfo"].(map[string]any)["endCursor"]})
	if nodes := rest.Data["account"].(map[string]any)["invoices"].(map[string]any)["nodes"].([]any); page["pageInfo"].(map[string]any)["hasNextPage"] != (len(nodes) > 0) {
		t.Errorf("behind the first page are %d invoices; it says %v", len(nodes), page["pageInfo"])
	}
}
