package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/sources/threepl/shipbob"
)

// probing asks a source each kind of question that it is wired for, and says what came back: that it works, that the
// rights are missing, that it failed, or that the product has drifted from what its adapter or its map expects.
type probing struct {
	*app
	out    io.Writer
	failed int
}

// errDrift marks an answer that is one, and not what it was when the adapter or the map was written.
var errDrift = errors.New("DRIFT")

func drift(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errDrift}, args...)...)
}

// probe asks a source. It only reads.
func (a *app) probe(ctx context.Context, out io.Writer, name string) error {
	if a.transports[name] == nil {
		return fmt.Errorf("there is no source %q in the configuration", name)
	}
	p := &probing{app: a, out: out}
	if a.erp != nil && a.erp.Transport().Name() == name {
		p.system(ctx)
	}
	if shop := a.shops[name]; shop != nil {
		p.ask(ctx, "orders", func(ctx context.Context) error {
			_, err := shop.PlacedSince(ctx, time.Now().UTC().Format(time.RFC3339Nano))
			return err
		})
	}
	p.node(ctx, name)
	_, _ = fmt.Fprintf(out, "%-16s not tried: a probe only reads\n", "writes")
	if p.failed > 0 {
		return fmt.Errorf("%d capabilities do not work as they should", p.failed)
	}
	return nil
}

// ask puts a question and says what came of it.
func (p *probing) ask(ctx context.Context, capability string, question func(context.Context) error) {
	began := time.Now()
	err := question(ctx)
	took := time.Since(began).Round(time.Millisecond)
	verdict := fmt.Sprintf("ok %s", took)
	switch {
	case err == nil:
	case errors.Is(err, errDrift):
		verdict = err.Error()
	case fault.KindOf(err) == fault.Denied:
		verdict = "NO RIGHTS: " + err.Error()
	default:
		verdict = "FAILED: " + err.Error()
	}
	if err != nil {
		p.failed++
	}
	_, _ = fmt.Fprintf(p.out, "%-16s %s\n", capability, verdict)
}

// bulk is what is wrong with the answer to a question by keys.
func bulk[K comparable, V any](answers lookup.Answers[K, V], err error) error {
	for _, e := range answers.Failed {
		err = errors.Join(err, e)
		break
	}
	return err
}

// filled reports a field that no row has: it may be called otherwise by now.
func filled[V any](rows []V, fields map[string]func(V) bool) error {
	var empty []string
	for name, has := range fields {
		if len(rows) > 0 && !slices.ContainsFunc(rows, has) {
			empty = append(empty, name)
		}
	}
	if len(empty) == 0 {
		return nil
	}
	slices.Sort(empty)
	return drift("of %d rows none has %v: was a field renamed?", len(rows), empty)
}

// system asks a system of record, about things that it lists.
func (p *probing) system(ctx context.Context) {
	account, sku := trade.AccountID("probe"), trade.SKU("probe")
	var listed []accounts.Account
	p.ask(ctx, "list of accounts", func(ctx context.Context) error {
		page, err := p.erp.AccountsSince(ctx, "")
		if listed = page.Items; len(listed) > 0 {
			account = listed[0].ID
		}
		return errors.Join(err, filled(listed, map[string]func(accounts.Account) bool{
			"id": func(a accounts.Account) bool { return a.ID != "" }, "name": func(a accounts.Account) bool { return a.Name != "" }, "currency": func(a accounts.Account) bool { return a.Currency != "" },
		}))
	})
	p.ask(ctx, "list of items", func(ctx context.Context) error {
		page, err := p.erp.ItemsSince(ctx, "")
		if len(page.Items) > 0 {
			sku = page.Items[0].SKU
		}
		return errors.Join(err, filled(page.Items, map[string]func(catalog.Item) bool{
			"sku": func(i catalog.Item) bool { return i.SKU != "" }, "name": func(i catalog.Item) bool { return i.Name != "" }, "unit": func(i catalog.Item) bool { return i.Unit != "" },
		}))
	})
	p.ask(ctx, "accounts", func(ctx context.Context) error {
		answers, err := p.erp.Accounts(ctx, []trade.AccountID{account})
		if a, ok := answers.Found[account]; err == nil && len(listed) > 0 && len(answers.Failed) == 0 && (!ok || a.Name != listed[0].Name) {
			return drift("account %s is %q in the list and %q by its number", account, listed[0].Name, a.Name)
		}
		return bulk(answers, err)
	})
	p.ask(ctx, "items", func(ctx context.Context) error {
		answer := lookup.Only(p.erp.Items(ctx, []trade.SKU{sku}))
		if answer.Err == nil && sku != "probe" && !answer.OK {
			return drift("item %s is in the list and not found by its number", sku)
		}
		return answer.Err
	})
	p.ask(ctx, "ship-tos", func(ctx context.Context) error { return bulk(p.erp.ShipTos(ctx, []trade.AccountID{account})) })
	p.ask(ctx, "credit", func(ctx context.Context) error { return bulk(p.erp.Credit(ctx, []trade.AccountID{account})) })
	p.ask(ctx, "item rules", func(ctx context.Context) error { return bulk(p.erp.Rules(ctx, []trade.SKU{sku})) })
	p.ask(ctx, "prices", func(ctx context.Context) error {
		return lookup.Only(p.erp.Prices(ctx, []pricing.Key{pricing.NewKey(account, sku, trade.Quantity{Value: trade.MustDecimal("1")}, "", "")})).Err
	})
	p.ask(ctx, "orders", func(ctx context.Context) error { return bulk(p.erp.Registrations(ctx, []string{"probe"})) })
	p.ask(ctx, "list of orders", func(ctx context.Context) error {
		page, err := p.erp.RegistrationsSince(ctx, "")
		return errors.Join(err, filled(page.Items, map[string]func(orders.Registration) bool{
			"account": func(r orders.Registration) bool { return r.Account != "" }, "number": func(r orders.Registration) bool { return r.TheirNumber != "" },
		}))
	})
	p.ask(ctx, "invoices", func(ctx context.Context) error { return bulk(p.erp.Invoices(ctx, []string{"probe"})) })
	p.ask(ctx, "credit memos", func(ctx context.Context) error { return bulk(p.erp.CreditMemos(ctx, []string{"probe"})) })
	p.ask(ctx, "history", func(ctx context.Context) error {
		page, err := p.erp.DocumentsAfter(ctx, finance.Invoice, "")
		return errors.Join(err, filled(page.Items, map[string]func(finance.Document) bool{
			"number": func(d finance.Document) bool { return d.Number != "" }, "account": func(d finance.Document) bool { return d.Account != "" },
			"lines": func(d finance.Document) bool { return len(d.Lines) > 0 }, "total": func(d finance.Document) bool { return !d.Total.Amount.IsZero() },
		}))
	})
}

// sampled is how many items a node is asked about.
const sampled = 20

// node asks a source about its places, and about items that the ERP lists, where that answers.
func (p *probing) node(ctx context.Context, name string) {
	if system := p.systems[name]; system != nil {
		p.ask(ctx, "work", func(ctx context.Context) error { return bulk(system.Reports(ctx, "", []string{"probe"})) })
		p.ask(ctx, "returns", func(ctx context.Context) error { return bulk(system.Receipts(ctx, "", []string{"probe"})) })
		if c, ok := system.(*shipbob.Client); ok {
			p.ask(ctx, "inventory ids", c.Learn)
		}
	}
	source := p.stock[name]
	if source == nil {
		return
	}
	skus := []trade.SKU{"probe"}
	if page, err := p.erp.ItemsSince(ctx, ""); err == nil && len(page.Items) > 0 {
		skus = nil
		for _, i := range page.Items[:min(sampled, len(page.Items))] {
			skus = append(skus, i.SKU)
		}
	}
	for _, n := range p.cfg.Nodes {
		if n.Source != name {
			continue
		}
		p.ask(ctx, "stock at "+n.ID, func(ctx context.Context) error {
			var keys []inventory.Key
			for _, sku := range skus {
				keys = append(keys, inventory.Key{Node: trade.NodeID(n.Location), SKU: sku})
			}
			figures, err := source.Stock(ctx, keys)
			answers := lookup.ByKey(keys, figures)
			if err == nil && len(answers.Failed) == 0 && len(answers.Found) == 0 && len(skus) > 1 {
				return drift("of %d items of the ERP none is known at location %q: is that still its name?", len(skus), n.Location)
			}
			return bulk(answers, err)
		})
	}
}
