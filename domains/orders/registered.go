package orders

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// What systems of record have of orders: that they registered one of ours, ask before they take it up, have
// changed it, or work on one alone.

// Amend takes over a change that was made to the order in the system that registered it. The
// quantities are what that system now has. What no node works on follows at once. What was raised or added waits for its stock, and
// holds the order until all of it has been checked again. A change to work that was released, and a line that cannot be one of
// ours, are returned, for a person or a recall to settle. So is another address or date when a node has work; else the order goes
// there, and then, once that has been checked; otherwise elsewhere is told in the same transaction.
func (s *Service) Amend(ctx context.Context, id trade.OrderID, r Registration, quantities map[int]trade.Decimal, elsewhere func(context.Context, postgres.Tx, *Order) error) (conflicts []int, err error) {
	_, err = s.update(ctx, trade.System("amendment"), id, func(tx postgres.Tx, o *Order) ([]event.Event, error) {
		if !r.ModifiedAt.After(o.AmendedAt) {
			return nil, nil
		}
		o.AmendedAt = r.ModifiedAt
		now := s.now()
		o.taxed(r.Source, r.Tax, now)
		kept, err := s.dispatch.Kept(ctx, tx, o)
		if err != nil {
			return nil, err
		}
		var changed []map[string]any
		raised := false
		is := o.heading(r)
		if o.moved(is) && !o.finished() {
			if len(kept) > 0 || o.worked() {
				if err := elsewhere(ctx, tx, o); err != nil {
					return nil, err
				}
			} else {
				o.readdress(is)
				raised = true
			}
			changed = append(changed, map[string]any{"shipTo": is.ShipTo, "requestedDate": is.RequestedDate, "from": o.Heading})
		}
		o.Heading = is
		for _, n := range slices.Sorted(maps.Keys(quantities)) {
			q := quantities[n]
			l := o.Line(n)
			if l == nil && o.add(n, r) {
				raised = true
				changed = append(changed, map[string]any{"line": n, "from": "0", "to": q.String()})
				continue
			}
			if l == nil {
				conflicts = append(conflicts, n)
				changed = append(changed, map[string]any{"line": n, "to": q.String()})
				continue
			}
			was := l.Registered
			l.Registered = &q
			if was == nil || was.Cmp(q) == 0 {
				continue
			}
			worked := l.worked(kept[n])
			if q.Cmp(worked) < 0 {
				conflicts = append(conflicts, n)
			}
			want := l.kept()
			switch more := trade.Min(trade.Less(q, *was), trade.Less(q, want)); {
			case !more.IsPos():
			case o.Status == Cancelled || o.Status == Rejected:
				conflicts = append(conflicts, n)
			default:
				l.raise(more)
				if l.Outcome == LineDeleted {
					l.Outcome = LineHeld
				}
				raised = true
			}
			if q.Cmp(want) < 0 {
				l.shrink(l.lower(trade.Less(want, q.Max(worked))))
			}
			if l.Quantity.Value.IsZero() {
				l.Outcome = LineDeleted // it was added there, and taken off again
			}
			changed = append(changed, map[string]any{"line": n, "from": was.String(), "to": q.String()})
		}
		if len(changed) == 0 {
			return nil, nil
		}
		if err := s.reserver.Adjust(ctx, tx, o.ID, o.allocations()); err != nil {
			return nil, err
		}
		o.count()
		if len(conflicts) > 0 && !o.finished() {
			o.hold(Finding{Code: "AMENDED_AFTER_RELEASE", Severity: trade.Hold, Message: "the order was changed in " + r.Source + " after work was released"}, Policy{}, now)
		}
		if raised {
			o.hold(Finding{Code: amendedInSource, Severity: trade.Hold, Message: "the order was changed in " + r.Source + ": it is checked again"}, Policy{}, now)
		}
		o.derive()
		return []event.Event{o.event("order.amended", now, map[string]any{"source": r.Source, "changes": changed, "conflicts": conflicts})}, nil
	})
	slices.Sort(conflicts)
	return conflicts, err
}

// Heading is where an order goes, and when.
type Heading struct {
	ShipTo        trade.Address `json:"shipTo"`
	RequestedDate trade.Date    `json:"requestedDate,omitempty"`
}

// heading is that of the order by what a system of record tells, which may leave things out.
func (o *Order) heading(r Registration) *Heading {
	is := Heading{}
	if o.Heading != nil {
		is = *o.Heading
	}
	if r.ShipTo != (trade.Address{}) {
		is.ShipTo = r.ShipTo
	}
	is.RequestedDate = cmp.Or(r.RequestedDate, is.RequestedDate)
	return &is
}

// moved reports whether a system of record has the order go elsewhere than it had, or on another day; what it had not told before
// is no change.
func (o *Order) moved(is *Heading) bool {
	was := o.Heading
	return was != nil && (was.ShipTo != (trade.Address{}) && is.ShipTo != was.ShipTo || was.RequestedDate != "" && is.RequestedDate != was.RequestedDate)
}

// readdress has the order go where, and when, a system of record has changed that it goes.
func (o *Order) readdress(is *Heading) {
	if is.ShipTo != o.Heading.ShipTo {
		o.ShipTo, o.ShipToID = is.ShipTo, ""
	}
	if is.RequestedDate != o.Heading.RequestedDate {
		o.RequestedDate = is.RequestedDate
	}
}

// amendedInSource is the code of holds for what a system of record has raised. They end when it was checked.
const amendedInSource = "AMENDED_IN_SOURCE"

// add takes over a line that a system of record has beyond those of the order, and reports whether it can: it is the next one, of an
// item. It is held until it has been checked, at the price that it has there.
func (o *Order) add(n int, r Registration) bool {
	var found []RegisteredLine
	for _, l := range r.Lines {
		if l.Line == n {
			found = append(found, l)
		}
	}
	if len(found) != 1 || n != len(o.Lines)+1 || n > MaxLines || o.Status == Cancelled || o.Status == Rejected {
		return false
	}
	is := found[0]
	q := is.Quantity.Value
	if is.SKU == "" || !q.IsPos() {
		return false
	}
	price := trade.Money{Amount: is.UnitPrice.Amount, Currency: o.Currency}
	o.Lines = append(o.Lines, Line{
		Number: n, SKU: is.SKU, Quantity: is.Quantity, UnitPrice: price, ExpectedUnitPrice: &price, Amount: price.Times(q).Round(), Registered: &q, Raised: q, Backordered: q, Outcome: LineHeld,
	})
	return true
}

// AddedInSource reports whether the whole line was added by the system of record.
func (l *Line) AddedInSource() bool { return l.Raised.IsPos() && l.Raised.Equal(l.Quantity.Value) }

// raise has the line wait for more: for what was cancelled first.
func (l *Line) raise(more trade.Decimal) {
	back := trade.Min(more, l.Cancelled)
	l.Cancelled, l.Backordered = trade.Less(l.Cancelled, back), trade.Sum(l.Backordered, more)
	l.grow(trade.Less(more, back))
}

// lower takes back what was raised and no node works on, and returns what is left of the quantity.
func (l *Line) lower(q trade.Decimal) trade.Decimal {
	back := trade.Min(q, l.Raised)
	waits := trade.Min(back, l.Backordered)
	promised := trade.Min(trade.Less(back, waits), l.Allocated)
	l.Backordered = trade.Less(l.Backordered, waits)
	l.unpromise(promised)
	back = trade.Sum(waits, promised)
	l.grow(back.Neg())
	return trade.Less(q, back)
}

// grow has the line be for so much more.
func (l *Line) grow(more trade.Decimal) {
	l.Quantity.Value, l.Raised = trade.Sum(l.Quantity.Value, more), trade.Sum(l.Raised, more)
	l.Amount = l.UnitPrice.Times(l.Quantity.Value).Round()
}

// shrink cancels a quantity that no node works on: backordered first, then open, then allocated.
func (l *Line) shrink(q trade.Decimal) {
	cancel := func(n trade.Decimal) {
		l.Cancelled = trade.Sum(l.Cancelled, n)
		q = trade.Less(q, n)
	}
	n := trade.Min(q, l.Backordered)
	l.Backordered = trade.Less(l.Backordered, n)
	cancel(n)
	cancel(trade.Min(q, l.Open()))
	n = trade.Min(q, l.Allocated)
	l.unpromise(n)
	cancel(n)
	if !l.Backordered.IsPos() {
		l.Expected = ""
	}
}

// Registered keeps what a system of record calls the order, and what it was asked to register: what it
// has otherwise by now is a change that was made there.
func (s *Service) Registered(ctx context.Context, tx postgres.Tx, id trade.OrderID, r Registration, asked map[int]trade.Decimal) error {
	return s.store.update(ctx, tx, id, func(o *Order) ([]event.Event, error) {
		for n, q := range asked {
			if l := o.Line(n); l != nil && l.Registered == nil {
				l.Registered = &q
			}
		}
		o.taken(s.now())
		o.Heading = o.heading(r)
		o.taxed(r.Source, r.Tax, s.now())
		if !o.refer(Reference{System: r.Source, Type: salesOrder, Value: r.TheirNumber, ID: r.Ref}) {
			return nil, nil
		}
		return []event.Event{o.event("order.registered", s.now(), map[string]any{"source": r.Source, "number": r.TheirNumber})}, nil
	})
}

// sourceStopped is the code of holds for what a system of record asks before it takes an order up.
const sourceStopped = "SOURCE_STOPPED"

// Stopped holds the order for what a system of record asks before it takes the order up.
func (s *Service) Stopped(ctx context.Context, tx postgres.Tx, id trade.OrderID, source string, stops []Stop) error {
	return s.store.update(ctx, tx, id, func(o *Order) ([]event.Event, error) {
		var events []event.Event
		for _, stop := range stops {
			if o.finished() || slices.ContainsFunc(o.Holds, func(h Hold) bool { return h.stop() == stop.Name }) {
				continue
			}
			now := s.now()
			h := newHold(Finding{
				Code: sourceStopped, Message: source + " asks: " + stop.Message, Remedies: []string{"settle it in " + source + ", or release the hold to go on in spite of it"},
				Evidence: trade.Evidence{"source": source, "stop": stop.Name},
			}, Policy{}.holdRule(sourceStopped), now)
			o.Holds = append(o.Holds, h)
			events = append(events, o.event("order.held", now, map[string]any{"holds": []string{h.Code}}))
		}
		o.derive()
		return events, nil
	})
}

// stop is the name of the system's question that the hold is for, empty for other holds.
func (h Hold) stop() string {
	name, _ := h.Evidence["stop"].(string)
	return name
}

// Released are the stops that people have let the order go in spite of.
func (o *Order) Released() []string {
	var names []string
	for _, h := range o.Holds {
		if (h.Status == HoldReleased || h.Status == HoldOverridden) && h.stop() != "" {
			names = append(names, h.stop())
		}
	}
	return names
}

// taken clears the holds for what a system of record has asked: it has taken the order up.
func (o *Order) taken(now time.Time) {
	for i := range o.Holds {
		if h := &o.Holds[i]; h.Status == HoldActive && h.stop() != "" {
			h.end(HoldAutoCleared, "crossdock", "", now)
		}
	}
	o.derive()
}

// Reduced records what a system of record has after we took something off its order, so that it is not
// taken for a change made there.
func (s *Service) Reduced(ctx context.Context, tx postgres.Tx, id trade.OrderID, r Registration) error {
	return s.store.update(ctx, tx, id, func(o *Order) ([]event.Event, error) {
		for _, rl := range r.Lines {
			if l := o.Line(rl.Line); l != nil && l.SKU == rl.SKU {
				q := rl.Quantity.Value
				l.Registered = &q
			}
		}
		o.taxed(r.Source, r.Tax, s.now())
		if r.ModifiedAt.After(o.AmendedAt) && !o.moved(o.heading(r)) && len(r.Lines) <= len(o.Lines) { // else there is more to take over
			o.AmendedAt = r.ModifiedAt
		}
		return nil, nil
	})
}

// salesOrder is the type of a reference to an order in a system of record.
const salesOrder = "SALES_ORDER"

// refer adds a reference and reports whether it was new.
func (o *Order) refer(r Reference) bool {
	if slices.Contains(o.References, r) {
		return false
	}
	o.References = append(o.References, r)
	return true
}

// Adopt makes an order known that another system has accepted and works on, or has finished with:
// one that was typed straight into a system of record, or a storefront's of the past. We show it
// and decide nothing. It returns whether it was new; one that was known follows the system.
func (s *Service) Adopt(ctx context.Context, channel Channel, r Registration) (bool, error) {
	now := s.now()
	o := &Order{
		ID: trade.OrderID(postgres.NewID()), Account: r.Account, Channel: channel, ChannelSource: r.Source, ChannelRef: r.Ref, PONumber: r.PONumber, Currency: r.Currency, ShipTo: r.ShipTo,
		Status: Accepted, Decision: DecisionAccepted, PlacedAt: r.PlacedAt, UpdatedAt: now, PlacedBy: "source:" + r.Source, History: true, AmendedAt: r.ModifiedAt,
		References: []Reference{{System: r.Source, Type: salesOrder, Value: r.TheirNumber, ID: r.Ref}},
	}
	o.follow(r)
	o.taxed(r.Source, r.Tax, now)
	fresh := false
	err := s.store.inTx(ctx, func(tx postgres.Tx) error {
		known, err := s.store.knows(ctx, tx, o)
		if err == nil && known == "" {
			known, err = s.store.referred(ctx, tx, r.Source, r.TheirNumber)
		}
		if err != nil {
			return err
		}
		if known != "" {
			return s.store.update(ctx, tx, known, func(o *Order) ([]event.Event, error) {
				if !o.History || !r.ModifiedAt.After(o.AmendedAt) {
					return nil, nil
				}
				o.AmendedAt = r.ModifiedAt
				taxed := o.taxed(r.Source, r.Tax, now)
				if !o.follow(r) && !taxed {
					return nil, nil
				}
				return []event.Event{o.event("order.amended", now, map[string]any{"source": r.Source})}, nil
			})
		}
		fresh = true
		return s.store.insert(ctx, tx, o, nil, []event.Event{o.event("order.adopted", now, map[string]any{"number": o.Number, "source": r.Source, "theirNumber": r.TheirNumber})})
	})
	return fresh, err
}
