package workflows

import (
	"context"

	"crossdock/domains/fault"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/references"
	"crossdock/domains/trade"
)

// What storefronts hear of their orders.

// Decided implements orders.Dispatcher: the storefront hears what became of its order, and a person of items in it
// that nobody knows.
func (p *Processes) Decided(ctx context.Context, tx Tx, o *orders.Order) error {
	if p.Systems.Shops[o.ChannelSource] == nil {
		return nil
	}
	var unknown []trade.SKU
	for _, sku := range o.Unknown() {
		ours, err := p.References.Mapping(ctx, tx, references.Name{Kind: references.Item, Source: o.ChannelSource, Theirs: string(sku)})
		if err != nil {
			return err
		}
		if ours == "" || ours == string(sku) {
			unknown = append(unknown, sku)
			continue
		}
		// Somebody has named it while the order was decided.
		if err := p.Orders.Renamed(ctx, tx, o.ChannelSource, sku, trade.SKU(ours)); err != nil {
			return err
		}
	}
	if err := p.Unknown(ctx, tx, o, unknown); err != nil {
		return err
	}
	return p.Queue.Add(ctx, tx, subject(o.ID), "shop:"+o.ChannelSource, acknowledge, target{Order: o.ID})
}

// Unknown implements orders.Dispatcher: a person hears of items that nobody knows, with what they could be.
func (p *Processes) Unknown(ctx context.Context, tx Tx, o *orders.Order, skus []trade.SKU) error {
	for _, sku := range skus {
		n := references.Name{Kind: references.Item, Source: o.ChannelSource, Theirs: string(sku)}
		candidates, err := p.Candidates(ctx, n, "")
		if err != nil {
			return err
		}
		err = p.raise(ctx, tx, o, operations.Exception{
			Code: references.Unmapped, Severity: "ERROR", Title: (&references.UnmappedError{Name: n}).Error(), Key: n.Key(), Source: o.ChannelSource,
		}, map[string]any{"reference": n, "candidates": candidates})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Processes) acknowledge(ctx context.Context, e Effect) (Apply, error) {
	_, o, err := p.ofOrder(ctx, e)
	if err != nil {
		return nil, err
	}
	return nil, p.Systems.Shops[o.ChannelSource].Acknowledge(ctx, o)
}

func (p *Processes) publish(ctx context.Context, e Effect) (Apply, error) {
	t, o, err := p.ofOrder(ctx, e)
	if err != nil {
		return nil, err
	}
	found, err := p.Shipments.ByID(ctx, trade.System("process"), []string{t.Shipment})
	if err != nil {
		return nil, err
	}
	s := *found[t.Shipment]
	s.Parts = nil
	raised := false // in the ERP: what the shop has not sold
	for _, part := range found[t.Shipment].Parts {
		if l := o.Line(part.Line); l != nil {
			raised = raised || l.Raised.IsPos()
			if l.AddedInSource() {
				continue
			}
			part = l.AsOrdered(part)
			part.SKU = l.Theirs()
		}
		s.Parts = append(s.Parts, part)
	}
	if len(s.Parts) == 0 {
		return nil, nil //nolint:nilnil // there is nothing to tell, and nothing to apply
	}
	err = p.Systems.Notifiers[o.ChannelSource].Fulfil(ctx, o.ChannelRef, &s)
	if raised && fault.KindOf(err) == fault.Conflict {
		err = nil // all that the shop sold of it has left before
	}
	return nil, err
}
