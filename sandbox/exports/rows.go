package exports

import (
	"strings"

	"crossdock/domains/trade"
)

// Limits of texts, as the ERP has them.
const (
	maxCode = 20
	maxName = 100
	maxPO   = 35
)

func zero() trade.Decimal { return trade.Decimal{} }
func one() trade.Decimal  { return trade.MustDecimal("1") }
func debt() trade.Decimal { return trade.MustDecimal("-999999999999") }

func (r *reader) account(w *row) {
	a := Account{
		Number: w.key("account", maxCode), Name: w.key("name", maxName), Terms: w.text("terms", maxCode), TaxArea: w.text("tax_area", maxCode), TaxLiable: w.yes("tax_liable", true),
		Limit: w.number("credit_limit", zero(), zero()), Balance: w.number("balance", zero(), debt()), Overdue: w.number("overdue", zero(), zero()), Discount: w.number("discount", zero(), zero()),
		Currency: w.currency(), ShipTos: map[string]trade.Address{},
	}
	if a.Discount.Cmp(trade.MustDecimal("100")) > 0 {
		w.fail("discount", "%s is more than 100 percent", a.Discount)
	}
	if w.yes("blocked", false) {
		a.Blocked = "All"
	}
	a.Address = w.address(a.Name)
	if a.Address.Line1 != "" {
		a.ShipTos["MAIN"] = a.Address
	}
	if at, twice := r.accounts[a.Number]; twice && a.Number != "" {
		w.fail("account", "account %s was there before, as %q", a.Number, r.out.Accounts[at].Name)
		return
	}
	if w.bad {
		r.spoiled[accountsTable][a.Number] = true
		return
	}
	r.accounts[a.Number] = len(r.out.Accounts)
	r.out.Accounts = append(r.out.Accounts, a)
}

func (w *row) currency() trade.Currency {
	v := trade.Currency(strings.ToUpper(w.text("currency", maxCode)))
	if v == "" {
		return "USD"
	}
	if !v.Valid() {
		w.fail("currency", "%q is not an ISO 4217 code such as USD", v)
	}
	return v
}

func (w *row) address(name string) trade.Address {
	a := trade.Address{
		Name: name, Line1: w.text("address1", maxName), Line2: w.text("address2", maxName), City: w.text("city", maxName), Region: w.text("state", 30),
		PostalCode: w.text("postal_code", maxCode), Country: w.text("country", 30), Phone: w.text("phone", 30), Email: w.text("email", maxName),
	}
	if a.Country == "" {
		a.Country = "US"
	}
	return a
}

// known finds the account that a row names.
func (w *row) known(col string) (Account, bool) {
	number := w.key(col, maxCode)
	at, ok := w.accounts[number]
	switch {
	case ok:
		return w.out.Accounts[at], true
	case w.spoiled[accountsTable][number]:
		w.fail(col, "account %q was left out", number)
	case number != "":
		w.fail(col, "there is no account %q", number)
	}
	return Account{}, false
}

// sku finds the item that a row names.
func (w *row) sku() string {
	sku := w.key("sku", maxCode)
	switch {
	case w.items[sku] || sku == "":
	case w.spoiled[itemsTable][sku]:
		w.fail("sku", "item %q was left out", sku)
	default:
		w.fail("sku", "there is no item %q", sku)
	}
	return sku
}

func (r *reader) address(w *row) {
	a, ok := w.known("account")
	code := w.key("code", maxCode)
	name := w.text("name", maxName)
	if name == "" {
		name = a.Name
	}
	for _, col := range []string{"address1", "city", "postal_code"} {
		w.key(col, maxName)
	}
	to := w.address(name)
	if _, twice := a.ShipTos[code]; ok && twice && code != "MAIN" {
		w.fail("code", "account %s has an address %s already", a.Number, code)
	}
	if ok && !w.bad {
		a.ShipTos[code] = to
	}
}

func (r *reader) item(w *row) {
	i := Item{
		SKU: w.key("sku", maxCode), Name: w.key("name", maxName), Category: w.text("category", maxCode), Unit: strings.ToUpper(w.text("unit", 10)), TaxClass: w.text("tax_class", maxCode), GTIN: w.text("gtin", 14),
		Blocked: w.yes("blocked", false), Price: w.number("price", zero(), zero()), Minimum: w.number("minimum", one(), zero()), Multiple: w.number("multiple", one(), zero()),
	}
	if i.Unit == "" {
		i.Unit = "PCS"
	}
	if places, _, ok := w.number("decimals", zero(), zero()).Int64(0); ok && places <= 5 {
		i.Decimals = int(places)
	} else {
		w.fail("decimals", "it must be from 0 to 5")
	}
	if i.TaxClass == "" {
		i.TaxClass = "TAXABLE"
	}
	if r.items[i.SKU] {
		w.fail("sku", "item %s was there before", i.SKU)
		return
	}
	if w.bad {
		r.spoiled[itemsTable][i.SKU] = true
		return
	}
	r.items[i.SKU] = true
	r.out.Items = append(r.out.Items, i)
}

func (r *reader) price(w *row) {
	p := Price{SKU: w.sku(), Price: w.number("price", zero(), zero()), From: w.number("from", zero(), zero()), Starts: w.date("starts"), Ends: w.date("ends")}
	w.key("price", 40)
	if w.text("account", maxCode) != "" {
		a, _ := w.known("account")
		p.Account = a.Number
	}
	if p.Starts != "" && p.Ends != "" && p.Ends < p.Starts {
		w.fail("ends", "%s is before %s, when it starts", p.Ends, p.Starts)
	}
	if !w.bad {
		r.out.Prices = append(r.out.Prices, p)
	}
}

func (r *reader) stock(w *row) {
	s := Stock{Node: w.key("node", maxCode), SKU: w.sku(), OnHand: w.number("on_hand", zero(), debt()), Allocated: w.number("allocated", zero(), zero()), Inbound: w.number("inbound", zero(), zero())}
	switch kind := squeeze(w.text("kind", maxCode)); kind {
	case "", "warehouse", "own", "wms", "dc", "branch", "store":
	case "3pl", "thirdparty", "external":
		s.ThirdParty = true
	default:
		w.fail("kind", "%q is neither WAREHOUSE nor 3PL", w.text("kind", maxCode))
	}
	if !w.bad {
		r.out.Stock = append(r.out.Stock, s)
	}
}

func (r *reader) order(w *row) {
	a, _ := w.known("account")
	o := Order{Number: w.key("order", maxCode), Account: a.Number, PONumber: w.text("po_number", maxPO), ShipTo: w.text("ship_to", maxCode), Date: w.date("date")}
	w.key("date", 40)
	if _, ok := a.ShipTos[o.ShipTo]; o.ShipTo != "" && a.Number != "" && !ok {
		w.fail("ship_to", "account %s has no address %q", a.Number, o.ShipTo)
	}
	switch status := squeeze(w.text("status", 40)); status {
	case "cancelled", "canceled", "void", "deleted":
		o.Cancelled = true
	case "", "open", "new", "released", "pending", "processing", "inprogress", "backordered", "partial", "partiallyshipped", "shipped", "invoiced", "complete", "completed", "closed", "delivered", "posted", "fulfilled":
	default:
		w.fail("status", "%q is not known: use OPEN, SHIPPED or CANCELLED; the order lines say what has shipped", w.text("status", 40))
	}
	if _, twice := r.orders[o.Number]; twice {
		w.fail("order", "order %s was there before", o.Number)
		return
	}
	if w.bad {
		r.spoiled[ordersTable][o.Number] = true
		return
	}
	r.orders[o.Number] = len(r.out.Orders)
	r.out.Orders = append(r.out.Orders, o)
	r.finished(w, o.Number)
}

// finished remembers an order whose status says that all of it has shipped, for files whose lines
// do not say.
func (r *reader) finished(w *row, number string) {
	switch squeeze(w.text("status", 40)) {
	case "shipped", "invoiced", "complete", "completed", "closed", "delivered", "posted", "fulfilled":
		if r.whole == nil {
			r.whole = map[string]bool{}
		}
		r.whole[number] = true
	}
}

func (r *reader) line(w *row) {
	number := w.key("order", maxCode)
	at, ok := r.orders[number]
	switch {
	case ok:
	case r.spoiled[ordersTable][number]:
		w.fail("order", "order %q was left out", number)
	case number != "":
		w.fail("order", "there is no order %q", number)
	}
	l := OrderLine{SKU: w.sku(), Quantity: w.number("quantity", zero(), zero()), Price: w.number("price", zero(), zero())}
	if !w.bad && !l.Quantity.IsPos() {
		w.fail("quantity", "it must be more than zero")
	}
	all := zero()
	if r.whole[number] {
		all = l.Quantity
	}
	l.Shipped = w.number("shipped", all, zero())
	if l.Shipped.Cmp(l.Quantity) > 0 {
		w.fail("shipped", "%s have shipped of %s", l.Shipped, l.Quantity)
	}
	switch {
	case w.bad && ok:
		// An order without one of its lines would be another order.
		r.spoiled[ordersTable][number] = true
	case !w.bad:
		r.out.Orders[at].Lines = append(r.out.Orders[at].Lines, l)
	}
}

// finish drops orders that lost a line, and reports those that never had one.
func (r *reader) finish() {
	kept := r.out.Orders[:0]
	for _, o := range r.out.Orders {
		switch {
		case r.spoiled[ordersTable][o.Number]:
		case len(o.Lines) == 0:
			r.fail(Problem{File: r.ordersFile, Reason: "order " + o.Number + " has no lines in " + linesTable})
		default:
			kept = append(kept, o)
		}
	}
	r.out.Orders = kept
}
