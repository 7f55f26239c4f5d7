package vendure

import (
	"context"
	"maps"
	"slices"
	"strings"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

var (
	_ shipments.Notifier = (*Client)(nil)
	_ inventory.Comparer = (*Client)(nil)
	_ orders.Canceller   = (*Client)(nil)
)

// The states of a fulfilment or a refund that is still open, of money that has moved, and of money that will not.
const (
	pending = "Pending"
	settled = "Settled"
	failed  = "Failed"
)

// Fulfil records a shipment and that it has left, unless the order has it already. It is found again by our
// number, behind the carrier's name: several parcels can have one tracking number, and some have none.
func (c *Client) Fulfil(ctx context.Context, shopOrder string, s *shipments.Shipment) error {
	o, err := c.one(ctx, shopOrder)
	if err != nil {
		return err
	}
	for _, f := range o.Fulfillments {
		switch {
		case f.State == cancelled || !strings.HasSuffix(f.Method, "("+s.Number+")"):
		case f.State == pending:
			return c.hasLeft(ctx, f.Id)
		default:
			return nil
		}
	}
	left := o.unsent()
	sent := map[string]int{}
	for _, p := range s.Parts {
		n, _, _ := p.Quantity.Int64(0)
		sent[string(p.SKU)] += int(n)
	}
	var lines []OrderLineInput
	for _, l := range o.Lines {
		if n := min(sent[l.ProductVariant.Sku], left[l.Id]); n > 0 {
			sent[l.ProductVariant.Sku] -= n
			lines = append(lines, OrderLineInput{OrderLineId: l.Id, Quantity: n})
		}
	}
	if len(lines) == 0 {
		return fault.New(fault.Conflict, "the shop's order %s has nothing left of shipment %s to fulfil", o.Code, s.Number).From(c.t.Name())
	}
	done, err := fulfil(ctx, wire{c}, lines, strings.TrimSpace(s.Carrier+" ("+s.Number+")"), s.TrackingNumber)
	if err != nil {
		return err
	}
	switch f := done.AddFulfillmentToOrder.(type) {
	case *fulfilAddFulfillmentToOrderFulfillment:
		return c.hasLeft(ctx, f.Id)
	case *fulfilAddFulfillmentToOrderInsufficientStockOnHandError:
		// Goods have left that the shop has not been told of yet.
		return &fault.Error{Kind: fault.Unavailable, Message: "Vendure: " + f.Message, Source: c.t.Name(), NotSent: true}
	default:
		return c.refused(f)
	}
}

// hasLeft says that a fulfilment has left; one that had is left alone.
func (c *Client) hasLeft(ctx context.Context, id string) error {
	done, err := ship(ctx, wire{c}, id)
	if err != nil {
		return err
	}
	if e, ok := done.TransitionFulfillmentToState.(*shipTransitionFulfillmentToStateFulfillmentStateTransitionError); ok && e.FromState != shipped && e.FromState != delivered {
		return c.refused(e)
	}
	return nil
}

// Compares implements inventory.Comparer: what must lie in the shop depends on what it has sold.
func (c *Client) Compares() {}

// PublishStock sets what lies at the location so that the shop sells what is available. Items that the shop
// does not sell are left out, and those that it has right already.
func (c *Client) PublishStock(ctx context.Context, available map[trade.SKU]trade.Decimal) error {
	for skus := range slices.Chunk(slices.Sorted(maps.Keys(available)), atOnce) {
		var input []UpdateProductVariantInput
		for n := range maxPages {
			data, err := variants(ctx, wire{c}, texts(skus), n*atOnce)
			if err != nil {
				return err
			}
			for _, v := range data.ProductVariants.Items {
				q, ours := available[trade.SKU(v.Sku)]
				if !ours {
					continue
				}
				free, _, _ := q.Floor(0).Int64(0)
				want, have := int(free), 0
				for _, l := range v.StockLevels {
					if l.StockLocationId == c.cfg.Location {
						want, have = want+l.StockAllocated, l.StockOnHand
					}
				}
				if want != have {
					input = append(input, UpdateProductVariantInput{Id: v.Id, StockLevels: []StockLevelInput{{StockLocationId: c.cfg.Location, StockOnHand: want}}})
				}
			}
			if len(data.ProductVariants.Items) < atOnce {
				break
			}
		}
		if len(input) == 0 {
			continue
		}
		if _, err := setStock(ctx, wire{c}, input); err != nil {
			return err
		}
	}
	return nil
}

func texts(skus []trade.SKU) []string {
	out := make([]string, len(skus))
	for i, s := range skus {
		out[i] = string(s)
	}
	return out
}

// ours begins the reason of what we cancel and refund. Customers of the shop can read it.
const ours = "Crossdock "

// CancelRest cancels what is not kept of the shop's order, and gives back what was paid and the order no
// longer costs.
func (c *Client) CancelRest(ctx context.Context, o *orders.Order) error {
	is, err := c.one(ctx, o.ChannelRef)
	if err != nil {
		return err
	}
	has := map[trade.SKU]int{}
	for _, l := range is.Lines {
		has[trade.SKU(l.ProductVariant.Sku)] += l.Quantity
	}
	keep := o.Stays(has)
	var lines []OrderLineInput
	rest := 0
	for _, l := range is.Lines {
		sku := trade.SKU(l.ProductVariant.Sku)
		stays := min(l.Quantity, keep[sku])
		keep[sku] -= stays
		rest += stays
		if n := l.Quantity - stays; n > 0 {
			lines = append(lines, OrderLineInput{OrderLineId: l.Id, Quantity: n})
		}
	}
	reason := ours + o.Number
	if len(lines) > 0 {
		done, err := cancelLines(ctx, wire{c}, is.Id, lines, rest == 0, reason)
		if err != nil {
			return err
		}
		if err := c.refused(done.CancelOrder); err != nil {
			return err
		}
		if is, err = c.one(ctx, is.Id); err != nil {
			return err
		}
	}
	return c.giveBack(ctx, is, reason)
}

// giveBack refunds what was paid beyond what the order costs, and settles refunds of ours that were left
// open. A payment that is not settled yet takes no money, so that nothing of it is given back.
func (c *Client) giveBack(ctx context.Context, o PlacedOrder, reason string) error {
	over := -o.TotalWithTax
	for _, p := range o.Payments {
		if p.State != settled {
			continue
		}
		over += p.Amount
		for _, r := range p.Refunds {
			if r.State != failed {
				over -= r.Total
			}
			if r.State == pending && text(r.Reason) == reason {
				if err := c.settle(ctx, r.Id, reason); err != nil {
					return err
				}
			}
		}
	}
	for _, p := range o.Payments {
		if p.State != settled || over <= 0 {
			continue
		}
		left := p.Amount
		for _, r := range p.Refunds {
			if r.State != failed {
				left -= r.Total
			}
		}
		n := min(left, over)
		if n <= 0 {
			continue
		}
		done, err := refund(ctx, wire{c}, p.Id, n, reason)
		if err != nil {
			return err
		}
		r, ok := done.RefundOrder.(*refundRefundOrderRefund)
		if !ok {
			return c.refused(done.RefundOrder)
		}
		switch r.State {
		case failed:
			return fault.New(fault.Conflict, "the payment provider refuses to give %s back of the shop's order %s", minor(n, o.CurrencyCode), o.Code).From(c.t.Name())
		case pending:
			if err := c.settle(ctx, r.Id, reason); err != nil {
				return err
			}
		}
		over -= n
	}
	return nil
}

func (c *Client) settle(ctx context.Context, id, reason string) error {
	done, err := settle(ctx, wire{c}, id, reason)
	if err != nil {
		return err
	}
	return c.refused(done.SettleRefund)
}
