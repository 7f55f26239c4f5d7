package main

import (
	"cmp"
	"context"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/lookup"
	"crossdock/domains/references"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// itemsOf is what a source calls our items.
func (a *app) itemsOf(ctx context.Context, source string) (references.Names, error) {
	return a.references.Of(ctx, references.Item, source)
}

// Mapped implements references.Followup: what waited for the name goes on.
func (a *app) Mapped(ctx context.Context, tx postgres.Tx, r references.Reference) error {
	if err := a.operations.Clear(ctx, tx, r.Key(), "the reference was set to "+r.Ours); err != nil {
		return err
	}
	if err := a.inbox.Mapped(ctx, tx, r.Key()); err != nil {
		return err
	}
	if r.Kind == references.Item {
		return a.orders.Renamed(ctx, tx, r.Source, trade.SKU(r.Theirs), trade.SKU(r.Ours))
	}
	return nil
}

// known reports whether there is such a thing of ours.
func (a *app) known(ctx context.Context, kind references.Kind, ours string) (bool, error) {
	who := trade.System("references")
	switch kind {
	case references.Account:
		r := lookup.Only(a.accounts.Accounts(ctx, who, []trade.AccountID{trade.AccountID(ours)}))
		return r.OK, r.Err
	case references.Item:
		r := lookup.Only(a.catalog.Items(ctx, []trade.SKU{trade.SKU(ours)}))
		return r.OK, r.Err
	case references.Node:
		for _, n := range a.inventory.Nodes() {
			if string(n.ID) == ours {
				return true, nil
			}
		}
		return false, nil
	default:
		o, err := a.orders.Orders(ctx, who, []trade.OrderID{trade.OrderID(ours)})
		return len(o) > 0, err
	}
}

// candidatesAtOnce is how many things are named that a name could mean.
const candidatesAtOnce = 5

// candidates are things of ours that a name could mean, the likest first.
func (a *app) candidates(ctx context.Context, n references.Name, label string) ([]references.Candidate, error) {
	out := []references.Candidate{}
	label = cmp.Or(label, n.Theirs) // a number may hold words, too
	switch n.Kind {
	case references.Account:
		list, err := a.accounts.Alike(ctx, n.Theirs, label, candidatesAtOnce)
		for _, v := range list {
			out = append(out, references.Candidate{Ours: string(v.ID), Name: v.Name})
		}
		return out, err
	case references.Item:
		list, err := a.catalog.Alike(ctx, n.Theirs, label, candidatesAtOnce)
		for _, v := range list {
			out = append(out, references.Candidate{Ours: string(v.SKU), Name: v.Name})
		}
		return out, err
	default:
		return out, nil
	}
}

func (a *app) observeAccounts(ctx context.Context, list []accounts.Account) error {
	refs := make([]references.Reference, len(list))
	for i, v := range list {
		refs[i] = learned(references.Account, v.Provenance.Source, v.SourceRef, string(v.ID), v.Name)
	}
	if err := a.accounts.Observe(ctx, list); err != nil {
		return err
	}
	return a.learn(ctx, refs)
}

func (a *app) observeItems(ctx context.Context, list []catalog.Item) error {
	refs := make([]references.Reference, len(list))
	for i, v := range list {
		refs[i] = learned(references.Item, v.Provenance.Source, v.SourceRef, string(v.SKU), v.Name)
	}
	if err := a.catalog.Observe(ctx, list); err != nil {
		return err
	}
	return a.learn(ctx, refs)
}

// learnNodes keeps what the configuration says that nodes are called.
func (a *app) learnNodes(ctx context.Context) error {
	var refs []references.Reference
	for _, n := range a.inventory.Nodes() {
		r := learned(references.Node, n.Source, n.Location, string(n.ID), n.Name)
		r.Origin = references.Configured
		refs = append(refs, r)
	}
	return a.learn(ctx, refs)
}

func learned(kind references.Kind, source, theirs, ours, label string) references.Reference {
	return references.Reference{Name: references.Name{Kind: kind, Source: source, Theirs: theirs}, Ours: ours, Label: label, Origin: references.Learned}
}

func (a *app) learn(ctx context.Context, refs []references.Reference) error {
	return postgres.InTx(ctx, a.pool, func(tx postgres.Tx) error { return a.references.Learn(ctx, tx, refs) })
}
