// Package returns keeps what customers send back, in three separate steps: receipt,
// disposition, credit.
//
//	REQUESTED ─▶ AUTHORIZED ─▶ RECEIVED ─▶ CREDIT_PENDING ─▶ CLOSED
//	    │             │
//	    ├─▶ DECLINED  └─▶ CANCELLED (before any unit is received)
//	    └─▶ CANCELLED
//
// Of every line: requested ≥ authorized ≥ received = restocked + quarantined + scrapped. What
// was authorized and never came is missing. Inventory moves on disposition, at the node; a
// credit is given for what was received, at the price of the original line.
package returns

import (
	"context"
	"fmt"
	"slices"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Status is where a return is in its life.
type Status string

// The statuses of a return.
const (
	Requested     Status = "REQUESTED"
	Authorized    Status = "AUTHORIZED"
	Declined      Status = "DECLINED"
	Received      Status = "RECEIVED"
	CreditPending Status = "CREDIT_PENDING"
	Closed        Status = "CLOSED"
	Cancelled     Status = "CANCELLED"
)

// Disposition is what the node does with a unit that came back.
type Disposition string

// The dispositions of goods that came back.
const (
	Restock    Disposition = "RESTOCK_NEW"
	Quarantine Disposition = "QUARANTINE"
	Scrap      Disposition = "SCRAP"
)

// Reason is why the customer sends a line back.
type Reason string

// The reasons of a return.
const (
	Defective   Reason = "DEFECTIVE"
	WrongItem   Reason = "WRONG_ITEM"
	NotNeeded   Reason = "NO_LONGER_NEEDED"
	DamagedWay  Reason = "DAMAGED_IN_TRANSIT"
	OtherReason Reason = "OTHER"
)

// Return is goods coming back, from request to credit.
type Return struct {
	ID          string          `json:"id"`
	Number      string          `json:"number"`
	Order       trade.OrderID   `json:"order"`
	OrderNumber string          `json:"orderNumber"`
	Account     trade.AccountID `json:"account"`
	Node        trade.NodeID    `json:"node"`
	Currency    trade.Currency  `json:"currency"`
	Status      Status          `json:"status"`
	Lines       []Line          `json:"lines"`
	Comment     string          `json:"comment,omitempty"`
	RequestedBy string          `json:"requestedBy"`
	RequestedAt time.Time       `json:"requestedAt"`
	DecidedBy   string          `json:"decidedBy,omitempty"`
	NodeRef     string          `json:"nodeRef,omitempty"`
	CreditMemo  string          `json:"creditMemo,omitempty"`
	// ReceivedFrom is the source that told what came back, and ReceivedAt when; empty before.
	ReceivedFrom string     `json:"receivedFrom,omitempty"`
	ReceivedAt   *time.Time `json:"receivedAt,omitempty"`
	UpdatedAt    time.Time  `json:"updatedAt"`
	Version      int        `json:"version"`
}

// Line is one order line coming back.
type Line struct {
	Line        int           `json:"line"`
	SKU         trade.SKU     `json:"sku"`
	Unit        trade.Unit    `json:"unit"`
	Reason      Reason        `json:"reason"`
	UnitPrice   trade.Money   `json:"unitPrice"`
	Requested   trade.Decimal `json:"requested"`
	Authorized  trade.Decimal `json:"authorized"`
	Received    trade.Decimal `json:"received"`
	Restocked   trade.Decimal `json:"restocked"`
	Quarantined trade.Decimal `json:"quarantined"`
	Scrapped    trade.Decimal `json:"scrapped"`
	Missing     trade.Decimal `json:"missing"`
}

// Provenance of what came back, as the node told it; nil before it has.
func (r *Return) Provenance() *lookup.Provenance {
	if r.ReceivedAt == nil {
		return nil
	}
	return &lookup.Provenance{Source: r.ReceivedFrom, AsOf: *r.ReceivedAt, Freshness: lookup.Cached}
}

// Credit is what is due for what was received.
func (r *Return) Credit() trade.Money {
	total := trade.Money{Currency: r.Currency}
	for _, l := range r.Lines {
		total = total.Plus(l.UnitPrice.Times(l.Received).Round())
	}
	return total
}

// asks reports whether the return is what the wishes ask for.
func (r *Return) asks(wishes []Wish, comment string) bool {
	return r.Comment == comment && slices.EqualFunc(r.Lines, wishes, func(l Line, w Wish) bool {
		return l.Line == w.Line && l.Reason == w.Reason && l.Requested.Equal(w.Quantity.Value)
	})
}

func (r *Return) open() bool {
	return r.Status != Closed && r.Status != Declined && r.Status != Cancelled
}

// Origin is the order that a return is of.
type Origin struct {
	Number   string
	Account  trade.AccountID
	Currency trade.Currency
	// Node is where goods go back to; empty when no node of ours sent any.
	Node  trade.NodeID
	Lines map[int]OriginLine
}

// OriginLine is what of an order line can come back.
type OriginLine struct {
	SKU       trade.SKU
	Unit      trade.Unit
	UnitPrice trade.Money
	// Returnable is shipped and not received back.
	Returnable trade.Decimal
	// OrderedIn is the unit that it was ordered in, where that was another one, and Ratio how many of the line's own one is.
	OrderedIn trade.Unit
	Ratio     trade.Ratio
}

// Orders tells what can come back of an order, and locks the order for the transaction.
type Orders interface {
	Origin(ctx context.Context, tx postgres.Tx, id trade.OrderID) (Origin, error)
}

// Receiver is a system that takes goods back at some nodes.
type Receiver interface {
	// Expect announces the return under its number. Repeating a number announces nothing twice.
	Expect(ctx context.Context, r Return) (ref string, err error)
	// Receipts returns what came of the returns with these numbers.
	Receipts(ctx context.Context, node trade.NodeID, numbers []string) (lookup.Answers[string, Receipt], error)
}

// Receipt is what a node took back of a return, in whole.
type Receipt struct {
	Number string
	Source string
	Ref    string
	// Done is true when the node expects nothing more.
	Done  bool
	Units []Unit
}

// Unit is a quantity of an item taken back and where it went.
type Unit struct {
	SKU         trade.SKU
	Quantity    trade.Decimal
	Disposition Disposition
}

// Followup is what happens elsewhere when a return moves on, in the same transaction.
type Followup interface {
	Authorized(ctx context.Context, tx postgres.Tx, r *Return) error
	Received(ctx context.Context, tx postgres.Tx, r *Return) error
	// Missing tells that units which were authorized never came.
	Missing(ctx context.Context, tx postgres.Tx, r *Return) error
}

// Wish is what a customer asks to send back of an order line.
type Wish struct {
	Line int
	// Quantity may leave its unit out: it is the line's.
	Quantity trade.Quantity
	Reason   Reason
}

// Service holds the verbs of returns.
type Service struct {
	store  *store
	orders Orders
	follow Followup
	now    func() time.Time
}

// New returns the returns of a database.
func New(pool *postgres.Pool, orders Orders, follow Followup, now func() time.Time) *Service {
	return &Service{&store{pool}, orders, follow, now}
}

// Request asks to send lines of an order back. No more can be asked for than was shipped and is
// neither back nor in another open return. The key makes it safe to repeat.
func (s *Service) Request(ctx context.Context, who trade.Viewer, key string, order trade.OrderID, wishes []Wish, comment string) (*Return, error) {
	if key == "" || len(key) > 200 {
		return nil, fault.New(fault.Invalid, "an idempotency key of 1 to 200 characters is required").At("idempotencyKey")
	}
	if len(wishes) == 0 {
		return nil, fault.New(fault.Invalid, "a return needs at least one line").At("lines")
	}
	var out *Return
	err := s.store.inTx(ctx, func(tx postgres.Tx) error {
		from, err := s.orders.Origin(ctx, tx, order)
		if err != nil {
			return err
		}
		if !who.MaySee(from.Account) {
			return fault.New(fault.NotFound, "no order %q", order).At("orderId")
		}
		earlier, err := s.store.ofOrder(ctx, tx, order)
		if err != nil {
			return err
		}
		wishes, err := from.own(wishes)
		if err != nil {
			return err
		}
		now := s.now()
		id := identity(who, order, key)
		if i := slices.IndexFunc(earlier, func(r *Return) bool { return r.ID == id }); i >= 0 {
			out = earlier[i]
			if !out.asks(wishes, comment) {
				return &fault.KeyError{Reason: fault.KeyMismatch}
			}
			return nil
		}
		if from.Node == "" {
			return fault.New(fault.Unsupported, "order %s was not sent by a node of ours: it is taken back where it came from", from.Number).At("orderId")
		}
		r := &Return{
			ID: id, Order: order, OrderNumber: from.Number, Account: from.Account, Node: from.Node, Currency: from.Currency,
			Status: Requested, Comment: comment, RequestedBy: who.Subject, RequestedAt: now, UpdatedAt: now, Version: 1,
		}
		for i, w := range wishes {
			l, err := wished(i, w, from, earlier, r.Lines)
			if err != nil {
				return err
			}
			r.Lines = append(r.Lines, l)
		}
		out = r
		return s.store.insert(ctx, tx, r, func() event.Event {
			return r.event("return.requested", "crossdock", now, map[string]any{"number": r.Number, "order": r.OrderNumber, "lines": r.Lines})
		})
	})
	return out, err
}

// places are those of a quantity that is told in another unit than its line's.
const places = 10

// own are the wishes in the lines' own units.
func (o Origin) own(wishes []Wish) ([]Wish, error) {
	out := slices.Clone(wishes)
	for i, w := range out {
		l, known := o.Lines[w.Line]
		unit := w.Quantity.Unit
		switch {
		case !known || unit == "" || unit == l.Unit:
			continue
		case l.OrderedIn == "":
			return nil, fault.New(fault.Invalid, "line %d is counted in %s: return it in %s, not in %s", w.Line, l.Unit, l.Unit, unit).At(fmt.Sprintf("lines.%d.quantity.unit", i))
		case unit != l.OrderedIn:
			return nil, fault.New(fault.Invalid, "line %d is counted in %s and was ordered in %s: return it in one of them, not in %s", w.Line, l.Unit, l.OrderedIn, unit).At(fmt.Sprintf("lines.%d.quantity.unit", i))
		}
		is, exact := l.Ratio.Convert(w.Quantity.Value, places)
		if !exact {
			return nil, fault.New(fault.Invalid, "%s of line %d cannot be counted in %s: return it in %s", w.Quantity, w.Line, l.Unit, l.Unit).At(fmt.Sprintf("lines.%d.quantity.value", i))
		}
		out[i].Quantity = trade.Quantity{Value: is, Unit: l.Unit}
	}
	return out, nil
}

// wished checks one wish against what can still come back.
func wished(i int, w Wish, from Origin, earlier []*Return, sofar []Line) (Line, error) {
	o, ok := from.Lines[w.Line]
	if !ok {
		return Line{}, fault.New(fault.Invalid, "order %s has no line %d", from.Number, w.Line).At(fmt.Sprintf("lines.%d.line", i))
	}
	asked := w.Quantity.Value
	if !asked.IsPos() {
		return Line{}, fault.New(fault.Invalid, "a quantity of %s; return more than zero", asked).At(fmt.Sprintf("lines.%d.quantity.value", i))
	}
	left := o.Returnable
	for _, r := range earlier {
		if !r.open() {
			continue
		}
		for _, l := range r.Lines {
			if l.Line == w.Line {
				left = trade.Less(left, trade.Less(l.Requested, l.Received))
			}
		}
	}
	for _, l := range sofar {
		if l.Line == w.Line {
			left = trade.Less(left, l.Requested)
		}
	}
	if asked.Cmp(left) > 0 {
		return Line{}, fault.New(fault.Invalid, "%s of line %d cannot come back: %s of what was shipped is left to return", asked, w.Line, left.Max(trade.Decimal{})).At(fmt.Sprintf("lines.%d.quantity.value", i))
	}
	return Line{Line: w.Line, SKU: o.SKU, Unit: o.Unit, Reason: w.Reason, UnitPrice: o.UnitPrice, Requested: asked}, nil
}

// Approve authorises the return in full and announces it to its node.
func (s *Service) Approve(ctx context.Context, who trade.Viewer, id string) (*Return, error) {
	return s.update(ctx, who, id, func(tx postgres.Tx, r *Return) ([]event.Event, error) {
		if r.Status != Requested {
			return nil, illegal(r, "approved", Requested)
		}
		for i := range r.Lines {
			r.Lines[i].Authorized = r.Lines[i].Requested
		}
		r.Status, r.DecidedBy = Authorized, who.Subject
		return []event.Event{r.event("return.authorized", "crossdock", s.now(), map[string]any{"number": r.Number, "by": who.Subject})}, s.follow.Authorized(ctx, tx, r)
	})
}

// Cancel ends a return of which nothing was received.
func (s *Service) Cancel(ctx context.Context, who trade.Viewer, id, reason string) (*Return, error) {
	return s.update(ctx, who, id, func(_ postgres.Tx, r *Return) ([]event.Event, error) {
		if r.Status != Requested && r.Status != Authorized {
			return nil, illegal(r, "cancelled", Requested, Authorized)
		}
		if r.arrived() {
			return nil, r.refuse("return %s cannot be cancelled: goods have arrived", r.Number)
		}
		r.Status, r.DecidedBy = Cancelled, who.Subject
		return []event.Event{r.event("return.cancelled", "crossdock", s.now(), map[string]any{"number": r.Number, "reason": reason})}, nil
	})
}

func illegal(r *Return, verb string, from ...Status) error {
	return r.refuse("return %s is %s; only a return that is %v can be %s", r.Number, r.Status, from, verb)
}

// arrived reports whether any goods have come back.
func (r *Return) arrived() bool {
	return slices.ContainsFunc(r.Lines, func(l Line) bool { return l.Received.IsPos() })
}

// Action is something that can be done to a return.
type Action string

// The actions.
const (
	Authorize Action = "APPROVE"
	CallOff   Action = "CANCEL"
)

// Actions are what can be done to the return now, by those who may.
func (r *Return) Actions() []Action {
	switch {
	case r.Status == Requested:
		return []Action{Authorize, CallOff}
	case r.Status == Authorized && !r.arrived():
		return []Action{CallOff}
	default:
		return []Action{}
	}
}

// refuse is the answer to an action that the return's state does not allow, with those that it does.
func (r *Return) refuse(format string, args ...any) error {
	return fault.Instead(fault.New(fault.Conflict, format, args...).At("returnId"), r.Actions())
}

// Expected records what the node calls the return.
func (s *Service) Expected(ctx context.Context, tx postgres.Tx, id, ref string) error {
	return s.store.update(ctx, tx, "id::text", id, func(r *Return) ([]event.Event, error) {
		if r.NodeRef != "" {
			return nil, nil
		}
		r.NodeRef = ref
		return []event.Event{r.event("return.expected", "crossdock", s.now(), map[string]any{"number": r.Number, "nodeRef": ref})}, nil
	})
}

// Observe takes in what a node reports of a return. Reports are whole, may repeat, and may come
// in any order.
func (s *Service) Observe(ctx context.Context, rec Receipt) error {
	return s.store.inTx(ctx, func(tx postgres.Tx) error {
		return s.store.update(ctx, tx, "number", rec.Number, func(r *Return) ([]event.Event, error) {
			if r.Status != Authorized || !rec.Done {
				return nil, nil
			}
			missing := false
			for i := range r.Lines {
				missing = r.Lines[i].receive(rec.Units) || missing
			}
			now := s.now()
			r.Status, r.ReceivedFrom, r.ReceivedAt = CreditPending, rec.Source, &now
			events := []event.Event{
				r.event("return.received", rec.Source, now, map[string]any{"number": r.Number, "lines": r.Lines}),
				r.event("return.credit_pending", "crossdock", now, map[string]any{"number": r.Number, "credit": r.Credit()}),
			}
			if missing {
				if err := s.follow.Missing(ctx, tx, r); err != nil {
					return nil, err
				}
			}
			if r.Credit().Amount.IsZero() {
				r.Status = Closed
				return append(events[:1], r.event("return.closed", "crossdock", now, map[string]any{"number": r.Number})), nil
			}
			return events, s.follow.Received(ctx, tx, r)
		})
	})
}

// receive books the units of the line's item, up to what was authorized, and reports whether
// some never came. Units are consumed.
func (l *Line) receive(units []Unit) (missing bool) {
	left := l.Authorized
	for i := range units {
		u := &units[i]
		if u.SKU != l.SKU {
			continue
		}
		n := trade.Min(left, u.Quantity)
		if !n.IsPos() {
			continue
		}
		left, u.Quantity = trade.Less(left, n), trade.Less(u.Quantity, n)
		l.Received = trade.Sum(l.Received, n)
		switch u.Disposition {
		case Restock:
			l.Restocked = trade.Sum(l.Restocked, n)
		case Scrap:
			l.Scrapped = trade.Sum(l.Scrapped, n)
		default:
			l.Quarantined = trade.Sum(l.Quarantined, n)
		}
	}
	l.Missing = left
	return left.IsPos()
}

// Credited closes the return with the ERP's credit memo.
func (s *Service) Credited(ctx context.Context, tx postgres.Tx, id, memo string) error {
	return s.store.update(ctx, tx, "id::text", id, func(r *Return) ([]event.Event, error) {
		if r.Status == Closed {
			return nil, nil
		}
		r.Status, r.CreditMemo = Closed, memo
		return []event.Event{r.event("return.credited", "crossdock", s.now(), map[string]any{"number": r.Number, "creditMemo": memo, "credit": r.Credit()})}, nil
	})
}

func (s *Service) update(ctx context.Context, who trade.Viewer, id string, fn func(postgres.Tx, *Return) ([]event.Event, error)) (*Return, error) {
	var out *Return
	err := s.store.inTx(ctx, func(tx postgres.Tx) error {
		return s.store.update(ctx, tx, "id::text", id, func(r *Return) ([]event.Event, error) {
			if !who.MaySee(r.Account) {
				return nil, fault.New(fault.NotFound, "no return %q", id).At("returnId")
			}
			out = r
			return fn(tx, r)
		})
	})
	return out, err
}

// Awaited returns numbers of returns that the node expects and has not reported done.
func (s *Service) Awaited(ctx context.Context, node trade.NodeID, limit int) ([]string, error) {
	return s.store.awaited(ctx, node, limit)
}

// ByID returns the returns with these ids that the viewer may see.
func (s *Service) ByID(ctx context.Context, who trade.Viewer, ids []string) (map[string]*Return, error) {
	return s.store.byID(ctx, who, ids)
}

// Known tells which of the numbers are of returns.
func (s *Service) Known(ctx context.Context, numbers []string) (map[string]bool, error) {
	return s.store.known(ctx, numbers)
}

// ByOrder returns the returns of each order that the viewer may see.
func (s *Service) ByOrder(ctx context.Context, who trade.Viewer, orders []trade.OrderID) (map[trade.OrderID][]*Return, error) {
	return s.store.byOrder(ctx, who, orders)
}

// List returns the newest returns that the viewer may see.
func (s *Service) List(ctx context.Context, who trade.Viewer, first int, after string) ([]*Return, bool, error) {
	return s.store.list(ctx, who, first, after)
}

func (r *Return) event(typ event.Type, source string, at time.Time, details any) event.Event {
	e := event.New(event.Stream{Kind: "return", ID: r.ID}, typ, at, details)
	e.Source, e.AccountID, e.OrderID = source, string(r.Account), string(r.Order)
	return e
}
