package trade

import (
	"maps"
	"slices"
	"time"
)

// Dated is a quantity on a day: goods that are expected, or wanted.
type Dated struct {
	Date     Date    `json:"date"`
	Quantity Decimal `json:"quantity"`
}

// PromiseDay is a day from which on something else can be promised than before.
type PromiseDay struct {
	Date Date
	// Receipts are expected on the day, Issues leave by then.
	Receipts, Issues Decimal
	// Cumulative is all that will have come, less all that will have left.
	Cumulative Decimal
	// Available is what can be promised for the day.
	Available Decimal
}

// lateness is how long after its day goods may still come: until then they are taken to come tomorrow, and later not at all.
const lateness = 14

// ATP is what can be promised day by day, cumulatively and with look-ahead: what is free today and received until a day,
// less what leaves until then, as far as no later day needs it. By day t that is
//
//	available(t) = max(0, min over u ≥ t of (receipts until u − issues until u))
//
// so that it never falls when something more is received, nor rises when something more leaves. The first day is today;
// issues without a day, or of one before, leave today. Microsoft calls it cumulative ATP with look-ahead (Dynamics 365,
// "Order promising").
func ATP(today Date, free Decimal, receipts, issues []Dated) []PromiseDay {
	days := map[Date]*PromiseDay{}
	on := func(d Date) *PromiseDay {
		if days[d] == nil {
			days[d] = &PromiseDay{Date: d}
		}
		return days[d]
	}
	on(today).Cumulative = free
	for _, r := range receipts {
		day := r.Date
		if day < today {
			if day.Plus(lateness) < today {
				continue
			}
			day = today.Plus(1)
		}
		d := on(day)
		d.Receipts = Sum(d.Receipts, r.Quantity)
	}
	for _, i := range issues {
		d := on(max(today, i.Date))
		d.Issues = Sum(d.Issues, i.Quantity)
	}
	out := make([]PromiseDay, 0, len(days))
	var sum Decimal
	for _, date := range slices.Sorted(maps.Keys(days)) {
		d := *days[date]
		sum = Less(Sum(sum, d.Cumulative, d.Receipts), d.Issues)
		d.Cumulative = sum
		out = append(out, d)
	}
	least := sum
	for i := len(out) - 1; i >= 0; i-- {
		least = Min(least, out[i].Cumulative)
		out[i].Available = least.Max(Decimal{})
	}
	return out
}

// FirstDay is the first day for which so much can be promised.
func FirstDay(days []PromiseDay, q Decimal) (Date, bool) {
	i := slices.IndexFunc(days, func(d PromiseDay) bool { return d.Available.Cmp(q) >= 0 })
	if i < 0 {
		return "", false
	}
	return days[i].Date, true
}

// Plus is the day so many days later. What is no date stays as it is.
func (d Date) Plus(days int) Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return Date(t.AddDate(0, 0, days).Format(time.DateOnly))
}

// Until is how many days later another day is; zero when either is no date.
func (d Date) Until(other Date) int {
	from, err := time.Parse(time.DateOnly, string(d))
	to, e := time.Parse(time.DateOnly, string(other))
	if err != nil || e != nil {
		return 0
	}
	return int(to.Sub(from) / (24 * time.Hour))
}

// DateOf is the day of a moment, in its zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }
