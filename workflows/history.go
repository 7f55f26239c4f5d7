package workflows

import (
	"context"
	"fmt"

	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// ObserveDocuments keeps documents that the ERP posted, whoever had it post them. An order that
// only the ERP knows becomes known by its invoices, and follows them. A memo of one of our returns
// is left to the return's own process.
func (p *Processes) ObserveDocuments(ctx context.Context, list []finance.Document) error {
	var theirs, numbers []string
	for _, d := range list {
		numbers = append(numbers, d.OrderNumber, d.ReturnNumber)
		if d.TheirOrder != "" {
			theirs = append(theirs, d.TheirOrder)
		}
	}
	ours, err := p.Orders.ByNumbers(ctx, trade.System("ingest"), numbers)
	if err != nil {
		return err
	}
	returned, err := p.Returns.Known(ctx, numbers)
	if err != nil {
		return err
	}
	known, err := p.ofERP(ctx, lookup.Unique(theirs))
	if err != nil {
		return err
	}
	for _, d := range list {
		if returned[d.ReturnNumber] {
			continue
		}
		o := ours[d.OrderNumber]
		if o == nil || o.Account != d.Account { // a customer's own number can look like ours
			o = known[d.TheirOrder]
		}
		if o != nil && o.Account != d.Account {
			o = nil // the ERP bills somebody else: it is theirs to see, and nobody's order
		}
		if err := p.observeDocument(ctx, o, d); err != nil {
			return fmt.Errorf("%s %s of %s: %w", d.Kind, d.Number, d.Source, err)
		}
	}
	return nil
}

// ofERP returns the orders that the ERP calls by these numbers. Those that nobody knew are built of
// what the ERP has posted.
func (p *Processes) ofERP(ctx context.Context, theirs []string) (map[string]*orders.Order, error) {
	known, err := p.Orders.ByReference(ctx, trade.System("ingest"), p.Systems.ERP, theirs)
	if err != nil {
		return nil, err
	}
	var unknown []string
	for _, n := range theirs {
		if known[n] == nil {
			unknown = append(unknown, n)
		}
	}
	if len(unknown) == 0 {
		return known, nil
	}
	posted, err := p.Systems.Archive.Posted(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for _, err := range posted.Failed {
		return nil, err
	}
	for _, r := range posted.Found {
		if err := p.observePosted(ctx, r); err != nil {
			return nil, fmt.Errorf("order %s of %s: %w", r.TheirNumber, r.Source, err)
		}
	}
	return p.Orders.ByReference(ctx, trade.System("ingest"), p.Systems.ERP, theirs)
}

// observePosted makes a posted order known, unless it is one of ours, which its own process follows.
func (p *Processes) observePosted(ctx context.Context, r orders.Registration) error {
	ours, err := p.Orders.ByNumbers(ctx, trade.System("ingest"), []string{r.Number})
	if err != nil {
		return err
	}
	if o := ours[r.Number]; o != nil && o.Account == r.Account {
		return nil
	}
	if r.Number != "" {
		r.PONumber = r.Number
	}
	_, err = p.Orders.Adopt(ctx, orders.ERP, r)
	return err
}

// observeDocument keeps one document. The invoices of an order of ours are read by its own process
// too: whoever is first keeps them.
func (p *Processes) observeDocument(ctx context.Context, o *orders.Order, d finance.Document) error {
	return postgres.InTx(ctx, p.Queue.pool, func(tx Tx) error {
		if o != nil && !o.History && d.Kind == finance.Invoice {
			return p.ObserveInvoices(ctx, tx, o, []finance.Document{d})
		}
		if o != nil {
			d.Order = o.ID
		}
		fresh, err := p.Finance.Observe(ctx, tx, d)
		if err != nil || !fresh || o == nil || d.Kind != finance.Invoice {
			return err
		}
		if o, err = p.Orders.Lock(ctx, tx, o.ID); err != nil {
			return err
		}
		return p.Orders.Advance(ctx, tx, o.ID, orders.StepPosted, "", place(o, d, func(l orders.Line) trade.Decimal {
			return trade.Less(l.Quantity.Value, trade.Sum(l.Invoiced, l.Cancelled))
		}))
	})
}

// ObserveFinished makes known what a storefront has finished with.
func (p *Processes) ObserveFinished(ctx context.Context, list []orders.Registration) error {
	for _, r := range list {
		if _, err := p.Orders.Adopt(ctx, orders.Storefront, r); err != nil {
			return fmt.Errorf("order %s of %s: %w", r.TheirNumber, r.Source, err)
		}
	}
	if len(list) == 0 {
		return nil
	}
	for name, h := range p.Systems.Historians {
		if err := p.observeSent(ctx, name, h, list); err != nil {
			return fmt.Errorf("what %s has sent: %w", name, err)
		}
	}
	return nil
}

// observeSent makes known what a system has sent for finished orders of one shop.
func (p *Processes) observeSent(ctx context.Context, source string, h shipments.Historian, list []orders.Registration) error {
	refs, numbers := make([]string, len(list)), make([]string, len(list))
	for i, r := range list {
		refs[i], numbers[i] = r.Ref, r.TheirNumber
	}
	sent, err := h.Shipped(ctx, refs)
	if err != nil {
		return err
	}
	for _, err := range sent.Failed {
		return err
	}
	known, err := p.Orders.ByReference(ctx, trade.System("history"), list[0].Source, numbers)
	if err != nil {
		return err
	}
	for _, r := range list {
		if o := known[r.TheirNumber]; o != nil && o.History && len(sent.Found[r.Ref]) > 0 {
			if err := p.Shipments.Adopt(ctx, shipments.Adopted{ID: o.ID, Number: o.Number, Account: o.Account}, source, sent.Found[r.Ref]); err != nil {
				return err
			}
		}
	}
	return nil
}
