package workflows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"crossdock/domains/fault"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Reevaluate decides held orders again whose holds may clear by themselves.
func (p *Processes) Reevaluate(ctx context.Context, log *slog.Logger) {
	if err := p.Orders.Lapse(ctx, 50); err != nil && ctx.Err() == nil {
		log.ErrorContext(ctx, "let the stock go of orders that wait too long", "error", err)
	}
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

// ObserveShopOrder takes in what its shop has made of an order. One that it has called off is cancelled, one that was edited there
// is edited here. What has left already, what a node has or can no longer be added, and money that the shop has given back by itself
// are for a person to settle.
func (p *Processes) ObserveShopOrder(ctx context.Context, shop string, is orders.PlacedOrder) error {
	var err error
	if is.Cancelled {
		err = p.Orders.CallOff(ctx, shop, is.Ref, func(ctx context.Context, tx postgres.Tx, o *orders.Order) error {
			return p.raise(ctx, tx, o, operations.Exception{
				Code: "CANCELLED_AFTER_SHIPMENT", Severity: "ERROR", Title: fmt.Sprintf("order %s was cancelled in %s after goods had left", o.Number, shop), Key: "called off/" + o.Number, Source: shop,
			}, struct{}{})
		})
	}
	if err == nil {
		err = p.Orders.Edited(ctx, shop, is, func(ctx context.Context, tx postgres.Tx, o *orders.Order, edit orders.Edit) error {
			return p.edited(ctx, tx, shop, o, edit)
		})
	}
	if err != nil || len(is.Refunds) == 0 {
		return err
	}
	return p.Orders.Refunded(ctx, shop, is.Ref, is.Refunds, func(ctx context.Context, tx postgres.Tx, o *orders.Order, r orders.Refund) error {
		if o.Status == orders.Cancelled && !slices.ContainsFunc(o.Lines, func(l orders.Line) bool { return l.Shipped.IsPos() }) {
			return nil // nothing was ever charged in the books
		}
		return p.raise(ctx, tx, o, operations.Exception{
			Code: "REFUNDED_IN_SHOP", Severity: "WARNING", Title: fmt.Sprintf("%s has refunded %s of order %s; nobody has credited it", shop, r.Amount, o.Number), Key: "refunded/" + shop + "/" + r.Ref, Source: shop,
		}, r)
	})
}

// edited has a person settle what a shop has otherwise of an order than is carried out.
func (p *Processes) edited(ctx context.Context, tx Tx, shop string, o *orders.Order, edit orders.Edit) error {
	settle := func(changed bool, parts []trade.Part, code, key, title string) error {
		switch key += "/" + o.Number; {
		case !changed:
			return nil
		case len(parts) == 0:
			return p.Exceptions.Clear(ctx, tx, key, shop+" has as much as is carried out")
		default:
			return p.raise(ctx, tx, o, operations.Exception{Code: code, Severity: "WARNING", Title: title, Key: key, Source: shop}, map[string]any{"parts": parts})
		}
	}
	err := errors.Join(
		settle(edit.Less, o.LessInShop, "LESS_IN_SHOP", "less in shop", fmt.Sprintf("%s has less of order %s than goes out: cancel the order to recall what can be, or settle what has left", shop, o.Number)),
		settle(edit.More, o.MoreInShop, "MORE_IN_SHOP", "more in shop", fmt.Sprintf("%s has added to order %s, which is on its way: place an order for what was added, or take it off there", shop, o.Number)))
	if err != nil || !edit.Readdressed {
		return err
	}
	return p.readdressed(ctx, tx, shop, o, o.InShop.ShipTo)
}

// readdressed has a person settle that a system has an order go elsewhere than nodes send it.
func (p *Processes) readdressed(ctx context.Context, tx Tx, source string, o *orders.Order, to trade.Address) error {
	return p.raise(ctx, tx, o, operations.Exception{
		Code: "READDRESSED_AFTER_RELEASE", Severity: "ERROR", Title: fmt.Sprintf("%s sends order %s elsewhere, or on another day, than it is on its way: tell the nodes that have it, or cancel it", source, o.Number), Key: "readdressed/" + o.Number, Source: source,
	}, map[string]any{"goesTo": o.ShipTo, "wanted": to})
}

// raise opens an exception about an order, with what is to be known of it.
func (p *Processes) raise(ctx context.Context, tx Tx, o *orders.Order, e operations.Exception, detail any) error {
	raw, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	e.Detail, e.Subject, e.Order, e.Account, e.CreatedAt = raw, subject(o.ID), o.ID, o.Account, p.Now()
	return p.Exceptions.Raise(ctx, tx, e)
}

func (p *Processes) observeRegistration(ctx context.Context, r orders.Registration) error {
	o, err := p.Orders.ByNumber(ctx, trade.System("ingest"), r.Number)
	if r.Number == "" || fault.KindOf(err) == fault.NotFound {
		if r.Number != "" {
			r.PONumber = r.Number // what is no number of ours is the customer's
		}
		if ours, err := p.compare(ctx, r); err != nil || ours {
			return err
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
	var foreign, strange []int
	for _, l := range r.Lines {
		q := l.Quantity.Value
		if ours := o.Line(l.Line); ours != nil {
			if l.SKU != ours.SKU { // put between ours there, or in the place of one
				strange = append(strange, l.Line)
				continue
			}
			var ok bool
			if q, ok = ours.Own(l.Quantity); !ok {
				foreign = append(foreign, l.Line)
			}
		}
		quantities[l.Line] = trade.Sum(quantities[l.Line], q)
	}
	for _, n := range foreign {
		delete(quantities, n) // what it says is not known
	}
	// settle has a person settle lines, where there are any.
	settle := func(lines []int, code, key, title string) error {
		if len(lines) == 0 {
			return nil
		}
		return postgres.InTx(ctx, p.Queue.pool, func(tx postgres.Tx) error {
			return p.raise(ctx, tx, o, operations.Exception{Code: code, Severity: "ERROR", Title: title, Key: key + "/" + o.Number, Source: r.Source}, map[string]any{"lines": lines})
		})
	}
	if err := settle(foreign, "AMENDED_IN_ANOTHER_UNIT", "unit", fmt.Sprintf("order %s has a line in %s in a unit that it was not ordered in: set it to the line's own there", o.Number, r.Source)); err != nil {
		return err
	}
	if err := settle(strange, "AMENDED_WITH_ANOTHER_ITEM", "item", fmt.Sprintf("order %s has another item in %s than was ordered: place it here as an order of its own, and take it off there", o.Number, r.Source)); err != nil {
		return err
	}
	conflicts, err := p.Orders.Amend(ctx, o.ID, r, quantities, func(ctx context.Context, tx postgres.Tx, o *orders.Order) error {
		return p.readdressed(ctx, tx, r.Source, o, r.ShipTo)
	})
	if err != nil {
		return err
	}
	return settle(conflicts, "AMENDED_AFTER_RELEASE", "amended", fmt.Sprintf("order %s was changed in %s after its work was released", o.Number, r.Source))
}
