package orders_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

// TestWhatAShopHasOtherwise follows an order of ten A, called alpha there, and three B that the ERP has added, through what its shop
// makes of it.
func TestWhatAShopHasOtherwise(t *testing.T) {
	t.Parallel()
	alpha := func(n string, others ...orders.DraftLine) orders.PlacedOrder {
		line := orders.DraftLine{SKU: "A", Called: "alpha", Quantity: trade.Quantity{Value: trade.MustDecimal(n)}}
		return orders.PlacedOrder{Ref: "1", Draft: orders.Draft{Lines: append([]orders.DraftLine{line}, others...)}}
	}
	c := orders.DraftLine{SKU: "C", Quantity: trade.Quantity{Value: whole(4)}}
	o := &orders.Order{Status: orders.Accepted, Channel: orders.Storefront, Lines: []orders.Line{
		{Number: 1, SKU: "A", Called: "alpha", Quantity: quantity("10", "PCS")},
		{Number: 2, SKU: "B", Quantity: quantity("3", "PCS"), Raised: whole(3)},
	}}
	orders.Observed(o, alpha("10"))
	keeps := func(n int) { o.Lines[0].Cancelled = trade.Less(whole(10), whole(n)) }
	for _, step := range []struct {
		what                string
		keeps               int
		is                  orders.PlacedOrder
		lowered, more, less string
		stays               int
	}{
		{"what the ERP has added was never there", 10, alpha("10"), "", "", "", 10},
		{"lowered, and not what the ERP has added", 10, alpha("8"), "A 2", "", "A 2", 10},
		{"raised to what it was", 10, alpha("10"), "", "", "", 10},
		{"raised, and something is new", 10, alpha("11", c), "", "alpha 1 C 4", "", 11},
		{"seen again", 10, alpha("11", c), "", "alpha 1 C 4", "", 11},
		{"it has heard that seven are kept", 7, alpha("8", c), "", "alpha 1 C 4", "", 8},
		{"the new one is taken off again", 7, alpha("8"), "", "alpha 1", "", 8},
		{"and what was added of the first", 7, alpha("7"), "", "", "", 7},
	} {
		keeps(step.keeps)
		lowered, more, less := orders.Observed(o, step.is)
		got := fmt.Sprintf("%s|%s|%s", told(lowered), told(more), told(less))
		if want := strings.Join([]string{step.lowered, step.more, step.less}, "|"); got != want {
			t.Errorf("%s: lowered|more|less are %s, want %s", step.what, got, want)
		}
		if stays := o.Stays(map[trade.SKU]int{"alpha": 11})["alpha"]; step.is.Draft.Lines[0].Quantity.Value.Equal(whole(11)) && stays != step.stays {
			t.Errorf("%s: %d stay, want %d", step.what, stays, step.stays)
		}
	}
	if unseen := o.Stays(map[trade.SKU]int{"alpha": 7, "D": 2}); unseen["D"] != 2 || unseen["alpha"] != 7 {
		t.Errorf("what nobody has looked at yet does not stay: %v", unseen)
	}
	o.Lines[1].Outcome, o.Lines[1].Rejected = orders.LineRejected, whole(3)
	for status, want := range map[orders.Status]int{orders.OnHold: 3, orders.Accepted: 0, orders.Cancelled: 0} {
		if o.Status = status; o.Stays(nil)["B"] != want {
			t.Errorf("of a line that was turned down %d stay when the order is %s", o.Stays(nil)["B"], status)
		}
	}
}

func told(parts []trade.Part) string {
	var out []string
	for _, p := range parts {
		out = append(out, fmt.Sprintf("%s %s", p.SKU, p.Quantity))
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return strings.Join(out, " ")
}
