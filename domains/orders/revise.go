package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Change is what a buyer wants otherwise of an order. What is nil stays.
type Change struct {
	// Version is the version of the order that the buyer saw.
	Version int
	// Lines are new quantities by line number, in the line's own unit, or in the one that it was ordered in; zero takes a line off.
	Lines         map[int]trade.Quantity
	Add           []DraftLine
	RequestedDate *trade.Date
	PONumber      *string
	ShipToID      *string
	ShipTo        *trade.Address
	Service       *string
	Reason        string
}

// Revised is what became of a change, or would become of it.
type Revised struct {
	// Order is the order with the change.
	Order *Order
	// Refused is true when the order stays as it was: the findings say why.
	Refused  bool
	Findings []Finding
	Changes  []Changed
}

// Changed is a figure of an order that a change makes another one.
type Changed struct {
	Path string `json:"path"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Revise changes an order. One of which nothing was handed on yet is decided again as a whole, with today's facts; of another one
// only quantities can be lowered, as far as no node has them. A dry run does the same and takes it back.
func (s *Service) Revise(ctx context.Context, who trade.Viewer, id trade.OrderID, change Change, dryRun bool) (*Revised, error) {
	seen, err := s.one(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if err := seen.saw(&change.Version); err != nil {
		return nil, err
	}
	d, err := seen.with(change, who)
	if err != nil {
		return nil, err
	}
	d.AmendedBy, d.AmendedAt = who.Subject, s.now()
	rules, err := s.store.rules(ctx)
	if err != nil {
		return nil, err
	}
	facts, err := s.gather(ctx, d, rules.For(d.Account))
	if err != nil {
		return nil, err
	}
	considered := &Considered{Draft: d, Facts: facts}
	var out *Revised
	err = s.store.inTx(ctx, func(tx postgres.Tx) error {
		err := s.store.update(ctx, tx, id, func(o *Order) ([]event.Event, error) {
			if err := o.saw(&change.Version); err != nil {
				return nil, err
			}
			before := o.figures()
			events, err := s.revise(ctx, tx, who, o, change, considered, rules)
			if err != nil {
				return nil, err
			}
			out = &Revised{Order: o, Findings: o.Findings, Refused: o.Status == Rejected}
			for _, f := range o.Findings {
				out.Refused = out.Refused || f.Severity == trade.Reject && o.refusable()
			}
			out.Changes = o.changes(before)
			now := s.now()
			amended := o.event("order.amended", now, map[string]any{"by": who.Subject, "reason": change.Reason, "changes": out.Changes})
			return append([]event.Event{amended}, events...), nil
		})
		if err == nil && (dryRun || out.Refused) {
			return errDryRun
		}
		return err
	})
	if errors.Is(err, errDryRun) {
		return out, nil
	}
	return out, err
}

// with is the order as a draft, with the viewer's change. Lines that were turned down stay so unless they are changed.
func (o *Order) with(c Change, who trade.Viewer) (Draft, error) {
	d := o.draft()
	for i, l := range o.Lines {
		d.Lines[i].Gone = d.Lines[i].Gone || l.Outcome == LineRejected
	}
	for _, n := range slices.Sorted(maps.Keys(c.Lines)) {
		l, q, err := o.asked(n, c.Lines[n])
		switch {
		case err != nil:
			return d, err
		case q.IsNeg():
			return d, fault.New(fault.Invalid, "line %d: a quantity of %s", n, q).At("lines")
		case q.IsZero():
			d.Lines[n-1].Gone = true
		default:
			line := &d.Lines[n-1]
			if q.Cmp(line.Quantity.Value) > 0 && !who.Has(OverridePrices) {
				line.Override = nil // the price was set for less
			}
			line.Quantity.Value, line.Ordered, line.Gone = q, l.ordered(c.Lines[n]), false
		}
	}
	if d.Lines = append(d.Lines, c.Add...); len(d.Lines) > MaxLines {
		return d, fault.New(fault.Invalid, "the order would have %d lines; the limit is %d", len(d.Lines), MaxLines).At("add")
	}
	if slices.ContainsFunc(c.Add, func(l DraftLine) bool { return l.Override != nil }) {
		return d, fault.New(fault.Unsupported, "prices are set when an order is placed, not when it is changed").At("add")
	}
	if !slices.ContainsFunc(d.Lines, func(l DraftLine) bool { return !l.Gone }) {
		return d, fault.New(fault.Invalid, "nothing of order %s would be left: cancel it", o.Number).At("lines")
	}
	if c.RequestedDate != nil {
		d.RequestedDate, d.DateKept = *c.RequestedDate, false
	}
	if c.PONumber != nil {
		d.PONumber = *c.PONumber
	}
	if c.Service != nil {
		d.Service = *c.Service
	}
	if c.ShipToID != nil {
		d.ShipToID, d.ShipTo, d.ShipToKept = *c.ShipToID, nil, false
	}
	if c.ShipTo != nil {
		d.ShipToID, d.ShipTo, d.ShipToKept = "", c.ShipTo, false
	}
	return d, nil
}

// asked is a line with the quantity that is asked of it, in its own unit.
func (o *Order) asked(number int, q trade.Quantity) (*Line, trade.Decimal, error) {
	l := o.Line(number)
	if l == nil || l.Outcome == LineDeleted {
		return nil, trade.Decimal{}, fault.New(fault.NotFound, "order %s has no line %d", o.Number, number).At("lines")
	}
	own, exact := l.Own(q)
	switch {
	case exact:
		return l, own, nil
	case l.Ordered == nil:
		return nil, own, fault.New(fault.Invalid, "line %d is in %s, not in %s", number, l.Quantity.Unit, q.Unit).At("lines")
	case q.Unit != l.Ordered.Quantity.Unit:
		return nil, own, fault.New(fault.Invalid, "line %d is in %s and was ordered in %s: change it in one of them, not in %s", number, l.Quantity.Unit, l.Ordered.Quantity.Unit, q.Unit).At("lines")
	default:
		return nil, own, fault.New(fault.Invalid, "%s of line %d cannot be counted in %s: change it in %s", q, number, l.Quantity.Unit, l.Quantity.Unit).At("lines")
	}
}

// ordered is a quantity of the line as it was ordered, nil where it is in the line's own unit.
func (l *Line) ordered(q trade.Quantity) *Ordered {
	if l.Ordered == nil || q.Unit != l.Ordered.Quantity.Unit || q.Unit == l.Quantity.Unit {
		return nil
	}
	return &Ordered{Quantity: q, Ratio: l.Ordered.Ratio}
}

// revise changes an order that is locked.
func (s *Service) revise(ctx context.Context, tx postgres.Tx, who trade.Viewer, o *Order, change Change, c *Considered, rules *Rules) ([]event.Event, error) {
	if o.History {
		return nil, o.refuse("order %s is worked on in %s; change it there", o.Number, o.ChannelSource)
	}
	if !o.refusable() {
		return nil, o.refuse("order %s was sold by %s; change it there, or cancel it", o.Number, o.ChannelSource)
	}
	if o.finished() {
		return nil, o.refuse("order %s is %s; only an order that is not finished can be changed", o.Number, o.Status)
	}
	kept, err := s.dispatch.Kept(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	if !o.untouched() || len(kept) > 0 {
		return s.lower(ctx, tx, who, o, change, c.Facts, kept)
	}
	return s.redecide(ctx, tx, who, o, c, rules)
}

// redecide decides an order, of which nothing was handed on yet, as a whole again.
func (s *Service) redecide(ctx context.Context, tx postgres.Tx, who trade.Viewer, o *Order, c *Considered, rules *Rules) ([]event.Event, error) {
	now, policy := s.now(), rules.For(o.Account)
	if err := s.reserver.Adjust(ctx, tx, o.ID, nil); err != nil {
		return nil, err
	}
	n, internal := c.order(policy, now)
	c.Internal = internal
	n.ID, n.Number, n.Version, n.PlacedAt, n.PlacedBy, n.RuleSet = o.ID, o.Number, o.Version, o.PlacedAt, o.PlacedBy, rules.Version
	n.References, n.Revisions, n.AmendedBy = o.References, o.Revisions, who.Subject
	n.Refunds, n.LessInShop, n.MoreInShop = o.Refunds, o.LessInShop, o.MoreInShop
	events, err := s.settleOrder(ctx, tx, n, c, policy, now)
	if err != nil {
		return nil, err
	}
	if n.turnedDown() { // none of it was asked of the account's credit
		if err := s.exposure.Unexpose(ctx, tx, o.ID); err != nil {
			return nil, err
		}
	}
	n.Holds = o.heldOver(n, who, now)
	n.derive()
	if !n.waits() && (n.Decision == DecisionHeld || n.Decision == DecisionPendingApproval) {
		n.Decision = DecisionAccepted
	}
	*o = *n
	if o.Status == Rejected {
		return events, nil // taken back
	}
	if err := s.store.consider(ctx, tx, o, c); err != nil {
		return nil, err
	}
	events = slices.DeleteFunc(events, func(e event.Event) bool { return e.Type == "order.placed" })
	if o.Status != Accepted {
		return events, nil
	}
	return events, s.dispatch.Accepted(ctx, tx, o)
}

// untouched reports whether the order waits, and nothing of it was handed on yet.
func (o *Order) untouched() bool {
	return o.waits() && !o.registered() && !o.worked() && !o.heldFor(sourceStopped)
}

// wanted reports whether anything of the order is wanted, or was had.
func (o *Order) wanted() bool {
	return slices.ContainsFunc(o.Lines, func(l Line) bool { return l.kept().IsPos() })
}

// worked reports whether nodes have something of the order, or have sent it.
func (o *Order) worked() bool {
	return slices.ContainsFunc(o.Lines, func(l Line) bool { return trade.Sum(l.Released, l.Shipped).IsPos() })
}

// heldOver are the holds of the order as it is decided now, with those that it had before. What a person had let go stays so where
// it is the same, see carries; what intake does not put on stays on.
func (o *Order) heldOver(now *Order, who trade.Viewer, at time.Time) []Hold {
	var out []Hold
	for _, h := range o.Holds {
		if _, ours := checkOf(h.Code); h.Status == HoldActive && (ours || h.Code == review) {
			h.end(HoldAutoCleared, who.Subject, "the order was changed", at)
		}
		out = append(out, h)
	}
	for _, h := range now.Holds {
		i := slices.IndexFunc(o.Holds, func(was Hold) bool {
			return was.against() == h.against() && (was.Status == HoldReleased || was.Status == HoldOverridden) && o.carries(was, now, h)
		})
		if i >= 0 {
			was := o.Holds[i]
			h.Status, h.ReleasedAt, h.ReleasedBy, h.ReleaseReason = was.Status, was.ReleasedAt, was.ReleasedBy, was.ReleaseReason
		}
		out = append(out, h)
	}
	return out
}

// carries reports whether letting a hold go covers the one in its place: of what is about money when the order has not become
// dearer, of an approval when besides no item is new, and else when the same was seen.
func (o *Order) carries(was Hold, now *Order, h Hold) bool {
	cheaper := now.Total.Amount.Cmp(o.Total.Amount) <= 0
	switch h.Code {
	case creditExceeded, overdueBalance, orderMax, atpShort, shipCompleteConflict:
		return cheaper
	case blanketExhausted:
		return cheaper && o.PONumber == now.PONumber
	case approvalRequired, buyerNotAuthorized:
		had := o.items()
		return cheaper && !slices.ContainsFunc(now.Lines, func(l Line) bool { _, known := had[l.SKU]; return !known })
	case review:
		return false
	default:
		return was.Reason == h.Reason
	}
}

// lower takes quantities off lines of an order that is on its way, as far as no node has them.
func (s *Service) lower(ctx context.Context, tx postgres.Tx, who trade.Viewer, o *Order, change Change, facts Facts, kept map[int]map[trade.NodeID]trade.Decimal) ([]event.Event, error) {
	if len(change.Add) > 0 || change.RequestedDate != nil || change.PONumber != nil || change.ShipTo != nil || change.ShipToID != nil || change.Service != nil {
		return nil, o.refuse("order %s is on its way: only quantities can be lowered; place another order for the rest", o.Number)
	}
	for _, number := range slices.Sorted(maps.Keys(change.Lines)) {
		l, q, err := o.asked(number, change.Lines[number])
		if err != nil {
			return nil, err
		}
		wanted, worked := l.kept(), l.worked(kept[number])
		switch {
		case q.Cmp(wanted) > 0:
			return nil, fault.New(fault.Conflict, "order %s is on its way: line %d can be lowered from %s, not raised", o.Number, number, wanted).At("lines")
		case q.Cmp(worked) < 0:
			return nil, fault.New(fault.Conflict, "line %d: %s of %s are with a node already; lower it to that, or cancel the order to recall what can be", number, worked, wanted).At("lines")
		}
		if rule := facts.Items[l.SKU].Rule; rule != nil && q.IsPos() && !q.Equal(worked) && (!rule.whole(q) || q.Cmp(rule.Minimum) < 0) {
			return nil, fault.New(fault.Invalid, "line %d: %s is not sold by %s: %s", number, l.SKU, q, rule.remedy(q)).At("lines")
		}
		l.shrink(trade.Less(wanted, q))
	}
	return s.lowered(ctx, tx, who, o, change.Reason)
}

// lowered settles an order of which quantities were taken off lines: what is no longer wanted of it is free for others, and the
// systems that have the order hear of it. One of which nothing is left is cancelled.
func (s *Service) lowered(ctx context.Context, tx postgres.Tx, who trade.Viewer, o *Order, reason string) ([]event.Event, error) {
	if !o.wanted() {
		return s.cancel(ctx, tx, who, o, reason)
	}
	o.AmendedBy = who.Subject
	if err := s.reserver.Adjust(ctx, tx, o.ID, o.allocations()); err != nil {
		return nil, err
	}
	o.derive()
	return nil, s.dispatch.Cancelled(ctx, tx, o)
}

// worked is how much of the line nodes have sent, have, or may have.
func (l *Line) worked(kept map[trade.NodeID]trade.Decimal) trade.Decimal {
	with := trade.Decimal{}
	for _, n := range kept {
		with = trade.Sum(with, n)
	}
	return trade.Sum(l.Released, l.Shipped).Max(with)
}

// changes are the figures that are otherwise than before.
func (o *Order) changes(before map[string]string) []Changed {
	after := o.figures()
	paths := maps.Clone(before)
	maps.Copy(paths, after)
	var out []Changed
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if before[path] != after[path] {
			out = append(out, Changed{path, before[path], after[path]})
		}
	}
	return out
}

// figures are what a change can make otherwise, by path.
func (o *Order) figures() map[string]string {
	out := map[string]string{
		"status": string(o.Status), "decision": string(o.Decision), "total": o.Total.String(), "requestedDate": string(o.RequestedDate), "poNumber": o.PONumber, "carrierService": o.Service,
		"shipTo": strings.Join([]string{o.ShipTo.Line1, o.ShipTo.City, o.ShipTo.Region, o.ShipTo.PostalCode, o.ShipTo.Country}, ", "), "holds": strings.Join(holdCodes(o), " "),
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		at := fmt.Sprintf("lines.%d.", i)
		out[at+"quantity"] = l.kept().String() + " " + string(l.Quantity.Unit)
		out[at+"unitPrice"], out[at+"outcome"], out[at+"allocated"], out[at+"backordered"] = l.UnitPrice.String(), string(l.Outcome), l.Allocated.String(), l.Backordered.String()
	}
	return out
}

// Revision is what a version of an order has otherwise than the one before.
type Revision struct {
	Version int      `json:"version"`
	Fields  []string `json:"fields"`
}

// maxRevisions bounds the versions whose fields are remembered, maxFields those of one: beyond, its lines are one field.
const (
	maxRevisions = 10
	maxFields    = 20
)

// saw returns an error when the caller saw another version of the order, with what is otherwise since.
func (o *Order) saw(version *int) error {
	if version == nil || *version == o.Version {
		return nil
	}
	e := &fault.VersionError{Current: o.Version}
	if *version < o.Version && (len(o.Revisions) == 0 || o.Revisions[0].Version <= *version+1) {
		for _, r := range o.Revisions {
			if r.Version > *version {
				e.Changed = append(e.Changed, r.Fields...)
			}
		}
		slices.Sort(e.Changed)
		e.Changed = slices.Compact(e.Changed)
	}
	return e
}

// remember notes what the order has otherwise than the document before it.
func (o *Order) remember(before, after []byte, version int) error {
	var was, is map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(before, &was), json.Unmarshal(after, &is)); err != nil {
		return fmt.Errorf("order %s: %w", o.Number, err)
	}
	var fields []string
	for name := range is {
		switch {
		case name == "version" || name == "revisions" || name == "updatedAt" || string(was[name]) == string(is[name]):
		case name == "lines":
			fields = append(fields, lines(was[name], is[name])...)
		default:
			fields = append(fields, name)
		}
	}
	for name := range was {
		if _, still := is[name]; !still && name != "revisions" {
			fields = append(fields, name)
		}
	}
	if len(fields) > maxFields {
		fields = append(slices.DeleteFunc(fields, func(f string) bool { return strings.HasPrefix(f, "lines.") }), "lines")
	}
	slices.Sort(fields)
	o.Revisions = append(o.Revisions, Revision{version, fields})
	o.Revisions = o.Revisions[max(0, len(o.Revisions)-maxRevisions):]
	return nil
}

// lines are the paths of lines' fields that are otherwise.
func lines(was, is json.RawMessage) []string {
	var a, b []map[string]json.RawMessage
	if json.Unmarshal(was, &a) != nil || json.Unmarshal(is, &b) != nil {
		return []string{"lines"}
	}
	var out []string
	for i, l := range b {
		if i >= len(a) {
			out = append(out, fmt.Sprintf("lines.%d", i))
			continue
		}
		changed := maps.Clone(l)
		maps.Copy(changed, a[i])
		for name := range changed {
			if string(a[i][name]) != string(l[name]) {
				out = append(out, fmt.Sprintf("lines.%d.%s", i, name))
			}
		}
	}
	return out
}
