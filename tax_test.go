package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

// TestTax: it is estimated by the rules' rates until the ERP has calculated it; a certificate exempts where it says and while it is
// valid; what the ERP exempts and no certificate covers is seen.
func TestTax(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{default: {taxes: [{regions: ["US-ZZ"], percent: "90"}, {countries: ["US"], percent: "7"}]}}`)
	today := trade.DateOf(time.Now().UTC())
	validate := func(account trade.AccountID) *orders.Answer {
		a, err := w.orders.Validate(t.Context(), service(), draft(account, line("SKU-1000", "10")))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	seen := func(a *orders.Answer) string {
		for _, f := range a.Findings {
			if f.Code == "TAX_EXEMPT_CERT" {
				return string(f.Severity) + " " + f.Message
			}
		}
		return ""
	}
	seven := func(o *orders.Order) trade.Money { return o.Total.Times(trade.MustDecimal("0.07")).Round() }
	if a := validate("C10001"); a.Order.Tax == nil || a.Order.Tax.Amount != seven(a.Order) || !a.Order.Tax.Estimated || seen(a) != "" {
		t.Errorf("the tax is %+v, %s", a.Order.Tax, seen(a))
	}
	set := func(fields string) []any {
		t.Helper()
		got := g.query("operations", `mutation { setTaxCertificate(input: {accountId: "C10001", number: "X-1", `+fields+`}) { certificate { number state } errors { message path } } }`, nil)
		errs, _ := at(got.Data, "setTaxCertificate", "errors").([]any)
		if len(got.Errors) > 0 {
			t.Fatal(got.Errors)
		}
		return errs
	}
	for _, c := range []struct{ fields, seen, tax string }{
		{`jurisdictions: ["US"], validFrom: "2026-01-01", state: PENDING`, "WARN certificate X-1 is PENDING: tax is charged", "7 []"},
		{`jurisdictions: ["US"], validFrom: "2026-01-01"`, "", "0 [X-1]"},
		{`jurisdictions: ["US"], validFrom: "2026-01-01", validUntil: "` + string(today.Plus(-1)) + `"`, "WARN certificate X-1 has expired on " + string(today.Plus(-1)) + ": tax is charged", "7 []"},
		{`jurisdictions: ["US"], validFrom: "` + string(today.Plus(1)) + `"`, "WARN certificate X-1 is valid from " + string(today.Plus(1)) + ": tax is charged", "7 []"},
		{`jurisdictions: ["CA", "US-ZZ"], validFrom: "2026-01-01"`, "", "7 []"},
		{`jurisdictions: ["US"], itemCategories: ["SAFE"], validFrom: "2026-01-01"`, "", "7 []"},
		{`jurisdictions: ["US"], itemCategories: ["PIPE"], validFrom: "2026-01-01", validUntil: "` + string(today) + `"`, "", "0 [X-1]"},
	} {
		if errs := set(c.fields); len(errs) > 0 {
			t.Fatalf("%s: %v", c.fields, errs)
		}
		a := validate("C10001")
		tax := "?"
		if a.Order.Tax.Amount == seven(a.Order) {
			tax = "7"
		} else if a.Order.Tax.Amount.Amount.IsZero() {
			tax = "0"
		}
		if got := fmt.Sprint(tax, " ", a.Order.Tax.Certificates); got != c.tax || seen(a) != c.seen {
			t.Errorf("%s: %s, want %s; seen is %q, want %q", c.fields, got, c.tax, seen(a), c.seen)
		}
	}
	for _, wrong := range []string{`jurisdictions: [], validFrom: "2026-01-01"`, `jurisdictions: ["Ohio"], validFrom: "2026-01-01"`, `jurisdictions: ["US"], validFrom: "2026-01-02", validUntil: "2026-01-01"`} {
		if errs := set(wrong); len(errs) != 1 {
			t.Errorf("%s is answered %v", wrong, errs)
		}
	}
	if got := g.query("buyer", `mutation { setTaxCertificate(input: {accountId: "C10001", number: "X-2", jurisdictions: ["US"], validFrom: "2026-01-01"}) { errors { message } } }`, nil); len(got.Errors) == 0 {
		t.Errorf("a buyer exempts itself: %v", got.Data)
	}
	got := g.query("operations", `{ account(id: "C10001") { taxCertificates { number jurisdictions itemCategories validUntil state changedBy } } }`, nil)
	if list, _ := at(got.Data, "account", "taxCertificates").([]any); len(list) != 1 || at(list[0], "number") != "X-1" || at(list[0], "validUntil") != string(today) {
		t.Errorf("the certificates are %v, %v", got.Data, got.Errors)
	}
	w.admin("POST", "/admin/erp/tax?customer=C10002&percent=0", "")
	if a := validate("C10002"); seen(a) != "WARN no certificate exempts the order" || !a.Order.Tax.Amount.Amount.IsZero() {
		t.Errorf("an account that is exempt without a certificate: %q, %+v", seen(a), a.Order.Tax)
	}
	w.admin("POST", "/admin/erp/tax?customer=C10003&percent=7.5", "")
	w.start()
	a := w.place("taxed", draft("C10003", line("SKU-1000", "10")))
	w.until("the ERP has calculated the tax", func() bool {
		o := w.order(a.OrderID)
		return o.Tax != nil && !o.Tax.Estimated && o.Tax.Source == "erp" && o.Tax.Amount == o.Total.Times(trade.MustDecimal("0.075")).Round()
	})
	text := fmt.Sprint(g.query("operations", `query($n: String!) { order(number: $n) { tax { estimated source certificates asOf } } }`, map[string]any{"n": w.order(a.OrderID).Number}).Data)
	if want := "source:erp"; len(text) == 0 || !strings.Contains(text, want) || !strings.Contains(text, "estimated:false") {
		t.Errorf("the graph tells %s", text)
	}
}
