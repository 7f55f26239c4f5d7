package tryton

import (
	"context"
	"encoding/json"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/sources/trytonrpc"
)

var _ inventory.Source = (*Client)(nil)

// openMove is goods that are to leave or to come.
type openMove struct {
	Product  *trytonrpc.Coded `json:"product."`
	Quantity json.Number      `json:"internal_quantity"`
	From     int              `json:"from_location"`
	To       int              `json:"to_location"`
}

// Stock reads what lies in warehouses: one call for the moves that are open, and one for each warehouse. What
// is not put away yet, or lies beside the store, cannot be picked and is not on hand.
func (c *Client) Stock(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, inventory.Figure], error) {
	keys = lookup.Unique(keys)
	out := lookup.Empty[inventory.Key, inventory.Figure](len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	h, err := c.where(ctx)
	if err != nil {
		return failAll[inventory.Key, inventory.Figure](keys, err), ctx.Err()
	}
	byNode := map[trade.NodeID][]trade.SKU{}
	var skus []trade.SKU
	for _, k := range keys {
		if _, ours := h.warehouses[k.Node]; ours {
			byNode[k.Node], skus = append(byNode[k.Node], k.SKU), append(skus, k.SKU)
		}
	}
	if len(skus) == 0 {
		return out, ctx.Err()
	}
	var inputs, outputs []int
	for _, w := range h.warehouses {
		inputs, outputs = append(inputs, w.Input), append(outputs, w.Output)
	}
	moves, err := trytonrpc.ByKeys[openMove](ctx, c.rpc, h.Company, "open moves", "stock.move", "product.code", lookup.Unique(skus), []string{"product.code", "internal_quantity", "from_location", "to_location"}, nil,
		[]any{"state", "in", []string{draft, "assigned"}}, []any{"OR", []any{[]any{"from_location", "in", outputs}}, []any{[]any{"to_location", "in", inputs}}})
	if err != nil {
		return failAll[inventory.Key, inventory.Figure](keys, err), ctx.Err()
	}
	leaving, coming := map[inventory.Key]trade.Decimal{}, map[inventory.Key]trade.Decimal{}
	for _, m := range moves {
		for node, w := range h.warehouses {
			k, q := inventory.Key{Node: node, SKU: trade.SKU(m.Product.Text())}, trytonrpc.Quantity(m.Quantity)
			// At the warehouse's own doors: what moves between its shelves neither leaves nor comes.
			if m.From == w.Output {
				leaving[k] = trade.Sum(leaving[k], q)
			}
			if m.To == w.Input {
				coming[k] = trade.Sum(coming[k], q)
			}
		}
	}
	for node, wanted := range byNode {
		at := h.warehouses[node]
		list, err := trytonrpc.ByKeys[lying](ctx, c.rpc, h.Company, "stock", "product.product", "code", wanted, []string{"code", "quantity", "default_uom.symbol"}, map[string]any{"locations": lookup.Unique([]int{at.Store, at.Output}), "with_childs": true}, trytonrpc.InactiveToo())
		if err != nil {
			for _, sku := range wanted {
				out.Failed[inventory.Key{Node: node, SKU: sku}] = err
			}
			continue
		}
		for _, l := range list {
			k := inventory.Key{Node: node, SKU: trade.SKU(l.Code)}
			out.Found[k] = inventory.Figure{Key: k, Source: c.rpc.Name(), Unit: l.Unit.Text(), OnHand: trytonrpc.Quantity(l.Quantity), Allocated: leaving[k], Inbound: coming[k]}
		}
	}
	return out, ctx.Err()
}

type lying struct {
	Code     string          `json:"code"`
	Quantity json.Number     `json:"quantity"`
	Unit     *trytonrpc.Unit `json:"default_uom."`
}
