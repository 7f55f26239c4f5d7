package rest

import (
	"context"
	"maps"
	"slices"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

var (
	_ orders.Shop         = (*Client)(nil)
	_ orders.ShopFeed     = (*Client)(nil)
	_ shipments.Notifier  = (*Client)(nil)
	_ inventory.Publisher = (*Client)(nil)
)

// Storefront lists the operations that a storefront needs; all of them, or it is none.
func Storefront() []string {
	return []string{"placed", "placedSince", "finished", "acknowledge", "fulfil", "publish"}
}

// Placed needs the operation "placed": orders by the shop's references, with ref, po, currency,
// placedAt, modified, cancelled, shipTo, buyer, buyerName, lines, and the shape "placedLine" (sku, quantity, unit, price). The orders are those
// of the configured account, unless they have one.
func (c *Client) Placed(ctx context.Context, refs []string) (lookup.Answers[string, orders.PlacedOrder], error) {
	return byKey(ctx, c, "placed", "ref", refs, func(r *row, into *orders.PlacedOrder) {
		d := orders.Draft{Account: c.buyer(r), PONumber: r.text("po"), Currency: trade.Currency(r.text("currency")), Channel: orders.Storefront, ChannelSource: c.t.Name(), ChannelRef: r.text("ref")}
		if to := r.address(c, "shipTo"); to.Line1 != "" {
			d.ShipTo = &to
		}
		for l := range r.rows(c, "lines", "placedLine") {
			line := orders.DraftLine{SKU: trade.SKU(l.text("sku")), Quantity: trade.Quantity{Value: l.number("quantity"), Unit: trade.Unit(l.text("unit"))}}
			if l.text("price") != "" {
				price := l.money("price", d.Currency)
				line.ExpectedUnitPrice = &price
			}
			d.Lines = append(d.Lines, line)
		}
		*into = orders.PlacedOrder{Ref: d.ChannelRef, Draft: d, Buyer: orders.Buyer{Ref: r.text("buyer"), Name: r.text("buyerName")}, PlacedAt: r.time("placedAt"), ModifiedAt: r.time("modified"), Cancelled: r.yes("cancelled")}
	})
}

func (c *Client) buyer(r *row) trade.AccountID {
	if a := r.text("account"); a != "" {
		return trade.AccountID(a)
	}
	return c.sellsFor
}

// PlacedSince needs "placedSince": ref, placedAt, cancelled, modified; it is asked with "since".
func (c *Client) PlacedSince(ctx context.Context, cursor string) (lookup.Page[orders.Sighting], error) {
	return fromNow(ctx, c, "placedSince", cursor, func(r *row) orders.Sighting {
		return orders.Sighting{Ref: r.text("ref"), PlacedAt: r.time("placedAt"), Cancelled: r.yes("cancelled")}
	})
}

// Finished needs "finished": orders that are shipped whole or cancelled, as registrations, and modified;
// it is asked with "since". One that is asked with "after" and "limit" instead goes on after the ref of its last row.
func (c *Client) Finished(ctx context.Context, cursor string) (lookup.Page[orders.Registration], error) {
	finished := func(r *row) orders.Registration {
		out := c.registration(r)
		out.Account, out.Buyer = c.buyer(r), orders.Buyer{Ref: r.text("buyer"), Name: r.text("buyerName")}
		return out
	}
	if op := c.ops["finished"]; op == nil || !op.uses("after") {
		return since(ctx, c, "finished", cursor, finished)
	}
	page := lookup.Page[orders.Registration]{Next: cursor}
	rows, _, err := c.call(ctx, "finished", map[string]any{"after": cursor, "limit": afterPage}, 0)
	if err != nil {
		return page, err
	}
	for r := range rows.each() {
		item := finished(r)
		if err := c.unreadable(r); err != nil {
			return lookup.Page[orders.Registration]{Next: cursor}, err
		}
		page.Items, page.Next = append(page.Items, item), item.Ref
	}
	page.More = len(page.Items) >= afterPage
	return page, ctx.Err()
}

// Acknowledge needs the operation "acknowledge", with "order" (ref, number, decision). Repeating it must
// change nothing.
func (c *Client) Acknowledge(ctx context.Context, o *orders.Order) error {
	_, _, err := c.call(ctx, "acknowledge", map[string]any{"order": map[string]any{"ref": o.ChannelRef, "number": o.Number, "decision": string(o.Decision)}}, 1)
	return err
}

// Fulfil needs the operation "fulfil", with "shipment" (order, number, carrier, tracking, url, lines of
// sku and quantity). Statuses of "exists" say that the shop has the shipment.
func (c *Client) Fulfil(ctx context.Context, shopOrder string, s *shipments.Shipment) error {
	lines := []any{}
	for _, p := range s.Parts {
		lines = append(lines, map[string]any{"sku": string(p.SKU), "quantity": p.Quantity.String()})
	}
	_, _, err := c.call(ctx, "fulfil", map[string]any{"shipment": map[string]any{"order": shopOrder, "number": s.Number, "carrier": s.Carrier, "tracking": s.TrackingNumber, "url": s.TrackingURL, "lines": lines}}, 1)
	return err
}

// PublishStock needs the operation "publish", with "stock" (lines of sku and quantity), in parts of its
// batch size.
func (c *Client) PublishStock(ctx context.Context, available map[trade.SKU]trade.Decimal) error {
	for part := range slices.Chunk(slices.Sorted(maps.Keys(available)), c.batch("publish")) {
		lines := []any{}
		for _, sku := range part {
			lines = append(lines, map[string]any{"sku": string(sku), "quantity": available[sku].String()})
		}
		if _, _, err := c.call(ctx, "publish", map[string]any{"stock": map[string]any{"lines": lines}}, len(part)); err != nil {
			return err
		}
	}
	return nil
}
