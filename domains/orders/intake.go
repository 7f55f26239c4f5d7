package orders

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Gatherer asks the owners of the facts about a draft, at once and in bulk. A source that does
// not answer is a Missing fact, not an error. It also refreshes the figures that Reserver and
// Exposure decide on.
type Gatherer interface {
	Gather(ctx context.Context, d Draft) Facts
}

// Want is a quantity of a line to promise from somewhere.
type Want struct {
	Line     int
	SKU      trade.SKU
	Quantity trade.Decimal
	// Avoid are nodes that it is not to be promised from.
	Avoid []trade.NodeID
}

// Reserver promises stock in the caller's transaction. What it cannot promise is missing from
// its answer. Concurrent transactions never promise the same unit.
type Reserver interface {
	Reserve(ctx context.Context, tx postgres.Tx, order trade.OrderID, wants []Want) (map[int][]Allocation, error)
	// Adjust shrinks the order's promises to these allocations by line. What is on its way to a
	// node stays counted until the node's own figure tells.
	Adjust(ctx context.Context, tx postgres.Tx, order trade.OrderID, allocations map[int][]Allocation) error
}

// Exposure counts an order against its account's credit in the caller's transaction.
type Exposure interface {
	// Expose returns the position before this order and counts the amount from now on.
	Expose(ctx context.Context, tx postgres.Tx, account trade.AccountID, order trade.OrderID, amount trade.Money) (CreditPosition, error)
	// Unexpose stops counting the order, unless it is on its way to the ERP.
	Unexpose(ctx context.Context, tx postgres.Tx, order trade.OrderID) error
}

// Dispatcher starts the processes that follow a decision, in its transaction.
type Dispatcher interface {
	// Accepted sends allocated quantities to their nodes and the order to the ERP.
	Accepted(ctx context.Context, tx postgres.Tx, o *Order) error
	// LetGo tells that a person has let something go that held the order.
	LetGo(ctx context.Context, tx postgres.Tx, o *Order) error
	// Decided tells the channel what became of its order.
	Decided(ctx context.Context, tx postgres.Tx, o *Order) error
	// Unknown tells of items of an order that cannot be refused which nobody knows.
	Unknown(ctx context.Context, tx postgres.Tx, o *Order, skus []trade.SKU) error
	// Kept is what nodes have sent, have, or may have, by line and node.
	Kept(ctx context.Context, tx postgres.Tx, o *Order) (map[int]map[trade.NodeID]trade.Decimal, error)
	// GaveBack are the nodes that have lately given work of the order back, for want of stock or because
	// they would not do it.
	GaveBack(ctx context.Context, tx postgres.Tx, o *Order) ([]trade.NodeID, error)
	// Cancelling takes back what no node has heard of and recalls the rest, which it returns by
	// line and node: what nodes have sent, have, or may have.
	Cancelling(ctx context.Context, tx postgres.Tx, o *Order) (map[int]map[trade.NodeID]trade.Decimal, error)
	// Cancelled gives the order up at the ERP when nothing of it is left.
	Cancelled(ctx context.Context, tx postgres.Tx, o *Order) error
}

// Answer is what intake says to the caller, kept for replays.
type Answer struct {
	Decision Decision      `json:"decision"`
	OrderID  trade.OrderID `json:"orderId,omitempty"`
	Findings []Finding     `json:"findings"`
	// Replayed is true when this key was answered before.
	Replayed bool `json:"-"`
	// Order is the order as this call decided it; nil on a replay.
	Order *Order `json:"-"`
}

// claimTime bounds one run of intake; a claim older than this was left by a crash.
const claimTime = 30 * time.Second

// reviewAfter is how long a hold keeps its reservation before somebody must look again.
const reviewAfter = 72 * time.Hour

// errDryRun rolls the transaction of a validation back.
var errDryRun = errors.New("dry run")

// Place takes an order in. The key makes it safe to repeat: the same key with the same draft
// answers what it answered before; with another draft, or while the first is still running, it
// fails with a fault.KeyError. An order that its channel has taken already has its reference there for a
// key, whatever it looks like by now, and is tried again until it is in.
func (s *Service) Place(ctx context.Context, who trade.Viewer, key string, d Draft) (*Answer, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if !who.MaySee(d.Account) {
		return nil, fault.New(fault.Denied, "you may not order for account %q: use one that viewer.accounts lists", d.Account).At("accountId")
	}
	scope := strings.Join([]string{who.Client, string(d.Account), "placeOrder"}, "|")
	print, err := fingerprint(d)
	if err != nil {
		return nil, err
	}
	replay, err := s.store.claim(ctx, scope, key, print)
	if err != nil {
		return nil, err
	}
	if replay != nil {
		replay.Replayed = true
		return replay, nil
	}
	answer, err := s.decide(ctx, who, d, func(ctx context.Context, tx postgres.Tx, a *Answer) error {
		return s.store.settle(ctx, tx, scope, key, a)
	})
	if err != nil {
		if d.refusable() {
			s.store.abandon(context.WithoutCancel(ctx), scope, key)
		} else {
			s.store.forget(context.WithoutCancel(ctx), scope, key)
		}
		return nil, err
	}
	if s.Passing != nil {
		s.Passing("committed")
	}
	return answer, nil
}

// Validate answers what Place would, and changes nothing.
func (s *Service) Validate(ctx context.Context, who trade.Viewer, d Draft) (*Answer, error) {
	if !who.MaySee(d.Account) {
		return nil, fault.New(fault.Denied, "you may not order for account %q: use one that viewer.accounts lists", d.Account).At("accountId")
	}
	var answer *Answer
	_, err := s.decide(ctx, who, d, func(_ context.Context, _ postgres.Tx, a *Answer) error {
		answer = a
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		return answer, nil
	}
	return answer, err
}

func (s *Service) decide(ctx context.Context, who trade.Viewer, d Draft, finish func(context.Context, postgres.Tx, *Answer) error) (*Answer, error) {
	now := s.now()
	fs := Structure(d, trade.Date(now.Format(time.DateOnly)))
	var lines []Line
	currency := d.Currency
	var facts Facts
	if len(fs) == 0 {
		facts = s.facts.Gather(ctx, d)
		lines, currency, fs = Evaluate(d, facts)
	} else if len(d.Lines) > MaxLines && !d.refusable() {
		return nil, fault.New(fault.Invalid, "order %s of %s has %d lines; the limit is %d", d.ChannelRef, d.ChannelSource, len(d.Lines), MaxLines).At("lines")
	} else if len(d.Lines) > MaxLines {
		return &Answer{Decision: DecisionRejected, Findings: fs}, s.store.inTx(ctx, func(tx postgres.Tx) error {
			return finish(ctx, tx, &Answer{Decision: DecisionRejected, Findings: fs})
		})
	} else {
		if currency == "" {
			currency = trade.NoCurrency
		}
		for i, l := range d.Lines {
			if !l.Quantity.Value.IsPos() || l.Quantity.Value.Cmp(most()) > 0 {
				l.Quantity.Value = trade.Decimal{} // the finding says what was asked
			}
			lines = append(lines, rejected(Line{Number: i + 1, SKU: l.SKU, Called: l.Called, Quantity: l.Quantity, ExpectedUnitPrice: l.ExpectedUnitPrice, UnitPrice: trade.Money{Currency: currency}, Amount: trade.Money{Currency: currency}}))
		}
	}
	var answer *Answer
	err := s.store.inTx(ctx, func(tx postgres.Tx) error {
		o := &Order{
			ID: trade.OrderID(postgres.NewID()), Account: d.Account, Channel: d.Channel, ChannelRef: d.ChannelRef, ChannelSource: d.ChannelSource,
			PONumber: d.PONumber, Currency: currency, RequestedDate: d.RequestedDate, ShipToID: d.ShipToID, ShipTo: shipTo(d, facts.Account),
			Lines: append([]Line(nil), lines...), Findings: append([]Finding(nil), fs...), PlacedAt: now, UpdatedAt: now, PlacedBy: who.Subject,
		}
		events, err := s.settleOrder(ctx, tx, o, facts, now)
		if err != nil {
			return err
		}
		if err := s.store.insert(ctx, tx, o, events); err != nil {
			return err
		}
		if err := s.dispatch.Decided(ctx, tx, o); err != nil {
			return err
		}
		if o.Status == Accepted {
			if err := s.dispatch.Accepted(ctx, tx, o); err != nil {
				return err
			}
		}
		answer = &Answer{Decision: o.Decision, OrderID: o.ID, Findings: o.Findings, Order: o}
		return finish(ctx, tx, answer)
	})
	return answer, err
}

// settleOrder takes stock and credit for what may be accepted and sets the order's outcome. It
// is also how a held order is decided again.
func (s *Service) settleOrder(ctx context.Context, tx postgres.Tx, o *Order, facts Facts, now time.Time) ([]event.Event, error) {
	turnedDown := false
	for _, f := range o.Findings {
		turnedDown = turnedDown || (f.Severity == trade.Reject && !strings.HasPrefix(f.Path, "lines."))
	}
	var wants []Want
	total := trade.Money{Currency: o.Currency}
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.Outcome != LineRejected {
			wants = append(wants, Want{Line: l.Number, SKU: l.SKU, Quantity: l.Open()})
			total = total.Plus(l.Amount)
		}
	}
	o.Total = total
	if turnedDown || len(wants) == 0 {
		return s.turnDown(o, now), nil
	}
	position, err := s.exposure.Expose(ctx, tx, o.Account, o.ID, total)
	if err != nil {
		return nil, fmt.Errorf("credit of %s: %w", o.Account, err)
	}
	if !position.Known && !facts.missing("credit") {
		o.Findings = append(o.Findings, unknownCredit())
	}
	o.Findings = append(o.Findings, checkCredit(position, total)...)
	if !facts.missing("items") {
		got, err := s.reserver.Reserve(ctx, tx, o.ID, wants)
		if err != nil {
			return nil, fmt.Errorf("reserve stock: %w", err)
		}
		o.Findings = append(o.Findings, allocate(o, got, facts.missing("availability"))...)
	}
	return s.conclude(o, now), nil
}

// allocate books what was reserved onto the lines and reports what is short.
func allocate(o *Order, got map[int][]Allocation, unknown bool) []Finding {
	var fs findings
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.Outcome == LineRejected {
			continue
		}
		for _, a := range got[l.Number] {
			l.promise(a)
		}
		short := l.Open()
		if !short.IsPos() || unknown {
			continue
		}
		l.Backordered = trade.Sum(l.Backordered, short)
		switch {
		case l.Outcome == LineHeld: // it still has no price
		case l.Allocated.IsPos():
			l.Outcome = LinePartlyBackordered
		default:
			l.Outcome = LineBackordered
		}
		fs.add("ATP_SHORT", trade.Hold, path(i, "quantity.value"), fmt.Sprintf("%s of %s is not available", short, l.SKU), fmt.Sprintf("order %s, or wait for stock", l.Allocated)).
			with(trade.Evidence{"ordered": l.Quantity.Value.String(), "available": l.Allocated.String(), "short": short.String()})
	}
	return fs
}

// conclude turns findings into holds and sets decision and status.
func (s *Service) conclude(o *Order, now time.Time) []event.Event {
	for _, f := range o.Findings {
		reject := f.Severity == trade.Reject && o.refusable()
		if f.Severity != trade.Hold && (f.Severity != trade.Reject || o.refusable()) || reject {
			continue
		}
		o.hold(f, now)
	}
	var changed, dropped bool
	for i := range o.Lines {
		switch o.Lines[i].Outcome {
		case LineRejected:
			dropped = true
		case LineAccepted, LineHeld:
		default:
			changed = true
		}
	}
	o.Status = Accepted
	o.derive()
	switch {
	case o.Status == OnHold:
		o.Decision = DecisionHeld
	case dropped:
		o.Decision = DecisionPartiallyAccepted
	case changed:
		o.Decision = DecisionAcceptedWithChanges
	default:
		o.Decision = DecisionAccepted
	}
	events := []event.Event{o.event("order.placed", now, map[string]any{"number": o.Number, "decision": o.Decision, "total": o.Total, "lines": len(o.Lines), "channel": o.Channel})}
	if o.Status == OnHold {
		return append(events, o.event("order.held", now, map[string]any{"holds": holdCodes(o)}))
	}
	return append(events, o.event("order.accepted", now, map[string]any{"decision": o.Decision}))
}

// turnDown rejects the order, or holds it when its channel has taken it already.
func (s *Service) turnDown(o *Order, now time.Time) []event.Event {
	if !o.refusable() {
		return s.conclude(o, now)
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		l.Outcome, l.Rejected = LineRejected, l.Quantity.Value
	}
	o.Decision, o.Status = DecisionRejected, Rejected
	return []event.Event{
		o.event("order.placed", now, map[string]any{"number": o.Number, "decision": o.Decision, "total": o.Total, "lines": len(o.Lines), "channel": o.Channel}),
		o.event("order.rejected", now, map[string]any{"findings": o.Findings}),
	}
}

func (o *Order) refusable() bool { return o.Channel.refusable() }

func (d Draft) refusable() bool { return d.Channel.refusable() }

// hold adds a hold for the finding unless one of its code is active.
func (o *Order) hold(f Finding, now time.Time) {
	for _, h := range o.ActiveHolds() {
		if h.Code == f.Code {
			return
		}
	}
	h := newHold(f, now)
	switch f.Code {
	case "SOURCE_UNAVAILABLE", "ATP_SHORT", "CREDIT_LIMIT_EXCEEDED", "OVERDUE_BALANCE", "TAX_CONTEXT_INCOMPLETE", "PRICE_MISSING", "SHORT_PICK":
		h.AutoClears = true
	}
	if !o.refusable() {
		h.Remedies = append(h.Remedies, "CANCEL_AND_REFUND", "SUBSTITUTE", "BACKORDER")
	}
	o.Holds = append(o.Holds, h)
}

func newHold(f Finding, now time.Time) Hold {
	return Hold{
		ID: postgres.NewID(), Code: f.Code, Reason: f.Message, Blocks: []string{"RELEASE"}, Status: HoldActive, AppliedBy: "intake", AppliedAt: now,
		ReviewAt: now.Add(reviewAfter), Remedies: f.Remedies, Evidence: f.Evidence,
	}
}

func holdCodes(o *Order) []string {
	var codes []string
	for _, h := range o.ActiveHolds() {
		codes = append(codes, h.Code)
	}
	return codes
}

func shipTo(d Draft, a *AccountFact) trade.Address {
	switch {
	case d.ShipTo != nil:
		return *d.ShipTo
	case a == nil:
		return trade.Address{}
	case d.ShipToID != "":
		return a.ShipTos[d.ShipToID]
	default:
		return a.DefaultTo
	}
}

func checkKey(key string) error {
	switch {
	case strings.TrimSpace(key) == "":
		return fault.New(fault.Invalid, "an idempotency key is required: send a new unique value for each order you mean to place").At("idempotencyKey")
	case len(key) > maxText:
		return fault.New(fault.Invalid, "an idempotency key of %d characters; the limit is %d", len(key), maxText).At("idempotencyKey")
	}
	return nil
}

func fingerprint(d Draft) ([]byte, error) {
	if !d.refusable() {
		d = Draft{Channel: d.Channel, ChannelSource: d.ChannelSource, ChannelRef: d.ChannelRef}
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("draft: %w", err)
	}
	sum := sha256.Sum256(raw)
	return sum[:], nil
}
