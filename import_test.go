package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

const importing = `mutation($i: ImportOrdersInput!) { importOrders(input: $i) { import { id status total waiting accepted held rejected skipped note } errors { __typename code path message } } }`

const imported = `query($id: ID!) { orderImport(id: $id) { status total waiting accepted held rejected skipped note rows(first: 500) { nodes { number line key outcome decision order { number channel } problems { code path message } } pageInfo { hasNextPage } } } }`

// bring imports a file as who, and waits until it is done.
func (g *graph) bring(who, key, format, policy, data string) any {
	g.t.Helper()
	got := g.query(who, importing, map[string]any{"i": map[string]any{"idempotencyKey": key, "format": format, "rowPolicy": policy, "data": data}})
	id, ok := at(got.Data, "importOrders", "import", "id").(string)
	if !ok {
		return at(got.Data, "importOrders", "errors")
	}
	var is any
	g.until("the import is done", func() bool {
		got := g.query(who, imported, map[string]any{"id": id})
		is = got.Data["orderImport"]
		status := at(is, "status")
		return status == "DONE" || status == "REFUSED" || status == "CANCELLED"
	})
	return is
}

func summary(i any) string {
	return fmt.Sprint(at(i, "status"), " ", at(i, "accepted"), " accepted ", at(i, "held"), " held ", at(i, "rejected"), " rejected ", at(i, "skipped"), " skipped")
}

// TestAFileOfOrders is placed in the background, each order with its outcome, by the policy for those that are turned down, in
// either format; a repeat brings the same import, and what is not a file says where.
func TestAFileOfOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	w.start()
	file := strings.Join([]string{
		"order;account;poNumber;sku;quantity;unit",
		"A;C10001;IMP-1;SKU-1000;2;PCS", "A;C10001;IMP-1;SKU-1001;1;PCS", // two lines of one order
		"B;C10002;IMP-2;SKU-1000;1;PCS", "B;C10002;IMP-2;NOPE;1;PCS", // a line that nobody knows
		"C;C10003;IMP-3;SKU-1003;99;PCS",   // short
		"D;C10004;IMP-4;SKU-1000;many;PCS", // no quantity
		"E;C10005;IMP-5;SKU-1000;1;PCS",
	}, "\n")
	for policy, want := range map[string]string{
		"REJECT_ALL":        "REFUSED 0 accepted 0 held 2 rejected 3 skipped",
		"REJECT_BAD_ORDERS": "DONE 2 accepted 1 held 2 rejected 0 skipped",
	} {
		i := g.bring("service", policy, "CSV", policy, file)
		if summary(i) != want {
			t.Errorf("%s: %s, want %s: %v", policy, summary(i), want, i)
		}
	}
	jsonl := `{"order":"F","account":"C10006","poNumber":"IMP-6","lines":[{"sku":"SKU-1000","quantity":"1"},{"sku":"NOPE","quantity":"1"}]}
		{"order":"G","account":"C10007","lines":[{"sku":"SKU-1000","quantity":1,"colour":"red"}]}
		{"order":"F","account":"C10008","lines":[{"sku":"SKU-1000","quantity":"1"}]}`
	i := g.bring("service", "possible", "JSONL", "SAVE_POSSIBLE", jsonl)
	if summary(i) != "DONE 1 accepted 0 held 2 rejected 0 skipped" {
		t.Errorf("SAVE_POSSIBLE: %s", summary(i))
	}
	text := fmt.Sprint(at(i, "rows", "nodes"))
	for _, want := range []string{"PARTIALLY_ACCEPTED", "channel:FILE", "ITEM_UNKNOWN", "lines.1.sku", `unknown field "colour"`, "DUPLICATE_ORDER", "line:3"} {
		if !strings.Contains(text, want) {
			t.Errorf("the rows lack %s: %s", want, text)
		}
	}
	again := g.query("service", importing, map[string]any{"i": map[string]any{"idempotencyKey": "possible", "format": "JSONL", "rowPolicy": "SAVE_POSSIBLE", "data": jsonl}})
	if at(again.Data, "importOrders", "import", "status") != "DONE" {
		t.Errorf("a repeat is answered %v", again.Data)
	}
	if errs := fmt.Sprint(g.bring("service", "possible", "JSONL", "SAVE_POSSIBLE", jsonl+"\n")); !strings.Contains(errs, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH") {
		t.Errorf("another file under the same key is answered %s", errs)
	}
	for data, want := range map[string]string{"": "no heading", "account,sku,amount\n": `no column "amount"`, "account,sku\n": `"quantity" is missing`, "account,sku,quantity\n": "no orders"} {
		if errs := fmt.Sprint(g.bring("service", "bad"+data, "CSV", "SAVE_POSSIBLE", data)); !strings.Contains(errs, want) {
			t.Errorf("%q is answered %s, want %s", data, errs, want)
		}
	}
	// A buyer's file is placed with the buyer's rights.
	i = g.bring("C10001", "mine", "CSV", "SAVE_POSSIBLE", "account,sku,quantity\nC10001,SKU-1000,1\nC10002,SKU-1000,1\n")
	if summary(i) != "DONE 1 accepted 0 held 1 rejected 0 skipped" || !strings.Contains(fmt.Sprint(i), "FORBIDDEN") {
		t.Errorf("a buyer's file: %s, %v", summary(i), i)
	}
}

// TestAnImportOutlivesItsProcess: another process goes on with it, and every order is placed once.
func TestAnImportOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var file strings.Builder
	file.WriteString("order,account,sku,quantity,poNumber\n")
	const many = 150
	for n := range many {
		fmt.Fprintf(&file, "O%d,C1000%d,SKU-1000,1,IMP-%d\n", n, n%10, n)
	}
	i, err := w.imports.Start(t.Context(), service(), "many", "CSV", "REJECT_BAD_ORDERS", file.String())
	if err != nil {
		t.Fatal(err)
	}
	placed := func() (n int) {
		if err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM orders WHERE channel = 'FILE'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.imports.Run(ctx) }()
	w.until("some are placed", func() bool { return placed() > 20 })
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if placed() == many {
		t.Fatal("all were placed before the process ended: the test shows nothing")
	}
	w = w.restarted()
	w.background(w.imports.Run)
	w.until("the import is done", func() bool {
		is, err := w.imports.Import(t.Context(), service(), i.ID)
		return err == nil && is.Status == "DONE" && is.Waiting() == 0
	})
	is, err := w.imports.Import(t.Context(), service(), i.ID)
	if err != nil || placed() != many || is.Accepted() != many {
		t.Errorf("%d orders of %d, %d accepted, %v", placed(), many, is.Accepted(), err)
	}
	list, err := w.orders.List(t.Context(), service(), orders.Filter{PONumber: "IMP-7", Accounts: []trade.AccountID{"C10007"}}, orders.Paging{})
	if err != nil || list.Total != 1 || list.Orders[0].ChannelRef != "8" {
		t.Errorf("%+v, %v", list, err)
	}
}
