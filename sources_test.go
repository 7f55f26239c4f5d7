package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/sources/erp/businesscentral"
	"crossdock/sources/sourcetest"
	"crossdock/sources/threepl/shipbob"
)

// down takes a system of the sandbox out until up is called.
func (w *world) down(system string) func() (up func()) {
	return func() func() {
		w.admin("POST", "/admin/knobs", `{"outage":{"`+system+`":true}}`)
		return func() { w.admin("POST", "/admin/knobs", `{"outage":{"`+system+`":false}}`) }
	}
}

// testERP runs the suite of an ERP against the world's, which the sandbox calls by the name.
func (w *world) testERP(system string, unique bool) {
	sourcetest.TestERP(w.t, sourcetest.ERP{
		SystemOfRecord: w.erp, Accounts: []trade.AccountID{"C10000", "C10001"}, Items: []trade.SKU{"SKU-1000", "SKU-1001"}, Unit: "PCS", BreakAt: "60",
		Ruled: []trade.SKU{"SKU-1000", "SKU-1007"}, Many: 120, UniqueOrders: unique, UniqueMemos: unique, Orders: w.copies("erpOrders"), Memos: w.copies("creditMemos"),
		TouchAccount: w.touched("C", 10000), TouchItem: w.touched("SKU-", 1000),
		PostAll: func(theirs string) { w.admin("POST", "/admin/erp/post?order="+theirs, "") },
		Lose:    w.losing(system), Down: w.down(system),
	})
}

// touched changes master data of the ERP by its numbers.
func (w *world) touched(prefix string, first int) func(n int) string {
	return func(n int) string {
		number := fmt.Sprint(prefix, first+n)
		w.admin("POST", "/admin/erp/touch?number="+number, "")
		return number
	}
}

func TestBusinessCentralPassesTheSuiteOfAnERP(t *testing.T) {
	t.Parallel()
	newWorld(t).testERP("bc", false)
}

func TestSharedQuestionsPassTheSuite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sourcetest.Test(t, sourcetest.Port[trade.SKU, *catalog.Item]{
		Ask: sourcetest.ByKey(lookup.Share(w.erp.Items).Ask), Known: []trade.SKU{"SKU-1000", "SKU-1009"}, Unknown: sourcetest.Numbered[trade.SKU]("NOTHING"),
		KeyOf: func(i *catalog.Item) trade.SKU { return i.SKU }, Many: 60, Down: w.down("bc"),
	})
}

// TestPricesOfTwoAccountsAtOnceAreNeverMixed has buyers of two accounts ask through the graph at the
// same time, sharing what is on its way, and compares each price with the one asked for alone.
func TestPricesOfTwoAccountsAtOnceAreNeverMixed(t *testing.T) {
	t.Parallel()
	g := newGraph(t, newWorld(t))
	const query = `query($q: [PriceQuoteLine!]!) { priceQuote(lines: $q) { sku price { unitPrice { amount } } } }`
	ask := func(account trade.AccountID, from int) string {
		var lines []any
		for n := range 8 {
			lines = append(lines, map[string]any{"sku": fmt.Sprint("SKU-", 1000+10*((from+n)%5)), "quantity": map[string]any{"value": fmt.Sprint(1 + 59*(n%2))}})
		}
		got := g.query(string(account), query, map[string]any{"q": lines})
		if len(got.Errors) > 0 {
			t.Errorf("%s: %v", account, got.Errors)
		}
		return fmt.Sprint(got.Data["priceQuote"])
	}
	accounts := []trade.AccountID{"C10001", "C10002"}
	alone := map[trade.AccountID][]string{}
	for _, a := range accounts {
		for from := range 5 {
			alone[a] = append(alone[a], ask(a, from))
		}
	}
	if alone[accounts[0]][0] == alone[accounts[1]][0] {
		t.Fatal("both accounts have the same prices: the test shows nothing")
	}
	g.admin("POST", "/admin/knobs", `{"latency":{"bc":"20ms"}}`)
	before := g.erp.Transport().Calls()
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			a, from := accounts[n%2], n%5
			if got := ask(a, from); got != alone[a][from] {
				t.Errorf("%s alone is answered %s, among others %s", a, alone[a][from], got)
			}
		})
	}
	wg.Wait()
	if calls := g.erp.Transport().Calls() - before; calls > 40 {
		t.Errorf("60 pages of two accounts made %d calls: little was shared", calls)
	}
}

// losing makes a system's replies get lost after their effect.
func (w *world) losing(system string) func() (undo func()) {
	return func() func() {
		w.admin("POST", "/admin/knobs", `{"chances":{"lost:`+system+`":1}}`)
		return func() { w.admin("POST", "/admin/knobs", `{"chances":{"lost:`+system+`":0}}`) }
	}
}

// copies counts what the sandbox really has.
func (w *world) copies(what string) func(key string) int {
	return func(key string) int {
		n, _ := w.admin("GET", "/admin/truth", "")[what].(map[string]any)[key].(float64)
		return int(n)
	}
}

func numbered(prefix string) func(int) string { return sourcetest.Numbered[string](prefix) }

func toColumbus() trade.Address {
	return trade.Address{Name: "Ada", Line1: "1 Main St", City: "Columbus", Region: "OH", PostalCode: "43085", Country: "US"}
}

// The systems that work at nodes.
func TestNodesPassTheirSuite(t *testing.T) {
	t.Parallel()
	for source, c := range map[string]struct {
		system string
		node   trade.NodeID
	}{"threepl": {"shipbob", "21"}, "wms": {"wms", "EAST"}} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			system, ok := w.systems[source].(sourcetest.Warehouse)
			if !ok {
				t.Fatalf("%s has no stock", source)
			}
			if bob, ok := system.(*shipbob.Client); ok {
				if err := bob.Learn(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			sourcetest.TestNode(t, sourcetest.Node{
				Warehouse: system, Node: c.node, Items: []trade.SKU{"SKU-1000", "SKU-1001"}, Unit: "PCS", Many: 250,
				Works: w.copies("works"), Returns: w.copies("returns"), Lose: w.losing(c.system), Down: w.down(c.system),
			})
		})
	}
}

// The storefronts: Shopify, and a shop by configuration.
func TestStorefrontsPassTheirSuite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		world   func(*testing.T) *world
		system  string
		unknown string
	}{"shopify": {newWorld, "shopify", "gid://shopify/Order/%d"}, "by configuration": {newHouse, "house", "NEVER-%d"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := c.world(t)
			w.admin("POST", "/admin/shop/budget?points=1000000", "") // the suite has not the patience that jobs have
			n := 0
			sourcetest.TestShop(t, sourcetest.Shop{
				Storefront: w.shops["webshop"], Item: "SKU-1000", Number: "SO-T", Many: 20, Lose: w.losing(c.system), Down: w.down(c.system), Until: w.until,
				Unknown: func(n int) string { return fmt.Sprintf(c.unknown, n) },
				Buy: func(finished bool) string {
					n++
					return w.admin("POST", "/admin/shop/orders", fmt.Sprintf(`{"po":"T-%d","fulfilled":%t,"lines":[{"sku":"SKU-1000","quantity":3}]}`, n, finished))["id"].(string)
				},
				Shows: func(ref string) sourcetest.Shown {
					state := w.admin("GET", "/admin/shop/orders", "")
					for _, o := range state["orders"].([]any) {
						if o := o.(map[string]any); o["id"] == ref {
							shown := sourcetest.Shown{Told: len(o["tags"].([]any)), ForSale: state["stock"].(map[string]any)["SKU-1000"].(string)}
							for _, p := range o["tracking"].([]any) {
								shown.Parcels = append(shown.Parcels, p.(map[string]any)["Number"].(string))
							}
							return shown
						}
					}
					return sourcetest.Shown{}
				},
			})
		})
	}
}

// TestWithoutTheExtensionItsPortsAreUnsupported and the others work.
func TestWithoutTheExtensionItsPortsAreUnsupported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, err := businesscentral.New("erp", w.box.URL+"/bc", businesscentral.Config{Company: w.said.Company, ClientID: "crossdock", ClientSecret: "sandbox-secret", TokenURL: "/oauth2/v2.0/token", Extension: "/api/nobody/nothing/v1.0"})
	if err != nil {
		t.Fatal(err)
	}
	places, err := c.ShipTos(t.Context(), []trade.AccountID{"C10001"})
	if err != nil || fault.KindOf(places.Failed["C10001"]) != fault.Unsupported {
		t.Errorf("ship-tos without the extension: %v, %v", places, err)
	}
	if a, err := c.Accounts(t.Context(), []trade.AccountID{"C10001"}); err != nil || a.Found["C10001"].Name == "" {
		t.Errorf("accounts without the extension: %v, %v", a, err)
	}
}

// asked is one of ours as the ERP is given it.
func asked(number string) *orders.Order {
	return &orders.Order{Number: number, Account: "C10001", PlacedAt: time.Now(), ShipTo: toColumbus(), Lines: []orders.Line{
		{Number: 1, SKU: "SKU-1000", Quantity: trade.Quantity{Value: trade.MustDecimal("2"), Unit: "PCS"}, UnitPrice: trade.Money{Amount: trade.MustDecimal("9.5"), Currency: "USD"}},
	}}
}
