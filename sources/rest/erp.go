package rest

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
)

var (
	_ accounts.Source      = (*Client)(nil)
	_ catalog.Source       = (*Client)(nil)
	_ pricing.Source       = (*Client)(nil)
	_ finance.CreditSource = (*Client)(nil)
	_ finance.Books        = (*Client)(nil)
	_ finance.Archive      = (*Client)(nil)
	_ orders.Registrar     = (*Client)(nil)
	_ orders.Archive       = (*Client)(nil)
)

// ERP lists the operations that a system of record needs; all of them, or it is none.
func ERP() []string {
	return []string{
		"accounts", "accountsSince", "shipTos", "items", "itemsSince", "rules", "credit", "prices",
		"register", "registrations", "registrationsSince", "withdraw", "reduce", "posted",
		"post", "invoices", "invoicesSince", "invoicesAfter", "creditMemos", "creditMemosSince", "creditMemosAfter", "issue",
	}
}

func (c *Client) account(r *row, at lookup.Provenance) accounts.Account {
	return accounts.Account{
		ID: trade.AccountID(r.text("id")), Name: r.text("name"), Currency: trade.Currency(r.text("currency")), Stopped: r.text("stopped"), PORequired: r.yes("poRequired"), TaxLiable: r.yes("taxLiable"), TaxExempt: r.text("taxLiable") == "false",
		TaxArea: r.text("taxArea"), Terms: r.text("terms"), Address: r.address(c, "address"), SourceRef: r.text("ref"), Provenance: at,
	}
}

// Accounts needs the operation "accounts" (id, name, currency, stopped, poRequired, taxLiable, taxArea,
// terms, address, ref) and the shape "address" (name, line1, line2, city, region, postalCode, country,
// phone, email).
func (c *Client) Accounts(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, accounts.Account], error) {
	at := c.live(time.Now())
	return byKey(ctx, c, "accounts", "id", ids, func(r *row, into *accounts.Account) { *into = c.account(r, at) })
}

// AccountsSince needs "accountsSince": as "accounts", and modified; it is asked with "since".
func (c *Client) AccountsSince(ctx context.Context, cursor string) (lookup.Page[accounts.Account], error) {
	at := c.live(time.Now())
	return since(ctx, c, "accountsSince", cursor, func(r *row) accounts.Account { return c.account(r, at) })
}

// ShipTos needs the operation "shipTos": account, id, address.
func (c *Client) ShipTos(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, []accounts.ShipTo], error) {
	return byKey(ctx, c, "shipTos", "account", ids, func(r *row, into *[]accounts.ShipTo) {
		*into = append(*into, accounts.ShipTo{ID: r.text("id"), Address: r.address(c, "address")})
	})
}

func (c *Client) item(r *row, at lookup.Provenance) catalog.Item {
	return catalog.Item{
		SKU: trade.SKU(r.text("sku")), Name: r.text("name"), Description: r.text("description"), Category: r.text("category"), Unit: trade.Unit(r.text("unit")), GTIN: r.text("gtin"), TaxClass: r.text("taxClass"),
		Blocked: r.yes("blocked"), Discontinued: r.yes("discontinued"), Successor: trade.SKU(r.text("successor")), ListPrice: r.money("listPrice", trade.Currency(r.text("currency"))), SourceRef: r.text("ref"), Provenance: at,
	}
}

// Items needs the operation "items": sku, name, description, category, unit, gtin, taxClass, blocked,
// listPrice, currency, ref and, where the product tells, discontinued and successor.
func (c *Client) Items(ctx context.Context, skus []trade.SKU) ([]lookup.Result[*catalog.Item], error) {
	at := c.live(time.Now())
	room := make([]catalog.Item, 0, len(skus))
	return ask(ctx, c, "items", "sku", skus, func(r *row, into **catalog.Item) {
		room = append(room, c.item(r, at))
		*into = &room[len(room)-1]
	})
}

// ItemsSince needs "itemsSince": as "items", and modified; it is asked with "since".
func (c *Client) ItemsSince(ctx context.Context, cursor string) (lookup.Page[catalog.Item], error) {
	at := c.live(time.Now())
	return since(ctx, c, "itemsSince", cursor, func(r *row) catalog.Item { return c.item(r, at) })
}

// Rules needs the operation "rules": sku, minimum, multiple, scale, and units, with the shape "itemUnit" (unit, of, per: so many of the
// item's own are so many of it; per is 1 when it is left out).
func (c *Client) Rules(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, catalog.Rule], error) {
	return byKey(ctx, c, "rules", "sku", skus, func(r *row, into *catalog.Rule) {
		rule := catalog.Rule{Minimum: r.number("minimum"), Multiple: r.number("multiple"), Scale: r.integer("scale")}
		for u := range r.rows(c, "units", "itemUnit") {
			unit := catalog.Unit{Unit: trade.Unit(u.text("unit")), Ratio: trade.Ratio{Of: u.number("of"), Per: u.number("per")}}
			if unit.Per.IsZero() {
				unit.Per = trade.MustDecimal("1")
			}
			rule.Units = append(rule.Units, unit)
		}
		*into = rule
	})
}

// Credit needs the operation "credit": account, currency, limit (empty for none), limitUntil (a date, empty for no end), balance,
// overdue, openOrders.
func (c *Client) Credit(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, finance.Credit], error) {
	return byKey(ctx, c, "credit", "account", ids, func(r *row, into *finance.Credit) {
		f := finance.Credit{Account: trade.AccountID(r.text("account")), Source: c.t.Name(), Currency: trade.Currency(r.text("currency")), Balance: r.number("balance"), Overdue: r.number("overdue"), OpenOrders: r.number("openOrders")}
		if r.text("limit") != "" {
			limit := r.number("limit")
			f.Limit, f.LimitUntil = &limit, r.day("limitUntil")
		}
		*into = f
	})
}

// Prices needs the operation "prices", whose body is built from "quote" (account, date, branch, currency, promotion,
// lines of line, sku, unit, quantity) and whose rows have line, unit, price, listPrice, list, currency,
// until, breaks, with the shape "break" (from, price), discounts, with the shape "discount" (code, promotion, amount). A line without a price is left out. One call asks for
// one account, date, branch and currency: nothing is mixed. A product that knows no lines is asked by "keys", the SKUs,
// and its rows have sku in place of line: it has one price of an item, whatever the quantity.
func (c *Client) Prices(ctx context.Context, keys []pricing.Key) ([]lookup.Result[*pricing.Price], error) {
	out := make([]lookup.Result[*pricing.Price], len(keys))
	var quotes []func()
	for _, places := range pricing.ByContext(keys) {
		for part := range slices.Chunk(places, c.batch("prices")) {
			quotes = append(quotes, func() { c.quote(ctx, keys, part, out) })
		}
	}
	lookup.Abreast(quotes)
	return out, ctx.Err()
}

// quote asks for the prices of those keys at these places, which share their context, and puts them there.
func (c *Client) quote(ctx context.Context, keys []pricing.Key, places []int, into []lookup.Result[*pricing.Price]) {
	at := c.live(time.Now())
	rows, err := c.quoted(ctx, keys, places)
	if err != nil {
		for _, i := range places {
			into[i].Err = err
		}
		return
	}
	room := make([]pricing.Price, 0, len(places))
	for r := range rows.each() {
		for i := range r.priced(keys, places) {
			p, err := c.price(r, keys[i], at)
			if err = cmp.Or(into[i].Err, err); err != nil {
				into[i] = lookup.Result[*pricing.Price]{Err: err}
				continue
			}
			room = append(room, p)
			into[i].Value, into[i].OK = &room[len(room)-1], true
		}
	}
}

// quoted asks for the prices of those keys at these places.
func (c *Client) quoted(ctx context.Context, keys []pricing.Key, places []int) (rows, error) {
	g := keys[places[0]].Context()
	skus := make([]trade.SKU, len(places))
	for n, i := range places {
		skus[n] = keys[i].SKU
	}
	quote := map[string]any{"account": string(g.Account), "date": string(g.Date), "branch": g.Branch, "currency": string(g.Currency), "promotion": g.Promotion}
	if op := c.ops["prices"]; op != nil && op.programmed {
		lines := make([]any, len(places))
		for n, i := range places {
			k := keys[i]
			lines[n] = map[string]any{"line": n + 1, "sku": string(k.SKU), "unit": string(k.Unit), "quantity": k.Quantity}
		}
		quote["lines"] = lines
	}
	found, _, err := c.call(ctx, "prices", map[string]any{"keys": join(lookup.Unique(skus)), "quote": quote}, len(places))
	return found, err
}

// priced are the places of the keys that a row has the price of, of those that were asked for at these places.
func (r *row) priced(keys []pricing.Key, places []int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if r.text("price") == "" {
			return
		}
		if r.op.cell("line") != nil {
			if n := r.integer("line"); n >= 1 && n <= len(places) {
				yield(places[n-1])
			}
			return
		}
		sku := trade.SKU(r.text("sku"))
		for _, i := range places {
			if keys[i].SKU == sku && !yield(i) {
				return
			}
		}
	}
}

func (c *Client) price(r *row, k pricing.Key, at lookup.Provenance) (pricing.Price, error) {
	cur := trade.Currency(r.text("currency"))
	p := pricing.Price{Key: k, Unit: trade.Unit(r.text("unit")), UnitPrice: r.money("price", cur), ListPrice: r.money("listPrice", cur), List: r.text("list"), Until: r.day("until"), Provenance: at}
	for b := range r.rows(c, "breaks", "break") {
		p.Breaks = append(p.Breaks, pricing.Break{From: trade.Quantity{Value: b.number("from"), Unit: p.Unit}, UnitPrice: b.money("price", cur)})
	}
	for d := range r.rows(c, "discounts", "discount") {
		p.Discounts = append(p.Discounts, pricing.Discount{Code: d.text("code"), Promotion: d.yes("promotion"), Amount: d.money("amount", cur)})
	}
	return p, c.unreadable(r)
}

// registration reads an order of the product: number (ours, or the customer's for orders typed into
// it), ref, theirNumber, account, po, currency, placedAt, modified, shipTo, requested, posted, cancelled, tax where the product calculates
// it, lines, with
// the shape "orderLine" (line, sku, quantity, unit, price, shipped).
func (c *Client) registration(r *row) orders.Registration {
	out := orders.Registration{
		Number: r.text("number"), Ref: r.text("ref"), TheirNumber: r.text("theirNumber"), Source: c.t.Name(), Account: trade.AccountID(r.text("account")), PONumber: r.text("po"), Currency: trade.Currency(r.text("currency")),
		PlacedAt: r.time("placedAt"), ModifiedAt: r.time("modified"), ShipTo: r.address(c, "shipTo"), RequestedDate: r.day("requested"), Posted: r.yes("posted"), Cancelled: r.yes("cancelled"), Copies: 1,
	}
	if r.text("tax") != "" {
		tax := r.money("tax", out.Currency)
		out.Tax = &tax
	}
	for l := range r.rows(c, "lines", "orderLine") {
		out.Lines = append(out.Lines, orders.RegisteredLine{
			Line: l.integer("line"), SKU: trade.SKU(l.text("sku")), Quantity: trade.Quantity{Value: l.number("quantity"), Unit: trade.Unit(l.text("unit"))}, UnitPrice: l.money("price", out.Currency), Shipped: l.number("shipped"),
		})
	}
	return out
}

// Register needs the operation "register", whose body is built from "order" (number, account, po,
// requestedDate, currency, shipTo, lines of line, sku, quantity, unit, price) and whose row is a
// registration. Statuses of "exists" say that the product has the number.
func (c *Client) Register(ctx context.Context, o *orders.Order) (orders.Registration, error) {
	lines := []any{}
	kept := o.Kept()
	for _, l := range o.Lines {
		if q := kept[l.Number]; q.IsPos() {
			lines = append(lines, map[string]any{"line": l.Number, "sku": string(l.SKU), "quantity": q.String(), "unit": string(l.Quantity.Unit), "price": l.UnitPrice.Amount.String()})
		}
	}
	rows, exists, err := c.call(ctx, "register", map[string]any{"order": map[string]any{
		"number": o.Number, "account": string(o.Account), "po": o.PONumber, "date": o.PlacedAt.Format(time.DateOnly), "requestedDate": string(o.RequestedDate), "currency": string(o.Currency), "shipTo": plain(o.ShipTo), "lines": lines,
	}}, 1)
	switch {
	case err != nil:
		return orders.Registration{}, err
	case exists:
		return orders.Registration{}, fault.New(fault.Conflict, "order %s exists already", o.Number).From(c.t.Name())
	}
	r := rows.first()
	if r == nil {
		return orders.Registration{}, fault.New(fault.BadResponse, "the reply names no order").From(c.t.Name())
	}
	return c.registration(r), c.unreadable(r)
}

// Registrations needs the operation "registrations", open and posted orders by our number.
func (c *Client) Registrations(ctx context.Context, numbers []string) (lookup.Answers[string, orders.Registration], error) {
	return byKey(ctx, c, "registrations", "number", numbers, func(r *row, into *orders.Registration) {
		before := into.Copies
		*into = c.registration(r)
		into.Copies += before
	})
}

// Posted needs the operation "posted": registrations by the product's own numbers, with everything that
// it posted for them.
func (c *Client) Posted(ctx context.Context, numbers []string) (lookup.Answers[string, orders.Registration], error) {
	return byKey(ctx, c, "posted", "theirNumber", numbers, func(r *row, into *orders.Registration) {
		*into = c.registration(r)
		into.ModifiedAt = time.Time{} // an order that is still open is newer
	})
}

// RegistrationsSince needs "registrationsSince"; it is asked with "since".
func (c *Client) RegistrationsSince(ctx context.Context, cursor string) (lookup.Page[orders.Registration], error) {
	return since(ctx, c, "registrationsSince", cursor, c.registration)
}

// Withdraw needs the operation "withdraw", whose path or body names "order.number". Status 404 says that
// the order is gone.
func (c *Client) Withdraw(ctx context.Context, number string) error {
	_, _, err := c.call(ctx, "withdraw", map[string]any{"order": map[string]any{"number": number}}, 1)
	return err
}

// Reduce needs the operation "reduce", with "order.number" and "order.lines" of line and quantity.
func (c *Client) Reduce(ctx context.Context, number string, kept map[int]trade.Decimal) (orders.Registration, error) {
	if _, _, err := c.call(ctx, "reduce", map[string]any{"order": map[string]any{"number": number, "lines": byLine(kept)}}, 1); err != nil {
		return orders.Registration{}, err
	}
	found, err := c.Registrations(ctx, []string{number})
	if err == nil {
		err = found.Failed[number]
	}
	return found.Found[number], err
}

func byLine(quantities map[int]trade.Decimal) []any {
	out := []any{}
	for n := 1; len(out) < len(quantities) && n <= orders.MaxLines; n++ {
		if q, ok := quantities[n]; ok {
			out = append(out, map[string]any{"line": n, "quantity": q.String()})
		}
	}
	return out
}

// Post needs the operation "post", with "order.number" and "order.lines" of line and quantity: what is
// to ship and to invoice now, beyond what the product says that it has.
func (c *Client) Post(ctx context.Context, p finance.Posting) error {
	found, err := c.Registrations(ctx, []string{p.OrderNumber})
	if err == nil {
		err = found.Failed[p.OrderNumber]
	}
	if err != nil {
		return err
	}
	r, ok := found.Found[p.OrderNumber]
	if !ok {
		return fault.New(fault.NotFound, "no order %s", p.OrderNumber).From(c.t.Name())
	}
	due := map[int]trade.Decimal{}
	for _, l := range r.Lines {
		if rest := trade.Less(p.Shipped[l.Line], l.Shipped); rest.IsPos() {
			due[l.Line] = rest
		}
	}
	if len(due) == 0 {
		return nil
	}
	_, _, err = c.call(ctx, "post", map[string]any{"order": map[string]any{"number": p.OrderNumber, "lines": byLine(due)}}, 1)
	return err
}

// document reads a posted document: ref, number, account, currency, postedOn, dueOn, net, tax, total,
// remaining, orderNumber (ours), theirOrder, returnNumber (ours), modified, lines, with the shape
// "documentLine" (number, sku, quantity, unit, price, amount).
func (c *Client) document(kind finance.Kind) func(*row) finance.Document {
	return func(r *row) finance.Document {
		cur := trade.Currency(r.text("currency"))
		d := finance.Document{
			Kind: kind, Source: c.t.Name(), SourceRef: r.text("ref"), Number: r.text("number"), Account: trade.AccountID(r.text("account")), PostedOn: trade.Date(r.text("postedOn")), DueOn: trade.Date(r.text("dueOn")),
			ModifiedAt: r.time("modified"), NetAmount: r.money("net", cur), TaxAmount: r.money("tax", cur), Total: r.money("total", cur), Remaining: r.money("remaining", cur),
			OrderNumber: r.text("orderNumber"), ReturnNumber: r.text("returnNumber"), TheirOrder: r.text("theirOrder"),
		}
		for l := range r.rows(c, "lines", "documentLine") {
			d.Lines = append(d.Lines, finance.DocumentLine{
				Number: l.integer("number"), SKU: trade.SKU(l.text("sku")), Quantity: trade.Quantity{Value: l.number("quantity"), Unit: trade.Unit(l.text("unit"))}, UnitPrice: l.money("price", cur), Amount: l.money("amount", cur),
			})
		}
		return d
	}
}

// Invoices needs the operation "invoices": documents by our order numbers.
func (c *Client) Invoices(ctx context.Context, numbers []string) (lookup.Answers[string, []finance.Document], error) {
	read := c.document(finance.Invoice)
	return byKey(ctx, c, "invoices", "orderNumber", numbers, func(r *row, into *[]finance.Document) { *into = append(*into, read(r)) })
}

// CreditMemos needs the operation "creditMemos": documents by our return numbers.
func (c *Client) CreditMemos(ctx context.Context, numbers []string) (lookup.Answers[string, finance.Document], error) {
	read := c.document(finance.CreditMemo)
	return byKey(ctx, c, "creditMemos", "returnNumber", numbers, func(r *row, into *finance.Document) { *into = read(r) })
}

// Issue needs the operation "issue", whose body is built from "memo" (number, order, account, currency,
// lines of line, sku, quantity, unit, price). Statuses of "exists" say that the memo is posted already.
func (c *Client) Issue(ctx context.Context, n finance.CreditNote) error {
	lines := []any{}
	for i, l := range n.Lines {
		lines = append(lines, map[string]any{"line": i + 1, "sku": string(l.SKU), "quantity": l.Quantity.Value.String(), "unit": string(l.Quantity.Unit), "price": l.UnitPrice.Amount.String()})
	}
	_, exists, err := c.call(ctx, "issue", map[string]any{"memo": map[string]any{"number": n.Number, "order": n.OrderNumber, "account": string(n.Account), "currency": string(n.Currency), "lines": lines}}, 1)
	if err == nil && exists {
		return fault.New(fault.Conflict, "credit memo %s is posted already", n.Number).From(c.t.Name())
	}
	return err
}

// feed is the name of the operation that lists documents of a kind.
func feed(kind finance.Kind, what string) string {
	return map[finance.Kind]string{finance.Invoice: "invoices", finance.CreditMemo: "creditMemos"}[kind] + what
}

// DocumentsSince needs "invoicesSince" and "creditMemosSince"; they are asked with "since".
func (c *Client) DocumentsSince(ctx context.Context, kind finance.Kind, cursor string) (lookup.Page[finance.Document], error) {
	return fromNow(ctx, c, feed(kind, "Since"), cursor, c.document(kind))
}

// afterPage is how many documents a page of the archive is asked for.
const afterPage = 200

// DocumentsAfter needs "invoicesAfter" and "creditMemosAfter": documents with numbers after "after", in
// order of their number, at most "limit" of them, without pages of their own.
func (c *Client) DocumentsAfter(ctx context.Context, kind finance.Kind, cursor string) (lookup.Page[finance.Document], error) {
	page := lookup.Page[finance.Document]{Next: cursor}
	rows, _, err := c.call(ctx, feed(kind, "After"), map[string]any{"after": cursor, "limit": afterPage}, 0)
	if err != nil {
		return page, err
	}
	read := c.document(kind)
	for r := range rows.each() {
		d := read(r)
		if err := c.unreadable(r); err != nil {
			return lookup.Page[finance.Document]{Next: cursor}, err
		}
		page.Items, page.Next = append(page.Items, d), d.Number
	}
	page.More = len(page.Items) >= afterPage
	return page, ctx.Err()
}
