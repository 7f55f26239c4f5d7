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
	Lines         []DraftLine     `json:"lines"`
	Channel       Channel         `json:"channel"`
	// ChannelSource and ChannelRef name the order in the system it was placed in.
	ChannelSource string `json:"channelSource,omitempty"`
	ChannelRef    string `json:"channelRef,omitempty"`
}

// DraftLine is one line as asked for. A nil price accepts ours.
type DraftLine struct {
	SKU               trade.SKU      `json:"sku"`
	Quantity          trade.Quantity `json:"quantity"`
	ExpectedUnitPrice *trade.Money   `json:"expectedUnitPrice,omitempty"`
	// Called is what the channel calls the item, where that is something else.
	Called trade.SKU `json:"called,omitempty"`
}

// Facts are what the owners of the facts said about a draft. A nil Account or an absent item
// does not exist; what could not be asked is in Missing.
type Facts struct {
	Account *AccountFact
	Items   map[trade.SKU]ItemFact
	// Prices are by position of the draft's lines.
	Prices  map[int]PriceFact
	Missing []Missing
}

// Missing is a fact that its source did not give.
type Missing struct {
	// What is "account", "items", "prices", "credit" or "availability".
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
	TaxContext bool // whether the tax area and liability are known
	ShipTos    map[string]trade.Address
	DefaultTo  trade.Address
	Source     string
	AsOf       time.Time
}

// ItemFact is what intake needs to know of an item.
type ItemFact struct {
	SKU     trade.SKU
	Name    string
	Blocked string // why it is not sold, empty when it is
	Unit    trade.Unit
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
}

// PriceFact is the customer's price of one draft line.
type PriceFact struct {
	UnitPrice trade.Money
	List      string
	Source    string
	AsOf      time.Time
}

// Tolerances inside which a buyer's expected price is taken as ours; SAP's defaults.
func perUnitTolerance() trade.Decimal { return trade.MustDecimal("0.05") }
func perLineTolerance() trade.Decimal { return trade.MustDecimal("1.00") }

// most bounds a quantity and a unit price, so that what follows from them can be counted exactly.
func most() trade.Decimal { return trade.MustDecimal("100000000") }

// Structure returns what is wrong with the draft in itself, before any source is asked.
func Structure(d Draft, today trade.Date) []Finding {
	var fs findings
	switch n := len(d.Lines); {
	case n == 0:
		fs.add("SANITY", trade.Reject, "lines", "an order needs at least one line", "add a line")
	case n > MaxLines:
		fs.add("TOO_MANY_LINES", trade.Reject, "lines", fmt.Sprintf("the order has %d lines; the limit is %d", n, MaxLines), "split the order")
		return fs
	}
	if len(d.PONumber) > 35 {
		fs.add("SANITY", trade.Reject, "poNumber", fmt.Sprintf("a PO number of %d characters; the limit is 35", len(d.PONumber)), "shorten the PO number")
	}
	if d.RequestedDate != "" && d.RequestedDate < today {
		fs.add("SANITY", trade.Reject, "requestedDate", fmt.Sprintf("%s is in the past", d.RequestedDate), "ask for today or later, or leave the date out")
	}
	if d.Currency != "" && !d.Currency.Valid() {
		fs.add("CURRENCY_MISMATCH", trade.Reject, "currency", fmt.Sprintf("%q is not an ISO 4217 code", d.Currency), "use a code such as USD")
	}
	if a := d.ShipTo; a != nil {
		for field, v := range map[string]string{"line1": a.Line1, "city": a.City, "postalCode": a.PostalCode, "country": a.Country} {
			if strings.TrimSpace(v) == "" {
				fs.add("SHIP_TO_INVALID", trade.Reject, "shipTo."+field, field+" is empty", "complete the address")
			}
		}
		for field, v := range map[string]string{"name": a.Name, "line1": a.Line1, "line2": a.Line2, "city": a.City} {
			if len(v) > maxText {
				fs.add("SHIP_TO_INVALID", trade.Reject, "shipTo."+field, fmt.Sprintf("%d characters; the limit is %d", len(v), maxText), "shorten it")
			}
		}
	}
	for i, l := range d.Lines {
		if l.Quantity.Value.Cmp(most()) > 0 {
			fs.add("SANITY", trade.Reject, path(i, "quantity.value"), fmt.Sprintf("a quantity of %s; the limit is %s", l.Quantity.Value, most()), "order less, or split the order")
		}
		if p := l.ExpectedUnitPrice; p != nil && (p.Amount.IsNeg() || p.Amount.Cmp(most()) > 0) {
			fs.add("SANITY", trade.Reject, path(i, "expectedUnitPrice.amount"), fmt.Sprintf("a price of %s", p), fmt.Sprintf("give a price from 0 to %s, or leave it out", most()))
		}
		if !l.Quantity.Value.IsPos() {
			fs.add("SANITY", trade.Reject, path(i, "quantity.value"), fmt.Sprintf("a quantity of %s", l.Quantity.Value), "order more than zero, or leave the line out")
		}
		if strings.TrimSpace(string(l.SKU)) == "" {
			fs.add("SANITY", trade.Reject, path(i, "sku"), "the SKU is empty", "name an item")
		}
	}
	slices.SortStableFunc(fs, func(a, b Finding) int { return strings.Compare(a.Path, b.Path) })
	return fs
}

// Evaluate runs every check that needs no lock and returns the priced lines with all findings.
// A check whose inputs are missing is reported as not evaluated, never as passed.
func Evaluate(d Draft, f Facts) ([]Line, trade.Currency, []Finding) {
	var fs findings
	currency := checkAccount(d, f, &fs)
	for _, m := range f.Missing {
		fs = append(fs, Finding{
			Code: "SOURCE_UNAVAILABLE", Severity: trade.Hold, Path: m.What, Source: m.Source, Evaluated: false,
			Message:  fmt.Sprintf("%s could not be checked: %s", m.What, m.Reason),
			Remedies: []string{"wait: the order is checked again when the source answers"},
		})
	}
	lines := make([]Line, len(d.Lines))
	for i, want := range d.Lines {
		lines[i] = checkLine(i, want, currency, f, &fs)
	}
	return lines, currency, fs
}

func checkAccount(d Draft, f Facts, fs *findings) trade.Currency {
	a := f.Account
	if a == nil {
		if !f.missing("account") {
			fs.add("CUSTOMER_UNKNOWN", trade.Reject, "accountId", fmt.Sprintf("no account %q", d.Account), "use an account that viewer.accounts lists")
		}
		if d.Currency == "" {
			return trade.NoCurrency
		}
		return d.Currency
	}
	if a.Stopped != "" {
		fs.add("CUSTOMER_STOPPED", trade.Reject, "accountId", fmt.Sprintf("account %s takes no new orders: %s", a.ID, a.Stopped), "call customer service").from(a.Source, a.AsOf)
	}
	if a.PORequired && d.PONumber == "" {
		fs.add("PO_REQUIRED", trade.Reject, "poNumber", "the account's terms need a PO number", "give a PO number")
	}
	if d.Currency != "" && d.Currency != a.Currency {
		fs.add("CURRENCY_MISMATCH", trade.Reject, "currency", fmt.Sprintf("the order is in %s and account %s is in %s", d.Currency, a.ID, a.Currency), "order in "+string(a.Currency))
	}
	if !a.TaxContext {
		fs.add("TAX_CONTEXT_INCOMPLETE", trade.Hold, "accountId", fmt.Sprintf("account %s has no tax area", a.ID), "complete the account's tax set-up in the ERP").from(a.Source, a.AsOf)
	}
	if d.ShipToID != "" && d.ShipTo == nil {
		if _, ok := a.ShipTos[d.ShipToID]; !ok {
			fs.add("SHIP_TO_INVALID", trade.Reject, "shipToId", fmt.Sprintf("account %s has no ship-to %q", a.ID, d.ShipToID), "use one of account.shipTos, or give shipTo")
		}
	}
	return a.Currency
}

func checkLine(i int, want DraftLine, currency trade.Currency, f Facts, fs *findings) Line {
	l := Line{Number: i + 1, SKU: want.SKU, Called: want.Called, Quantity: want.Quantity, ExpectedUnitPrice: want.ExpectedUnitPrice, Outcome: LineAccepted, UnitPrice: trade.Money{Currency: currency}, Amount: trade.Money{Currency: currency}}
	item, known := f.Items[want.SKU]
	if !known {
		if f.missing("items") {
			l.Outcome = LineHeld
			return l
		}
		fs.add(itemUnknown, trade.Reject, path(i, "sku"), fmt.Sprintf("no item %q", want.SKU), "search items for the right SKU")
		return rejected(l)
	}
	l.Description = item.Name
	if item.Blocked != "" {
		fs.add("ITEM_BLOCKED", trade.Reject, path(i, "sku"), fmt.Sprintf("item %s is not sold: %s", item.SKU, item.Blocked), "choose another item").from(item.Source, item.AsOf)
		return rejected(l)
	}
	if l.Quantity.Unit == "" {
		l.Quantity.Unit = item.Unit
	}
	if l.Quantity.Unit != item.Unit {
		fs.add("UOM_INVALID", trade.Reject, path(i, "quantity.unit"), fmt.Sprintf("item %s is ordered in %s, not %s", item.SKU, item.Unit, want.Quantity.Unit), "order in "+string(item.Unit))
		return rejected(l)
	}
	if item.Rule != nil && !checkQuantity(i, l, item, fs) {
		return rejected(l)
	}
	if item.TaxClass == "" {
		fs.add("TAX_CONTEXT_INCOMPLETE", trade.Hold, path(i, "sku"), fmt.Sprintf("item %s has no tax class", item.SKU), "complete the item's tax set-up in the ERP").from(item.Source, item.AsOf)
	}
	l = checkPrice(i, l, currency, f, fs)
	if item.Rule == nil && f.missing("rules") && l.Outcome != LineRejected {
		l.Outcome = LineHeld
	}
	return l
}

// checkQuantity reports whether the item may be ordered in the line's quantity.
func checkQuantity(i int, l Line, item ItemFact, fs *findings) bool {
	q, r := l.Quantity.Value, item.Rule
	if q.MinScale() > r.Scale {
		fs.add("QTY_PRECISION", trade.Reject, path(i, "quantity.value"), fmt.Sprintf("%s takes %d decimal places", item.Unit, r.Scale), "order "+q.Ceil(r.Scale).String())
		return false
	}
	if q.Cmp(r.Minimum) < 0 {
		fs.add("QTY_MIN", trade.Reject, path(i, "quantity.value"), fmt.Sprintf("the smallest order of %s is %s", item.SKU, r.Minimum), "order "+r.Minimum.String())
		return false
	}
	if !r.Multiple.IsPos() {
		return true
	}
	_, rest, err := q.QuoRem(r.Multiple)
	if err != nil || rest.IsZero() {
		return err == nil
	}
	down := trade.Less(q, rest)
	fs.add("QTY_MULTIPLE", trade.Reject, path(i, "quantity.value"), fmt.Sprintf("item %s is packed by %s", item.SKU, r.Multiple), fmt.Sprintf("order %s or %s", down, trade.Sum(down, r.Multiple)))
	return false
}

func checkPrice(i int, l Line, currency trade.Currency, f Facts, fs *findings) Line {
	price, ok := f.Prices[i]
	if !ok {
		l.Outcome = LineHeld
		if f.Account != nil && !f.missing("prices") {
			fs.add("PRICE_MISSING", trade.Hold, path(i, "sku"), fmt.Sprintf("the account has no price for %s", l.SKU), "set a price in the ERP")
		}
		return l
	}
	l.UnitPrice = price.UnitPrice
	l.Amount = price.UnitPrice.Times(l.Quantity.Value).Round()
	want := l.ExpectedUnitPrice
	if want == nil {
		return l
	}
	if want.Currency != currency {
		fs.add("CURRENCY_MISMATCH", trade.Reject, path(i, "expectedUnitPrice.currency"), fmt.Sprintf("a price in %s on an order in %s", want.Currency, currency), "give the price in "+string(currency))
		return rejected(l)
	}
	unit := trade.Less(price.UnitPrice.Amount, want.Amount)
	line := trade.Money{Amount: unit, Currency: currency}.Times(l.Quantity.Value)
	switch {
	case unit.IsZero():
	case unit.IsNeg(), unit.Cmp(perUnitTolerance()) <= 0 && line.Amount.Cmp(perLineTolerance()) <= 0:
		l.Outcome = LineAcceptedPrice
		fs.add("PRICE_TOLERANCE", trade.Change, path(i, "expectedUnitPrice"), fmt.Sprintf("expected %s, the price is %s", want, price.UnitPrice), "").from(price.Source, price.AsOf)
	default:
		fs.add("PRICE_TOLERANCE", trade.Hold, path(i, "expectedUnitPrice"), fmt.Sprintf("expected %s, the price is %s", want, price.UnitPrice), "accept the price, or ask for a contract price").
			from(price.Source, price.AsOf).with(trade.Evidence{"expected": want.Amount.String(), "ours": price.UnitPrice.Amount.String(), "perUnit": unit.String(), "perLine": line.Amount.String(), "priceList": price.List})
	}
	return l
}

// CreditPosition is what an account may still spend, before the order in question.
type CreditPosition struct {
	// Known is false when the ERP's figure is missing or too old to decide on.
	Known bool
	// Limit is nil when the account has none set; the ERP's zero means that too.
	Limit      *trade.Decimal
	Balance    trade.Decimal
	OpenOrders trade.Decimal
	Exposed    trade.Decimal
	Overdue    trade.Decimal
	Currency   trade.Currency
	Source     string
	AsOf       time.Time
}

// checkCredit is the last check: it needs the order's value.
// available = limit − balance − the ERP's open orders − what it does not include yet.
func checkCredit(p CreditPosition, total trade.Money) []Finding {
	var fs findings
	if !p.Known {
		return nil
	}
	if p.Limit != nil {
		available := trade.Less(*p.Limit, trade.Sum(p.Balance, p.OpenOrders, p.Exposed))
		if total.Amount.Cmp(available) > 0 {
			fs.add("CREDIT_LIMIT_EXCEEDED", trade.Hold, "lines", fmt.Sprintf("the order's %s exceeds the available credit of %s", total, available), "pay open invoices, or ask for a release").
				from(p.Source, p.AsOf).with(trade.Evidence{"limit": p.Limit.String(), "balance": p.Balance.String(), "openOrders": p.OpenOrders.String(), "exposed": p.Exposed.String(), "available": available.String(), "order": total.Amount.String()})
		}
	}
	if p.Overdue.IsPos() {
		fs.add("OVERDUE_BALANCE", trade.Hold, "accountId", fmt.Sprintf("%s %s is overdue", p.Overdue, p.Currency), "pay the overdue invoices").
			from(p.Source, p.AsOf).with(trade.Evidence{"overdue": p.Overdue.String()})
	}
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

func (fs *findings) add(code string, severity trade.Severity, path, message, remedy string) *Finding {
	f := Finding{Code: code, Severity: severity, Path: path, Message: message, Evaluated: true}
	if remedy != "" {
		f.Remedies = []string{remedy}
	}
	*fs = append(*fs, f)
	return &(*fs)[len(*fs)-1]
}

func (f *Finding) from(source string, asOf time.Time) *Finding {
	f.Source = source
	if !asOf.IsZero() {
		f.AsOf = &asOf
	}
	return f
}

func (f *Finding) with(e trade.Evidence) {
	f.Evidence = e
}

// unknownCredit says that the ERP's credit figure is missing or too old.
func unknownCredit() Finding {
	return Finding{
		Code: "SOURCE_UNAVAILABLE", Severity: trade.Hold, Path: "credit", Message: "the account's credit figure is too old to decide on",
		Remedies: []string{"wait: the order is checked again when the source answers"},
	}
}
