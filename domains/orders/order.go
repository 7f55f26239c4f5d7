package orders

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
)

// Status is where an order is in its life.
type Status string

// The statuses of an order; see the package comment for the transitions.
const (
	Accepted Status = "ACCEPTED"
	// PendingApproval waits for somebody on the buyer's side.
	PendingApproval Status = "PENDING_APPROVAL"
	OnHold          Status = "ON_HOLD"
	InFulfillment   Status = "IN_FULFILLMENT"
	Completed       Status = "COMPLETED"
	Rejected        Status = "REJECTED"
	Cancelled       Status = "CANCELLED"
)

// Decision is the answer of intake.
type Decision string

// What intake can answer.
const (
	DecisionAccepted            Decision = "ACCEPTED"
	DecisionAcceptedWithChanges Decision = "ACCEPTED_WITH_CHANGES"
	DecisionPartiallyAccepted   Decision = "PARTIALLY_ACCEPTED"
	DecisionPendingApproval     Decision = "PENDING_APPROVAL"
	DecisionHeld                Decision = "HELD"
	DecisionRejected            Decision = "REJECTED"
)

// LineOutcome is the answer of intake for one line, in the terms of an X12 855.
type LineOutcome string

// What intake can answer for a line.
const (
	LineAccepted          LineOutcome = "ACCEPTED"
	LineAcceptedPrice     LineOutcome = "ACCEPTED_PRICE_CHANGED"
	LineAcceptedQuantity  LineOutcome = "ACCEPTED_QUANTITY_CHANGED"
	LinePartlyBackordered LineOutcome = "PARTIALLY_BACKORDERED"
	LineBackordered       LineOutcome = "BACKORDERED"
	LineHeld              LineOutcome = "HELD"
	LineRejected          LineOutcome = "REJECTED"
	// LineDeleted was taken off by agreement.
	LineDeleted LineOutcome = "DELETED"
)

// Channel is how an order reached us. For channels other than the portal the other system has
// already taken it, so intake cannot turn it down.
type Channel string

// The channels.
const (
	Portal     Channel = "PORTAL"
	Storefront Channel = "STOREFRONT"
	ERP        Channel = "ERP"
	// File is a file of many orders.
	File Channel = "FILE"
)

// refusable reports whether intake may turn an order of the channel down.
func (c Channel) refusable() bool { return c == Portal || c == File || c == "" }

// Order is what a customer asked for and what became of it.
type Order struct {
	ID            trade.OrderID   `json:"id"`
	Number        string          `json:"number"`
	Account       trade.AccountID `json:"account"`
	Channel       Channel         `json:"channel"`
	ChannelRef    string          `json:"channelRef,omitempty"`
	ChannelSource string          `json:"channelSource,omitempty"`
	PONumber      string          `json:"poNumber,omitempty"`
	Currency      trade.Currency  `json:"currency"`
	RequestedDate trade.Date      `json:"requestedDate,omitempty"`
	ShipToID      string          `json:"shipToId,omitempty"`
	ShipTo        trade.Address   `json:"shipTo,omitzero"`
	Status        Status          `json:"status"`
	Decision      Decision        `json:"decision"`
	Lines         []Line          `json:"lines"`
	Holds         []Hold          `json:"holds,omitempty"`
	Findings      []Finding       `json:"findings,omitempty"`
	Total         trade.Money     `json:"total"`
	// Tax is nil while nobody knows it.
	Tax          *Tax      `json:"tax,omitempty"`
	PlacedAt     time.Time `json:"placedAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
	PlacedBy     string    `json:"placedBy"`
	CancelReason string    `json:"cancelReason,omitempty"`
	// Terms are the payment terms that the buyer asked for; empty for the account's.
	Terms string `json:"terms,omitempty"`
	// ShipComplete is whether nothing is to be sent before everything can be.
	ShipComplete bool `json:"shipComplete,omitempty"`
	// Whole is whether it is turned down as a whole when a line is.
	Whole bool `json:"whole,omitempty"`
	// Service is how the goods are sent; empty for how nodes like.
	Service string `json:"service,omitempty"`
	// Promotion is what the buyer ordered by.
	Promotion string `json:"promotion,omitempty"`
	// Quote is the number of the quote that it was placed by.
	Quote string `json:"quote,omitempty"`
	// AmendedBy is who changed it last here; empty for nobody.
	AmendedBy string `json:"amendedBy,omitempty"`
	// Lapsed is true when it waited beyond its review, and its stock was let go.
	Lapsed bool `json:"lapsed,omitempty"`
	// RuleSet is the version of the rules that decided it last, 0 for those that are built in.
	RuleSet int `json:"ruleSet,omitempty"`
	// CalledOff is true when its shop has cancelled it and we have dealt with that.
	CalledOff bool `json:"calledOff,omitempty"`
	// Refunds are what its shop has given back, of what we have seen.
	Refunds []Refund `json:"refunds,omitempty"`
	// Heading is where and when it goes, as the system of record had it when it last told; nil where that was never noted.
	Heading *Heading `json:"heading,omitempty"`
	// InShop is how its shop had it when it last told; nil where that was never noted.
	InShop *InShop `json:"inShop,omitempty"`
	// LessInShop is what its shop, when it last told, had less of than the order keeps, MoreInShop what was added there after the
	// order was handed on, by what the shop calls it.
	LessInShop []trade.Part `json:"lessInShop,omitempty"`
	MoreInShop []trade.Part `json:"moreInShop,omitempty"`
	References []Reference  `json:"references,omitempty"`
	// AmendedAt is when the system of record last changed the order, of what we have seen.
	AmendedAt time.Time `json:"amendedAt,omitzero"`
	// History marks an order loaded by backfill: its work was done elsewhere.
	History bool `json:"history,omitempty"`
	Version int  `json:"version"`
	// Revisions are what the latest versions changed.
	Revisions []Revision `json:"revisions,omitempty"`
}

// Line is one item of an order. Its quantities are in the line's unit and disjoint: what is in
// none of the buckets is open.
type Line struct {
	Order   trade.OrderID   `json:"-"`
	Account trade.AccountID `json:"-"`
	Date    trade.Date      `json:"-"`
	Number  int             `json:"number"`
	SKU     trade.SKU       `json:"sku"`
	// Called is what the channel calls the item, where that is something else.
	Called      trade.SKU      `json:"called,omitempty"`
	Description string         `json:"description,omitempty"`
	Quantity    trade.Quantity `json:"quantity"`
	// Ordered is what was ordered, where that was in another unit than the item's own, in which all else is.
	Ordered *Ordered `json:"ordered,omitempty"`
	// Asked is what the buyer asked for, where the line was taken for another quantity.
	Asked             *trade.Decimal `json:"asked,omitempty"`
	UnitPrice         trade.Money    `json:"unitPrice"`
	ExpectedUnitPrice *trade.Money   `json:"expectedUnitPrice,omitempty"`
	// Override is the price that was set in place of the ERP's.
	Override *PriceOverride `json:"override,omitempty"`
	Amount   trade.Money    `json:"amount"`
	// Registered is the quantity that the system of record had when it last told, Raised what it was raised by there.
	Registered  *trade.Decimal `json:"registered,omitempty"`
	Raised      trade.Decimal  `json:"raised,omitzero"`
	Outcome     LineOutcome    `json:"outcome"`
	Allocations []Allocation   `json:"allocations,omitempty"`
	Allocated   trade.Decimal  `json:"allocated,omitzero"`
	Backordered trade.Decimal  `json:"backordered,omitzero"`
	// Expected is the day by which what is backordered can be promised, by what nodes expected when it was last looked at; empty
	// when that is not known.
	Expected  trade.Date    `json:"expected,omitempty"`
	Released  trade.Decimal `json:"released,omitzero"`
	Shipped   trade.Decimal `json:"shipped,omitzero"`
	Delivered trade.Decimal `json:"delivered,omitzero"`
	Cancelled trade.Decimal `json:"cancelled,omitzero"`
	Rejected  trade.Decimal `json:"rejected,omitzero"`
	Returned  trade.Decimal `json:"returned,omitzero"`
	Invoiced  trade.Decimal `json:"invoiced,omitzero"`
}

// Allocation is the quantity of a line promised from one node.
type Allocation struct {
	Node     trade.NodeID  `json:"node"`
	Quantity trade.Decimal `json:"quantity"`
}

// Reference is what another system calls the order.
type Reference struct {
	System string `json:"system"`
	Type   string `json:"type"`
	Value  string `json:"value"`
	ID     string `json:"id,omitempty"`
}

// Hold stops an order's activities until it is released or its cause is gone.
type Hold struct {
	ID     string `json:"id"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
	// Line is the line that it holds, 0 for the order.
	Line int `json:"line,omitempty"`
	// Tier is that of an approval, the lowest first.
	Tier       int            `json:"tier,omitempty"`
	Blocks     []Activity     `json:"blocks"`
	Status     HoldStatus     `json:"status"`
	AutoClears bool           `json:"autoClears"`
	AppliedBy  string         `json:"appliedBy"`
	AppliedAt  time.Time      `json:"appliedAt"`
	ReviewAt   time.Time      `json:"reviewAt"`
	Remedies   []string       `json:"remedies,omitempty"`
	Evidence   trade.Evidence `json:"evidence,omitempty"`
	// Scope is what somebody must hold to release it.
	Scope      string     `json:"scope,omitempty"`
	ReleasedBy string     `json:"releasedBy,omitempty"`
	ReleasedAt *time.Time `json:"releasedAt,omitempty"`
	// ReleaseReason is what the releasing person wrote.
	ReleaseReason string `json:"releaseReason,omitempty"`
}

// end ends the hold.
func (h *Hold) end(as HoldStatus, by, reason string, at time.Time) {
	h.Status, h.ReleasedBy, h.ReleasedAt, h.ReleaseReason = as, by, &at, reason
}

// OnLine is the number of the line that is held, nil for the whole order.
func (h *Hold) OnLine() *int {
	if h.Line == 0 {
		return nil
	}
	return &h.Line
}

// Releasing is the scope that releases the hold.
func (h *Hold) Releasing() string {
	if h.Scope == "" {
		return Scopes()[0]
	}
	return h.Scope
}

// HoldStatus is where a hold is in its life.
type HoldStatus string

// A hold is active until a person releases it or its cause goes away.
const (
	HoldActive   HoldStatus = "ACTIVE"
	HoldReleased HoldStatus = "RELEASED"
	// HoldOverridden is one that was released by somebody who stands above those who may.
	HoldOverridden  HoldStatus = "OVERRIDDEN"
	HoldAutoCleared HoldStatus = "AUTO_CLEARED"
)

// Finding is what one check saw. All findings are kept, whatever the decision.
type Finding struct {
	Code     string         `json:"code"`
	Severity trade.Severity `json:"severity"`
	Path     string         `json:"path"`
	Message  string         `json:"message"`
	Remedies []string       `json:"remedies,omitempty"`
	Evidence trade.Evidence `json:"evidence,omitempty"`
	Source   string         `json:"source,omitempty"`
	AsOf     *time.Time     `json:"asOf,omitempty"`
	// Evaluated is false when the check's inputs were missing.
	Evaluated bool `json:"evaluated"`
	// ruled is the check whose rule says how it holds, where that is not to be told.
	ruled string
}

// Theirs is what the order's channel calls the item.
func (l *Line) Theirs() trade.SKU { return cmp.Or(l.Called, l.SKU) }

// Open is what no bucket of the line holds yet.
func (l *Line) Open() trade.Decimal {
	return trade.Less(l.Quantity.Value, trade.Sum(l.Allocated, l.Backordered, l.Released, l.Shipped, l.Cancelled, l.Rejected))
}

// Returnable is what was shipped and not returned yet.
func (l *Line) Returnable() trade.Decimal { return trade.Less(l.Shipped, l.Returned) }

// check returns an error when the line breaks its invariants.
func (l *Line) check() error {
	for name, q := range map[string]trade.Decimal{
		"open": l.Open(), "allocated": l.Allocated, "backordered": l.Backordered, "released": l.Released, "shipped": l.Shipped,
		"cancelled": l.Cancelled, "rejected": l.Rejected, "undelivered": trade.Less(l.Shipped, l.Delivered),
		"returnable": l.Returnable(), "uninvoiced": trade.Less(l.Shipped, l.Invoiced),
	} {
		if q.IsNeg() {
			return fmt.Errorf("line %d: %s is %s", l.Number, name, q)
		}
	}
	allocated := trade.Sum()
	for _, a := range l.Allocations {
		allocated = trade.Sum(allocated, a.Quantity)
	}
	if allocated.Cmp(trade.Sum(l.Allocated, l.Released)) < 0 {
		return fmt.Errorf("line %d: allocations %s do not cover %s allocated and %s released", l.Number, allocated, l.Allocated, l.Released)
	}
	return nil
}

// Check returns an error when a line breaks its invariants.
func (o *Order) Check() error {
	for i := range o.Lines {
		if err := o.Lines[i].check(); err != nil {
			return fmt.Errorf("order %s: %w", o.Number, err)
		}
	}
	return nil
}

// Kept is what the order still wants, or has had, of each line.
func (o *Order) Kept() map[int]trade.Decimal {
	out := make(map[int]trade.Decimal, len(o.Lines))
	for _, l := range o.Lines {
		if l.Rejected.Cmp(l.Quantity.Value) < 0 {
			out[l.Number] = l.kept()
		}
	}
	return out
}

// kept is what the line still wants, or has had.
func (l *Line) kept() trade.Decimal {
	return trade.Less(l.Quantity.Value, trade.Sum(l.Cancelled, l.Rejected))
}

// items is what the order asked for, by item.
func (o *Order) items() map[trade.SKU]trade.Decimal {
	out := make(map[trade.SKU]trade.Decimal, len(o.Lines))
	for _, l := range o.Lines {
		q := l.Quantity.Value
		if l.Asked != nil {
			q = *l.Asked
		}
		out[l.SKU] = trade.Sum(out[l.SKU], q)
	}
	return out
}

// skus are the items of its lines, each once.
func (o *Order) skus() []string {
	out := make([]string, 0, len(o.Lines))
	for _, l := range o.Lines {
		out = append(out, string(l.SKU))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// short reports whether it waits for stock.
func (o *Order) short() bool {
	return !o.finished() && o.backordered()
}

// resumes reports whether it may go on by itself: all that holds it clears when its cause is gone, or it waits for stock.
func (o *Order) resumes() bool {
	active := o.ActiveHolds()
	clears := func(h Hold) bool { return h.AutoClears }
	switch o.Status {
	case OnHold:
		return o.heldFor(amendedInSource) || !slices.ContainsFunc(active, func(h Hold) bool { return !clears(h) })
	case Accepted, InFulfillment:
		return slices.ContainsFunc(active, clears) || o.short()
	default:
		return false
	}
}

// review is when the first of its holds is to be looked at; nil when it does not wait, or has let its stock go.
func (o *Order) review() (first *time.Time) {
	if !o.waits() || o.Lapsed {
		return nil
	}
	for _, h := range o.ActiveHolds() {
		if first == nil || h.ReviewAt.Before(*first) {
			first = &h.ReviewAt
		}
	}
	return first
}

// Line returns the line with the number, or nil.
func (o *Order) Line(number int) *Line {
	i := slices.IndexFunc(o.Lines, func(l Line) bool { return l.Number == number })
	if i < 0 {
		return nil
	}
	return &o.Lines[i]
}

// ActiveHolds are the holds that still block something.
func (o *Order) ActiveHolds() []Hold {
	var active []Hold
	for _, h := range o.Holds {
		if h.Status == HoldActive {
			active = append(active, h)
		}
	}
	return active
}

// waits reports whether the order waits for somebody, or for a cause to go away.
func (o *Order) waits() bool { return o.Status == OnHold || o.Status == PendingApproval }

// approval is the approval that the order waits for, of the lowest tier; nil when it waits for none.
func (o *Order) approval() (next *Hold) {
	for i := range o.Holds {
		if h := &o.Holds[i]; h.Status == HoldActive && h.Code == approvalRequired && (next == nil || h.Tier < next.Tier) {
			next = h
		}
	}
	return next
}

// Blocked reports whether a hold stops the activity of the line.
func (o *Order) Blocked(a Activity, line int) bool {
	return slices.ContainsFunc(o.Holds, func(h Hold) bool {
		return h.Status == HoldActive && slices.Contains(h.Blocks, a) && (h.Line == 0 || h.Line == line)
	})
}

// stopped reports whether holds keep everything from being released that is not done yet.
func (o *Order) stopped() bool {
	if len(o.ActiveHolds()) == 0 {
		return false
	}
	waiting := false
	for i := range o.Lines {
		l := &o.Lines[i]
		if trade.Sum(l.Open(), l.Allocated, l.Backordered, l.Released).IsPos() {
			if waiting = true; !o.Blocked(Release, l.Number) {
				return false
			}
		}
	}
	return waiting || slices.ContainsFunc(o.Holds, func(h Hold) bool { return h.Status == HoldActive && h.Line == 0 && slices.Contains(h.Blocks, Release) })
}

// derive sets the status from quantities and holds, once intake has accepted the order.
func (o *Order) derive() {
	if o.Status == Rejected || o.Status == Cancelled {
		return
	}
	var moving, waiting, shipped bool
	for i := range o.Lines {
		l := &o.Lines[i]
		moving = moving || l.Released.IsPos() || l.Shipped.IsPos()
		shipped = shipped || l.Shipped.IsPos()
		waiting = waiting || trade.Sum(l.Open(), l.Allocated, l.Backordered, l.Released).IsPos()
	}
	switch {
	case o.approval() != nil:
		o.Status = PendingApproval
	case o.stopped():
		o.Status = OnHold
	case !waiting && shipped:
		o.Status = Completed
	case !waiting:
		o.Status = Cancelled
	case moving:
		o.Status = InFulfillment
	default:
		o.Status = Accepted
	}
}

// follow takes over an order that another system works on alone, and reports whether it is another
// than before. Nothing that has shipped comes back.
func (o *Order) follow(r Registration) (changed bool) {
	changed = o.Account != r.Account || o.PONumber != r.PONumber || o.Currency != r.Currency || o.ShipTo != r.ShipTo
	o.Account, o.PONumber, o.Currency, o.ShipTo = r.Account, r.PONumber, r.Currency, r.ShipTo
	seen := map[int]bool{}
	for _, rl := range r.Lines {
		i := slices.IndexFunc(o.Lines, func(l Line) bool { return l.SKU == rl.SKU && !seen[l.Number] })
		if i < 0 {
			i = len(o.Lines)
			o.Lines = append(o.Lines, Line{Number: i + 1, SKU: rl.SKU, Outcome: LineAccepted})
		}
		l := &o.Lines[i]
		seen[l.Number] = true
		was := *l
		l.Shipped = l.Shipped.Max(trade.Min(rl.Shipped, rl.Quantity.Value))
		l.Quantity = trade.Quantity{Value: rl.Quantity.Value.Max(l.Shipped), Unit: rl.Quantity.Unit}
		l.UnitPrice, l.Amount, l.Cancelled = rl.UnitPrice, rl.UnitPrice.Times(l.Quantity.Value).Round(), trade.Decimal{}
		changed = changed || !l.Quantity.Value.Equal(was.Quantity.Value) || !l.Shipped.Equal(was.Shipped) || l.UnitPrice != was.UnitPrice
	}
	o.Total = trade.Money{Currency: o.Currency}
	for i := range o.Lines {
		l := &o.Lines[i]
		if r.Cancelled || !seen[l.Number] {
			changed = changed || l.Open().IsPos()
			l.Cancelled = trade.Sum(l.Cancelled, l.Open())
		}
		o.Total = o.Total.Plus(l.Amount)
	}
	// It is being typed: what looks cancelled, or is without a line, may get one yet.
	was := o.Status
	if o.Status = Accepted; len(o.Lines) > 0 || r.Cancelled {
		o.derive()
	}
	return changed || was != o.Status
}

// release ends the active hold with the id, by a person with a reason who may, or stands above those who may.
func (o *Order) release(holdID string, by trade.Viewer, reason string, now time.Time) error {
	for i := range o.Holds {
		h := &o.Holds[i]
		if h.ID != holdID {
			continue
		}
		if h.Code == approvalRequired {
			return fault.New(fault.Conflict, "the order is approved with decideApproval, not by releasing a hold").At("holdId")
		}
		if h.Status != HoldActive {
			return o.refuse("hold %s is %s already", h.Code, h.Status).At("holdId")
		}
		ended := HoldReleased
		if !by.Has(h.Releasing()) {
			if !by.Has(Override) {
				return fault.New(fault.Denied, "hold %s is released with the scope %s, or in spite of that with %s", h.Code, h.Releasing(), Override).At("holdId")
			}
			ended = HoldOverridden
		}
		h.end(ended, by.Subject, reason, now)
		return nil
	}
	return fault.New(fault.NotFound, "order %s has no hold %q; its holds are listed in order.holds", o.Number, holdID).At("holdId")
}

// undecided is the first line that could not be priced or checked yet, zero when there is none.
func (o *Order) undecided() int {
	i := slices.IndexFunc(o.Lines, func(l Line) bool { return l.Outcome == LineHeld })
	return i + 1
}

// unchecked reports whether the hold is there because a check could not be made.
func (o *Order) unchecked(holdID string) bool {
	return slices.ContainsFunc(o.Holds, func(h Hold) bool {
		return h.ID == holdID && (h.Code == sourceUnavailable || h.Code == priceMissing)
	})
}

// cancelRest cancels everything but what nodes have or may have, which stays released until
// they give it back, and returns how much that is.
func (o *Order) cancelRest(kept map[int]map[trade.NodeID]trade.Decimal) (released trade.Decimal) {
	for i := range o.Lines {
		l := &o.Lines[i]
		total := trade.Decimal{}
		l.Allocations = nil
		for _, node := range slices.Sorted(maps.Keys(kept[l.Number])) {
			q := kept[l.Number][node]
			total = trade.Sum(total, q)
			l.Allocations = append(l.Allocations, Allocation{Node: node, Quantity: q})
		}
		under := trade.Min(l.Allocated, trade.Less(total, trade.Sum(l.Released, l.Shipped)).Max(trade.Decimal{}))
		l.Released = trade.Sum(l.Released, under)
		l.Allocated, l.Backordered, l.Expected = trade.Decimal{}, trade.Decimal{}, ""
		l.Cancelled = trade.Less(l.Quantity.Value, trade.Sum(l.Released, l.Shipped, l.Rejected))
		released = trade.Sum(released, l.Released)
	}
	return released
}

// Rollup says how far an order's goods are.
type Rollup string

// FulfillmentRollup sums the lines up in one word.
func (o *Order) FulfillmentRollup() Rollup {
	var want, alloc, back, rel, ship, del trade.Decimal
	for i := range o.Lines {
		l := &o.Lines[i]
		want = trade.Sum(want, trade.Less(l.Quantity.Value, trade.Sum(l.Cancelled, l.Rejected)))
		alloc, back, rel = trade.Sum(alloc, l.Allocated), trade.Sum(back, l.Backordered), trade.Sum(rel, l.Released)
		ship, del = trade.Sum(ship, l.Shipped), trade.Sum(del, l.Delivered)
	}
	switch {
	case want.IsPos() && del.Cmp(want) == 0:
		return "DELIVERED"
	case del.IsPos():
		return "PARTIALLY_DELIVERED"
	case want.IsPos() && ship.Cmp(want) == 0:
		return "SHIPPED"
	case ship.IsPos():
		return "PARTIALLY_SHIPPED"
	case rel.IsPos():
		return "RELEASED"
	case want.IsPos() && alloc.Cmp(want) == 0:
		return "ALLOCATED"
	case alloc.IsPos():
		return "PARTIALLY_ALLOCATED"
	case back.IsPos():
		return "BACKORDERED"
	default:
		return "NOT_STARTED"
	}
}
