package orders

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"crossdock/domains/trade"
)

// evaluation is one run of the checks over a draft.
type evaluation struct {
	draft    Draft
	facts    Facts
	policy   Policy
	currency trade.Currency
	findings []Finding
	// internal are findings that are not for buyers' eyes.
	internal []Finding
}

// sight is what a check saw.
type sight struct {
	path, message, remedy, source string
	asOf                          time.Time
	evidence                      trade.Evidence
}

// see notes what a check saw, and returns what that does to the order.
func (e *evaluation) see(code string, s sight) Effect {
	return e.seeAs(code, e.policy.effect(code), s)
}

func (e *evaluation) seeAs(code string, effect Effect, s sight) Effect {
	if effect != Off {
		e.findings = append(e.findings, s.finding(code, effect))
	}
	return effect
}

// conceal is see for what is not for buyers' eyes: they are shown that there is something to review.
func (e *evaluation) conceal(code string, s sight) {
	effect := e.policy.effect(code)
	if effect == Off {
		return
	}
	e.internal = append(e.internal, s.finding(code, effect))
	if effect == Holds || effect == Rejects {
		shown := sight{path: s.path, message: "the order is looked at before it goes on", remedy: "wait for customer service"}.finding(review, Holds)
		shown.ruled = code
		e.findings = append(e.findings, shown)
	}
}

func (s sight) finding(code string, effect Effect) Finding {
	f := Finding{Code: code, Severity: trade.Severity(effect), Path: s.path, Message: s.message, Source: s.source, Evidence: s.evidence, Evaluated: true}
	if s.remedy != "" {
		f.Remedies = []string{s.remedy}
	}
	if !s.asOf.IsZero() {
		f.AsOf = &s.asOf
	}
	return f
}

// Evaluation is what the checks that need no lock made of a draft.
type Evaluation struct {
	Lines    []Line
	Currency trade.Currency
	Findings []Finding
	// Internal are findings that are not for buyers' eyes.
	Internal []Finding
}

// Evaluate runs every check that needs no lock. A check whose facts are missing is reported as not evaluated, never as
// passed.
func Evaluate(d Draft, f Facts, p Policy) Evaluation {
	e := &evaluation{draft: d, facts: f, policy: p}
	e.draft.Lines = slices.Clone(d.Lines) // in the items' own units, when their turn comes
	e.currency = e.orderCurrency()
	e.missing()
	for _, check := range []func(){e.soldTo, e.terms, e.poNumber, e.oneCurrency, e.shipTo, e.service, e.taxArea, e.quote, e.duplicateLines} {
		check()
	}
	e.promotion()
	lines := make([]Line, len(d.Lines))
	for i := range d.Lines {
		lines[i] = e.line(i)
	}
	return Evaluation{Lines: lines, Currency: e.currency, Findings: e.findings, Internal: e.internal}
}

// orderCurrency is the account's, and while that is not known what was asked for.
func (e *evaluation) orderCurrency() trade.Currency {
	switch {
	case e.facts.Account != nil:
		return e.facts.Account.Currency
	case e.draft.Currency == "":
		return trade.NoCurrency
	default:
		return e.draft.Currency
	}
}

// missing reports the facts that there are not, and the checks that cannot be made for that.
func (e *evaluation) missing() {
	seen := map[string]bool{}
	for _, m := range e.facts.Missing {
		if seen[m.What] {
			continue
		}
		seen[m.What] = true
		e.see(sourceUnavailable, sight{
			path: m.What, source: m.Source, message: fmt.Sprintf("%s could not be checked: %s", m.What, m.Reason),
			remedy: "wait: the order is checked again when the source answers",
		})
		e.findings[len(e.findings)-1].Evaluated = false
		for _, c := range Catalogue() {
			if !slices.Contains(c.Needs, m.What) || !e.policy.makes(c.Code) {
				continue
			}
			f := Finding{Code: c.Code, Severity: trade.Warn, Path: m.What, Source: m.Source, Message: fmt.Sprintf("not evaluated, for want of %s: whether %s", m.What, c.About)}
			if c.Code == marginFloor {
				e.internal = append(e.internal, f)
				continue
			}
			e.findings = append(e.findings, f)
		}
	}
}

func (e *evaluation) soldTo() {
	a := e.facts.Account
	switch {
	case a == nil && !e.facts.missing(needAccount):
		e.see(customerUnknown, sight{path: "accountId", message: fmt.Sprintf("no account %q", e.draft.Account), remedy: "use an account that viewer.accounts lists"})
	case a != nil && a.Stopped != "":
		e.see(customerStopped, sight{path: "accountId", message: fmt.Sprintf("account %s takes no new orders: %s", a.ID, a.Stopped), remedy: "call customer service", source: a.Source, asOf: a.AsOf})
	}
}

func (e *evaluation) terms() {
	a := e.facts.Account
	if a != nil && e.draft.Terms != "" && a.Terms != "" && !strings.EqualFold(e.draft.Terms, a.Terms) {
		e.see(termsMismatch, sight{
			path: "terms", message: fmt.Sprintf("the order asks for %s, and account %s has %s", e.draft.Terms, a.ID, a.Terms), remedy: "order on " + a.Terms,
			source: a.Source, asOf: a.AsOf, evidence: trade.Evidence{"asked": e.draft.Terms, "account": a.Terms},
		})
	}
}

func (e *evaluation) poNumber() {
	if a := e.facts.Account; a != nil && a.PORequired && strings.TrimSpace(e.draft.PONumber) == "" {
		e.see(poRequired, sight{path: "poNumber", message: "the account's terms need a PO number", remedy: "give a PO number"})
	}
}

func (e *evaluation) oneCurrency() {
	if a := e.facts.Account; a != nil && e.draft.Currency != "" && e.draft.Currency != a.Currency {
		e.see(currencyMismatch, sight{path: "currency", message: fmt.Sprintf("the order is in %s and account %s is in %s", e.draft.Currency, a.ID, a.Currency), remedy: "order in " + string(a.Currency)})
	}
}

func (e *evaluation) shipTo() {
	a := e.facts.Account
	if a != nil && e.draft.ShipToID != "" && e.draft.ShipTo == nil {
		if _, ok := a.ShipTos[e.draft.ShipToID]; !ok {
			e.see(shipToInvalid, sight{path: "shipToId", message: fmt.Sprintf("account %s has no ship-to %q", a.ID, e.draft.ShipToID), remedy: "use one of account.shipTos, or give shipTo"})
			return
		}
	}
	to := e.draft.to(a)
	for _, r := range e.policy.Restrictions {
		if r.Items == nil && r.covers(to) {
			e.see(shipToRestricted, sight{path: "shipTo", message: fmt.Sprintf("nothing is sent to %s: %s", place(to), r.Reason), remedy: "ship to another place, or ask for a release", evidence: trade.Evidence{"country": to.Country, "region": to.Region}})
		}
	}
}

func place(a trade.Address) string {
	if a.Region == "" {
		return a.Country
	}
	return a.Country + "-" + a.Region
}

func (e *evaluation) duplicateLines() {
	at := map[trade.SKU]int{}
	for i, l := range e.draft.Lines {
		if l.Gone {
			continue
		}
		if first, ok := at[l.SKU]; ok {
			e.see(duplicateLine, sight{path: path(i, "sku"), message: fmt.Sprintf("%s is on line %d already", l.SKU, first+1), remedy: "put both quantities on one line"})
			continue
		}
		at[l.SKU] = i
	}
}

// lining is a line while its checks run.
type lining struct {
	Line
	i    int
	item ItemFact
}

func (l *lining) at(field string) string { return path(l.i, field) }

// line runs the checks of a line. One that is turned down is not looked at further.
func (e *evaluation) line(i int) Line {
	want := e.draft.Lines[i]
	none := trade.Money{Currency: e.currency}
	l := &lining{i: i, Line: Line{Number: i + 1, SKU: want.SKU, Called: want.Called, Quantity: want.Quantity, Ordered: want.Ordered, ExpectedUnitPrice: want.ExpectedUnitPrice, Override: want.Override, Outcome: LineAccepted, UnitPrice: none, Amount: none}}
	if want.Gone {
		l.Outcome, l.Cancelled = LineDeleted, want.Quantity.Value
		return l.Line
	}
	item, known := e.facts.Items[want.SKU]
	if !known && e.facts.missing(needItems) {
		l.Outcome = LineHeld
		return l.Line
	}
	if !known {
		e.see(itemUnknown, sight{path: l.at("sku"), message: fmt.Sprintf("no item %q", want.SKU), remedy: "search items for the right SKU"})
		return rejected(l.Line)
	}
	l.item, l.Description = item, item.Name
	l.inItsUnit(&e.draft.Lines[i])
	for _, check := range []func(*lining){e.blocked, e.discontinued, e.assortment, e.mayBuy, e.restricted, e.serviced, e.unit, e.limit, e.quantities, e.taxClass, e.price, e.margin} {
		if check(l); l.Outcome == LineRejected {
			return rejected(l.Line)
		}
		if l.Outcome == LineHeld && l.Quantity.Unit != item.Unit {
			return l.Line // nothing can be said of a quantity in a unit that is not known
		}
	}
	if item.Rule == nil && e.facts.missing(needRules) {
		l.Outcome = LineHeld
	}
	return l.Line
}

// sees notes what a check saw of a line, and turns the line down for it where the policy says so.
func (e *evaluation) sees(l *lining, code string, s sight) {
	if e.see(code, s) == Rejects {
		l.Outcome = LineRejected
	}
}

func (e *evaluation) blocked(l *lining) {
	if l.item.Blocked != "" {
		e.sees(l, itemBlocked, sight{path: l.at("sku"), message: fmt.Sprintf("item %s is not sold: %s", l.SKU, l.item.Blocked), remedy: "choose another item", source: l.item.Source, asOf: l.item.AsOf})
	}
}

func (e *evaluation) discontinued(l *lining) {
	if !l.item.Discontinued {
		return
	}
	s := sight{path: l.at("sku"), message: fmt.Sprintf("item %s is discontinued", l.SKU), remedy: "choose another item", source: l.item.Source, asOf: l.item.AsOf}
	if next := l.item.Successor; next != "" {
		s.remedy, s.evidence = fmt.Sprintf("order %s in its place", next), trade.Evidence{"successor": string(next)}
	}
	e.sees(l, itemDiscontinued, s)
}

func (e *evaluation) assortment(l *lining) {
	if a := e.policy.Assortment; a != nil && !a.sells(l.item) {
		e.sees(l, notInAssortment, sight{path: l.at("sku"), message: fmt.Sprintf("item %s is not sold to account %s", l.SKU, e.draft.Account), remedy: "choose another item", evidence: trade.Evidence{"category": l.item.Category}})
	}
}

func (e *evaluation) restricted(l *lining) {
	to := e.draft.to(e.facts.Account)
	for _, r := range e.policy.Restrictions {
		if r.Items != nil && r.Items.has(l.item) && r.covers(to) {
			e.sees(l, itemRestricted, sight{path: l.at("sku"), message: fmt.Sprintf("item %s is not sent to %s: %s", l.SKU, place(to), r.Reason), remedy: "ship to another place, or leave the line out", evidence: trade.Evidence{"country": to.Country, "region": to.Region, "category": l.item.Category}})
		}
	}
}

func (e *evaluation) unit(l *lining) {
	if l.Quantity.Unit == l.item.Unit {
		return
	}
	ratio, ok := l.item.ratio(l.Quantity.Unit)
	switch {
	case ok:
		message, remedy := l.item.nearest(l.Quantity, ratio)
		e.sees(l, uomNotConvertible, sight{path: l.at("quantity"), message: message, remedy: remedy, evidence: trade.Evidence{"unit": l.item.Unit, "of": ratio.Of.String(), "per": ratio.Per.String()}})
	case l.item.Rule == nil && e.facts.missing(needRules):
		l.Outcome = LineHeld // it may be one of those that are not known now
	default:
		units := l.item.units()
		e.sees(l, uomInvalid, sight{path: l.at("quantity.unit"), message: fmt.Sprintf("item %s is ordered in %s, not %s", l.SKU, strings.Join(units, ", "), l.Quantity.Unit), remedy: "order in " + strings.Join(units, " or ")})
	}
}

func (e *evaluation) limit(l *lining) {
	for _, m := range e.policy.QuantityLimits {
		if m.Items.has(l.item) && l.Quantity.Value.Cmp(m.Maximum) > 0 {
			e.sees(l, qtyMax, sight{path: l.at("quantity.value"), message: fmt.Sprintf("the largest order of %s is %s", l.SKU, m.Maximum), remedy: "order " + m.Maximum.String(), evidence: trade.Evidence{"maximum": m.Maximum.String()}})
			return
		}
	}
}

// quantities holds the quantity to how the item may be ordered, or rounds it to that.
func (e *evaluation) quantities(l *lining) {
	r := l.item.Rule
	if r == nil {
		return
	}
	q := l.Quantity.Value
	code, message := "", ""
	switch whole := r.whole(q); {
	case q.MinScale() > r.Scale:
		code, message = qtyPrecision, fmt.Sprintf("%s takes %d decimal places", l.item.Unit, r.Scale)
	case q.Cmp(r.Minimum) < 0:
		code, message = qtyMin, fmt.Sprintf("the smallest order of %s is %s", l.SKU, r.Minimum)
	case !whole:
		code, message = qtyMultiple, fmt.Sprintf("item %s is packed by %s", l.SKU, r.Multiple)
	default:
		return
	}
	s := sight{path: l.at("quantity.value"), message: message, remedy: r.remedy(q)}
	if legal, ok := r.round(q, e.policy.Rounding); ok {
		s.message += fmt.Sprintf("; %s are taken for %s", legal, q)
		s.evidence = trade.Evidence{"asked": q.String(), "taken": legal.String(), "rounding": string(e.policy.Rounding)}
		e.seeAs(code, ChangesIt, s)
		l.Asked, l.Quantity.Value, l.Outcome = &q, legal, LineAcceptedQuantity
		return
	}
	e.sees(l, code, s)
}

// step is what a legal quantity is a multiple of.
func (r QuantityRule) step() trade.Decimal {
	if r.Multiple.IsPos() {
		return r.Multiple
	}
	return r.smallest()
}

// smallest is the least that a quantity can have of the last of its places.
func (r QuantityRule) smallest() trade.Decimal {
	one, err := trade.MustDecimal("1").QuoExact(pow10(r.Scale), r.Scale)
	if err != nil {
		return trade.MustDecimal("1")
	}
	return one
}

func pow10(n int) trade.Decimal { return trade.MustDecimal("1" + strings.Repeat("0", n)) }

func (r QuantityRule) whole(q trade.Decimal) bool {
	_, rest, err := q.QuoRem(r.step())
	return err == nil && rest.IsZero()
}

// below and above are the nearest legal quantities on either side; there may be none below.
func (r QuantityRule) below(q trade.Decimal) (trade.Decimal, bool) {
	_, rest, err := q.QuoRem(r.step())
	down := trade.Less(q, rest)
	return down, err == nil && down.IsPos() && down.Cmp(r.Minimum) >= 0
}

func (r QuantityRule) above(q trade.Decimal) trade.Decimal {
	q = q.Max(r.Minimum)
	_, rest, err := q.QuoRem(r.step())
	if err != nil || rest.IsZero() {
		return q
	}
	return trade.Sum(trade.Less(q, rest), r.step())
}

// round is the legal quantity that is taken for q, if one is.
func (r QuantityRule) round(q trade.Decimal, how Rounding) (trade.Decimal, bool) {
	down, ok := r.below(q)
	up := r.above(q)
	switch how {
	case RoundUp:
		return up, true
	case RoundDown:
		return down, ok
	case RoundNearest:
		if ok && trade.Less(q, down).Cmp(trade.Less(up, q)) < 0 {
			return down, true
		}
		return up, true
	default:
		return q, false
	}
}

func (r QuantityRule) remedy(q trade.Decimal) string {
	if down, ok := r.below(q); ok && !down.Equal(r.above(q)) {
		return fmt.Sprintf("order %s or %s", down, r.above(q))
	}
	return "order " + r.above(q).String()
}

func (e *evaluation) taxClass(l *lining) {
	if l.item.TaxClass == "" {
		e.sees(l, taxContext, sight{path: l.at("sku"), message: fmt.Sprintf("item %s has no tax class", l.SKU), remedy: "complete the item's tax set-up in the ERP", source: l.item.Source, asOf: l.item.AsOf})
	}
}

// price prices the line, and holds what the buyer expects against that.
func (e *evaluation) price(l *lining) {
	is, ok := e.facts.Prices[l.i]
	ok = ok && (is.Unit == "" || is.Unit == l.Quantity.Unit)
	if set := e.agreed(l); set != nil {
		is, ok = PriceFact{UnitPrice: *set, List: is.List, Source: "crossdock", AsOf: e.draft.At}, true
	}
	if l.Outcome == LineRejected {
		return
	}
	if !ok {
		l.Outcome = LineHeld
		if e.facts.Account != nil && !e.facts.missing(needPrices) {
			e.sees(l, priceMissing, sight{path: l.at("sku"), message: fmt.Sprintf("the account has no price for %s", l.SKU), remedy: "set a price in the ERP"})
		}
		return
	}
	e.inTime(l, is)
	l.UnitPrice = is.of(l.Quantity.Value, l.Asked)
	l.Amount = l.UnitPrice.Times(l.Quantity.Value).Round()
	want := l.ExpectedUnitPrice
	if want == nil {
		return
	}
	if want.Currency == "" {
		want = &trade.Money{Amount: want.Amount, Currency: e.currency}
		l.ExpectedUnitPrice = want
	}
	if want.Currency != e.currency {
		e.sees(l, currencyMismatch, sight{path: l.at("expectedUnitPrice.currency"), message: fmt.Sprintf("a price in %s on an order in %s", want.Currency, e.currency), remedy: "give the price in " + string(e.currency)})
		return
	}
	unit := trade.Less(l.UnitPrice.Amount, want.Amount)
	if l.Ordered != nil {
		unit = unit.Round(pricePlaces / 2) // what one of another unit costs may have no end in the item's own
	}
	line := trade.Money{Amount: unit, Currency: e.currency}.Times(l.Quantity.Value)
	s := sight{
		path: l.at("expectedUnitPrice"), message: fmt.Sprintf("expected %s, the price is %s", want, l.UnitPrice), source: is.Source, asOf: is.AsOf,
		evidence: trade.Evidence{"expected": want.Amount.String(), "ours": l.UnitPrice.Amount.String(), "perUnit": unit.String(), "perLine": line.Amount.String(), "priceList": is.List},
	}
	within := e.policy.PriceTolerance
	switch {
	case unit.IsZero() || e.policy.effect(priceTolerance) == Off:
	case unit.IsNeg(), unit.Cmp(within.PerUnit) <= 0 && line.Amount.Cmp(within.PerLine) <= 0:
		if l.Outcome == LineAccepted {
			l.Outcome = LineAcceptedPrice
		}
		e.seeAs(priceTolerance, ChangesIt, s)
	default:
		s.remedy = "accept the price, or ask for a contract price"
		e.sees(l, priceTolerance, s)
	}
}

// inTime holds the line against the time for which its price is valid.
func (e *evaluation) inTime(l *lining, is PriceFact) {
	if is.Until == "" {
		return
	}
	s := sight{path: l.at("sku"), source: is.Source, asOf: is.AsOf, evidence: trade.Evidence{"validUntil": string(is.Until), "priceList": is.List}}
	switch wanted := e.draft.RequestedDate; {
	case is.Until < trade.DateOf(e.draft.At):
		s.message, s.remedy = fmt.Sprintf("the price of %s was valid until %s", l.SKU, is.Until), "extend it in the ERP"
		e.sees(l, priceExpired, s)
	case wanted != "" && is.Until < wanted && e.policy.effect(priceExpired) != Off:
		s.message = fmt.Sprintf("the price of %s is valid until %s, and the order is wanted on %s: it is kept", l.SKU, is.Until, wanted)
		e.seeAs(priceExpired, Warns, s)
	}
}

// promotion looks whether what the buyer orders by takes something off a line.
func (e *evaluation) promotion() {
	asked := e.draft.Promotion
	if asked == "" || e.facts.missing(needPrices) {
		return
	}
	var given []string
	for _, p := range e.facts.Prices {
		given = append(given, p.Promotions...)
	}
	if slices.ContainsFunc(given, func(code string) bool { return strings.EqualFold(code, asked) }) {
		return
	}
	slices.Sort(given)
	e.see(promoInvalid, sight{
		path: "promotion", message: fmt.Sprintf("promotion %q takes nothing off this order", asked), remedy: "use one that is open to the account now, or leave it out",
		evidence: trade.Evidence{"asked": asked, "given": slices.Compact(given)},
	})
}

// of is the price of a quantity: where another one was asked for, that of the break that it is in.
func (p PriceFact) of(q trade.Decimal, asked *trade.Decimal) trade.Money {
	is := p.UnitPrice
	if asked == nil {
		return is
	}
	best := trade.Decimal{}
	for _, b := range p.Breaks {
		if b.From.Cmp(q) <= 0 && b.From.Cmp(best) >= 0 {
			best, is = b.From, b.UnitPrice
		}
	}
	return is
}

// margin is (price − cost) ÷ price × 100, as JD Edwards and Infor LN reckon it.
func (e *evaluation) margin(l *lining) {
	floor, cost := e.policy.MarginFloor, l.item.Cost
	if floor == nil || cost == nil || l.Outcome == LineHeld || cost.Currency != l.UnitPrice.Currency {
		return
	}
	share := trade.MustDecimal("-1") // what costs something and is given away
	if l.UnitPrice.Amount.IsPos() {
		var err error
		if share, err = trade.Less(l.UnitPrice.Amount, cost.Amount).Quo(l.UnitPrice.Amount); err != nil {
			return
		}
	}
	percent := trade.Money{Amount: share}.Times(trade.MustDecimal("100")).Amount.Round(2).Trim(0)
	if percent.Cmp(*floor) < 0 {
		e.conceal(marginFloor, sight{
			path: l.at("sku"), message: fmt.Sprintf("the margin on %s is %s %%, the floor %s %%", l.SKU, percent, floor), remedy: "raise the price, or release it", source: l.item.Source, asOf: l.item.AsOf,
			evidence: trade.Evidence{"price": l.UnitPrice.Amount.String(), "cost": cost.Amount.String(), "margin": percent.String(), "floor": floor.String()},
		})
	}
}

// share is a percentage of an amount, to its last place.
func share(of, percent trade.Decimal) trade.Decimal {
	return trade.Money{Amount: of}.Times(trade.Money{Amount: percent}.Times(trade.MustDecimal("0.01")).Amount).Amount.Trim(0)
}

// value holds the order's worth within the band of one order.
func (e *evaluation) value(total trade.Money) {
	band := e.policy.OrderValue
	if band.Minimum != nil && total.Amount.Cmp(*band.Minimum) < 0 {
		e.see(orderMin, sight{path: "lines", message: fmt.Sprintf("the order is worth %s, and the smallest %s", total, band.Minimum), remedy: "order more", evidence: trade.Evidence{"minimum": band.Minimum.String(), "order": total.Amount.String()}})
	}
	if band.Maximum != nil && total.Amount.Cmp(*band.Maximum) > 0 {
		e.see(orderMax, sight{path: "lines", message: fmt.Sprintf("the order is worth %s, and the largest %s", total, band.Maximum), remedy: "split the order, or ask for a release", evidence: trade.Evidence{"maximum": band.Maximum.String(), "order": total.Amount.String()}})
	}
}

// Earlier is an order of the account that has the same PO number.
type Earlier struct {
	Number   string
	PlacedAt time.Time
	// Same is whether it is for the same items and quantities.
	Same bool
}

// repeats holds an order that was placed under the same PO number lately, and remarks a PO number that is used again.
func (e *evaluation) repeats(earlier []Earlier) {
	if e.policy.effect(duplicatePO) == Off || len(earlier) == 0 || e.policy.blanket(e.draft.PONumber) != nil {
		return // many orders are placed under a blanket order's number
	}
	same := slices.IndexFunc(earlier, func(o Earlier) bool { return o.Same })
	numbers := make([]string, len(earlier))
	for i, o := range earlier {
		numbers[i] = o.Number
	}
	s := sight{path: "poNumber", evidence: trade.Evidence{"orders": numbers}}
	if same < 0 {
		s.message = fmt.Sprintf("PO number %s is that of order %s too", e.draft.PONumber, earlier[0].Number)
		e.seeAs(duplicatePO, Warns, s)
		return
	}
	s.message, s.remedy = fmt.Sprintf("order %s has the same lines under PO number %s", earlier[same].Number, e.draft.PONumber), "use another PO number if it is wanted twice"
	e.see(duplicatePO, s)
}

// to is where a draft's goods go.
func (d Draft) to(a *AccountFact) trade.Address {
	switch {
	case d.ShipTo != nil:
		return *d.ShipTo
	case a == nil:
		return trade.Address{}
	case d.ShipToID != "":
		return a.ShipTos[d.ShipToID]
	default:
		return a.DefaultTo
	}
}
