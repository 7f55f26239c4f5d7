package orders

import "crossdock/domains/trade"

// A line's figures are plain numbers in its unit, since rules reckon with them; these are the same
// with the unit, for whoever reads them alone.

func (l *Line) of(n trade.Decimal) trade.Quantity {
	return trade.Quantity{Value: n, Unit: l.Quantity.Unit}
}

// AskedQuantity is what the buyer asked for, where the line was taken for another quantity.
func (l *Line) AskedQuantity() *trade.Quantity {
	if l.Asked == nil {
		return nil
	}
	q := l.of(*l.Asked)
	return &q
}

// OpenQuantity is in no bucket yet.
func (l *Line) OpenQuantity() trade.Quantity { return l.of(l.Open()) }

// AllocatedQuantity is promised and not with a node yet.
func (l *Line) AllocatedQuantity() trade.Quantity { return l.of(l.Allocated) }

// BackorderedQuantity waits for stock.
func (l *Line) BackorderedQuantity() trade.Quantity { return l.of(l.Backordered) }

// ReleasedQuantity is with a node.
func (l *Line) ReleasedQuantity() trade.Quantity { return l.of(l.Released) }

// ShippedQuantity was sent.
func (l *Line) ShippedQuantity() trade.Quantity { return l.of(l.Shipped) }

// DeliveredQuantity arrived, of what was sent.
func (l *Line) DeliveredQuantity() trade.Quantity { return l.of(l.Delivered) }

// CancelledQuantity was given up.
func (l *Line) CancelledQuantity() trade.Quantity { return l.of(l.Cancelled) }

// RejectedQuantity was turned down.
func (l *Line) RejectedQuantity() trade.Quantity { return l.of(l.Rejected) }

// ReturnedQuantity came back, of what was sent.
func (l *Line) ReturnedQuantity() trade.Quantity { return l.of(l.Returned) }

// InvoicedQuantity is invoiced, of what was sent.
func (l *Line) InvoicedQuantity() trade.Quantity { return l.of(l.Invoiced) }

// Promised is the quantity of a line promised from one node.
type Promised struct {
	Node     trade.NodeID
	Quantity trade.Quantity
}

// Promises are the line's allocations.
func (l *Line) Promises() []Promised {
	out := make([]Promised, len(l.Allocations))
	for i, a := range l.Allocations {
		out[i] = Promised{a.Node, l.of(a.Quantity)}
	}
	return out
}
