package orders

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Service holds the verbs of orders.
type Service struct {
	store    *store
	facts    Gatherer
	reserver Reserver
	exposure Exposure
	dispatch Dispatcher
	now      func() time.Time
	// Passing is told "committed" when an order is taken in and nobody has heard of it yet. It is for
	// tests that end the process there; nil otherwise.
	Passing func(point string)
}

// New returns the orders of a database. The process is who claims idempotency keys; the four
// interfaces are the other domains' part in an order, see their comments.
func New(pool *postgres.Pool, process int32, facts Gatherer, reserver Reserver, exposure Exposure, dispatch Dispatcher, now func() time.Time) *Service {
	return &Service{store: &store{pool: pool, process: process}, facts: facts, reserver: reserver, exposure: exposure, dispatch: dispatch, now: now}
}

// Bring says which column another domain has of orders. A page that asks for it brings it in the same statement.
func (s *Service) Bring(column string) { s.store.beside = column }

// Orders returns the orders with these ids that the viewer may see.
func (s *Service) Orders(ctx context.Context, who trade.Viewer, ids []trade.OrderID) (map[trade.OrderID]*Order, error) {
	return s.store.byID(ctx, who, ids)
}

// one returns the order with the id, and fault.NotFound when there is none the viewer may see.
func (s *Service) one(ctx context.Context, who trade.Viewer, id trade.OrderID) (*Order, error) {
	found, err := s.store.byID(ctx, who, []trade.OrderID{id})
	if err == nil && found[id] == nil {
		err = notFound(string(id))
	}
	return found[id], err
}

// gather asks for the facts about a draft, the quote that it names among them.
func (s *Service) gather(ctx context.Context, d Draft, p Policy) (facts Facts, err error) {
	facts = s.facts.Gather(ctx, d, p.needs())
	facts.Quote, err = s.store.quote(ctx, d)
	return facts, err
}

// ByNumber returns the order with the number, and fault.NotFound when there is none the viewer
// may see.
func (s *Service) ByNumber(ctx context.Context, who trade.Viewer, number string) (*Order, error) {
	return s.store.byNumber(ctx, who, number)
}

// Filter narrows a list of orders. Empty fields do not narrow.
type Filter struct {
	Accounts     []trade.AccountID
	Statuses     []Status
	PONumber     string
	PlacedFrom   *time.Time
	PlacedBefore *time.Time
	SKU          trade.SKU
}

// SortBy is the total order of a list; the id breaks ties.
type SortBy string

// The orders of a list.
const (
	ByPlacedAt SortBy = "PLACED_AT"
	ByTotal    SortBy = "TOTAL"
	BySeqNo    SortBy = "NUMBER"
)

// Paging asks for one page of a list, as Relay has it.
type Paging struct {
	First, Last   *int
	After, Before string
	SortBy        SortBy
	Ascending     bool
	// Uncounted leaves out how many there are in all, and Alone whether there are more than the page has, for callers that do not ask.
	Uncounted, Alone bool
	// Beside is told what another domain has of each order, nil where it has nothing, in bytes that last as long as the call.
	Beside func(o *Order, column []byte)
}

// List is one page of orders.
type List struct {
	Orders           []*Order
	HasNext, HasPrev bool
	Total            int

	// column is what the list is ordered by, and keys what that is of each order.
	column string
	keys   []string
}

// Cursor is where the ith order of the page is in the list.
func (l *List) Cursor(i int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(l.column + "|" + l.keys[i] + "|" + string(l.Orders[i].ID)))
}

// List returns one page of the viewer's orders.
func (s *Service) List(ctx context.Context, who trade.Viewer, f Filter, p Paging) (*List, error) {
	return s.store.list(ctx, who, f, p)
}

// ReleaseHold ends a hold. When no other hold is left the order goes on.
func (s *Service) ReleaseHold(ctx context.Context, who trade.Viewer, id trade.OrderID, version *int, holdID, reason string) (*Order, error) {
	if len(reason) < 3 {
		return nil, fault.New(fault.Invalid, "a release needs a reason of at least 3 characters, for the audit trail").At("reason")
	}
	return s.update(ctx, who, id, func(tx postgres.Tx, o *Order) ([]event.Event, error) {
		if err := o.saw(version); err != nil {
			return nil, err
		}
		now := s.now()
		if err := o.release(holdID, who, reason, now); err != nil {
			return nil, err
		}
		if n := o.undecided(); n != 0 && (len(o.ActiveHolds()) == 0 || o.unchecked(holdID)) {
			return nil, fault.New(fault.Conflict, "line %d has no price yet or could not be checked: the order goes on by itself when its source answers; until then it can only be cancelled", n).At("holdId")
		}
		events := []event.Event{o.event("order.hold_released", now, map[string]any{"holdId": holdID, "by": who.Subject, "reason": reason})}
		if err := s.dispatch.LetGo(ctx, tx, o); err != nil {
			return nil, err
		}
		return s.resume(ctx, tx, o, events, now)
	})
}

// resume sends what is allocated of an order and no hold stops any more, and accepts it where it was held.
func (s *Service) resume(ctx context.Context, tx postgres.Tx, o *Order, events []event.Event, now time.Time) ([]event.Event, error) {
	o.derive()
	if o.waits() || o.finished() {
		return events, nil
	}
	o.Lapsed = false
	for i := range o.Lines {
		// What could not be promised is promised when there is stock.
		l := &o.Lines[i]
		l.Backordered = trade.Sum(l.Backordered, l.Open())
	}
	if o.Decision == DecisionHeld || o.Decision == DecisionPendingApproval {
		o.Decision = DecisionAccepted
		events = append(events, o.event("order.accepted", now, map[string]any{"decision": o.Decision}))
	}
	return events, s.dispatch.Accepted(ctx, tx, o)
}

// Cancel stops everything of the order that has not shipped. What a node works on is recalled,
// and stays with the order until the node agrees.
func (s *Service) Cancel(ctx context.Context, who trade.Viewer, id trade.OrderID, version *int, reason string) (*Order, error) {
	return s.update(ctx, who, id, func(tx postgres.Tx, o *Order) ([]event.Event, error) {
		if err := o.saw(version); err != nil {
			return nil, err
		}
		switch {
		case o.History:
			return nil, o.refuse("order %s is worked on in %s; cancel it there", o.Number, o.ChannelSource)
		case o.finished():
			return nil, o.refuse("order %s is %s; only an order that is not finished can be cancelled", o.Number, o.Status)
		}
		return s.cancel(ctx, tx, who, o, reason)
	})
}

func (o *Order) finished() bool {
	return o.Status == Cancelled || o.Status == Rejected || o.Status == Completed
}

func (s *Service) cancel(ctx context.Context, tx postgres.Tx, who trade.Viewer, o *Order, reason string) ([]event.Event, error) {
	now := s.now()
	o.CancelReason = reason
	for i := range o.Holds {
		if o.Holds[i].Status == HoldActive {
			o.Holds[i].end(HoldReleased, who.Subject, "order cancelled", now)
		}
	}
	kept, err := s.dispatch.Cancelling(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	recalling := o.cancelRest(kept)
	if err := s.reserver.Adjust(ctx, tx, o.ID, nil); err != nil {
		return nil, err
	}
	o.derive()
	events := []event.Event{o.event("order.cancel_requested", now, map[string]any{"by": who.Subject, "reason": reason, "recalling": recalling})}
	if o.Status == Cancelled {
		if err := s.exposure.Unexpose(ctx, tx, o.ID); err != nil {
			return nil, err
		}
		events = append(events, o.event("order.cancelled", now, map[string]any{"reason": reason}))
	}
	return events, s.dispatch.Cancelled(ctx, tx, o)
}

// CallOff cancels what is left of an order that its shop has cancelled, once. Of goods that have left
// already, tooLate is told in the same transaction.
func (s *Service) CallOff(ctx context.Context, shop, ref string, tooLate func(context.Context, postgres.Tx, *Order) error) error {
	known, err := s.store.ofChannel(ctx, Storefront, shop, ref)
	if err != nil || known.CalledOff || known.History {
		return err
	}
	who := trade.System("storefront")
	_, err = s.update(ctx, who, known.ID, func(tx postgres.Tx, o *Order) ([]event.Event, error) {
		if o.CalledOff {
			return nil, nil
		}
		o.CalledOff = true
		if slices.ContainsFunc(o.Lines, func(l Line) bool { return l.Shipped.IsPos() }) {
			if err := tooLate(ctx, tx, o); err != nil {
				return nil, err
			}
		}
		if o.finished() {
			return nil, nil
		}
		return s.cancel(ctx, tx, who, o, "cancelled in "+shop)
	})
	return err
}

// Refunded records refunds that the order's shop has made, each once. Of those that nobody here asked for
// unasked is told in the same transaction.
func (s *Service) Refunded(ctx context.Context, shop, ref string, refunds []Refund, unasked func(context.Context, postgres.Tx, *Order, Refund) error) error {
	known, err := s.store.ofChannel(ctx, Storefront, shop, ref)
	if err != nil || known.History {
		return err
	}
	fresh := func(o *Order) []Refund {
		return slices.DeleteFunc(slices.Clone(refunds), func(r Refund) bool {
			return slices.ContainsFunc(o.Refunds, func(k Refund) bool { return k.Ref == r.Ref })
		})
	}
	if len(fresh(known)) == 0 {
		return nil
	}
	_, err = s.update(ctx, trade.System("storefront"), known.ID, func(tx postgres.Tx, o *Order) ([]event.Event, error) {
		var events []event.Event
		for _, r := range fresh(o) {
			o.Refunds = append(o.Refunds, r)
			e := o.event("order.refunded", r.At, r)
			e.Source = shop
			events = append(events, e)
			if r.Ours {
				continue
			}
			if err := unasked(ctx, tx, o, r); err != nil {
				return nil, err
			}
		}
		return events, nil
	})
	return err
}

// watchFor is how long a shop can change an order that is finished here.
const watchFor = 30 * 24 * time.Hour

// Watched returns references of a shop's orders that it can still change, those after the one given.
func (s *Service) Watched(ctx context.Context, shop, after string, limit int) ([]string, error) {
	return s.store.watched(ctx, shop, after, s.now().Add(-watchFor), limit)
}

// Step is a movement of quantities between the buckets of an order's lines.
type Step string

// The movements that the outside world causes.
const (
	StepReleased  Step = "RELEASED"  // allocated → released: the node took the work
	StepShipped   Step = "SHIPPED"   // released → shipped
	StepShorted   Step = "SHORTED"   // released → backordered: the node could not pick it
	StepRecalled  Step = "RECALLED"  // released → cancelled: the node gave the work back
	StepDelivered Step = "DELIVERED" // of what was shipped
	StepReturned  Step = "RETURNED"  // of what was shipped
	StepInvoiced  Step = "INVOICED"  // of what was shipped
	StepPosted    Step = "POSTED"    // invoiced, and so shipped, by a system that works on the order alone
)

// Advance moves quantities of an order's lines at a node in the caller's transaction. The node is
// empty for steps that no node takes.
func (s *Service) Advance(ctx context.Context, tx postgres.Tx, id trade.OrderID, step Step, node trade.NodeID, parts []trade.Part) error {
	return s.store.update(ctx, tx, id, func(o *Order) ([]event.Event, error) {
		before, now := o.Status, s.now()
		for _, p := range parts {
			l := o.Line(p.Line)
			if l == nil {
				return nil, fmt.Errorf("order %s has no line %d", o.Number, p.Line)
			}
			l.move(step, node, p.Quantity)
		}
		o.derive()
		events := []event.Event{}
		if step == StepShorted {
			o.hold(Finding{Code: shortPick, Severity: trade.Hold, Message: "a node could not pick everything", Remedies: []string{"wait for stock", "cancel the rest"}}, Policy{}, now)
			o.derive()
			events = append(events, o.event("order.backordered", now, map[string]any{"parts": parts}))
		}
		if o.Status != before {
			typ := map[Status]event.Type{InFulfillment: "order.in_fulfillment", Completed: "order.completed", Cancelled: "order.cancelled", OnHold: "order.held"}[o.Status]
			if typ != "" {
				events = append(events, o.event(typ, now, map[string]any{"step": step}))
			}
		}
		return events, nil
	})
}

// move takes the quantity between buckets, never more than the bucket it comes from holds.
func (l *Line) move(step Step, node trade.NodeID, q trade.Decimal) {
	take := func(from *trade.Decimal) trade.Decimal {
		n := trade.Min(q, *from)
		*from = trade.Less(*from, n)
		return n
	}
	switch step {
	case StepReleased:
		l.Released = trade.Sum(l.Released, take(&l.Allocated))
	case StepShipped:
		// What left has left, wherever we thought that it was: a node can ship before we know that
		// it took the work, or after we gave it up.
		for _, bucket := range []*trade.Decimal{&l.Released, &l.Allocated, &l.Backordered, &l.Cancelled} {
			n := trade.Min(q, *bucket)
			*bucket, q = trade.Less(*bucket, n), trade.Less(q, n)
			l.Shipped = trade.Sum(l.Shipped, n)
		}
	case StepShorted:
		n := take(&l.Released)
		l.unallocate(node, n)
		l.Backordered = trade.Sum(l.Backordered, n)
	case StepRecalled:
		n := take(&l.Released)
		l.unallocate(node, n)
		l.Cancelled = trade.Sum(l.Cancelled, n)
	case StepDelivered:
		l.Delivered = trade.Min(trade.Sum(l.Delivered, q), l.Shipped)
	case StepReturned:
		l.Returned = trade.Min(trade.Sum(l.Returned, q), l.Shipped)
	case StepInvoiced:
		l.Invoiced = trade.Min(trade.Sum(l.Invoiced, q), l.Shipped)
	case StepPosted:
		l.Invoiced = trade.Min(trade.Sum(l.Invoiced, q), trade.Less(l.Quantity.Value, l.Cancelled))
		l.Shipped = l.Shipped.Max(l.Invoiced)
	}
}

// promise adds an allocation, to that of the same node where there is one.
func (l *Line) promise(a Allocation) {
	l.Allocated = trade.Sum(l.Allocated, a.Quantity)
	for i := range l.Allocations {
		if l.Allocations[i].Node == a.Node {
			l.Allocations[i].Quantity = trade.Sum(l.Allocations[i].Quantity, a.Quantity)
			return
		}
	}
	l.Allocations = append(l.Allocations, a)
}

// unpromise takes a quantity off the line's promises that no node has, the last first.
func (l *Line) unpromise(q trade.Decimal) {
	for i := len(l.Allocations) - 1; i >= 0 && q.IsPos(); i-- {
		n := trade.Min(trade.Min(q, l.Allocated), l.Allocations[i].Quantity)
		l.Allocated, q = trade.Less(l.Allocated, n), trade.Less(q, n)
		l.Allocations[i].Quantity = trade.Less(l.Allocations[i].Quantity, n)
	}
	l.Allocations = slices.DeleteFunc(l.Allocations, func(a Allocation) bool { return a.Quantity.IsZero() })
}

// unallocate shrinks the allocation of the node.
func (l *Line) unallocate(node trade.NodeID, q trade.Decimal) {
	for i := range l.Allocations {
		if l.Allocations[i].Node == node {
			l.Allocations[i].Quantity = trade.Less(l.Allocations[i].Quantity, trade.Min(q, l.Allocations[i].Quantity))
		}
	}
	l.Allocations = slices.DeleteFunc(l.Allocations, func(a Allocation) bool { return a.Quantity.IsZero() })
}

// backordered reports whether a line waits for stock.
func (o *Order) backordered() bool {
	return slices.ContainsFunc(o.Lines, func(l Line) bool { return l.Backordered.IsPos() })
}

// registered reports whether a system of record has the order.
func (o *Order) registered() bool {
	return slices.ContainsFunc(o.References, func(r Reference) bool { return r.Type == salesOrder })
}

// Held returns ids of orders that may go on by themselves: their active holds all clear when
// their cause is gone, or they only wait for stock. Each has the same chance to be among them.
func (s *Service) Held(ctx context.Context, limit int) ([]trade.OrderID, error) {
	return s.store.held(ctx, limit)
}

// allocations are what the lines still want from each node.
func (o *Order) allocations() map[int][]Allocation {
	out := make(map[int][]Allocation, len(o.Lines))
	for _, l := range o.Lines {
		if len(l.Allocations) > 0 {
			out[l.Number] = l.Allocations
		}
	}
	return out
}

func (s *Service) update(ctx context.Context, who trade.Viewer, id trade.OrderID, fn func(postgres.Tx, *Order) ([]event.Event, error)) (*Order, error) {
	var out *Order
	err := s.store.inTx(ctx, func(tx postgres.Tx) error {
		return s.store.update(ctx, tx, id, func(o *Order) ([]event.Event, error) {
			if !who.MaySee(o.Account) {
				return nil, notFound(string(id))
			}
			out = o
			return fn(tx, o)
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func notFound(what string) error {
	return fault.New(fault.NotFound, "no order %q", what)
}

// Lock returns the order and holds its row until the transaction ends.
func (s *Service) Lock(ctx context.Context, tx postgres.Tx, id trade.OrderID) (*Order, error) {
	var out *Order
	err := s.store.update(ctx, tx, id, func(o *Order) ([]event.Event, error) {
		out = o
		return nil, nil
	})
	return out, err
}

// ShopOrder names an order in the shop it was placed in.
type ShopOrder struct{ Source, Ref string }

// ShopOf returns where the order was placed; both fields are empty for other channels.
func (s *Service) ShopOf(ctx context.Context, tx postgres.Tx, id trade.OrderID) (ShopOrder, error) {
	o, err := s.Lock(ctx, tx, id)
	if err != nil || o.Channel != Storefront {
		return ShopOrder{}, err
	}
	return ShopOrder{o.ChannelSource, o.ChannelRef}, nil
}

// ByNumbers returns the orders with these numbers that the viewer may see.
func (s *Service) ByNumbers(ctx context.Context, who trade.Viewer, numbers []string) (map[string]*Order, error) {
	return s.store.byNumbers(ctx, who, numbers)
}

// Known tells which orders a source gave us before, by what it calls them.
func (s *Service) Known(ctx context.Context, channel Channel, source string, refs []string) (map[string]bool, error) {
	return s.store.known(ctx, channel, source, refs)
}

// ByReference returns the orders that the source calls by these numbers.
func (s *Service) ByReference(ctx context.Context, who trade.Viewer, source string, theirNumbers []string) (map[string]*Order, error) {
	return s.store.byReference(ctx, who, source, theirNumbers)
}

// SimulateSourcing is the plan that the draft would be sourced by now, as JSON for whoever must explain it, by these criteria
// where some are given. It asks the nodes, and promises nothing.
func (s *Service) SimulateSourcing(ctx context.Context, who trade.Viewer, d Draft, criteria []trade.Criterion, maxNodes int) (json.RawMessage, error) {
	if !who.MaySee(d.Account) {
		return nil, fault.New(fault.Denied, "you may not order for account %q: use one that viewer.accounts lists", d.Account).At("accountId")
	}
	now := s.now()
	for _, f := range Structure(d, trade.DateOf(now)) {
		return nil, fault.New(fault.Invalid, "%s", f.Message).At(f.Path)
	}
	rules, err := s.store.rules(ctx)
	if err != nil {
		return nil, err
	}
	policy := rules.For(d.Account)
	if len(criteria) > 0 {
		policy.Sourcing.Criteria = criteria
	}
	if maxNodes > 0 {
		policy.Sourcing.MaxNodes = maxNodes
	}
	c := &Considered{Draft: d, Facts: s.facts.Gather(ctx, d, policy.needs())}
	o, _ := c.order(policy, now)
	promised, err := s.reserver.Simulate(ctx, o.sourcing(c.Facts, policy, now))
	return promised.Plan, err
}

// Plans are why the nodes of orders were chosen when they were decided at first, as JSON.
func (s *Service) Plans(ctx context.Context, ids []trade.OrderID) (map[trade.OrderID]json.RawMessage, error) {
	return s.store.plans(ctx, ids)
}
