// Package pricing answers what an account pays. Crossdock calculates no price of its own: the
// ERP's own calculation is asked, with everything that its answer depends on.
package pricing

import (
	"context"
	"encoding/json"
	"time"
	"unique"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Key is one price question, whole: two questions that may have different answers have
// different keys. Quantity is in its canonical form, so that equal numbers are equal keys. An empty
// unit is the one that the ERP sells the item in, an empty date today, and an empty branch or currency
// the account's own.
type Key struct {
	// in is told once for all the questions that share it: they are many, and keys of many maps.
	in       unique.Handle[Context]
	SKU      trade.SKU
	Unit     trade.Unit
	Quantity string
}

// Context is what one calculation of an ERP cannot mix: prices of two contexts are two questions.
type Context struct {
	Account  trade.AccountID
	Date     trade.Date
	Branch   string
	Currency trade.Currency
	// Promotion is what the buyer orders by, by the ERP's name for it; empty for what everybody gets.
	Promotion string
}

// NewKey returns the key of a question.
func NewKey(account trade.AccountID, sku trade.SKU, q trade.Quantity, date trade.Date, currency trade.Currency) Key {
	return Context{Account: account, Date: date, Currency: currency}.Key(sku, q)
}

// Key returns the key of a question in the context.
func (c Context) Key(sku trade.SKU, q trade.Quantity) Key { return c.Keys()(sku, q) }

// Keys makes keys in one context.
type Keys func(trade.SKU, trade.Quantity) Key

// Keys returns what makes keys in the context. For many keys it is cheaper than Key, and again for whoever keeps it: a
// context that nobody has a key of is forgotten, and the next one is made anew.
func (c Context) Keys() Keys {
	in := unique.Make(c)
	return func(sku trade.SKU, q trade.Quantity) Key {
		return Key{in: in, SKU: sku, Unit: q.Unit, Quantity: q.Value.Trim(0).String()}
	}
}

// Context is what the key shares with other questions.
func (k Key) Context() Context {
	if k.in == (unique.Handle[Context]{}) {
		return Context{}
	}
	return k.in.Value()
}

// flat is how a key is stored.
type flat struct {
	Account   trade.AccountID
	SKU       trade.SKU
	Unit      trade.Unit
	Quantity  string
	Date      trade.Date
	Branch    string
	Currency  trade.Currency
	Promotion string `json:",omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (k Key) MarshalJSON() ([]byte, error) {
	in := k.Context()
	return json.Marshal(flat{in.Account, k.SKU, k.Unit, k.Quantity, in.Date, in.Branch, in.Currency, in.Promotion})
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *Key) UnmarshalJSON(raw []byte) error {
	var f flat
	err := json.Unmarshal(raw, &f)
	*k = Key{unique.Make(Context{f.Account, f.Date, f.Branch, f.Currency, f.Promotion}), f.SKU, f.Unit, f.Quantity}
	return err
}

// ByContext are the places of keys, in groups that share their contexts.
func ByContext(keys []Key) [][]int {
	at, of := map[unique.Handle[Context]]int{}, make([]int, len(keys))
	var counts []int
	for i, k := range keys {
		if i > 0 && k.in == keys[i-1].in { // as they mostly are, one after the other
			of[i] = of[i-1]
		} else if n, known := at[k.in]; known {
			of[i] = n
		} else {
			of[i], at[k.in], counts = len(counts), len(counts), append(counts, 0)
		}
		counts[of[i]]++
	}
	groups, room := make([][]int, len(counts)), make([]int, len(keys))
	for g, n := range counts {
		groups[g], room = room[:0:n], room[n:]
	}
	for i, g := range of {
		groups[g] = append(groups[g], i)
	}
	return groups
}

// Price is what the account pays for one unit.
type Price struct {
	Key Key
	// Unit is what UnitPrice is for one of.
	Unit      trade.Unit
	UnitPrice trade.Money
	ListPrice trade.Money
	List      string
	Breaks    []Break
	// Discounts are what is off within UnitPrice.
	Discounts []Discount `json:",omitempty"`
	// Until is the last day on which it is the price; empty where it has no end, or the ERP does not say.
	Until      trade.Date `json:",omitempty"`
	Provenance lookup.Provenance
}

// Discount is what is off the price of one.
type Discount struct {
	// Code is what the ERP calls it.
	Code string `json:"code"`
	// Promotion is whether it is for a time or for who asks, rather than the account's for good.
	Promotion bool        `json:"promotion,omitempty"`
	Amount    trade.Money `json:"amount"`
}

// Break is the price from a quantity on.
type Break struct {
	From      trade.Quantity `json:"from"`
	UnitPrice trade.Money    `json:"unitPrice"`
}

// Source is a system that calculates customer prices, in bulk. It answers each key in its place.
type Source interface {
	// Prices may be shown to others too: nobody changes them.
	Prices(ctx context.Context, keys []Key) ([]lookup.Result[*Price], error)
}

// Service holds the verbs of pricing.
type Service struct {
	store  store
	prices *lookup.Copied[Key, *Price]
}

// New returns pricing over a source. What it says is kept for the minutes in which it is young enough, and the
// hours in which it does not answer.
func New(pool *postgres.Pool, source Source, ages lookup.Ages) *Service {
	kept := store{table(pool)}
	return &Service{kept, lookup.Copy(kept, source.Prices, kept.Provenance, ages)}
}

// Prices answers each key of an account that the viewer may see, as catalog.Service.Items does: nobody changes them.
func (s *Service) Prices(ctx context.Context, who trade.Viewer, keys []Key) ([]lookup.Result[*Price], error) {
	priced := func(k Key) bool {
		in := k.Context()
		return who.MaySee(in.Account) && in.Currency != trade.NoCurrency
	}
	return lookup.Where(ctx, keys, priced, s.prices.Answers)
}

// Forget drops prices that nobody has asked for since a time.
func (s *Service) Forget(ctx context.Context, before time.Time) error {
	return s.store.forget(ctx, before)
}

// Ages are how old what is shown may be.
func (s *Service) Ages() lookup.Ages { return s.prices.Ages() }
