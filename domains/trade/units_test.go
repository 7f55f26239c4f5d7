package trade_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"crossdock/domains/trade"
)

func ratio(of, per string) trade.Ratio {
	return trade.Ratio{Of: trade.MustDecimal(of), Per: trade.MustDecimal(per)}
}

// TestConversions are exact, or say that they are not.
func TestConversions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ratio trade.Ratio
		q     string
		scale int
		want  string
		exact bool
	}{
		{ratio("12", "1"), "3", 0, "36", true},
		{ratio("12", "1"), "2.5", 0, "30", true},
		{ratio("1", "12"), "30", 0, "2", false},
		{ratio("1", "3"), "7", 2, "2.33", false},
		{ratio("1", "3"), "9", 0, "3", true},
		{ratio("0.45359237", "1"), "2", 3, "0.907", false},
		{ratio("0.45359237", "1"), "2", 8, "0.90718474", true},
		{ratio("0.3048", "1"), "10", 3, "3.048", true},
		{ratio("100000000", "0.00000001"), "100000000", 0, "0", false},
	} {
		if got, exact := c.ratio.Convert(trade.MustDecimal(c.q), c.scale); got.String() != c.want || exact != c.exact {
			t.Errorf("%s at %s to %s is %s, %t; want %s, %t", c.q, c.ratio.Of, c.ratio.Per, got, exact, c.want, c.exact)
		}
	}
}

// TestThereAndBack is where one was, whenever the way there was exact.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) trade.Decimal {
			d, err := trade.ParseDecimal(rapid.StringMatching(`[1-9][0-9]{0,4}(\.[0-9]{1,3})?`).Draw(t, name))
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		r, q := trade.Ratio{Of: number("of"), Per: number("per")}, number("q")
		there, exact := r.Convert(q, 6)
		if !exact {
			rational := func(d trade.Decimal) *big.Rat {
				r, _ := new(big.Rat).SetString(d.String())
				return r
			}
			is := new(big.Rat).Mul(rational(q), new(big.Rat).Quo(rational(r.Of), rational(r.Per)))
			if rational(there).Cmp(is) >= 0 || rational(trade.Sum(there, trade.MustDecimal("0.000001"))).Cmp(is) <= 0 {
				t.Fatalf("%s is rounded from %s to %s", q, is, there)
			}
			return
		}
		if back, ok := r.Back().Convert(there, 6); !ok || !back.Equal(q) {
			t.Fatalf("%s is %s, and that %s", q, there, back)
		}
	})
}
