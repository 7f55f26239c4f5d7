package orders_test

import (
	"slices"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

func money(amount string) *trade.Money {
	return &trade.Money{Amount: trade.MustDecimal(amount), Currency: "USD"}
}

func quantity(value, unit string) trade.Quantity {
	return trade.Quantity{Value: trade.MustDecimal(value), Unit: trade.Unit(unit)}
}

// facts are of an account in order and one item at ten a piece, by packs of two.
func facts() orders.Facts {
	return orders.Facts{
		Account: &orders.AccountFact{ID: "C1", Currency: "USD", TaxContext: true},
		Items:   map[trade.SKU]orders.ItemFact{"A": {SKU: "A", Unit: "PCS", Rule: &orders.QuantityRule{Minimum: trade.MustDecimal("2"), Multiple: trade.MustDecimal("2")}, TaxClass: "T"}},
		Prices:  map[int]orders.PriceFact{0: {UnitPrice: *money("10")}},
	}
}

func draft(q trade.Quantity, expected *trade.Money) orders.Draft {
	return orders.Draft{Account: "C1", Lines: []orders.DraftLine{{SKU: "A", Quantity: q, ExpectedUnitPrice: expected}}}
}

// TestOtherUnits are taken for the item's own, exactly, with the prices that came with them; or refused with the nearest
// quantities that can be ordered.
func TestOtherUnits(t *testing.T) {
	t.Parallel()
	ratio := func(of, per string) trade.Ratio {
		return trade.Ratio{Of: trade.MustDecimal(of), Per: trade.MustDecimal(per)}
	}
	f := facts()
	rule := orders.QuantityRule{Scale: 2, Units: map[trade.Unit]trade.Ratio{"CS": ratio("12", "1"), "FOT": ratio("0.3048", "1"), "TRD": ratio("1", "3"), "NIL": {}}}
	f.Items["A"] = orders.ItemFact{SKU: "A", Unit: "MTR", TaxClass: "T", Rule: &rule}
	for name, c := range map[string]struct {
		ordered  trade.Quantity
		expected *trade.Money
		want     string // what it is taken for, or the code that turns it down
		remedy   string
	}{
		"its own":                 {quantity("3", "MTR"), nil, "3", ""},
		"cases":                   {quantity("3", "CS"), nil, "36", ""},
		"half a case":             {quantity("0.5", "CS"), money("120"), "6", ""},
		"feet, exactly":           {quantity("25", "FOT"), nil, "7.62", ""},
		"feet that are no number": {quantity("10", "FOT"), nil, "UOM_NOT_CONVERTIBLE", "order 3.04 MTR or 3.05 MTR"},
		"thirds":                  {quantity("7", "TRD"), nil, "UOM_NOT_CONVERTIBLE", "order 2.33 MTR (6.99 TRD) or 2.34 MTR (7.02 TRD)"},
		"less than there is":      {quantity("0.02", "TRD"), nil, "UOM_NOT_CONVERTIBLE", "order 0.01 MTR (0.03 TRD)"},
		"far too many":            {quantity("99999999", "CS"), nil, "UOM_NOT_CONVERTIBLE", ""},
		"an unknown one":          {quantity("3", "BX"), nil, "UOM_INVALID", "order in MTR or CS or FOT or TRD"},
		"one that is none":        {quantity("3", "NIL"), nil, "UOM_INVALID", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is := orders.Evaluate(draft(c.ordered, c.expected), f, orders.BuiltIn().Default)
			l := is.Lines[0]
			if l.Outcome == orders.LineRejected {
				i := slices.IndexFunc(is.Findings, func(f orders.Finding) bool { return f.Code == c.want })
				if i < 0 || c.remedy != "" && !slices.Contains(is.Findings[i].Remedies, c.remedy) {
					t.Errorf("%s is turned down with %+v", c.ordered, is.Findings)
				}
				return
			}
			if l.Quantity.String() != c.want+" MTR" || l.Outcome != orders.LineAccepted || l.Amount.Amount.Cmp(l.UnitPrice.Times(l.Quantity.Value).Amount) != 0 {
				t.Errorf("%s is taken for %s: %+v", c.ordered, l.Quantity, is)
			}
			if kept := l.OrderedAs(); (kept == nil) != (c.ordered.Unit == "MTR") || kept != nil && *kept != c.ordered {
				t.Errorf("of %s %v is kept", c.ordered, kept)
			}
			if own, ok := l.Own(c.ordered); !ok || !own.Equal(l.Quantity.Value) {
				t.Errorf("%s of the line are %s", c.ordered, own)
			}
			if back := l.AsOrdered(trade.Part{Quantity: l.Quantity.Value, Unit: l.Quantity.Unit}); back.Measure().String() != c.ordered.String() {
				t.Errorf("all of it is told as %s, not as %s", back.Measure(), c.ordered)
			}
			if _, ok := l.Own(quantity("1", "PAL")); ok {
				t.Error("a unit that nobody knows is known")
			}
			if c.expected != nil && l.ExpectedUnitPrice.String() != "10 USD" {
				t.Errorf("%s each is %s for one of its own", c.expected, l.ExpectedUnitPrice)
			}
		})
	}
}

// TestAUnitThatIsNotKnownYet holds the line; nothing else is said of so many of it.
func TestAUnitThatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	f := facts()
	f.Items["A"] = orders.ItemFact{SKU: "A", Unit: "MTR", TaxClass: "T"}
	f.Missing = []orders.Missing{{What: "rules", Source: "erp", Reason: "SOURCE_TIMEOUT"}}
	is := orders.Evaluate(draft(quantity("150", "FOT"), money("1")), f, by(t, `{"quantityLimits": [{"items": {"skus": ["A"]}, "maximum": "100"}]}`))
	if found := made(is.Findings); is.Lines[0].Outcome != orders.LineHeld || len(found) != 1 || found[0].Code != "SOURCE_UNAVAILABLE" {
		t.Errorf("it is %s: %+v", is.Lines[0].Outcome, found)
	}
}

// TestChecks is a table of the checks that need no lock: what changes, and the one finding that
// must follow.
func TestChecks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quantity trade.Quantity
		expected *trade.Money
		change   func(*orders.Facts)
		code     string
		severity trade.Severity
		path     string
	}{
		"in order":                 {quantity: quantity("4", "PCS")},
		"the item's own unit":      {quantity: quantity("4", "")},
		"another unit":             {quantity: quantity("4", "BOX"), code: "UOM_INVALID", severity: trade.Reject, path: "lines.0.quantity.unit"},
		"below the minimum":        {quantity: quantity("1", "PCS"), code: "QTY_MIN", severity: trade.Reject, path: "lines.0.quantity.value"},
		"half a pack":              {quantity: quantity("3", "PCS"), code: "QTY_MULTIPLE", severity: trade.Reject, path: "lines.0.quantity.value"},
		"a fraction":               {quantity: quantity("4.5", "PCS"), code: "QTY_PRECISION", severity: trade.Reject, path: "lines.0.quantity.value"},
		"a fraction of zeros":      {quantity: quantity("4.00", "PCS")},
		"0.05 a unit is tolerated": {quantity: quantity("4", "PCS"), expected: money("9.95"), code: "PRICE_TOLERANCE", severity: trade.Change, path: "lines.0.expectedUnitPrice"},
		"0.06 a unit holds":        {quantity: quantity("4", "PCS"), expected: money("9.94"), code: "PRICE_TOLERANCE", severity: trade.Hold, path: "lines.0.expectedUnitPrice"},
		"1.00 a line is tolerated": {quantity: quantity("20", "PCS"), expected: money("9.95"), code: "PRICE_TOLERANCE", severity: trade.Change, path: "lines.0.expectedUnitPrice"},
		"1.10 a line holds":        {quantity: quantity("22", "PCS"), expected: money("9.95"), code: "PRICE_TOLERANCE", severity: trade.Hold, path: "lines.0.expectedUnitPrice"},
		"a price in their favour":  {quantity: quantity("4", "PCS"), expected: money("12"), code: "PRICE_TOLERANCE", severity: trade.Change, path: "lines.0.expectedUnitPrice"},
		"a price in other money":   {quantity: quantity("4", "PCS"), expected: &trade.Money{Amount: trade.MustDecimal("10"), Currency: "EUR"}, code: "CURRENCY_MISMATCH", severity: trade.Reject, path: "lines.0.expectedUnitPrice.currency"},
		"no such account":          {quantity: quantity("4", "PCS"), change: func(f *orders.Facts) { f.Account = nil }, code: "CUSTOMER_UNKNOWN", severity: trade.Reject, path: "accountId"},
		"a stopped account":        {quantity: quantity("4", "PCS"), change: func(f *orders.Facts) { f.Account.Stopped = "blocked" }, code: "CUSTOMER_STOPPED", severity: trade.Reject, path: "accountId"},
		"terms that need a PO":     {quantity: quantity("4", "PCS"), change: func(f *orders.Facts) { f.Account.PORequired = true }, code: "PO_REQUIRED", severity: trade.Reject, path: "poNumber"},
		"no tax area":              {quantity: quantity("4", "PCS"), change: func(f *orders.Facts) { f.Account.TaxContext = false }, code: "TAX_CONTEXT_INCOMPLETE", severity: trade.Hold, path: "accountId"},
		"no such item":             {quantity: quantity("4", "PCS"), change: func(f *orders.Facts) { clear(f.Items) }, code: "ITEM_UNKNOWN", severity: trade.Reject, path: "lines.0.sku"},
		"no price":                 {quantity: quantity("4", "PCS"), change: func(f *orders.Facts) { clear(f.Prices) }, code: "PRICE_MISSING", severity: trade.Hold, path: "lines.0.sku"},
		"prices that cannot be asked": {quantity: quantity("4", "PCS"), change: func(f *orders.Facts) {
			clear(f.Prices)
			f.Missing = []orders.Missing{{What: "prices", Source: "erp", Reason: "SOURCE_TIMEOUT"}}
		}, code: "SOURCE_UNAVAILABLE", severity: trade.Hold, path: "prices"},
		"a fraction of what has no rule": {quantity: quantity("4.5", "PCS"), change: func(f *orders.Facts) {
			f.Items["A"] = orders.ItemFact{SKU: "A", Unit: "PCS", TaxClass: "T"}
		}},
		"a fraction while rules cannot be asked": {quantity: quantity("4.5", "PCS"), change: func(f *orders.Facts) {
			f.Items["A"] = orders.ItemFact{SKU: "A", Unit: "PCS", TaxClass: "T"}
			f.Missing = []orders.Missing{{What: "rules", Source: "erp", Reason: "SOURCE_TIMEOUT"}}
		}, code: "SOURCE_UNAVAILABLE", severity: trade.Hold, path: "rules"},
	} {
		f := facts()
		if c.change != nil {
			c.change(&f)
		}
		findings := made(orders.Evaluate(draft(c.quantity, c.expected), f, orders.BuiltIn().Default).Findings)
		if c.code == "" {
			if len(findings) != 0 {
				t.Errorf("%s: %+v", name, findings)
			}
			continue
		}
		if len(findings) != 1 || findings[0].Code != c.code || findings[0].Severity != c.severity || findings[0].Path != c.path {
			t.Errorf("%s: %+v, want one %s %s at %s", name, findings, c.severity, c.code, c.path)
		}
	}
}

// made are the findings of checks that were made, and of sources that did not answer.
func made(list []orders.Finding) []orders.Finding {
	return slices.DeleteFunc(list, func(f orders.Finding) bool { return !f.Evaluated && f.Severity == trade.Warn })
}

// TestStructure is what is wrong with a draft in itself.
func TestStructure(t *testing.T) {
	t.Parallel()
	today := trade.Date(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	for name, c := range map[string]struct {
		change func(*orders.Draft)
		path   string
	}{
		"in order":          {func(*orders.Draft) {}, ""},
		"no lines":          {func(d *orders.Draft) { d.Lines = nil }, "lines"},
		"a negative line":   {func(d *orders.Draft) { d.Lines[0].Quantity.Value = trade.MustDecimal("-1") }, "lines.0.quantity.value"},
		"a line of nothing": {func(d *orders.Draft) { d.Lines[0].SKU = " " }, "lines.0.sku"},
		"yesterday":         {func(d *orders.Draft) { d.RequestedDate = "2026-11-22" }, "requestedDate"},
		"no town":           {func(d *orders.Draft) { d.ShipTo = &trade.Address{Line1: "1", PostalCode: "2", Country: "US"} }, "shipTo.city"},
		"odd money":         {func(d *orders.Draft) { d.Currency = "dollars" }, "currency"},
	} {
		d := draft(quantity("4", "PCS"), nil)
		c.change(&d)
		findings := orders.Structure(d, today)
		if c.path == "" && len(findings) > 0 || c.path != "" && (len(findings) != 1 || findings[0].Path != c.path) {
			t.Errorf("%s: %+v, want %q", name, findings, c.path)
		}
	}
}
