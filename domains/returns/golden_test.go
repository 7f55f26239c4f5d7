package returns_test

import (
	"testing"

	"crossdock/domains/returns"
	"crossdock/domains/trade"
)

// TestAReturnOfTen: six good, three damaged and one missing are six to sell again, three set aside, a credit for nine, and one to
// ask about.
func TestAReturnOfTen(t *testing.T) {
	t.Parallel()
	of := trade.MustDecimal
	l := returns.Line{Line: 1, SKU: "A", UnitPrice: trade.Money{Amount: of("2.50"), Currency: "USD"}, Requested: of("10"), Authorized: of("10")}
	missing := returns.Receive(&l, []returns.Unit{{SKU: "A", Quantity: of("6"), Disposition: returns.Restock}, {SKU: "A", Quantity: of("3"), Disposition: returns.Quarantine}})
	r := returns.Return{Currency: "USD", Lines: []returns.Line{l}}
	if !missing || l.Restocked.String() != "6" || l.Quarantined.String() != "3" || l.Missing.String() != "1" || r.Credit().Amount.String() != "22.50" {
		t.Errorf("%s to sell, %s set aside, %s missing, credit %s", l.Restocked, l.Quarantined, l.Missing, r.Credit())
	}
}
