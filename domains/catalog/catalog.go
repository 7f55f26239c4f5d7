// Package catalog knows the items that are sold. The ERP owns them; the last reported state of
// each is kept for lists and for the hours when the ERP does not answer.
package catalog

import (
	"context"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Item is something that is sold.
type Item struct {
	SKU         trade.SKU         `json:"sku"`
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Category    string            `json:"category,omitempty"`
	Unit        trade.Unit        `json:"unit"`
	GTIN        string            `json:"gtin,omitempty"`
	TaxClass    string            `json:"taxClass,omitempty"`
	Blocked     bool              `json:"blocked"`
	ListPrice   trade.Money       `json:"listPrice"`
	SourceRef   string            `json:"sourceRef"`
	Provenance  lookup.Provenance `json:"provenance"`
}

// Rule is how an item may be ordered, in its unit.
type Rule struct {
	Minimum  trade.Decimal
	Multiple trade.Decimal
	// Scale is the number of decimal places that a quantity may have.
	Scale int
}

// Source is a system of record for items.
type Source interface {
	Items(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, Item], error)
	// Rules returns how items may be ordered; an item without a rule has no limits.
	Rules(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, Rule], error)
	// ItemsSince returns items changed since the cursor, in any order, repeats allowed.
	ItemsSince(ctx context.Context, cursor string) (lookup.Page[Item], error)
}

// Service holds the verbs of the catalogue.
type Service struct {
	store store
	items *lookup.Copied[trade.SKU, Item]
	rules *lookup.Flights[trade.SKU, Rule]
}

// New returns the catalogue over its system of record.
func New(pool *postgres.Pool, source Source, ages lookup.Ages) *Service {
	kept := store{table(pool)}
	return &Service{kept, lookup.Copy(kept, source.Items, kept.Provenance, ages), lookup.Share(source.Rules)}
}

// Items returns the items. They come from the source unless the copies at hand are young
// enough for the caller; while the source is down, from the last known copies.
func (s *Service) Items(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, Item], error) {
	return s.items.Answers(ctx, skus)
}

// Rules returns how items may be ordered.
func (s *Service) Rules(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, Rule], error) {
	return s.rules.Ask(ctx, skus)
}

// Observe keeps items that a poll of the source reported.
func (s *Service) Observe(ctx context.Context, items []Item) error {
	m := make(map[trade.SKU]Item, len(items))
	for _, i := range items {
		m[i.SKU] = i
	}
	return s.store.Save(ctx, m)
}

// Current says that every change up to a time has been observed.
func (s *Service) Current(ctx context.Context, at time.Time) error { return s.store.Current(ctx, at) }

// Count is how many items are known.
func (s *Service) Count(ctx context.Context) (int, error) { return s.store.count(ctx, "") }

// Next returns up to n items that are sold after the SKU, in order of SKU.
func (s *Service) Next(ctx context.Context, after trade.SKU, n int) ([]trade.SKU, error) {
	return s.store.next(ctx, after, n)
}

// List is one page of items by SKU.
type List struct {
	Items   []Item
	HasNext bool
	Total   int
}

// List returns up to first items after the SKU, in order of SKU, whose name or SKU holds the
// text.
func (s *Service) List(ctx context.Context, text string, first int, after trade.SKU) (*List, error) {
	if first < 1 || first > 100 {
		return nil, fault.New(fault.Invalid, "a page of %d; ask for 1 to 100", first).At("first")
	}
	return s.store.list(ctx, text, first, after)
}

// Ages are how old what is shown may be.
func (s *Service) Ages() lookup.Ages { return s.items.Ages() }
