package shopify

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

var (
	_ shipments.Notifier  = (*Client)(nil)
	_ inventory.Publisher = (*Client)(nil)
)

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
						PageInfo pageInfo `json:"pageInfo"`
					} `json:"lineItems"`
				} `json:"nodes"`
				PageInfo pageInfo `json:"pageInfo"`
			} `json:"fulfillmentOrders"`
		} `json:"node"`
	}
	err := c.ask(ctx, "fulfilments", `query($id: ID!) { node(id: $id) { ... on Order {
		fulfillments { trackingInfo { number } }
		fulfillmentOrders(first: 4) { nodes { id lineItems(first: 200) { nodes { id sku remainingQuantity } pageInfo { hasNextPage } } } pageInfo { hasNextPage } } } } }`, map[string]any{"id": shopOrder}, true, &data)
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
	if data.Node.FulfillmentOrders.PageInfo.HasNextPage {
		return fault.New(fault.Unsupported, "the shop's order %s is fulfilled from more than 4 locations; fulfil it by hand", shopOrder).From(c.t.Name())
	}
	left := map[string]int{}
	for _, p := range s.Parts {
		n, _, _ := p.Quantity.Int64(0)
		left[string(p.SKU)] += int(n)
	}
	var groups []map[string]any
	for _, fo := range data.Node.FulfillmentOrders.Nodes {
		if fo.LineItems.PageInfo.HasNextPage {
			return fault.New(fault.Unsupported, "the shop's order %s has more than 200 lines at one location; fulfil it by hand", shopOrder).From(c.t.Name())
		}
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

// itemsAtOnce is how many items one query looks up, and one mutation sets.
const itemsAtOnce = 50

// PublishStock sets the available quantity of items at the location. Items that the shop does
// not sell are left out.
func (c *Client) PublishStock(ctx context.Context, available map[trade.SKU]trade.Decimal) error {
	for skus := range slices.Chunk(slices.Sorted(maps.Keys(available)), itemsAtOnce) {
		if err := c.publish(ctx, skus, available); err != nil {
			return err
		}
	}
	return nil
}

// publish sets what the shop sells of some items.
func (c *Client) publish(ctx context.Context, skus []trade.SKU, available map[trade.SKU]trade.Decimal) error {
	terms := make([]string, len(skus))
	for i, s := range skus {
		terms[i] = "sku:" + quoted(string(s))
	}
	var quantities []map[string]any
	// A term can find variants whose SKU only begins with it: there may be pages of them.
	for after := (*string)(nil); ; {
		var data struct {
			ProductVariants struct {
				Nodes []struct {
					SKU  *string `json:"sku"`
					Item struct {
						ID string `json:"id"`
					} `json:"inventoryItem"`
				} `json:"nodes"`
				PageInfo pageInfo `json:"pageInfo"`
			} `json:"productVariants"`
		}
		err := c.ask(ctx, "variants", `query($q: String, $after: String) { productVariants(first: 250, after: $after, query: $q) { nodes { sku inventoryItem { id } } pageInfo { hasNextPage endCursor } } }`,
			map[string]any{"q": strings.Join(terms, " OR "), "after": after}, true, &data)
		if err != nil {
			return err
		}
		for _, v := range data.ProductVariants.Nodes {
			if q, ours := available[trade.SKU(text(v.SKU))]; ours && slices.Contains(skus, trade.SKU(text(v.SKU))) {
				n, _, _ := q.Floor(0).Int64(0)
				quantities = append(quantities, map[string]any{"inventoryItemId": v.Item.ID, "locationId": c.cfg.Location, "quantity": n, "changeFromQuantity": nil})
			}
		}
		if after = data.ProductVariants.PageInfo.EndCursor; !data.ProductVariants.PageInfo.HasNextPage {
			break
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
	var done struct {
		Set struct {
			UserErrors []userError `json:"userErrors"`
		} `json:"inventorySetQuantities"`
	}
	err = c.ask(ctx, "set stock", `mutation($i: InventorySetQuantitiesInput!, $k: String!) { inventorySetQuantities(input: $i) @idempotent(key: $k) { userErrors { field message } } }`,
		map[string]any{"k": fmt.Sprintf("%x", key[:16]), "i": map[string]any{"name": "available", "reason": "correction", "quantities": quantities}}, true, &done)
	if err != nil {
		return err
	}
	return c.complaint(done.Set.UserErrors)
}

// quoted is a value of a search term.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
