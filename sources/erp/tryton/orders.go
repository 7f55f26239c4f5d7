package tryton

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/sources/trytonrpc"
)

var (
	_ orders.Registrar = (*Client)(nil)
	_ orders.Confirmer = (*Client)(nil)
	_ orders.Archive   = (*Client)(nil)
)

type movement struct {
	ID       int              `json:"id"`
	State    string           `json:"state"`
	Quantity json.Number      `json:"quantity"`
	Shipment string           `json:"shipment"`
	Origin   string           `json:"origin"`
	Product  *trytonrpc.Coded `json:"product."`
}

type saleLine struct {
	trytonrpc.Stamps
	ID        int              `json:"id"`
	Sequence  int              `json:"sequence"`
	Type      string           `json:"type"`
	Product   *trytonrpc.Coded `json:"product."`
	Quantity  json.Number      `json:"quantity"`
	Unit      *trytonrpc.Unit  `json:"unit."`
	UnitPrice *trytonrpc.Money `json:"unit_price"`
	Moves     []movement       `json:"moves."`
}

type sale struct {
	trytonrpc.Stamps
	ID        int                `json:"id"`
	Number    string             `json:"number"`
	WebID     string             `json:"web_id"`
	Reference string             `json:"reference"`
	State     string             `json:"state"`
	Tax       *trytonrpc.Money   `json:"tax_amount"`
	Date      *trytonrpc.Stamp   `json:"sale_date"`
	Shipments []int              `json:"shipments"`
	Returned  []int              `json:"shipment_returns"`
	Invoices  []int              `json:"invoices"`
	Party     *trytonrpc.Coded   `json:"party."`
	Currency  *trytonrpc.Coded   `json:"currency."`
	Address   *trytonrpc.Address `json:"shipment_address."`
	Lines     []saleLine         `json:"lines."`
}

func saleFields() []string {
	return append([]string{
		"number", "web_id", "reference", "state", "tax_amount", "sale_date", "shipments", "shipment_returns", "invoices", "create_date", "write_date", "party.code", "currency.code",
		"lines.sequence", "lines.type", "lines.product.code", "lines.quantity", "lines.unit.symbol", "lines.unit_price", "lines.create_date", "lines.write_date",
		"lines.moves.state", "lines.moves.quantity", "lines.moves.shipment",
	}, trytonrpc.AddressFields("shipment_address.")...)
}

// Modified is when the sale or one of its lines last changed.
func (s sale) Modified() time.Time {
	at := s.Stamps.Modified()
	for _, l := range s.Lines {
		if m := l.Modified(); m.After(at) {
			at = m
		}
	}
	return at
}

// goods are the lines of items, in order. Without a sequence they are in the order in which they were made.
func (s sale) goods() []saleLine {
	lines := slices.DeleteFunc(slices.Clone(s.Lines), func(l saleLine) bool { return l.Type != "line" || l.Product == nil })
	slices.SortFunc(lines, func(a, b saleLine) int {
		if a.Sequence != b.Sequence {
			return a.Sequence - b.Sequence
		}
		return a.ID - b.ID
	})
	return lines
}

// moved is what has left of the line, or come back for one that is returned.
func (l saleLine) moved() trade.Decimal {
	total := trade.Decimal{}
	for _, m := range l.Moves {
		if m.State == "done" {
			total = trade.Sum(total, trytonrpc.Quantity(m.Quantity))
		}
	}
	return total
}

// back reports whether the sale is a return: its quantities are negative.
func (s sale) back() bool {
	return slices.ContainsFunc(s.Lines, func(l saleLine) bool { return trytonrpc.Quantity(l.Quantity).IsNeg() })
}

// The states of a sale. Before it is confirmed nothing counts it; one that is done and sent nothing was given
// up after it was taken up.
const (
	draft     = "draft"
	quoted    = "quotation"
	confirmed = "confirmed"
	done      = "done"
	cancelled = "cancelled"
)

func (c *Client) registration(s sale) orders.Registration {
	r := orders.Registration{
		Number: s.WebID, Ref: strconv.Itoa(s.ID), TheirNumber: s.Number, Source: c.rpc.Name(), Account: trade.AccountID(s.Party.Text()), PONumber: s.Reference, Currency: trade.Currency(s.Currency.Text()),
		PlacedAt: s.Created.Time(), ModifiedAt: s.Modified(), Unconfirmed: s.State == draft || s.State == quoted, Cancelled: s.State == cancelled, Posted: s.State == done, Copies: 1,
	}
	if s.Address != nil {
		r.ShipTo = s.Address.Trade("")
	}
	if s.Tax != nil {
		r.Tax = &trade.Money{Amount: s.Tax.Value(), Currency: r.Currency}
	}
	if s.Number == "" {
		r.TheirNumber = "draft " + r.Ref
	}
	sent := false
	for i, l := range s.goods() {
		n := l.Sequence
		if s.WebID == "" {
			n = i + 1
		}
		shipped := l.moved()
		sent = sent || shipped.IsPos()
		r.Lines = append(r.Lines, orders.RegisteredLine{
			Line: n, SKU: trade.SKU(l.Product.Text()), Quantity: trade.Quantity{Value: trytonrpc.Quantity(l.Quantity), Unit: l.Unit.Text()},
			UnitPrice: trade.Money{Amount: l.UnitPrice.Value(), Currency: r.Currency}, Shipped: shipped,
		})
	}
	r.Cancelled = r.Cancelled || (s.State == done && !sent)
	return r
}

// one reads the sale of our number.
func (c *Client) one(ctx context.Context, h *home, number string) (sale, error) {
	list, err := trytonrpc.ByKeys[sale](ctx, c.rpc, h.Company, "order", "sale.sale", "web_id", []string{number}, saleFields(), nil)
	if err != nil {
		return sale{}, err
	}
	for _, s := range list {
		if s.WebID == number {
			return s, nil
		}
	}
	return sale{}, fault.New(fault.NotFound, "no order %s", number).From(c.rpc.Name())
}

// Registrations reads sales by the number of ours that they keep.
func (c *Client) Registrations(ctx context.Context, numbers []string) (lookup.Answers[string, orders.Registration], error) {
	return answer(ctx, c, numbers, func(h *home, numbers []string, out lookup.Answers[string, orders.Registration]) error {
		list, err := trytonrpc.ByKeys[sale](ctx, c.rpc, h.Company, "orders", "sale.sale", "web_id", numbers, saleFields(), nil)
		for _, s := range list {
			out.Found[s.WebID] = c.registration(s)
		}
		return err
	})
}

// RegistrationsSince polls sales that have a number, those that were finished before the first poll left out.
func (c *Client) RegistrationsSince(ctx context.Context, cursor string) (lookup.Page[orders.Registration], error) {
	var also []any
	if cursor == "" {
		also = []any{[]any{"state", "not in", []string{done, cancelled}}}
	}
	decode := func(_ *home, s sale) (orders.Registration, bool) {
		return c.registration(s), s.Number != "" && !s.back()
	}
	page, err := since(ctx, c, "orders since", "sale.sale", cursor, saleFields(), also, decode)
	if err != nil || cursor == "" {
		return page, err
	}
	// A line that was changed by itself leaves its sale's stamp alone.
	from, err := time.Parse(time.RFC3339Nano, cursor)
	if err != nil {
		return page, err
	}
	lines, err := since(ctx, c, "orders since", "sale.sale", "", saleFields(), []any{changedSince(from.Add(-overlap), "lines.")}, decode)
	if err != nil {
		return lookup.Page[orders.Registration]{Next: cursor}, err
	}
	page.Items, page.Next = append(page.Items, lines.Items...), max(page.Next, lines.Next)
	return page, nil
}

// Posted reads sales by the product's own numbers. They outlive their posting.
func (c *Client) Posted(ctx context.Context, numbers []string) (lookup.Answers[string, orders.Registration], error) {
	return answer(ctx, c, numbers, func(h *home, numbers []string, out lookup.Answers[string, orders.Registration]) error {
		list, err := trytonrpc.ByKeys[sale](ctx, c.rpc, h.Company, "posted orders", "sale.sale", "number", numbers, saleFields(), nil)
		for _, s := range list {
			out.Found[s.Number] = c.registration(s)
		}
		return err
	})
}

// Register creates the order as a sale and has it taken up. The sale keeps our number as its web_id, which
// the database keeps unique.
func (c *Client) Register(ctx context.Context, o *orders.Order) (orders.Registration, error) {
	h, err := c.where(ctx)
	if err != nil {
		return orders.Registration{}, err
	}
	kept := o.Kept()
	var lines []wanted
	for _, l := range o.Lines {
		if q := kept[l.Number]; q.IsPos() {
			lines = append(lines, wanted{sequence: l.Number, sku: l.SKU, quantity: q, price: l.UnitPrice.Amount})
		}
	}
	body, err := c.newSale(ctx, h, o.Account, lines)
	if err != nil {
		return orders.Registration{}, fmt.Errorf("order %s: %w", o.Number, err)
	}
	body["web_id"], body["reference"], body["invoice_method"] = o.Number, o.PONumber, "shipment"
	if o.ShipTo.Line1 != "" {
		if body["shipment_address"], err = c.addressOf(ctx, h, o.Account, o.ShipTo); err != nil {
			return orders.Registration{}, err
		}
	}
	if at, err := time.Parse(time.DateOnly, string(o.RequestedDate)); err == nil {
		body["shipping_date"] = trytonrpc.Day(at)
	}
	if _, err := c.rpc.Create(ctx, h.Company, "register order", "sale.sale", body); err != nil {
		return orders.Registration{}, err
	}
	return c.Confirm(ctx, o.Number, nil)
}

// wanted is a line of a sale that is to be made.
type wanted struct {
	sequence int
	sku      trade.SKU
	quantity trade.Decimal
	price    trade.Decimal
}

// newSale is the body of a sale of an account with what the server gives it by itself: the payment terms, the
// price list, the addresses, and of each line the unit and the taxes.
func (c *Client) newSale(ctx context.Context, h *home, account trade.AccountID, lines []wanted) (map[string]any, error) {
	parties, err := trytonrpc.ByKeys[party](ctx, c.rpc, h.Company, "customer", "party.party", "code", []trade.AccountID{account}, []string{"code", "sale_price_list"}, nil)
	if err != nil {
		return nil, err
	}
	if len(parties) == 0 {
		return nil, fault.New(fault.Invalid, "no customer %q", account).From(c.rpc.Name())
	}
	of := parties[0].ID
	var given map[string]any
	head := map[string]any{"id": -1, "party": of, "company": h.ID, "currency": h.Currency, "lines": []any{}}
	if err := c.rpc.Call(ctx, "customer's defaults", "model.sale.sale.on_change", []any{head, []string{"party"}, h.Context(nil)}, true, &lists{&given}); err != nil {
		return nil, err
	}
	body := map[string]any{"company": h.ID, "currency": h.Currency, "party": of, "web_shop": h.shop, "warehouse": h.warehouse, "shipment_method": "order"}
	for _, field := range []string{"invoice_address", "shipment_address", "payment_term", "price_list", "invoice_party", "shipment_party"} {
		if v := given[field]; v != nil {
			body[field] = v
		}
	}
	skus := make([]trade.SKU, len(lines))
	for i, l := range lines {
		skus[i] = l.sku
	}
	products, err := trytonrpc.ByKeys[product](ctx, c.rpc, h.Company, "order items", "product.product", "code", lookup.Unique(skus), []string{"code"}, nil)
	if err != nil {
		return nil, err
	}
	ids := map[trade.SKU]int{}
	for _, p := range products {
		ids[trade.SKU(p.Code)] = p.ID
	}
	taxed := map[trade.SKU]lineDefaults{}
	var made []any
	for _, l := range lines {
		id, known := ids[l.sku]
		if !known {
			return nil, fault.New(fault.Invalid, "no item %q", l.sku).From(c.rpc.Name())
		}
		d, known := taxed[l.sku]
		if !known {
			if d, err = c.defaults(ctx, h, of, body["price_list"], id, l.quantity); err != nil {
				return nil, err
			}
			taxed[l.sku] = d
		}
		made = append(made, map[string]any{
			"type": "line", "sequence": l.sequence, "product": id, "quantity": trytonrpc.Float(l.quantity), "unit": d.Unit, "unit_price": trytonrpc.Exact(l.price.Round(trytonrpc.PriceDigits)), "taxes": []any{[]any{"add", d.ids()}},
		})
	}
	body["lines"] = []any{[]any{"create", made}}
	return body, nil
}

// lists decodes an answer of on_change, which is a list with one element for each record.
type lists struct{ into *map[string]any }

// UnmarshalJSON implements json.Unmarshaler.
func (l *lists) UnmarshalJSON(raw []byte) error {
	var all []map[string]any
	if err := json.Unmarshal(raw, &all); err == nil && len(all) == 1 {
		*l.into = all[0]
		return nil
	}
	return json.Unmarshal(raw, l.into)
}

// lineDefaults are what the server gives a line by itself.
type lineDefaults struct {
	Unit  int `json:"unit"`
	Taxes struct {
		Add [][2]json.RawMessage `json:"add"`
	} `json:"taxes"`
}

// ids are the taxes, by id.
func (d lineDefaults) ids() []int {
	out := []int{}
	for _, a := range d.Taxes.Add {
		var tax struct {
			ID int `json:"id"`
		}
		if json.Unmarshal(a[1], &tax) == nil && tax.ID != 0 {
			out = append(out, tax.ID)
		}
	}
	return out
}

// defaults asks the server for the unit and the taxes of a line.
func (c *Client) defaults(ctx context.Context, h *home, party int, priceList any, product int, q trade.Decimal) (lineDefaults, error) {
	line := map[string]any{
		"id": -1, "type": "line", "product": product, "quantity": trytonrpc.Float(q), "unit": nil,
		"_parent_sale.party": party, "_parent_sale.company": h.ID, "_parent_sale.currency": h.Currency, "_parent_sale.price_list": priceList, "_parent_sale.sale_date": nil,
	}
	var raw json.RawMessage
	if err := c.rpc.Call(ctx, "line's defaults", "model.sale.line.on_change", []any{line, []string{"product", "quantity"}, h.Context(nil)}, true, &raw); err != nil {
		return lineDefaults{}, err
	}
	var one lineDefaults
	var all []lineDefaults
	if json.Unmarshal(raw, &all) == nil && len(all) == 1 {
		return all[0], nil
	}
	if err := json.Unmarshal(raw, &one); err != nil {
		return one, fault.Wrap(fault.BadResponse, err, "a line's defaults that cannot be read").From(c.rpc.Name())
	}
	return one, nil
}

// addressOf is the customer's address that goods are to be sent to, made when there is none like it.
func (c *Client) addressOf(ctx context.Context, h *home, account trade.AccountID, to trade.Address) (int, error) {
	list, err := trytonrpc.ByKeys[trytonrpc.Party](ctx, c.rpc, h.Company, "customer's addresses", "party.party", "code", []trade.AccountID{account}, trytonrpc.PartyFields(), nil)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		return 0, fault.New(fault.Invalid, "no customer %q", account).From(c.rpc.Name())
	}
	return c.rpc.AddressOf(ctx, h.Company, list[0], to)
}

// Confirm implements orders.Confirmer: the sale is quoted and confirmed, which has the product work on it.
// Each stop that somebody has let it go in spite of is confirmed, and no other.
func (c *Client) Confirm(ctx context.Context, number string, despite []string) (orders.Registration, error) {
	h, err := c.where(ctx)
	if err != nil {
		return orders.Registration{}, err
	}
	s, err := c.one(ctx, h, number)
	if err != nil {
		return orders.Registration{}, err
	}
	for _, step := range []struct{ from, call string }{{draft, "quote"}, {quoted, "confirm"}, {confirmed, "process"}} {
		if s.State != step.from {
			continue
		}
		err := c.rpc.Move(ctx, h.Company, "sale.sale", step.call, []int{s.ID}, func(name string) bool { return slices.Contains(despite, name) })
		if w, ok := errors.AsType[*trytonrpc.WarningError](err); ok {
			r := c.registration(s)
			r.Stops = []orders.Stop{{Name: w.Name, Message: w.Message}}
			return r, nil
		}
		if err != nil {
			return orders.Registration{}, err
		}
		if s, err = c.one(ctx, h, number); err != nil {
			return orders.Registration{}, err
		}
		if s.State == step.from {
			return orders.Registration{}, fault.New(fault.Conflict, "order %s stays %s after %s", number, s.State, step.call).From(c.rpc.Name())
		}
	}
	return c.registration(s), nil
}

// Withdraw gives the order up: one that nobody works on is cancelled, and of one that is taken up the open
// shipments are, for good.
func (c *Client) Withdraw(ctx context.Context, number string) error {
	h, err := c.where(ctx)
	if err != nil {
		return err
	}
	s, err := c.one(ctx, h, number)
	if err != nil {
		return err
	}
	if r := c.registration(s); r.Cancelled {
		return nil
	}
	if s.State == draft || s.State == quoted {
		return c.rpc.Unanswered(c.rpc.Move(ctx, h.Company, "sale.sale", "cancel", []int{s.ID}, trytonrpc.None))
	}
	if len(s.Shipments) > 0 {
		if err := c.rpc.Move(ctx, h.Company, "stock.shipment.out", "cancel", s.Shipments, trytonrpc.None); err != nil {
			return c.rpc.Unanswered(err)
		}
	}
	return c.forgo(ctx, h, s)
}

// forgo settles that what cancelled shipments were to send is not sent: the product asks by a wizard.
func (c *Client) forgo(ctx context.Context, h *home, s sale) error {
	moves := []int{}
	for _, l := range s.Lines {
		for _, m := range l.Moves {
			if m.State != "done" {
				moves = append(moves, m.ID)
			}
		}
	}
	on := map[string]any{"active_model": "sale.sale", "active_id": s.ID, "active_ids": []int{s.ID}}
	const wizard = "wizard.sale.handle.shipment.exception."
	var begun []json.RawMessage
	if err := c.rpc.Call(ctx, "give up", wizard+"create", []any{h.Context(nil)}, false, &begun); err != nil {
		return err
	}
	if len(begun) == 0 {
		return fault.New(fault.BadResponse, "a wizard without a session").From(c.rpc.Name())
	}
	session := begun[0]
	data := map[string]any{"ask": map[string]any{"recreate_moves": []int{}, "domain_moves": moves}}
	err := c.rpc.Call(ctx, "give up", wizard+"execute", []any{session, data, "handle", h.Context(on)}, false, nil)
	_ = c.rpc.Call(ctx, "give up", wizard+"delete", []any{session, h.Context(nil)}, false, nil)
	if err != nil {
		return err
	}
	if after, err := c.one(ctx, h, s.WebID); err != nil {
		return err
	} else if !c.registration(after).Cancelled {
		return fault.New(fault.Conflict, "order %s is still %s", s.WebID, after.State).From(c.rpc.Name())
	}
	return nil
}

// Reduce lowers lines that have more, by an amendment: the product plans its shipments anew.
func (c *Client) Reduce(ctx context.Context, number string, kept map[int]trade.Decimal) (orders.Registration, error) {
	h, err := c.where(ctx)
	if err != nil {
		return orders.Registration{}, err
	}
	s, err := c.one(ctx, h, number)
	if err != nil {
		return orders.Registration{}, err
	}
	var changes []any
	for _, l := range s.goods() {
		want, ours := kept[l.Sequence]
		if !ours || trytonrpc.Quantity(l.Quantity).Cmp(want) <= 0 {
			continue
		}
		changes = append(changes, map[string]any{"action": "line", "line": l.ID, "product": l.Product.ID, "quantity": trytonrpc.Float(want), "unit": l.Unit.ID, "unit_price": trytonrpc.Exact(l.UnitPrice.Value())})
	}
	if len(changes) == 0 {
		return c.registration(s), nil
	}
	body := map[string]any{"sale": s.ID, "description": "Crossdock: what is left of " + number, "lines": []any{[]any{"create", changes}}}
	id, err := c.rpc.Create(ctx, h.Company, "reduce order", "sale.amendment", body)
	if err != nil {
		return orders.Registration{}, err
	}
	if err := c.rpc.Move(ctx, h.Company, "sale.amendment", "validate_amendment", []int{id}, trytonrpc.None); err != nil {
		return orders.Registration{}, c.rpc.Unanswered(err)
	}
	if s, err = c.one(ctx, h, number); err != nil {
		return orders.Registration{}, err
	}
	for _, l := range s.goods() {
		if want, ours := kept[l.Sequence]; ours && trytonrpc.Quantity(l.Quantity).Cmp(want) > 0 {
			return c.registration(s), fault.New(fault.Conflict, "line %d of order %s stays at %s", l.Sequence, number, l.Quantity).From(c.rpc.Name())
		}
	}
	return c.registration(s), nil
}
