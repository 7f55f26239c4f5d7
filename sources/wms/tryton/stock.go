package tryton

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/sources/trytonrpc"
)

var (
	_ inventory.Source        = (*Client)(nil)
	_ inventory.LotSource     = (*Client)(nil)
	_ inventory.ArrivalSource = (*Client)(nil)
)

// openMove is goods that are to leave or to come.
type openMove struct {
	Product  *trytonrpc.Coded `json:"product."`
	Quantity json.Number      `json:"internal_quantity"`
	From     int              `json:"from_location"`
	To       int              `json:"to_location"`
}

// Stock reads what lies in warehouses: one call for the moves that are open, and one for each warehouse. What
// is not put away yet, or lies beside the store, cannot be picked and is not on hand.
func (c *Client) Stock(ctx context.Context, keys []inventory.Key) ([]lookup.Result[inventory.Figure], error) {
	return lookup.Ordered(c.stock)(ctx, keys)
}

func (c *Client) stock(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, inventory.Figure], error) {
	keys = lookup.Unique(keys)
	out := lookup.Empty[inventory.Key, inventory.Figure](len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	h, err := c.where(ctx)
	if err != nil {
		return lookup.AllFailed[inventory.Key, inventory.Figure](keys, err), ctx.Err()
	}
	byNode, skus := h.byNode(keys)
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
		return lookup.AllFailed[inventory.Key, inventory.Figure](keys, err), ctx.Err()
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
		list, err := trytonrpc.ByKeys[lying](ctx, c.rpc, h.Company, "stock", "product.product", "code", wanted, []string{"code", "quantity", "default_uom.symbol"}, at.pickable(), trytonrpc.InactiveToo())
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

// arrival is goods that are to come in from a supplier, or from production; what customers send back is looked at first.
type arrival struct {
	Product  *trytonrpc.Coded `json:"product."`
	Quantity json.Number      `json:"internal_quantity"`
	To       int              `json:"to_location"`
	Planned  *trytonrpc.Stamp `json:"planned_date"`
	Origin   *struct {
		Name string `json:"rec_name"`
	} `json:"origin."`
}

// Arrivals reads what is to come in and is planned for a day.
func (c *Client) Arrivals(ctx context.Context, keys []inventory.Key) ([]lookup.Result[[]inventory.Arrival], error) {
	return lookup.Ordered(c.arrivals)(ctx, keys)
}

func (c *Client) arrivals(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, []inventory.Arrival], error) {
	keys = lookup.Unique(keys)
	out := lookup.Empty[inventory.Key, []inventory.Arrival](len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	h, err := c.where(ctx)
	if err != nil {
		return lookup.AllFailed[inventory.Key, []inventory.Arrival](keys, err), ctx.Err()
	}
	node := map[int]trade.NodeID{}
	for id, w := range h.warehouses {
		node[w.Input] = id
	}
	_, skus := h.byNode(keys)
	if len(skus) == 0 {
		return out, ctx.Err()
	}
	moves, err := trytonrpc.ByKeys[arrival](ctx, c.rpc, h.Company, "arrivals", "stock.move", "product.code", lookup.Unique(skus), []string{"product.code", "internal_quantity", "to_location", "planned_date", "origin.rec_name"}, nil,
		[]any{"state", "in", []string{draft, "assigned"}}, []any{"to_location", "in", slices.Sorted(maps.Keys(node))}, []any{"from_location.type", "in", []string{"supplier", "production"}}, []any{"planned_date", "!=", nil})
	if err != nil {
		return lookup.AllFailed[inventory.Key, []inventory.Arrival](keys, err), ctx.Err()
	}
	for _, m := range moves {
		k := inventory.Key{Node: node[m.To], SKU: trade.SKU(m.Product.Text())}
		if q := trytonrpc.Quantity(m.Quantity); q.IsPos() && slices.Contains(keys, k) {
			a := inventory.Arrival{Dated: trade.Dated{Date: m.Planned.Date(), Quantity: q.Trim(0)}}
			if m.Origin != nil {
				a.Reference = m.Origin.Name
			}
			out.Found[k] = append(out.Found[k], a)
		}
	}
	return out, ctx.Err()
}

type lying struct {
	Code     string          `json:"code"`
	Quantity json.Number     `json:"quantity"`
	Unit     *trytonrpc.Unit `json:"default_uom."`
}

// byNode sorts the items of keys by warehouse; those of other nodes are left out.
func (h *home) byNode(keys []inventory.Key) (byNode map[trade.NodeID][]trade.SKU, all []trade.SKU) {
	byNode = map[trade.NodeID][]trade.SKU{}
	for _, k := range keys {
		if _, ours := h.warehouses[k.Node]; ours {
			byNode[k.Node], all = append(byNode[k.Node], k.SKU), append(all, k.SKU)
		}
	}
	return byNode, all
}

// pickable is the part of a context that has quantities be those that can be picked.
func (w warehouse) pickable() map[string]any {
	return map[string]any{"locations": lookup.Unique([]int{w.Store, w.Output}), "with_childs": true}
}

type lot struct {
	Number   string      `json:"number"`
	Quantity json.Number `json:"quantity"`
	Product  *struct {
		Code string          `json:"code"`
		Unit *trytonrpc.Unit `json:"default_uom."`
	} `json:"product."`
}

// Lots reads what lies there by lot, one call for each warehouse. Goods of an item that are in no lot are in
// none of these.
func (c *Client) Lots(ctx context.Context, keys []inventory.Key) ([]lookup.Result[[]inventory.Lot], error) {
	return lookup.Ordered(c.lots)(ctx, keys)
}

func (c *Client) lots(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, []inventory.Lot], error) {
	keys = lookup.Unique(keys)
	out := lookup.Empty[inventory.Key, []inventory.Lot](len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	h, err := c.where(ctx)
	if err != nil {
		return lookup.AllFailed[inventory.Key, []inventory.Lot](keys, err), ctx.Err()
	}
	byNode, _ := h.byNode(keys)
	for node, wanted := range byNode {
		list, err := trytonrpc.ByKeys[lot](ctx, c.rpc, h.Company, "lots", "stock.lot", "product.code", wanted, []string{"number", "quantity", "product.code", "product.default_uom.symbol"}, h.warehouses[node].pickable())
		if err != nil {
			for _, sku := range wanted {
				out.Failed[inventory.Key{Node: node, SKU: sku}] = err
			}
			continue
		}
		for _, l := range list {
			if q := trytonrpc.Quantity(l.Quantity); l.Product != nil && q.IsPos() {
				k := inventory.Key{Node: node, SKU: trade.SKU(l.Product.Code)}
				out.Found[k] = append(out.Found[k], inventory.Lot{Number: l.Number, OnHand: trade.Quantity{Value: q.Trim(0), Unit: l.Product.Unit.Text()}})
			}
		}
	}
	return out, ctx.Err()
}
