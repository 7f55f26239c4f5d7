package tryton_test

import (
	"net/http"
	"strings"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/sources/erp/tryton"
	"crossdock/sources/trytonrpc"
	"crossdock/sources/trytonrpc/rpctest"
)

// replay is a client of a server with the replies, and what every session begins with.
func replay(t *testing.T, by map[string]string) (*tryton.Client, *rpctest.Recorded) {
	t.Helper()
	all := map[string][]string{"get_preferences": {"preferences"}, "company.search_read": {"company"}, "shop.search_read": {"shop"}}
	for method, file := range by {
		all[method] = []string{file}
	}
	r := rpctest.Replay(t, all)
	c, err := tryton.New("erp", r.URL, tryton.Config{Config: trytonrpc.Config{Database: "erp", User: "crossdock", Password: "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

// TestWhatTheProductRepliedIsRead: an order of which a part has left, and one that was given up.
func TestWhatTheProductRepliedIsRead(t *testing.T) {
	t.Parallel()
	c, _ := replay(t, map[string]string{"sale.sale.search_read": "order_partly_sent"})
	a, err := c.Registrations(t.Context(), []string{"X1795572203", "NEVER"})
	r := a.Found["X1795572203"]
	if err != nil || len(a.Found) != 1 || r.TheirNumber != "1" || r.Account != "C20001" || r.PONumber != "PO-1" || r.Unconfirmed || r.Cancelled || r.Posted {
		t.Fatalf("the order is %+v, %v", r, err)
	}
	if l := r.Lines[0]; len(r.Lines) != 2 || l.Line != 1 || l.SKU != "MI-1001" || l.Quantity.String() != "12 u" || l.Shipped.String() != "5" || l.UnitPrice.String() != "3.6125 USD" {
		t.Errorf("its lines are %+v", r.Lines)
	}
	if r.ShipTo != (trade.Address{Name: "Hartwell Plumbing", Line1: "100 Main St", City: "Columbus", Region: "OH", PostalCode: "43085", Country: "US"}) {
		t.Errorf("it goes to %+v", r.ShipTo)
	}
	c, _ = replay(t, map[string]string{"sale.sale.search_read": "order_given_up"})
	if p, err := c.Posted(t.Context(), []string{"2"}); err != nil || !p.Found["2"].Cancelled {
		t.Errorf("an order that was given up is %+v, %v", p, err)
	}
}

// TestDocumentsOfTheProductAreRead: a credit note is an invoice of a negative total there, and counts what
// came back here.
func TestDocumentsOfTheProductAreRead(t *testing.T) {
	t.Parallel()
	c, _ := replay(t, map[string]string{"account.invoice.search_read": "invoice"})
	a, err := c.Invoices(t.Context(), []string{"X1795572203"})
	if list := a.Found["X1795572203"]; err != nil || len(list) != 1 || list[0].Number != "INV2026-00001" || list[0].Total.String() != "19.37 USD" || list[0].DueOn != "2026-12-25" || list[0].Lines[0].Quantity.String() != "5 u" {
		t.Errorf("invoices %+v, %v", list, err)
	}
	c, _ = replay(t, map[string]string{"account.invoice.search_read": "credit_note"})
	page, err := c.DocumentsAfter(t.Context(), finance.CreditMemo, "")
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("credit notes %+v, %v", page, err)
	}
	if d := page.Items[0]; d.Number != "CN2026-00001" || d.Total.String() != "20.38 USD" || d.Lines[0].Quantity.String() != "2 u" || !strings.HasPrefix(d.ReturnNumber, "RT") {
		t.Errorf("the credit note is %+v", d)
	}
	if none, err := c.DocumentsAfter(t.Context(), finance.Invoice, ""); err != nil || len(none.Items) != 0 {
		t.Errorf("as an invoice it is %+v, %v", none, err)
	}
}

// TestCreditWithoutALimitIsNotALimitOfZero.
func TestCreditWithoutALimitIsNotALimitOfZero(t *testing.T) {
	t.Parallel()
	c, _ := replay(t, map[string]string{"party.party.search_read": "credit"})
	a, err := c.Credit(t.Context(), []trade.AccountID{"C20001", "C20003"})
	if err != nil || a.Found["C20003"].Limit != nil || a.Found["C20001"].Limit == nil || a.Found["C20001"].OpenOrders.String() != "156.59" || a.Found["C20001"].Balance.String() != "-1.01" {
		t.Errorf("credit %+v, %v", a, err)
	}
}

// TestRefusalsOfTheProduct, which answer 200, get their kinds once.
func TestRefusalsOfTheProduct(t *testing.T) {
	t.Parallel()
	for file, kind := range map[string]fault.Kind{"refused_duplicate": fault.Conflict, "refused_locked": fault.Unavailable, "refused_unknown_model": fault.BadResponse} {
		c, _ := replay(t, map[string]string{"sale.sale.search_read": file})
		a, err := c.Registrations(t.Context(), []string{"SO-1"})
		if failed := a.Failed["SO-1"]; err != nil || fault.KindOf(failed) != kind || fault.Unsure(failed) {
			t.Errorf("%s is %v, %v", file, failed, err)
		}
	}
	c, _ := replay(t, map[string]string{"sale.sale.search_read": "order_in_quotation", "sale.sale.confirm": "warning_credit_limit"})
	r, err := c.Confirm(t.Context(), "SO-1", nil)
	if want := (orders.Stop{Name: "credit_limit_amount_sale.sale,13", Message: `Party "Lakeside Facilities" has reached their credit limit of $150.00.`}); err != nil || !r.Unconfirmed || len(r.Stops) != 1 || r.Stops[0] != want {
		t.Errorf("a credit limit is %+v, %v", r, err)
	}
}

// TestALoginIsNotLockedOut: a refused one is left alone, however many ask; a session that was forgotten is
// replaced, and the call made again.
func TestALoginIsNotLockedOut(t *testing.T) {
	t.Parallel()
	for _, status := range []int64{http.StatusUnauthorized, http.StatusTooManyRequests} {
		c, r := replay(t, nil)
		r.Refuse.Store(status)
		for range 20 {
			// What is only for a while must not look as if it were for good.
			a, err := c.Credit(t.Context(), []trade.AccountID{"C20001"})
			if failed := a.Failed["C20001"]; err != nil || failed == nil || fault.Retryable(failed) != (status == http.StatusTooManyRequests) {
				t.Errorf("without a login credit is %v, %v", failed, err)
			}
		}
		if n := r.Logins.Load(); n != 1 {
			t.Errorf("a login that is answered %d was tried %d times", status, n)
		}
	}
	c, r := replay(t, map[string]string{"party.party.search_read": "credit"})
	for range 3 {
		r.Forget.Store(true)
		if a, err := c.Credit(t.Context(), []trade.AccountID{"C20001"}); err != nil || a.Failed["C20001"] != nil {
			t.Errorf("after a forgotten session credit is %+v, %v", a, err)
		}
	}
	if n := r.Logins.Load(); n > 4 {
		t.Errorf("three forgotten sessions cost %d logins", n)
	}
}
