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
// has it. Of another one, what the shop has lowered is taken off as far as no node has it and nothing of the line has left: of one of
// which something has, it may be what came back. tell is told of the rest in the same transaction. What was observed of an order
// that changed meanwhile is left to the next observation.
func (s *Service) Edited(ctx context.Context, shop string, is PlacedOrder, tell func(context.Context, postgres.Tx, *Order, Edit) error) error {
	known, err := s.store.ofChannel(ctx, Storefront, shop, is.Ref)
	if err != nil || known.History || !known.otherwise(is) {
		return err
	}
	who := trade.System("storefront")
	var again *Considered
	var rules *Rules
	if known.edited(is) && known.untouched() && len(is.Draft.Lines) > 0 {
		if rules, err = s.store.rules(ctx); err != nil {
			return err
		}
		d := is.Draft
		d.Account, d.By, d.At, d.AmendedBy, d.AmendedAt = known.Account, known.PlacedBy, known.PlacedAt, who.Subject, s.now()
		facts, err := s.gather(ctx, d, rules.For(d.Account))
		if err != nil {
			return err
		}
		again = &Considered{Draft: d, Facts: facts}
	}
	return s.store.inTx(ctx, func(tx postgres.Tx) error {
		var redecided *Order
		err := s.store.update(ctx, tx, known.ID, func(o *Order) ([]event.Event, error) {
			if o.Version != known.Version {
				return nil, nil
			}
			before := o.figures()
			kept, err := s.dispatch.Kept(ctx, tx, o)
			if err != nil {
				return nil, err
			}
			edited, more := o.edited(is), o.moreIn(is)
			edit := Edit{Readdressed: edited && is.Draft.ShipTo != nil && *is.Draft.ShipTo != o.InShop.ShipTo && !o.finished()}
			var events []event.Event
			switch {
			case edited && again != nil && len(kept) == 0:
				events, err = s.redecide(ctx, tx, who, o, again, rules)
				redecided, more, edit.Readdressed = o, nil, false
			case edited && len(is.Draft.Lines) == 0 && !o.finished() && !o.wanted():
				events, err = s.cancel(ctx, tx, who, o, "nothing of it is left in "+shop)
			case edited:
				events, err = s.takeOff(ctx, tx, who, o, o.loweredIn(is), kept, "taken off in "+shop)
			}
			if err != nil {
				return nil, err
			}
			if !is.Cancelled {
				o.InShop = is.Draft.inShop()
				o.InShop.At = is.ModifiedAt
			}
			less := o.lessIn(is)
			edit.Less, edit.More = !slices.Equal(o.LessInShop, less), !slices.Equal(o.MoreInShop, more)
			o.LessInShop, o.MoreInShop = less, more
			if edit != (Edit{}) {
				if err := tell(ctx, tx, o, edit); err != nil {
					return nil, err
				}
			}
			changes := o.changes(before)
			if len(changes) == 0 && edit == (Edit{}) {
				return events, nil
			}
			amended := o.event("order.amended", s.now(), map[string]any{"source": shop, "changes": changes, "less": less, "more": more})
			return append([]event.Event{amended}, events...), nil
		})
		if err != nil || redecided == nil {
			return err
		}
		return s.dispatch.Decided(ctx, tx, redecided)
	})
}

// otherwise reports whether there is something to do about how a shop has the order.
func (o *Order) otherwise(is PlacedOrder) bool {
	switch {
	case o.InShop != nil && is.ModifiedAt.Before(o.InShop.At):
		return false // as it was before what we have seen
	case is.Cancelled:
		return len(o.LessInShop) > 0 || len(o.MoreInShop) > 0
	default:
		return o.InShop == nil || o.edited(is) || !slices.Equal(o.LessInShop, o.lessIn(is))
	}
}

// edited reports whether the shop has changed the order since it was last looked at.
func (o *Order) edited(is PlacedOrder) bool {
	return o.InShop != nil && !is.Cancelled && !o.InShop.equal(is.Draft.inShop())
}

// loweredIn is what a shop has less of than when it was last looked at, of what it has less of than the order keeps.
func (o *Order) loweredIn(is PlacedOrder) []trade.Part {
	now, off := is.Draft.inShop(), map[trade.SKU]trade.Quantity{}
	for _, was := range o.InShop.Items {
		q := was.Quantity
		if has := now.item(was.SKU, was.Unit); has != nil {
			q = trade.Less(q, has.Quantity)
		}
		off[was.SKU] = trade.Quantity{Value: q.Max(trade.Decimal{}), Unit: was.Unit}
	}
	var out []trade.Part
	for _, part := range o.lessIn(is) {
		l := o.Line(part.Line)
		theirs := l.Theirs()
		own, _ := l.Own(off[theirs])
		if part.Quantity = trade.Min(part.Quantity, own); part.Quantity.IsPos() {
			off[theirs] = trade.Quantity{Value: trade.Less(own, part.Quantity), Unit: l.Quantity.Unit}
			out = append(out, part)
		}
	}
	return out
}

// takeOff takes parts off an order, as far as no node has them and nothing of their lines has left.
func (s *Service) takeOff(ctx context.Context, tx postgres.Tx, who trade.Viewer, o *Order, parts []trade.Part, kept map[int]map[trade.NodeID]trade.Decimal, reason string) ([]event.Event, error) {
	if o.finished() {
		return nil, nil
	}
	lowered := false
	for _, part := range parts {
		l := o.Line(part.Line)
		if free := trade.Min(part.Quantity, trade.Less(l.kept(), l.worked(kept[l.Number]))); free.IsPos() && l.Shipped.IsZero() {
			l.shrink(free)
			lowered = true
		}
	}
	if !lowered {
		return nil, nil
	}
	return s.lowered(ctx, tx, who, o, reason)
}

// sold is what the line keeps of what its shop has sold: not what was added to that in the ERP, or by rounding.
func (l *Line) sold() trade.Decimal {
	q := trade.Less(l.kept(), l.Raised).Max(trade.Decimal{})
	if l.Asked != nil {
		q = trade.Min(q, *l.Asked)
	}
	return q
}

// lessIn is what a shop's order has less of than the order keeps of it, by item, in the order of the lines.
func (o *Order) lessIn(is PlacedOrder) []trade.Part {
	if is.Cancelled {
		return nil // which is another matter
	}
	has := map[trade.SKU]trade.Decimal{}
	for _, l := range is.Draft.Lines {
		has[l.SKU] = trade.Sum(has[l.SKU], o.own(l.SKU, l.Quantity))
	}
	var less []trade.Part
	for i := range o.Lines {
		l := &o.Lines[i]
		keep := l.sold()
		covered := trade.Min(keep, has[l.SKU])
		has[l.SKU] = trade.Less(has[l.SKU], covered)
		if missing := trade.Less(keep, covered).Trim(0); missing.IsPos() {
			less = append(less, trade.Part{Line: l.Number, SKU: l.SKU, Quantity: missing, Unit: l.Quantity.Unit})
		}
	}
	return less
}

// moreIn is what the shop has added to its order after it was handed on, as far as it has that still, beyond what it had less of. It
// goes by what the shop had when it was last looked at, not by what the order keeps: what was cancelled here is there until the shop
// has heard of it.
func (o *Order) moreIn(is PlacedOrder) []trade.Part {
	switch {
	case is.Cancelled:
		return nil
	case !o.edited(is):
		return o.MoreInShop
	}
	keeps, less := map[trade.SKU]trade.Decimal{}, map[trade.SKU]trade.Decimal{}
	for i := range o.Lines {
		l := &o.Lines[i]
		keeps[l.Theirs()] = trade.Sum(keeps[l.Theirs()], l.inShop(l.kept()))
	}
	for _, p := range o.LessInShop {
		l := o.Line(p.Line)
		less[l.Theirs()] = trade.Sum(less[l.Theirs()], l.inShop(p.Quantity))
	}
	var out []trade.Part
	for _, p := range is.Draft.inShop().Items {
		var had, more trade.Decimal
		if was := o.InShop.item(p.SKU, p.Unit); was != nil {
			had = was.Quantity
		}
		for _, already := range o.MoreInShop {
			if already.SKU == p.SKU && already.Unit == p.Unit {
				more = already.Quantity
			}
		}
		if grown := trade.Less(p.Quantity, had); grown.IsPos() {
			more = trade.Less(trade.Sum(more, grown), less[p.SKU])
		} else if grown.IsNeg() {
			more = trade.Min(more, trade.Less(p.Quantity, keeps[p.SKU]))
		}
		if more.IsPos() {
			out = append(out, trade.Part{SKU: p.SKU, Quantity: more.Trim(0), Unit: p.Unit})
		}
	}
	return out
}

// inShop is a quantity of the line in the unit that its shop counts in.
func (l *Line) inShop(q trade.Decimal) trade.Decimal {
	return l.AsOrdered(trade.Part{Quantity: q, Unit: l.Quantity.Unit}).Quantity
}

// Stays is how much of each item, as its shop calls it, stays in the shop's order, of what the shop has: what the order keeps, what was
// turned down as long as a person may settle that, and what was added there that a person is to settle or that we have not seen.
func (o *Order) Stays(has map[trade.SKU]int) map[trade.SKU]int {
	out := map[trade.SKU]int{}
	keep := func(theirs trade.SKU, q trade.Decimal) {
		n, _, _ := q.Int64(0)
		out[theirs] += int(n)
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		q := l.kept()
		if l.Outcome == LineRejected && o.Status == OnHold {
			q = l.Quantity.Value
		}
		keep(l.Theirs(), l.inShop(q))
	}
	for _, more := range o.MoreInShop {
		keep(more.SKU, more.Quantity)
	}
	if o.InShop == nil {
		return out
	}
	unseen := make(map[trade.SKU]int, len(has))
	maps.Copy(unseen, has)
	for _, seen := range o.InShop.Items {
		n, _, _ := seen.Quantity.Int64(0)
		unseen[seen.SKU] -= int(n)
	}
	for theirs, n := range unseen {
		out[theirs] += max(0, n)
	}
	return out
}
