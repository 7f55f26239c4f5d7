package orders

import (
	"slices"

	"crossdock/domains/trade"
)

// Effect is what a finding of a check does to an order.
type Effect string

// The effects, from the mildest on. A check that is off is not made.
const (
	Off       Effect = "OFF"
	Warns     Effect = Effect(trade.Warn)
	ChangesIt Effect = Effect(trade.Change)
	Holds     Effect = Effect(trade.Hold)
	Rejects   Effect = Effect(trade.Reject)
)

// Effects are all of them, from the mildest on.
func Effects() []Effect { return []Effect{Off, Warns, ChangesIt, Holds, Rejects} }

// milder reports whether e does less to an order than f.
func (e Effect) milder(f Effect) bool {
	return slices.Index(Effects(), e) < slices.Index(Effects(), f)
}

// Check is one entry of the catalogue: something that intake looks at.
type Check struct {
	// Code is what findings and rules call it.
	Code string
	// Effect is what a finding does where the rules say nothing, Least the mildest that they may say.
	Effect Effect
	Least  Effect
	// Needs are the facts without which it cannot be made.
	Needs []string
	// About is what it looks at, for people.
	About string
}

// The facts that checks need, as Missing.What names them.
const (
	needAccount = "account"
	needItems   = "items"
	needRules   = "rules"
	needPrices  = "prices"
	needCredit  = "credit"
	needStock   = "availability"
)

// The codes that the code itself speaks of.
const (
	sanity            = "SANITY"
	tooManyLines      = "TOO_MANY_LINES"
	customerUnknown   = "CUSTOMER_UNKNOWN"
	customerStopped   = "CUSTOMER_STOPPED"
	poRequired        = "PO_REQUIRED"
	duplicatePO       = "DUPLICATE_PO"
	currencyMismatch  = "CURRENCY_MISMATCH"
	termsMismatch     = "PAYMENT_TERMS_MISMATCH"
	shipToInvalid     = "SHIP_TO_INVALID"
	shipToRestricted  = "SHIP_TO_RESTRICTED"
	orderMin          = "ORDER_MIN_VALUE"
	orderMax          = "ORDER_MAX_VALUE"
	itemUnknown       = "ITEM_UNKNOWN"
	itemBlocked       = "ITEM_BLOCKED"
	notInAssortment   = "ITEM_NOT_IN_ASSORTMENT"
	itemRestricted    = "ITEM_RESTRICTED"
	duplicateLine     = "DUPLICATE_LINE"
	uomInvalid        = "UOM_INVALID"
	qtyPrecision      = "QTY_PRECISION"
	qtyMin            = "QTY_MIN"
	qtyMax            = "QTY_MAX"
	qtyMultiple       = "QTY_MULTIPLE"
	priceMissing      = "PRICE_MISSING"
	priceTolerance    = "PRICE_TOLERANCE"
	priceOverridden   = "PRICE_OVERRIDDEN"
	quoteUnknown      = "QUOTE_UNKNOWN"
	quoteExpired      = "QUOTE_EXPIRED"
	quoteNotMet       = "QUOTE_NOT_MET"
	marginFloor       = "MARGIN_BELOW_FLOOR"
	taxContext        = "TAX_CONTEXT_INCOMPLETE"
	atpShort          = "ATP_SHORT"
	creditExceeded    = "CREDIT_LIMIT_EXCEEDED"
	creditNone        = "CREDIT_LIMIT_NONE"
	creditWatch       = "CREDIT_WATCH"
	overdueBalance    = "OVERDUE_BALANCE"
	approvalRequired  = "APPROVAL_REQUIRED"
	sourceUnavailable = "SOURCE_UNAVAILABLE"
	shortPick         = "SHORT_PICK"
)

// review is what a finding that is not for buyers' eyes is called in front of them.
const review = "REVIEW"

// Catalogue is every check, in the order in which they are made.
func Catalogue() []Check {
	return []Check{
		{sanity, Rejects, Rejects, nil, "the order makes sense in itself"},
		{tooManyLines, Rejects, Rejects, nil, "the order has no more lines than can be taken"},
		{sourceUnavailable, Holds, Holds, nil, "every source that is needed has answered, with figures that are young enough"},
		{customerUnknown, Rejects, Rejects, []string{needAccount}, "the account exists"},
		{customerStopped, Rejects, Holds, []string{needAccount}, "the account takes new orders"},
		{poRequired, Rejects, Off, []string{needAccount}, "there is a PO number where the account's terms need one"},
		{currencyMismatch, Rejects, Rejects, []string{needAccount}, "order, account and prices are in one currency"},
		{termsMismatch, Holds, Off, []string{needAccount}, "the payment terms asked for are the account's"},
		{shipToInvalid, Rejects, Rejects, []string{needAccount}, "the ship-to is complete, and one of the account's where it is named"},
		{shipToRestricted, Holds, Warns, nil, "goods may be sent there"},
		{taxContext, Holds, Warns, []string{needAccount, needItems}, "account and items have what a tax is calculated from"},
		{approvalRequired, Holds, Holds, nil, "somebody on the buyer's side approves the order, where the account's approval rules say so"},
		{duplicatePO, Holds, Off, nil, "the same order was not placed under the same PO number lately"},
		{orderMin, Holds, Off, []string{needPrices}, "the order is worth enough"},
		{orderMax, Holds, Off, []string{needPrices}, "the order is not worth more than one order may be"},
		{itemUnknown, Rejects, Rejects, []string{needItems}, "the item exists"},
		{itemBlocked, Rejects, Holds, []string{needItems}, "the item is sold"},
		{notInAssortment, Rejects, Off, []string{needItems}, "the item is sold to this account"},
		{itemRestricted, Holds, Warns, []string{needItems}, "the item may be sent there"},
		{duplicateLine, Warns, Off, nil, "an item is on one line only"},
		{uomInvalid, Rejects, Rejects, []string{needItems}, "the item is ordered in a unit that it is sold in"},
		{qtyPrecision, Rejects, Rejects, []string{needItems, needRules}, "the quantity has no more decimal places than the unit"},
		{qtyMin, Rejects, Off, []string{needItems, needRules}, "the quantity is not below the smallest order"},
		{qtyMax, Rejects, Off, []string{needItems}, "the quantity is not above the largest order"},
		{qtyMultiple, Rejects, Off, []string{needItems, needRules}, "the quantity is whole packs"},
		{priceMissing, Holds, Holds, []string{needPrices}, "there is a price"},
		{quoteUnknown, Rejects, Rejects, nil, "the quote that the order names is the account's"},
		{quoteExpired, Holds, Warns, nil, "the quote is valid when the order is placed"},
		{quoteNotMet, Warns, Off, nil, "every line orders at least what was quoted"},
		{priceOverridden, Warns, Warns, nil, "no price was set in place of the ERP's"},
		{priceTolerance, Holds, Off, []string{needPrices}, "the price is the one that the buyer expects, or close to it"},
		{marginFloor, Holds, Off, []string{needPrices, needItems}, "the price leaves enough above the cost; not shown to buyers"},
		{atpShort, Holds, Holds, []string{needStock}, "everything can be promised; what happens otherwise is the account's backorder policy"},
		{creditNone, Off, Off, []string{needCredit}, "a credit limit is set"},
		{creditExceeded, Holds, Warns, []string{needCredit}, "the order fits in the available credit"},
		{creditWatch, Warns, Off, []string{needCredit}, "not nearly all of the credit is used"},
		{overdueBalance, Holds, Off, []string{needCredit}, "nothing is overdue beyond what is tolerated"},
	}
}

// checkOf is the catalogue's entry of a code.
func checkOf(code string) (Check, bool) {
	all := Catalogue()
	if i := slices.IndexFunc(all, func(c Check) bool { return c.Code == code }); i >= 0 {
		return all[i], true
	}
	return Check{}, false
}
