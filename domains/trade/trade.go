// Package trade holds the words that two or more domains exchange: money, quantities, the
// names of things, and who is asking.
package trade

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govalues/decimal"
)

// Ids of the things that several domains speak of. AccountID, SKU and NodeID are business
// names given by their owners; OrderID is ours.
type (
	// AccountID is the account number of a sold-to customer in the ERP.
	AccountID string
	// SKU names an item.
	SKU string
	// NodeID names a place that fulfils: an own warehouse or a 3PL site.
	NodeID string
	// OrderID is the identity of an order in Crossdock.
	OrderID string
	// Unit is a unit of measure by UN/ECE Recommendation 20, or the ERP's own code.
	Unit string
	// Currency is an ISO 4217 code.
	Currency string
)

// Decimal is an exact decimal number of at most 19 digits.
type Decimal = decimal.Decimal

// ParseDecimal reads a decimal number. It fails on anything that is not exact.
func ParseDecimal(s string) (Decimal, error) {
	d, err := decimal.Parse(strings.TrimSpace(s))
	if err != nil {
		return Decimal{}, fmt.Errorf("%q is not a decimal number of at most 19 digits", s)
	}
	return d, nil
}

// MustDecimal is ParseDecimal for constants.
func MustDecimal(s string) Decimal { return decimal.MustParse(s) }

// Sum adds decimals. It panics past 19 digits, which no sum of stock or money here reaches.
func Sum(ds ...Decimal) Decimal {
	var total Decimal
	for _, d := range ds {
		if d == (Decimal{}) { // as most of what is taken off is
			continue
		}
		var err error
		if total, err = total.Add(d); err != nil {
			panic(err)
		}
	}
	return total
}

// Less returns a minus b.
func Less(a, b Decimal) Decimal { return Sum(a, b.Neg()) }

// Min returns the smaller of a and b.
func Min(a, b Decimal) Decimal { return a.Min(b) }

// Money is an exact amount in one currency. Unit prices may have more places than the
// currency has; totals are rounded once, by Round.
type Money struct {
	Amount   Decimal  `json:"amount"`
	Currency Currency `json:"currency"`
}

// Plus adds two amounts of one currency.
func (m Money) Plus(o Money) Money {
	if m.Currency == "" {
		return o
	}
	return Money{Sum(m.Amount, o.Amount), m.Currency}
}

// Times multiplies by a quantity without rounding to the currency.
func (m Money) Times(q Decimal) Money {
	a, err := m.Amount.Mul(q)
	if err != nil {
		panic(err)
	}
	return Money{a, m.Currency}
}

// Round returns m at the currency's minor unit, half to even.
func (m Money) Round() Money {
	return Money{m.Amount.Round(m.Currency.Places()), m.Currency}
}

func (m Money) String() string { return m.Amount.String() + " " + string(m.Currency) }

// NoCurrency is ISO 4217's code for amounts whose currency is not known.
const NoCurrency Currency = "XXX"

// Places is the number of decimal places of the currency's minor unit (ISO 4217).
func (c Currency) Places() int {
	switch c {
	case "JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF", "PYG", "UGX":
		return 0
	case "BHD", "JOD", "KWD", "OMR", "TND":
		return 3
	default:
		return 2
	}
}

// Valid reports whether the code has the form of ISO 4217.
func (c Currency) Valid() bool {
	return len(c) == 3 && strings.IndexFunc(string(c), func(r rune) bool { return r < 'A' || r > 'Z' }) < 0
}

// Quantity is an exact number of a unit.
type Quantity struct {
	Value Decimal `json:"value"`
	Unit  Unit    `json:"unit"`
}

func (q Quantity) String() string { return q.Value.String() + " " + string(q.Unit) }

// Address is where goods or papers go.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postalCode"`
	Country    string `json:"country"`
	Phone      string `json:"phone,omitempty"`
	Email      string `json:"email,omitempty"`
}

// Date is a business date without a zone, as YYYY-MM-DD.
type Date string

// Viewer is who is asking and what they may see. The zero Viewer may see nothing.
type Viewer struct {
	// Subject is the person or program, Client the application it came through.
	Subject string
	Client  string
	// Application is that as the token names it; empty where it does not, and Client is the subject.
	Application string
	Name        string
	Role        string
	// Accounts are the accounts whose rows it may see; AllAccounts lifts that limit.
	Accounts    []AccountID
	AllAccounts bool
	Scopes      []string
	// Until is when the proof of all this ends; zero for our own processes.
	Until time.Time
}

// Expired reports whether the viewer must prove anew who it is.
func (v Viewer) Expired(now time.Time) bool { return !v.Until.IsZero() && now.After(v.Until) }

// MaySee reports whether rows of the account are the viewer's to see.
func (v Viewer) MaySee(a AccountID) bool {
	return v.AllAccounts || slices.Contains(v.Accounts, a)
}

// Has reports whether the viewer holds the scope.
func (v Viewer) Has(scope string) bool { return slices.Contains(v.Scopes, scope) }

// System returns the viewer that our own processes act as.
func System(process string) Viewer {
	return Viewer{Subject: "system:" + process, Client: "crossdock", Name: process, Role: "SYSTEM", AllAccounts: true}
}

// Severity is what a finding does to an order.
type Severity string

// A finding rejects, holds, changes or only remarks.
const (
	Reject Severity = "REJECT"
	Hold   Severity = "HOLD"
	Change Severity = "CHANGE"
	Warn   Severity = "WARN"
)

// Evidence is what a check saw, as JSON for whoever must decide.
type Evidence map[string]any

// String returns the evidence as one line of JSON.
func (e Evidence) String() string {
	b, err := json.Marshal(e)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// Part is a quantity of one order line: what is allocated, worked on, shipped or returned.
type Part struct {
	Line     int     `json:"line"`
	SKU      SKU     `json:"sku"`
	Quantity Decimal `json:"quantity"`
	Unit     Unit    `json:"unit"`
}

// Measure is the part's quantity with its unit.
func (p Part) Measure() Quantity { return Quantity{p.Quantity, p.Unit} }
