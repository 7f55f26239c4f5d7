package orders

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Quote is prices that an account was promised until a time. Orders that name it are taken at them.
type Quote struct {
	ID       string          `json:"id"`
	Number   string          `json:"number"`
	Account  trade.AccountID `json:"account"`
	Currency trade.Currency  `json:"currency"`
	Lines    []QuoteLine     `json:"lines"`
	Total    trade.Money     `json:"total"`
	// ValidUntil is up to when an order that names it is taken at its prices.
	ValidUntil time.Time `json:"validUntil"`
	Note       string    `json:"note,omitempty"`
	CreatedBy  string    `json:"createdBy"`
	CreatedAt  time.Time `json:"createdAt"`
}

// QuoteLine is the price of an item from a quantity on.
type QuoteLine struct {
	SKU         trade.SKU      `json:"sku"`
	Description string         `json:"description,omitempty"`
	Quantity    trade.Quantity `json:"quantity"`
	UnitPrice   trade.Money    `json:"unitPrice"`
	Amount      trade.Money    `json:"amount"`
	// Overridden is why the price is not the ERP's, empty when it is.
	Overridden string `json:"overridden,omitempty"`
}

// PriceOverride is a price that somebody with the right to sets in place of the ERP's.
type PriceOverride struct {
	UnitPrice trade.Money `json:"unitPrice"`
	Reason    string      `json:"reason"`
}

// OverridePrices is the right to set prices.
const OverridePrices = "pricing:override"

// mayOverride returns an error when the draft sets prices that the viewer may not set.
func (d Draft) mayOverride(who trade.Viewer) error {
	for i, l := range d.Lines {
		switch o := l.Override; {
		case o == nil:
		case !who.Has(OverridePrices):
			return fault.New(fault.Denied, "prices are set with the scope %q", OverridePrices).At(path(i, "priceOverride"))
		case len(strings.TrimSpace(o.Reason)) < 3:
			return fault.New(fault.Invalid, "a price that is set needs a reason of at least 3 characters").At(path(i, "priceOverride.reason"))
		case o.UnitPrice.Amount.IsNeg() || o.UnitPrice.Amount.Cmp(most()) > 0:
			return fault.New(fault.Invalid, "a price of %s", o.UnitPrice).At(path(i, "priceOverride.unitPrice"))
		}
	}
	return nil
}

// of is the quote's price of a line, nil when it has none for it: the item in the unit, and at least the quantity.
func (q *Quote) of(l Line) *QuoteLine {
	var best *QuoteLine
	for i := range q.Lines {
		is := &q.Lines[i]
		if is.SKU == l.SKU && is.Quantity.Unit == l.Quantity.Unit && is.Quantity.Value.Cmp(l.Quantity.Value) <= 0 && (best == nil || is.Quantity.Value.Cmp(best.Quantity.Value) > 0) {
			best = is
		}
	}
	return best
}

// agreed is the price that was agreed of a line: what somebody set, or what was quoted; nil when the ERP's counts.
func (e *evaluation) agreed(l *lining) *trade.Money {
	if o := e.draft.Lines[l.i].Override; o != nil {
		if o.UnitPrice.Currency != e.currency {
			e.sees(l, currencyMismatch, sight{path: l.at("priceOverride.unitPrice.currency"), message: fmt.Sprintf("a price in %s on an order in %s", o.UnitPrice.Currency, e.currency), remedy: "give the price in " + string(e.currency)})
			return nil
		}
		evidence := trade.Evidence{"set": o.UnitPrice.Amount.String(), "by": e.draft.By, "reason": o.Reason}
		if is, ok := e.facts.Prices[l.i]; ok {
			evidence["ours"], evidence["priceList"] = is.UnitPrice.Amount.String(), is.List
		}
		e.sees(l, priceOverridden, sight{path: l.at("priceOverride"), message: fmt.Sprintf("%s was set as the price by %s: %s", o.UnitPrice, e.draft.By, o.Reason), evidence: evidence})
		return &o.UnitPrice
	}
	q := e.facts.Quote
	if q == nil || e.draft.At.After(q.ValidUntil) || q.Currency != e.currency {
		return nil
	}
	if is := q.of(l.Line); is != nil {
		return &is.UnitPrice
	}
	e.see(quoteNotMet, sight{path: l.at("quantity"), message: fmt.Sprintf("quote %s has no price for %s of %s: today's is taken", q.Number, l.Quantity, l.SKU), remedy: "order at least what was quoted", evidence: trade.Evidence{"quote": q.Number}})
	return nil
}

// quote looks at the quote that the order names.
func (e *evaluation) quote() {
	q := e.facts.Quote
	switch {
	case e.draft.Quote == "":
	case q == nil:
		e.see(quoteUnknown, sight{path: "quote", message: fmt.Sprintf("account %s has no quote %q", e.draft.Account, e.draft.Quote), remedy: "use a quote that account.quotes lists, or leave it out"})
	case e.draft.At.After(q.ValidUntil):
		e.see(quoteExpired, sight{path: "quote", message: fmt.Sprintf("quote %s was valid until %s: today's prices are taken", q.Number, q.ValidUntil.UTC().Format(time.RFC3339)), remedy: "accept today's prices, or ask for another quote", evidence: trade.Evidence{"quote": q.Number, "validUntil": q.ValidUntil.UTC().Format(time.RFC3339)}})
	}
}

// Validity of quotes.
const (
	maxValidity = 366 * 24 * time.Hour
	validity    = 14 * 24 * time.Hour
)

// MakeQuote promises the draft's prices as they are now, or as somebody with the right to sets them, until a time; two weeks where
// none is given. A line that could not be sold to the account is refused.
func (s *Service) MakeQuote(ctx context.Context, who trade.Viewer, d Draft, until *time.Time, note string) (*Quote, []Finding, error) {
	if !who.MaySee(d.Account) {
		return nil, nil, fault.New(fault.Denied, "you may not ask for account %q: use one that viewer.accounts lists", d.Account).At("accountId")
	}
	if err := d.mayOverride(who); err != nil {
		return nil, nil, err
	}
	now := s.now()
	if until == nil {
		at := now.Add(validity)
		until = &at
	}
	if !until.After(now) || until.Sub(now) > maxValidity {
		return nil, nil, fault.New(fault.Invalid, "a quote until %s: it is valid for up to a year from now", until.UTC().Format(time.RFC3339)).At("validUntil")
	}
	if len(note) > 1000 {
		return nil, nil, fault.New(fault.Invalid, "a note of %d characters; the limit is 1000", len(note)).At("note")
	}
	rules, err := s.store.rules(ctx)
	if err != nil {
		return nil, nil, err
	}
	d.By, d.At = who.Subject, now
	c := &Considered{Draft: d}
	if len(Structure(d, trade.DateOf(now))) == 0 {
		c.Facts = s.facts.Gather(ctx, d, Needs{})
	}
	o, _ := c.order(rules.For(d.Account), now)
	if slices.ContainsFunc(o.Findings, func(f Finding) bool { return f.Severity == trade.Reject }) ||
		slices.ContainsFunc(o.Lines, func(l Line) bool { return l.Outcome == LineHeld }) {
		return nil, o.Findings, nil
	}
	o.count()
	q := &Quote{ID: postgres.NewID(), Account: d.Account, Currency: o.Currency, Total: o.Total, ValidUntil: *until, Note: note, CreatedBy: who.Subject, CreatedAt: now}
	for i, l := range o.Lines {
		line := QuoteLine{SKU: l.SKU, Description: l.Description, Quantity: l.Quantity, UnitPrice: l.UnitPrice, Amount: l.Amount}
		if set := d.Lines[i].Override; set != nil {
			line.Overridden = set.Reason
		}
		q.Lines = append(q.Lines, line)
	}
	err = s.store.inTx(ctx, func(tx postgres.Tx) error {
		if err := s.store.keepQuote(ctx, tx, q); err != nil {
			return err
		}
		e := event.New(event.Stream{Kind: "quote", ID: q.ID}, "quote.made", now, map[string]any{"number": q.Number, "total": q.Total, "validUntil": q.ValidUntil, "by": who.Subject})
		e.AccountID = string(q.Account)
		return postgres.Append(ctx, tx, e)
	})
	return q, o.Findings, err
}

// Quotes are the latest quotes of accounts that the viewer may see, the latest first.
func (s *Service) Quotes(ctx context.Context, who trade.Viewer, accounts []trade.AccountID, first int) (map[trade.AccountID][]*Quote, error) {
	if first < 1 || first > MaxPage {
		return nil, fault.New(fault.Invalid, "a page of %d; ask for 1 to %d", first, MaxPage).At("first")
	}
	return s.store.quotes(ctx, who, accounts, first)
}
