package workflows

import (
	"context"
	"errors"
	"fmt"

	"crossdock/domains/fault"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

// Cancelling implements orders.Dispatcher: what no node has heard of is taken back at once, the
// rest is recalled.
func (p *Processes) Cancelling(ctx context.Context, tx Tx, o *orders.Order) (map[int]map[trade.NodeID]trade.Decimal, error) {
	works, err := p.Shipments.WorkInTx(ctx, tx, o.ID)
	if err != nil {
		return nil, err
	}
	for _, w := range works {
		if w.Status == shipments.Cancelled || w.Status == shipments.Shipped || w.Status == shipments.Incomplete {
			continue
		}
		untold, err := p.Queue.store.cancelUntried(ctx, tx, subject(o.ID), nodeDest(w.Node), releaseWork, "work", w.ID)
		if err != nil {
			return nil, err
		}
		if !untold {
			if err := p.Queue.Add(ctx, tx, subject(o.ID), nodeDest(w.Node), recallWork, target{Order: o.ID, Work: w.ID}); err != nil {
				return nil, err
			}
			continue
		}
		if err := p.Inventory.Recalled(ctx, tx, w.ID); err != nil {
			return nil, err
		}
		if err := p.Shipments.Unplan(ctx, tx, w.ID); err != nil {
			return nil, err
		}
	}
	return p.Kept(ctx, tx, o)
}

// Cancelled implements orders.Dispatcher.
func (p *Processes) Cancelled(ctx context.Context, tx Tx, o *orders.Order) error {
	if o.Channel == orders.ERP {
		return nil
	}
	if err := p.cancelInShop(ctx, tx, o); err != nil {
		return err
	}
	if o.Status == orders.Cancelled {
		untold, err := p.Queue.store.cancelUntried(ctx, tx, subject(o.ID), p.erp(), registerOrder, "order", string(o.ID))
		if err != nil || untold {
			return err
		}
	}
	return p.giveUp(ctx, tx, o)
}

// cancelInShop tells the shop of an order what of it will not come, unless that is who called it off.
func (p *Processes) cancelInShop(ctx context.Context, tx Tx, o *orders.Order) error {
	if _, can := p.Systems.Shops[o.ChannelSource].(orders.Canceller); !can || o.Channel != orders.Storefront || o.CalledOff {
		return nil
	}
	return p.Queue.Add(ctx, tx, subject(o.ID), "shop:"+o.ChannelSource, cancelShop, target{Order: o.ID})
}

func (p *Processes) cancelRest(ctx context.Context, e Effect) (Apply, error) {
	_, o, err := p.ofOrder(ctx, e)
	if err != nil {
		return nil, err
	}
	shop, ok := p.Systems.Shops[o.ChannelSource].(orders.Canceller)
	if !ok {
		return nil, fault.New(fault.Unsupported, "%s cannot be told of cancellations", o.ChannelSource)
	}
	return nil, shop.CancelRest(ctx, o)
}

// giveUp withdraws an order from the ERP of which nothing is left, or takes off it what was
// cancelled.
func (p *Processes) giveUp(ctx context.Context, tx Tx, o *orders.Order) error {
	registered, err := p.Queue.store.exists(ctx, tx, subject(o.ID), registerOrder)
	if err != nil || !registered {
		return err
	}
	kind := reduceOrder
	if o.Status == orders.Cancelled {
		kind = withdrawOrder
	}
	return p.Queue.Add(ctx, tx, subject(o.ID), p.erp(), kind, target{Order: o.ID})
}

func (p *Processes) withdraw(ctx context.Context, e Effect) (Apply, error) {
	_, o, err := p.ofOrder(ctx, e)
	if err != nil {
		return nil, err
	}
	if err := p.Systems.Registrar.Withdraw(ctx, o.Number); err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	return func(ctx context.Context, tx Tx) error { return p.Finance.Withdrawn(ctx, tx, o.ID) }, nil
}

// reduce lowers the ERP's lines to what is left of them now. An order that is gone was posted in full.
func (p *Processes) reduce(ctx context.Context, e Effect) (Apply, error) {
	_, o, err := p.ofOrder(ctx, e)
	if err != nil {
		return nil, err
	}
	r, err := p.Systems.Registrar.Reduce(ctx, o.Number, o.Kept())
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	return func(ctx context.Context, tx Tx) error { return p.Orders.Reduced(ctx, tx, o.ID, r) }, nil
}

func (p *Processes) recall(ctx context.Context, e Effect) (Apply, error) {
	t, err := parse(e)
	if err != nil {
		return nil, err
	}
	w, err := p.work(ctx, t.Work)
	if err != nil {
		return nil, err
	}
	stopped, err := p.Systems.Fulfillers[w.Node].Recall(ctx, *w)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx Tx) error {
		switch {
		case stopped && t.Elsewhere:
			return p.Shipments.Failed(ctx, tx, w.ID, "the node is stuck with it: "+w.Reason)
		case stopped:
			return p.Shipments.GivenBack(ctx, tx, w.ID)
		case t.Elsewhere:
			return nil
		}
		return p.Exceptions.Raise(ctx, tx, operations.Exception{
			Code: "RECALL_TOO_LATE", Severity: "WARNING", Title: fmt.Sprintf("%s could not stop %s: it will ship", w.Node, w.Number),
			Subject: subject(w.Order), Key: "recall/" + w.Number, Order: w.Order, Account: w.Account, Source: nodeDest(w.Node), CreatedAt: p.Now(),
		})
	}, nil
}

// Stuck implements shipments.Followup: a node that cannot go on gives the work back, if it still
// can, and another node is asked.
func (p *Processes) Stuck(ctx context.Context, tx Tx, w *shipments.Work) error {
	return p.Queue.Add(ctx, tx, subject(w.Order), nodeDest(w.Node), recallWork, target{Order: w.Order, Work: w.ID, Elsewhere: true})
}

// Recalled implements shipments.Followup.
func (p *Processes) Recalled(ctx context.Context, tx Tx, w *shipments.Work, parts []trade.Part) error {
	if err := p.Inventory.Recalled(ctx, tx, w.ID); err != nil {
		return err
	}
	if err := p.Orders.Advance(ctx, tx, w.Order, orders.StepRecalled, w.Node, parts); err != nil {
		return err
	}
	o, err := p.Orders.Lock(ctx, tx, w.Order)
	if err != nil {
		return err
	}
	return errors.Join(p.cancelInShop(ctx, tx, o), p.giveUp(ctx, tx, o))
}
