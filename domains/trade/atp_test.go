package trade_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"crossdock/domains/trade"
)

const today = trade.Date("2026-11-26")

func dated(t *rapid.T, what string) []trade.Dated {
	out := make([]trade.Dated, rapid.IntRange(0, 5).Draw(t, what))
	for i := range out {
		out[i] = one(t, fmt.Sprint(what, i))
	}
	return out
}

func one(t *rapid.T, what string) trade.Dated {
	return trade.Dated{Date: today.Plus(rapid.IntRange(-20, 20).Draw(t, what+" day")), Quantity: whole(rapid.IntRange(0, 30).Draw(t, what+" quantity"))}
}

func whole(n int) trade.Decimal { return trade.MustDecimal(fmt.Sprint(n)) }

// available is what the days say of one.
func available(days []trade.PromiseDay, on trade.Date) (q trade.Decimal) {
	for _, d := range days {
		if d.Date <= on {
			q = d.Available
		}
	}
	return q
}

// TestATPIsByItsFormula compares every day with the formula, day by day; more supply never makes less, and more demand never
// more. The properties are those of cumulative ATP.
func TestATPIsByItsFormula(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		free := whole(rapid.IntRange(0, 20).Draw(t, "free"))
		receipts, issues := dated(t, "receipts"), dated(t, "issues")
		days := trade.ATP(today, free, receipts, issues)
		until := func(on trade.Date) trade.Decimal {
			sum := free
			for _, r := range receipts {
				day := r.Date
				if day < today {
					day = today.Plus(1)
				}
				if r.Date >= today.Plus(-14) && day <= on {
					sum = trade.Sum(sum, r.Quantity)
				}
			}
			for _, i := range issues {
				if i.Date <= on {
					sum = trade.Less(sum, i.Quantity)
				}
			}
			return sum
		}
		for n := range 25 {
			on := today.Plus(n)
			least := until(on)
			for later := n; later < 25; later++ {
				least = trade.Min(least, until(today.Plus(later)))
			}
			if got := available(days, on); !got.Equal(least.Max(trade.Decimal{})) {
				t.Fatalf("on %s %s, the formula says %s", on, got, least)
			}
		}
		more := trade.ATP(today, free, append(receipts, one(t, "more")), issues)
		less := trade.ATP(today, free, receipts, append(issues, one(t, "less")))
		for n := range 25 {
			on := today.Plus(n)
			if was := available(days, on); available(more, on).Cmp(was) < 0 || available(less, on).Cmp(was) > 0 {
				t.Fatalf("on %s %s, with more supply %s, with more demand %s", on, was, available(more, on), available(less, on))
			}
		}
		q := whole(rapid.IntRange(0, 60).Draw(t, "wanted"))
		first, ok := trade.FirstDay(days, q)
		if ok && (available(days, first).Cmp(q) < 0 || first > today && available(days, first.Plus(-1)).Cmp(q) >= 0) || !ok && available(days, today.Plus(30)).Cmp(q) >= 0 {
			t.Fatalf("%s can be promised from %q, %t: %v", q, first, ok, days)
		}
	})
}
