package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/returns"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/sandbox"
	"crossdock/sources/sourcetest"
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
	part := w.place("rest", draft("C10001", line("SKU-1000", "2")))
	w.until("it is registered", func() bool { return len(w.order(part.OrderID).References) == 1 })
	if _, err := w.orders.Cancel(t.Context(), buyer("C10001"), part.OrderID, "enough"); err != nil {
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
	for name, run := range map[string]func(*testing.T, *world){
		"accounts": func(t *testing.T, w *world) {
			t.Helper()
			sourcetest.Test(t, sourcetest.Port[trade.AccountID, accounts.Account]{
				Ask: w.erp.Accounts, Known: []trade.AccountID{"C10000", "C10007"}, Unknown: sourcetest.Numbered[trade.AccountID]("NOBODY"),
				KeyOf: func(a accounts.Account) trade.AccountID { return a.ID }, Many: 120, Down: w.down("house"),
			})
		},
		"items": func(t *testing.T, w *world) {
			t.Helper()
			sourcetest.Test(t, sourcetest.Port[trade.SKU, catalog.Item]{
				Ask: w.erp.Items, Known: []trade.SKU{"SKU-1000", "SKU-1009"}, Unknown: sourcetest.Numbered[trade.SKU]("NO"),
				KeyOf: func(i catalog.Item) trade.SKU { return i.SKU }, Many: 220, Down: w.down("house"),
			})
		},
		"prices": func(t *testing.T, w *world) {
			t.Helper()
			key := func(account trade.AccountID, sku trade.SKU, q string) pricing.Key {
				return pricing.NewKey(account, sku, trade.Quantity{Value: trade.MustDecimal(q)}, "", "")
			}
			sourcetest.Test(t, sourcetest.Port[pricing.Key, pricing.Price]{
				Ask: w.erp.Prices, Known: []pricing.Key{key("C10000", "SKU-1000", "1"), key("C10000", "SKU-1000", "60"), key("C10001", "SKU-1000", "1")},
				Unknown: func(n int) pricing.Key { return key("C10000", sourcetest.Numbered[trade.SKU]("NO")(n), "1") },
				KeyOf:   func(p pricing.Price) pricing.Key { return p.Key }, Many: 220, Down: w.down("house"),
			})
		},
		"credit": func(t *testing.T, w *world) {
			t.Helper()
			sourcetest.Test(t, sourcetest.Port[trade.AccountID, finance.Credit]{
				Ask: w.erp.Credit, Known: []trade.AccountID{"C10000", "C10018"}, Unknown: sourcetest.Numbered[trade.AccountID]("NOBODY"),
				KeyOf: func(c finance.Credit) trade.AccountID { return c.Account }, Many: 120, Down: w.down("house"),
			})
		},
		"orders": func(t *testing.T, w *world) {
			t.Helper()
			sourcetest.TestCommand(t, sourcetest.Command[orders.Registration]{
				Do: func(ctx context.Context, key string) error {
					_, err := w.erp.Register(ctx, asked(key))
					return err
				},
				Find: w.erp.Registrations, Key: numbered("SO-T"), Unique: true, Copies: w.copies("erpOrders"), Lose: w.losing("house"), Down: w.down("house"),
			})
		},
		"memos": func(t *testing.T, w *world) {
			t.Helper()
			sourcetest.TestCommand(t, sourcetest.Command[finance.Document]{
				Do: func(ctx context.Context, key string) error {
					return w.erp.Issue(ctx, finance.CreditNote{Number: key, Account: "C10001", Currency: "USD", Lines: []finance.DocumentLine{
						{Number: 1, SKU: "SKU-1000", Quantity: trade.Quantity{Value: trade.MustDecimal("1"), Unit: "PCS"}, UnitPrice: trade.Money{Amount: trade.MustDecimal("9.5"), Currency: "USD"}},
					}})
				},
				Find: w.erp.CreditMemos, Key: numbered("R-T"), Unique: true, Copies: w.copies("creditMemos"), Lose: w.losing("house"), Down: w.down("house"),
			})
		},
		"item feed": func(t *testing.T, w *world) {
			t.Helper()
			n := 0
			sourcetest.TestFeed(t, sourcetest.Feed[catalog.Item]{
				Read: w.erp.ItemsSince, KeyOf: func(i catalog.Item) string { return string(i.SKU) }, Down: w.down("house"),
				Change: func() string {
					n++
					sku := []string{"", "SKU-1001", "SKU-1002"}[n]
					w.admin("POST", "/admin/erp/touch?number="+sku, "")
					return sku
				},
			})
		},
		"invoice feed": func(t *testing.T, w *world) {
			t.Helper()
			n := 0
			sourcetest.TestFeed(t, sourcetest.Feed[finance.Document]{
				Read: func(ctx context.Context, cursor string) (lookup.Page[finance.Document], error) {
					return w.erp.DocumentsSince(ctx, finance.Invoice, cursor)
				},
				KeyOf: func(d finance.Document) string { return d.TheirOrder }, Down: w.down("house"),
				Change: func() string {
					n++
					r, err := w.erp.Register(t.Context(), asked(numbered("SO-F")(n)))
					if err != nil {
						t.Fatal(err)
					}
					w.admin("POST", "/admin/erp/post?order="+r.TheirNumber, "")
					return r.TheirNumber
				},
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, newHouse(t))
		})
	}
}
