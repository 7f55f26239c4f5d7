package orders

import (
	"fmt"
	"time"

	"crossdock/domains/trade"
)

// CreditPosition is what an account may still spend, before the order in question.
type CreditPosition struct {
	// Known is false when the ERP's figure is missing or too old to decide on.
	Known bool
	// Limit is nil when the account has none set; the ERP's zero means that too.
	Limit *trade.Decimal
	// LimitUntil is the last day on which it may be used; empty where it has no end.
	LimitUntil trade.Date
	Balance    trade.Decimal
	OpenOrders trade.Decimal
	// Exposed is what was accepted here and is not in the ERP's figure yet.
	Exposed trade.Decimal
	Overdue trade.Decimal
	// Late are the invoices that are overdue, as far as they are known here, the oldest first.
	Late     []LateInvoice
	Currency trade.Currency
	Source   string
	AsOf     time.Time
}

// LateInvoice is an invoice that is overdue.
type LateInvoice struct {
	Number    string
	DueOn     trade.Date
	Remaining trade.Decimal
}

// credit holds the order against what the account may still spend. It is the last check, since it needs the order's
// value, and it is made in the transaction that counts the order.
func (e *evaluation) credit(p CreditPosition, total trade.Money) {
	if !p.Known {
		if !e.facts.missing(needCredit) {
			e.see(sourceUnavailable, sight{path: needCredit, message: "the account's credit figure is too old to decide on", remedy: "wait: the order is checked again when the source answers"})
			e.findings[len(e.findings)-1].Evaluated = false
		}
		return
	}
	rule := e.policy.Credit
	see := func(code, path, message, remedy string, evidence trade.Evidence) {
		e.see(code, sight{path: path, message: message, remedy: remedy, source: p.Source, asOf: p.AsOf, evidence: evidence})
	}
	if p.Limit == nil {
		see(creditNone, "accountId", "the account has no credit limit", "set one in the ERP", nil)
	} else {
		usable, used := share(*p.Limit, rule.Threshold), trade.Sum(p.Balance, p.Exposed)
		if rule.OpenOrders {
			used = trade.Sum(used, p.OpenOrders)
		}
		value := trade.Sum(total.Amount, share(total.Amount, rule.Surcharge))
		available := trade.Less(usable, used)
		asOf := p.AsOf.UTC().Format(time.RFC3339)
		evidence := trade.Evidence{
			"limit": p.Limit.String(), "threshold": rule.Threshold.String(), "available": available.String(), "order": value.String(), "terms": []any{
				trade.Evidence{"name": "balance", "amount": p.Balance.String(), "source": p.Source, "asOf": asOf, "counts": true},
				trade.Evidence{"name": "openOrders", "amount": p.OpenOrders.String(), "source": p.Source, "asOf": asOf, "counts": rule.OpenOrders},
				trade.Evidence{"name": "acceptedHere", "amount": p.Exposed.String(), "source": "crossdock", "counts": true},
			},
		}
		if until := p.LimitUntil; until != "" && until < trade.DateOf(p.AsOf) {
			see(creditExpired, "accountId", fmt.Sprintf("the account's credit limit could be used until %s", until), "have the limit reviewed in the ERP", trade.Evidence{"limit": p.Limit.String(), "until": string(until)})
		}
		switch {
		case value.IsZero() && available.IsNeg():
			see(creditExceeded, "lines", fmt.Sprintf("the account owes and has ordered %s more than it may", available.Neg()), "pay open invoices, or ask for a release", evidence)
		case value.Cmp(available) > 0:
			see(creditExceeded, "lines", fmt.Sprintf("the order's %s exceeds the available credit of %s", trade.Money{Amount: value, Currency: total.Currency}, available), "pay open invoices, or ask for a release", evidence)
		case rule.Watch.IsPos() && trade.Sum(used, value).Cmp(share(*p.Limit, rule.Watch)) > 0:
			see(creditWatch, "lines", fmt.Sprintf("more than %s %% of the credit limit is used", rule.Watch), "", evidence)
		}
	}
	e.overdue(p)
}

// overdue holds the order against what is overdue: how much, or for how long.
func (e *evaluation) overdue(p CreditPosition) {
	rule, today := e.policy.Overdue, trade.DateOf(p.AsOf)
	s := sight{
		path: "accountId", remedy: "pay the overdue invoices", source: p.Source, asOf: p.AsOf,
		evidence: trade.Evidence{"overdue": p.Overdue.String(), "tolerated": rule.Amount.String()},
	}
	var invoices []any
	for _, l := range p.Late {
		invoices = append(invoices, trade.Evidence{"number": l.Number, "dueOn": string(l.DueOn), "days": l.DueOn.Until(today), "remaining": l.Remaining.String()})
	}
	if len(invoices) > 0 {
		s.evidence["invoices"] = invoices
	}
	switch {
	case p.Overdue.Cmp(rule.Amount) > 0:
		s.message = fmt.Sprintf("%s %s is overdue", p.Overdue, p.Currency)
	case rule.Days != nil && len(p.Late) > 0 && p.Late[0].DueOn.Until(today) > *rule.Days:
		s.message, s.evidence["days"] = fmt.Sprintf("invoice %s has been due since %s", p.Late[0].Number, p.Late[0].DueOn), *rule.Days
	default:
		return
	}
	e.see(overdueBalance, s)
}
