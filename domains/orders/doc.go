// Package orders decides what becomes of an order and keeps it true afterwards.
//
// Every channel goes through one intake: the draft's facts are gathered, every check is
// evaluated, and one transaction stores the decision with its reservations, exposure, events
// and work for other systems. A rejected order is stored too.
//
//	SUBMITTED ─▶ REJECTED
//	    │
//	    ├─▶ PENDING_APPROVAL ─▶ ON_HOLD | ACCEPTED | REJECTED | CANCELLED
//	    ├─▶ ON_HOLD ─▶ REJECTED | CANCELLED
//	    │      │ ▲
//	    ▼      ▼ │
//	ACCEPTED ─▶ IN_FULFILLMENT ─▶ COMPLETED
//	    │            │
//	    └────────────┴─▶ CANCELLED (nothing shipped)
//
// Quantities are the truth and statuses are derived from them. Of every line, always:
//
//	ordered = open + allocated + backordered + released + shipped + cancelled + rejected
//	delivered ≤ shipped, returned ≤ shipped, invoiced ≤ shipped
//
// and no transition lowers shipped.
package orders
