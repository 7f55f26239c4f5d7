package orders

import (
	"slices"

	"crossdock/domains/fault"
)

// Action is something that can be done to an order.
type Action string

// The actions.
const (
	// Amend: it is decided again as a whole.
	Amend Action = "AMEND"
	// Lower: quantities can be lowered, as far as no node has them.
	Lower Action = "LOWER"
	// Cancel: what has not left is stopped or recalled.
	Cancel Action = "CANCEL"
	// Approve: it waits for an approval, or for somebody to turn it down.
	Approve Action = "APPROVE"
	// ReleaseHold: a hold can be let go.
	ReleaseHold Action = "RELEASE_HOLD"
	// Return: goods that have left one of our nodes can come back.
	Return Action = "RETURN"
)

// Actions are what can be done to the order now, by those who may. An order that another system works on is changed there.
func (o *Order) Actions() []Action {
	out := []Action{}
	may := func(a Action, when bool) {
		if when {
			out = append(out, a)
		}
	}
	open := !o.finished() && !o.History
	may(Amend, open && o.refusable() && o.untouched())
	may(Lower, open && o.refusable() && !o.untouched())
	may(Cancel, open)
	may(Approve, open && o.approval() != nil)
	may(ReleaseHold, open && slices.ContainsFunc(o.ActiveHolds(), func(h Hold) bool { return h.Code != approvalRequired }))
	may(Return, slices.ContainsFunc(o.Lines, func(l Line) bool { return l.Returnable().IsPos() && len(l.Allocations) > 0 }))
	return out
}

// refuse is the answer to an action that the order's state does not allow, with those that it does.
func (o *Order) refuse(format string, args ...any) *fault.Error {
	return fault.Instead(fault.New(fault.Conflict, format, args...).At("orderId"), o.Actions())
}
