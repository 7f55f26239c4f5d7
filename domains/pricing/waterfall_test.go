package pricing_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"crossdock/domains/pricing"
	"crossdock/domains/trade"
)

func usd(amount string) trade.Money {
	return trade.Money{Amount: trade.MustDecimal(amount), Currency: "USD"}
}

func from(n, price string) pricing.Break {
	return pricing.Break{From: trade.Quantity{Value: trade.MustDecimal(n), Unit: "PCS"}, UnitPrice: usd(price)}
}

// TestWaterfall is how prices come about.
func TestWaterfall(t *testing.T) {
	t.Parallel()
	breaks := []pricing.Break{from("1", "9.00"), from("10", "8.50"), from("50", "8.00")}
	for name, c := range map[string]struct {
		price pricing.Price
		want  string
	}{
		"the list price":        {pricing.Price{UnitPrice: usd("10"), ListPrice: usd("10")}, "LIST 10"},
		"a contract":            {pricing.Price{UnitPrice: usd("9.00"), ListPrice: usd("10"), List: "C-7"}, "LIST 10 AGREEMENT -1.00"},
		"a break of a contract": {pricing.Price{Key: pricing.Key{Quantity: "12"}, UnitPrice: usd("8.50"), ListPrice: usd("10"), List: "C-7", Breaks: breaks}, "LIST 10 AGREEMENT -1.00 QUANTITY_BREAK -0.50"},
		"no list price is told": {pricing.Price{UnitPrice: usd("9.00")}, "LIST 9.00"},
		"dearer than the list":  {pricing.Price{UnitPrice: usd("11.00"), ListPrice: usd("10"), List: "rush"}, "LIST 10 AGREEMENT 1.00"},
	} {
		got := ""
		for _, s := range c.price.Waterfall() {
			got += fmt.Sprintf(" %s %s", s.Kind, s.Amount.Amount)
		}
		if got != " "+c.want {
			t.Errorf("%s:%s, want %s", name, got, c.want)
		}
	}
	p := pricing.Price{Key: pricing.Key{Quantity: "48"}, UnitPrice: usd("8.50"), ListPrice: usd("10"), Breaks: breaks}
	if n := p.Next(); n == nil || n.From.Value.String() != "50" || n.Saving.Amount.String() != "25.00" || !n.NoDearer {
		t.Errorf("next after 48 is %+v", n)
	}
	p.Key.Quantity = "50"
	if n := p.Next(); n != nil {
		t.Errorf("next after 50 is %+v", n)
	}
}

// TestStepsAddUp to the unit price, whatever the ERP tells.
func TestStepsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cents := func(name string) trade.Money {
			n := rapid.IntRange(0, 5000).Draw(t, name)
			return usd(fmt.Sprintf("%d.%02d", n/100, n%100))
		}
		p := pricing.Price{Key: pricing.Key{Quantity: fmt.Sprint(rapid.IntRange(1, 60).Draw(t, "quantity"))}, UnitPrice: cents("unit"), ListPrice: cents("list"), List: "L"}
		for range rapid.IntRange(0, 4).Draw(t, "breaks") {
			p.Breaks = append(p.Breaks, from(fmt.Sprint(rapid.IntRange(1, 60).Draw(t, "from")), cents("break").Amount.String()))
		}
		sum := trade.Decimal{}
		steps := p.Waterfall()
		for _, s := range steps {
			sum = trade.Sum(sum, s.Amount.Amount)
		}
		if !sum.Equal(p.UnitPrice.Amount) || !steps[len(steps)-1].Result.Amount.Equal(p.UnitPrice.Amount) {
			t.Fatalf("the steps %+v add up to %s, not %s", steps, sum, p.UnitPrice)
		}
	})
}
