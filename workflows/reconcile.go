package workflows

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"crossdock/domains/fault"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Reevaluate decides held orders again whose holds may clear by themselves.
func (p *Processes) Reevaluate(ctx context.Context, log *slog.Logger) {
	ids, err := p.Orders.Held(ctx, 50)
	if err != nil {
		log.ErrorContext(ctx, "held orders", "error", err)
		return
	}
	for _, id := range ids {
		if _, err := p.Orders.Reevaluate(ctx, id); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "re-evaluate order", "order", id, "error", err)
		}
	}
}

// ObserveRegistrations takes in orders as the ERP has them now: one of ours that was changed
// there is amended, one that was typed straight into it becomes known.
func (p *Processes) ObserveRegistrations(ctx context.Context, list []orders.Registration) error {
	for _, r := range list {
		if err := p.observeRegistration(ctx, r); err != nil {
			return fmt.Errorf("order %s of %s: %w", r.TheirNumber, r.Source, err)
		}
	}
	return nil
}

// ObserveCalledOff cancels an order that its shop has called off. What has left already is for a
// person to settle.
func (p *Processes) ObserveCalledOff(ctx context.Context, shop, ref string) error {
	return p.Orders.CallOff(ctx, shop, ref, func(ctx context.Context, tx postgres.Tx, o *orders.Order) error {
		return p.Exceptions.Raise(ctx, tx, operations.Exception{
			Code: "CANCELLED_AFTER_SHIPMENT", Severity: "ERROR", Title: fmt.Sprintf("order %s was cancelled in %s after goods had left", o.Number, shop),
			Subject: subject(o.ID), Key: "called off/" + o.Number, Order: o.ID, Account: o.Account, Source: shop, CreatedAt: p.Now(),
		})
	})
}

func (p *Processes) observeRegistration(ctx context.Context, r orders.Registration) error {
	o, err := p.Orders.ByNumber(ctx, trade.System("ingest"), r.Number)
	if r.Number == "" || fault.KindOf(err) == fault.NotFound {
		if r.Number != "" {
			r.PONumber = r.Number // what is no number of ours is the customer's
		}
		_, err = p.Orders.Adopt(ctx, orders.ERP, r)
		return err
	}
	if err != nil {
		return err
	}
	quantities := map[int]trade.Decimal{}
	for _, l := range o.Lines {
		if trade.Less(l.Quantity.Value, l.Rejected).IsPos() {
			quantities[l.Number] = trade.Decimal{}
		}
	}
	for _, l := range r.Lines {
		quantities[l.Line] = trade.Sum(quantities[l.Line], l.Quantity.Value)
	}
	conflicts, err := p.Orders.Amend(ctx, o.ID, r.Source, r.ModifiedAt, quantities)
	if err != nil || len(conflicts) == 0 {
		return err
	}
	detail, err := json.Marshal(map[string]any{"lines": conflicts})
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, p.Queue.pool, func(tx postgres.Tx) error {
		return p.Exceptions.Raise(ctx, tx, operations.Exception{
			Code: "AMENDED_AFTER_RELEASE", Severity: "ERROR", Title: fmt.Sprintf("order %s was changed in %s after its work was released", o.Number, r.Source), Detail: detail,
			Subject: subject(o.ID), Key: "amended/" + o.Number, Order: o.ID, Account: o.Account, Source: r.Source, CreatedAt: p.Now(),
		})
	})
}
