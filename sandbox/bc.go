package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"crossdock/domains/trade"
)

// bcError is a refusal in the form of learn.microsoft.com …/webservices/dynamics-error-codes.
type bcError struct {
	status        int
	code, message string
}

func (e *bcError) Error() string { return e.message }

func (e *bcError) write(w http.ResponseWriter) {
	reply(w, e.status, object{"error": object{"code": e.code, "message": e.message + "  CorrelationId:  " + guid() + "."}})
}

func dialog(format string, args ...any) *bcError {
	return &bcError{http.StatusBadRequest, "Application_DialogException", fmt.Sprintf(format, args...)}
}

var (
	errEntityChanged = &bcError{http.StatusConflict, "Request_EntityChanged", "Another user has already changed the record."}
	errNoToken       = &bcError{http.StatusBadRequest, "BadRequest_InvalidToken", "Could not validate the client concurrency token required by the service. Please provide a valid token in the client request."}
)

func recordMissing(what string) *bcError {
	return &bcError{http.StatusNotFound, "Internal_RecordNotFound", "The " + what + " does not exist."}
}

// bc is Business Central as one tenant sees it.
type bc struct {
	*Server
	token string
}

// businessCentral serves API v2.0 (learn.microsoft.com …/api-reference/v2.0) and the extension
// whose source is docs/partners/businesscentral.
func (s *Server) businessCentral(secrets Secrets) {
	b := &bc{Server: s, token: guid()}
	// …/administration/automation-apis-using-s2s-authentication: client credentials.
	s.mux.HandleFunc("POST /bc/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("client_id") != secrets.ClientID || r.FormValue("client_secret") != secrets.ClientSecret || r.FormValue("grant_type") != "client_credentials" {
			reply(w, http.StatusUnauthorized, object{"error": "invalid_client"})
			return
		}
		reply(w, http.StatusOK, object{"token_type": "Bearer", "expires_in": 3599, "access_token": b.token})
	})
	s.mux.HandleFunc("POST /bc/api/v2.0/$batch", b.guard(b.batch("/bc/api/v2.0/")))
	s.mux.HandleFunc("POST /bc/api/crossdock/gateway/v1.0/$batch", b.guard(b.batch("/bc/api/crossdock/gateway/v1.0/")))
	s.mux.HandleFunc("GET /bc/api/v2.0/companies", b.guard(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, object{"value": []object{{"id": b.world.company, "name": "CROSSDOCK", "displayName": "Crossdock Sandbox Supply"}}})
	}))
	// …/developer/devenv-creating-and-interacting-with-odatav4-unbound-action
	s.mux.HandleFunc("POST /bc/ODataV4/CrossdockPrices_Quote", b.guard(b.priceQuote))
	s.mux.HandleFunc("/bc/api/", b.guard(b.route))
}

func (b *bc) guard(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+b.token {
			(&bcError{http.StatusUnauthorized, "Authentication_InvalidCredentials", "The server has rejected the client credentials."}).write(w)
			return
		}
		next(w, r)
	}
}

// batch answers …/webservices/use-odata-batch: at most 100 operations, stopping at the first
// failure unless asked to go on.
func (b *bc) batch(root string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { b.runBatch(w, r, root) }
}

func (b *bc) runBatch(w http.ResponseWriter, r *http.Request, root string) {
	var in struct {
		Requests []struct {
			ID, Method, URL string
			Headers         map[string]string
			Body            json.RawMessage
		}
	}
	if !read(w, r, &in) || len(in.Requests) > 100 {
		(&bcError{http.StatusBadRequest, "BadRequest", "Invalid Request Body"}).write(w)
		return
	}
	out := []object{}
	for _, q := range in.Requests {
		inner := httptest.NewRequestWithContext(r.Context(), q.Method, root+strings.TrimPrefix(q.URL, "/"), bytes.NewReader(q.Body))
		for k, v := range q.Headers {
			inner.Header.Set(k, v)
		}
		rec := httptest.NewRecorder()
		b.route(rec, inner)
		var body any
		_ = json.Unmarshal(rec.Body.Bytes(), &body)
		out = append(out, object{"id": q.ID, "status": rec.Code, "headers": object{"content-type": "application/json"}, "body": body})
		if rec.Code >= 400 && !strings.Contains(r.Header.Get("Prefer"), "odata.continue-on-error") {
			break
		}
	}
	reply(w, http.StatusOK, object{"responses": out})
}

var bcPath = regexp.MustCompile(`^/bc/api/(?:v2\.0|crossdock/gateway/v1\.0)/companies\(([^)]*)\)/(\w+)(?:\(([^)]*)\))?(?:/([\w.]+))?$`)

func (b *bc) route(w http.ResponseWriter, r *http.Request) {
	m := bcPath.FindStringSubmatch(r.URL.Path)
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	switch {
	case m == nil:
		(&bcError{http.StatusNotFound, "BadRequest_ResourceNotFound", "Resource not found for the segment '" + r.URL.Path + "'."}).write(w)
		return
	case m[1] != b.world.company:
		(&bcError{http.StatusNotFound, "Internal_CompanyNotFound", "The company cannot be found."}).write(w)
		return
	}
	status, body, err := b.serve(r, m[2], strings.Trim(m[3], "'"), m[4], strings.Contains(r.URL.Path, "/api/v2.0/"))
	switch {
	case err != nil:
		err.write(w)
	case body == nil:
		w.WriteHeader(status)
	default:
		reply(w, status, body)
	}
}

func (b *bc) serve(r *http.Request, set, id, action string, standard bool) (int, any, *bcError) {
	get := r.Method == http.MethodGet
	switch {
	case !standard:
		return b.extension(r, set)
	case set == "customers" && get: // …/api/v2.0/resources/dynamics_customer
		return b.listing(r, each(r, b.world.customers, customerKey, b.customer))
	case set == "customerFinancialDetails" && get: // …/resources/dynamics_customerfinancialdetail
		return b.listing(r, each(r, b.world.customers, customerKey, func(c *customer) object {
			return object{"id": c.ID, "number": c.Number, "balance": number(c.Balance), "totalSalesExcludingTax": 0, "overdueAmount": number(c.Overdue), "lastModifiedDateTime": stampOf(c.Modified)}
		}))
	case set == "items" && get: // …/resources/dynamics_item
		return b.listing(r, each(r, b.world.items, itemKey, b.item))
	case set == "salesOrders":
		return b.salesOrders(r, id, action)
	case set == "salesOrderLines" && r.Method == http.MethodPatch:
		return b.patchLine(r, id)
	case set == "salesInvoices" && get: // …/resources/dynamics_salesinvoice
		return b.listing(r, each(r, b.world.invoices, documentKey, func(d *document) object { return b.document(d, "salesInvoice", expands(r, "salesInvoiceLines")) }))
	case set == "salesShipments" && get: // …/resources/dynamics_salesshipment
		return b.listing(r, each(r, b.world.shipments, documentKey, func(d *document) object { return b.document(d, "salesShipment", false) }))
	case set == "salesCreditMemos":
		return b.creditMemos(r, id, action)
	}
	return 0, nil, &bcError{http.StatusNotFound, "BadRequest_ResourceNotFound", "Resource not found for the segment '" + set + "'."}
}

// extension serves the pages of docs/partners/businesscentral, for what v2.0 lacks.
func (b *bc) extension(r *http.Request, set string) (int, any, *bcError) {
	switch {
	case set == "shipToAddresses" && r.Method == http.MethodGet:
		var rows []object
		for _, key := range sorted(b.world.customers) {
			c := b.world.customers[key]
			for _, code := range sortedAddresses(c.ShipTos) {
				a := c.ShipTos[code]
				rows = append(rows, object{"customerNumber": c.Number, "code": code, "name": a.Name, "addressLine1": a.Line1, "addressLine2": a.Line2, "city": a.City, "state": a.Region, "postalCode": a.PostalCode, "country": a.Country})
			}
		}
		return b.listing(r, rows)
	case set == "itemSalesRules" && r.Method == http.MethodGet:
		return b.listing(r, each(r, b.world.items, itemKey, func(i *item) object {
			return object{"itemNumber": i.Number, "minimumQuantity": number(i.Minimum), "orderMultiple": number(i.Multiple), "quantityDecimals": i.Decimals}
		}))
	case set == "customerCredits" && r.Method == http.MethodGet:
		return b.listing(r, each(r, b.world.customers, customerKey, func(c *customer) object {
			return object{"customerNumber": c.Number, "currencyCode": c.Currency, "creditLimit": number(c.Limit), "balance": number(c.Balance), "overdueAmount": number(c.Overdue), "outstandingOrders": number(b.outstanding(c.Number))}
		}))
	}
	return 0, nil, &bcError{http.StatusNotFound, "BadRequest_ResourceNotFound", "Resource not found for the segment '" + set + "'."}
}

// outstanding is what the customer has ordered and was not invoiced.
func (b *bc) outstanding(customer string) trade.Decimal {
	total := trade.Decimal{}
	for _, o := range b.world.orders {
		if o.Customer != customer || o.Deleted {
			continue
		}
		for _, l := range o.Lines {
			total = trade.Sum(total, trade.Money{Amount: l.Price, Currency: trade.Currency(o.Currency)}.Times(trade.Less(l.Quantity, l.Invoiced)).Round().Amount)
		}
	}
	return total
}

// priceOf is the customer's price on a day: the lowest of the price list lines that apply, or else
// the item's price less the customer's discount less the quantity break.
func (b *bc) priceOf(c *customer, i *item, q trade.Decimal, day trade.Date) trade.Decimal {
	var best *priceLine
	for n := range i.Prices {
		if p := &i.Prices[n]; p.applies(c.Number, day) && p.From.Cmp(q) <= 0 && (best == nil || p.Price.Cmp(best.Price) < 0) {
			best = p
		}
	}
	if best != nil {
		return best.Price
	}
	off := c.Discount
	if i.BreakFrom.IsPos() && q.Cmp(i.BreakFrom) >= 0 {
		off = trade.Sum(off, i.BreakOff)
	}
	keep, err := trade.Less(whole(100), off).Quo(whole(100))
	if err != nil {
		return i.Price
	}
	p, err := i.Price.Mul(keep)
	if err != nil {
		return i.Price
	}
	return p.Round(4).Trim(2)
}

func (p *priceLine) applies(customer string, day trade.Date) bool {
	return (p.Customer == "" || p.Customer == customer) && (p.Starts == "" || p.Starts <= day) && (p.Ends == "" || day <= p.Ends)
}

// breakOf is the next quantity from which the customer pays less; zero when there is none.
func (b *bc) breakOf(c *customer, i *item, q trade.Decimal, day trade.Date) trade.Decimal {
	next := trade.Decimal{}
	consider := func(from trade.Decimal) {
		if from.Cmp(q) > 0 && (next.IsZero() || from.Cmp(next) < 0) && b.priceOf(c, i, from, day).Cmp(b.priceOf(c, i, q, day)) < 0 {
			next = from
		}
	}
	consider(i.BreakFrom)
	for n := range i.Prices {
		if i.Prices[n].applies(c.Number, day) {
			consider(i.Prices[n].From)
		}
	}
	return next
}

// priceQuote is the action of docs/partners/businesscentral/prices.al.
func (b *bc) priceQuote(w http.ResponseWriter, r *http.Request) {
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	var action struct{ RequestJSON string }
	if err := decode(r, &action); err != nil || r.URL.Query().Get("company") != b.world.company {
		(&bcError{http.StatusBadRequest, "BadRequest", "Invalid Request Body"}).write(w)
		return
	}
	var in struct {
		CustomerNumber, CurrencyCode, PriceDate string
		Lines                                   []struct {
			LineNo                        int
			ItemNumber, UnitOfMeasureCode string
			Quantity                      json.Number
		}
	}
	if err := json.Unmarshal([]byte(action.RequestJSON), &in); err != nil {
		dialog("The JSON cannot be read.").write(w)
		return
	}
	c := b.world.customers[in.CustomerNumber]
	if c == nil {
		dialog("The Customer does not exist. Identification fields and values: No.='%s'", in.CustomerNumber).write(w)
		return
	}
	day := trade.Date(in.PriceDate)
	if day == "" {
		day = trade.Date(b.world.now().Format(time.DateOnly))
	}
	lines := []object{}
	for _, l := range in.Lines {
		i := b.world.items[l.ItemNumber]
		q, err := trade.ParseDecimal(string(l.Quantity))
		if i == nil || err != nil || (l.UnitOfMeasureCode != "" && l.UnitOfMeasureCode != i.Unit) {
			lines = append(lines, object{"lineNo": l.LineNo, "itemNumber": l.ItemNumber, "found": false})
			continue
		}
		from := b.breakOf(c, i, q, day)
		lines = append(lines, object{
			"lineNo": l.LineNo, "itemNumber": i.Number, "unitOfMeasureCode": i.Unit, "quantity": number(q), "found": true, "unitPrice": number(b.priceOf(c, i, q, day)), "listPrice": number(i.Price),
			"priceListCode": "PL-" + c.Discount.String(), "breakQuantity": number(from), "breakPrice": number(b.priceOf(c, i, from.Max(q), day)),
		})
	}
	value, err := json.Marshal(object{"customerNumber": c.Number, "currencyCode": c.Currency, "lines": lines})
	if err != nil {
		panic(err)
	}
	reply(w, http.StatusOK, object{"@odata.context": "http://" + r.Host + "/bc/ODataV4/$metadata#Edm.String", "value": string(value)})
}

func (b *bc) listing(r *http.Request, rows []object) (int, any, *bcError) {
	page := 20_000
	if _, max, ok := strings.Cut(r.Header.Get("Prefer"), "odata.maxpagesize="); ok {
		if n, err := strconv.Atoi(max); err == nil {
			page = n
		}
	}
	scheme := "http://" + r.Host
	out, err := list(rows, r.URL.Query(), scheme+r.URL.Path, page)
	if err != nil {
		return 0, nil, &bcError{http.StatusBadRequest, "BadRequest", err.Error()}
	}
	return http.StatusOK, out, nil
}

func (b *bc) customer(c *customer) object {
	blocked := "_x0020_"
	if c.Blocked != "" {
		blocked = c.Blocked
	}
	return object{
		"@odata.etag": etag(c.Modified), "id": c.ID, "number": c.Number, "displayName": c.Name, "type": "Company", "addressLine1": c.Address.Line1, "addressLine2": c.Address.Line2, "city": c.Address.City,
		"state": c.Address.Region, "country": c.Address.Country, "postalCode": c.Address.PostalCode, "phoneNumber": "", "email": "", "balanceDue": number(c.Balance), "creditLimit": number(c.Limit),
		"taxLiable": c.TaxLiable, "taxAreaDisplayName": c.TaxArea, "currencyCode": c.Currency, "paymentTermsId": c.Terms, "blocked": blocked, "lastModifiedDateTime": stampOf(c.Modified),
	}
}

func (b *bc) item(i *item) object {
	return object{
		"@odata.etag": etag(i.Modified), "id": i.ID, "number": i.Number, "displayName": i.Name, "type": "Inventory", "itemCategoryCode": i.Category, "blocked": i.Blocked, "gtin": i.GTIN,
		"unitPrice": number(i.Price), "priceIncludesTax": false, "taxGroupCode": i.TaxGroup, "baseUnitOfMeasureCode": i.Unit, "lastModifiedDateTime": stampOf(i.Modified),
	}
}

// salesOrders serves …/resources/dynamics_salesorder and its one action.
func (b *bc) salesOrders(r *http.Request, id, action string) (int, any, *bcError) {
	switch {
	case r.Method == http.MethodGet && id == "":
		return b.listing(r, each(r, b.world.orders, orderKey, func(o *salesOrder) object {
			if o.Deleted {
				return nil
			}
			return b.order(o, expands(r, "salesOrderLines"))
		}))
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
	case r.Method == http.MethodPost && action == "Microsoft.NAV.shipAndInvoice":
		return b.shipAndInvoice(o)
	case r.Method == http.MethodDelete:
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
	l := &orderLine{ID: guid(), ItemNumber: i.Number, Name: i.Name, Unit: i.Unit, Sequence: sequence, Quantity: q, Price: b.priceOf(c, i, q, trade.Date(b.world.now().Format(time.DateOnly)))}
	if in.UnitPrice != "" {
		if l.Price, err = trade.ParseDecimal(string(in.UnitPrice)); err != nil {
			return nil, &bcError{http.StatusBadRequest, "BadRequest", "Unable to convert value to Decimal"}
		}
	}
	return l, nil
}

func (b *bc) patchLine(r *http.Request, id string) (int, any, *bcError) {
	var in struct{ Quantity, ShipQuantity, InvoiceQuantity json.Number }
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	for _, key := range sorted(b.world.orders) {
		o := b.world.orders[key]
		k := slices.IndexFunc(o.Lines, func(l *orderLine) bool { return l.ID == id })
		if k < 0 || o.Deleted {
			continue
		}
		switch match := r.Header.Get("If-Match"); match {
		case "":
			return 0, nil, errNoToken
		case "*", o.etag():
		default:
			return 0, nil, errEntityChanged
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

// shipAndInvoice posts what is to ship and to invoice.
func (b *bc) shipAndInvoice(o *salesOrder) (int, any, *bcError) {
	w := b.world
	inv, ship := w.post(o, w.now())
	if inv == nil {
		return 0, nil, dialog("There is nothing to post.")
	}
	c := w.customers[o.Customer]
	c.Balance = trade.Sum(c.Balance, inv.total())
	w.keep(record("order", o.ID, o), record("invoice", inv.ID, inv), record("shipment", ship.ID, ship), record("customer", c.Number, c))
	return http.StatusNoContent, nil, nil
}

// post moves what is to ship into an invoice and a shipment, which are nil when that is nothing. A
// fully posted order is gone.
func (w *World) post(o *salesOrder, now time.Time) (inv, ship *document) {
	inv = &document{ID: guid(), External: o.External, OrderNumber: o.Number, OrderID: o.ID, Customer: o.Customer, Currency: o.Currency, ShipTo: o.ShipTo, Posted: true, Date: now.Format(time.DateOnly), Version: 1, Modified: now}
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
		return nil, nil
	}
	shipped := *inv
	shipped.ID, shipped.Number = guid(), fmt.Sprintf("S-SHPT%06d", w.next())
	inv.Number = fmt.Sprintf("PS-INV%06d", w.next())
	o.Deleted, o.Version, o.Modified = done, o.Version+1, now
	w.invoices[inv.ID], w.shipments[shipped.ID] = inv, &shipped
	return inv, &shipped
}

// creditMemos serves …/resources/dynamics_salescreditmemo and its post action.
func (b *bc) creditMemos(r *http.Request, id, action string) (int, any, *bcError) {
	w := b.world
	switch {
	case r.Method == http.MethodGet:
		return b.listing(r, each(r, w.memos, documentKey, func(d *document) object { return b.document(d, "salesCreditMemo", expands(r, "salesCreditMemoLines")) }))
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
		"currencyCode": o.Currency, "requestedDeliveryDate": orZero(o.RequestedDate), "totalAmountExcludingTax": number(total), "fullyShipped": shipped, "status": "Draft", "lastModifiedDateTime": stampOf(o.Modified),
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

func (b *bc) document(d *document, kind string, lines bool) object {
	total := d.total()
	status, left := "Draft", total
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
	case "salesShipment":
		out["orderNumber"] = d.OrderNumber
		return out
	default:
		out["creditMemoDate"], out["invoiceNumber"] = d.Date, d.InvoiceNumber
	}
	out["status"], out["totalAmountExcludingTax"], out["totalTaxAmount"], out["totalAmountIncludingTax"] = status, number(total), 0, number(total)
	if lines {
		ls := []object{}
		for _, l := range d.Lines {
			ls = append(ls, object{"id": l.ID, "documentId": d.ID, "sequence": l.Sequence, "lineType": "Item", "lineObjectNumber": l.ItemNumber, "description": l.Name, "unitOfMeasureCode": l.Unit, "quantity": number(l.Quantity), "unitPrice": number(l.Price)})
		}
		out[kind+"Lines"] = ls
	}
	return out
}

func (o *salesOrder) etag() string       { return fmt.Sprintf(`W/"%s-%d"`, o.ID[:8], o.Version) }
func etag(t time.Time) string            { return fmt.Sprintf(`W/"%d"`, t.UnixNano()) }
func stampOf(t time.Time) string         { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
func number(d trade.Decimal) json.Number { return json.Number(d.String()) }

func orZero(date string) string {
	if date == "" {
		return "0001-01-01"
	}
	return date
}

func expands(r *http.Request, what string) bool {
	return strings.HasPrefix(r.URL.Query().Get("$expand"), what)
}

// each shows the records that may pass the request's filter, in order of their keys. A simulated ERP
// has no index, but must not read everything for one number either: field tells a record's key
// fields by which most questions ask.
func each[T any](r *http.Request, m map[string]*T, field func(v *T, name string) (string, bool), show func(*T) object) []object {
	f, err := parseFilter(r.URL.Query().Get("$filter"))
	if err != nil {
		f = nil // list says what is wrong with it
	}
	var keys []string
	for k, v := range m {
		if f.may(func(name string) (string, bool) { return field(v, name) }) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var rows []object
	for _, k := range keys {
		if row := show(m[k]); row != nil {
			rows = append(rows, row)
		}
	}
	return rows
}

func customerKey(c *customer, name string) (string, bool) {
	return c.Number, name == "number" || name == "customerNumber"
}

func itemKey(i *item, name string) (string, bool) {
	return i.Number, name == "number" || name == "itemNumber"
}

func orderKey(o *salesOrder, name string) (string, bool) {
	return o.External, name == "externalDocumentNumber"
}

func documentKey(d *document, name string) (string, bool) {
	if name == "orderNumber" {
		return d.OrderNumber, true
	}
	return d.External, name == "externalDocumentNumber"
}

func sortedAddresses(m map[string]trade.Address) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func decode(r *http.Request, v any) *bcError {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return &bcError{http.StatusBadRequest, "BadRequest", "Invalid Request Body"}
	}
	return nil
}
