package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"crossdock/domains/trade"
)

// salesOrders serves the open orders and their one action.
func (b *bc) salesOrders(r *http.Request, id, action string) (int, any, *bcError) {
	switch {
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salesorder_get
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salesorderline_get
	case r.Method == http.MethodGet && id == "":
		return b.listing(r, each(r, b.world.orders, orderKey, func(o *salesOrder) object {
			if o.Deleted {
				return nil
			}
			return b.order(o, expands(r, "salesOrderLines"))
		}))
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salesorder_create
	case r.Method == http.MethodPost && id == "":
		return b.createOrder(r)
	}
	o := b.world.orders[id]
	if o == nil || o.Deleted {
		return 0, nil, recordMissing("Sales Order")
	}
	switch {
	case r.Method == http.MethodGet:
		return http.StatusOK, b.order(o, expands(r, "salesOrderLines")), nil
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/resources/dynamics_salesorder
	case r.Method == http.MethodPost && action == "Microsoft.NAV.shipAndInvoice":
		return b.shipAndInvoice(o)
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salesorder_delete
	case r.Method == http.MethodDelete:
		if err := o.matched(r); err != nil {
			return 0, nil, err
		}
		for _, l := range o.Lines {
			if l.Shipped.IsPos() {
				return 0, nil, dialog("You cannot delete the order because it has posted lines.")
			}
		}
		o.Deleted, o.Modified = true, b.world.now()
		b.world.keep(record("order", o.ID, o))
		return http.StatusNoContent, nil, nil
	}
	return 0, nil, &bcError{http.StatusMethodNotAllowed, "BadRequest_MethodNotAllowed", r.Method + " requests are not allowed"}
}

func (b *bc) createOrder(r *http.Request) (int, any, *bcError) {
	var in struct {
		CustomerNumber, ExternalDocumentNumber, OrderDate, RequestedDeliveryDate                                   string
		ShipToName, ShipToAddressLine1, ShipToAddressLine2, ShipToCity, ShipToState, ShipToPostCode, ShipToCountry string
		SalesOrderLines                                                                                            []lineInput
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	c := b.world.customers[in.CustomerNumber]
	switch {
	case in.CustomerNumber == "":
		return 0, nil, dialog(`A "customerNumber" or a "customerId" must be provided.`)
	case c == nil:
		return 0, nil, dialog("The Customer does not exist. Identification fields and values: No.='%s'", in.CustomerNumber)
	case c.Blocked == "All" || c.Blocked == "Invoice":
		return 0, nil, dialog("You cannot create this type of document when Customer %s is blocked with type %s", c.Number, c.Blocked)
	case len(in.ExternalDocumentNumber) > 35:
		return 0, nil, &bcError{http.StatusBadRequest, "Application_StringExceededLength", "The length of the string is too long."}
	}
	o := &salesOrder{
		ID: guid(), Number: fmt.Sprintf("S-ORD%06d", b.world.next()), External: in.ExternalDocumentNumber, Customer: c.Number, Currency: c.Currency, OrderDate: in.OrderDate, RequestedDate: in.RequestedDeliveryDate, Version: 1, Modified: b.world.now(),
		ShipTo: trade.Address{Name: in.ShipToName, Line1: in.ShipToAddressLine1, Line2: in.ShipToAddressLine2, City: in.ShipToCity, Region: in.ShipToState, PostalCode: in.ShipToPostCode, Country: in.ShipToCountry},
	}
	for n, l := range in.SalesOrderLines {
		line, err := b.line(c, l, (n+1)*10_000)
		if err != nil {
			return 0, nil, err
		}
		line.ToShip, line.ToInvoice = line.Quantity, line.Quantity
		o.Lines = append(o.Lines, line)
	}
	b.world.orders[o.ID] = o
	b.world.keep(record("order", o.ID, o))
	return http.StatusCreated, b.order(o, expands(r, "salesOrderLines")), nil
}

type lineInput struct {
	LineType, LineObjectNumber, UnitOfMeasureCode string
	Sequence                                      int
	Quantity, UnitPrice                           json.Number
}

func (b *bc) line(c *customer, in lineInput, sequence int) (*orderLine, *bcError) {
	i := b.world.items[in.LineObjectNumber]
	if i == nil {
		return nil, dialog("Item does not exist.")
	}
	q, err := trade.ParseDecimal(string(in.Quantity))
	if err != nil {
		return nil, &bcError{http.StatusBadRequest, "BadRequest", "Unable to convert value to Decimal"}
	}
	if in.Sequence != 0 {
		sequence = in.Sequence
	}
	l := &orderLine{ID: guid(), ItemNumber: i.Number, Name: i.Name, Unit: i.Unit, Sequence: sequence, Quantity: q, Price: b.priceOf(c, i, q, trade.Date(b.world.now().Format(time.DateOnly)), "").price}
	if in.UnitPrice != "" {
		if l.Price, err = trade.ParseDecimal(string(in.UnitPrice)); err != nil {
			return nil, &bcError{http.StatusBadRequest, "BadRequest", "Unable to convert value to Decimal"}
		}
	}
	return l, nil
}

func (b *bc) patchLine(r *http.Request, order, id string) (int, any, *bcError) {
	var in struct{ Quantity, ShipQuantity, InvoiceQuantity json.Number }
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	for _, key := range sorted(b.world.orders) {
		o := b.world.orders[key]
		k := slices.IndexFunc(o.Lines, func(l *orderLine) bool { return l.ID == id })
		if o.ID != order || k < 0 || o.Deleted {
			continue
		}
		if err := o.matched(r); err != nil {
			return 0, nil, err
		}
		l := o.Lines[k]
		for _, f := range []struct {
			from json.Number
			to   *trade.Decimal
		}{{in.Quantity, &l.Quantity}, {in.ShipQuantity, &l.ToShip}, {in.InvoiceQuantity, &l.ToInvoice}} {
			if d, err := trade.ParseDecimal(string(f.from)); err == nil {
				*f.to = d
			}
		}
		if in.Quantity != "" {
			if l.Quantity.Cmp(l.Shipped) < 0 {
				return 0, nil, dialog("Quantity must not be less than %s in Sales Line.", l.Shipped)
			}
			l.ToShip = trade.Less(l.Quantity, l.Shipped)
			l.ToInvoice = l.ToShip
		}
		if trade.Sum(l.Shipped, l.ToShip).Cmp(l.Quantity) > 0 && in.ShipQuantity != "" {
			return 0, nil, dialog("You cannot ship more than %s units.", trade.Less(l.Quantity, l.Shipped))
		}
		o.Version++
		o.Modified = b.world.now()
		b.world.keep(record("order", o.ID, o))
		return http.StatusOK, b.orderLine(o, l), nil
	}
	return 0, nil, recordMissing("Sales Line")
}

// matched reports what is wrong with the tag that a change must name.
func (o *salesOrder) matched(r *http.Request) *bcError {
	switch r.Header.Get("If-Match") {
	case "":
		return errNoToken
	case "*", o.etag():
		return nil
	default:
		return errEntityChanged
	}
}

// shipAndInvoice posts what is to ship and to invoice.
func (b *bc) shipAndInvoice(o *salesOrder) (int, any, *bcError) {
	w := b.world
	inv := w.post(o, w.now())
	if inv == nil {
		return 0, nil, dialog("There is nothing to post.")
	}
	c := w.customers[o.Customer]
	c.Balance = trade.Sum(c.Balance, inv.total())
	w.keep(record("order", o.ID, o), record("invoice", inv.ID, inv), record("customer", c.Number, c))
	return http.StatusNoContent, nil, nil
}

// post moves what is to ship into an invoice, which is nil when that is nothing. A fully posted order
// is gone.
func (w *World) post(o *salesOrder, now time.Time) *document {
	inv := &document{ID: guid(), External: o.External, OrderNumber: o.Number, OrderID: o.ID, Customer: o.Customer, Currency: o.Currency, ShipTo: o.ShipTo, Posted: true, Date: now.Format(time.DateOnly), Version: 1, Modified: now}
	done := true
	for _, l := range o.Lines {
		if l.ToShip.IsPos() {
			p := *l
			p.Quantity = l.ToShip
			inv.Lines = append(inv.Lines, &p)
		}
		l.Shipped, l.Invoiced = trade.Sum(l.Shipped, l.ToShip), trade.Sum(l.Invoiced, l.ToShip)
		l.ToShip, l.ToInvoice = trade.Decimal{}, trade.Decimal{}
		done = done && l.Shipped.Cmp(l.Quantity) >= 0
	}
	if len(inv.Lines) == 0 {
		return nil
	}
	inv.Number = fmt.Sprintf("PS-INV%06d", w.next())
	o.Deleted, o.Version, o.Modified = done, o.Version+1, now
	w.invoices[inv.ID] = inv
	return inv
}

func (b *bc) order(o *salesOrder, lines bool) object {
	shipped := true
	total := trade.Decimal{}
	for _, l := range o.Lines {
		shipped = shipped && l.Shipped.Cmp(l.Quantity) >= 0
		total = trade.Sum(total, trade.Money{Amount: l.Price, Currency: trade.Currency(o.Currency)}.Times(l.Quantity).Round().Amount)
	}
	out := object{
		"@odata.etag": o.etag(), "id": o.ID, "number": o.Number, "externalDocumentNumber": o.External, "orderDate": o.OrderDate, "customerNumber": o.Customer, "customerName": b.world.customers[o.Customer].Name,
		"shipToName": o.ShipTo.Name, "shipToAddressLine1": o.ShipTo.Line1, "shipToAddressLine2": o.ShipTo.Line2, "shipToCity": o.ShipTo.City, "shipToState": o.ShipTo.Region, "shipToPostCode": o.ShipTo.PostalCode, "shipToCountry": o.ShipTo.Country,
		"currencyCode": o.Currency, "requestedDeliveryDate": orZero(o.RequestedDate), "totalAmountExcludingTax": number(total), "totalTaxAmount": number(b.tax(o.Customer, total)), "fullyShipped": shipped, "status": "Draft", "lastModifiedDateTime": stampOf(o.Modified),
	}
	if lines {
		ls := []object{}
		for _, l := range o.Lines {
			ls = append(ls, b.orderLine(o, l))
		}
		out["salesOrderLines"] = ls
	}
	return out
}

func (b *bc) orderLine(o *salesOrder, l *orderLine) object {
	return object{
		"@odata.etag": o.etag(), "id": l.ID, "documentId": o.ID, "sequence": l.Sequence, "lineType": "Item", "lineObjectNumber": l.ItemNumber, "description": l.Name, "unitOfMeasureCode": l.Unit, "quantity": number(l.Quantity),
		"unitPrice": number(l.Price), "shipQuantity": number(l.ToShip), "invoiceQuantity": number(l.ToInvoice), "shippedQuantity": number(l.Shipped), "invoicedQuantity": number(l.Invoiced),
	}
}

func (o *salesOrder) etag() string { return fmt.Sprintf(`W/"%s-%d"`, o.ID[:8], o.Version) }

func etag(t time.Time) string { return fmt.Sprintf(`W/"%d"`, t.UnixNano()) }
