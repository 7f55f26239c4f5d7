package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/sources/threepl/shipbob"
)

// probe asks a source each kind of question it is wired for, and says what came back.
func (a *app) probe(ctx context.Context, out io.Writer, name string) error {
	if a.transports[name] == nil {
		return fmt.Errorf("there is no source %q in the configuration", name)
	}
	failed := 0
	say := func(capability string, err error) {
		verdict := "ok"
		switch {
		case fault.KindOf(err) == fault.Denied && err != nil:
			verdict = "NO RIGHTS: " + err.Error()
		case err != nil:
			verdict = "FAILED: " + err.Error()
		}
		if err != nil {
			failed++
		}
		_, _ = fmt.Fprintf(out, "%-16s %s\n", capability, verdict)
	}
	if a.erp != nil && a.erp.Transport().Name() == name {
		a.probeERP(ctx, say)
	}
	if shop := a.shops[name]; shop != nil {
		_, err := shop.PlacedSince(ctx, time.Now().UTC().Format(time.RFC3339Nano))
		say("orders", err)
	}
	if system := a.systems[name]; system != nil {
		_, err := system.Reports(ctx, "", []string{"probe"})
		say("work", err)
		_, err = system.Receipts(ctx, "", []string{"probe"})
		say("returns", err)
		if source, ok := system.(inventory.Source); ok {
			answers, err := source.Stock(ctx, []inventory.Key{{Node: "probe", SKU: "probe"}})
			say("stock", errors.Join(err, answers.Failed[inventory.Key{Node: "probe", SKU: "probe"}]))
		}
		if c, ok := system.(*shipbob.Client); ok {
			say("inventory ids", c.Learn(ctx))
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d capabilities do not work", failed)
	}
	return nil
}

func (a *app) probeERP(ctx context.Context, say func(string, error)) {
	none := []trade.AccountID{"probe"}
	accounts, err := a.erp.Accounts(ctx, none)
	say("accounts", errors.Join(err, accounts.Failed["probe"]))
	places, err := a.erp.ShipTos(ctx, none)
	say("ship-tos", errors.Join(err, places.Failed["probe"]))
	credit, err := a.erp.Credit(ctx, none)
	say("credit", errors.Join(err, credit.Failed["probe"]))
	items, err := a.erp.Items(ctx, []trade.SKU{"probe"})
	say("items", errors.Join(err, items.Failed["probe"]))
	rules, err := a.erp.Rules(ctx, []trade.SKU{"probe"})
	say("item rules", errors.Join(err, rules.Failed["probe"]))
	orders, err := a.erp.Registrations(ctx, []string{"probe"})
	say("orders", errors.Join(err, orders.Failed["probe"]))
	invoices, err := a.erp.Invoices(ctx, []string{"probe"})
	say("invoices", errors.Join(err, invoices.Failed["probe"]))
	memos, err := a.erp.CreditMemos(ctx, []string{"probe"})
	say("credit memos", errors.Join(err, memos.Failed["probe"]))
	key := pricing.NewKey("probe", "probe", trade.Quantity{Value: trade.MustDecimal("1")}, "", "")
	prices, err := a.erp.Prices(ctx, []pricing.Key{key})
	say("prices", errors.Join(err, prices.Failed[key]))
	_, err = a.erp.DocumentsAfter(ctx, finance.Invoice, "")
	say("history", err)
}
