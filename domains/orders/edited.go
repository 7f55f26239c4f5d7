package orders

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// What storefronts change of orders that they have sold.

// InShop is an order as its shop has it.
type InShop struct {
	// Items are by what the shop calls them.
	Items  []trade.Part  `json:"items"`
	ShipTo trade.Address `json:"shipTo,omitzero"`
	// At is when the shop had changed it.
	At time.Time `json:"at,omitzero"`
}

func (d Draft) inShop() *InShop {
	is := &InShop{}
	if d.ShipTo != nil {
		is.ShipTo = *d.ShipTo
	}
	for _, l := range d.Lines {
		theirs := cmp.Or(l.Called, l.SKU)
		if has := is.item(theirs, l.Quantity.Unit); has != nil {
			has.Quantity = trade.Sum(has.Quantity, l.Quantity.Value)
			continue
		}
		is.Items = append(is.Items, trade.Part{SKU: theirs, Quantity: l.Quantity.Value.Trim(0), Unit: l.Quantity.Unit})
	}
	slices.SortFunc(is.Items, func(a, b trade.Part) int {
		return cmp.Or(strings.Compare(string(a.SKU), string(b.SKU)), strings.Compare(string(a.Unit), string(b.Unit)))
	})
	return is
}

func (is *InShop) item(theirs trade.SKU, u trade.Unit) *trade.Part {
	i := slices.IndexFunc(is.Items, func(p trade.Part) bool { return p.SKU == theirs && p.Unit == u })
	if i < 0 {
		return nil
	}
	return &is.Items[i]
}

func (is *InShop) equal(other *InShop) bool {
	return is.ShipTo == other.ShipTo && slices.EqualFunc(is.Items, other.Items, func(a, b trade.Part) bool {
		return a.SKU == b.SKU && a.Unit == b.Unit && a.Quantity.Equal(b.Quantity)
	})
}

// Edit is what a shop has otherwise of an order than is carried out, and a person must settle.
type Edit struct {
	// Less and More are of items, and true when there is another quantity of them than before, which may be none.
	Less, More bool
	// Readdressed is true when it is to go elsewhere than where it goes.
	Readdressed bool
}

// Edited takes over what the order's shop has made of it. One of which nothing was handed on yet is decided again as the shop
// has it. Of another one, what the shop has less of is taken off as far as no node has it; tell is told of the rest in the same
// transaction. What was observed of an order that changed meanwhile is left to the next observation.
func (s *Service) Edited(ctx context.Context, shop string, is PlacedOrder, tell func(context.Context, postgres.Tx, *Order, Edit) error) error {
	known, err := s.store.ofChannel(ctx, Storefront, shop, is.Ref)
	if err != nil || known.History || !known.otherwise(is) {
		return err
	}
	who := trade.System("storefront")
	var again *Considered
	rules, err := s.store.rules(ctx)
	if err != nil {
		return err
	}
	if known.edited(is) && known.untouched() && len(is.Draft.Lines) > 0 {
		d := is.Draft
		d.Account, d.By, d.At, d.AmendedBy, d.AmendedAt = known.Account, known.PlacedBy, known.PlacedAt, who.Subject, s.now()
		facts, err := s.gather(ctx, d, rules.For(d.Account))
		if err != nil {
			return err
		}
		again = &Considered{Draft: d, Facts: facts}
	}
	_, err = s.update(ctx, who, known.ID, func(tx postgres.Tx, o *Order) ([]event.Event, error) {
		if o.Version != known.Version {
			return nil, nil
		}
		before := o.figures()
		kept, err := s.dispatch.Kept(ctx, tx, o)
		if err != nil {
			return nil, err
		}
		var events []event.Event
		var edit Edit
		switch edited := o.edited(is); {
		case edited && again != nil && len(kept) == 0:
			if events, err = s.redecide(ctx, tx, who, o, again, rules); err == nil {
				err = s.dispatch.Unknown(ctx, tx, o, o.Unknown())
			}
		case edited:
			edit = o.differs(is)
			events, err = s.takeOff(ctx, tx, who, o, o.lessIn(is), kept, "taken off in "+shop)
		}
		if err != nil {
			return nil, err
		}
		if !is.Cancelled {
			o.InShop = is.Draft.inShop()
			o.InShop.At = is.ModifiedAt
		}
		less := o.lessIn(is)
		edit.Less, o.LessInShop = !slices.Equal(o.LessInShop, less), less
		if edit != (Edit{}) {
			if err := tell(ctx, tx, o, edit); err != nil {
				return nil, err
			}
		}
		changes := o.changes(before)
		if len(changes) == 0 && edit == (Edit{}) {
			return events, nil
		}
		amended := o.event("order.amended", s.now(), map[string]any{"source": shop, "changes": changes, "less": o.LessInShop, "more": o.MoreInShop})
		return append([]event.Event{amended}, events...), nil
	})
	return err
}

// otherwise reports whether there is something to do about how a shop has the order.
func (o *Order) otherwise(is PlacedOrder) bool {
	if o.InShop != nil && is.ModifiedAt.Before(o.InShop.At) {
		return false // as it was before what we have seen
	}
	return !is.Cancelled && o.InShop == nil || o.edited(is) || !slices.Equal(o.LessInShop, o.lessIn(is))
}

// edited reports whether the shop has changed the order since it was last looked at.
func (o *Order) edited(is PlacedOrder) bool {
	return o.InShop != nil && !is.Cancelled && !o.InShop.equal(is.Draft.inShop())
}

// differs notes what the shop has added since it was last looked at.
func (o *Order) differs(is PlacedOrder) Edit {
	more := o.moreIn(is)
	edit := Edit{More: !slices.Equal(o.MoreInShop, more), Readdressed: is.Draft.inShop().ShipTo != o.InShop.ShipTo && !o.finished()}
	o.MoreInShop = more
	return edit
}

// takeOff takes parts off an order, as far as no node has them.
func (s *Service) takeOff(ctx context.Context, tx postgres.Tx, who trade.Viewer, o *Order, parts []trade.Part, kept map[int]map[trade.NodeID]trade.Decimal, reason string) ([]event.Event, error) {
	if o.finished() {
		return nil, nil
	}
	lowered := false
	for _, part := range parts {
		l := o.Line(part.Line)
		if free := trade.Min(part.Quantity, trade.Less(l.kept(), l.worked(kept[l.Number]))); free.IsPos() {
			l.shrink(free)
			lowered = true
		}
	}
	if !lowered {
		return nil, nil
	}
	return s.lowered(ctx, tx, who, o, reason)
}

// lessIn is what a shop's order has less of than the order keeps, by item, in the order of the lines.
func (o *Order) lessIn(is PlacedOrder) []trade.Part {
	if is.Cancelled {
		return nil // which is another matter
	}
	has := map[trade.SKU]trade.Decimal{}
	for _, l := range is.Draft.Lines {
		has[l.SKU] = trade.Sum(has[l.SKU], o.own(l.SKU, l.Quantity))
	}
	kept := o.Kept()
	var less []trade.Part
	for _, l := range o.Lines {
		keep := kept[l.Number]
		covered := trade.Min(keep, has[l.SKU])
		has[l.SKU] = trade.Less(has[l.SKU], covered)
		if missing := trade.Less(keep, covered).Trim(0); missing.IsPos() {
			less = append(less, trade.Part{Line: l.Number, SKU: l.SKU, Quantity: missing, Unit: l.Quantity.Unit})
		}
	}
	return less
}

// moreIn is what the shop has added to its order since it was last looked at, with what it had added before and has still, beyond
// what it had less of. It goes by what the shop had, not by what the order keeps: what was cancelled here is there until the shop
// has heard of it.
func (o *Order) moreIn(is PlacedOrder) []trade.Part {
	now := is.Draft.inShop()
	var out []trade.Part
	for _, p := range now.Items {
		more := p.Quantity
		if was := o.InShop.item(p.SKU, p.Unit); was != nil {
			more = trade.Less(more, was.Quantity)
		}
		for _, already := range o.MoreInShop {
			if already.SKU == p.SKU && already.Unit == p.Unit {
				more = trade.Sum(more, already.Quantity)
			}
		}
		for _, missing := range o.LessInShop {
			if l := o.Line(missing.Line); cmp.Or(l.Called, l.SKU) == p.SKU {
				more = trade.Less(more, l.AsOrdered(missing).Quantity)
			}
		}
		if more.IsPos() {
			out = append(out, trade.Part{SKU: p.SKU, Quantity: more.Trim(0), Unit: p.Unit})
		}
	}
	return out
}

// Stays is how much of each item, as its shop calls it, stays in the shop's order, of what the shop has: what the order keeps, and
// what was added there that a person is to settle or that we have not seen.
func (o *Order) Stays(has map[trade.SKU]int) map[trade.SKU]int {
	out := map[trade.SKU]int{}
	keep := func(theirs trade.SKU, q trade.Decimal) {
		n, _, _ := q.Int64(0)
		out[theirs] += int(n)
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		keep(cmp.Or(l.Called, l.SKU), l.AsOrdered(trade.Part{Quantity: l.kept(), Unit: l.Quantity.Unit}).Quantity)
	}
	for _, more := range o.MoreInShop {
		keep(more.SKU, more.Quantity)
	}
	if o.InShop == nil {
		return out
	}
	unseen := maps.Clone(has)
	for _, seen := range o.InShop.Items {
		n, _, _ := seen.Quantity.Int64(0)
		unseen[seen.SKU] -= int(n)
	}
	for theirs, n := range unseen {
		out[theirs] += max(0, n)
	}
	return out
}
