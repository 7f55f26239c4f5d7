package orders

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"crossdock/domains/trade"
)

// Tax is what an order costs beyond its lines.
type Tax struct {
	Amount trade.Money `json:"amount"`
	// Estimated is true while it is our own estimate, by the rates of the rules; the system of record that registers the
	// order calculates it.
	Estimated bool   `json:"estimated"`
	Source    string `json:"source"`
	// Certificates are the numbers of those that exempt lines.
	Certificates []string  `json:"certificates,omitempty"`
	AsOf         time.Time `json:"asOf"`
}

// on reports whether the certificate covers the ship-to and the item on a day, and else why not, or nothing when it is about
// something else.
func (x Exemption) on(to trade.Address, category string, day trade.Date) (covers bool, why string) {
	named, unclear := Places{Countries: x.Places, Regions: x.Places}.names(to)
	switch {
	case !named && !unclear, len(x.Categories) > 0 && !slices.Contains(x.Categories, category):
		return false, ""
	case unclear:
		return false, "is for regions, and that of the ship-to is no code"
	case x.State != "ACTIVE":
		return false, "is " + x.State
	case day < x.From:
		return false, "is valid from " + string(x.From)
	case x.Until != "" && day > x.Until:
		return false, "has expired on " + string(x.Until)
	}
	return true, ""
}

// exempts is the number of the certificate that covers the ship-to and the item on a day, and else what is wrong with one that
// would.
func (a *AccountFact) exempts(to trade.Address, category string, day trade.Date) (certificate, flawed string) {
	for _, x := range a.Certificates {
		covers, why := x.on(to, category, day)
		if covers {
			return x.Number, ""
		}
		if why != "" {
			flawed = fmt.Sprintf("certificate %s %s", x.Number, why)
		}
	}
	return "", flawed
}

// tax estimates the order's tax, as far as rates and certificates say for every line, and looks at what exempts it. A certificate
// that is pending, expired or revoked exempts nothing. The day is the one on which the order was placed.
func (e *evaluation) tax(o *Order) {
	a := e.facts.Account
	if a == nil || e.facts.missing(needItems) {
		return
	}
	day := trade.DateOf(o.PlacedAt)
	tax := Tax{Amount: trade.Money{Currency: o.Currency}, Estimated: true, Source: "crossdock", AsOf: o.UpdatedAt}
	known, uncovered, flawed := true, false, ""
	for _, l := range o.Lines {
		if l.Outcome == LineRejected || l.Outcome == LineDeleted {
			continue
		}
		item := e.facts.Items[l.SKU]
		certificate, why := a.exempts(o.ShipTo, item.Category, day)
		if certificate != "" {
			tax.Certificates = append(tax.Certificates, certificate)
			continue
		}
		uncovered, flawed = true, cmp.Or(why, flawed)
		if a.TaxExempt {
			continue
		}
		rate, ok := e.policy.rate(o.ShipTo, item)
		known = known && ok
		tax.Amount = tax.Amount.Plus(trade.Money{Amount: share(l.Amount.Amount, rate), Currency: o.Currency}.Round())
	}
	slices.Sort(tax.Certificates)
	tax.Certificates = slices.Compact(tax.Certificates)
	switch {
	case o.Tax != nil && !o.Tax.Estimated: // it has been calculated
	case known:
		o.Tax = &tax
	default:
		o.Tax = nil
	}
	if !uncovered || !a.TaxExempt && flawed == "" {
		return
	}
	s := sight{path: "accountId", message: "no certificate exempts the order", remedy: "record a certificate that covers the ship-to and the items on the day", source: a.Source, asOf: a.AsOf, evidence: trade.Evidence{"shipTo": o.ShipTo.Country + "-" + o.ShipTo.Region, "day": string(day), "exempt": a.TaxExempt}}
	if flawed != "" {
		s.message = flawed + ": tax is charged"
		if a.TaxExempt {
			s.message = flawed + ", and the account is charged no tax"
		}
	}
	e.see(taxExemption, s)
}

// rate is the percentage that tax takes on an item that is sent to a place, false when the rules do not say.
func (p Policy) rate(to trade.Address, item ItemFact) (trade.Decimal, bool) {
	for _, r := range p.Taxes {
		if r.Items != nil && !r.Items.has(item) {
			continue
		}
		if yes, unclear := r.names(to); yes || unclear {
			return r.Percent, yes
		}
	}
	return trade.Decimal{}, false
}

// taxed takes over what a system of record has calculated.
func (o *Order) taxed(source string, tax *trade.Money, at time.Time) (changed bool) {
	if tax == nil || o.Tax != nil && !o.Tax.Estimated && o.Tax.Amount == *tax {
		return false
	}
	var certificates []string
	if o.Tax != nil {
		certificates = o.Tax.Certificates
	}
	o.Tax = &Tax{Amount: *tax, Source: source, Certificates: certificates, AsOf: at}
	return true
}

func (e *evaluation) taxArea() {
	if a := e.facts.Account; a != nil && !a.TaxContext {
		e.see(taxContext, sight{path: "accountId", message: fmt.Sprintf("account %s has no tax area", a.ID), remedy: "complete the account's tax set-up in the ERP", source: a.Source, asOf: a.AsOf})
	}
}
