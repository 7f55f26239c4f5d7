package orders

import (
	"cmp"
	"fmt"

	"crossdock/domains/trade"
)

// BuyerRule is what some buyers may order for the account. The first rule that names a buyer is that buyer's; whom no rule names may
// order everything.
type BuyerRule struct {
	Name string `json:"name"`
	// Buyers are who places orders, as their tokens name them, or patterns.
	Buyers []string `json:"buyers"`
	// Maximum is the most that one of their orders may be worth, before tax, in its currency; nil for any worth.
	Maximum *trade.Decimal `json:"maximum,omitempty"`
	Assortment
}

// orders is who places the order, or changes it.
func (d Draft) orders() string { return cmp.Or(d.AmendedBy, d.By) }

// authority is the rule that names who orders.
func (e *evaluation) authority() (BuyerRule, bool) {
	for _, b := range e.policy.Buyers {
		if matches(b.Buyers, e.draft.orders()) {
			return b, true
		}
	}
	return BuyerRule{}, false
}

// mayBuy holds a line against what its buyer may order.
func (e *evaluation) mayBuy(l *lining) {
	if rule, ok := e.authority(); ok && !rule.sells(l.item) {
		e.sees(l, buyerNotAuthorized, sight{
			path: l.at("sku"), message: fmt.Sprintf("%s may not order item %s", e.draft.orders(), l.SKU), remedy: "have somebody order it who may",
			evidence: trade.Evidence{"rule": rule.Name, "buyer": e.draft.orders(), "category": l.item.Category},
		})
	}
}

// maySpend holds the order against what its buyer may spend at once.
func (e *evaluation) maySpend(total trade.Money) {
	if rule, ok := e.authority(); ok && rule.Maximum != nil && total.Amount.Cmp(*rule.Maximum) > 0 {
		e.see(buyerNotAuthorized, sight{
			path: "lines", message: fmt.Sprintf("the order is worth %s, and %s may order for %s", total, e.draft.orders(), rule.Maximum), remedy: "order less, or have somebody order it who may",
			evidence: trade.Evidence{"rule": rule.Name, "buyer": e.draft.orders(), "maximum": rule.Maximum.String(), "order": total.Amount.String()},
		})
	}
}

// Blanket is an agreement to order for up to so much under one PO number: each order under it takes its worth from what is left.
type Blanket struct {
	PONumber string `json:"poNumber"`
	// Maximum is what all its orders together may be worth, before tax, in the account's currency.
	Maximum trade.Decimal `json:"maximum"`
	// Until is the last day on which orders are taken under it; empty for any.
	Until trade.Date `json:"until,omitempty"`
}

// blanket is the agreement that orders under the PO number are taken by, nil when there is none.
func (p Policy) blanket(poNumber string) *Blanket {
	for i, b := range p.Blankets {
		if b.PONumber == poNumber {
			return &p.Blankets[i]
		}
	}
	return nil
}

// withinBlanket holds the order against what is left of the agreement that it is placed under, when its other orders have used so
// much of it.
func (e *evaluation) withinBlanket(used trade.Decimal, total trade.Money) {
	b := e.policy.blanket(e.draft.PONumber)
	if b == nil {
		return
	}
	left := trade.Less(b.Maximum, used)
	s := sight{
		path: "poNumber", remedy: "order under another PO number, or have the agreement extended",
		evidence: trade.Evidence{"maximum": b.Maximum.String(), "used": used.String(), "remaining": left.String(), "order": total.Amount.String()},
	}
	switch day := max(trade.DateOf(e.draft.At), trade.DateOf(e.draft.AmendedAt)); {
	case b.Until != "" && day > b.Until:
		s.message, s.evidence["until"] = fmt.Sprintf("orders under PO number %s were taken until %s", b.PONumber, b.Until), string(b.Until)
	case total.Amount.Cmp(left) > 0:
		s.message = fmt.Sprintf("the order is worth %s, and %s of the %s agreed under PO number %s are left", total, left, b.Maximum, b.PONumber)
	default:
		return
	}
	e.see(blanketExhausted, s)
}
