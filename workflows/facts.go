package workflows

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
)

// Facts asks the other domains about a draft order, all at once. What a source does not tell
// is reported as missing and never guessed.
type Facts struct {
	Accounts  *accounts.Service
	Catalog   *catalog.Service
	Pricing   *pricing.Service
	Inventory *inventory.Service
	Finance   *finance.Service
	// MaxAge is how old facts at hand may be to decide on without asking; zero asks every time.
	MaxAge time.Duration
}

// Gather implements orders.Gatherer.
func (f *Facts) Gather(ctx context.Context, d orders.Draft, n orders.Needs) orders.Facts {
	terms := ctx // as old as the catalogue has them
	ctx = lookup.WithMaxAge(ctx, f.MaxAge)
	g := gathering{facts: orders.Facts{Items: map[trade.SKU]orders.ItemFact{}, Prices: map[int]orders.PriceFact{}}}
	skus := make([]trade.SKU, 0, len(d.Lines))
	for _, l := range d.Lines {
		skus = append(skus, l.SKU)
	}
	if d.Service != "" {
		g.facts.Services = services(f.Inventory.Nodes())
	}
	var wg sync.WaitGroup
	wg.Go(func() { f.account(ctx, d.Account, &g) })
	wg.Go(func() { f.items(ctx, skus, &g) })
	wg.Go(func() { f.prices(ctx, d, &g) })
	rules := map[trade.SKU]catalog.Rule{}
	wg.Go(func() {
		results, err := f.Catalog.Rules(terms, skus)
		if err = cmp.Or(lookup.Failure(results), err); err != nil {
			g.miss("rules", err)
			return
		}
		for i, r := range results {
			if r.OK {
				rules[skus[i]] = *r.Value
			}
		}
	})
	places := map[string]trade.Address{}
	if d.ShipToID != "" && d.ShipTo == nil {
		wg.Go(func() { f.places(ctx, d.Account, places, &g) })
	}
	wg.Go(func() {
		if err := f.Finance.Refresh(ctx, d.Account); err != nil {
			g.miss("credit", err)
		}
	})
	wg.Go(func() { f.stock(ctx, d, &g) })
	wg.Wait()
	for sku, r := range rules {
		if fact, ok := g.facts.Items[sku]; ok {
			fact.Rule = &orders.QuantityRule{Minimum: r.Minimum, Multiple: r.Multiple, Scale: r.Scale, Units: map[trade.Unit]trade.Ratio{}}
			for _, u := range r.Units {
				fact.Rule.Units[u.Unit] = u.Ratio
			}
			g.facts.Items[sku] = fact
		}
	}
	f.inItemUnits(ctx, d, &g)
	f.lots(ctx, n, &g)
	if g.facts.Account != nil {
		g.facts.Account.ShipTos = places
	}
	return g.facts
}

// services are how the nodes can send.
func services(nodes []inventory.Node) (out []orders.ServiceFact) {
	for _, n := range nodes {
		for _, s := range n.Services {
			out = append(out, orders.ServiceFact{Name: s.Name, Refuses: s.Refuses})
		}
	}
	return out
}

// stock has the nodes' figures read, and asks what is expected of items that there is too little of: beside the figures where
// there was too little before, so that it takes one call, and after them where there is only now.
func (f *Facts) stock(ctx context.Context, d orders.Draft, g *gathering) {
	needs := map[trade.SKU]trade.Decimal{}
	for _, l := range d.Lines {
		if !l.Gone {
			needs[l.SKU] = trade.Sum(needs[l.SKU], l.Quantity.Value)
		}
	}
	var wg sync.WaitGroup
	skus := slices.Sorted(maps.Keys(needs))
	known, err := f.Inventory.Known(ctx, skus)
	if err != nil {
		g.miss("availability", err)
		return
	}
	before := f.Inventory.Lacking(known, needs)
	wg.Go(func() { f.arrivals(ctx, d, before, g) })
	defer wg.Wait()
	failed, read, err := f.Inventory.Refresh(ctx, skus, known)
	if err != nil {
		g.miss("availability", err)
		return
	}
	if len(failed) == len(f.Inventory.Nodes()) {
		for _, e := range failed {
			g.miss("availability", e)
			return
		}
	}
	if !read {
		return
	}
	f.arrivals(ctx, d, slices.DeleteFunc(f.lacking(ctx, needs), func(sku trade.SKU) bool { return slices.Contains(before, sku) }), g)
}

// lots asks the nodes for the lots of the items that they matter of.
func (f *Facts) lots(ctx context.Context, needs orders.Needs, g *gathering) {
	var keys []inventory.Key
	for sku, i := range g.facts.Items {
		if needs.Lots == nil || !needs.Lots(i) {
			continue
		}
		for _, n := range f.Inventory.Nodes() {
			keys = append(keys, inventory.Key{Node: n.ID, SKU: sku})
		}
	}
	if len(keys) == 0 {
		return
	}
	lists, err := f.Inventory.Lots(ctx, keys)
	if err = cmp.Or(lookup.Failure(lists), err); err != nil {
		g.miss("lots", err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.facts.Lots = map[trade.SKU]map[trade.NodeID][]orders.LotFact{}
	for i, list := range lists {
		k := keys[i]
		if list.OK && g.facts.Lots[k.SKU] == nil {
			g.facts.Lots[k.SKU] = map[trade.NodeID][]orders.LotFact{}
		}
		for _, l := range list.Value {
			if unit := g.facts.Items[k.SKU].Unit; l.OnHand.Unit != "" && l.OnHand.Unit != unit {
				g.facts.Missing = append(g.facts.Missing, orders.Missing{What: "lots", Reason: fmt.Sprintf("%s tells lots of %s in %s, not in %s", k.Node, k.SKU, l.OnHand.Unit, unit)})
				continue
			}
			g.facts.Lots[k.SKU][k.Node] = append(g.facts.Lots[k.SKU][k.Node], orders.LotFact{Number: l.Number, OnHand: l.OnHand.Value, Expires: l.Expires, Blocked: l.Blocked})
		}
	}
}

// lacking are the items that there is too little of, by figures at hand; none when that cannot be told.
func (f *Facts) lacking(ctx context.Context, needs map[trade.SKU]trade.Decimal) []trade.SKU {
	known, err := f.Inventory.Known(ctx, slices.Sorted(maps.Keys(needs)))
	if err != nil {
		return nil
	}
	return f.Inventory.Lacking(known, needs)
}

// arrivals asks what is expected of items. Without an answer no days are told; an order that is wanted on a day cannot be decided.
func (f *Facts) arrivals(ctx context.Context, d orders.Draft, skus []trade.SKU, g *gathering) {
	if len(skus) == 0 {
		return
	}
	arrivals, err := f.Inventory.Arrivals(ctx, skus)
	for _, e := range arrivals.Failed {
		err = e
	}
	if err != nil && d.RequestedDate != "" {
		g.miss("availability", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.facts.Arrivals == nil {
		g.facts.Arrivals = map[trade.SKU][]trade.Dated{}
	}
	for sku, byNode := range arrivals.Found {
		g.facts.Arrivals[sku] = inventory.Dates(byNode)
	}
}

func (f *Facts) places(ctx context.Context, id trade.AccountID, into map[string]trade.Address, g *gathering) {
	list := lookup.Only(f.Accounts.ShipTos(ctx, trade.System("intake"), []trade.AccountID{id}))
	if list.Err != nil {
		g.miss("account", list.Err)
		return
	}
	for _, s := range list.Value {
		into[s.ID] = s.Address
	}
}

type gathering struct {
	mu    sync.Mutex
	facts orders.Facts
}

func (g *gathering) miss(what string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := orders.Missing{What: what, Reason: string(fault.KindOf(err))}
	if e, ok := asFault(err); ok {
		m.Source = e.Source
	}
	g.facts.Missing = append(g.facts.Missing, m)
}

func (f *Facts) account(ctx context.Context, id trade.AccountID, g *gathering) {
	certificates, err := f.Accounts.Certificates(ctx, trade.System("intake"), []trade.AccountID{id})
	if err != nil {
		g.miss("account", err)
		return
	}
	result := lookup.Only(f.Accounts.Accounts(ctx, trade.System("intake"), []trade.AccountID{id}))
	if result.Err != nil {
		g.miss("account", result.Err)
		return
	}
	if !result.OK {
		return
	}
	a := result.Value
	fact := orders.AccountFact{
		ID: a.ID, Name: a.Name, Currency: a.Currency, Stopped: a.Stopped, PORequired: a.PORequired, Terms: a.Terms, TaxContext: a.TaxArea != "" || !a.TaxLiable, TaxExempt: a.TaxExempt,
		DefaultTo: a.Address, Source: a.Provenance.Source, AsOf: a.Provenance.AsOf,
	}
	for _, c := range certificates[id] {
		fact.Certificates = append(fact.Certificates, orders.Exemption{Number: c.Number, Places: c.Jurisdictions, Categories: c.Categories, From: c.From, Until: c.Until, State: string(c.State)})
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.facts.Account = &fact
}

// items asks for the items.
func (f *Facts) items(ctx context.Context, skus []trade.SKU, g *gathering) {
	results, err := f.Catalog.Items(ctx, skus)
	if err != nil {
		g.miss("items", err)
		return
	}
	if err := lookup.Failure(results); err != nil {
		g.miss("items", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for n, r := range results {
		if !r.OK {
			continue
		}
		sku, i := skus[n], r.Value
		fact := orders.ItemFact{SKU: sku, Name: i.Name, Category: i.Category, Cost: i.Cost, Unit: i.Unit, TaxClass: i.TaxClass, Discontinued: i.Discontinued, Successor: i.Successor, Source: i.Provenance.Source, AsOf: i.Provenance.AsOf}
		if i.Blocked {
			fact.Blocked = "blocked in the ERP"
		}
		g.facts.Items[sku] = fact
	}
}

// inItemUnits asks again about what was ordered in another unit than its item's: what so many of the item's own cost, and when
// they are expected where there are too few.
func (f *Facts) inItemUnits(ctx context.Context, d orders.Draft, g *gathering) {
	own := d
	own.Lines = slices.Clone(d.Lines)
	needs := map[trade.SKU]trade.Decimal{}
	for i := range own.Lines {
		l := &own.Lines[i]
		l.Gone = l.Gone || !g.facts.Items[l.SKU].InItsUnit(l)
		if !l.Gone {
			needs[l.SKU] = trade.Decimal{}
			delete(g.facts.Prices, i) // of another quantity
		}
	}
	if len(needs) == 0 {
		return
	}
	for i, l := range own.Lines {
		if need, other := needs[l.SKU]; other && !d.Lines[i].Gone {
			needs[l.SKU] = trade.Sum(need, l.Quantity.Value)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { f.prices(ctx, own, g) })
	f.arrivals(ctx, d, f.lacking(ctx, needs), g)
	wg.Wait()
	for i, l := range d.Lines {
		if _, priced := g.facts.Prices[i]; !priced && !l.Gone {
			return
		}
	}
	// What failed was to price another unit.
	g.facts.Missing = slices.DeleteFunc(g.facts.Missing, func(m orders.Missing) bool { return m.What == "prices" })
}

// prices asks for the prices, beside the items: a line without a unit is priced in the one that the ERP sells the item in.
func (f *Facts) prices(ctx context.Context, d orders.Draft, g *gathering) {
	keys, at := make([]pricing.Key, 0, len(d.Lines)), make([]int, 0, len(d.Lines))
	key := pricing.Context{Account: d.Account, Currency: d.Currency, Promotion: d.Promotion}.Keys()
	for i, l := range d.Lines {
		if l.Gone {
			continue
		}
		keys, at = append(keys, key(l.SKU, l.Quantity)), append(at, i)
	}
	prices, err := f.Pricing.Prices(lookup.WithoutLastKnown(ctx), trade.System("intake"), keys)
	if err != nil {
		g.miss("prices", err)
		return
	}
	if err := lookup.Failure(prices); err != nil {
		g.miss("prices", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, r := range prices {
		if p := r.Value; r.OK {
			g.facts.Prices[at[i]] = orders.PriceFact{Unit: p.Unit, UnitPrice: p.UnitPrice, Breaks: breaks(p), List: p.List, Until: p.Until, Promotions: promotions(p), Source: p.Provenance.Source, AsOf: p.Provenance.AsOf}
		}
	}
}

func promotions(p *pricing.Price) (codes []string) {
	for _, d := range p.Discounts {
		if d.Promotion {
			codes = append(codes, d.Code)
		}
	}
	return codes
}

func breaks(p *pricing.Price) []orders.PriceBreak {
	out := make([]orders.PriceBreak, len(p.Breaks))
	for i, b := range p.Breaks {
		out[i] = orders.PriceBreak{From: b.From.Value, UnitPrice: b.UnitPrice}
	}
	return out
}

// Stock lets orders promise stock without knowing inventory.
type Stock struct{ *inventory.Service }

// Reserve implements orders.Reserver.
func (s Stock) Reserve(ctx context.Context, tx Tx, order trade.OrderID, what orders.Sourcing) (orders.Sourced, error) {
	return promised(s.Service.Reserve(ctx, tx, order, request(what)))
}

// Simulate implements orders.Reserver.
func (s Stock) Simulate(ctx context.Context, what orders.Sourcing) (orders.Sourced, error) {
	return promised(s.Service.Simulate(ctx, request(what)))
}

func request(s orders.Sourcing) inventory.Request {
	out := inventory.Request{Avoid: s.Avoid, ShipTo: s.ShipTo, Wanted: s.Wanted, Criteria: s.Criteria, MaxNodes: s.MaxNodes, Service: s.Service, Eligible: s.Eligible}
	for _, w := range s.Wants {
		out.Needs = append(out.Needs, inventory.Need{Line: w.Line, SKU: w.SKU, Category: w.Category, Quantity: w.Quantity, Single: w.Single, Anyhow: w.Anyhow})
	}
	return out
}

func promised(p inventory.Plan, err error) (orders.Sourced, error) {
	out := orders.Sourced{Lines: map[int][]orders.Allocation{}, Ships: p.Ships}
	if err != nil {
		return out, err
	}
	for _, a := range p.Promises {
		out.Lines[a.Line] = append(out.Lines[a.Line], orders.Allocation{Node: a.Node, Quantity: a.Quantity})
	}
	if out.Plan, err = json.Marshal(p); err != nil {
		return out, fmt.Errorf("plan: %w", err)
	}
	return out, nil
}

// Adjust implements orders.Reserver.
func (s Stock) Adjust(ctx context.Context, tx Tx, order trade.OrderID, allocations map[int][]orders.Allocation) error {
	var keep []inventory.Promise
	for line, as := range allocations {
		for _, a := range as {
			keep = append(keep, inventory.Promise{Line: line, Node: a.Node, Quantity: a.Quantity})
		}
	}
	return s.Service.Adjust(ctx, tx, order, keep)
}

// Credit lets orders spend credit without knowing finance.
type Credit struct{ *finance.Service }

// Expose implements orders.Exposure.
func (c Credit) Expose(ctx context.Context, tx Tx, account trade.AccountID, order trade.OrderID, amount trade.Money) (orders.CreditPosition, error) {
	return credit(c.Service.Expose(ctx, tx, account, order, amount))
}

// Owed implements orders.Exposure.
func (c Credit) Owed(ctx context.Context, tx Tx, account trade.AccountID) (orders.CreditPosition, error) {
	return credit(c.Service.Owed(ctx, tx, account))
}

func credit(p finance.Position, err error) (orders.CreditPosition, error) {
	if err != nil {
		return orders.CreditPosition{}, fmt.Errorf("credit: %w", err)
	}
	out := orders.CreditPosition{
		Known: p.Known, Balance: p.Balance.Amount, OpenOrders: p.OpenOrders.Amount, Exposed: p.Exposed.Amount, Overdue: p.Overdue.Amount,
		Currency: p.Balance.Currency, Source: p.Provenance.Source, AsOf: p.Provenance.AsOf,
	}
	if p.Limit != nil {
		out.Limit, out.LimitUntil = &p.Limit.Amount, p.LimitUntil
	}
	for _, l := range p.Late {
		out.Late = append(out.Late, orders.LateInvoice(l))
	}
	return out, nil
}
