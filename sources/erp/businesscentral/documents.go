package businesscentral

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

var (
	_ orders.Registrar = (*Client)(nil)
	_ finance.Books    = (*Client)(nil)
)

type salesLine struct {
	Etag              string      `json:"@odata.etag,omitempty"`
	ID                string      `json:"id,omitempty"`
	Sequence          int         `json:"sequence,omitempty"`
	LineType          string      `json:"lineType"`
	LineObjectNumber  string      `json:"lineObjectNumber"`
	UnitOfMeasureCode string      `json:"unitOfMeasureCode,omitempty"`
	Quantity          json.Number `json:"quantity"`
	UnitPrice         json.Number `json:"unitPrice,omitempty"`
	ShipQuantity      json.Number `json:"shipQuantity,omitempty"`
	InvoiceQuantity   json.Number `json:"invoiceQuantity,omitempty"`
	ShippedQuantity   json.Number `json:"shippedQuantity,omitempty"`
}

type salesOrder struct {
	ID                     string      `json:"id"`
	Number                 string      `json:"number"`
	ExternalDocumentNumber string      `json:"externalDocumentNumber"`
	OrderDate              string      `json:"orderDate"`
	RequestedDeliveryDate  string      `json:"requestedDeliveryDate"`
	CustomerNumber         string      `json:"customerNumber"`
	CurrencyCode           string      `json:"currencyCode"`
	OrderNumber            string      `json:"orderNumber"`
	Status                 string      `json:"status"`
	ShipToName             string      `json:"shipToName"`
	ShipToAddressLine1     string      `json:"shipToAddressLine1"`
	ShipToAddressLine2     string      `json:"shipToAddressLine2"`
	ShipToCity             string      `json:"shipToCity"`
	ShipToState            string      `json:"shipToState"`
	ShipToPostCode         string      `json:"shipToPostCode"`
	ShipToCountry          string      `json:"shipToCountry"`
	Modified               time.Time   `json:"lastModifiedDateTime"`
	TotalTaxAmount         json.Number `json:"totalTaxAmount"`
	Lines                  []salesLine `json:"salesOrderLines"`
}

// noDate is how the product shows a date that is not set.
const noDate = "0001-01-01"

// lineStep is the distance of Business Central's line numbers: our line 1 is 10000.
const lineStep = 10_000

// ourLine is our number of a line, zero for one that was added in the ERP between two of ours.
func ourLine(sequence int) int {
	if sequence%lineStep != 0 {
		return 0
	}
	return sequence / lineStep
}

// newOrder is the body of a new order. The order of its fields matters: Business Central
// validates them as they come, the customer first and the price last.
type newOrder struct {
	CustomerNumber         string      `json:"customerNumber"`
	ExternalDocumentNumber string      `json:"externalDocumentNumber"`
	OrderDate              string      `json:"orderDate"`
	RequestedDeliveryDate  string      `json:"requestedDeliveryDate,omitempty"`
	ShipToName             string      `json:"shipToName,omitempty"`
	ShipToAddressLine1     string      `json:"shipToAddressLine1,omitempty"`
	ShipToAddressLine2     string      `json:"shipToAddressLine2,omitempty"`
	ShipToCity             string      `json:"shipToCity,omitempty"`
	ShipToState            string      `json:"shipToState,omitempty"`
	ShipToPostCode         string      `json:"shipToPostCode,omitempty"`
	ShipToCountry          string      `json:"shipToCountry,omitempty"`
	Lines                  []salesLine `json:"salesOrderLines"`
}

// Register creates the order with its lines in one request. What intake turned down stays out.
func (c *Client) Register(ctx context.Context, o *orders.Order) (orders.Registration, error) {
	in := newOrder{
		CustomerNumber: string(o.Account), ExternalDocumentNumber: o.Number, OrderDate: o.PlacedAt.Format(time.DateOnly), RequestedDeliveryDate: string(o.RequestedDate),
		ShipToName: o.ShipTo.Name, ShipToAddressLine1: o.ShipTo.Line1, ShipToAddressLine2: o.ShipTo.Line2, ShipToCity: o.ShipTo.City, ShipToState: o.ShipTo.Region, ShipToPostCode: o.ShipTo.PostalCode, ShipToCountry: o.ShipTo.Country,
	}
	for _, l := range o.Lines {
		q := trade.Less(l.Quantity.Value, trade.Sum(l.Rejected, l.Cancelled))
		if q.IsPos() {
			in.Lines = append(in.Lines, salesLine{Sequence: l.Number * lineStep, LineType: "Item", LineObjectNumber: string(l.SKU), UnitOfMeasureCode: string(l.Quantity.Unit), Quantity: json.Number(q.String()), UnitPrice: json.Number(l.UnitPrice.Amount.String())})
		}
	}
	body, err := json.Marshal(in)
	if err != nil {
		return orders.Registration{}, fmt.Errorf("order %s: %w", o.Number, err)
	}
	var out salesOrder
	if err := c.call(ctx, transport.Request{Operation: "register order", Method: http.MethodPost, Path: c.path(c.standard(), "salesOrders"), Query: url.Values{"$expand": {"salesOrderLines"}}, Body: body, Keys: 1}, http.StatusCreated, &out); err != nil {
		return orders.Registration{}, err
	}
	return c.registration(out), nil
}

func (c *Client) registration(o salesOrder) orders.Registration {
	r := orders.Registration{
		Number: o.ExternalDocumentNumber, Ref: o.ID, TheirNumber: o.Number, Source: c.t.Name(), Account: trade.AccountID(o.CustomerNumber), Currency: trade.Currency(o.CurrencyCode), ModifiedAt: o.Modified, Copies: 1,
		ShipTo: trade.Address{Name: o.ShipToName, Line1: o.ShipToAddressLine1, Line2: o.ShipToAddressLine2, City: o.ShipToCity, Region: o.ShipToState, PostalCode: o.ShipToPostCode, Country: o.ShipToCountry},
	}
	if at, err := time.Parse(time.DateOnly, o.OrderDate); err == nil {
		r.PlacedAt = at
	}
	if o.RequestedDeliveryDate != noDate {
		r.RequestedDate = trade.Date(o.RequestedDeliveryDate)
	}
	if o.TotalTaxAmount != "" {
		r.Tax = &trade.Money{Amount: amount(o.TotalTaxAmount), Currency: r.Currency}
	}
	for _, l := range o.Lines {
		r.Lines = append(r.Lines, orders.RegisteredLine{
			Line: ourLine(l.Sequence), SKU: trade.SKU(l.LineObjectNumber), Quantity: trade.Quantity{Value: amount(l.Quantity), Unit: trade.Unit(l.UnitOfMeasureCode)},
			UnitPrice: trade.Money{Amount: amount(l.UnitPrice), Currency: r.Currency}, Shipped: amount(l.ShippedQuantity),
		})
	}
	return r
}

// Registrations looks for our numbers among open orders and then, because a posted order is
// gone, among posted invoices, in one request.
func (c *Client) Registrations(ctx context.Context, numbers []string) (lookup.Answers[string, orders.Registration], error) {
	numbers = lookup.Unique(numbers)
	out := lookup.Empty[string, orders.Registration](len(numbers))
	if len(numbers) == 0 {
		return out, ctx.Err()
	}
	var open, posted []salesOrder
	for _, part := range chunks(numbers, c.cfg.Batch) {
		filter := anyOf("externalDocumentNumber", part)
		// They are answered in this order: an order that is posted between the two is in the second.
		answers, err := c.batch(ctx, "orders", c.standard(), []ask{
			{ID: "open", Method: http.MethodGet, URL: c.within("salesOrders") + "?" + url.Values{"$filter": {filter}, "$expand": {"salesOrderLines"}}.Encode()},
			{ID: "posted", Method: http.MethodGet, URL: c.within("salesInvoices") + "?" + url.Values{"$filter": {filter}}.Encode()},
		}, len(part))
		for id, into := range map[string]*[]salesOrder{"open": &open, "posted": &posted} {
			var list []salesOrder
			if err == nil {
				list, err = answered[salesOrder](c, answers, id)
			}
			*into = append(*into, list...)
		}
		if err != nil {
			return lookup.AllFailed[string, orders.Registration](numbers, err), ctx.Err()
		}
	}
	seen := map[string]map[string]bool{}
	copies := func(number, theirs string) int {
		if seen[number] == nil {
			seen[number] = map[string]bool{}
		}
		seen[number][theirs] = true
		return len(seen[number])
	}
	for _, o := range open {
		r := c.registration(o)
		r.Copies = copies(r.Number, o.Number)
		out.Found[r.Number] = r
	}
	for _, d := range posted {
		if !(postedDocument{Status: d.Status}).posted() {
			continue
		}
		number := d.ExternalDocumentNumber
		r, ok := out.Found[number]
		if !ok {
			r = orders.Registration{Number: number, TheirNumber: d.OrderNumber, Source: c.t.Name(), Account: trade.AccountID(d.CustomerNumber), Currency: trade.Currency(d.CurrencyCode), Posted: true}
		}
		r.Copies = copies(number, d.OrderNumber)
		out.Found[number] = r
	}
	return out, nil
}

// one returns the open order of our number.
func (c *Client) one(ctx context.Context, number string) (*salesOrder, error) {
	list, err := lookIn[salesOrder](ctx, c, "order", c.standard(), "salesOrders", "externalDocumentNumber", []string{number}, "salesOrderLines")
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].ExternalDocumentNumber == number {
			return &list[i], nil
		}
	}
	return nil, fault.New(fault.NotFound, "no open order %s", number).From(c.t.Name())
}

// Withdraw deletes the order. One that is gone already is not found.
func (c *Client) Withdraw(ctx context.Context, number string) error {
	o, err := c.one(ctx, number)
	if err != nil {
		return err
	}
	return c.call(ctx, transport.Request{Operation: "withdraw order", Method: http.MethodDelete, Path: c.path(c.standard(), "salesOrders("+o.ID+")"), Header: http.Header{"If-Match": {"*"}}, Keys: 1}, http.StatusNoContent, nil)
}

// Reduce sets the quantity of lines that have more.
func (c *Client) Reduce(ctx context.Context, number string, kept map[int]trade.Decimal) (orders.Registration, error) {
	o, err := c.one(ctx, number)
	if err != nil {
		return orders.Registration{}, err
	}
	for _, l := range o.Lines {
		want, ours := kept[ourLine(l.Sequence)]
		if !ours || amount(l.Quantity).Cmp(want) <= 0 {
			continue
		}
		body, err := json.Marshal(map[string]json.Number{"quantity": json.Number(want.String())})
		if err != nil {
			return orders.Registration{}, fmt.Errorf("order %s: %w", number, err)
		}
		if err := c.call(ctx, transport.Request{Operation: "reduce line", Method: http.MethodPatch, Path: c.path(c.standard(), "salesOrders("+o.ID+")/salesOrderLines("+l.ID+")"), Header: http.Header{"If-Match": {"*"}}, Body: body, Keys: 1}, http.StatusOK, nil); err != nil {
			return orders.Registration{}, err
		}
	}
	if o, err = c.one(ctx, number); err != nil {
		return orders.Registration{}, err
	}
	return c.registration(*o), nil
}

// RegistrationsSince polls open orders by their modification time.
func (c *Client) RegistrationsSince(ctx context.Context, cursor string) (lookup.Page[orders.Registration], error) {
	list, next, err := since[salesOrder](ctx, c, "salesOrders", cursor, func(o salesOrder) time.Time { return o.Modified })
	page := lookup.Page[orders.Registration]{Next: next}
	for _, o := range list {
		page.Items = append(page.Items, c.registration(o))
	}
	return page, err
}

// Post sets what is to ship and to invoice so that each line reaches its target, and posts, in one request
// that does all of it or nothing. An order that is gone was posted in full.
func (c *Client) Post(ctx context.Context, p finance.Posting) error {
	o, err := c.one(ctx, p.OrderNumber)
	if fault.KindOf(err) == fault.NotFound {
		return c.postedInFull(ctx, p)
	}
	if err != nil {
		return err
	}
	due := false
	var steps []ask
	for _, l := range o.Lines {
		// A line that somebody added in the ERP is not ours to ship: its target is zero.
		rest := trade.Less(p.Shipped[ourLine(l.Sequence)], amount(l.ShippedQuantity)).Max(trade.Decimal{})
		due = due || rest.IsPos()
		if amount(l.ShipQuantity).Cmp(rest) == 0 && amount(l.InvoiceQuantity).Cmp(rest) == 0 {
			continue
		}
		steps = append(steps, ask{
			// Any version will do: the quantities are ours to set, and nothing else is touched.
			ID: l.ID, Method: http.MethodPatch, URL: c.within("salesOrders(" + o.ID + ")/salesOrderLines(" + l.ID + ")"), Headers: map[string]string{"If-Match": "*", "Content-Type": "application/json"},
			Body: map[string]json.Number{"shipQuantity": json.Number(rest.String()), "invoiceQuantity": json.Number(rest.String())},
		})
	}
	if !due {
		return nil
	}
	// Lines beyond what one request takes are set before it; posted is nothing until all of them are.
	for len(steps) >= maxBatch {
		if err := c.together(ctx, "set lines", c.standard(), steps[:maxBatch]); err != nil {
			return err
		}
		steps = steps[maxBatch:]
	}
	steps = append(steps, ask{ID: "post", Method: http.MethodPost, URL: c.within("salesOrders(" + o.ID + ")/Microsoft.NAV.shipAndInvoice")})
	return c.together(ctx, "ship and invoice", c.standard(), steps)
}

// postedInFull checks that an order which is gone was posted up to the target before it went.
func (c *Client) postedInFull(ctx context.Context, p finance.Posting) error {
	found, err := c.Invoices(ctx, []string{p.OrderNumber})
	if err == nil {
		err = found.Failed[p.OrderNumber]
	}
	if err != nil {
		return err
	}
	invoiced := map[trade.SKU]trade.Decimal{}
	for _, d := range found.Found[p.OrderNumber] {
		for _, l := range d.Lines {
			invoiced[l.SKU] = trade.Sum(invoiced[l.SKU], l.Quantity.Value)
		}
	}
	for sku, q := range p.Items {
		if invoiced[sku].Cmp(q) < 0 {
			return fault.New(fault.Conflict, "order %s is gone from the ERP and %s of %s were invoiced, not %s", p.OrderNumber, invoiced[sku], sku, q).From(c.t.Name())
		}
	}
	return nil
}

type postedDocument struct {
	ID                      string      `json:"id"`
	Number                  string      `json:"number"`
	ExternalDocumentNumber  string      `json:"externalDocumentNumber"`
	PostingDate             string      `json:"postingDate"`
	DueDate                 string      `json:"dueDate"`
	CustomerNumber          string      `json:"customerNumber"`
	CurrencyCode            string      `json:"currencyCode"`
	Status                  string      `json:"status"`
	OrderNumber             string      `json:"orderNumber"`
	OrderID                 string      `json:"orderId"`
	InvoiceDate             string      `json:"invoiceDate"`
	ShipToName              string      `json:"shipToName"`
	ShipToAddressLine1      string      `json:"shipToAddressLine1"`
	ShipToAddressLine2      string      `json:"shipToAddressLine2"`
	ShipToCity              string      `json:"shipToCity"`
	ShipToState             string      `json:"shipToState"`
	ShipToPostCode          string      `json:"shipToPostCode"`
	ShipToCountry           string      `json:"shipToCountry"`
	Modified                time.Time   `json:"lastModifiedDateTime"`
	TotalAmountExcludingTax json.Number `json:"totalAmountExcludingTax"`
	TotalTaxAmount          json.Number `json:"totalTaxAmount"`
	TotalAmountIncludingTax json.Number `json:"totalAmountIncludingTax"`
	RemainingAmount         json.Number `json:"remainingAmount"`
	InvoiceLines            []salesLine `json:"salesInvoiceLines"`
	MemoLines               []salesLine `json:"salesCreditMemoLines"`
}

// posted reports whether the document is posted: drafts can still change.
func (d postedDocument) posted() bool {
	switch decodeEnum(d.Status) {
	case "Open", "Paid", "Canceled", "Corrective":
		return true
	default:
		return false
	}
}

func (c *Client) document(kind finance.Kind, d postedDocument) finance.Document {
	cur := trade.Currency(d.CurrencyCode)
	money := func(n json.Number) trade.Money { return trade.Money{Amount: amount(n), Currency: cur} }
	out := finance.Document{
		Kind: kind, Source: c.t.Name(), SourceRef: d.ID, Number: d.Number, Account: trade.AccountID(d.CustomerNumber), PostedOn: trade.Date(d.PostingDate), DueOn: trade.Date(d.DueDate),
		ModifiedAt: d.Modified, NetAmount: money(d.TotalAmountExcludingTax), TaxAmount: money(d.TotalTaxAmount), Total: money(d.TotalAmountIncludingTax), Remaining: money(d.RemainingAmount),
	}
	for _, l := range append(d.InvoiceLines, d.MemoLines...) {
		q := amount(l.Quantity)
		price := money(l.UnitPrice)
		out.Lines = append(out.Lines, finance.DocumentLine{Number: l.Sequence / lineStep, SKU: trade.SKU(l.LineObjectNumber), Quantity: trade.Quantity{Value: q, Unit: trade.Unit(l.UnitOfMeasureCode)}, UnitPrice: price, Amount: price.Times(q).Round()})
	}
	return out
}

// Invoices reads posted invoices by the external number that they took from their order.
func (c *Client) Invoices(ctx context.Context, numbers []string) (lookup.Answers[string, []finance.Document], error) {
	numbers = lookup.Unique(numbers)
	out := lookup.Empty[string, []finance.Document](len(numbers))
	if len(numbers) == 0 {
		return out, ctx.Err()
	}
	list, err := lookIn[postedDocument](ctx, c, "invoices", c.standard(), "salesInvoices", "externalDocumentNumber", numbers, "salesInvoiceLines")
	if err != nil {
		return lookup.AllFailed[string, []finance.Document](numbers, err), ctx.Err()
	}
	for _, d := range list {
		if d.posted() {
			doc := c.document(finance.Invoice, d)
			doc.OrderNumber = d.ExternalDocumentNumber
			out.Found[d.ExternalDocumentNumber] = append(out.Found[d.ExternalDocumentNumber], doc)
		}
	}
	return out, nil
}

func (c *Client) memos(ctx context.Context, numbers []string) ([]postedDocument, error) {
	return lookIn[postedDocument](ctx, c, "credit memos", c.standard(), "salesCreditMemos", "externalDocumentNumber", numbers, "salesCreditMemoLines")
}

// CreditMemos reads posted credit memos by our return number.
func (c *Client) CreditMemos(ctx context.Context, numbers []string) (lookup.Answers[string, finance.Document], error) {
	numbers = lookup.Unique(numbers)
	out := lookup.Empty[string, finance.Document](len(numbers))
	if len(numbers) == 0 {
		return out, ctx.Err()
	}
	list, err := c.memos(ctx, numbers)
	if err != nil {
		return lookup.AllFailed[string, finance.Document](numbers, err), ctx.Err()
	}
	for _, d := range list {
		if d.posted() {
			out.Found[d.ExternalDocumentNumber] = c.document(finance.CreditMemo, d)
		}
	}
	return out, nil
}

// Issue creates a credit memo and posts it, or posts the draft that an earlier call left.
func (c *Client) Issue(ctx context.Context, n finance.CreditNote) error {
	list, err := c.memos(ctx, []string{n.Number})
	if err != nil {
		return err
	}
	id := ""
	for _, d := range list {
		if d.posted() {
			return fault.New(fault.Conflict, "credit memo %s of %s is posted already", d.Number, n.Number).From(c.t.Name())
		}
		id = d.ID
	}
	if id == "" {
		if id, err = c.draftMemo(ctx, n); err != nil {
			return err
		}
	}
	return c.call(ctx, transport.Request{Operation: "post credit memo", Method: http.MethodPost, Path: c.path(c.standard(), "salesCreditMemos("+id+")/Microsoft.NAV.post"), Keys: 1}, http.StatusNoContent, nil)
}

func (c *Client) draftMemo(ctx context.Context, n finance.CreditNote) (string, error) {
	in := struct {
		CustomerNumber         string      `json:"customerNumber"`
		ExternalDocumentNumber string      `json:"externalDocumentNumber"`
		Lines                  []salesLine `json:"salesCreditMemoLines"`
	}{CustomerNumber: string(n.Account), ExternalDocumentNumber: n.Number}
	for i, l := range n.Lines {
		in.Lines = append(in.Lines, salesLine{Sequence: (i + 1) * lineStep, LineType: "Item", LineObjectNumber: string(l.SKU), UnitOfMeasureCode: string(l.Quantity.Unit), Quantity: json.Number(l.Quantity.Value.String()), UnitPrice: json.Number(l.UnitPrice.Amount.String())})
	}
	body, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("credit memo %s: %w", n.Number, err)
	}
	var out postedDocument
	err = c.call(ctx, transport.Request{Operation: "create credit memo", Method: http.MethodPost, Path: c.path(c.standard(), "salesCreditMemos"), Body: body, Keys: 1}, http.StatusCreated, &out)
	return out.ID, err
}
