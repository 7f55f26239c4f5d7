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

	"github.com/google/uuid"

	"crossdock/domains/trade"
)

// bcError is a refusal, with a code of
// learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/dynamics-error-codes
// in the form of learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/use-odata-batch.
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

// businessCentral serves API v2.0 and the extension whose source is docs/partners/businesscentral.
func (s *Server) businessCentral(secrets Secrets) {
	b := &bc{Server: s, token: guid()}
	// learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, as
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/administration/automation-apis-using-s2s-authentication
	// uses it
	s.mux.HandleFunc("POST /bc/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.FormValue("grant_type") != "client_credentials":
			entraError(w, http.StatusBadRequest, "unsupported_grant_type", 70003)
		case !strings.HasSuffix(r.FormValue("scope"), "/.default"):
			entraError(w, http.StatusBadRequest, "invalid_scope", 70011)
		case r.FormValue("client_id") != secrets.ClientID || r.FormValue("client_secret") != secrets.ClientSecret:
			entraError(w, http.StatusBadRequest, "invalid_client", 7000215)
		default:
			reply(w, http.StatusOK, object{"token_type": "Bearer", "expires_in": 3599, "access_token": b.token})
		}
	})
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/use-odata-batch
	s.mux.HandleFunc("POST /bc/api/v2.0/$batch", b.guard(b.batch("/bc/api/v2.0/")))
	// docs/partners/businesscentral/gateway.al
	s.mux.HandleFunc("POST /bc/api/crossdock/gateway/v1.0/$batch", b.guard(b.batch("/bc/api/crossdock/gateway/v1.0/")))
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/developer/devenv-creating-and-interacting-with-odatav4-unbound-action
	s.mux.HandleFunc("POST /bc/ODataV4/CrossdockPrices_Quote", b.guard(b.priceQuote))
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/endpoints-apis-for-dynamics; the page of each set is in serve
	s.mux.HandleFunc("/bc/api/", b.guard(b.route))
}

// entraError is a refusal of the token service
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response-1).
func entraError(w http.ResponseWriter, status int, code string, number int) {
	reply(w, status, object{
		"error": code, "error_description": fmt.Sprintf("AADSTS%d: %s.", number, code), "error_codes": []int{number},
		"timestamp": time.Now().UTC().Format("2006-01-02 15:04:05Z"), "trace_id": guid(), "correlation_id": guid(),
	})
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

// batch answers at most 100 operations, stopping at the first failure unless asked to go on. With Isolation:
// snapshot a failure takes back what those before it did to orders.
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
	undo := func() {}
	if r.Header.Get("Isolation") == "snapshot" {
		undo = b.snapshot()
	}
	for _, q := range in.Requests {
		inner, err := http.NewRequestWithContext(r.Context(), q.Method, root+strings.TrimPrefix(q.URL, "/"), bytes.NewReader(q.Body))
		if err != nil {
			out = append(out, object{"id": q.ID, "status": http.StatusBadRequest, "headers": object{"content-type": "application/json"}, "body": object{"error": object{"code": "BadRequest", "message": "the URL cannot be read"}}})
			continue
		}
		for k, v := range q.Headers {
			inner.Header.Set(k, v)
		}
		rec := httptest.NewRecorder()
		b.route(rec, inner)
		var body any
		_ = json.Unmarshal(rec.Body.Bytes(), &body)
		out = append(out, object{"id": q.ID, "status": rec.Code, "headers": object{"content-type": "application/json"}, "body": body})
		if rec.Code >= 400 && !strings.Contains(r.Header.Get("Prefer"), "odata.continue-on-error") {
			undo()
			break
		}
	}
	reply(w, http.StatusOK, object{"responses": out})
}

// snapshot returns what takes back all that is done to open orders from now on.
func (b *bc) snapshot() (undo func()) {
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	before := map[string]salesOrder{}
	for key, o := range b.world.orders {
		was := *o
		was.Lines = make([]*orderLine, len(o.Lines))
		for i, l := range o.Lines {
			line := *l
			was.Lines[i] = &line
		}
		before[key] = was
	}
	return func() {
		b.world.mu.Lock()
		defer b.world.mu.Unlock()
		for key, was := range before {
			if o := b.world.orders[key]; o != nil && o.Version != was.Version {
				*o = was
				b.world.keep(record("order", o.ID, o))
			}
		}
	}
}

var bcPath = regexp.MustCompile(`^/bc/api/(?:v2\.0|crossdock/gateway/v1\.0)/companies\(([^)]*)\)/(\w+)(?:\(([^)]*)\))?(?:/([\w.]+)(?:\(([^)]*)\))?)?$`)

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
	status, body, err := b.serve(r, m[2], strings.Trim(m[3], "'"), m[4], m[5], strings.Contains(r.URL.Path, "/api/v2.0/"))
	switch {
	case err != nil:
		err.write(w)
	case body == nil:
		w.WriteHeader(status)
	default:
		reply(w, status, body)
	}
}

func (b *bc) serve(r *http.Request, set, id, action, part string, standard bool) (int, any, *bcError) {
	get := r.Method == http.MethodGet
	switch {
	case !standard:
		return b.extension(r, set)
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_customer_get
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_paymentterm_get
	case set == "customers" && get:
		return b.listing(r, each(r, b.world.customers, customerKey, func(c *customer) object { return b.customer(c, expands(r, "paymentTerm")) }))
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_item_get
	case set == "items" && get:
		return b.listing(r, each(r, b.world.items, itemKey, b.item))
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salesorderline_update
	case set == "salesOrders" && action == "salesOrderLines" && r.Method == http.MethodPatch:
		return b.patchLine(r, id, part)
	case set == "salesOrders":
		return b.salesOrders(r, id, action)
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salesinvoice_get
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/api/dynamics_salesinvoiceline_get
	case set == "salesInvoices" && get:
		return b.listing(r, each(r, b.world.invoices, documentKey, func(d *document) object { return b.document(d, "salesInvoice", expands(r, "salesInvoiceLines")) }))
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
			rule := object{"itemNumber": i.Number, "minimumQuantity": number(i.Minimum), "orderMultiple": number(i.Multiple), "quantityDecimals": i.Decimals, "baseUnit": i.Unit}
			if expands(r, "itemUnits") {
				units := []object{{"code": i.Unit, "quantityPerUnit": 1}}
				for _, u := range i.Units {
					units = append(units, object{"code": u.Code, "quantityPerUnit": number(u.Holds)})
				}
				rule["itemUnits"] = units
			}
			return rule
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
	root, set, _ := strings.Cut(scheme+r.URL.Path, "/companies(")
	// learn.microsoft.com/dynamics365/business-central/dev-itpro/developer/devenv-connect-apps-tips
	out["@odata.context"] = root + "/$metadata#companies(" + set
	return http.StatusOK, out, nil
}

func (b *bc) customer(c *customer, terms bool) object {
	blocked := " "
	if c.Blocked != "" {
		blocked = c.Blocked
	}
	out := object{
		"@odata.etag": etag(c.Modified), "id": c.ID, "number": c.Number, "displayName": c.Name, "type": "Company", "addressLine1": c.Address.Line1, "addressLine2": c.Address.Line2, "city": c.Address.City,
		"state": c.Address.Region, "country": c.Address.Country, "postalCode": c.Address.PostalCode, "phoneNumber": "", "email": "", "balanceDue": number(c.Balance), "creditLimit": number(c.Limit),
		"taxLiable": c.TaxLiable, "taxAreaDisplayName": c.TaxArea, "currencyCode": c.Currency, "paymentTermsId": termsID(c.Terms), "blocked": blocked, "lastModifiedDateTime": stampOf(c.Modified),
	}
	if terms {
		out["paymentTerm"] = nil
		if c.Terms != "" {
			out["paymentTerm"] = object{"id": termsID(c.Terms), "code": c.Terms, "displayName": c.Terms}
		}
	}
	return out
}

// termsID is the id of payment terms; none has the id of nothing.
func termsID(code string) string {
	if code == "" {
		return uuid.Nil.String()
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("payment terms "+code)).String()
}

// cost is seven tenths of the list price.
func (i *item) cost() trade.Decimal {
	return trade.Money{Amount: i.Price}.Times(trade.MustDecimal("0.7")).Amount.Round(2)
}

func (b *bc) item(i *item) object {
	return object{
		"@odata.etag": etag(i.Modified), "id": i.ID, "number": i.Number, "displayName": i.Name, "type": "Inventory", "itemCategoryCode": i.Category, "blocked": i.Blocked, "gtin": i.GTIN,
		"unitPrice": number(i.Price), "priceIncludesTax": false, "unitCost": number(i.cost()), "taxGroupCode": i.TaxGroup, "baseUnitOfMeasureCode": i.Unit, "lastModifiedDateTime": stampOf(i.Modified),
	}
}

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

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
