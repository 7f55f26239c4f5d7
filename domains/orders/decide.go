package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// How an order is decided: from facts, from what a transaction finds under locks, by a policy.

// Considered is everything that a decision was made from. It is kept, so that the decision can be made again by other rules.
type Considered struct {
	Draft Draft `json:"draft"`
	Facts Facts `json:"facts"`
	Taken Taken `json:"taken"`
	// Internal are findings that are not for buyers' eyes.
	Internal []Finding `json:"internal,omitempty"`
}

// Taken is what the deciding transaction found, with everything locked that it depends on.
type Taken struct {
	// Settled is false when it was turned down before stock and credit were asked for.
	Settled bool `json:"settled"`
	// Wanted is what stock was asked for by line, and Promised what there was.
	Wanted   map[int]trade.Decimal `json:"wanted"`
	Promised map[int][]Allocation  `json:"promised"`
	// Waiting is what other orders were waiting for of the items that arrivals were known of.
	Waiting map[trade.SKU][]trade.Dated `json:"waiting,omitempty"`
	// Ships is the first day by which what is promised can have been sent.
	Ships trade.Date `json:"ships,omitempty"`
	// Plan is why so.
	Plan    json.RawMessage `json:"plan,omitempty"`
	Credit  CreditPosition  `json:"credit"`
	Earlier []Earlier       `json:"earlier,omitempty"`
	// Blanket is what other orders are worth under the blanket order that it is placed under.
	Blanket trade.Decimal `json:"blanket,omitzero"`
}

// settleOrder takes stock and credit for what may be accepted and sets the order's outcome.
func (s *Service) settleOrder(ctx context.Context, tx postgres.Tx, o *Order, c *Considered, policy Policy, now time.Time) ([]event.Event, error) {
	if o.turnedDown() {
		o.count()
		return o.conclude(policy, now), nil
	}
	e := &evaluation{draft: c.Draft, facts: c.Facts, policy: policy, currency: o.Currency}
	sourcing := o.sourcing(c.Facts, policy, now)
	c.Taken = Taken{Settled: true, Wanted: map[int]trade.Decimal{}}
	for _, w := range sourcing.Wants {
		c.Taken.Wanted[w.Line] = w.Quantity
	}
	if !c.Facts.missing(needItems) {
		promised, err := s.reserver.Reserve(ctx, tx, o.ID, sourcing)
		if err != nil {
			return nil, fmt.Errorf("reserve stock: %w", err)
		}
		c.Taken.Promised, c.Taken.Plan, c.Taken.Ships = promised.Lines, promised.Plan, promised.Ships
		// Whoever waits for the same items has done so by now, or waits for our locks.
		if c.Taken.Waiting, err = s.waiting(ctx, tx, c.Facts, o.ID, nil); err != nil {
			return nil, err
		}
		if e.allocate(o, c.Taken, trade.DateOf(now)) {
			if err := s.reserver.Adjust(ctx, tx, o.ID, o.allocations()); err != nil {
				return nil, err
			}
		}
	}
	o.count()
	e.tax(o)
	position, err := s.exposure.Expose(ctx, tx, o.Account, o.ID, o.Total)
	if err != nil {
		return nil, fmt.Errorf("credit of %s: %w", o.Account, err)
	}
	c.Taken.Credit = position
	// The account's orders are decided one after the other from here on.
	if c.Taken.Earlier, err = s.store.samePO(ctx, tx, o, now.AddDate(0, 0, -policy.DuplicatePODays)); err != nil {
		return nil, err
	}
	if c.Taken.Blanket, err = s.store.underBlanket(ctx, tx, o, policy); err != nil {
		return nil, err
	}
	e.settle(o.Total, c.Taken)
	o.Findings = append(o.Findings, e.findings...)
	events := o.conclude(policy, now)
	if o.Status != Rejected {
		return events, nil
	}
	if err := s.reserver.Adjust(ctx, tx, o.ID, nil); err != nil {
		return nil, err
	}
	return events, s.exposure.Unexpose(ctx, tx, o.ID)
}

// under is the decision that other rules make of what was considered. Stock and credit that were not asked
// for then are taken as there.
func (c *Considered) under(policy Policy, now time.Time) *Order {
	o, internal := c.order(policy, now)
	c.Internal = internal
	if o.turnedDown() {
		o.conclude(policy, now)
		return o
	}
	e := &evaluation{draft: c.Draft, facts: c.Facts, policy: policy, currency: o.Currency}
	if !c.Facts.missing(needItems) {
		taken, got := c.Taken, map[int][]Allocation{}
		for _, w := range o.wants(c.Facts) {
			got[w.Line] = c.Taken.Promised[w.Line]
			promised := trade.Decimal{}
			for _, a := range got[w.Line] {
				promised = trade.Sum(promised, a.Quantity)
			}
			if asked, ok := c.Taken.Wanted[w.Line]; !ok || promised.Cmp(asked) >= 0 {
				got[w.Line] = []Allocation{{Quantity: w.Quantity}}
			}
		}
		taken.Promised = got
		e.allocate(o, taken, trade.DateOf(now))
	}
	o.count()
	e.tax(o)
	if !c.Taken.Settled {
		// Nobody asked for the account's credit: it is taken as good.
		c.Taken.Credit = CreditPosition{Known: true}
	}
	e.settle(o.Total, c.Taken)
	o.Findings = append(o.Findings, e.findings...)
	o.conclude(policy, now)
	return o
}

// order is the draft as an order, as far as it can be decided without stock and credit, and what is not for buyers' eyes.
func (c *Considered) order(policy Policy, now time.Time) (*Order, []Finding) {
	d := c.Draft
	o := &Order{
		Account: d.Account, Channel: d.Channel, ChannelRef: d.ChannelRef, ChannelSource: d.ChannelSource, PONumber: d.PONumber, Quote: d.Quote, Promotion: d.Promotion, Service: d.Service, Terms: d.Terms,
		RequestedDate: d.RequestedDate, ShipComplete: d.ShipComplete, Whole: d.Whole, ShipToID: d.ShipToID, ShipTo: d.to(c.Facts.Account), PlacedAt: now, UpdatedAt: now,
	}
	if d.Channel == Storefront {
		o.InShop = d.inShop()
	}
	if o.Findings = Structure(d, trade.DateOf(now)); len(o.Findings) == 0 {
		is := Evaluate(d, c.Facts, policy)
		o.Lines, o.Currency, o.Findings = is.Lines, is.Currency, is.Findings
		return o, is.Internal
	}
	if o.Currency = d.Currency; o.Currency == "" {
		o.Currency = trade.NoCurrency
	}
	for i, l := range d.Lines {
		if !l.Quantity.Value.IsPos() || l.Quantity.Value.Cmp(most()) > 0 {
			l.Quantity.Value = trade.Decimal{} // the finding says what was asked
		}
		none := trade.Money{Currency: o.Currency}
		o.Lines = append(o.Lines, rejected(Line{Number: i + 1, SKU: l.SKU, Called: l.Called, Quantity: l.Quantity, ExpectedUnitPrice: l.ExpectedUnitPrice, UnitPrice: none, Amount: none}))
	}
	return o, nil
}

// turnedDown reports whether nothing of the order can be taken: for what it is as a whole, or since every line is turned down.
func (o *Order) turnedDown() bool {
	return slices.ContainsFunc(o.Findings, func(f Finding) bool {
		return f.Severity == trade.Reject && (o.Whole || !strings.HasPrefix(f.Path, "lines."))
	}) ||
		!slices.ContainsFunc(o.Lines, func(l Line) bool { return l.Outcome != LineRejected && l.Outcome != LineDeleted })
}

// wants are what the lines that may be taken need.
func (o *Order) wants(f Facts) []Want {
	var out []Want
	for _, l := range o.Lines {
		if item, known := f.Items[l.SKU]; known && l.Quantity.Unit != item.Unit {
			continue // how many they are is not known
		}
		if need := trade.Sum(l.Open(), l.Backordered); l.Outcome != LineRejected && need.IsPos() {
			out = append(out, Want{Line: l.Number, SKU: l.SKU, Category: f.Items[l.SKU].Category, Quantity: need})
		}
	}
	return out
}

// sourcing is what the order is sourced by.
func (o *Order) sourcing(f Facts, p Policy, now time.Time) Sourcing {
	service := o.Service
	if !f.serves(service) {
		service = "" // what nobody offers holds the order, and leaves its stock to it
	}
	wants := o.wants(f)
	for i, w := range wants {
		wants[i].Single, wants[i].Anyhow = p.single(f.Items[w.SKU]), !f.sends(service, w.Category)
	}
	return Sourcing{Wants: wants, Service: service, Eligible: o.eligible(f, p, now), ShipTo: o.ShipTo, Wanted: o.RequestedDate, Criteria: p.Sourcing.Criteria, MaxNodes: p.Sourcing.MaxNodes}
}

// count sums up what the lines cost that were not turned down.
func (o *Order) count() {
	o.Total = trade.Money{Currency: o.Currency}
	for _, l := range o.Lines {
		if l.Outcome != LineRejected {
			o.Total = o.Total.Plus(l.Amount)
		}
	}
}

// settle makes the checks that need what the transaction found.
func (e *evaluation) settle(total trade.Money, t Taken) {
	if !e.facts.missing(needPrices) && !e.facts.missing(needItems) {
		e.value(total)
		e.maySpend(total)
		e.withinBlanket(t.Blanket, total)
	}
	e.approvals(total)
	e.repeats(t.Earlier)
	e.credit(t.Credit, total)
}

// waiting is what orders wait for of the items that arrivals are known of, but for one; those that were placed before a time where
// it is among those who wait.
func (s *Service) waiting(ctx context.Context, q postgres.Querier, f Facts, but trade.OrderID, before *time.Time) (map[trade.SKU][]trade.Dated, error) {
	skus := slices.Sorted(maps.Keys(f.Arrivals))
	if len(skus) == 0 {
		return map[trade.SKU][]trade.Dated{}, nil
	}
	return s.store.waiting(ctx, q, skus, but, before)
}

// Waiting is what orders wait for of items, by the days that it is wanted on.
func (s *Service) Waiting(ctx context.Context, skus []trade.SKU) (map[trade.SKU][]trade.Dated, error) {
	return s.store.waiting(ctx, s.store.pool, skus, "", nil)
}

// expected is the day by which what is short of an item can be promised, beside what others wait for.
func (e *evaluation) expected(sku trade.SKU, short trade.Decimal, waiting []trade.Dated, today trade.Date) trade.Date {
	day, _ := trade.FirstDay(trade.ATP(today, trade.Decimal{}, e.facts.Arrivals[sku], waiting), short)
	return day
}

// allocate books what was promised onto the lines, deals with what is short as the policy says, and reports whether
// something was turned down that had a promise. What can be promised by the day that it is wanted on is not short: it waits
// for its stock.
func (e *evaluation) allocate(o *Order, t Taken, today trade.Date) (dropped bool) {
	waiting := map[trade.SKU][]trade.Dated{}
	maps.Copy(waiting, t.Waiting)
	unknown := e.facts.missing(needStock)
	policy := e.policy.Backorders
	whole := o.ShipComplete || e.policy.Sourcing.ShipComplete
	if !o.refusable() && (policy == BackorderNone || policy == FillOrKill) || whole {
		policy = BackorderHold
	}
	var partial []int // lines that are short of an order that is sent as a whole
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.Outcome == LineRejected {
			continue
		}
		for _, a := range t.Promised[l.Number] {
			l.promise(a)
		}
		l.Expected = ""
		short := l.Open()
		if !short.IsPos() || unknown || e.facts.missing(needLots) && e.policy.lots(e.facts.Items[l.SKU]) != nil {
			continue
		}
		expected := e.expected(l.SKU, short, waiting[l.SKU], today)
		wait := func() {
			l.Expected, l.Backordered = expected, trade.Sum(l.Backordered, short)
			waiting[l.SKU] = append(slices.Clone(waiting[l.SKU]), trade.Dated{Date: o.RequestedDate, Quantity: short})
		}
		if expected != "" && expected <= o.RequestedDate && !whole {
			wait()
			continue
		}
		s := sight{
			path: path(i, "quantity.value"), message: fmt.Sprintf("%s of %s is not available", short, l.SKU), remedy: fmt.Sprintf("order %s, or wait for stock", l.Allocated),
			evidence: trade.Evidence{"ordered": l.Quantity.Value.String(), "available": l.Allocated.String(), "short": short.String(), "policy": string(policy)},
		}
		e.otherLots(o, l, today)
		if expected != "" {
			s.remedy += fmt.Sprintf(", or want it on %s", expected)
			s.evidence["expected"] = string(expected)
		}
		switch {
		case policy == FillOrKill, policy == BackorderNone && !l.Allocated.IsPos():
			e.seeAs(atpShort, Rejects, s)
			dropped = dropped || len(l.Allocations) > 0
			l.Allocations, l.Allocated = nil, trade.Decimal{}
			*l = rejected(*l)
			continue
		case policy == BackorderNone:
			e.seeAs(atpShort, ChangesIt, s)
			l.cut(short)
			continue
		case policy == BackorderLine:
			e.seeAs(atpShort, ChangesIt, s)
		case whole:
			e.seeAs(atpShort, Warns, s) // the order is held, not the line
			partial = append(partial, l.Number)
		default:
			e.see(atpShort, s)
		}
		wait()
		switch {
		case l.Outcome == LineHeld: // it still has no price
		case trade.Sum(l.Allocated, l.Released, l.Shipped).IsPos():
			l.Outcome = LinePartlyBackordered
		default:
			l.Outcome = LineBackordered
		}
	}
	if len(partial) > 0 {
		e.see(shipCompleteConflict, sight{
			path: "shipComplete", message: fmt.Sprintf("the order is sent as a whole, and there is too little for %d of its lines", len(partial)), remedy: "wait for stock, or let it be sent in parts",
			evidence: trade.Evidence{"lines": partial},
		})
	}
	if wanted := o.RequestedDate; wanted != "" && t.Ships > wanted {
		e.see(dateInfeasible, sight{
			path: "requestedDate", message: fmt.Sprintf("the goods cannot be sent by %s: %s is the first day", wanted, t.Ships), remedy: fmt.Sprintf("want them on %s", t.Ships),
			evidence: trade.Evidence{"requested": string(wanted), "earliest": string(t.Ships)},
		})
	}
	return dropped
}

// cut takes a quantity off what the line is taken for.
func (l *Line) cut(q trade.Decimal) {
	if l.Asked == nil {
		asked := l.Quantity.Value
		l.Asked = &asked
	}
	l.Quantity.Value = trade.Less(l.Quantity.Value, q)
	l.Amount = l.UnitPrice.Times(l.Quantity.Value).Round()
	if l.Outcome != LineHeld {
		l.Outcome = LineAcceptedQuantity
	}
}

// conclude turns findings into holds and sets decision and status.
func (o *Order) conclude(policy Policy, now time.Time) []event.Event {
	if o.turnedDown() && o.refusable() {
		return o.turnDown(now)
	}
	for _, f := range o.Findings {
		if f.Severity == trade.Hold || f.Severity == trade.Reject && !o.refusable() {
			o.hold(f, policy, now)
		}
	}
	var changed, dropped bool
	for i := range o.Lines {
		switch o.Lines[i].Outcome {
		case LineRejected:
			dropped = true
		case LineAccepted, LineHeld, LineDeleted:
		default:
			changed = true
		}
	}
	o.Status = Accepted
	o.derive()
	switch {
	case o.Status == PendingApproval:
		o.Decision = DecisionPendingApproval
	case o.Status == OnHold:
		o.Decision = DecisionHeld
	case dropped:
		o.Decision = DecisionPartiallyAccepted
	case changed:
		o.Decision = DecisionAcceptedWithChanges
	default:
		o.Decision = DecisionAccepted
	}
	events := []event.Event{o.placed(now)}
	if len(o.ActiveHolds()) > 0 {
		events = append(events, o.event("order.held", now, map[string]any{"holds": holdCodes(o)}))
	}
	if o.waits() {
		return events
	}
	return append(events, o.event("order.accepted", now, map[string]any{"decision": o.Decision}))
}

func (o *Order) placed(now time.Time) event.Event {
	return o.event("order.placed", now, map[string]any{"number": o.Number, "decision": o.Decision, "total": o.Total, "lines": len(o.Lines), "channel": o.Channel})
}

// turnDown rejects the whole order.
func (o *Order) turnDown(now time.Time) []event.Event {
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.Outcome == LineDeleted {
			continue
		}
		l.Allocations, l.Allocated, l.Backordered = nil, trade.Decimal{}, trade.Decimal{}
		l.Outcome, l.Rejected = LineRejected, l.Quantity.Value
	}
	o.Decision, o.Status = DecisionRejected, Rejected
	return []event.Event{o.placed(now), o.event("order.rejected", now, map[string]any{"findings": o.Findings})}
}

// hold adds a hold for the finding, and returns it, unless there is an active one for the same on the same.
func (o *Order) hold(f Finding, policy Policy, now time.Time) *Hold {
	h := o.newHold(f, policy, now)
	if o.heldNow(h.against()) {
		return nil
	}
	switch {
	case f.Severity != trade.Hold: // what is turned down does not come right by itself
	case slices.Contains([]string{sourceUnavailable, atpShort, shipCompleteConflict, blanketExhausted, creditExceeded, creditExpired, overdueBalance, taxContext, taxExemption, dateInfeasible, priceMissing, priceExpired, lotRules, shortPick, amendedInSource}, f.Code):
		h.AutoClears = true
	}
	if !o.refusable() {
		h.Remedies = append(h.Remedies, "CANCEL_AND_REFUND", "SUBSTITUTE", "BACKORDER")
	}
	o.Holds = append(o.Holds, h)
	return &o.Holds[len(o.Holds)-1]
}

// newHold is the hold that a finding makes of the order.
func (o *Order) newHold(f Finding, policy Policy, now time.Time) Hold {
	code := f.Code
	if f.ruled != "" {
		code = f.ruled
	}
	return newHold(f, policy.holdRule(code), now)
}

func newHold(f Finding, rule HoldRule, now time.Time) Hold {
	h := Hold{
		ID: postgres.NewID(), Code: f.Code, Reason: f.Message, Blocks: rule.Blocks, Status: HoldActive, AppliedBy: "intake", AppliedAt: now,
		ReviewAt: now.Add(time.Duration(rule.ReviewHours) * time.Hour), Remedies: f.Remedies, Evidence: f.Evidence, Scope: rule.Scope,
	}
	if rule.Level == HoldsLine {
		h.Line = f.line()
	}
	if tier, ok := f.Evidence["tier"].(int); ok && f.Code == approvalRequired {
		h.Tier, h.Scope, h.AppliedBy = tier, approvalScope(tier), "approval rules"
	}
	return h
}

// line is the number of the line that the finding is about, 0 for the order.
func (f Finding) line() int {
	var i int
	if _, err := fmt.Sscanf(f.Path, "lines.%d.", &i); err != nil {
		return 0
	}
	return i + 1
}

func holdCodes(o *Order) []string {
	var codes []string
	for _, h := range o.ActiveHolds() {
		codes = append(codes, h.Code)
	}
	return codes
}
