package shopify

import (
	"context"
	"strconv"
	"time"

	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

// archivePage is how many orders one call of the archive reads; with their lines they cost about
// half of what one query may.
const archivePage = 25

// Finished reads orders by the time of their last change and keeps those that are shipped whole or
// cancelled. An order that finishes later has changed later, so that the shop's own cursor passes
// over none.
func (c *Client) Finished(ctx context.Context, cursor string) (lookup.Page[orders.Registration], error) {
	out := lookup.Page[orders.Registration]{Next: cursor}
	var after *string
	if cursor != "" {
		after = &cursor
	}
	var data struct {
		Count struct {
			Count int `json:"count"`
		} `json:"ordersCount"`
		Orders struct {
			Nodes []struct {
				order
				CreatedAt time.Time `json:"createdAt"`
				Status    string    `json:"displayFulfillmentStatus"`
			} `json:"nodes"`
			PageInfo struct {
				HasNextPage bool    `json:"hasNextPage"`
				EndCursor   *string `json:"endCursor"`
			} `json:"pageInfo"`
		} `json:"orders"`
	}
	err := c.ask(ctx, "orders finished", `query($n: Int!, $after: String) {
		ordersCount(limit: null) { count }
		orders(first: $n, after: $after, sortKey: UPDATED_AT) { nodes { createdAt displayFulfillmentStatus `+orderFields+`} pageInfo { hasNextPage endCursor } } }`,
		map[string]any{"n": archivePage, "after": after}, true, &data)
	if err != nil {
		return out, err
	}
	// The count is of all orders: it tells how many are left at the first page only.
	if cursor == "" {
		out.Total = data.Count.Count
	}
	out.More = data.Orders.PageInfo.HasNextPage
	if end := data.Orders.PageInfo.EndCursor; end != nil {
		out.Next = *end
	}
	for _, o := range data.Orders.Nodes {
		if o.CancelledAt == nil && o.Status != "FULFILLED" {
			continue
		}
		r := orders.Registration{
			Ref: o.ID, TheirNumber: o.Name, Source: c.t.Name(), Account: c.cfg.Account, PONumber: text(o.PONumber), Currency: trade.Currency(o.CurrencyCode),
			PlacedAt: o.CreatedAt, ModifiedAt: o.UpdatedAt, Cancelled: o.CancelledAt != nil, Copies: 1,
		}
		if to := c.placed(o.order).Draft.ShipTo; to != nil {
			r.ShipTo = *to
		}
		for _, l := range o.LineItems.Nodes {
			line := orders.RegisteredLine{SKU: trade.SKU(text(l.SKU)), Quantity: trade.Quantity{Value: trade.MustDecimal(strconv.Itoa(l.Quantity))}, UnitPrice: trade.Money{Currency: r.Currency}}
			if p, err := trade.ParseDecimal(string(l.Price.ShopMoney.Amount)); err == nil {
				line.UnitPrice.Amount = p
			}
			if !r.Cancelled {
				line.Shipped = line.Quantity.Value
			}
			r.Lines = append(r.Lines, line)
		}
		out.Items = append(out.Items, r)
	}
	return out, nil
}
