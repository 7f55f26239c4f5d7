package orders

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"crossdock/domains/trade"
)

// LotRule is which lots items are promised from: those that keep, or only one. Blocked ones are never promised. Which lots a node
// then picks is its own rule.
type LotRule struct {
	Items Selector `json:"items"`
	// Days is for how many days the goods must keep beyond the day that they are wanted on, or beyond today; a lot whose last day is
	// not known does not. nil is for any.
	Days *int `json:"days,omitempty"`
	// Single is whether a line is promised from one lot.
	Single bool `json:"single,omitempty"`
}

// needs are the facts that the policy needs beyond what every decision does.
func (p Policy) needs() Needs {
	if len(p.Lots) == 0 {
		return Needs{}
	}
	return Needs{Lots: func(i ItemFact) bool {
		return p.lots(i) != nil
	}}
}

// lots is the rule of the item's lots; nil when any will do.
func (p Policy) lots(i ItemFact) *LotRule {
	for n := range p.Lots {
		if p.Lots[n].Items.has(i) {
			return &p.Lots[n]
		}
	}
	return nil
}

// single reports whether the item is promised from one lot.
func (p Policy) single(i ItemFact) bool {
	rule := p.lots(i)
	return rule != nil && rule.Single
}

// until is the day on which a lot must still be good when it is wanted on a day, or sent today; empty for any.
func (r *LotRule) until(wanted, today trade.Date) trade.Date {
	if r.Days == nil {
		return ""
	}
	return max(wanted, today).Plus(*r.Days)
}

// good reports whether the lot may be sent when it must keep until a day.
func (l LotFact) good(until trade.Date) bool { return !l.Blocked && l.Expires >= until }

// eligible is how much of what lies at nodes may be sent of the items whose lots matter; nil when those of none do.
func (o *Order) eligible(f Facts, p Policy, now time.Time) map[trade.SKU]map[trade.NodeID]trade.Decimal {
	var out map[trade.SKU]map[trade.NodeID]trade.Decimal
	for _, l := range o.Lines {
		rule := p.lots(f.Items[l.SKU])
		if rule == nil {
			continue
		}
		until := rule.until(o.RequestedDate, trade.DateOf(now))
		if out == nil {
			out = map[trade.SKU]map[trade.NodeID]trade.Decimal{}
		}
		sum := map[trade.NodeID]trade.Decimal{}
		for node, lots := range f.Lots[l.SKU] {
			for _, lot := range lots {
				switch {
				case !lot.good(until):
				case rule.Single:
					sum[node] = sum[node].Max(lot.OnHand)
				default:
					sum[node] = trade.Sum(sum[node], lot.OnHand)
				}
			}
		}
		out[l.SKU] = sum
	}
	return out
}

// otherLots remarks of a line that is short that there are lots which the account does not take.
func (e *evaluation) otherLots(o *Order, l *Line, today trade.Date) {
	rule := e.policy.lots(e.facts.Items[l.SKU])
	if rule == nil || e.facts.missing(needLots) {
		return
	}
	until := rule.until(o.RequestedDate, today)
	var lots []any
	for _, node := range slices.Sorted(maps.Keys(e.facts.Lots[l.SKU])) {
		for _, lot := range e.facts.Lots[l.SKU][node] {
			if rule.Single || !lot.good(until) {
				lots = append(lots, trade.Evidence{"node": string(node), "lot": lot.Number, "onHand": lot.OnHand.String(), "expires": string(lot.Expires), "blocked": lot.Blocked})
			}
		}
	}
	if len(lots) > 0 || len(e.facts.Lots[l.SKU]) == 0 {
		e.see(lotRules, sight{
			path: path(l.Number-1, "sku"), message: fmt.Sprintf("the account does not take %s from all lots: of those that nodes tell of, %d are not taken, or not together", l.SKU, len(lots)),
			remedy: "order what there is, or wait for other lots", evidence: trade.Evidence{"keepsUntil": string(until), "single": rule.Single, "lots": lots},
		})
	}
}
