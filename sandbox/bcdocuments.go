package sandbox

import (
	"fmt"
	"net/http"
	"time"

	"crossdock/domains/trade"
)

// creditMemos serves the credit memos and the action that posts one.
func (b *bc) creditMemos(r *http.Request, id, action string) (int, any, *bcError) {
	w := b.world
	switch {
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salescreditmemo_get
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salescreditmemoline_get
	case r.Method == http.MethodGet:
		return b.listing(r, each(r, w.memos, documentKey, func(d *document) object { return b.document(d, "salesCreditMemo", expands(r, "salesCreditMemoLines")) }))
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salescreditmemo_create
	case r.Method == http.MethodPost && id == "":
		var in struct {
			CustomerNumber, ExternalDocumentNumber, InvoiceNumber string
			SalesCreditMemoLines                                  []lineInput
		}
		if err := decode(r, &in); err != nil {
			return 0, nil, err
		}
		c := w.customers[in.CustomerNumber]
		if c == nil {
			return 0, nil, dialog("The Customer does not exist. Identification fields and values: No.='%s'", in.CustomerNumber)
		}
		d := &document{ID: guid(), Number: fmt.Sprintf("S-CR%06d", w.next()), External: in.ExternalDocumentNumber, Customer: c.Number, Currency: c.Currency, InvoiceNumber: in.InvoiceNumber, Date: w.now().Format(time.DateOnly), Version: 1, Modified: w.now()}
		for n, l := range in.SalesCreditMemoLines {
			line, err := b.line(c, l, (n+1)*10_000)
			if err != nil {
				return 0, nil, err
			}
			d.Lines = append(d.Lines, line)
		}
		w.memos[d.ID] = d
		w.keep(record("memo", d.ID, d))
		return http.StatusCreated, b.document(d, "salesCreditMemo", expands(r, "salesCreditMemoLines")), nil
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/resources/dynamics_salescreditmemo
	case r.Method == http.MethodPost && action == "Microsoft.NAV.post":
		d := w.memos[id]
		if d == nil {
			return 0, nil, recordMissing("Sales Credit Memo")
		}
		if d.Posted {
			return 0, nil, dialog("The credit memo is posted already.")
		}
		d.Posted, d.Number, d.Modified = true, fmt.Sprintf("PS-CR%06d", w.next()), w.now()
		c := w.customers[d.Customer]
		c.Balance = trade.Less(c.Balance, d.total())
		w.keep(record("memo", d.ID, d), record("customer", c.Number, c))
		return http.StatusNoContent, nil, nil
	}
	return 0, nil, &bcError{http.StatusMethodNotAllowed, "BadRequest_MethodNotAllowed", r.Method + " requests are not allowed"}
}

func (d *document) total() trade.Decimal {
	total := trade.Decimal{}
	for _, l := range d.Lines {
		total = trade.Sum(total, trade.Money{Amount: l.Price, Currency: trade.Currency(d.Currency)}.Times(l.Quantity).Round().Amount)
	}
	return total
}

// tax is what tax a customer pays on an amount.
func (b *bc) tax(customer string, on trade.Decimal) trade.Decimal {
	c := b.world.customers[customer]
	if c == nil || !c.TaxLiable {
		return trade.Decimal{}
	}
	return trade.Money{Amount: on, Currency: trade.Currency(c.Currency)}.Times(trade.Money{Amount: c.TaxRate}.Times(cents(1)).Amount).Round().Amount
}

func (b *bc) document(d *document, kind string, lines bool) object {
	total := d.total()
	tax := b.tax(d.Customer, total)
	status, left := "Draft", trade.Sum(total, tax)
	switch {
	case d.Paid:
		status, left = "Paid", trade.Decimal{}
	case d.Posted:
		status = "Open"
	}
	out := object{
		"@odata.etag": fmt.Sprintf(`W/"%d"`, d.Version), "id": d.ID, "number": d.Number, "externalDocumentNumber": d.External, "postingDate": d.Date, "dueDate": d.Date, "customerNumber": d.Customer, "currencyCode": d.Currency,
		"lastModifiedDateTime": stampOf(d.Modified),
	}
	switch kind {
	case "salesInvoice":
		out["invoiceDate"], out["orderNumber"], out["orderId"], out["remainingAmount"] = d.Date, d.OrderNumber, d.OrderID, number(left)
		out["shipToName"], out["shipToAddressLine1"], out["shipToAddressLine2"], out["shipToCity"], out["shipToState"] = d.ShipTo.Name, d.ShipTo.Line1, d.ShipTo.Line2, d.ShipTo.City, d.ShipTo.Region
		out["shipToPostCode"], out["shipToCountry"] = d.ShipTo.PostalCode, d.ShipTo.Country
	default:
		out["creditMemoDate"], out["invoiceNumber"] = d.Date, d.InvoiceNumber
	}
	out["status"], out["totalAmountExcludingTax"], out["totalTaxAmount"], out["totalAmountIncludingTax"] = status, number(total), number(tax), number(trade.Sum(total, tax))
	if lines {
		ls := []object{}
		for _, l := range d.Lines {
			ls = append(ls, object{"id": l.ID, "documentId": d.ID, "sequence": l.Sequence, "lineType": "Item", "lineObjectNumber": l.ItemNumber, "description": l.Name, "unitOfMeasureCode": l.Unit, "quantity": number(l.Quantity), "unitPrice": number(l.Price)})
		}
		out[kind+"Lines"] = ls
	}
	return out
}

func documentKey(d *document, name string) (string, bool) {
	if name == "orderNumber" {
		return d.OrderNumber, true
	}
	return d.External, name == "externalDocumentNumber"
}
