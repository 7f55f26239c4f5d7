package fresh

import (
	"context"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/lookup"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
)

var (
	_ accounts.Source = (*Accounts)(nil)
	_ catalog.Source  = (*Catalog)(nil)
	_ pricing.Source  = (*Prices)(nil)
)

// Accounts is a source of accounts with its questions shared.
type Accounts struct {
	accounts.Source
	accounts *Flights[trade.AccountID, accounts.Account]
	shipTos  *Flights[trade.AccountID, []accounts.ShipTo]
}

// NewAccounts shares the questions to a source.
func NewAccounts(s accounts.Source) *Accounts {
	return &Accounts{s, Share(s.Accounts), Share(s.ShipTos)}
}

// Accounts implements accounts.Source.
func (a *Accounts) Accounts(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, accounts.Account], error) {
	return a.accounts.Ask(ctx, ids)
}

// ShipTos implements accounts.Source.
func (a *Accounts) ShipTos(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, []accounts.ShipTo], error) {
	return a.shipTos.Ask(ctx, ids)
}

// Catalog is a source of items with its questions shared.
type Catalog struct {
	catalog.Source
	items *Flights[trade.SKU, catalog.Item]
	rules *Flights[trade.SKU, catalog.Rule]
}

// NewCatalog shares the questions to a source.
func NewCatalog(s catalog.Source) *Catalog {
	return &Catalog{s, Share(s.Items), Share(s.Rules)}
}

// Items implements catalog.Source.
func (c *Catalog) Items(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, catalog.Item], error) {
	return c.items.Ask(ctx, skus)
}

// Rules implements catalog.Source.
func (c *Catalog) Rules(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, catalog.Rule], error) {
	return c.rules.Ask(ctx, skus)
}

// Prices is a source of prices with its questions shared. Its keys are whole: account, item, unit,
// quantity, date, branch and currency.
type Prices struct {
	prices *Flights[pricing.Key, pricing.Price]
}

// NewPrices shares the questions to a source.
func NewPrices(s pricing.Source) *Prices { return &Prices{Share(s.Prices)} }

// Prices implements pricing.Source.
func (p *Prices) Prices(ctx context.Context, keys []pricing.Key) (lookup.Answers[pricing.Key, pricing.Price], error) {
	return p.prices.Ask(ctx, keys)
}
