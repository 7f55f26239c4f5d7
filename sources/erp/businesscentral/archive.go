package businesscentral

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

var (
	_ orders.Archive  = (*Client)(nil)
	_ finance.Archive = (*Client)(nil)
)

// archivePage is how many documents one call of the archive reads.
const archivePage = 200

// shelf is where documents of a kind are.
func shelf(kind finance.Kind) (set, lines string) {
	if kind == finance.CreditMemo {
		return "salesCreditMemos", "salesCreditMemoLines"
	}
	return "salesInvoices", "salesInvoiceLines"
}

// DocumentsAfter reads posted documents by their number, which is their key in the ERP: a cursor
// stays good for ever.
func (c *Client) DocumentsAfter(ctx context.Context, kind finance.Kind, cursor string) (lookup.Page[finance.Document], error) {
	set, lines := shelf(kind)
	q := url.Values{"$orderby": {"number"}, "$top": {strconv.Itoa(archivePage)}, "$count": {"true"}, "$expand": {lines}}
	if cursor != "" {
		q.Set("$filter", "number gt '"+quoted(cursor)+"'")
	}
	out := lookup.Page[finance.Document]{Next: cursor}
	var in struct {
		page[postedDocument]
		Count int `json:"@odata.count"`
	}
	if err := c.call(ctx, transport.Request{Operation: set + " after", Method: http.MethodGet, Path: c.path(c.standard(), set), Query: q}, http.StatusOK, &in); err != nil {
		return out, err
	}
	out.Total, out.More = in.Count, in.Count > len(in.Value) && len(in.Value) > 0
	for _, d := range in.Value {
		out.Next = d.Number
	}
	out.Items = c.documents(kind, in.Value)
	return out, nil
}

// DocumentsSince polls documents by their modification time.
func (c *Client) DocumentsSince(ctx context.Context, kind finance.Kind, cursor string) (lookup.Page[finance.Document], error) {
	if cursor == "" {
		return lookup.Page[finance.Document]{Next: time.Now().UTC().Format(time.RFC3339Nano)}, ctx.Err()
	}
	set, _ := shelf(kind)
	list, next, err := since[postedDocument](ctx, c, set, cursor, func(d postedDocument) time.Time { return d.Modified })
	return lookup.Page[finance.Document]{Items: c.documents(kind, list), Next: next}, err
}

// documents leaves drafts out.
func (c *Client) documents(kind finance.Kind, list []postedDocument) []finance.Document {
	var out []finance.Document
	for _, d := range list {
		if !d.posted() {
			continue
		}
		doc := c.document(kind, d)
		doc.TheirOrder = d.OrderNumber
		if kind == finance.CreditMemo {
			doc.ReturnNumber = d.ExternalDocumentNumber
		} else {
			doc.OrderNumber = d.ExternalDocumentNumber
		}
		out = append(out, doc)
	}
	return out
}

// noID is what Business Central writes where there is no id.
const noID = "00000000-0000-0000-0000-000000000000"

// Posted builds orders of all their invoices: a posted order is gone. What was ordered and never
// invoiced went with it. They have no time of change: an order that is still open is newer.
func (c *Client) Posted(ctx context.Context, numbers []string) (lookup.Answers[string, orders.Registration], error) {
	numbers = lookup.Unique(numbers)
	out := lookup.Empty[string, orders.Registration](len(numbers))
	if len(numbers) == 0 {
		return out, ctx.Err()
	}
	list, err := lookIn[postedDocument](ctx, c, "posted orders", c.standard(), "salesInvoices", "orderNumber", numbers, "salesInvoiceLines")
	if err != nil {
		return lookup.AllFailed[string, orders.Registration](numbers, err), ctx.Err()
	}
	for _, d := range list {
		if !d.posted() {
			continue
		}
		r, known := out.Found[d.OrderNumber]
		if !known {
			r = orders.Registration{
				Number: d.ExternalDocumentNumber, Ref: d.OrderID, TheirNumber: d.OrderNumber, Source: c.t.Name(), Account: trade.AccountID(d.CustomerNumber), Currency: trade.Currency(d.CurrencyCode),
				Posted: true, Copies: 1,
				ShipTo: trade.Address{Name: d.ShipToName, Line1: d.ShipToAddressLine1, Line2: d.ShipToAddressLine2, City: d.ShipToCity, Region: d.ShipToState, PostalCode: d.ShipToPostCode, Country: d.ShipToCountry},
			}
			if r.Ref == "" || r.Ref == noID {
				r.Ref = d.OrderNumber
			}
		}
		if at, err := time.Parse(time.DateOnly, d.InvoiceDate); err == nil && (r.PlacedAt.IsZero() || at.Before(r.PlacedAt)) {
			r.PlacedAt = at // the order's own date is gone with it
		}
		for _, l := range d.InvoiceLines {
			r.Lines = invoiced(r.Lines, l, r.Currency)
		}
		out.Found[d.OrderNumber] = r
	}
	return out, nil
}

// invoiced adds a line of an invoice to the lines of its order.
func invoiced(lines []orders.RegisteredLine, l salesLine, currency trade.Currency) []orders.RegisteredLine {
	q := amount(l.Quantity)
	for i := range lines {
		if lines[i].Line == l.Sequence && lines[i].SKU == trade.SKU(l.LineObjectNumber) {
			lines[i].Quantity.Value = trade.Sum(lines[i].Quantity.Value, q)
			lines[i].Shipped = lines[i].Quantity.Value
			return lines
		}
	}
	return append(lines, orders.RegisteredLine{
		Line: l.Sequence, SKU: trade.SKU(l.LineObjectNumber), Quantity: trade.Quantity{Value: q, Unit: trade.Unit(l.UnitOfMeasureCode)},
		UnitPrice: trade.Money{Amount: amount(l.UnitPrice), Currency: currency}, Shipped: q,
	})
}
