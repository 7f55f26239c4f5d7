package workflows

import (
	"context"
	"fmt"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/returns"
	"crossdock/domains/trade"
)

// Origin implements returns.Orders: what of an order was shipped, from where, and at which
// price, with the order locked.
func (p *Processes) Origin(ctx context.Context, tx Tx, id trade.OrderID) (returns.Origin, error) {
	o, err := p.Orders.Lock(ctx, tx, id)
	if err != nil {
		return returns.Origin{}, err
	}
	works, err := p.Shipments.WorkInTx(ctx, tx, id)
	if err != nil {
		return returns.Origin{}, err
	}
	from := returns.Origin{Number: o.Number, Account: o.Account, Currency: o.Currency, Lines: map[int]returns.OriginLine{}}
	for _, w := range works {
		// Goods go back to where the first of them came from.
		if len(w.ShippedParts) > 0 && from.Node == "" {
			from.Node = w.Node
		}
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		line := returns.OriginLine{SKU: l.SKU, Unit: l.Quantity.Unit, UnitPrice: l.UnitPrice, Returnable: l.Returnable()}
		if l.Ordered != nil {
			line.OrderedIn, line.Ratio = l.Ordered.Quantity.Unit, l.Ordered.Ratio
		}
		from.Lines[l.Number] = line
	}
	return from, nil
}

// returnFollowup keeps the names of shipments.Followup and returns.Followup apart.
type returnFollowup struct{ *Processes }

// Returning is the processes' part in a return.
func (p *Processes) Returning() returns.Followup { return returnFollowup{p} }

func (p returnFollowup) Authorized(ctx context.Context, tx Tx, r *returns.Return) error {
	return p.Queue.Add(ctx, tx, subject(r.Order), nodeDest(r.Node), expectReturn, target{Order: r.Order, Return: r.ID})
}

func (p returnFollowup) Received(ctx context.Context, tx Tx, r *returns.Return) error {
	var parts []trade.Part
	for _, l := range r.Lines {
		if l.Received.IsPos() {
			parts = append(parts, trade.Part{Line: l.Line, SKU: l.SKU, Quantity: l.Received, Unit: l.Unit})
		}
	}
	if err := p.Orders.Advance(ctx, tx, r.Order, orders.StepReturned, r.Node, parts); err != nil {
		return err
	}
	if err := p.Inventory.Outdate(ctx, tx, r.Node, items(parts)); err != nil {
		return err
	}
	return p.Queue.Add(ctx, tx, subject(r.Order), p.erp(), creditReturn, target{Order: r.Order, Return: r.ID})
}

func (p returnFollowup) Missing(ctx context.Context, tx Tx, r *returns.Return) error {
	return p.Exceptions.Raise(ctx, tx, operations.Exception{
		Code: "RETURN_SHORT", Severity: "WARNING", Title: fmt.Sprintf("return %s came back incomplete", r.Number),
		Subject: subject(r.Order), Key: "return/" + r.Number, Order: r.Order, Account: r.Account, Source: nodeDest(r.Node), CreatedAt: p.Now(),
	})
}

func (p *Processes) returned(ctx context.Context, id string) (*returns.Return, error) {
	found, err := p.Returns.ByID(ctx, trade.System("process"), []string{id})
	if err != nil {
		return nil, err
	}
	if found[id] == nil {
		return nil, fault.New(fault.NotFound, "no return %q", id)
	}
	return found[id], nil
}

// expect announces the return to its node, once: it looks before it announces.
func (p *Processes) expect(ctx context.Context, e Effect) (Apply, error) {
	t, err := parse(e)
	if err != nil {
		return nil, err
	}
	r, err := p.returned(ctx, t.Return)
	if err != nil {
		return nil, err
	}
	if r.Status != returns.Authorized {
		return nil, nil //nolint:nilnil // cancelled in the meantime: nothing to announce
	}
	node := p.Systems.Receivers[r.Node]
	if node == nil {
		return nil, fault.New(fault.Unsupported, "node %s takes nothing back: no source is configured for it", r.Node)
	}
	found, err := node.Receipts(ctx, r.Node, []string{r.Number})
	if err == nil {
		err = found.Failed[r.Number]
	}
	if err != nil {
		return nil, err
	}
	ref := found.Found[r.Number].Ref
	if ref == "" {
		if ref, err = node.Expect(ctx, *r); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, tx Tx) error { return p.Returns.Expected(ctx, tx, r.ID, ref) }, nil
}

// credit has the ERP credit what came back, once, and closes the return with its memo.
func (p *Processes) credit(ctx context.Context, e Effect) (Apply, error) {
	t, err := parse(e)
	if err != nil {
		return nil, err
	}
	r, err := p.returned(ctx, t.Return)
	if err != nil {
		return nil, err
	}
	memo, err := p.memo(ctx, r.Number)
	if err != nil {
		return nil, err
	}
	if memo == nil {
		note := finance.CreditNote{Number: r.Number, OrderNumber: r.OrderNumber, Account: r.Account, Currency: r.Currency}
		for i, l := range r.Lines {
			if l.Received.IsPos() {
				note.Lines = append(note.Lines, finance.DocumentLine{Number: i + 1, SKU: l.SKU, Quantity: trade.Quantity{Value: l.Received, Unit: l.Unit}, UnitPrice: l.UnitPrice})
			}
		}
		if err := p.Systems.Books.Issue(ctx, note); err != nil {
			return nil, err
		}
		if memo, err = p.memo(ctx, r.Number); err != nil {
			return nil, err
		}
		if memo == nil {
			return nil, &fault.Error{Kind: fault.BadResponse, Message: "the ERP issued a credit memo and does not list it", Source: p.Systems.ERP}
		}
	}
	return func(ctx context.Context, tx Tx) error {
		d := *memo
		d.Order, d.Account, d.Return, d.ReturnNumber, d.OrderNumber = r.Order, r.Account, r.ID, r.Number, r.OrderNumber
		if _, err := p.Finance.Observe(ctx, tx, d); err != nil {
			return err
		}
		return p.Returns.Credited(ctx, tx, r.ID, d.Number)
	}, nil
}

func (p *Processes) memo(ctx context.Context, number string) (*finance.Document, error) {
	found, err := p.Systems.Books.CreditMemos(ctx, []string{number})
	if err == nil {
		err = found.Failed[number]
	}
	if err != nil {
		return nil, err
	}
	if d, ok := found.Found[number]; ok {
		return &d, nil
	}
	return nil, nil //nolint:nilnil // not issued yet
}
