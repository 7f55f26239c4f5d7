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
	// Effect is what a finding does where the rules say nothing, Least the mildest and Most the harshest that they may say; an
	// empty Most is any.
	Effect Effect
	Least  Effect
	// Needs are the facts without which it cannot be made.
	Needs []string
	// About is what it looks at, for people.
	About string
	Most  Effect
}

// Harshest is the most that rules may make of a finding.
func (c *Check) Harshest() Effect {
	if c.Most == "" {
		return Rejects
	}
	return c.Most
}

// The facts that checks need, as Missing.What names them.
const (
	needAccount = "account"
	needItems   = "items"
	needRules   = "rules"
	needPrices  = "prices"
	needCredit  = "credit"
	needStock   = "availability"
	needLots    = "lots"
)

// The codes that the code itself speaks of.
const (
	sanity               = "SANITY"
	tooManyLines         = "TOO_MANY_LINES"
	customerUnknown      = "CUSTOMER_UNKNOWN"
	customerStopped      = "CUSTOMER_STOPPED"
	buyerNotAuthorized   = "BUYER_NOT_AUTHORIZED"
	poRequired           = "PO_REQUIRED"
	blanketExhausted     = "BLANKET_EXHAUSTED"
	duplicatePO          = "DUPLICATE_PO"
	currencyMismatch     = "CURRENCY_MISMATCH"
	termsMismatch        = "PAYMENT_TERMS_MISMATCH"
	shipToInvalid        = "SHIP_TO_INVALID"
	shipToRestricted     = "SHIP_TO_RESTRICTED"
	orderMin             = "ORDER_MIN_VALUE"
	orderMax             = "ORDER_MAX_VALUE"
	itemUnknown          = "ITEM_UNKNOWN"
	itemDiscontinued     = "ITEM_DISCONTINUED"
	itemBlocked          = "ITEM_BLOCKED"
	notInAssortment      = "ITEM_NOT_IN_ASSORTMENT"
	itemRestricted       = "ITEM_RESTRICTED"
	duplicateLine        = "DUPLICATE_LINE"
	uomInvalid           = "UOM_INVALID"
	uomNotConvertible    = "UOM_NOT_CONVERTIBLE"
	qtyPrecision         = "QTY_PRECISION"
	qtyMin               = "QTY_MIN"
	qtyMax               = "QTY_MAX"
	qtyMultiple          = "QTY_MULTIPLE"
	priceMissing         = "PRICE_MISSING"
	priceExpired         = "PRICE_EXPIRED"
	promoInvalid         = "PROMO_INVALID"
	priceTolerance       = "PRICE_TOLERANCE"
	priceOverridden      = "PRICE_OVERRIDDEN"
	quoteUnknown         = "QUOTE_UNKNOWN"
	quoteExpired         = "QUOTE_EXPIRED"
	quoteNotMet          = "QUOTE_NOT_MET"
	marginFloor          = "MARGIN_BELOW_FLOOR"
	serviceInvalid       = "CARRIER_SERVICE_INVALID"
	taxContext           = "TAX_CONTEXT_INCOMPLETE"
	taxExemption         = "TAX_EXEMPT_CERT"
	atpShort             = "ATP_SHORT"
	lotRules             = "LOT_RULES"
	shipCompleteConflict = "SHIP_COMPLETE_CONFLICT"
	dateInfeasible       = "DATE_INFEASIBLE"
	creditExceeded       = "CREDIT_LIMIT_EXCEEDED"
	creditNone           = "CREDIT_LIMIT_NONE"
	creditExpired        = "CREDIT_LIMIT_EXPIRED"
	creditWatch          = "CREDIT_WATCH"
	overdueBalance       = "OVERDUE_BALANCE"
	approvalRequired     = "APPROVAL_REQUIRED"
	sourceUnavailable    = "SOURCE_UNAVAILABLE"
	shortPick            = "SHORT_PICK"
)

// review is what a finding that is not for buyers' eyes is called in front of them.
const review = "REVIEW"

// Catalogue is every check, in the order in which they are made.
func Catalogue() []Check {
	return []Check{
		{Code: sanity, Effect: Rejects, Least: Rejects, About: "the order makes sense in itself"},
		{Code: tooManyLines, Effect: Rejects, Least: Rejects, About: "the order has no more lines than can be taken"},
		{Code: sourceUnavailable, Effect: Holds, Least: Holds, About: "every source that is needed has answered, with figures that are young enough", Most: Holds},
		{Code: customerUnknown, Effect: Rejects, Least: Rejects, Needs: []string{needAccount}, About: "the account exists"},
		{Code: customerStopped, Effect: Rejects, Least: Holds, Needs: []string{needAccount}, About: "the account takes new orders"},
		{Code: buyerNotAuthorized, Effect: Rejects, Least: Warns, Needs: []string{needItems, needPrices}, About: "the buyer may order this, and for so much"},
		{Code: poRequired, Effect: Rejects, Least: Off, Needs: []string{needAccount}, About: "there is a PO number where the account's terms need one"},
		{Code: blanketExhausted, Effect: Holds, Least: Warns, Needs: []string{needPrices}, About: "the agreement that the PO number stands for is valid, and has enough left"},
		{Code: currencyMismatch, Effect: Rejects, Least: Rejects, Needs: []string{needAccount}, About: "order, account and prices are in one currency"},
		{Code: termsMismatch, Effect: Holds, Least: Off, Needs: []string{needAccount}, About: "the payment terms asked for are the account's"},
		{Code: shipToInvalid, Effect: Rejects, Least: Rejects, Needs: []string{needAccount}, About: "the ship-to is complete, and one of the account's where it is named"},
		{Code: shipToRestricted, Effect: Holds, Least: Warns, About: "goods may be sent there"},
		{Code: serviceInvalid, Effect: Holds, Least: Holds, About: "a node sends by the service that is asked for, what is ordered among it"},
		{Code: taxContext, Effect: Holds, Least: Warns, Needs: []string{needAccount, needItems}, About: "account and items have what a tax is calculated from"},
		{Code: taxExemption, Effect: Warns, Least: Off, Needs: []string{needAccount, needItems}, About: "a valid certificate covers what the account is exempt from tax for", Most: Holds},
		{Code: approvalRequired, Effect: Holds, Least: Holds, About: "somebody on the buyer's side approves the order, where the account's approval rules say so", Most: Holds},
		{Code: duplicatePO, Effect: Holds, Least: Off, About: "the same order was not placed under the same PO number lately"},
		{Code: orderMin, Effect: Holds, Least: Off, Needs: []string{needPrices}, About: "the order is worth enough"},
		{Code: orderMax, Effect: Holds, Least: Off, Needs: []string{needPrices}, About: "the order is not worth more than one order may be"},
		{Code: itemUnknown, Effect: Rejects, Least: Rejects, Needs: []string{needItems}, About: "the item exists"},
		{Code: itemBlocked, Effect: Rejects, Least: Holds, Needs: []string{needItems}, About: "the item is sold"},
		{Code: itemDiscontinued, Effect: Rejects, Least: Off, Needs: []string{needItems}, About: "the item is still made or bought"},
		{Code: notInAssortment, Effect: Rejects, Least: Off, Needs: []string{needItems}, About: "the item is sold to this account"},
		{Code: itemRestricted, Effect: Holds, Least: Warns, Needs: []string{needItems}, About: "the item may be sent there"},
		{Code: duplicateLine, Effect: Warns, Least: Off, About: "an item is on one line only", Most: Holds},
		{Code: uomInvalid, Effect: Rejects, Least: Rejects, Needs: []string{needItems}, About: "the item is ordered in a unit that it is sold in"},
		{Code: uomNotConvertible, Effect: Rejects, Least: Rejects, Needs: []string{needItems, needRules}, About: "a quantity in another unit is a whole quantity in the item's own"},
		{Code: qtyPrecision, Effect: Rejects, Least: Rejects, Needs: []string{needItems, needRules}, About: "the quantity has no more decimal places than the unit"},
		{Code: qtyMin, Effect: Rejects, Least: Off, Needs: []string{needItems, needRules}, About: "the quantity is not below the smallest order"},
		{Code: qtyMax, Effect: Rejects, Least: Off, Needs: []string{needItems}, About: "the quantity is not above the largest order"},
		{Code: qtyMultiple, Effect: Rejects, Least: Off, Needs: []string{needItems, needRules}, About: "the quantity is whole packs"},
		{Code: priceMissing, Effect: Holds, Least: Holds, Needs: []string{needPrices}, About: "there is a price"},
		{Code: priceExpired, Effect: Holds, Least: Warns, Needs: []string{needPrices}, About: "the price is valid on the day of the order; that it ends before the day that the goods are wanted on is remarked"},
		{Code: promoInvalid, Effect: Warns, Least: Off, Needs: []string{needPrices}, About: "the promotion that the buyer orders by takes something off"},
		{Code: quoteUnknown, Effect: Rejects, Least: Rejects, About: "the quote that the order names is the account's"},
		{Code: quoteExpired, Effect: Holds, Least: Warns, About: "the quote is valid when the order is placed"},
		{Code: quoteNotMet, Effect: Warns, Least: Off, About: "every line orders at least what was quoted", Most: Holds},
		{Code: priceOverridden, Effect: Warns, Least: Warns, About: "no price was set in place of the ERP's", Most: Holds},
		{Code: priceTolerance, Effect: Holds, Least: Off, Needs: []string{needPrices}, About: "the price is the one that the buyer expects, or close to it"},
		{Code: marginFloor, Effect: Holds, Least: Off, Needs: []string{needPrices, needItems}, About: "the price leaves enough above the cost; not shown to buyers", Most: Holds},
		{Code: dateInfeasible, Effect: Warns, Least: Off, Needs: []string{needStock}, About: "what is promised can be sent by the day that it is wanted on", Most: Holds},
		{Code: atpShort, Effect: Holds, Least: Holds, Needs: []string{needStock}, About: "everything can be promised; what happens otherwise is the account's backorder policy", Most: Holds},
		{Code: lotRules, Effect: Warns, Least: Off, Needs: []string{needLots}, About: "there is enough in lots that the account takes", Most: Holds},
		{Code: shipCompleteConflict, Effect: Holds, Least: Holds, Needs: []string{needStock}, About: "an order that is sent as a whole has no line that is short"},
		{Code: creditNone, Effect: Off, Least: Off, Needs: []string{needCredit}, About: "a credit limit is set", Most: Holds},
		{Code: creditExpired, Effect: Holds, Least: Off, Needs: []string{needCredit}, About: "the credit limit may still be used", Most: Holds},
		{Code: creditExceeded, Effect: Holds, Least: Warns, Needs: []string{needCredit}, About: "the order fits in the available credit"},
		{Code: creditWatch, Effect: Warns, Least: Off, Needs: []string{needCredit}, About: "not nearly all of the credit is used", Most: Holds},
		{Code: overdueBalance, Effect: Holds, Least: Off, Needs: []string{needCredit}, About: "nothing is overdue beyond what is tolerated"},
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
