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

// AsOrdered is a part of the line in the unit that was ordered.
func (l *Line) AsOrdered(p trade.Part) trade.Part {
	if l.Ordered != nil {
		p.Quantity, _ = l.Ordered.Ratio.Back().Convert(p.Quantity, pricePlaces)
		p.Unit = l.Ordered.Quantity.Unit
	}
	return p
}

// Own is a quantity of the line, told in whatever unit, in the line's own; false when nothing is known of that unit.
func (l *Line) Own(q trade.Quantity) (trade.Decimal, bool) {
	switch {
	case q.Unit == "" || l.Quantity.Unit == "" || q.Unit == l.Quantity.Unit:
		return q.Value, true
	case l.Ordered != nil && l.Ordered.Quantity.Unit == q.Unit:
		return l.Ordered.Ratio.Convert(q.Value, pricePlaces)
	default:
		return trade.Decimal{}, false
	}
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
	want, set := l.ExpectedUnitPrice, l.Override
	if want != nil {
		p, ok := priceOf(*want, ratio)
		if want = &p; !ok {
			return false
		}
	}
	if set != nil {
		p, ok := priceOf(set.UnitPrice, ratio)
		if set = &(PriceOverride{p, set.Reason}); !ok {
			return false
		}
	}
	l.Ordered, l.Quantity, l.ExpectedUnitPrice, l.Override = &Ordered{l.Quantity, ratio}, trade.Quantity{Value: own, Unit: i.Unit}, want, set
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

// own is a quantity of an item as its shop tells it, in the unit of the order's lines.
func (o *Order) own(sku trade.SKU, q trade.Quantity) trade.Decimal {
	for i := range o.Lines {
		if o.Lines[i].SKU == sku {
			if d, ok := o.Lines[i].Own(q); ok {
				return d
			}
		}
	}
	return q.Value
}

// priceOf is the price of one of the item's unit, of what one of another costs; false when it has too many digits.
func priceOf(p trade.Money, r trade.Ratio) (trade.Money, bool) {
	d, exact := r.Back().Convert(p.Amount, pricePlaces)
	return trade.Money{Amount: d, Currency: p.Currency}, exact || d.IsPos() || p.Amount.IsZero()
}

// nearest says that a quantity has no exact value in the item's unit, and which on either side can be ordered.
func (i ItemFact) nearest(q trade.Quantity, r trade.Ratio) (message, remedy string) {
	near, exact := r.Convert(q.Value, i.Rule.Scale)
	over, _ := r.Convert(q.Value, pricePlaces)
	if exact || over.IsZero() || near.Cmp(most()) > 0 {
		return fmt.Sprintf("%s of %s, or what is paid for one, cannot be counted in %s", q, i.SKU, i.Unit), "order less, or in " + string(i.Unit)
	}
	message = fmt.Sprintf("%s of %s are %s %s, which is no quantity that it has", q, i.SKU, over, i.Unit)
	legal := func(own trade.Decimal) string {
		if theirs, exact := r.Back().Convert(own, pricePlaces); exact {
			return fmt.Sprintf("%s %s (%s %s)", own.Trim(0), i.Unit, theirs, q.Unit)
		}
		return fmt.Sprintf("%s %s", own.Trim(0), i.Unit)
	}
	up := legal(i.Rule.above(trade.Sum(near, i.Rule.smallest())))
	if down, ok := i.Rule.below(near); ok {
		return message, "order " + legal(down) + " or " + up
	}
	return message, "order " + up
}
