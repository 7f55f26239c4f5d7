package main

import (
	"maps"
	"slices"
	"testing"

	"crossdock/domains/lookup"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/sandbox"
	"crossdock/sandbox/exports"
	"crossdock/sources/sourcetest"
)

// TestAPriceDependsOnDateUnitAndCurrency as much as on the account: each is asked at once with another.
func TestAPriceDependsOnDateUnitAndCurrency(t *testing.T) {
	t.Parallel()
	b, err := exports.Read("docs/examples/exports")
	if err != nil {
		t.Fatal(err)
	}
	w := worldOf(t, sandbox.Loaded(b))
	key := func(unit trade.Unit, date trade.Date, currency trade.Currency) pricing.Key {
		return pricing.NewKey("20115", "BR-2210", trade.Quantity{Value: trade.MustDecimal("1"), Unit: unit}, date, currency)
	}
	// The account's own price is from the first day of 2026 to the last of 2027.
	want := map[pricing.Key]string{
		key("", "2026-06-30", ""): "10.25 USD", key("EA", "2026-06-30", "USD"): "10.25 USD", key("", "2027-12-31", ""): "10.25 USD",
		key("", "2025-12-31", ""): "11.85 USD", key("", "2028-01-01", "USD"): "11.85 USD",
		key("BOX", "2026-06-30", ""): "", key("", "2026-06-30", "EUR"): "", key("EA", "2025-12-31", "EUR"): "",
	}
	answers, err := sourcetest.ByKey(w.erp.Prices)(t.Context(), slices.Collect(maps.Keys(want)))
	if err != nil || len(answers.Failed) > 0 {
		t.Fatalf("%+v, %v", answers, err)
	}
	for k, price := range want {
		got, found := answers.Found[k]
		if found != (price != "") || (found && got.UnitPrice.String() != price) {
			t.Errorf("%+v costs %+v, not %q", k, got, price)
		}
	}
}

// TestABespokeERPHasNoPriceInAnotherCurrency either.
func TestABespokeERPHasNoPriceInAnotherCurrency(t *testing.T) {
	t.Parallel()
	w := newHouse(t)
	for currency, found := range map[trade.Currency]bool{"": true, "USD": true, "EUR": false} {
		k := pricing.NewKey("C10000", "SKU-1000", trade.Quantity{Value: trade.MustDecimal("1")}, "", currency)
		if r := lookup.Only(w.erp.Prices(t.Context(), []pricing.Key{k})); r.Err != nil || r.OK != found {
			t.Errorf("in %q: %+v", currency, r)
		}
	}
}
