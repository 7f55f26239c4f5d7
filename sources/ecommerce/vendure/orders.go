package vendure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

var (
	_ orders.Shop     = (*Client)(nil)
	_ orders.ShopFeed = (*Client)(nil)
)

// atOnce is how many orders one query reads.
const atOnce = 100

// The states of an order that was called off, or has left, or arrived; fulfilments have the same.
const (
	cancelled = "Cancelled"
	shipped   = "Shipped"
	delivered = "Delivered"
)

// minor is an amount in minor units as money; the shop keeps two places in every currency.
func minor(n int64, currency string) trade.Money {
	return trade.Money{Amount: trade.MustDecimal(fmt.Sprintf("%de-2", n)), Currency: trade.Currency(currency)}
}

func whole(n int) trade.Decimal { return trade.MustDecimal(strconv.Itoa(n)) }

// Placed reads orders by id.
func (c *Client) Placed(ctx context.Context, refs []string) (lookup.Answers[string, orders.PlacedOrder], error) {
	refs = lookup.Unique(refs)
	out := lookup.Empty[string, orders.PlacedOrder](len(refs))
	// An id that no database could have would fail the query of all the others.
	ids := slices.DeleteFunc(slices.Clone(refs), func(ref string) bool {
		_, err := strconv.ParseInt(ref, 10, 32)
		return errors.Is(err, strconv.ErrRange)
	})
	for some := range slices.Chunk(ids, atOnce) {
		list, err := c.read(ctx, some)
		if err != nil {
			out.Fail(some, err)
			continue
		}
		for _, o := range list {
			if slices.Contains(some, o.Id) && o.OrderPlacedAt != nil {
				out.Found[o.Id] = c.placed(o)
			}
		}
	}
	return out, ctx.Err()
}

func (c *Client) read(ctx context.Context, ids []string) ([]PlacedOrder, error) {
	data, err := ordersByID(ctx, wire{c}, ids)
	if err != nil {
		return nil, err
	}
	return data.Orders.Items, nil
}

// one reads an order that must be there.
func (c *Client) one(ctx context.Context, id string) (PlacedOrder, error) {
	list, err := c.read(ctx, []string{id})
	if err != nil {
		return PlacedOrder{}, err
	}
	if len(list) != 1 || list[0].Id != id {
		return PlacedOrder{}, fault.New(fault.NotFound, "the shop has no order %s", id).From(c.t.Name())
	}
	return list[0], nil
}

func (o PlacedOrder) shipTo() *trade.Address {
	a := o.ShippingAddress
	if a == nil || text(a.StreetLine1) == "" {
		return nil
	}
	name := text(a.FullName)
	if text(a.Company) != "" {
		name = text(a.Company)
	}
	return &trade.Address{Name: name, Line1: text(a.StreetLine1), Line2: text(a.StreetLine2), City: text(a.City), Region: text(a.Province), PostalCode: text(a.PostalCode), Country: text(a.CountryCode)}
}

func (c *Client) placed(o PlacedOrder) orders.PlacedOrder {
	d := orders.Draft{
		Account: c.cfg.Account, PONumber: o.Code, Currency: trade.Currency(o.CurrencyCode), Channel: orders.Storefront, ChannelSource: c.t.Name(), ChannelRef: o.Id, ShipTo: o.shipTo(),
	}
	for _, l := range o.Lines {
		if l.Quantity <= 0 {
			continue // cancelled before we saw it
		}
		price := minor(l.ProratedUnitPrice, o.CurrencyCode)
		d.Lines = append(d.Lines, orders.DraftLine{SKU: trade.SKU(l.ProductVariant.Sku), Quantity: trade.Quantity{Value: whole(l.Quantity)}, ExpectedUnitPrice: &price})
	}
	out := orders.PlacedOrder{Ref: o.Id, Draft: d, PlacedAt: *o.OrderPlacedAt, ModifiedAt: o.UpdatedAt, Cancelled: o.State == cancelled}
	for _, p := range o.Payments {
		for _, r := range p.Refunds {
			if r.State == settled {
				out.Refunds = append(out.Refunds, orders.Refund{Ref: r.Id, Amount: minor(r.Total, o.CurrencyCode), Reason: text(r.Reason), At: r.CreatedAt, Ours: strings.HasPrefix(text(r.Reason), ours)})
			}
		}
	}
	return out
}

// overlap is how far back a poll reads again: times are those of when a change began.
const overlap = time.Minute

// maxPages bounds a list that does not end.
const maxPages = 1000

// PlacedSince reads what was placed, or changed in a way that the shop tells of, since the cursor.
func (c *Client) PlacedSince(ctx context.Context, cursor string) (lookup.Page[orders.Sighting], error) {
	page := lookup.Page[orders.Sighting]{Next: cursor}
	if cursor == "" {
		page.Next = time.Now().UTC().Format(time.RFC3339Nano)
		return page, ctx.Err()
	}
	from, err := time.Parse(time.RFC3339Nano, cursor)
	if err != nil {
		return page, fault.New(fault.Invalid, "%q is not a cursor of orders", cursor).From(c.t.Name())
	}
	last := from
	for n := range maxPages {
		data, err := ordersSince(ctx, wire{c}, from.Add(-overlap), n*atOnce)
		if err != nil {
			return page, err
		}
		for _, o := range data.Orders.Items {
			s := orders.Sighting{Ref: o.Id, Cancelled: o.State == cancelled}
			if o.OrderPlacedAt != nil {
				s.PlacedAt = *o.OrderPlacedAt
			}
			for _, at := range []time.Time{o.UpdatedAt, s.PlacedAt} {
				if at.After(last) {
					last = at
				}
			}
			page.Items = append(page.Items, s)
		}
		if len(data.Orders.Items) < atOnce {
			page.Next, page.Total = last.UTC().Format(time.RFC3339Nano), data.Orders.TotalItems
			return page, ctx.Err()
		}
	}
	return lookup.Page[orders.Sighting]{Next: cursor}, fault.New(fault.BadResponse, "a list of more than %d pages", maxPages).From(c.t.Name())
}

// Finished reads orders by the time that they were placed at, since the shop tells no time at which it
// finished one. The cursor is how far was read, and behind a slash where to begin again after the end: at
// the first that was not finished.
func (c *Client) Finished(ctx context.Context, cursor string) (lookup.Page[orders.Registration], error) {
	page := lookup.Page[orders.Registration]{Next: cursor}
	at, open, _ := strings.Cut(cursor, "/")
	var from time.Time
	if cursor != "" {
		var err error
		if from, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return page, fault.New(fault.Invalid, "%q is not a cursor of orders", cursor).From(c.t.Name())
		}
	}
	data, err := ordersPlacedAfter(ctx, wire{c}, from)
	if err != nil {
		return page, err
	}
	last := from
	for _, o := range data.Orders.Items {
		// A little earlier: the shop compares finer than it tells, and others may have the same time.
		last = o.OrderPlacedAt.Add(-time.Millisecond)
		if o.over() {
			page.Items = append(page.Items, c.finished(o))
		} else if open == "" {
			open = last.UTC().Format(time.RFC3339Nano)
		}
	}
	if cursor == "" {
		page.Total = data.Orders.TotalItems
	}
	if !last.After(from) {
		last = last.Add(time.Millisecond) // a page of one time
	}
	page.More = len(data.Orders.Items) == atOnce && last.After(from)
	page.Next = last.UTC().Format(time.RFC3339Nano)
	switch {
	case page.More && open != "":
		page.Next += "/" + open
	case !page.More && open != "":
		page.Next = open
	}
	return page, ctx.Err()
}

// over reports whether the shop has finished with the order: it was called off, or all that it still asks for
// has left.
func (o PlacedOrder) over() bool {
	if o.State == cancelled || o.State == shipped || o.State == delivered {
		return true
	}
	left := o.unsent()
	return !slices.ContainsFunc(o.Lines, func(l PlacedOrderLinesOrderLine) bool { return left[l.Id] > 0 })
}

// unsent is what no fulfilment has of each line.
func (o PlacedOrder) unsent() map[string]int {
	left := map[string]int{}
	for _, l := range o.Lines {
		left[l.Id] = l.Quantity
	}
	for _, f := range o.Fulfillments {
		if f.State == cancelled {
			continue
		}
		for _, l := range f.Lines {
			left[l.OrderLineId] -= l.Quantity
		}
	}
	return left
}

// finished is the order as history.
func (c *Client) finished(o PlacedOrder) orders.Registration {
	r := orders.Registration{
		Ref: o.Id, TheirNumber: o.Code, Source: c.t.Name(), Account: c.cfg.Account, Currency: trade.Currency(o.CurrencyCode), PlacedAt: *o.OrderPlacedAt, ModifiedAt: o.UpdatedAt,
		Cancelled: o.State == cancelled, Copies: 1,
	}
	if to := o.shipTo(); to != nil {
		r.ShipTo = *to
	}
	for _, l := range o.Lines {
		line := orders.RegisteredLine{SKU: trade.SKU(l.ProductVariant.Sku), Quantity: trade.Quantity{Value: whole(l.Quantity)}, UnitPrice: minor(l.ProratedUnitPrice, o.CurrencyCode)}
		switch {
		case r.Cancelled:
			line.Quantity.Value = whole(l.OrderPlacedQuantity)
		case l.Quantity == 0:
			continue
		default:
			line.Shipped = line.Quantity.Value
		}
		r.Lines = append(r.Lines, line)
	}
	return r
}

// Acknowledge keeps our number with the order, and notes what was decided, once for each decision.
func (c *Client) Acknowledge(ctx context.Context, o *orders.Order) error {
	data, err := notes(ctx, wire{c}, o.ChannelRef)
	if err != nil {
		return err
	}
	if data.Order == nil {
		return fault.New(fault.NotFound, "the shop has no order %s", o.ChannelRef).From(c.t.Name())
	}
	if f := data.Order.CustomFields; f == nil || text(f.ExternalRef) != o.Number {
		if f != nil && text(f.ExternalRef) != "" {
			return fault.New(fault.Conflict, "the shop's order %s has the number %s already", o.ChannelRef, text(f.ExternalRef)).From(c.t.Name())
		}
		if _, err := setReference(ctx, wire{c}, o.ChannelRef, o.Number); err != nil {
			return err
		}
	}
	note := fmt.Sprintf("Crossdock: %s %s", o.Number, strings.ToLower(string(o.Decision)))
	for _, h := range data.Order.History.Items {
		var said struct {
			Note string `json:"note"`
		}
		if json.Unmarshal(h.Data, &said) == nil && said.Note == note {
			return nil
		}
	}
	_, err = addNote(ctx, wire{c}, o.ChannelRef, note)
	return err
}
