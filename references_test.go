package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/references"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

// unmapped waits for the exception about a name that nobody has mapped, and returns its detail.
func (w *world) unmapped(n references.Name) (found *operations.Exception) {
	w.t.Helper()
	w.until("a person hears of "+n.Key(), func() bool {
		list, _, err := w.operations.List(w.t.Context(), operator(), operations.Open, 100, "")
		if err != nil {
			w.t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(e *operations.Exception) bool { return e.Code == references.Unmapped && e.Key == n.Key() })
		if i >= 0 {
			found = list[i]
		}
		return i >= 0
	})
	return found
}

func operator() trade.Viewer {
	return trade.Viewer{Subject: "olga", Role: "OPERATIONS", AllAccounts: true, Scopes: []string{operations.Scope}}
}

// TestAnItemThatAShopCallsOtherwise is held with what it could be; once somebody has said which, the order goes its
// way, and the shop hears of its parcels and its stock by its own name.
func TestAnItemThatAShopCallsOtherwise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.until("the items are known", func() bool { n, err := w.catalog.Count(t.Context()); return err == nil && n > 50 })
	w.admin("POST", "/admin/shop/rename?item=SKU-1000&sku=sku1000", "")
	id := w.admin("POST", "/admin/shop/orders", `{"po":"WEB-1","lines":[{"sku":"sku1000","quantity":3},{"sku":"SKU-1001","quantity":1}]}`)["id"].(string)
	name := references.Name{Kind: references.Item, Source: "webshop", Theirs: "sku1000"}
	e := w.unmapped(name)
	o := w.order(e.Order)
	if o.ChannelRef != id || o.Status != orders.OnHold || !strings.Contains(string(e.Detail), `"ours": "SKU-1000"`) {
		t.Fatalf("order %s is %s, and the exception says %s", o.ChannelRef, o.Status, e.Detail)
	}
	if _, err := w.references.Set(t.Context(), operator(), name, "SKU-9999"); err == nil {
		t.Error("it can mean an item that there is not")
	}
	if _, err := w.references.Set(t.Context(), buyer("C10001"), name, "SKU-1000"); err == nil {
		t.Error("a buyer can say what it means")
	}
	if _, err := w.references.Set(t.Context(), operator(), name, "SKU-1000"); err != nil {
		t.Fatal(err)
	}
	w.until("the order has shipped, and the shop has its parcels and its stock", func() bool {
		w.step()
		state := w.admin("GET", "/admin/shop/orders", "")
		tracking, _ := state["orders"].([]any)[0].(map[string]any)["tracking"].([]any)
		return len(tracking) > 0 && state["stock"].(map[string]any)["sku1000"] == fmt.Sprint(w.available())
	})
	o = w.order(o.ID)
	if l := o.Lines[0]; l.SKU != "SKU-1000" || l.Shipped.String() != "3" || len(o.LessInShop) > 0 {
		t.Errorf("its line is %+v; less in the shop: %v", l, o.LessInShop)
	}
	// The shop may have been read before the name was set, and be compared with the order after it: that settles itself.
	w.until("nothing is left for a person to settle", func() bool {
		list, _, err := w.operations.List(t.Context(), operator(), operations.Open, 100, "")
		return err == nil && len(list) == 0
	})
}

// TestAnOrderWaitsForTheLastOfItsItems: one that is named does not let it go without another that nobody knows.
func TestAnOrderWaitsForTheLastOfItsItems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.admin("POST", "/admin/shop/rename?item=SKU-1000&sku=sku1000", "")
	w.admin("POST", "/admin/shop/rename?item=SKU-1001&sku=sku1001", "")
	w.admin("POST", "/admin/shop/orders", `{"po":"WEB-1","lines":[{"sku":"sku1000","quantity":3},{"sku":"sku1001","quantity":2},{"sku":"SKU-1002","quantity":1}]}`)
	called := func(sku string) references.Name {
		return references.Name{Kind: references.Item, Source: "webshop", Theirs: sku}
	}
	o := w.order(w.unmapped(called("sku1000")).Order)
	w.unmapped(called("sku1001"))
	if _, err := w.references.Set(t.Context(), operator(), called("sku1000"), "SKU-1000"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if goes, err := w.orders.Reevaluate(t.Context(), o.ID); err != nil || goes || w.order(o.ID).Status != orders.OnHold {
			t.Fatalf("with one of two named the order is %s, %v", w.order(o.ID).Status, err)
		}
	}
	if _, err := w.references.Set(t.Context(), operator(), called("sku1001"), "SKU-1001"); err != nil {
		t.Fatal(err)
	}
	w.until("all three items have left, and the shop has their parcels", func() bool {
		w.step()
		for _, l := range w.order(o.ID).Lines {
			if !l.Shipped.Equal(l.Quantity.Value) {
				return false
			}
		}
		left := 0.0
		for _, l := range w.admin("GET", "/admin/shop/orders", "")["orders"].([]any)[0].(map[string]any)["lines"].([]any) {
			left += l.(map[string]any)["Remaining"].(float64)
		}
		return left == 0
	})
}

// TestACompanyThatAShopCallsOtherwise: an order of a company that nobody has mapped is kept, with what it could be,
// and taken in for the account that somebody names.
func TestACompanyThatAShopCallsOtherwise(t *testing.T) {
	t.Parallel()
	w := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		for i := range cfg.Sources {
			if cfg.Sources[i].Name == "webshop" {
				cfg.Sources[i].Account = ""
			}
		}
	})
	w.start()
	w.until("the accounts are known", func() bool { return len(w.like("C10005")) > 0 })
	called := w.like("C10005")[0].Name
	id := w.admin("POST", "/admin/shop/orders", `{"po":"WEB-1","company":{"id":"77","name":"`+called+` Ltd"},"lines":[{"sku":"SKU-1000","quantity":1}]}`)["id"].(string)
	name := references.Name{Kind: references.Account, Source: "webshop", Theirs: "gid://shopify/Company/77"}
	e := w.unmapped(name)
	if !strings.Contains(string(e.Detail), `"ours": "C10005"`) || !strings.Contains(e.Title, called) {
		t.Errorf("%s: %s", e.Title, e.Detail)
	}
	if _, err := w.references.Set(t.Context(), operator(), name, "C10005"); err != nil {
		t.Fatal(err)
	}
	w.until("the order is taken in for the account", func() bool {
		list, err := w.orders.List(t.Context(), trade.System("test"), orders.Filter{Accounts: []trade.AccountID{"C10005"}}, orders.Paging{})
		return err == nil && slices.ContainsFunc(list.Orders, func(o *orders.Order) bool { return o.ChannelRef == id })
	})
	w.until("nothing is left to settle", func() bool {
		list, _, err := w.operations.List(t.Context(), operator(), operations.Open, 100, "")
		return err == nil && len(list) == 0
	})
}

// like are accounts like a number.
func (w *world) like(number string) []references.Candidate {
	w.t.Helper()
	list, err := w.candidates(w.t.Context(), references.Name{Kind: references.Account, Theirs: number}, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// TestReferencesAreLearnedFoundAndMended: the ERP's ids, the configuration's places and an order's number there are
// found by any of their names; what a person says stands, whatever a system says afterwards.
func TestReferencesAreLearnedFoundAndMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	w.start()
	a := w.place("one", draft("C10001", line("SKU-1000", "1")))
	w.until("the ERP has the order", func() bool { return len(w.order(a.OrderID).References) > 0 })
	ask := func(filter string) []any {
		t.Helper()
		got := g.query("operations", `{ references(filter: {`+filter+`}) { nodes { kind source theirs ours label origin by } pageInfo { hasNextPage } } }`, nil)
		if len(got.Errors) > 0 {
			t.Fatal(got.Errors)
		}
		return got.Data["references"].(map[string]any)["nodes"].([]any)
	}
	for _, filter := range []string{`kind: ITEM, source: "erp", ours: "SKU-1001"`, `kind: ACCOUNT, ours: "C10002"`, `kind: ORDER, text: "` + w.order(a.OrderID).Number + `"`, `kind: NODE, source: "threepl", theirs: "21"`} {
		w.until("there is one reference with "+filter, func() bool { return len(ask(filter)) == 1 })
	}
	item := ask(`kind: ITEM, ours: "SKU-1001"`)[0].(map[string]any)
	const set = `mutation($i: SetReferenceInput!) { setReference(input: $i) { reference { ours origin by } errors { code message } } }`
	got := g.query("operations", set, map[string]any{"i": map[string]any{"kind": "ITEM", "source": "erp", "theirs": item["theirs"], "ours": "SKU-1002"}})
	if fmt.Sprint(got.Data["setReference"]) != "map[errors:[] reference:map[by:olga.operations origin:SET ours:SKU-1002]]" {
		t.Errorf("it is set as %v, %v", got.Data, got.Errors)
	}
	items, err := w.erp.ItemsSince(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.observeItems(t.Context(), items.Items); err != nil {
		t.Fatal(err)
	}
	if now := ask(`kind: ITEM, theirs: "` + item["theirs"].(string) + `"`); fmt.Sprint(now[0].(map[string]any)["ours"]) != "SKU-1002" {
		t.Errorf("a system has overruled a person: %v", now)
	}
	got = g.query("operations", `mutation($i: RemoveReferenceInput!) { removeReference(input: $i) { reference { ours } errors { code } } }`, map[string]any{"i": map[string]any{"kind": "ITEM", "source": "erp", "theirs": item["theirs"]}})
	if fmt.Sprint(got.Data["removeReference"]) != "map[errors:[] reference:map[ours:SKU-1002]]" {
		t.Errorf("it is removed as %v, %v", got.Data, got.Errors)
	}
	same := references.Name{Kind: references.Account, Source: "webshop", Theirs: "C10002"}
	if _, err := w.references.Set(t.Context(), operator(), same, "C10002"); err != nil {
		t.Fatal(err)
	}
	if names, err := w.references.Of(t.Context(), references.Account, "webshop"); err != nil {
		t.Fatal(err)
	} else if ours, ok := names.Mapped("C10002"); !ok || ours != "C10002" {
		t.Errorf("a buyer who is called as we do is %q, %t", ours, ok)
	}
	if _, err := w.references.Set(t.Context(), operator(), references.Name{Kind: references.Node, Source: "wms", Theirs: "EAST"}, "DC-EAST"); err == nil {
		t.Error("a node's name can be set, and nobody would use it")
	}
	if got := g.query("C10001", `{ references { nodes { ours } } }`, nil); len(got.Errors) != 1 {
		t.Errorf("a buyer sees %v", got.Data)
	}
}
