package orders

import (
	"context"
	"slices"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Reevaluate decides a held order again with today's facts and clears the holds whose cause is
// gone. It returns whether the order goes on.
func (s *Service) Reevaluate(ctx context.Context, id trade.OrderID) (bool, error) {
	found, err := s.store.byID(ctx, trade.System("reevaluation"), []trade.OrderID{id})
	if err != nil || found[id] == nil {
		return false, err
	}
	rules, err := s.store.rules(ctx)
	if err != nil {
		return false, err
	}
	d := found[id].draft()
	facts, err := s.gather(ctx, d, rules.For(d.Account))
	if err != nil {
		return false, err
	}
	if len(facts.Missing) > 0 {
		return false, nil
	}
	cleared := false
	_, err = s.update(ctx, trade.System("reevaluation"), id, func(tx postgres.Tx, o *Order) ([]event.Event, error) {
		if o.Version != found[id].Version {
			return nil, nil // it has changed since its facts were asked for: the next round decides it
		}
		if o.finished() || o.Status == PendingApproval || len(o.ActiveHolds()) == 0 && !o.backordered() {
			return nil, nil
		}
		now, before := s.now(), o.Status
		o.RuleSet = rules.Version
		still, err := s.recheck(ctx, tx, o, d, facts, rules.For(o.Account))
		if err != nil {
			return nil, err
		}
		events := o.clear(still, now)
		if before != OnHold {
			// Stock has come for what was backordered.
			o.derive()
			return events, s.dispatch.Accepted(ctx, tx, o)
		}
		events, err = s.resume(ctx, tx, o, events, now)
		cleared = o.Status != OnHold
		if err == nil && o.Lapsed {
			err = s.letGo(ctx, tx, o) // it waits still
		}
		return events, err
	})
	return cleared, err
}

// Lapse lets the stock go of up to so many orders that have waited beyond the review of a hold, for others to have. They wait on, and
// get what there is when their holds end.
func (s *Service) Lapse(ctx context.Context, limit int) error {
	ids, err := s.store.lapsing(ctx, s.now(), limit)
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := s.update(ctx, trade.System("review"), id, func(tx postgres.Tx, o *Order) ([]event.Event, error) {
			now := s.now()
			if o.Lapsed || !o.waits() || !slices.ContainsFunc(o.ActiveHolds(), func(h Hold) bool { return h.ReviewAt.Before(now) }) {
				return nil, nil
			}
			o.Lapsed = true
			return []event.Event{o.event("order.lapsed", now, map[string]any{"holds": holdCodes(o)})}, s.letGo(ctx, tx, o)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// letGo has the order wait for stock instead of keeping what no node works on.
func (s *Service) letGo(ctx context.Context, tx postgres.Tx, o *Order) error {
	for i := range o.Lines {
		l := &o.Lines[i]
		kept := l.Allocated
		l.unpromise(kept)
		l.Backordered = trade.Sum(l.Backordered, kept)
	}
	return s.reserver.Adjust(ctx, tx, o.ID, o.allocations())
}

// against is what stands against an order, on the whole or on a line.
type against struct {
	code       string
	line, tier int
}

func (h Hold) against() against { return against{h.Code, h.Line, h.Tier} }

// recheck prices what could not be priced, reserves what is still short, holds the order for
// what stands against it now, and returns that.
func (s *Service) recheck(ctx context.Context, tx postgres.Tx, o *Order, d Draft, facts Facts, policy Policy) (map[against]bool, error) {
	is := Evaluate(d, facts, policy)
	o.Currency = is.Currency
	if o.ShipTo.Line1 == "" {
		o.ShipTo = d.to(facts.Account)
	}
	avoid, err := s.dispatch.GaveBack(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	// down are the lines that are turned down only now.
	var down []int
	decided, expired := false, o.heldFor(priceExpired) // a line that was not decided before, or is priced again
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.Outcome == LineRejected || l.Outcome == LineDeleted {
			continue
		}
		added := l.AddedInSource()
		if now := is.Lines[i]; added && l.Outcome == LineHeld && now.Outcome == LineRejected {
			continue // the system of record has it: what is against it holds it
		} else if l.Outcome == LineHeld {
			if added && l.Quantity.Unit != now.Quantity.Unit {
				q := now.Quantity.Value
				l.Registered, l.Raised = &q, q
			}
			decided = decided || now.Outcome != LineHeld
			l.unpromise(trade.Less(l.Allocated, now.Quantity.Value))
			l.UnitPrice, l.Amount, l.Description, l.Quantity, l.Asked, l.Outcome = now.UnitPrice, now.Amount, now.Description, now.Quantity, now.Asked, now.Outcome
			l.Ordered, l.ExpectedUnitPrice, l.Override = now.Ordered, now.ExpectedUnitPrice, now.Override // in the item's own unit, once that is known
			if added && l.ExpectedUnitPrice != nil {
				l.UnitPrice, l.Amount = *l.ExpectedUnitPrice, l.ExpectedUnitPrice.Times(l.Quantity.Value).Round() // the system of record bills it so
				if l.Outcome == LineAcceptedPrice {
					l.Outcome = LineAccepted
				}
			}
			if l.Outcome == LineRejected {
				down = append(down, i)
				l.Allocations, l.Allocated, l.Backordered = nil, trade.Decimal{}, trade.Decimal{}
				l.Rejected = trade.Sum(l.Rejected, l.Open())
				continue
			}
		} else if expired && now.Outcome != LineRejected && now.Outcome != LineHeld && l.Override == nil {
			decided = decided || now.UnitPrice != l.UnitPrice
			l.UnitPrice, l.Amount = now.UnitPrice, now.UnitPrice.Times(l.Quantity.Value).Round()
		}
	}
	for i := range o.Lines { // what comes from one lot is asked for as a whole again
		l := &o.Lines[i]
		if policy.single(facts.Items[l.SKU]) && trade.Sum(l.Open(), l.Backordered).IsPos() && trade.Sum(l.Released, l.Shipped).IsZero() {
			l.unpromise(l.Allocated)
		}
	}
	if err := s.reserver.Adjust(ctx, tx, o.ID, o.allocations()); err != nil {
		return nil, err
	}
	sourcing := o.sourcing(facts, policy, s.now())
	sourcing.Avoid = avoid
	got, err := s.reserver.Reserve(ctx, tx, o.ID, sourcing)
	if err != nil {
		return nil, err
	}
	byDate := false // a line was taken for a day on which it was expected
	for i := range o.Lines {
		l := &o.Lines[i]
		byDate = byDate || l.Backordered.IsPos() && l.Expected != "" && l.Expected <= o.RequestedDate
		l.Backordered = trade.Decimal{}
	}
	// What is short is waited for, whatever the policy: the order was taken.
	e := &evaluation{draft: d, facts: facts, policy: policy, currency: o.Currency, findings: is.Findings}
	if e.policy.Backorders != BackorderLine {
		e.policy.Backorders = BackorderHold
	}
	before := len(e.findings)
	waiting, err := s.waiting(ctx, tx, facts, o.ID, &o.PlacedAt)
	if err != nil {
		return nil, err
	}
	e.allocate(o, Taken{Promised: got.Lines, Waiting: waiting, Ships: got.Ships}, trade.DateOf(s.now()))
	short := slices.ContainsFunc(e.findings[before:], func(f Finding) bool { return f.Code == atpShort || f.Code == shipCompleteConflict })
	o.count()
	e.tax(o)
	still := map[against]bool{{code: shortPick}: short}
	// amended is when a system of record has raised it, which nobody has checked.
	var amended time.Time
	for _, h := range o.ActiveHolds() {
		if h.Code == amendedInSource {
			amended = h.AppliedAt
		}
	}
	switch {
	case !o.registered():
		// The ERP counts what it has registered; until then the order is ours to count.
		position, err := s.exposure.Expose(ctx, tx, o.Account, o.ID, o.Total)
		if err != nil {
			return nil, err
		}
		e.credit(position, o.Total)
	case !amended.IsZero() || o.heldFor(creditExceeded, creditExpired, creditNone, overdueBalance):
		position, err := s.exposure.Owed(ctx, tx, o.Account)
		if err != nil {
			return nil, err
		}
		// A figure from before the order was raised does not tell.
		still[against{code: amendedInSource}] = position.AsOf.Before(amended)
		value := o.Total
		if policy.Credit.OpenOrders {
			value = trade.Money{Currency: o.Currency} // the ERP has it among its open orders
		}
		e.credit(position, value)
	}
	if decided || !amended.IsZero() {
		// What it is worth is known only now.
		e.value(o.Total)
		e.maySpend(o.Total)
		e.approvals(o.Total)
		if err := s.store.reviewed(ctx, tx, o.ID, is.Internal); err != nil {
			return nil, err
		}
	}
	if decided || !amended.IsZero() || o.heldFor(blanketExhausted) {
		used, err := s.store.underBlanket(ctx, tx, o, policy)
		if err != nil {
			return nil, err
		}
		e.withinBlanket(used, o.Total)
	}
	if !o.waits() && len(o.ActiveHolds()) == 0 && (!short || !byDate) {
		// It was agreed that it waits for stock, and not that it comes too late.
		return still, nil
	}
	var unknown []trade.SKU
	for _, f := range e.findings {
		reject := f.Severity == trade.Reject
		for _, i := range down {
			// What its channel has taken is not dropped for that: a person must settle it.
			if reject && !o.refusable() && strings.HasPrefix(f.Path, path(i, "")) {
				still[o.newHold(f, policy, s.now()).against()] = true
				o.hold(f, policy, s.now())
				if f.Code == itemUnknown {
					unknown = append(unknown, o.Lines[i].SKU)
				}
			}
		}
		at := o.newHold(f, policy, s.now()).against()
		if n := f.line(); n > 0 && o.Lines[n-1].Outcome == LineRejected && !o.heldNow(at) {
			continue // it was turned down, and who had to settle that has
		}
		onOrder := !strings.HasPrefix(f.Path, "lines.")
		if f.Severity == trade.Hold || reject && (onOrder || !amended.IsZero() || o.heldNow(at)) {
			still[at] = true
			if !o.heldBefore(at, amended) {
				if h := o.hold(f, policy, s.now()); h != nil && !amended.IsZero() {
					h.AutoClears = true // it can be set right there
				}
			}
		}
	}
	if len(unknown) > 0 {
		return still, s.dispatch.Unknown(ctx, tx, o, unknown)
	}
	return still, nil
}

// heldNow reports whether the order is held for that.
func (o *Order) heldNow(at against) bool {
	return slices.ContainsFunc(o.ActiveHolds(), func(h Hold) bool { return h.against() == at })
}

// heldFor reports whether the order is held for one of the codes.
func (o *Order) heldFor(codes ...string) bool {
	return slices.ContainsFunc(o.ActiveHolds(), func(h Hold) bool { return slices.Contains(codes, h.Code) })
}

// heldBefore reports whether the order was held for that since a time: a hold that a person has released
// stays released, as long as the order is the one that it was released for.
func (o *Order) heldBefore(at against, since time.Time) bool {
	return slices.ContainsFunc(o.Holds, func(h Hold) bool {
		return h.against() == at && (h.Status == HoldActive || h.Status != HoldAutoCleared && h.ReleasedAt != nil && h.ReleasedAt.After(since))
	})
}

func (o *Order) draft() Draft {
	d := Draft{Account: o.Account, PONumber: o.PONumber, Currency: o.Currency, ShipToID: o.ShipToID, Terms: o.Terms, ShipComplete: o.ShipComplete, Whole: o.Whole, By: o.PlacedBy, At: o.PlacedAt, Quote: o.Quote, Promotion: o.Promotion, Service: o.Service, RequestedDate: o.RequestedDate, Channel: o.Channel, ChannelRef: o.ChannelRef, ChannelSource: o.ChannelSource}
	d.DateKept = true
	if o.ShipTo.Line1 != "" {
		d.ShipTo, d.ShipToKept = &o.ShipTo, true
	}
	if d.Currency == trade.NoCurrency {
		d.Currency = ""
	}
	for _, l := range o.Lines {
		d.Lines = append(d.Lines, DraftLine{SKU: l.SKU, Quantity: l.Quantity, ExpectedUnitPrice: l.ExpectedUnitPrice, Ordered: l.Ordered, Called: l.Called, Gone: l.Outcome == LineDeleted, Override: l.Override})
	}
	return d
}
