package orders_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crossdock/domains/fault"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

// The vectors that real systems document, each by the name of the system.

// by is a policy that says this in place of the built-in one.
func by(t *testing.T, policy string) orders.Policy {
	t.Helper()
	rules, err := orders.ParseRules([]byte(`{"default": ` + policy + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return rules.For("C1")
}

// codes are what findings do, by their codes.
func codes(list []orders.Finding) map[string]trade.Severity {
	out := map[string]trade.Severity{}
	for _, f := range made(slices.Clone(list)) {
		out[f.Code] = f.Severity
	}
	return out
}

// TestDynamics365Threshold: of a limit of 10,000 with a balance of 5,000 and a threshold of 90 %, 4,000 are free.
func TestDynamics365Threshold(t *testing.T) {
	t.Parallel()
	p := by(t, `{"credit": {"threshold": "90"}}`)
	limit := trade.MustDecimal("10000")
	position := orders.CreditPosition{Known: true, Limit: &limit, Balance: trade.MustDecimal("5000"), Currency: "USD"}
	for order, held := range map[string]bool{"4500": true, "4000.01": true, "4000": false} {
		got := codes(orders.CheckCredit(p, position, *money(order)))
		if (got["CREDIT_LIMIT_EXCEEDED"] == trade.Hold) != held {
			t.Errorf("an order of %s: %v, want held %t", order, got, held)
		}
	}
}

// TestOverdueByDays: an invoice may be overdue for so many days and not for more; how much is overdue is looked at beside that.
func TestOverdueByDays(t *testing.T) {
	t.Parallel()
	limit := trade.MustDecimal("10000")
	for _, c := range []struct {
		policy, due, overdue string
		held                 bool
	}{
		{`{"overdue": {"amount": "500", "days": 10}}`, "2026-11-16", "100", false},
		{`{"overdue": {"amount": "500", "days": 10}}`, "2026-11-15", "100", true},
		{`{"overdue": {"amount": "500", "days": 10}}`, "2026-11-20", "501", true},
		{`{"overdue": {"amount": "500"}}`, "2020-01-01", "100", false},
		{`{"overdue": {"amount": "500", "days": 0}}`, "2026-11-25", "0", true},
	} {
		position := orders.CreditPosition{
			Known: true, Limit: &limit, Overdue: trade.MustDecimal(c.overdue), Currency: "USD", AsOf: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC),
			Late: []orders.LateInvoice{{Number: "INV-1", DueOn: trade.Date(c.due), Remaining: trade.MustDecimal("100")}},
		}
		found := orders.CheckCredit(by(t, c.policy), position, *money("1"))
		if held := codes(found)["OVERDUE_BALANCE"] == trade.Hold; held != c.held {
			t.Errorf("%s, due on %s, %s overdue: held %t", c.policy, c.due, c.overdue, held)
		}
		if c.held && !strings.Contains(fmt.Sprint(found), "INV-1") {
			t.Errorf("the invoice is not named: %v", found)
		}
	}
}

// TestPlacesOfTaxAreExact: what is taxed or exempt in a region is not so in another, nor in one that is no code.
func TestPlacesOfTaxAreExact(t *testing.T) {
	t.Parallel()
	for to, want := range map[trade.Address]string{
		{Country: "US", Region: "OH"}: "true false", {Country: "us", Region: " oh"}: "true false", {Country: "US", Region: "CA"}: "false false",
		{Country: "US", Region: "Ohio"}: "false true", {Country: "US"}: "false true", {Country: "DE", Region: "Ohio"}: "false false", {Country: "CA"}: "true false",
	} {
		yes, unclear := orders.Named([]string{"CA"}, []string{"US-OH"}, to)
		if got := fmt.Sprint(yes, " ", unclear); got != want {
			t.Errorf("%+v: %s, want %s", to, got, want)
		}
	}
}

// TestSAPPriceTolerance: a difference of 0.05 a unit or of 1.00 a line passes, 0.06 or 1.01 holds.
func TestSAPPriceTolerance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		quantity, price string
		severity        trade.Severity
	}{{"2", "10.05", trade.Change}, {"2", "10.06", trade.Hold}, {"100", "10.01", trade.Change}, {"101", "10.01", trade.Hold}} {
		f := facts()
		f.Items["A"] = orders.ItemFact{SKU: "A", Unit: "PCS", TaxClass: "T"}
		f.Prices[0] = orders.PriceFact{UnitPrice: *money(c.price)}
		got := codes(orders.Evaluate(draft(quantity(c.quantity, "PCS"), money("10")), f, orders.BuiltIn().Default).Findings)
		if got["PRICE_TOLERANCE"] != c.severity {
			t.Errorf("%s at %s: %v, want %s", c.quantity, c.price, got, c.severity)
		}
	}
}

// TestJDEdwardsMargin: a price of 100 and a cost of 80 are 20 %, which a floor of 25 % holds; the buyer hears of neither.
func TestJDEdwardsMargin(t *testing.T) {
	t.Parallel()
	f := facts()
	item := f.Items["A"]
	item.Cost, f.Items["A"], f.Prices[0] = money("80"), item, orders.PriceFact{UnitPrice: *money("100")}
	for floor, held := range map[string]bool{"25": true, "20": false} {
		item.Cost = money("80")
		f.Items["A"] = item
		is := orders.Evaluate(draft(quantity("2", "PCS"), nil), f, by(t, `{"marginFloor": "`+floor+`"}`))
		if got := codes(is.Findings); (got["REVIEW"] == trade.Hold) != held || len(got) > 1 {
			t.Errorf("a floor of %s: %v, want held %t", floor, got, held)
		}
		if held && (len(is.Internal) != 1 || is.Internal[0].Evidence["margin"] != "20") {
			t.Errorf("inside it is %+v", is.Internal)
		}
		if shown := fmt.Sprint(is.Findings); strings.Contains(shown, "80") {
			t.Errorf("the buyer is shown %s", shown)
		}
	}
}

// TestRules: what findings do, and how quantities are rounded, is the policy's.
func TestRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy, quantity string
		change           func(*orders.Facts)
		code             string
		severity         trade.Severity
		taken            string
	}{
		"packs are refused":            {`{}`, "3", nil, "QTY_MULTIPLE", trade.Reject, ""},
		"or held":                      {`{"checks": {"QTY_MULTIPLE": "HOLD"}}`, "3", nil, "QTY_MULTIPLE", trade.Hold, "3"},
		"or not looked at":             {`{"checks": {"QTY_MULTIPLE": "OFF"}}`, "3", nil, "", "", "3"},
		"or rounded up":                {`{"rounding": "UP"}`, "3", nil, "QTY_MULTIPLE", trade.Change, "4"},
		"or down":                      {`{"rounding": "DOWN"}`, "3", nil, "QTY_MULTIPLE", trade.Change, "2"},
		"but not to nothing":           {`{"rounding": "DOWN"}`, "1", nil, "QTY_MIN", trade.Reject, ""},
		"or to the smallest order":     {`{"rounding": "NEAREST"}`, "0.5", nil, "QTY_PRECISION", trade.Change, "2"},
		"what a class may not buy":     {`{"assortment": {"never": {"skus": ["A*"]}}}`, "4", nil, "ITEM_NOT_IN_ASSORTMENT", trade.Reject, ""},
		"all that a class may buy":     {`{"assortment": {"only": {"categories": ["PIPE"]}}}`, "4", nil, "ITEM_NOT_IN_ASSORTMENT", trade.Reject, ""},
		"what is not sent there":       {`{"restrictions": [{"items": {"skus": ["A"]}, "regions": ["US-CA"], "reason": "no licence"}]}`, "4", california, "ITEM_RESTRICTED", trade.Hold, "4"},
		"where nothing is sent":        {`{"restrictions": [{"countries": ["US"], "reason": "closed"}]}`, "4", california, "SHIP_TO_RESTRICTED", trade.Hold, "4"},
		"a country in small letters":   {`{"restrictions": [{"countries": ["US"], "reason": "closed"}]}`, "4", func(f *orders.Facts) { california(f); f.Account.DefaultTo.Country = "us" }, "SHIP_TO_RESTRICTED", trade.Hold, "4"},
		"a region that is written out": {`{"restrictions": [{"regions": ["US-CA"], "reason": "closed"}]}`, "4", func(f *orders.Facts) { california(f); f.Account.DefaultTo.Region = "California" }, "SHIP_TO_RESTRICTED", trade.Hold, "4"},
		"a SKU with a slash":           {`{"assortment": {"never": {"skus": ["*"]}}}`, "4", nil, "ITEM_NOT_IN_ASSORTMENT", trade.Reject, ""},
		"more than one may order":      {`{"quantityLimits": [{"items": {"skus": ["*"]}, "maximum": "10"}]}`, "12", nil, "QTY_MAX", trade.Reject, ""},
		"a stopped account is held":    {`{"checks": {"CUSTOMER_STOPPED": "HOLD"}}`, "4", func(f *orders.Facts) { f.Account.Stopped = "blocked" }, "CUSTOMER_STOPPED", trade.Hold, "4"},
		"no tax area is let through":   {`{"checks": {"TAX_CONTEXT_INCOMPLETE": "WARN"}}`, "4", func(f *orders.Facts) { f.Account.TaxContext = false }, "TAX_CONTEXT_INCOMPLETE", trade.Warn, "4"},
		"a rounded quantity's break":   {`{"rounding": "UP"}`, "9", nil, "QTY_MULTIPLE", trade.Change, "10"},
		"what its buyer may not order": {`{"buyers": [{"name": "yard", "buyers": ["*"], "only": {"categories": ["PIPE"]}}]}`, "4", nil, "BUYER_NOT_AUTHORIZED", trade.Reject, ""},
		"a promotion that is not open": {`{}`, "4", nil, "PROMO_INVALID", trade.Warn, "4"},
		"in order":                     {`{}`, "4", nil, "", "", "4"},
	} {
		f := facts()
		f.Prices[0] = orders.PriceFact{UnitPrice: *money("10"), Breaks: []orders.PriceBreak{{From: trade.MustDecimal("1"), UnitPrice: *money("10")}, {From: trade.MustDecimal("10"), UnitPrice: *money("9")}}}
		if c.change != nil {
			c.change(&f)
		}
		d := draft(quantity(c.quantity, "PCS"), nil)
		if c.code == "PROMO_INVALID" {
			d.Promotion = "SPRING"
		}
		is := orders.Evaluate(d, f, by(t, c.policy))
		got := codes(is.Findings)
		if c.code == "" && len(got) > 0 || c.code != "" && (len(got) != 1 || got[c.code] != c.severity) {
			t.Errorf("%s: %v, want %s %s", name, got, c.severity, c.code)
		}
		l := is.Lines[0]
		if refused := l.Outcome == orders.LineRejected; refused != (c.taken == "") || !refused && l.Quantity.Value.String() != c.taken {
			t.Errorf("%s: the line is %s with %s, want %q", name, l.Outcome, l.Quantity, c.taken)
		}
		if c.taken == "10" && l.Amount.Amount.String() != "90" {
			t.Errorf("%s: 10 cost %s", name, l.Amount)
		}
	}
}

func california(f *orders.Facts) {
	f.Account.DefaultTo = trade.Address{Line1: "1 Bay St", City: "Oakland", Region: "CA", PostalCode: "94607", Country: "US"}
}

// TestWrongRulesSayWhere they are wrong.
func TestWrongRulesSayWhere(t *testing.T) {
	t.Parallel()
	for raw, path := range map[string]string{
		`{"defaults": {}}`:                                                                                              "rules",
		`{"default": {"checks": {"NOPE": "HOLD"}}}`:                                                                     "rules.default.checks.NOPE",
		`{"default": {"checks": {"SOURCE_UNAVAILABLE": "WARN"}}}`:                                                       "rules.default.checks.SOURCE_UNAVAILABLE",
		`{"default": {"checks": {"QTY_MIN": "MAYBE"}}}`:                                                                 "rules.default.checks.QTY_MIN",
		`{"default": {"checks": {"ATP_SHORT": "REJECT"}}}`:                                                              "rules.default.checks.ATP_SHORT",
		`{"default": {"holds": {"SOURCE_UNAVAILABLE": {"blocks": ["INVOICE"]}}}}`:                                       "rules.default.holds.SOURCE_UNAVAILABLE.blocks",
		`{"default": {"credit": {"threshold": "1234567890123456789"}}}`:                                                 "rules.default.credit.threshold",
		`{"default": {"backorders": "SOMETIMES"}}`:                                                                      "rules.default.backorders",
		`{"default": {"credit": {"threshold": "-1"}}}`:                                                                  "rules.default.credit.threshold",
		`{"default": {"duplicatePoDays": "ten"}}`:                                                                       "rules.default.duplicatePoDays",
		`{"classes": [{"name": "KEY", "policy": {}}]}`:                                                                  "rules.classes.0.accounts",
		`{"classes": [{"name": "KEY", "accounts": ["C1"], "policy": {"holds": {"ATP_SHORT": {"scope": "nobody"}}}}]}`:   "rules.classes.0.policy.holds.ATP_SHORT.scope",
		`{"classes": [{"name": "KEY", "accounts": ["C1"], "policy": {"holds": {"PRICE_MISSING": {"level": "LINE"}}}}]}`: "rules.classes.0.policy.holds.PRICE_MISSING.level",
		`{"classes": [{"name": "KEY", "accounts": ["C1"], "policy": {"restrictions": [{"reason": "none"}]}}]}`:          "rules.classes.0.policy.restrictions.0",
		`{"default": {"buyers": [{"name": "yard", "maximum": "5"}]}}`:                                                   "rules.default.buyers.0",
		`{"default": {"blankets": [{"poNumber": "B-1", "maximum": "0"}]}}`:                                              "rules.default.blankets.0",
		`{"default": {"blankets": [{"poNumber": "B-1", "maximum": "1", "until": "soon"}]}}`:                             "rules.default.blankets.0",
		`{"default": {"lots": [{"items": {}, "days": 1}]}}`:                                                             "rules.default.lots.0",
		`{"default": {"lots": [{"items": {"skus": ["A"]}, "days": -1}]}}`:                                               "rules.default.lots.0",
	} {
		_, err := orders.ParseRules([]byte(raw))
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Kind != fault.Invalid || e.Path != path {
			t.Errorf("%s: %v, want one at %s", raw, err, path)
		}
	}
}

// TestAListTakesThePlaceOfAList: what a class lists is not mixed with what the default does.
func TestAListTakesThePlaceOfAList(t *testing.T) {
	t.Parallel()
	rules, err := orders.ParseRules([]byte(`{"default": {"restrictions": [{"items": {"skus": ["HAZ*"]}, "countries": ["CA"], "reason": "a"}], "approvals": [{"name": "big", "above": "100", "tiers": 3}]},
		"classes": [{"name": "KEY", "accounts": ["C1"], "policy": {"restrictions": [{"countries": ["MX"], "reason": "b"}], "approvals": [{"name": "all"}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p := rules.For("C1")
	if r := p.Restrictions; len(r) != 1 || r[0].Items != nil || fmt.Sprint(r[0].Countries) != "[MX]" {
		t.Errorf("restrictions %+v", r)
	}
	if a := p.Approvals; len(a) != 1 || a[0].Above != nil || a[0].Tiers != 0 {
		t.Errorf("approvals %+v", a)
	}
}

// TestTheFirstClassThatNamesAnAccountIsItsOwn, with the default where it says nothing.
func TestTheFirstClassThatNamesAnAccountIsItsOwn(t *testing.T) {
	t.Parallel()
	rules, err := orders.ParseRules([]byte(`{"default": {"rounding": "UP", "checks": {"QTY_MIN": "HOLD"}}, "classes": [
		{"name": "KEY", "accounts": ["C1", "C2*"], "policy": {"backorders": "LINE", "checks": {"QTY_MAX": "HOLD"}}},
		{"name": "REST", "accounts": ["C*"], "policy": {"backorders": "NONE"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for account, want := range map[trade.AccountID]orders.Backorders{"C1": orders.BackorderLine, "C27": orders.BackorderLine, "C3": orders.BackorderNone, "D1": orders.BackorderHold} {
		p := rules.For(account)
		if p.Backorders != want || p.Rounding != orders.RoundUp || p.Checks["QTY_MIN"] != orders.Holds {
			t.Errorf("%s: %+v", account, p)
		}
	}
	if p := rules.For("C3"); p.Checks["QTY_MAX"] != "" {
		t.Errorf("a class has what another one says: %+v", p.Checks)
	}
}

// TestRoundingIsLegalAndNear: what a quantity is rounded to is a legal one, on the side that was asked for, and none lies
// between.
func TestRoundingIsLegalAndNear(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.IntRange(0, 2).Draw(t, "scale")
		unit := func(n int) trade.Decimal {
			return trade.MustDecimal(fmt.Sprintf("%d.%02d", n/100, n%100)).Trim(0)
		}
		step := map[int]int{0: 100, 1: 10, 2: 1}[scale]
		rule := orders.QuantityRule{Minimum: unit(step * rapid.IntRange(0, 30).Draw(t, "minimum")), Scale: scale}
		if rapid.Bool().Draw(t, "packed") {
			step *= rapid.IntRange(1, 12).Draw(t, "pack")
			rule.Multiple = unit(step)
		}
		q := unit(rapid.IntRange(1, 9999).Draw(t, "quantity"))
		f := facts()
		f.Items["A"] = orders.ItemFact{SKU: "A", Unit: "PCS", TaxClass: "T", Rule: &rule}
		how := rapid.SampledFrom([]string{"UP", "DOWN", "NEAREST", "REJECT"}).Draw(t, "how")
		p := orders.BuiltIn().Default
		p.Rounding = orders.Rounding(how)
		l := orders.Evaluate(draft(trade.Quantity{Value: q, Unit: "PCS"}, nil), f, p).Lines[0]
		legal := func(v trade.Decimal) bool {
			_, rest, err := v.QuoRem(unit(step))
			return err == nil && rest.IsZero() && v.Cmp(rule.Minimum) >= 0 && v.IsPos()
		}
		is := l.Quantity.Value
		switch {
		case l.Outcome == orders.LineRejected && legal(q):
			t.Fatalf("%s of %+v is refused", q, rule)
		case l.Outcome == orders.LineRejected && (how == "UP" || how == "NEAREST"):
			t.Fatalf("%s of %+v is refused for %s", q, rule, how)
		case l.Outcome == orders.LineRejected:
			return
		case !legal(is):
			t.Fatalf("%s of %+v is %s for %s", q, rule, is, how)
		case legal(q) && !is.Equal(q):
			t.Fatalf("%s of %+v is legal and changed to %s", q, rule, is)
		case how == "UP" && is.Cmp(q) < 0, how == "DOWN" && is.Cmp(q) > 0:
			t.Fatalf("%s of %+v is %s for %s", q, rule, is, how)
		}
		if away := trade.Less(is, q).Abs(); away.Cmp(unit(step)) >= 0 && is.Cmp(trade.Sum(rule.Minimum, unit(step))) >= 0 {
			t.Fatalf("%s of %+v is %s for %s: there is a nearer one", q, rule, is, how)
		}
	})
}

// TestAPONumberTwice: the same lines are held as a repeat, other lines are remarked.
func TestAPONumberTwice(t *testing.T) {
	t.Parallel()
	earlier := func(same bool) []orders.Earlier {
		return []orders.Earlier{{Number: "SO-1", PlacedAt: time.Now(), Same: same}}
	}
	if got := codes(orders.CheckRepeats(orders.BuiltIn().Default, "PO-1", earlier(true))); got["DUPLICATE_PO"] != trade.Hold {
		t.Errorf("the same lines: %v", got)
	}
	if got := codes(orders.CheckRepeats(orders.BuiltIn().Default, "PO-1", earlier(false))); got["DUPLICATE_PO"] != trade.Warn {
		t.Errorf("other lines: %v", got)
	}
	if got := codes(orders.CheckRepeats(by(t, `{"checks": {"DUPLICATE_PO": "OFF"}}`), "PO-1", earlier(true))); len(got) > 0 {
		t.Errorf("switched off: %v", got)
	}
}

// TestACreditLimitHasAnEnd: on its last day it may be used, and not after.
func TestACreditLimitHasAnEnd(t *testing.T) {
	t.Parallel()
	limit := trade.MustDecimal("10000")
	for until, severity := range map[trade.Date]trade.Severity{"": "", "2026-11-26": "", "2026-11-25": trade.Hold} {
		position := orders.CreditPosition{Known: true, Limit: &limit, LimitUntil: until, Currency: "USD", AsOf: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
		if got := codes(orders.CheckCredit(orders.BuiltIn().Default, position, *money("1"))); got["CREDIT_LIMIT_EXPIRED"] != severity {
			t.Errorf("until %q: %v, want %q", until, got, severity)
		}
	}
}

// TestAPriceHasAnEnd: after its last day it holds, and one that ends before the goods are wanted is remarked and kept.
func TestAPriceHasAnEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		until, wanted trade.Date
		severity      trade.Severity
	}{{"", "2026-12-24", ""}, {"2026-11-25", "", trade.Hold}, {"2026-11-26", "", ""}, {"2026-11-26", "2026-11-26", ""}, {"2026-11-26", "2026-11-27", trade.Warn}} {
		f := facts()
		f.Prices[0] = orders.PriceFact{UnitPrice: *money("10"), Until: c.until}
		d := draft(quantity("4", "PCS"), nil)
		d.At, d.RequestedDate = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), c.wanted
		if got := codes(orders.Evaluate(d, f, orders.BuiltIn().Default).Findings); got["PRICE_EXPIRED"] != c.severity {
			t.Errorf("until %q, wanted on %q: %v, want %q", c.until, c.wanted, got, c.severity)
		}
	}
}
