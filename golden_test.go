package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/sources/ecommerce/shopify"
	"crossdock/sources/erp/businesscentral"
	"crossdock/sources/threepl/shipbob"
)

// golden is an exchange transcribed from a page of the vendor.
type golden struct {
	Page     string
	Request  struct{ Body json.RawMessage }
	Response struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
}

func readGolden(t *testing.T, folder, name string) golden {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("sources", folder, "testdata", "golden", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil || g.Page == "" {
		t.Fatalf("%s: %v", name, err)
	}
	return g
}

// replay answers every request with one reply, except the token's.
func replay(t *testing.T, status int, header map[string]string, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			_, _ = io.WriteString(w, `{"access_token":"t","expires_in":3600}`)
			return
		}
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func centralAt(t *testing.T, status int, body string) *businesscentral.Client {
	t.Helper()
	c, err := businesscentral.New("erp", replay(t, status, nil, body), businesscentral.Config{Company: "c", TokenURL: "/token"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBusinessCentralReadsItsVendorsExamples has the adapter read what the pages print.
func TestBusinessCentralReadsItsVendorsExamples(t *testing.T) {
	t.Parallel()
	const folder = "erp/businesscentral"
	list := func(g golden) string { return `{"value":[` + string(g.Response.Body) + `]}` }

	customer := centralAt(t, 200, list(readGolden(t, folder, "customer_get")))
	accounts, err := customer.Accounts(t.Context(), []trade.AccountID{"10000"})
	a := accounts.Found["10000"]
	if err != nil || a.Name != "Adatum Corporation" || a.Currency != "USD" || !a.TaxLiable || a.TaxArea != "ATLANTA, GA" || a.Address.City != "Atlanta" || a.Stopped != "" {
		t.Errorf("account %+v, %v", a, err)
	}
	item := centralAt(t, 200, list(readGolden(t, folder, "item_get")))
	items, err := item.Items(t.Context(), []trade.SKU{"1896-S"})
	if err != nil || len(items.Found) != 1 {
		t.Fatalf("items %+v, %v", items, err)
	}
	for sku, i := range items.Found {
		if i.Name == "" || i.Unit == "" || i.ListPrice.Amount.IsZero() || i.SKU != sku {
			t.Errorf("item %+v", i)
		}
	}
	var order map[string]any
	if err := json.Unmarshal(readGolden(t, folder, "sales_order_get").Response.Body, &order); err != nil {
		t.Fatal(err)
	}
	order["externalDocumentNumber"] = "SO-1"
	order["salesOrderLines"] = []json.RawMessage{readGolden(t, folder, "sales_order_line_get").Response.Body}
	raw, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	page, err := centralAt(t, 200, `{"value":[`+string(raw)+`]}`).RegistrationsSince(t.Context(), "")
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("orders %+v, %v", page, err)
	}
	r := page.Items[0]
	if r.TheirNumber != "101005" || r.Account != "10000" || len(r.Lines) != 1 || r.Lines[0].Line != 1 || r.Lines[0].SKU != "1996-S" || r.Lines[0].Quantity.String() != "12 PCS" || r.Lines[0].UnitPrice.String() != "1397.3 GBP" {
		t.Errorf("order %+v", r)
	}
	var invoice map[string]any
	if err := json.Unmarshal(readGolden(t, folder, "sales_invoice_get").Response.Body, &invoice); err != nil {
		t.Fatal(err)
	}
	invoice["externalDocumentNumber"] = "SO-1"
	invoice["salesInvoiceLines"] = []json.RawMessage{readGolden(t, folder, "sales_invoice_line_get").Response.Body}
	if raw, err = json.Marshal(invoice); err != nil {
		t.Fatal(err)
	}
	docs, err := centralAt(t, 200, `{"value":[`+string(raw)+`]}`).Invoices(t.Context(), []string{"SO-1"})
	if err != nil || len(docs.Found["SO-1"]) != 1 || docs.Found["SO-1"][0].Kind != finance.Invoice || docs.Found["SO-1"][0].Number != "PS-INV103001" || len(docs.Found["SO-1"][0].Lines) != 1 {
		t.Errorf("invoices %+v, %v", docs, err)
	}
	refusal := readGolden(t, folder, "error_reply")
	_, err = centralAt(t, refusal.Response.Status, string(refusal.Response.Body)).Register(t.Context(), &orders.Order{})
	if fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "CorrelationId") || !strings.Contains(err.Error(), "is not an option") {
		t.Errorf("a refusal is %v", err)
	}
}

// TestShipBobReadsItsVendorsExamples has the adapter read what the pages print.
func TestShipBobReadsItsVendorsExamples(t *testing.T) {
	t.Parallel()
	const folder = "threepl/shipbob"
	at := func(g golden) *shipbob.Client {
		c, err := shipbob.New("3pl", replay(t, g.Response.Status, g.Response.Headers, string(g.Response.Body)), shipbob.Config{Channel: "1"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if ref, err := at(readGolden(t, folder, "create-order")).Release(t.Context(), shipments.Work{Number: "SO-1-1", Node: "0"}); err != nil || ref != "0" {
		t.Errorf("a created order is %q, %v", ref, err)
	}
	if _, err := at(readGolden(t, folder, "list-orders")).Reports(t.Context(), "0", []string{"string"}); err != nil {
		t.Errorf("listed orders: %v", err)
	}
	if err := at(readGolden(t, folder, "inventory-levels")).Learn(t.Context()); fault.KindOf(err) == fault.Internal && err != nil {
		t.Errorf("inventory levels: %v", err)
	}
	limited := at(readGolden(t, folder, "rate-limited"))
	answers, err := limited.Stock(t.Context(), []inventory.Key{{Node: "0", SKU: "A"}})
	if err != nil || fault.KindOf(answers.Failed[inventory.Key{Node: "0", SKU: "A"}]) != fault.Throttled {
		t.Errorf("a limited call: %+v, %v", answers, err)
	}
}

// TestShopifyReadsItsVendorsExamples has the adapter read what the pages print.
func TestShopifyReadsItsVendorsExamples(t *testing.T) {
	t.Parallel()
	const folder = "ecommerce/shopify"
	at := func(name string) error {
		g := readGolden(t, folder, name)
		c, err := shopify.New("shop", replay(t, g.Response.Status, nil, string(g.Response.Body)), shopify.Config{Account: "A"})
		if err != nil {
			t.Fatal(err)
		}
		return c.Acknowledge(t.Context(), &orders.Order{Number: "SO-1"})
	}
	for name, kind := range map[string]fault.Kind{"error-throttled": fault.Throttled, "error-max-cost-exceeded": fault.Invalid, "error-internal": fault.Unavailable, "tagsAdd-not-found": fault.Invalid} {
		if err := at(name); err == nil || fault.KindOf(err) != kind {
			t.Errorf("%s is %v, not %s", name, err, kind)
		}
	}
	if err := at("tagsAdd"); err != nil {
		t.Errorf("tagsAdd: %v", err)
	}
	if id, err := shopify.OrderOf(readGolden(t, folder, "webhook-orders-create").Request.Body); err != nil || id != "gid://shopify/Order/820982911946154508" {
		t.Errorf("the webhook is about %q, %v", id, err)
	}
}

// TestTheSandboxServesOnlyDocumentedFields holds the simulated ERP against the pages, so that one
// misreading cannot agree with itself. The pages shorten their examples; the fields that they
// leave out there and list in their tables of properties are named here.
func TestTheSandboxServesOnlyDocumentedFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.delivered("golden", line("SKU-1000", "1"))
	w.place("open", draft("C10001", line("SKU-1000", "1")))
	w.until("the ERP has an open order", func() bool {
		n, err := w.queue.Waiting(t.Context())
		return err == nil && n == 0
	})
	token := w.central(t, http.MethodPost, "/bc/oauth2/v2.0/token", "", "client_id=crossdock&client_secret=sandbox-secret&grant_type=client_credentials")["access_token"].(string)
	company := w.cfg.Sources[0].Company
	for set, c := range map[string]struct {
		golden, lines, linesGolden string
		more                       []string
	}{
		"customers":   {golden: "customer_get", more: []string{"balanceDue", "creditLimit"}},
		"items":       {golden: "item_get"},
		"salesOrders": {golden: "sales_order_get", lines: "salesOrderLines", linesGolden: "sales_order_line_get", more: []string{"shipToAddressLine2", "shipToState", "shipToPostCode", "requestedDeliveryDate", "totalAmountExcludingTax", "fullyShipped", "status"}},
		"salesInvoices": {golden: "sales_invoice_get", lines: "salesInvoiceLines", linesGolden: "sales_invoice_line_get", more: []string{
			"orderId", "orderNumber", "remainingAmount", "status", "totalAmountExcludingTax", "totalTaxAmount", "totalAmountIncludingTax",
		}},
	} {
		path := fmt.Sprintf("/bc/api/v2.0/companies(%s)/%s", company, set)
		if c.lines != "" {
			path += "?$expand=" + c.lines
		}
		rows := w.central(t, http.MethodGet, path, token, "")["value"].([]any)
		if len(rows) == 0 {
			t.Errorf("%s is empty: the test shows nothing", set)
			continue
		}
		row := rows[0].(map[string]any)
		if c.lines != "" {
			undocumented(t, c.lines, row[c.lines].([]any)[0].(map[string]any), readGolden(t, "erp/businesscentral", c.linesGolden), nil)
			delete(row, c.lines)
		}
		undocumented(t, set, row, readGolden(t, "erp/businesscentral", c.golden), c.more)
	}
}

// undocumented reports fields of a row that its page does not have.
func undocumented(t *testing.T, what string, row map[string]any, g golden, more []string) {
	t.Helper()
	var page map[string]any
	if err := json.Unmarshal(g.Response.Body, &page); err != nil {
		t.Fatal(err)
	}
	for _, field := range slices.Sorted(maps.Keys(row)) {
		if _, ok := page[field]; !ok && !strings.HasPrefix(field, "@odata.") && !slices.Contains(more, field) {
			t.Errorf("%s has %q, which %s does not", what, field, g.Page)
		}
	}
}

func (w *world) central(t *testing.T, method, path, token, form string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.box.URL+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// within reports what a value has that its page does not: fields, or kinds of value. What the pages
// leave open with a null or an empty list holds anything.
func within(t *testing.T, at string, got, page any) {
	t.Helper()
	switch p := page.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			if got != nil {
				t.Errorf("%s is %T; its page has an object", at, got)
			}
			return
		}
		for _, field := range slices.Sorted(maps.Keys(g)) {
			if _, ok := p[field]; !ok {
				t.Errorf("%s.%s is on no page", at, field)
				continue
			}
			within(t, at+"."+field, g[field], p[field])
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			if got != nil {
				t.Errorf("%s is %T; its page has a list", at, got)
			}
			return
		}
		for i, e := range g {
			if len(p) > 0 {
				within(t, fmt.Sprintf("%s[%d]", at, i), e, p[0])
			}
		}
	case nil:
	default:
		if got != nil && fmt.Sprintf("%T", got) != fmt.Sprintf("%T", page) {
			t.Errorf("%s is %v (%T); its page has %v (%T)", at, got, got, page, page)
		}
	}
}

// TestTheSandboxAnswersAsShipBobDocuments holds the simulated 3PL against the pages, field by field.
func TestTheSandboxAnswersAsShipBobDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	call := func(method, path, body string) (int, http.Header, any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, w.box.URL+"/shipbob/2026-01"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer shipbob-sandbox-pat")
		req.Header["shipbob_channel_id"] = []string{"101"}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var out any
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		return res.StatusCode, res.Header, out
	}
	hold := func(name, method, path, body string) any {
		t.Helper()
		g := readGolden(t, "threepl/shipbob", name)
		var page any
		if err := json.Unmarshal(g.Response.Body, &page); err != nil {
			t.Fatal(err)
		}
		status, _, got := call(method, path, body)
		if status != g.Response.Status {
			t.Errorf("%s is answered %d; its page has %d", name, status, g.Response.Status)
		}
		within(t, name, got, page)
		return got
	}
	order := func(ref string) string {
		return `{"reference_id":"` + ref + `","shipping_method":"Standard","type":"DTC","location_id":21,"recipient":{"name":"Ada","address":{"address1":"1 Main St","city":"Columbus","state":"OH","country":"US","zip_code":"43085"}},
			"products":[{"reference_id":"SKU-1000","quantity":2,"external_line_id":1}]}`
	}
	hold("create-order", http.MethodPost, "/order", order("G-1"))
	w.step()
	hold("list-orders", http.MethodGet, "/order?ReferenceIds=G-1", "")
	for range 7 {
		w.step()
	}
	hold("list-orders", http.MethodGet, "/order?ReferenceIds=G-1", "")
	second, ok := hold("create-order", http.MethodPost, "/order", order("G-2")).(map[string]any)
	if !ok {
		t.Fatal("a created order is no object")
	}
	hold("cancel-order", http.MethodPost, fmt.Sprintf("/order/%.0f:cancel", second["id"]), "")
	hold("inventory-levels", http.MethodGet, "/inventory-level?PageSize=2", "")
	hold("inventory-levels-by-fc", http.MethodGet, "/inventory-level/locations?InventoryIds=20000,20001", "")
	hold("create-return", http.MethodPost, "/return", `{"reference_id":"R-1","fulfillment_center":{"id":21},"inventory":[{"id":20000,"quantity":1}]}`)
	w.step()
	w.step()
	_, _, list := call(http.MethodGet, "/return?ReferenceIds=R-1", "")
	var page any
	if err := json.Unmarshal(readGolden(t, "threepl/shipbob", "get-return").Response.Body, &page); err != nil {
		t.Fatal(err)
	}
	within(t, "get-return", list.(map[string]any)["items"].([]any)[0], page)
	hold("create-webhook", http.MethodPost, "/webhook", `{"topics":["order.shipped"],"url":"http://127.0.0.1:1/x","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`)
	w.admin("POST", "/admin/shipbob/limit?calls=1", "")
	_, header, _ := call(http.MethodGet, "/order?ReferenceIds=G-1", "")
	limited := readGolden(t, "threepl/shipbob", "rate-limited")
	for name := range limited.Response.Headers {
		if header.Get(name) == "" {
			t.Errorf("a refused call has no header %s: %v", name, header)
		}
	}
}

// TestTheSandboxAnswersAsShopifyDocuments holds the simulated shop's replies and its webhook against
// the pages; names and nullability of its schema are transcribed in sandbox/shopify.graphqls.
func TestTheSandboxAnswersAsShopifyDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(query string, vars map[string]any) any {
		t.Helper()
		body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.box.URL+"/shopify/admin/api/2026-04/graphql.json", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Shopify-Access-Token", "shpat_sandbox")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var out any
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d %v", res.StatusCode, err)
		}
		return out
	}
	hold := func(name string, got any) {
		t.Helper()
		var page any
		if err := json.Unmarshal(readGolden(t, "ecommerce/shopify", name).Response.Body, &page); err != nil {
			t.Fatal(err)
		}
		if p, ok := page.(map[string]any); ok && p["extensions"] == nil && name != "error-max-cost-exceeded" {
			// The pages leave out what every reply carries.
			p["extensions"] = nil
		}
		within(t, name, got, page)
	}
	bodies := make(chan []byte, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		bodies <- raw
	}))
	t.Cleanup(hook.Close)
	w.background(w.engine.Run)
	ask(`mutation($u: String!) { webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: {uri: $u, format: JSON}) { userErrors { message } } }`, map[string]any{"u": hook.URL})
	id := w.admin("POST", "/admin/shop/orders", `{"po":"G","lines":[{"sku":"SKU-1000","quantity":2}]}`)["id"]
	const tags = `mutation($id: ID!) { tagsAdd(id: $id, tags: ["a"]) { node { id } userErrors { message } } }`
	hold("tagsAdd", ask(tags, map[string]any{"id": id}))
	hold("tagsAdd-not-found", ask(tags, map[string]any{"id": "gid://shopify/Order/1"}))
	hold("error-max-cost-exceeded", ask(`{ orders(first: 250) { nodes { lineItems(first: 250) { nodes { sku } } } } }`, nil))
	w.admin("POST", "/admin/shop/budget?points=5", "")
	hold("error-throttled", ask(`{ orders(first: 50) { nodes { id } } }`, nil))
	var page, got any
	if err := json.Unmarshal(readGolden(t, "ecommerce/shopify", "webhook-orders-create").Request.Body, &page); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(<-bodies, &got); err != nil {
		t.Fatal(err)
	}
	within(t, "webhook", got, page)
}

// TestTheSandboxWritesAsBusinessCentralDocuments holds what the adapter relies on to write: the line's
// update with its tag, the action that posts, and the batch.
func TestTheSandboxWritesAsBusinessCentralDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const folder = "erp/businesscentral"
	root := w.box.URL + "/bc/api/v2.0/"
	token := w.central(t, http.MethodPost, "/bc/oauth2/v2.0/token", "", "client_id=crossdock&client_secret=sandbox-secret&grant_type=client_credentials")["access_token"].(string)
	call := func(method, path string, header map[string]string, body string) (int, any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, root+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		for k, v := range header {
			req.Header.Set(k, v)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var out any
		_ = json.NewDecoder(res.Body).Decode(&out)
		return res.StatusCode, out
	}
	page := func(name string) (golden, any) {
		t.Helper()
		g := readGolden(t, folder, name)
		var body any
		if len(g.Response.Body) > 0 {
			if err := json.Unmarshal(g.Response.Body, &body); err != nil {
				t.Fatal(err)
			}
		}
		return g, body
	}
	r, err := w.erp.Register(t.Context(), asked("SO-G"))
	if err != nil {
		t.Fatal(err)
	}
	orders := "companies(" + w.said.Company + ")/salesOrders"
	_, order := call(http.MethodGet, orders+"("+r.Ref+")?$expand=salesOrderLines", nil, "")
	line := order.(map[string]any)["salesOrderLines"].([]any)[0].(map[string]any)
	path := orders + "(" + r.Ref + ")/salesOrderLines(" + line["id"].(string) + ")"
	g, body := page("sales_order_line_patch")
	for name, c := range map[string]struct {
		header map[string]string
		status int
	}{"without a tag": {nil, http.StatusBadRequest}, "with an old tag": {map[string]string{"If-Match": `W/"old"`}, http.StatusConflict}, "with its tag": {map[string]string{"If-Match": line["@odata.etag"].(string)}, g.Response.Status}} {
		status, got := call(http.MethodPatch, path, c.header, `{"shipQuantity": 1}`)
		if status != c.status {
			t.Errorf("an update %s is answered %d %v", name, status, got)
		}
		if status == http.StatusOK {
			delete(got.(map[string]any), "@odata.etag")
			within(t, "line", got, body)
		}
	}
	g, _ = page("sales_order_ship_and_invoice")
	if status, got := call(http.MethodPost, orders+"("+r.Ref+")/Microsoft.NAV.shipAndInvoice", nil, ""); status != g.Response.Status {
		t.Errorf("posting is answered %d %v", status, got)
	}
	g, body = page("batch")
	status, got := call(http.MethodPost, "$batch", map[string]string{"Prefer": "odata.continue-on-error"}, `{"requests":[
		{"id":"1","method":"GET","url":"`+orders+`?$filter=number+eq+%27`+r.TheirNumber+`%27"},{"id":"2","method":"GET","url":"companies(`+w.said.Company+`)/nothing"}]}`)
	if status != g.Response.Status {
		t.Errorf("a batch is answered %d", status)
	}
	for i, part := range got.(map[string]any)["responses"].([]any) {
		p := part.(map[string]any)
		if code := p["status"]; code != []any{200.0, 404.0}[i] {
			t.Errorf("part %d is answered %v", i, p)
		}
		delete(p, "body") // each question has its own
		within(t, "batch", p, body.(map[string]any)["responses"].([]any)[0])
	}
}
