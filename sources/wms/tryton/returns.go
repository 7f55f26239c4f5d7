package tryton

import (
	"context"

	"crossdock/domains/lookup"
	"crossdock/domains/returns"
	"crossdock/domains/trade"
	"crossdock/sources/trytonrpc"
)

var _ returns.Receiver = (*Client)(nil)

// Expect announces goods under the return's number: a draft that the warehouse receives.
func (c *Client) Expect(ctx context.Context, r returns.Return) (string, error) {
	h, err := c.where(ctx)
	if err != nil {
		return "", err
	}
	at, err := c.at(h, r.Node)
	if err != nil {
		return "", err
	}
	d, err := c.once(ctx, h, incoming(), r.Number, func() (map[string]any, error) {
		list := make([]trade.Part, len(r.Lines))
		for i, l := range r.Lines {
			list[i] = trade.Part{SKU: l.SKU, Quantity: l.Authorized}
		}
		moves, err := c.moves(ctx, h, h.customers, at.Input, list)
		if err != nil {
			return nil, err
		}
		out, err := c.addressed(ctx, h, r.Account, trade.Address{Name: string(r.Account)})
		if err != nil {
			return nil, err
		}
		out["reference"], out["warehouse"], out["company"], out["incoming_moves"] = r.Number, at.ID, h.ID, moves
		return out, nil
	})
	return d.Number, err
}

type goodsReturn struct {
	document
	Came  []movement `json:"incoming_moves."`
	Moved []movement `json:"inventory_moves."`
}

// Receipts reads what came back. The warehouse has decided about goods when it has put them away.
func (c *Client) Receipts(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, returns.Receipt], error) {
	var fields []string
	for _, of := range []string{"incoming_moves.", "inventory_moves."} {
		fields = append(fields, of+"state", of+"internal_quantity", of+"product.code", of+"to_location.type", of+"to_location.code")
	}
	return byReference(ctx, c, "receipts", incoming(), append(documentFields(), fields...), numbers, func(number string, list []goodsReturn) (returns.Receipt, bool) {
		return c.receipt(number, list), true
	})
}

func (c *Client) receipt(number string, list []goodsReturn) returns.Receipt {
	all := make([]document, len(list))
	for i, g := range list {
		all[i] = g.document
	}
	stays := incoming().furthest(all)
	r := returns.Receipt{Number: number, Source: c.rpc.Name(), Ref: stays.Number, Done: stays.State == done || stays.State == cancelled}
	for _, g := range list {
		if g.State != done {
			continue
		}
		moves := g.Moved
		if len(moves) == 0 {
			moves = g.Came // the warehouse receives where it stores
		}
		for _, m := range moves {
			if q := trytonrpc.Quantity(m.Quantity); m.State == done && q.IsPos() {
				r.Units = append(r.Units, returns.Unit{SKU: trade.SKU(m.Product.Text()), Quantity: q, Disposition: m.disposition()})
			}
		}
	}
	return r
}

// disposition is what was done with goods, by the kind of place that they were put to.
func (m movement) disposition() returns.Disposition {
	switch {
	case m.To != nil && m.To.Type == "lost_found":
		return returns.Scrap
	case m.To != nil && m.To.Code == quarantine:
		return returns.Quarantine
	default:
		return returns.Restock
	}
}

// quarantine is the code of locations where goods wait for a decision.
const quarantine = "QUARANTINE"
