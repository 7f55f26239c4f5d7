package orders

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"crossdock/domains/trade"
)

// Limits of one draft.
const (
	MaxLines = 1000
	maxText  = 200
)

// Draft is an order as its channel asks for it, before anything was checked.
type Draft struct {
	Account       trade.AccountID `json:"account"`
	PONumber      string          `json:"poNumber,omitempty"`
	Currency      trade.Currency  `json:"currency,omitempty"`
	RequestedDate trade.Date      `json:"requestedDate,omitempty"`
	ShipToID      string          `json:"shipToId,omitempty"`
	ShipTo        *trade.Address  `json:"shipTo,omitempty"`
	// Terms are the payment terms that the buyer asks for; empty for the account's.
	Terms string `json:"terms,omitempty"`
	// Service is how the goods are to be sent, by a name that nodes know; empty for how they like.
	Service string `json:"service,omitempty"`
	// Promotion is what the buyer orders by, by the ERP's name for it.
	Promotion string `json:"promotion,omitempty"`
	// ShipComplete is whether nothing is to be sent before everything can be.
	ShipComplete bool `json:"shipComplete,omitempty"`
	// Whole is whether it is turned down as a whole when a line is.
	Whole bool `json:"whole,omitempty"`
	// By is who places it. It is not part of what a repeat must repeat.
	By string `json:"by,omitempty"`
	// AmendedBy and AmendedAt are who changes it and when, where it was placed before.
	AmendedBy string    `json:"amendedBy,omitempty"`
	AmendedAt time.Time `json:"amendedAt,omitzero"`
	// At is when it was placed, by which quotes are valid.
	At time.Time `json:"at,omitzero"`
	// ShipToKept and DateKept are true of what an order has already: it is not looked at again.
	ShipToKept bool `json:"shipToKept,omitempty"`
	DateKept   bool `json:"dateKept,omitempty"`
	// Quote is the number of the quote that it is placed by.
	Quote   string      `json:"quote,omitempty"`
	Lines   []DraftLine `json:"lines"`
	Channel Channel     `json:"channel"`
	// ChannelSource and ChannelRef name the order in the system it was placed in.
	ChannelSource string `json:"channelSource,omitempty"`
	ChannelRef    string `json:"channelRef,omitempty"`
}

// DraftLine is one line as asked for. A nil price accepts ours.
type DraftLine struct {
	SKU               trade.SKU      `json:"sku"`
	Quantity          trade.Quantity `json:"quantity"`
	ExpectedUnitPrice *trade.Money   `json:"expectedUnitPrice,omitempty"`
	// Ordered is what was ordered, where the quantity is that in the item's own unit.
	Ordered *Ordered `json:"ordered,omitempty"`
	// Called is what the channel calls the item, where that is something else.
	Called trade.SKU `json:"called,omitempty"`
	// Gone is true of a line of an order that was taken off it.
	Gone bool `json:"gone,omitempty"`
	// Override is a price that is set in place of the ERP's.
	Override *PriceOverride `json:"override,omitempty"`
}

// Facts are what the owners of the facts said about a draft. A nil Account or an absent item
// does not exist; what could not be asked is in Missing.
type Facts struct {
	Account *AccountFact
	Items   map[trade.SKU]ItemFact
	// Prices are by position of the draft's lines.
	Prices map[int]PriceFact
	// Quote is the quote that the draft names, nil when there is none.
	Quote *Quote
	// Services are how nodes can send, where the order asks for a service.
	Services []ServiceFact `json:",omitempty"`
	// Lots are what lies at nodes by lot, of items that are kept in lots, where it matters.
	Lots map[trade.SKU]map[trade.NodeID][]LotFact `json:",omitempty"`
	// Arrivals are what nodes expect of the items that there is too little of now.
	Arrivals map[trade.SKU][]trade.Dated `json:",omitempty"`
	Missing  []Missing
}

// ServiceFact is a way in which a node can send, and the categories of items that it does not send so.
type ServiceFact struct {
	Name    string
	Refuses []string `json:",omitempty"`
}

// LotFact is what lies at a node of one lot of an item.
type LotFact struct {
	Number  string
	OnHand  trade.Decimal
	Expires trade.Date `json:",omitempty"`
	Blocked bool       `json:",omitempty"`
}

// Missing is a fact that its source did not give.
type Missing struct {
	// What is "account", "items", "rules", "prices", "credit", "availability" or "lots".
	What   string
	Source string
	Reason string
}

// AccountFact is what intake needs to know of a sold-to customer.
type AccountFact struct {
	ID         trade.AccountID
	Name       string
	Currency   trade.Currency
	Stopped    string // why new orders are refused, empty when they are not
	PORequired bool
	Terms      string
	TaxContext bool // whether the tax area and liability are known
	TaxExempt  bool // whether the ERP takes no tax from it
	// Certificates are what exempts it, whatever their state.
	Certificates []Exemption `json:",omitempty"`
	ShipTos      map[string]trade.Address
	DefaultTo    trade.Address
	Source       string
	AsOf         time.Time
}

// Exemption is a certificate that exempts an account from tax.
type Exemption struct {
	Number string
	// Places are where it does, Categories those of the items that it covers; none are all.
	Places     []string
	Categories []string `json:",omitempty"`
	From       trade.Date
	Until      trade.Date `json:",omitempty"`
	// State is ACTIVE, PENDING or REVOKED.
	State string
}

// ItemFact is what intake needs to know of an item.
type ItemFact struct {
	SKU      trade.SKU
	Name     string
	Category string
	// Cost is what one costs us, where the ERP tells. It is not for buyers' eyes.
	Cost    *trade.Money
	Blocked string // why it is not sold, empty when it is
	// Discontinued is whether it is no longer made or bought, and Successor what takes its place, where that is known.
	Discontinued bool      `json:",omitempty"`
	Successor    trade.SKU `json:",omitempty"`
	Unit         trade.Unit
	// Rule is how it may be ordered; nil when nothing is known to limit that.
	Rule     *QuantityRule
	TaxClass string
	Source   string
	AsOf     time.Time
}

// QuantityRule is how an item may be ordered, in its unit.
type QuantityRule struct {
	Minimum  trade.Decimal
	Multiple trade.Decimal
	// Scale is the number of decimal places that the unit allows.
	Scale int
	// Units are the other units in which it may be ordered: how many of the item's own each is.
	Units map[trade.Unit]trade.Ratio `json:",omitempty"`
}

// PriceFact is the customer's price of one draft line.
type PriceFact struct {
	// Unit is what UnitPrice is for one of; empty where the ERP does not say.
	Unit      trade.Unit
	UnitPrice trade.Money
	// Breaks are the prices from quantities on, in the order's unit.
	Breaks []PriceBreak
	List   string
	// Until is the last day on which it is the price; empty where it has no end.
	Until trade.Date `json:",omitempty"`
	// Promotions are those that it comes about by.
	Promotions []string `json:",omitempty"`
	Source     string
	AsOf       time.Time
}

// PriceBreak is the price from a quantity on.
type PriceBreak struct {
	From      trade.Decimal
	UnitPrice trade.Money
}

// most bounds a quantity and a unit price, so that what follows from them can be counted exactly.
func most() trade.Decimal { return trade.MustDecimal("100000000") }

// Structure returns what is wrong with the draft in itself, before any source is asked.
func Structure(d Draft, today trade.Date) []Finding {
	var fs findings
	switch n := len(d.Lines); {
	case n == 0:
		fs.add(sanity, "lines", "an order needs at least one line", "add a line")
	case n > MaxLines:
		fs.add(tooManyLines, "lines", fmt.Sprintf("the order has %d lines; the limit is %d", n, MaxLines), "split the order")
		return fs
	}
	if len(d.PONumber) > 35 {
		fs.add(sanity, "poNumber", fmt.Sprintf("a PO number of %d characters; the limit is 35", len(d.PONumber)), "shorten the PO number")
	}
	if _, err := time.Parse(time.DateOnly, string(d.RequestedDate)); d.RequestedDate != "" && err != nil {
		fs.add(sanity, "requestedDate", fmt.Sprintf("%q is not a date", d.RequestedDate), "write it as 2026-12-31")
	} else if d.RequestedDate != "" && d.RequestedDate < today && !d.DateKept {
		fs.add(sanity, "requestedDate", fmt.Sprintf("%s is in the past", d.RequestedDate), "ask for today or later, or leave the date out")
	}
	for field, v := range map[string]string{"promotion": d.Promotion, "carrierService": d.Service} {
		if len(v) > maxText {
			fs.add(sanity, field, fmt.Sprintf("a name of %d characters; the limit is %d", len(v), maxText), "use its name, or leave it out")
		}
	}
	if d.Currency != "" && !d.Currency.Valid() {
		fs.add(currencyMismatch, "currency", fmt.Sprintf("%q is not an ISO 4217 code", d.Currency), "use a code such as USD")
	}
	if a := d.ShipTo; a != nil && !d.ShipToKept {
		if country := strings.TrimSpace(a.Country); country != "" && !isoCountry(country) {
			fs.add(shipToInvalid, "shipTo.country", fmt.Sprintf("%q is not an ISO 3166-1 code of two letters", a.Country), "use a code such as US")
		}
		for field, v := range map[string]string{"line1": a.Line1, "city": a.City, "postalCode": a.PostalCode, "country": a.Country} {
			if strings.TrimSpace(v) == "" {
				fs.add(shipToInvalid, "shipTo."+field, field+" is empty", "complete the address")
			}
		}
		for field, v := range map[string]string{"name": a.Name, "line1": a.Line1, "line2": a.Line2, "city": a.City} {
			if len(v) > maxText {
				fs.add(shipToInvalid, "shipTo."+field, fmt.Sprintf("%d characters; the limit is %d", len(v), maxText), "shorten it")
			}
		}
	}
	for i, l := range d.Lines {
		if l.Quantity.Value.Cmp(most()) > 0 {
			fs.add(sanity, path(i, "quantity.value"), fmt.Sprintf("a quantity of %s; the limit is %s", l.Quantity.Value, most()), "order less, or split the order")
		}
		if p := l.ExpectedUnitPrice; p != nil && (p.Amount.IsNeg() || p.Amount.Cmp(most()) > 0) {
			fs.add(sanity, path(i, "expectedUnitPrice.amount"), fmt.Sprintf("a price of %s", p), fmt.Sprintf("give a price from 0 to %s, or leave it out", most()))
		}
		if !l.Quantity.Value.IsPos() {
			fs.add(sanity, path(i, "quantity.value"), fmt.Sprintf("a quantity of %s", l.Quantity.Value), "order more than zero, or leave the line out")
		}
		if strings.TrimSpace(string(l.SKU)) == "" {
			fs.add(sanity, path(i, "sku"), "the SKU is empty", "name an item")
		}
	}
	slices.SortStableFunc(fs, func(a, b Finding) int { return strings.Compare(a.Path, b.Path) })
	return fs
}

func rejected(l Line) Line {
	l.Outcome = LineRejected
	l.Rejected = l.Quantity.Value
	return l
}

func (f Facts) missing(what string) bool {
	return slices.ContainsFunc(f.Missing, func(m Missing) bool { return m.What == what })
}

func path(line int, field string) string { return fmt.Sprintf("lines.%d.%s", line, field) }

type findings []Finding

func (fs *findings) add(code, path, message, remedy string) {
	*fs = append(*fs, sight{path: path, message: message, remedy: remedy}.finding(code, Rejects))
}

func isoCountry(code string) bool {
	return len(code) == 2 && strings.IndexFunc(code, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }) < 0
}
