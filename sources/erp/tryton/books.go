package tryton

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/sources/trytonrpc"
)

var (
	_ finance.Books   = (*Client)(nil)
	_ finance.Archive = (*Client)(nil)
)

type shipment struct {
	ID        int        `json:"id"`
	State     string     `json:"state"`
	Outgoing  []movement `json:"outgoing_moves."`
	Inventory []movement `json:"inventory_moves."`
}

func shipmentFields() []string {
	return []string{"state", "outgoing_moves.quantity", "outgoing_moves.state", "outgoing_moves.origin", "inventory_moves.quantity", "inventory_moves.state", "inventory_moves.origin"}
}

// maxSteps bounds the shipments that one posting goes through.
const maxSteps = 10

// Post ships what has left the warehouse and posts the invoices that the product drafts for it. Each step
// looks at what there is first, so that a posting that was cut short goes on where it stopped.
func (c *Client) Post(ctx context.Context, p finance.Posting) error {
	h, err := c.where(ctx)
	if err != nil {
		return err
	}
	for range maxSteps {
		s, err := c.one(ctx, h, p.OrderNumber)
		if err != nil {
			return err
		}
		if s.State == draft || s.State == quoted {
			return &fault.Error{Kind: fault.Unavailable, Message: "order " + p.OrderNumber + " is not confirmed yet", Source: c.rpc.Name(), NotSent: true}
		}
		rest := map[string]trade.Decimal{}
		for _, l := range s.goods() {
			if q := trade.Less(p.Shipped[l.Sequence], l.moved()); q.IsPos() {
				rest["sale.line,"+strconv.Itoa(l.ID)] = q
			}
		}
		if len(rest) == 0 {
			return c.postInvoices(ctx, h, s)
		}
		if err := c.ship(ctx, h, s, rest); err != nil {
			return err
		}
	}
	return fault.New(fault.Conflict, "order %s does not ship what has left", p.OrderNumber).From(c.rpc.Name())
}

// ship brings the sale's open shipment to its end with what the rest asks for, by line.
func (c *Client) ship(ctx context.Context, h *home, s sale, rest map[string]trade.Decimal) error {
	list, err := trytonrpc.Search[shipment](ctx, c.rpc, h.Company, "shipments", "stock.shipment.out", []any{[]any{"id", "in", s.Shipments}}, shipmentFields(), nil)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(sh shipment) bool { return sh.State != done && sh.State != cancelled })
	if i < 0 {
		return fault.New(fault.Conflict, "order %s has no shipment left for what has gone", s.WebID).From(c.rpc.Name())
	}
	sh := list[i]
	if sh.State == draft {
		if err := c.step(ctx, h, sh.ID, "wait"); err != nil {
			return err
		}
		return nil // its moves are there when it is read again
	}
	if sh.State == "waiting" {
		if err := c.take(ctx, h, sh, rest); err != nil {
			return err
		}
		// The goods have left: the books follow, whatever they say is there.
		if err := c.step(ctx, h, sh.ID, "assign_force"); err != nil {
			return err
		}
	}
	for _, transition := range []string{"pick", "pack", "done"} {
		if err := c.step(ctx, h, sh.ID, transition); err != nil {
			return err
		}
	}
	return nil
}

// take sets what the shipment's moves out of store take to the rest.
func (c *Client) take(ctx context.Context, h *home, sh shipment, rest map[string]trade.Decimal) error {
	origin := map[string]string{}
	for _, m := range sh.Outgoing {
		origin["stock.move,"+strconv.Itoa(m.ID)] = m.Origin
	}
	params := []any{}
	for _, m := range sh.Inventory {
		want := trade.Min(rest[origin[m.Origin]], trytonrpc.Quantity(m.Quantity))
		if !want.Equal(trytonrpc.Quantity(m.Quantity)) {
			params = append(params, []int{m.ID}, map[string]any{"quantity": trytonrpc.Float(want)})
		}
	}
	if len(params) == 0 {
		return nil
	}
	return c.rpc.Call(ctx, "set quantities", "model.stock.move.write", append(params, h.Context(nil)), false, nil)
}

// step moves a shipment on. It leaves without a carrier of the ERP's: the node's is known to us.
func (c *Client) step(ctx context.Context, h *home, id int, transition string) error {
	return c.rpc.Unanswered(c.rpc.Move(ctx, h.Company, "stock.shipment.out", transition, []int{id}, func(name string) bool {
		return strings.HasPrefix(name, "shipment_out_no_carrier_")
	}))
}

type invoiceLine struct {
	ID        int              `json:"id"`
	Type      string           `json:"type"`
	Product   *trytonrpc.Coded `json:"product."`
	Quantity  json.Number      `json:"quantity"`
	Unit      *trytonrpc.Unit  `json:"unit."`
	UnitPrice *trytonrpc.Money `json:"unit_price"`
	Amount    *trytonrpc.Money `json:"amount"`
}

type invoice struct {
	trytonrpc.Stamps
	ID       int              `json:"id"`
	Number   string           `json:"number"`
	State    string           `json:"state"`
	Date     *trytonrpc.Stamp `json:"invoice_date"`
	Net      *trytonrpc.Money `json:"untaxed_amount"`
	Tax      *trytonrpc.Money `json:"tax_amount"`
	Total    *trytonrpc.Money `json:"total_amount"`
	Due      *trytonrpc.Money `json:"amount_to_pay"`
	Party    *trytonrpc.Coded `json:"party."`
	Currency *trytonrpc.Coded `json:"currency."`
	Lines    []invoiceLine    `json:"lines."`
	ToPay    []struct {
		Due *trytonrpc.Stamp `json:"maturity_date"`
	} `json:"lines_to_pay."`
	Sales []struct {
		Number string `json:"number"`
		WebID  string `json:"web_id"`
	} `json:"sales."`
}

func invoiceFields() []string {
	return []string{
		"number", "state", "invoice_date", "untaxed_amount", "tax_amount", "total_amount", "amount_to_pay", "create_date", "write_date", "party.code", "currency.code", "lines_to_pay.maturity_date",
		"sales.number", "sales.web_id", "lines.type", "lines.product.code", "lines.quantity", "lines.unit.symbol", "lines.unit_price", "lines.amount",
	}
}

// kind tells an invoice from a credit note: that is an invoice of a negative total.
func (d invoice) kind() finance.Kind {
	if d.Total.Value().IsNeg() {
		return finance.CreditMemo
	}
	return finance.Invoice
}

// posted reports whether the document can no longer change.
func (d invoice) posted() bool { return d.State == "posted" || d.State == "paid" }

// document is the document as we write it: a credit note counts what came back, and what is owed to the
// customer, as positive.
func (c *Client) document(d invoice) finance.Document {
	cur := trade.Currency(d.Currency.Text())
	kind := d.kind()
	sign := func(n trade.Decimal) trade.Decimal {
		if kind == finance.CreditMemo {
			return n.Neg()
		}
		return n
	}
	of := func(m *trytonrpc.Money) trade.Money { return trade.Money{Amount: sign(m.Value()), Currency: cur} }
	out := finance.Document{
		Kind: kind, Source: c.rpc.Name(), SourceRef: strconv.Itoa(d.ID), Number: d.Number, Account: trade.AccountID(d.Party.Text()), PostedOn: d.Date.Date(), ModifiedAt: d.Modified(),
		NetAmount: of(d.Net), TaxAmount: of(d.Tax), Total: of(d.Total), Remaining: of(d.Due),
	}
	if len(d.ToPay) > 0 {
		out.DueOn = d.ToPay[0].Due.Date()
	}
	if len(d.Sales) > 0 {
		out.TheirOrder = d.Sales[0].Number
		if kind == finance.CreditMemo {
			out.ReturnNumber = d.Sales[0].WebID
		} else {
			out.OrderNumber = d.Sales[0].WebID
		}
	}
	for _, l := range d.Lines {
		if l.Type != "line" {
			continue
		}
		out.Lines = append(out.Lines, finance.DocumentLine{
			Number: len(out.Lines) + 1, SKU: trade.SKU(l.Product.Text()), Quantity: trade.Quantity{Value: sign(trytonrpc.Quantity(l.Quantity)), Unit: l.Unit.Text()},
			UnitPrice: trade.Money{Amount: l.UnitPrice.Value(), Currency: cur}, Amount: of(l.Amount),
		})
	}
	return out
}

// postInvoices posts the invoices of the sale that are still drafts.
func (c *Client) postInvoices(ctx context.Context, h *home, s sale) error {
	if len(s.Invoices) == 0 {
		return nil
	}
	list, err := trytonrpc.Search[invoice](ctx, c.rpc, h.Company, "draft invoices", "account.invoice", []any{[]any{"id", "in", s.Invoices}, []any{"state", "in", []string{draft, "validated"}}}, []string{"state"}, nil)
	if err != nil || len(list) == 0 {
		return err
	}
	ids := make([]int, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	return c.rpc.Unanswered(c.rpc.Move(ctx, h.Company, "account.invoice", "post", ids, trytonrpc.None))
}

// documents are posted ones of the kind that the domain finds.
func (c *Client) documents(list []invoice, kind finance.Kind) []finance.Document {
	var out []finance.Document
	for _, d := range list {
		if d.posted() && d.kind() == kind {
			out = append(out, c.document(d))
		}
	}
	return out
}

// Invoices reads posted invoices of sales by our numbers.
func (c *Client) Invoices(ctx context.Context, numbers []string) (lookup.Answers[string, []finance.Document], error) {
	return answer(ctx, c, numbers, func(h *home, numbers []string, out lookup.Answers[string, []finance.Document]) error {
		list, err := trytonrpc.ByKeys[invoice](ctx, c.rpc, h.Company, "invoices", "account.invoice", "sales.web_id", numbers, invoiceFields(), nil, customers())
		for _, d := range c.documents(list, finance.Invoice) {
			out.Found[d.OrderNumber] = append(out.Found[d.OrderNumber], d)
		}
		return err
	})
}

// customers' documents, not those of suppliers.
func customers() any { return []any{"type", "=", "out"} }

// CreditMemos reads posted credit notes by the number of our return.
func (c *Client) CreditMemos(ctx context.Context, numbers []string) (lookup.Answers[string, finance.Document], error) {
	return answer(ctx, c, numbers, func(h *home, numbers []string, out lookup.Answers[string, finance.Document]) error {
		list, err := trytonrpc.ByKeys[invoice](ctx, c.rpc, h.Company, "credit notes", "account.invoice", "sales.web_id", numbers, invoiceFields(), nil, customers())
		for _, d := range c.documents(list, finance.CreditMemo) {
			out.Found[d.ReturnNumber] = d
		}
		return err
	})
}

// Issue credits what came back: an order of negative quantities under the return's number, whose goods are
// received and whose credit note is posted. It goes on with one that an earlier call left unfinished. The
// product would credit more than was ever sent, so that is looked at here.
func (c *Client) Issue(ctx context.Context, n finance.CreditNote) error {
	h, err := c.where(ctx)
	if err != nil {
		return err
	}
	s, err := c.one(ctx, h, n.Number)
	if fault.KindOf(err) == fault.NotFound {
		if err := c.newReturn(ctx, h, n); err != nil {
			return err
		}
		s, err = c.one(ctx, h, n.Number)
	} else if err == nil {
		memos, e := c.CreditMemos(ctx, []string{n.Number})
		if e = firstOf(e, memos.Failed[n.Number]); e != nil {
			return e
		}
		if d, ok := memos.Found[n.Number]; ok {
			return fault.New(fault.Conflict, "credit note %s of %s is posted already", d.Number, n.Number).From(c.rpc.Name())
		}
	}
	if err != nil {
		return err
	}
	r, err := c.Confirm(ctx, n.Number, nil)
	if err != nil {
		return err
	}
	if r.Unconfirmed {
		return fault.New(fault.Conflict, "Tryton asks for a person: %s", r.Stops[0].Message).From(c.rpc.Name())
	}
	if s, err = c.one(ctx, h, n.Number); err != nil {
		return err
	}
	for _, transition := range []string{"receive", "done"} {
		if len(s.Returned) > 0 {
			if err := c.rpc.Move(ctx, h.Company, "stock.shipment.out.return", transition, s.Returned, trytonrpc.None); err != nil {
				return c.rpc.Unanswered(err)
			}
		}
	}
	return c.postInvoices(ctx, h, s)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// newReturn makes the order of negative quantities, of no more than the order that it is for has sent.
func (c *Client) newReturn(ctx context.Context, h *home, n finance.CreditNote) error {
	of, err := c.one(ctx, h, n.OrderNumber)
	if err != nil {
		return fmt.Errorf("return %s: %w", n.Number, err)
	}
	sent := map[trade.SKU]trade.Decimal{}
	for _, l := range of.goods() {
		sku := trade.SKU(l.Product.Text())
		sent[sku] = trade.Sum(sent[sku], l.moved())
	}
	var lines []wanted
	for i, l := range n.Lines {
		if sent[l.SKU] = trade.Less(sent[l.SKU], l.Quantity.Value); sent[l.SKU].IsNeg() {
			return fault.New(fault.Conflict, "return %s credits more of %s than order %s has sent", n.Number, l.SKU, n.OrderNumber).From(c.rpc.Name())
		}
		lines = append(lines, wanted{sequence: i + 1, sku: l.SKU, quantity: l.Quantity.Value.Neg(), price: l.UnitPrice.Amount})
	}
	body, err := c.newSale(ctx, h, n.Account, lines)
	if err != nil {
		return fmt.Errorf("return %s: %w", n.Number, err)
	}
	body["web_id"], body["reference"], body["invoice_method"], body["origin"] = n.Number, n.OrderNumber, "order", "sale.sale,"+strconv.Itoa(of.ID)
	_, err = c.rpc.Create(ctx, h.Company, "return", "sale.sale", body)
	return err
}

// DocumentsSince polls customers' documents. A feed that was never read starts now.
func (c *Client) DocumentsSince(ctx context.Context, kind finance.Kind, cursor string) (lookup.Page[finance.Document], error) {
	if cursor == "" {
		return lookup.Page[finance.Document]{Next: c.live().AsOf.UTC().Format(cursorForm)}, ctx.Err()
	}
	return since(ctx, c, "documents since", "account.invoice", cursor, invoiceFields(), []any{customers()}, func(_ *home, d invoice) (finance.Document, bool) {
		return c.document(d), d.posted() && d.kind() == kind
	})
}

// DocumentsAfter reads documents by their id, which grows: a cursor stays good for ever. A draft that is
// posted later than its neighbours is in the feed of changes.
func (c *Client) DocumentsAfter(ctx context.Context, kind finance.Kind, cursor string) (lookup.Page[finance.Document], error) {
	out := lookup.Page[finance.Document]{Next: cursor}
	after := 0
	if cursor != "" {
		var err error
		if after, err = strconv.Atoi(cursor); err != nil {
			return out, fault.New(fault.Invalid, "%q is not a cursor of documents", cursor).From(c.rpc.Name())
		}
	}
	h, err := c.where(ctx)
	if err != nil {
		return out, err
	}
	domain := []any{[]any{"id", ">", after}, customers(), []any{"state", "in", []string{"posted", "paid"}}}
	var list []invoice
	if err := c.rpc.Call(ctx, "documents after", "model.account.invoice.search_read", []any{domain, 0, trytonrpc.Page, []any{[]any{"id", "ASC"}}, invoiceFields(), h.Context(nil)}, true, &list); err != nil {
		return out, err
	}
	out.Items, out.More = c.documents(list, kind), len(list) == trytonrpc.Page
	if len(list) > 0 {
		out.Next = strconv.Itoa(list[len(list)-1].ID)
	}
	return out, ctx.Err()
}
