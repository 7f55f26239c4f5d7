package shopify

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

var _ orders.Canceller = (*Client)(nil)

// removal is a quantity of a line that is taken off an order before it left.
type removal struct {
	Line     string `json:"lineItemId"`
	Quantity int    `json:"quantity"`
	Restock  string `json:"restockType"`
	Location string `json:"locationId"`
}

// CancelRest cancels an order of which nothing stays, and takes off another one what has not left and does not; the shop gives back
// what was paid for it, and tells the customer. Where goods that had left were refunded besides, that is less than could be: what is
// left of a line that the shop counts no more cannot be told from what was.
func (c *Client) CancelRest(ctx context.Context, o *orders.Order) error {
	is, err := c.one(ctx, o.ChannelRef)
	if err != nil || is.CancelledAt != nil {
		return err
	}
	has := map[trade.SKU]int{}
	for _, l := range is.LineItems.Nodes {
		has[trade.SKU(text(l.SKU))] += l.Quantity
	}
	keep := o.Stays(has)
	stays := 0
	for _, l := range is.LineItems.Nodes { // what has left is what is kept first
		left := max(0, l.Quantity-l.Unfulfilled)
		keep[trade.SKU(text(l.SKU))] -= left
		stays += left
	}
	var off []removal
	for _, l := range is.LineItems.Nodes {
		sku := trade.SKU(text(l.SKU))
		kept := min(l.Unfulfilled, max(0, keep[sku]))
		keep[sku] -= kept
		stays += kept
		if n := l.Unfulfilled - kept; n > 0 {
			off = append(off, removal{l.ID, n, "CANCEL", c.cfg.Location})
		}
	}
	switch note := "Crossdock " + o.Number; {
	case len(off) == 0:
		return nil
	case stays == 0 && is.Status == unfulfilled:
		return c.cancel(ctx, is.ID, note)
	default:
		return c.refund(ctx, is, off, note)
	}
}

// unfulfilled is the fulfilment status of an order of which nothing has left.
const unfulfilled = "UNFULFILLED"

// one reads an order that must be there.
func (c *Client) one(ctx context.Context, id string) (order, error) {
	list, err := c.read(ctx, []string{id})
	if err == nil && len(list) != 1 {
		err = fault.New(fault.NotFound, "the shop has no order %s", id).From(c.t.Name())
	}
	if err != nil {
		return order{}, err
	}
	return list[0], nil
}

// cancel cancels a whole order. The shop does that in its own time: until it has, the answer is that it is still to be done.
func (c *Client) cancel(ctx context.Context, id, note string) error {
	var done struct {
		Cancel struct {
			Errors []userError `json:"orderCancelUserErrors"`
		} `json:"orderCancel"`
	}
	err := c.ask(ctx, "cancel", `mutation($id: ID!, $note: String) { orderCancel(orderId: $id, notifyCustomer: true, refundMethod: {originalPaymentMethodsRefund: true}, restock: true, reason: OTHER, staffNote: $note) { orderCancelUserErrors { field message } } }`,
		map[string]any{"id": id, "note": note}, false, &done)
	if err != nil {
		return err
	}
	is, err := c.one(ctx, id)
	switch refused := c.complaint(done.Cancel.Errors); {
	case err != nil || is.CancelledAt != nil:
		return err
	case refused != nil:
		return refused
	default:
		return fault.New(fault.Unavailable, "the shop is still cancelling its order %s", is.Name).From(c.t.Name())
	}
}

// suggested is what the shop would give back, and how.
type suggested struct {
	Transactions []struct {
		Amount struct {
			Money struct {
				Amount   json.Number `json:"amount"`
				Currency string      `json:"currencyCode"`
			} `json:"presentmentMoney"`
		} `json:"amountSet"`
		Gateway string `json:"gateway"`
		Parent  *struct {
			ID string `json:"id"`
		} `json:"parentTransaction"`
	} `json:"suggestedTransactions"`
}

// sameRefund is how long the same refund of an order as it is, is one. One that failed in the shop can be asked for again after it.
const sameRefund = 10 * time.Minute

// refund takes quantities off an order and gives back what the shop itself calculates for them.
func (c *Client) refund(ctx context.Context, o order, off []removal, note string) error {
	var data struct {
		Node *struct {
			Suggested suggested `json:"suggestedRefund"`
		} `json:"node"`
	}
	err := c.ask(ctx, "suggested refund", `query($id: ID!, $lines: [RefundLineItemInput!]) { node(id: $id) { ... on Order { suggestedRefund(refundLineItems: $lines) { suggestedTransactions { gateway amountSet { presentmentMoney { amount currencyCode } } parentTransaction { id } } } } } }`,
		map[string]any{"id": o.ID, "lines": off}, true, &data)
	if err != nil {
		return err
	}
	if data.Node == nil {
		return fault.New(fault.NotFound, "the shop has no order %s", o.ID).From(c.t.Name())
	}
	in := map[string]any{"orderId": o.ID, "note": note, "notify": true, "refundLineItems": off}
	var money []map[string]any
	for _, t := range data.Node.Suggested.Transactions {
		pay := map[string]any{"orderId": o.ID, "kind": "REFUND", "gateway": t.Gateway, "amount": string(t.Amount.Money.Amount)}
		if t.Parent != nil {
			pay["parentId"] = t.Parent.ID
		}
		money, in["currency"] = append(money, pay), t.Amount.Money.Currency
	}
	if len(money) > 0 { // else nothing was paid yet
		in["transactions"] = money
	}
	raw, err := json.Marshal([]any{o.ID, o.LineItems.Nodes, off, time.Now().Truncate(sameRefund)})
	if err != nil {
		return fmt.Errorf("refund of %s: %w", o.Name, err)
	}
	key := sha256.Sum256(raw)
	var done struct {
		Refund struct {
			UserErrors []userError `json:"userErrors"`
		} `json:"refundCreate"`
	}
	err = c.ask(ctx, "refund", `mutation($input: RefundInput!, $key: String!) { refundCreate(input: $input) @idempotent(key: $key) { refund { id } userErrors { field message } } }`,
		map[string]any{"input": in, "key": fmt.Sprintf("%x", key[:16])}, false, &done)
	if err != nil {
		return err
	}
	return c.complaint(done.Refund.UserErrors)
}
