package pricing

import (
	"fmt"

	"crossdock/domains/trade"
)

// Step is one step from the list price to what is paid.
type Step struct {
	Kind StepKind
	// Label is what it comes from, for people.
	Label string
	// Amount is what it adds to the price, negative for what it takes off; Result is the price after it.
	Amount trade.Money
	Result trade.Money
}

// StepKind is where a step comes from.
type StepKind string

// The kinds, in the order in which they apply.
const (
	StepList      StepKind = "LIST"
	StepAgreement StepKind = "AGREEMENT"
	StepBreak     StepKind = "QUANTITY_BREAK"
	StepDiscount  StepKind = "DISCOUNT"
	StepPromotion StepKind = "PROMOTION"
)

// Waterfall is how the price comes about, as far as the ERP tells: from the list price, by the price list or contract that applies,
// to the quantity break, and what is off that. The steps' amounts add up to the unit price.
func (p *Price) Waterfall() []Step {
	list := p.ListPrice
	if list.Currency != p.UnitPrice.Currency || list.Amount.IsZero() {
		list = p.UnitPrice
	}
	out := []Step{{Kind: StepList, Label: "list price", Amount: list, Result: list}}
	add := func(kind StepKind, label string, to trade.Money) {
		last := out[len(out)-1].Result
		if d := trade.Less(to.Amount, last.Amount); !d.IsZero() {
			out = append(out, Step{kind, label, trade.Money{Amount: d, Currency: to.Currency}, to})
		}
	}
	before := func(to trade.Money) trade.Money { // what is off is off last
		for _, d := range p.Discounts {
			to.Amount = trade.Sum(to.Amount, d.Amount.Amount)
		}
		return to
	}
	if at, base := p.applied(), p.base(); at != nil && base != nil && base.From.Value.Cmp(at.From.Value) < 0 && at.UnitPrice == p.UnitPrice {
		add(StepAgreement, p.List, before(base.UnitPrice))
		add(StepBreak, fmt.Sprintf("from %s", at.From), before(p.UnitPrice))
	} else {
		add(StepAgreement, p.List, before(p.UnitPrice))
	}
	for i, d := range p.Discounts {
		kind, last := StepDiscount, out[len(out)-1].Result
		if d.Promotion {
			kind = StepPromotion
		}
		if last.Amount = trade.Less(last.Amount, d.Amount.Amount); i == len(p.Discounts)-1 {
			last = p.UnitPrice
		}
		add(kind, d.Code, last)
	}
	return out
}

// quantity is what the price was asked for, one when it was not said.
func (p *Price) quantity() trade.Decimal {
	q, err := trade.ParseDecimal(p.Key.Quantity)
	if err != nil {
		return trade.MustDecimal("1")
	}
	return q
}

// applied is the break that the quantity is in, base the one of the smallest quantity; nil when there is none.
func (p *Price) applied() (at *Break) {
	q := p.quantity()
	for i := range p.Breaks {
		if b := &p.Breaks[i]; b.From.Value.Cmp(q) <= 0 && (at == nil || b.From.Value.Cmp(at.From.Value) > 0) {
			at = b
		}
	}
	return at
}

func (p *Price) base() (first *Break) {
	for i := range p.Breaks {
		if b := &p.Breaks[i]; first == nil || b.From.Value.Cmp(first.From.Value) < 0 {
			first = b
		}
	}
	return first
}

// NextBreak is the next quantity from which one costs less.
type NextBreak struct {
	From      trade.Quantity
	UnitPrice trade.Money
	// Saving is what From of them cost less than at the price of the quantity asked for.
	Saving trade.Money
	// NoDearer is true when From of them cost no more than the quantity asked for does.
	NoDearer bool
}

// Next is the next break, nil when there is none.
func (p *Price) Next() *NextBreak {
	q := p.quantity()
	var next *Break
	for i := range p.Breaks {
		if b := &p.Breaks[i]; b.From.Value.Cmp(q) > 0 && b.UnitPrice.Amount.Cmp(p.UnitPrice.Amount) < 0 && (next == nil || b.From.Value.Cmp(next.From.Value) < 0) {
			next = b
		}
	}
	if next == nil {
		return nil
	}
	off := trade.Money{Amount: trade.Less(p.UnitPrice.Amount, next.UnitPrice.Amount), Currency: p.UnitPrice.Currency}
	return &NextBreak{
		From: next.From, UnitPrice: next.UnitPrice, Saving: off.Times(next.From.Value).Round(),
		NoDearer: next.UnitPrice.Times(next.From.Value).Round().Amount.Cmp(p.UnitPrice.Times(q).Round().Amount) <= 0,
	}
}
