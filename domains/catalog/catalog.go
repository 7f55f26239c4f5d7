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
	store  *store
	source Source
}

// New returns the catalogue over its system of record.
func New(pool *postgres.Pool, source Source) *Service { return &Service{&store{pool}, source} }

// Items returns the items. They come from the source unless the copies at hand are young
// enough for the caller; while the source is down, from the last known copies.
func (s *Service) Items(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, Item], error) {
	if age, ok := lookup.MaxAge(ctx); ok && age > 0 {
		kept, err := s.store.bySKU(ctx, skus)
		if err == nil && allYounger(kept, skus, time.Now().Add(-age)) {
			out := lookup.Empty[trade.SKU, Item](len(kept))
			out.Found = kept
			return out, nil
		}
	}
	answers, err := s.source.Items(ctx, skus)
	if err != nil {
		return answers, err
	}
	if len(answers.Found) > 0 {
		if err := s.store.save(ctx, answers.Found); err != nil {
			return answers, err
		}
	}
	return s.fallBack(ctx, answers)
}

// Rules returns how items may be ordered.
func (s *Service) Rules(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, Rule], error) {
	return s.source.Rules(ctx, skus)
}

// fallBack gives what was last known of the keys that failed.
func (s *Service) fallBack(ctx context.Context, answers lookup.Answers[trade.SKU, Item]) (lookup.Answers[trade.SKU, Item], error) {
	var failed []trade.SKU
	for sku, err := range answers.Failed {
		if fault.Retryable(err) {
			failed = append(failed, sku)
		}
	}
	if len(failed) == 0 {
		return answers, nil
	}
	kept, err := s.store.bySKU(ctx, failed)
	if err != nil {
		return answers, err
	}
	for sku, item := range kept {
		item.Provenance.Freshness = lookup.LastKnown
		answers.Found[sku] = item
		delete(answers.Failed, sku)
	}
	return answers, nil
}

func allYounger(kept map[trade.SKU]Item, skus []trade.SKU, than time.Time) bool {
	for _, sku := range skus {
		if item, ok := kept[sku]; !ok || item.Provenance.AsOf.Before(than) {
			return false
		}
	}
	return true
}

// Observe keeps items that a poll of the source reported.
func (s *Service) Observe(ctx context.Context, items []Item) error {
	m := make(map[trade.SKU]Item, len(items))
	for _, i := range items {
		m[i.SKU] = i
	}
	return s.store.save(ctx, m)
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
