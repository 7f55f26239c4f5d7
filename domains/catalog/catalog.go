// Package catalog knows the items that are sold. The ERP owns them; the last reported state of
// each is kept for lists and for the hours when the ERP does not answer.
package catalog

import (
	"context"
	"slices"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Item is something that is sold.
type Item struct {
	SKU         trade.SKU  `json:"sku"`
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Category    string     `json:"category,omitempty"`
	Unit        trade.Unit `json:"unit"`
	GTIN        string     `json:"gtin,omitempty"`
	TaxClass    string     `json:"taxClass,omitempty"`
	Blocked     bool       `json:"blocked"`
	// Discontinued is whether it is no longer made or bought, and Successor what takes its place, where the source tells.
	Discontinued bool        `json:"discontinued,omitempty"`
	Successor    trade.SKU   `json:"successor,omitempty"`
	ListPrice    trade.Money `json:"listPrice"`
	// Cost is what one costs us, where the source tells. It is not for buyers' eyes.
	Cost       *trade.Money      `json:"cost,omitempty"`
	SourceRef  string            `json:"sourceRef"`
	Provenance lookup.Provenance `json:"provenance"`
}

// Rule is how an item may be ordered, in its unit.
type Rule struct {
	Minimum  trade.Decimal `json:"minimum"`
	Multiple trade.Decimal `json:"multiple"`
	// Scale is the number of decimal places that a quantity may have.
	Scale int `json:"scale"`
	// Units are the other units in which it may be ordered.
	Units []Unit `json:"units,omitempty"`
}

// Unit is another unit in which an item may be ordered, and how many of the item's own it is.
type Unit struct {
	Unit trade.Unit `json:"unit"`
	trade.Ratio
}

// Source is a system of record for items.
type Source interface {
	// Items answers in the order of the keys, which may repeat. What it answers may be shown to others too: nobody changes it.
	Items(ctx context.Context, skus []trade.SKU) ([]lookup.Result[*Item], error)
	// Rules returns how items may be ordered; an item without a rule has no limits.
	Rules(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, Rule], error)
	// ItemsSince returns items changed since the cursor, in any order, repeats allowed.
	ItemsSince(ctx context.Context, cursor string) (lookup.Page[Item], error)
}

// Service holds the verbs of the catalogue.
type Service struct {
	store store
	items *lookup.Copied[trade.SKU, *Item]
	rules *lookup.Copied[trade.SKU, ruling]
}

// ruling is what was last known of how an item may be ordered: by a rule, or freely.
type ruling struct {
	SKU        trade.SKU         `json:"sku"`
	Rule       *Rule             `json:"rule,omitempty"`
	Provenance lookup.Provenance `json:"provenance"`
}

// New returns the catalogue over its system of record.
func New(pool *postgres.Pool, source Source, ages lookup.Ages) *Service {
	kept := store{table(pool)}
	ruled := rulings(pool)
	return &Service{kept, lookup.Copy(kept, source.Items, kept.Provenance, ages), lookup.Copy(ruled, askRules(source), ruled.Provenance, ages)}
}

// maxScale is the most decimal places that a quantity can have.
const maxScale = 9

// askRules asks for rules, and remembers which items have none.
func askRules(source Source) lookup.Ask[trade.SKU, ruling] {
	return func(ctx context.Context, skus []trade.SKU) ([]lookup.Result[ruling], error) {
		at := time.Now()
		answers, err := source.Rules(ctx, skus)
		if err != nil {
			return nil, err
		}
		out := make([]lookup.Result[ruling], len(skus))
		for i, answer := range lookup.InOrder(skus, answers) {
			if out[i].Err = answer.Err; answer.Err != nil {
				continue
			}
			r := ruling{SKU: skus[i], Provenance: lookup.Provenance{AsOf: at, Freshness: lookup.Live}}
			if rule := answer.Value; answer.OK {
				if rule.Scale < 0 || rule.Scale > maxScale {
					out[i].Err = fault.New(fault.BadResponse, "item %s has quantities of %d decimal places; 0 to %d are possible", skus[i], rule.Scale, maxScale)
					continue
				}
				rule.Units = slices.DeleteFunc(rule.Units, func(u Unit) bool { return u.Unit == "" || !u.Valid() })
				r.Rule = &rule
			}
			out[i].Value, out[i].OK = r, true
		}
		return out, nil
	}
}

// Items returns the items. They come from the source unless the copies at hand are young
// enough for the caller; while the source is down, from the last known copies. Others have the same: nobody changes them.
func (s *Service) Items(ctx context.Context, skus []trade.SKU) ([]lookup.Result[*Item], error) {
	return s.items.Answers(ctx, skus)
}

// Rules returns how items may be ordered, as far as there is a limit. They are no older than items may be that are
// shown without asking again. Others have the same: nobody changes them.
func (s *Service) Rules(ctx context.Context, skus []trade.SKU) ([]lookup.Result[*Rule], error) {
	answers, err := s.rules.Answers(lookup.WithMaxAge(ctx, s.Ages().Fresh), skus)
	out := make([]lookup.Result[*Rule], len(answers))
	for i, r := range answers {
		out[i] = lookup.Result[*Rule]{Value: r.Value.Rule, OK: r.Value.Rule != nil, Err: r.Err}
	}
	return out, err
}

// Observe keeps items that a poll of the source reported.
func (s *Service) Observe(ctx context.Context, items []Item) error {
	m := make(map[trade.SKU]*Item, len(items))
	for i := range items {
		m[items[i].SKU] = &items[i]
	}
	return s.store.Save(ctx, m)
}

// Alike returns up to n items whose SKU or name is like a foreign one, the likest first.
func (s *Service) Alike(ctx context.Context, sku, name string, n int) ([]*Item, error) {
	return s.store.Alike(ctx, sku, name, n)
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
	Items   []*Item
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
