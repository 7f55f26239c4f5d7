package returns

import "crossdock/domains/trade"

// A line's figures are plain numbers in its unit, since rules reckon with them; these are the same
// with the unit, for whoever reads them alone.

func (l *Line) of(n trade.Decimal) trade.Quantity { return trade.Quantity{Value: n, Unit: l.Unit} }

// RequestedQuantity was asked for.
func (l *Line) RequestedQuantity() trade.Quantity { return l.of(l.Requested) }

// AuthorizedQuantity was agreed to.
func (l *Line) AuthorizedQuantity() trade.Quantity { return l.of(l.Authorized) }

// ReceivedQuantity came back.
func (l *Line) ReceivedQuantity() trade.Quantity { return l.of(l.Received) }

// RestockedQuantity is back on the shelf.
func (l *Line) RestockedQuantity() trade.Quantity { return l.of(l.Restocked) }

// QuarantinedQuantity was set aside.
func (l *Line) QuarantinedQuantity() trade.Quantity { return l.of(l.Quarantined) }

// ScrappedQuantity was thrown away.
func (l *Line) ScrappedQuantity() trade.Quantity { return l.of(l.Scrapped) }

// MissingQuantity was agreed to and never came.
func (l *Line) MissingQuantity() trade.Quantity { return l.of(l.Missing) }
