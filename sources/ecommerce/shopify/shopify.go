// Package shopify reads a Shopify store's orders and tells it what became of them, through the
// Admin GraphQL API, version 2026-04.
//
// Limits of the product: a query cost drawn from a bucket that refills; the state of the bucket
// comes with every reply, and a refused call says THROTTLED and did nothing.
//
// Quirks:
//   - A webhook's body is REST-shaped with ids beyond 2^53: only admin_graphql_api_id is taken,
//     and the order is read back.
//   - fulfillmentCreate is not idempotent and takes fulfilment-order line ids; what is fulfilled
//     already is read first, by tracking number.
//   - orderUpdate replaces tags; tagsAdd adds them and may be repeated.
//   - Inventory mutations need @idempotent and an explicit changeFromQuantity.
package shopify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

var (
	_ orders.Shop         = (*Client)(nil)
	_ orders.ShopFeed     = (*Client)(nil)
	_ shipments.Notifier  = (*Client)(nil)
	_ inventory.Publisher = (*Client)(nil)
)

// Config says how to reach a store.
type Config struct {
	// Token is an Admin API access token.
	Token string
	// Account is whom the ERP knows the store's orders by.
	Account trade.AccountID
	// Location is the id of the location whose stock we set.
	Location string
	Timeout  time.Duration
}

// Client is one store.
type Client struct {
	cfg Config
	t   *transport.Client
}

const path = "/admin/api/2026-04/graphql.json"

// New returns a client of the store at base, such as https://name.myshopify.com. It opens no
// connection.
func New(name, base string, cfg Config) (*Client, error) {
	if cfg.Account == "" {
		return nil, fault.New(fault.Invalid, "source %s: account is empty; name the ERP account that the store sells for", name)
	}
	t, err := transport.New(name, base, transport.Config{Timeout: cfg.Timeout, Concurrent: 4, Authorize: func(_ context.Context, r *http.Request) error {
		r.Header.Set("X-Shopify-Access-Token", cfg.Token)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, t: t}, nil
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.t }

type cost struct {
	Requested float64 `json:"requestedQueryCost"`
	Throttle  struct {
		Available float64 `json:"currentlyAvailable"`
		Restore   float64 `json:"restoreRate"`
	} `json:"throttleStatus"`
}

type userError struct {
	Field   []string `json:"field"`
	Message string   `json:"message"`
}

// ask runs an operation and decodes its data. A failing body behind a 200 is a failure.
func (c *Client) ask(ctx context.Context, operation, query string, vars map[string]any, read bool, data any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	res, err := c.t.Do(ctx, transport.Request{Operation: operation, Method: http.MethodPost, Path: path, Body: body, Read: read, Keys: 1})
	if err != nil {
		return err
	}
	switch {
	case res.Status == http.StatusUnauthorized, res.Status == http.StatusForbidden:
		return fault.New(fault.Denied, "Shopify refused the access token").From(c.t.Name())
	case res.Status >= 500:
		return fault.New(fault.Unavailable, "Shopify answered %d", res.Status).From(c.t.Name())
	case res.Status != http.StatusOK:
		return fault.New(fault.Invalid, "Shopify answered %d", res.Status).From(c.t.Name())
	}
	var out struct {
		Data       json.RawMessage `json:"data"`
		Errors     json.RawMessage `json:"errors"`
		Extensions struct {
			Cost cost `json:"cost"`
		} `json:"extensions"`
	}
	if err := json.Unmarshal(res.Body, &out); err != nil {
		return fault.Wrap(fault.BadResponse, err, "a reply that cannot be read").From(c.t.Name())
	}
	if len(out.Errors) > 0 && string(out.Errors) != "null" {
		return c.refusal(out.Errors, out.Extensions.Cost)
	}
	if err := json.Unmarshal(out.Data, data); err != nil {
		return fault.Wrap(fault.BadResponse, err, "a reply that cannot be read").From(c.t.Name())
	}
	return nil
}

// refusal reads the errors of a reply, which are a list or, at times, a string.
func (c *Client) refusal(raw json.RawMessage, k cost) error {
	var list []struct {
		Message    string
		Extensions struct{ Code string }
	}
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return fault.New(fault.BadResponse, "Shopify: %s", strings.Trim(string(raw), `"`)).From(c.t.Name())
	}
	kind := fault.Invalid
	switch list[0].Extensions.Code {
	case "THROTTLED":
		wait := time.Second
		if k.Throttle.Restore > 0 {
			wait = time.Duration(max(0, k.Requested-k.Throttle.Available) / k.Throttle.Restore * float64(time.Second))
		}
		return &fault.Error{Kind: fault.Throttled, Message: "Shopify asks to wait", Source: c.t.Name(), RetryAfter: wait}
	case "ACCESS_DENIED", "SHOP_INACTIVE":
		kind = fault.Denied
	case "INTERNAL_SERVER_ERROR":
		kind = fault.Unavailable
	}
	return fault.New(kind, "Shopify: %s", list[0].Message).From(c.t.Name())
}

func (c *Client) complaint(errs []userError) error {
	if len(errs) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "Shopify: %s", errs[0].Message).From(c.t.Name())
}

type money struct {
	ShopMoney struct {
		Amount       json.Number `json:"amount"`
		CurrencyCode string      `json:"currencyCode"`
	} `json:"shopMoney"`
}

type order struct {
	ID              string     `json:"id"`
	Name            string     `json:"name"`
	UpdatedAt       time.Time  `json:"updatedAt"`
	CancelledAt     *time.Time `json:"cancelledAt"`
	PONumber        *string    `json:"poNumber"`
	CurrencyCode    string     `json:"currencyCode"`
	ShippingAddress *struct {
		Name         *string `json:"name"`
		Address1     *string `json:"address1"`
		Address2     *string `json:"address2"`
		City         *string `json:"city"`
		ProvinceCode *string `json:"provinceCode"`
		Zip          *string `json:"zip"`
		CountryCode  *string `json:"countryCodeV2"`
	} `json:"shippingAddress"`
	LineItems struct {
		Nodes []struct {
			ID       string  `json:"id"`
			SKU      *string `json:"sku"`
			Quantity int     `json:"currentQuantity"`
			Price    money   `json:"discountedUnitPriceSet"`
		} `json:"nodes"`
	} `json:"lineItems"`
}

const orderFields = `
	id name updatedAt cancelledAt poNumber currencyCode
	shippingAddress { name address1 address2 city provinceCode zip countryCodeV2 }
	lineItems(first: 100) { nodes { id sku currentQuantity discountedUnitPriceSet { shopMoney { amount currencyCode } } } }`

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (c *Client) placed(o order) orders.PlacedOrder {
	d := orders.Draft{
		Account: c.cfg.Account, PONumber: text(o.PONumber), Currency: trade.Currency(o.CurrencyCode), Channel: orders.Storefront, ChannelSource: c.t.Name(), ChannelRef: o.ID,
	}
	if a := o.ShippingAddress; a != nil {
		d.ShipTo = &trade.Address{Name: text(a.Name), Line1: text(a.Address1), Line2: text(a.Address2), City: text(a.City), Region: text(a.ProvinceCode), PostalCode: text(a.Zip), Country: text(a.CountryCode)}
	}
	for _, l := range o.LineItems.Nodes {
		q, err := trade.ParseDecimal(fmt.Sprint(l.Quantity))
		if err != nil || !q.IsPos() {
			continue
		}
		line := orders.DraftLine{SKU: trade.SKU(text(l.SKU)), Quantity: trade.Quantity{Value: q}}
		if p, err := trade.ParseDecimal(string(l.Price.ShopMoney.Amount)); err == nil {
			line.ExpectedUnitPrice = &trade.Money{Amount: p, Currency: trade.Currency(l.Price.ShopMoney.CurrencyCode)}
		}
		d.Lines = append(d.Lines, line)
	}
	return orders.PlacedOrder{Ref: o.ID, Draft: d}
}

// Placed reads orders by id, in one call.
func (c *Client) Placed(ctx context.Context, refs []string) (lookup.Answers[string, orders.PlacedOrder], error) {
	refs = lookup.Unique(refs)
	out := lookup.Empty[string, orders.PlacedOrder](len(refs))
	if len(refs) == 0 {
		return out, ctx.Err()
	}
	var data struct {
		Nodes []*order `json:"nodes"`
	}
	if err := c.ask(ctx, "orders", `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Order {`+orderFields+`} } }`, map[string]any{"ids": refs}, true, &data); err != nil {
		for _, r := range refs {
			out.Failed[r] = err
		}
		return out, ctx.Err()
	}
	for _, o := range data.Nodes {
		if o != nil && o.ID != "" {
			out.Found[o.ID] = c.placed(*o)
		}
	}
	return out, nil
}

// overlap is how far back a poll reads again.
const overlap = time.Minute

// PlacedSince polls orders by the time of their last change, which misses none that a webhook
// lost.
func (c *Client) PlacedSince(ctx context.Context, cursor string) (lookup.Page[orders.PlacedOrder], error) {
	page := lookup.Page[orders.PlacedOrder]{Next: cursor}
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
		var data struct {
			Orders struct {
				Nodes    []order `json:"nodes"`
				PageInfo struct {
					HasNextPage bool    `json:"hasNextPage"`
					EndCursor   *string `json:"endCursor"`
				} `json:"pageInfo"`
			} `json:"orders"`
		}
		err := c.ask(ctx, "orders since", `query($q: String, $after: String) { orders(first: 50, after: $after, query: $q, sortKey: UPDATED_AT) { nodes {`+orderFields+`} pageInfo { hasNextPage endCursor } } }`,
			map[string]any{"q": search, "after": after}, true, &data)
		if err != nil {
			return page, err
		}
		for _, o := range data.Orders.Nodes {
			if o.CancelledAt == nil {
				page.Items = append(page.Items, c.placed(o))
			}
			if at := o.UpdatedAt.UTC().Format(time.RFC3339Nano); at > page.Next {
				page.Next = at
			}
		}
		if !data.Orders.PageInfo.HasNextPage {
			return page, nil
		}
		after = data.Orders.PageInfo.EndCursor
	}
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

// Fulfil records a shipment with its tracking number, unless the order has it already.
func (c *Client) Fulfil(ctx context.Context, shopOrder string, s *shipments.Shipment) error {
	var data struct {
		Node *struct {
			Fulfillments []struct {
				Tracking []struct {
					Number *string `json:"number"`
				} `json:"trackingInfo"`
			} `json:"fulfillments"`
			FulfillmentOrders struct {
				Nodes []struct {
					ID        string `json:"id"`
					LineItems struct {
						Nodes []struct {
							ID        string  `json:"id"`
							SKU       *string `json:"sku"`
							Remaining int     `json:"remainingQuantity"`
						} `json:"nodes"`
					} `json:"lineItems"`
				} `json:"nodes"`
			} `json:"fulfillmentOrders"`
		} `json:"node"`
	}
	err := c.ask(ctx, "fulfilments", `query($id: ID!) { node(id: $id) { ... on Order {
		fulfillments { trackingInfo { number } }
		fulfillmentOrders(first: 10) { nodes { id lineItems(first: 100) { nodes { id sku remainingQuantity } } } } } } }`, map[string]any{"id": shopOrder}, true, &data)
	if err != nil {
		return err
	}
	if data.Node == nil {
		return fault.New(fault.NotFound, "the shop has no order %s", shopOrder).From(c.t.Name())
	}
	for _, f := range data.Node.Fulfillments {
		for _, t := range f.Tracking {
			if text(t.Number) == s.TrackingNumber {
				return nil
			}
		}
	}
	left := map[string]int{}
	for _, p := range s.Parts {
		n, _, _ := p.Quantity.Int64(0)
		left[string(p.SKU)] += int(n)
	}
	var groups []map[string]any
	for _, fo := range data.Node.FulfillmentOrders.Nodes {
		var lines []map[string]any
		for _, l := range fo.LineItems.Nodes {
			if n := min(left[text(l.SKU)], l.Remaining); n > 0 {
				left[text(l.SKU)] -= n
				lines = append(lines, map[string]any{"id": l.ID, "quantity": n})
			}
		}
		if len(lines) > 0 {
			groups = append(groups, map[string]any{"fulfillmentOrderId": fo.ID, "fulfillmentOrderLineItems": lines})
		}
	}
	if len(groups) == 0 {
		return fault.New(fault.Conflict, "the shop's order %s has nothing left of shipment %s to fulfil", shopOrder, s.Number).From(c.t.Name())
	}
	var done struct {
		FulfillmentCreate struct {
			UserErrors []userError `json:"userErrors"`
		} `json:"fulfillmentCreate"`
	}
	err = c.ask(ctx, "fulfil", `mutation($f: FulfillmentInput!) { fulfillmentCreate(fulfillment: $f) { fulfillment { id } userErrors { field message } } }`, map[string]any{"f": map[string]any{
		"lineItemsByFulfillmentOrder": groups, "notifyCustomer": true, "trackingInfo": map[string]any{"company": s.Carrier, "number": s.TrackingNumber, "url": s.TrackingURL},
	}}, false, &done)
	if err != nil {
		return err
	}
	return c.complaint(done.FulfillmentCreate.UserErrors)
}

// PublishStock sets the available quantity of items at the location. Items that the shop does
// not sell are left out.
func (c *Client) PublishStock(ctx context.Context, available map[trade.SKU]trade.Decimal) error {
	var quantities []map[string]any
	for sku, q := range available {
		var data struct {
			ProductVariants struct {
				Nodes []struct {
					SKU  *string `json:"sku"`
					Item struct {
						ID string `json:"id"`
					} `json:"inventoryItem"`
				} `json:"nodes"`
			} `json:"productVariants"`
		}
		if err := c.ask(ctx, "variants", `query($q: String) { productVariants(first: 10, query: $q) { nodes { sku inventoryItem { id } } } }`, map[string]any{"q": "sku:" + string(sku)}, true, &data); err != nil {
			return err
		}
		for _, v := range data.ProductVariants.Nodes {
			if text(v.SKU) == string(sku) {
				n, _, _ := q.Floor(0).Int64(0)
				quantities = append(quantities, map[string]any{"inventoryItemId": v.Item.ID, "locationId": c.cfg.Location, "quantity": n, "changeFromQuantity": nil})
			}
		}
	}
	if len(quantities) == 0 {
		return nil
	}
	raw, err := json.Marshal(quantities)
	if err != nil {
		return fmt.Errorf("stock: %w", err)
	}
	key := sha256.Sum256(append(raw, time.Now().Truncate(time.Minute).String()...))
	var data struct {
		Set struct {
			UserErrors []userError `json:"userErrors"`
		} `json:"inventorySetQuantities"`
	}
	err = c.ask(ctx, "set stock", `mutation($i: InventorySetQuantitiesInput!, $k: String!) { inventorySetQuantities(input: $i) @idempotent(key: $k) { userErrors { field message } } }`,
		map[string]any{"k": fmt.Sprintf("%x", key[:16]), "i": map[string]any{"name": "available", "reason": "correction", "quantities": quantities}}, true, &data)
	if err != nil {
		return err
	}
	return c.complaint(data.Set.UserErrors)
}

// Verify checks a webhook and returns its delivery id and topic.
func Verify(secret string, h http.Header, body []byte) (delivery, topic string, err error) {
	got, err := base64.StdEncoding.DecodeString(h.Get("X-Shopify-Hmac-Sha256"))
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write(body)
	if err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		return "", "", fault.New(fault.Denied, "the signature does not match")
	}
	if delivery = h.Get("X-Shopify-Webhook-Id"); delivery == "" {
		return "", "", fault.New(fault.Denied, "X-Shopify-Webhook-Id is required")
	}
	return delivery, h.Get("X-Shopify-Topic"), nil
}

// OrderOf returns the id of the order that a delivery is about.
func OrderOf(body []byte) (string, error) {
	var hint struct {
		ID string `json:"admin_graphql_api_id"`
	}
	if err := json.Unmarshal(body, &hint); err != nil || hint.ID == "" {
		return "", fault.New(fault.Invalid, "a delivery without admin_graphql_api_id")
	}
	return hint.ID, nil
}

// Subscribe asks for webhooks about orders.
func (c *Client) Subscribe(ctx context.Context, target, _ string) error {
	for _, topic := range []string{"ORDERS_CREATE", "ORDERS_UPDATED"} {
		var data struct {
			Create struct {
				UserErrors []userError `json:"userErrors"`
			} `json:"webhookSubscriptionCreate"`
		}
		err := c.ask(ctx, "subscribe", `mutation($t: WebhookSubscriptionTopic!, $w: WebhookSubscriptionInput!) { webhookSubscriptionCreate(topic: $t, webhookSubscription: $w) { userErrors { field message } } }`,
			map[string]any{"t": topic, "w": map[string]any{"uri": target, "format": "JSON"}}, false, &data)
		if err != nil {
			return err
		}
	}
	return nil
}
