package shopify

import (
	"cmp"
	"context"
	"encoding/json"
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

type money struct {
	ShopMoney struct {
		Amount       json.Number `json:"amount"`
		CurrencyCode string      `json:"currencyCode"`
	} `json:"shopMoney"`
}

type pageInfo struct {
	HasNextPage bool    `json:"hasNextPage"`
	EndCursor   *string `json:"endCursor"`
}

type lineItems struct {
	Nodes []struct {
		ID       string  `json:"id"`
		SKU      *string `json:"sku"`
		Ordered  int     `json:"quantity"`
		Quantity int     `json:"currentQuantity"`
		// Unfulfilled is what of it has not left.
		Unfulfilled int   `json:"unfulfilledQuantity"`
		Price       money `json:"discountedUnitPriceSet"`
	} `json:"nodes"`
	PageInfo pageInfo `json:"pageInfo"`
}

type order struct {
	ID              string     `json:"id"`
	Name            string     `json:"name"`
	CreatedAt       time.Time  `json:"createdAt"`
	UpdatedAt       time.Time  `json:"updatedAt"`
	CancelledAt     *time.Time `json:"cancelledAt"`
	PONumber        *string    `json:"poNumber"`
	CurrencyCode    string     `json:"currencyCode"`
	Status          string     `json:"displayFulfillmentStatus"`
	ShippingAddress *struct {
		Name         *string `json:"name"`
		Address1     *string `json:"address1"`
		Address2     *string `json:"address2"`
		City         *string `json:"city"`
		ProvinceCode *string `json:"provinceCode"`
		Zip          *string `json:"zip"`
		CountryCode  *string `json:"countryCodeV2"`
	} `json:"shippingAddress"`
	// PurchasingEntity is a company, or a customer.
	PurchasingEntity *struct {
		ID      string `json:"id"`
		Name    string `json:"displayName"`
		Company *struct {
			ID         string  `json:"id"`
			Name       string  `json:"name"`
			ExternalID *string `json:"externalId"`
		} `json:"company"`
	} `json:"purchasingEntity"`
	LineItems lineItems `json:"lineItems"`
}

// What one query reads. By the published rule an object costs 1, and a connection 2 and what it
// could return: an order with its buyer and its lines costs
// 4 + 2 + 3 × linesAtOnce.
const (
	listedAtOnce = 100
	ordersAtOnce = 6
	linesAtOnce  = 50
	moreLines    = 250
)

const lineFields = `nodes { id sku quantity currentQuantity unfulfilledQuantity discountedUnitPriceSet { shopMoney { amount currencyCode } } } pageInfo { hasNextPage endCursor }`

const orderFields = `id name createdAt updatedAt cancelledAt poNumber currencyCode displayFulfillmentStatus
	shippingAddress { name address1 address2 city provinceCode zip countryCodeV2 }
	purchasingEntity { ... on Customer { id displayName } ... on PurchasingCompany { company { id name externalId } } }`

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// read reads orders whole, in the sequence of their ids; one that the shop does not have is left out.
func (c *Client) read(ctx context.Context, ids []string) ([]order, error) {
	var out []order
	for len(ids) > 0 {
		some := ids[:min(ordersAtOnce, len(ids))]
		ids = ids[len(some):]
		var data struct {
			Nodes []*order `json:"nodes"`
		}
		err := c.ask(ctx, "orders", `query($ids: [ID!]!, $lines: Int!) { nodes(ids: $ids) { ... on Order { `+orderFields+` lineItems(first: $lines) { `+lineFields+` } } } }`,
			map[string]any{"ids": some, "lines": linesAtOnce}, true, &data)
		if err != nil {
			return nil, err
		}
		for _, o := range data.Nodes {
			if o == nil || o.ID == "" {
				continue
			}
			if err := c.rest(ctx, o); err != nil {
				return nil, err
			}
			out = append(out, *o)
		}
	}
	return out, nil
}

// rest reads the lines that the first page of an order left out.
func (c *Client) rest(ctx context.Context, o *order) error {
	for o.LineItems.PageInfo.HasNextPage {
		var data struct {
			Node *struct {
				LineItems lineItems `json:"lineItems"`
			} `json:"node"`
		}
		err := c.ask(ctx, "order lines", `query($id: ID!, $lines: Int!, $after: String) { node(id: $id) { ... on Order { lineItems(first: $lines, after: $after) { `+lineFields+` } } } }`,
			map[string]any{"id": o.ID, "lines": moreLines, "after": o.LineItems.PageInfo.EndCursor}, true, &data)
		if err != nil {
			return err
		}
		if data.Node == nil || len(data.Node.LineItems.Nodes) == 0 {
			return fault.New(fault.BadResponse, "order %s says that it has more lines and shows none", o.Name).From(c.t.Name())
		}
		o.LineItems.Nodes = append(o.LineItems.Nodes, data.Node.LineItems.Nodes...)
		o.LineItems.PageInfo = data.Node.LineItems.PageInfo
	}
	return nil
}

func (o order) shipTo() *trade.Address {
	a := o.ShippingAddress
	if a == nil {
		return nil
	}
	return &trade.Address{Name: text(a.Name), Line1: text(a.Address1), Line2: text(a.Address2), City: text(a.City), Region: text(a.ProvinceCode), PostalCode: text(a.Zip), Country: text(a.CountryCode)}
}

func (c *Client) placed(o order) orders.PlacedOrder {
	d := orders.Draft{
		Account: c.account(o), PONumber: text(o.PONumber), Currency: trade.Currency(o.CurrencyCode), Channel: orders.Storefront, ChannelSource: c.t.Name(), ChannelRef: o.ID, ShipTo: o.shipTo(),
	}
	for _, l := range o.LineItems.Nodes {
		if l.Quantity <= 0 {
			continue // removed from the order, or refunded before it left
		}
		line := orders.DraftLine{SKU: trade.SKU(text(l.SKU)), Quantity: trade.Quantity{Value: whole(l.Quantity)}}
		if p, err := trade.ParseDecimal(string(l.Price.ShopMoney.Amount)); err == nil {
			line.ExpectedUnitPrice = &trade.Money{Amount: p, Currency: trade.Currency(l.Price.ShopMoney.CurrencyCode)}
		}
		d.Lines = append(d.Lines, line)
	}
	return orders.PlacedOrder{Ref: o.ID, Draft: d, Buyer: o.buyer(), PlacedAt: o.CreatedAt, ModifiedAt: o.UpdatedAt, Cancelled: o.CancelledAt != nil}
}

func (o order) buyer() orders.Buyer {
	switch e := o.PurchasingEntity; {
	case e == nil:
		return orders.Buyer{}
	case e.Company != nil:
		return orders.Buyer{Ref: e.Company.ID, Name: e.Company.Name}
	default:
		return orders.Buyer{Ref: e.ID, Name: e.Name}
	}
}

// account is whom an order is for: where an integration keeps a number of its own with a company, it is ours.
func (c *Client) account(o order) trade.AccountID {
	if e := o.PurchasingEntity; e != nil && e.Company != nil {
		return trade.AccountID(cmp.Or(text(e.Company.ExternalID), string(c.cfg.Account)))
	}
	return c.cfg.Account
}

func whole(n int) trade.Decimal { return trade.MustDecimal(strconv.Itoa(n)) }

// Placed reads orders by id.
func (c *Client) Placed(ctx context.Context, refs []string) (lookup.Answers[string, orders.PlacedOrder], error) {
	refs = lookup.Unique(refs)
	out := lookup.Empty[string, orders.PlacedOrder](len(refs))
	list, err := c.read(ctx, refs)
	if err != nil {
		out.Fail(refs, err)
		return out, ctx.Err()
	}
	for _, o := range list {
		out.Found[o.ID] = c.placed(o)
	}
	return out, ctx.Err()
}

// listing is one page of orders by the time of their last change, without their lines.
type listing struct {
	Count struct {
		Count int `json:"count"`
	} `json:"ordersCount"`
	Orders struct {
		Nodes    []order  `json:"nodes"`
		PageInfo pageInfo `json:"pageInfo"`
	} `json:"orders"`
}

func (c *Client) list(ctx context.Context, operation, search string, after *string) (listing, error) {
	var data listing
	err := c.ask(ctx, operation, `query($n: Int!, $q: String, $after: String) { ordersCount(query: $q, limit: null) { count }
		orders(first: $n, after: $after, query: $q, sortKey: UPDATED_AT) { nodes { id createdAt updatedAt cancelledAt displayFulfillmentStatus } pageInfo { hasNextPage endCursor } } }`,
		map[string]any{"n": listedAtOnce, "q": search, "after": after}, true, &data)
	return data, err
}

// overlap is how far back a poll reads again.
const overlap = time.Minute

// PlacedSince polls orders by the time of their last change, which misses none that a webhook
// lost.
func (c *Client) PlacedSince(ctx context.Context, cursor string) (lookup.Page[orders.Sighting], error) {
	page := lookup.Page[orders.Sighting]{Next: cursor}
	if cursor == "" {
		page.Next = time.Now().Add(-overlap).UTC().Format(time.RFC3339Nano)
		return page, ctx.Err()
	}
	at, err := time.Parse(time.RFC3339Nano, cursor)
	if err != nil {
		return page, fault.New(fault.Invalid, "%q is not a cursor of orders", cursor).From(c.t.Name())
	}
	search := "updated_at:>='" + at.Add(-overlap).UTC().Format(time.RFC3339) + "'"
	var after *string
	for {
		list, err := c.list(ctx, "orders since", search, after)
		if err != nil {
			return page, err
		}
		for _, o := range list.Orders.Nodes {
			page.Items = append(page.Items, orders.Sighting{Ref: o.ID, PlacedAt: o.CreatedAt, Cancelled: o.CancelledAt != nil})
			page.Next = max(page.Next, o.UpdatedAt.UTC().Format(time.RFC3339Nano))
		}
		if !list.Orders.PageInfo.HasNextPage {
			return page, nil
		}
		after = list.Orders.PageInfo.EndCursor
	}
}

// Finished reads orders by the time of their last change and keeps those that are shipped whole or
// cancelled. An order that finishes later has changed later, so that the shop's own cursor passes
// over none.
func (c *Client) Finished(ctx context.Context, cursor string) (lookup.Page[orders.Registration], error) {
	page := lookup.Page[orders.Registration]{Next: cursor}
	var after *string
	if cursor != "" {
		after = &cursor
	}
	list, err := c.list(ctx, "orders finished", "", after)
	if err != nil {
		return page, err
	}
	// The count is of all orders: it tells how many are left at the first page only.
	if cursor == "" {
		page.Total = list.Count.Count
	}
	var ids []string
	for _, o := range list.Orders.Nodes {
		if o.CancelledAt != nil || o.Status == "FULFILLED" {
			ids = append(ids, o.ID)
		}
	}
	whole, err := c.read(ctx, ids)
	if err != nil {
		return page, err
	}
	for _, o := range whole {
		page.Items = append(page.Items, c.finished(o))
	}
	page.More = list.Orders.PageInfo.HasNextPage
	if end := list.Orders.PageInfo.EndCursor; end != nil {
		page.Next = *end
	}
	return page, nil
}

// finished is an order of the past: what was taken off it before it left was never shipped.
func (c *Client) finished(o order) orders.Registration {
	r := orders.Registration{
		Ref: o.ID, TheirNumber: o.Name, Source: c.t.Name(), Account: c.account(o), Buyer: o.buyer(), PONumber: text(o.PONumber), Currency: trade.Currency(o.CurrencyCode),
		PlacedAt: o.CreatedAt, ModifiedAt: o.UpdatedAt, Cancelled: o.CancelledAt != nil, Copies: 1,
	}
	if to := o.shipTo(); to != nil {
		r.ShipTo = *to
	}
	for _, l := range o.LineItems.Nodes {
		line := orders.RegisteredLine{SKU: trade.SKU(text(l.SKU)), Quantity: trade.Quantity{Value: whole(l.Quantity)}, UnitPrice: trade.Money{Currency: r.Currency}}
		if p, err := trade.ParseDecimal(string(l.Price.ShopMoney.Amount)); err == nil {
			line.UnitPrice.Amount = p
		}
		switch {
		case r.Cancelled:
			line.Quantity.Value = whole(l.Ordered)
		case l.Quantity == 0:
			continue
		default:
			line.Shipped = line.Quantity.Value
		}
		r.Lines = append(r.Lines, line)
	}
	return r
}

// Acknowledge tags the order with our number and decision. Tags that are there stay there.
func (c *Client) Acknowledge(ctx context.Context, o *orders.Order) error {
	var data struct {
		TagsAdd struct {
			UserErrors []userError `json:"userErrors"`
		} `json:"tagsAdd"`
	}
	err := c.ask(ctx, "acknowledge", `mutation($id: ID!, $tags: [String!]!) { tagsAdd(id: $id, tags: $tags) { userErrors { field message } } }`,
		map[string]any{"id": o.ChannelRef, "tags": []string{"crossdock-" + o.Number, "crossdock-" + strings.ToLower(string(o.Decision))}}, true, &data)
	if err != nil {
		return err
	}
	return c.complaint(data.TagsAdd.UserErrors)
}
