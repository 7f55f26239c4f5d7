package main

import (
	"context"
	"errors"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/references"
	"crossdock/domains/shadow"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// offer keeps storefronts told of what they may sell. It belongs to one goroutine.
type offer struct {
	*app
	// after is the item that the last round ended at.
	after trade.SKU
	// told is what each storefront was told last.
	told map[string]offered
}

// offered is what a storefront was told, and when it was told everything.
type offered struct {
	stock map[trade.SKU]trade.Decimal
	whole time.Time
}

// resync is how often a storefront is told everything, in case somebody set it otherwise there.
const resync = time.Hour

// round asks the nodes about the next items and tells every storefront what has changed.
func (o *offer) round(ctx context.Context) {
	if err := o.refresh(ctx); err != nil && ctx.Err() == nil {
		o.log.WarnContext(ctx, "read stock to offer", "error", err)
	}
	for _, c := range o.inventory.Channels {
		if err := o.tell(ctx, c, o.shops[c.Name]); err != nil && ctx.Err() == nil {
			o.log.WarnContext(ctx, "publish stock", "source", c.Name, "error", err)
		}
	}
}

// refresh reads the stock of so many items that each is read again before its figure is too old to
// promise from, in twice as many rounds as it takes.
func (o *offer) refresh(ctx context.Context) error {
	total, err := o.catalog.Count(ctx)
	if err != nil {
		return err
	}
	rounds := max(1, int(time.Duration(o.cfg.Intake.StockStale)/time.Duration(4*o.cfg.PollEvery)/2))
	skus, err := o.catalog.Next(ctx, o.after, max(100, total/rounds+1))
	if err != nil || len(skus) == 0 {
		o.after = ""
		return err
	}
	o.after = skus[len(skus)-1]
	_, _, err = o.inventory.Refresh(ctx, skus, inventory.Known{})
	return err
}

// unsent keeps what a storefront in shadow would have been told; any other failure it returns.
func (o *offer) unsent(ctx context.Context, cause error) error {
	s, ok := errors.AsType[*fault.ShadowedError](cause)
	if !ok {
		return cause
	}
	return postgres.InTx(ctx, o.pool, func(tx postgres.Tx) error {
		return o.shadow.Note(ctx, tx, shadow.Write{Source: s.Source, Operation: s.Operation, Subject: "stock", Method: s.Method, Target: s.Target, Body: s.Body})
	})
}

// tell says what may be sold, where that has changed.
func (o *offer) tell(ctx context.Context, channel inventory.Channel, c shop) error {
	name := channel.Name
	available, err := o.inventory.Sellable(ctx)
	if err != nil {
		return err
	}
	was := o.told[name]
	if _, compares := c.(inventory.Comparer); compares || time.Since(was.whole) > resync {
		was = offered{whole: time.Now()}
	}
	changed := map[trade.SKU]trade.Decimal{}
	for sku, q := range available {
		q = channel.Told(q)
		available[sku] = q
		if before, told := was.stock[sku]; !told || !before.Equal(q) {
			changed[sku] = q
		}
	}
	if len(changed) > 0 {
		names, err := o.references.Of(ctx, references.Item, name)
		if err != nil {
			return err
		}
		theirs := make(map[trade.SKU]trade.Decimal, len(changed))
		for sku, q := range changed {
			for _, name := range names.All(string(sku)) {
				theirs[trade.SKU(name)] = q
			}
		}
		if err := c.PublishStock(ctx, theirs); err != nil {
			if err = o.unsent(ctx, err); err != nil {
				return err
			}
		}
	}
	o.told[name] = offered{stock: available, whole: was.whole}
	return nil
}
