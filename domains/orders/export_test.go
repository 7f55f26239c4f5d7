package orders

import (
	"time"

	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// CheckCredit is what the credit check sees.
func CheckCredit(p Policy, position CreditPosition, total trade.Money) []Finding {
	e := &evaluation{policy: p}
	e.credit(position, total)
	return e.findings
}

// CheckRepeats is what the check of PO numbers sees.
func CheckRepeats(p Policy, po string, earlier []Earlier) []Finding {
	e := &evaluation{policy: p, draft: Draft{PONumber: po}}
	e.repeats(earlier)
	return e.findings
}

// Move takes a line's quantity a step on, and derives the order's status.
func Move(o *Order, line int, step Step, node trade.NodeID, q trade.Decimal) {
	o.Line(line).move(step, node, q)
	o.derive()
}

// Promise adds a promise to a line.
func Promise(o *Order, line int, a Allocation) {
	o.Line(line).promise(a)
	o.derive()
}

// Shrink cancels what no node works on.
func Shrink(o *Order, line int, q trade.Decimal) {
	l := o.Line(line)
	l.shrink(trade.Min(q, trade.Sum(l.Open(), l.Backordered, l.Allocated)))
	o.derive()
}

// Hold1 holds a line, or the order for 0.
func Hold1(o *Order, line int) {
	o.Holds = append(o.Holds, Hold{ID: postgres.NewID(), Code: "TEST", Status: HoldActive, Line: line, Blocks: []Activity{Release}})
	o.derive()
}

// LetGo releases a hold.
func LetGo(o *Order, id string, who trade.Viewer, now time.Time) error {
	err := o.release(id, who, "a test", now)
	o.derive()
	return err
}

// Named is whether a place is one of these, and whether that is unclear.
func Named(countries, regions []string, to trade.Address) (yes, unclear bool) {
	return Places{countries, regions}.names(to)
}

// Observed is what an order makes of how its shop has it by now: what is lowered there, more and less in all, and notes it.
func Observed(o *Order, is PlacedOrder) (lowered, more, less []trade.Part) {
	if o.edited(is) {
		lowered = o.loweredIn(is)
	}
	more, less = o.moreIn(is), o.lessIn(is)
	o.MoreInShop, o.LessInShop, o.InShop = more, less, is.Draft.inShop()
	return lowered, more, less
}
