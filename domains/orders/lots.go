package orders

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"crossdock/domains/trade"
)

// ShelfLife is for how many days items must keep beyond the day that they are wanted on, or beyond today: what is sent of them
// comes from lots that expire no sooner, and are not blocked. A lot whose day is not known is not taken.
type ShelfLife struct {
	Items Selector `json:"items"`
	Days  int      `json:"days"`
}

// needs are the facts that the policy needs beyond what every decision does.
func (p Policy) needs() Needs { return Needs{Lots: len(p.ShelfLife) > 0} }

// keepsUntil is the day on which a lot of the item must still be good when it is wanted on a day or sent today; ok is false when any
// lot will do.
func (p Policy) keepsUntil(i ItemFact, wanted, today trade.Date) (day trade.Date, ok bool) {
	for _, l := range p.ShelfLife {
		if l.Items.has(i) {
			return max(wanted, today).Plus(l.Days), true
		}
	}
	return "", false
}

// good reports whether the lot may be sent when it must keep until a day.
func (l LotFact) good(until trade.Date) bool {
	return !l.Blocked && l.Expires >= until && l.Expires != ""
}

// eligible is how much of what lies at nodes may be sent of the items whose lots matter; nil when those of none do.
func (o *Order) eligible(f Facts, p Policy, now time.Time) map[trade.SKU]map[trade.NodeID]trade.Decimal {
	var out map[trade.SKU]map[trade.NodeID]trade.Decimal
	for _, l := range o.Lines {
		until, limited := p.keepsUntil(f.Items[l.SKU], o.RequestedDate, trade.DateOf(now))
		if !limited {
			continue
		}
		if out == nil {
			out = map[trade.SKU]map[trade.NodeID]trade.Decimal{}
		}
		sum := map[trade.NodeID]trade.Decimal{}
		for node, lots := range f.Lots[l.SKU] {
			for _, lot := range lots {
				if lot.good(until) {
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
	until, limited := e.policy.keepsUntil(e.facts.Items[l.SKU], o.RequestedDate, today)
	if !limited || e.facts.missing(needLots) {
		return
	}
	var lots []any
	for _, node := range slices.Sorted(maps.Keys(e.facts.Lots[l.SKU])) {
		for _, lot := range e.facts.Lots[l.SKU][node] {
			if !lot.good(until) {
				lots = append(lots, trade.Evidence{"node": string(node), "lot": lot.Number, "onHand": lot.OnHand.String(), "expires": string(lot.Expires), "blocked": lot.Blocked})
			}
		}
	}
	if len(lots) > 0 {
		e.see(lotRules, sight{
			path: path(l.Number-1, "sku"), message: fmt.Sprintf("%s must keep until %s: there are %d lots that do not, or are blocked", l.SKU, until, len(lots)),
			remedy: "order what there is, or wait for other lots", evidence: trade.Evidence{"keepsUntil": string(until), "lots": lots},
		})
	}
}
