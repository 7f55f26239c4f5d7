package orders

import "crossdock/domains/trade"

// CheckCredit is what the credit check sees.
func CheckCredit(p Policy, position CreditPosition, total trade.Money) []Finding {
	e := &evaluation{policy: p}
	e.credit(position, total)
	return e.findings
}

// CheckRepeats is what the check of PO numbers sees.
func CheckRepeats(p Policy, po string, earlier []Earlier) []Finding {
	e := &evaluation{policy: p, draft: Draft{PONumber: po}}
	e.repeats(earlier)
	return e.findings
}
