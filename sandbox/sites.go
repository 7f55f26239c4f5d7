package sandbox

import "crossdock/domains/trade"

// The two 3PLs: two accounts at ShipBob, each with centres of its own.
const (
	shipBobMain  = "shipbob"
	shipBobSouth = "shipbob-south"
)

// Site is a place that fulfils, at one of the warehouse systems.
type Site struct {
	// System is "wms", "shipbob" or "shipbob-south"; Code is what that system calls the place.
	System string `json:"system"`
	Code   string `json:"code"`
	// Node is what the distributor calls it.
	Node     string `json:"node"`
	Name     string `json:"name"`
	TimeZone string `json:"timeZone,omitempty"`
}

// Sites are the places of the world, the preferred ones first.
func (w *World) Sites() []Site { return w.sites }

// codes are the places of one system.
func (w *World) codes(system string) []string {
	var out []string
	for _, s := range w.sites {
		if s.System == system {
			out = append(out, s.Code)
		}
	}
	return out
}

// Guide is what a newcomer can try first: an account to buy for, one that a storefront can sell
// for, and two items that are on hand.
type Guide struct {
	Buyer string    `json:"buyer"`
	Shop  string    `json:"shop"`
	SKUs  [2]string `json:"skus"`
}

// Guide returns what to try first.
func (w *World) Guide() Guide { return w.guide }

// suggest looks for accounts that may order, the busiest first, and for items that any account may
// order one by one.
func (w *World) suggest() Guide {
	var g Guide
	orders := map[string]int{}
	for _, o := range w.orders {
		orders[o.Customer]++
	}
	for _, number := range sorted(w.customers) {
		c := w.customers[number]
		if c.Blocked != "" || c.Overdue.IsPos() {
			continue
		}
		switch {
		case g.Buyer == "" || orders[number] > orders[g.Buyer]:
			g.Buyer, g.Shop = number, g.Buyer
		case g.Shop == "":
			g.Shop = number
		}
	}
	if g.Shop == "" {
		g.Shop = g.Buyer
	}
	found := 0
	for _, sku := range w.skus {
		i := w.items[sku]
		if found == len(g.SKUs) {
			break
		}
		if i.Blocked || !i.Price.IsPos() || i.Minimum.Cmp(whole(1)) > 0 || i.Multiple.Cmp(whole(1)) > 0 || !w.onHand(sku) {
			continue
		}
		g.SKUs[found] = sku
		found++
	}
	if found == 1 {
		g.SKUs[1] = g.SKUs[0]
	}
	return g
}

// onHand reports whether some place has plenty of the item.
func (w *World) onHand(sku string) bool {
	for _, s := range w.sites {
		if st := w.stock[stockKey(s.System, s.Code, sku)]; st != nil && trade.Less(st.OnHand, st.Allocated).Cmp(whole(10)) >= 0 {
			return true
		}
	}
	return false
}

// Currency is what most accounts are in.
func (w *World) Currency() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	count, best := map[string]int{}, "USD"
	for _, number := range sorted(w.customers) {
		cur := w.customers[number].Currency
		if count[cur]++; count[cur] > count[best] {
			best = cur
		}
	}
	return best
}
