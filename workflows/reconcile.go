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

// ObserveShopOrder takes in what its shop has made of an order: one that it has called off is cancelled, and
// what has left already is for a person to settle; so is money that it has given back by itself.
func (p *Processes) ObserveShopOrder(ctx context.Context, shop string, is orders.PlacedOrder) error {
	if len(is.Refunds) > 0 {
		err := p.Orders.Refunded(ctx, shop, is.Ref, is.Refunds, func(ctx context.Context, tx postgres.Tx, o *orders.Order, r orders.Refund) error {
			detail, err := json.Marshal(r)
			if err != nil {
				return err
			}
			return p.Exceptions.Raise(ctx, tx, operations.Exception{
				Code: "REFUNDED_IN_SHOP", Severity: "WARNING", Title: fmt.Sprintf("%s has refunded %s of order %s; nobody has credited it", shop, r.Amount, o.Number), Detail: detail,
				Subject: subject(o.ID), Key: "refunded/" + shop + "/" + r.Ref, Order: o.ID, Account: o.Account, Source: shop, CreatedAt: p.Now(),
			})
		})
		if err != nil {
			return err
		}
	}
	if !is.Cancelled {
		return nil
	}
	return p.Orders.CallOff(ctx, shop, is.Ref, func(ctx context.Context, tx postgres.Tx, o *orders.Order) error {
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
