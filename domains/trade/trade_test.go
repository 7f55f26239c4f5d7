package trade_test

import (
	"testing"

	"crossdock/domains/trade"
)

// TestASumHasThePlacesOfWhatIsInIt, also of what is nothing.
func TestASumHasThePlacesOfWhatIsInIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, sum, less string }{
		{"4.50", "0", "4.50", "4.50"}, {"0", "4.50", "4.50", "-4.50"}, {"4.5", "0.00", "4.50", "4.50"}, {"0.00", "4.5", "4.50", "-4.50"}, {"0", "0", "0", "0"}, {"1.25", "1.3", "2.55", "-0.05"}, {"1", "-1.0", "0.0", "2.0"},
	} {
		a, b := trade.MustDecimal(c.a), trade.MustDecimal(c.b)
		if sum, less := trade.Sum(a, b).String(), trade.Less(a, b).String(); sum != c.sum || less != c.less {
			t.Errorf("%s and %s are %s and %s, not %s and %s", c.a, c.b, sum, less, c.sum, c.less)
		}
	}
}
