package main

import (
	"testing"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/sources/rest"
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

func TestBusinessCentralAnswersAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sourcetest.Test(t, sourcetest.Port[trade.AccountID, accounts.Account]{
		Ask: w.erp.Accounts, Known: []trade.AccountID{"C10000", "C10007"}, Unknown: sourcetest.Numbered[trade.AccountID]("NOBODY"),
		KeyOf: func(a accounts.Account) trade.AccountID { return a.ID }, Many: 60, Down: w.down("bc"),
	})
}

func TestBusinessCentralAnswersItems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sourcetest.Test(t, sourcetest.Port[trade.SKU, catalog.Item]{
		Ask: w.erp.Items, Known: []trade.SKU{"SKU-1000", "SKU-1009"}, Unknown: sourcetest.Numbered[trade.SKU]("O'NOTHING"),
		KeyOf: func(i catalog.Item) trade.SKU { return i.SKU }, Many: 60, Down: w.down("bc"),
	})
}

func TestBusinessCentralAnswersCredit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sourcetest.Test(t, sourcetest.Port[trade.AccountID, finance.Credit]{
		Ask: w.erp.Credit, Known: []trade.AccountID{"C10000", "C10018"}, Unknown: sourcetest.Numbered[trade.AccountID]("NOBODY"),
		KeyOf: func(c finance.Credit) trade.AccountID { return c.Account }, Many: 60, Down: w.down("bc"),
	})
}

// Prices of two accounts, quantities and units asked at once are never mixed.
func TestBusinessCentralAnswersPrices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := func(account trade.AccountID, sku trade.SKU, q string) pricing.Key {
		return pricing.NewKey(account, sku, trade.Quantity{Value: trade.MustDecimal(q), Unit: "PCS"}, "", "")
	}
	known := []pricing.Key{key("C10000", "SKU-1000", "1"), key("C10000", "SKU-1000", "60"), key("C10001", "SKU-1000", "1"), key("C10002", "SKU-1001", "5")}
	answers, err := w.erp.Prices(t.Context(), known)
	if err != nil {
		t.Fatal(err)
	}
	if one, sixty := answers.Found[known[0]].UnitPrice.Amount, answers.Found[known[1]].UnitPrice.Amount; sixty.Cmp(one) >= 0 {
		t.Errorf("one costs %s and sixty cost %s each: the break is lost", one, sixty)
	}
	unknown := sourcetest.Numbered[trade.SKU]("NOTHING")
	sourcetest.Test(t, sourcetest.Port[pricing.Key, pricing.Price]{
		Ask: w.erp.Prices, Known: known, Unknown: func(n int) pricing.Key { return key("C10000", unknown(n), "1") },
		KeyOf: func(p pricing.Price) pricing.Key { return p.Key }, Many: 60, Down: w.down("bc"),
	})
}

func TestShipBobAnswersStock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ok := w.systems["threepl"].(*shipbob.Client)
	if !ok {
		t.Fatal("there is no ShipBob")
	}
	unknown := sourcetest.Numbered[trade.SKU]("NOTHING")
	sourcetest.Test(t, sourcetest.Port[inventory.Key, inventory.Figure]{
		Ask: c.Stock, Known: []inventory.Key{{Node: "21", SKU: "SKU-1000"}, {Node: "34", SKU: "SKU-1001"}}, Unknown: func(n int) inventory.Key { return inventory.Key{Node: "21", SKU: unknown(n)} },
		KeyOf: func(f inventory.Figure) inventory.Key { return f.Key }, Many: 120, Down: w.down("shipbob"),
	})
}

func TestAProductByConfigurationAnswersStock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ok := w.systems["wms"].(*rest.Client)
	if !ok {
		t.Fatal("there is no warehouse")
	}
	unknown := sourcetest.Numbered[trade.SKU]("NOTHING")
	sourcetest.Test(t, sourcetest.Port[inventory.Key, inventory.Figure]{
		Ask: c.Stock, Known: []inventory.Key{{Node: "EAST", SKU: "SKU-1000"}, {Node: "WEST", SKU: "SKU-1001"}}, Unknown: func(n int) inventory.Key { return inventory.Key{Node: "EAST", SKU: unknown(n)} },
		KeyOf: func(f inventory.Figure) inventory.Key { return f.Key }, Many: 250, Down: w.down("wms"),
	})
}
