package orders

import (
	"fmt"
	"maps"
	"slices"

	"crossdock/domains/trade"
)

// Ordered is a quantity in another unit than the item's own, and how many of the item's one of it is.
type Ordered struct {
	Quantity trade.Quantity `json:"quantity"`
	Ratio    trade.Ratio    `json:"ratio"`
}

// OrderedAs is what was ordered, nil where that was in the item's own unit.
func (l *Line) OrderedAs() *trade.Quantity {
	if l.Ordered == nil {
		return nil
	}
	return &l.Ordered.Quantity
}

// pricePlaces are those of a price that is told for another unit, in the item's own.
const pricePlaces = 10

// ratio is how many of the item's own unit another one is.
func (i ItemFact) ratio(u trade.Unit) (r trade.Ratio, ok bool) {
	if i.Rule != nil {
		r, ok = i.Rule.Units[u]
	}
	return r, ok && r.Valid()
}

// units are those in which the item may be ordered, its own first.
func (i ItemFact) units() []string {
	out := []string{string(i.Unit)}
	if i.Rule != nil {
		for _, u := range slices.Sorted(maps.Keys(i.Rule.Units)) {
			if u != i.Unit && i.Rule.Units[u].Valid() {
				out = append(out, string(u))
			}
		}
	}
	return out
}

// InItsUnit makes a line that was ordered in another unit than the item's one in the item's own: its quantity, exactly, and the
// prices that came with it. It reports whether it did; a line that has no exact quantity in the item's unit stays as it is.
func (i ItemFact) InItsUnit(l *DraftLine) bool {
	ratio, ok := i.ratio(l.Quantity.Unit)
	if !ok || l.Quantity.Unit == i.Unit {
		return false
	}
	own, exact := ratio.Convert(l.Quantity.Value, i.Rule.Scale)
	if !exact || own.Cmp(most()) > 0 {
		return false
	}
	ordered := l.Quantity
	l.Ordered, l.Quantity = &Ordered{ordered, ratio}, trade.Quantity{Value: own, Unit: i.Unit}
	if want := l.ExpectedUnitPrice; want != nil {
		l.ExpectedUnitPrice = &trade.Money{Amount: priceOf(want.Amount, ratio), Currency: want.Currency}
	}
	if set := l.Override; set != nil {
		l.Override = &PriceOverride{UnitPrice: trade.Money{Amount: priceOf(set.UnitPrice.Amount, ratio), Currency: set.UnitPrice.Currency}, Reason: set.Reason}
	}
	return true
}

// inItsUnit makes the line one in the item's own unit, which is meant where none is named.
func (l *lining) inItsUnit(d *DraftLine) {
	if d.Quantity.Unit == "" {
		d.Quantity.Unit = l.item.Unit
	}
	l.item.InItsUnit(d)
	l.Quantity, l.Ordered, l.ExpectedUnitPrice, l.Override = d.Quantity, d.Ordered, d.ExpectedUnitPrice, d.Override
}

// own is a quantity of an item as it was ordered, in the unit of the order's line.
func (o *Order) own(sku trade.SKU, q trade.Quantity) trade.Decimal {
	for _, l := range o.Lines {
		if l.SKU == sku && l.Ordered != nil && l.Ordered.Quantity.Unit == q.Unit {
			d, _ := l.Ordered.Ratio.Convert(q.Value, pricePlaces)
			return d
		}
	}
	return q.Value
}

// priceOf is the price of one of the item's unit, of what one of another costs.
func priceOf(p trade.Decimal, r trade.Ratio) trade.Decimal {
	d, _ := r.Back().Convert(p, pricePlaces)
	return d
}

// nearest says that a quantity has no exact value in the item's unit, and which on either side can be ordered.
func (i ItemFact) nearest(q trade.Quantity, r trade.Ratio) (message, remedy string) {
	near, _ := r.Convert(q.Value, i.Rule.Scale)
	over, _ := r.Convert(q.Value, pricePlaces)
	message = fmt.Sprintf("%s of %s are %s %s, which is no quantity that it has", q, i.SKU, over, i.Unit)
	legal := func(own trade.Decimal) string {
		if theirs, exact := r.Back().Convert(own, pricePlaces); exact {
			return fmt.Sprintf("%s %s (%s %s)", own.Trim(0), i.Unit, theirs, q.Unit)
		}
		return fmt.Sprintf("%s %s", own.Trim(0), i.Unit)
	}
	step, err := trade.MustDecimal("1").QuoExact(pow10(i.Rule.Scale), i.Rule.Scale)
	if err != nil {
		step = trade.MustDecimal("1")
	}
	remedy = "order " + legal(i.Rule.above(trade.Sum(near, step)))
	if down, ok := i.Rule.below(near); ok {
		remedy = "order " + legal(down) + " or " + legal(i.Rule.above(trade.Sum(near, step)))
	}
	return message, remedy
}
