package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"crossdock/domains/finance"
	"crossdock/domains/trade"
)

// caller asks one system of a sandbox as its client would.
type caller struct {
	t      *testing.T
	base   string
	header map[string]string
}

// ask returns the status, the headers, and the body if there is one.
func (c caller) ask(method, path string, header map[string]string, body string) (int, http.Header, any) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range []map[string]string{c.header, header} {
		for k, v := range h {
			req.Header.Set(k, v)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, res.Header, decoded(c.t, raw)
}

// hold asks, and holds status, headers and body against a page.
func (c caller) hold(folder, name, method, path string, header map[string]string, body string) any {
	c.t.Helper()
	g := readGolden(c.t, folder, name)
	status, headers, got := c.ask(method, path, header, body)
	if status != g.Response.Status {
		c.t.Errorf("%s is answered %d %v; its page has %d", name, status, got, g.Response.Status)
	}
	for h := range g.Response.Headers {
		if headers.Get(h) == "" && folder != ofCentral {
			c.t.Errorf("%s has no header %s", name, h)
		}
	}
	page := decoded(c.t, g.Response.Body)
	if page == nil && got != nil && status != http.StatusNoContent {
		c.t.Errorf("%s has a body %v; its page has none", name, got)
	}
	if page != nil && got == nil {
		c.t.Errorf("%s has no body", name)
	}
	if p, ok := page.(map[string]any); ok && folder == ofShopify && p["extensions"] == nil {
		p["extensions"] = nil // the pages leave out what every reply carries
	}
	within(c.t, name, got, page)
	return got
}

const tokenForm = "client_id=crossdock&client_secret=sandbox-secret&grant_type=client_credentials&scope=https%3A%2F%2Fapi.businesscentral.dynamics.com%2F.default"

// central asks Business Central with a token.
func (w *world) central(t *testing.T) caller {
	t.Helper()
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	c := caller{t, w.box.URL + "/bc", nil}
	got := c.hold(ofCentral, "token", http.MethodPost, "/oauth2/v2.0/token", form, tokenForm)
	c.header = map[string]string{"Authorization": "Bearer " + got.(map[string]any)["access_token"].(string)}
	return c
}

func (w *world) shipBob(t *testing.T) caller {
	t.Helper()
	return caller{t, w.box.URL + "/shipbob/2026-01", map[string]string{"Authorization": "Bearer shipbob-sandbox-pat", "shipbob_channel_id": "101"}}
}

func (w *world) shopify(t *testing.T) caller {
	t.Helper()
	return caller{t, w.box.URL + "/shopify/admin/api/2026-04", map[string]string{"X-Shopify-Access-Token": "shpat_sandbox"}}
}

func creditNote(number string) finance.CreditNote {
	return finance.CreditNote{Number: number, Account: "C10001", Currency: "USD", Lines: []finance.DocumentLine{
		{Number: 1, SKU: "SKU-1000", Quantity: trade.Quantity{Value: trade.MustDecimal("1"), Unit: "PCS"}, UnitPrice: trade.Money{Amount: trade.MustDecimal("9.5"), Currency: "USD"}},
	}}
}

// TestTheSandboxServesOnlyDocumentedFields holds the simulated ERP against the pages, so that one
// misreading cannot agree with itself: each field is a property of its resource and has its type.
func TestTheSandboxServesOnlyDocumentedFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.delivered("golden", line("SKU-1000", "1"))
	w.place("open", draft("C10001", line("SKU-1000", "1")))
	w.admin("POST", "/admin/erp/block?customer=C10002&why=Ship", "")
	if err := w.erp.Issue(t.Context(), creditNote("R-G")); err != nil {
		t.Fatal(err)
	}
	w.until("the ERP has an open order", func() bool {
		n, err := w.queue.Waiting(t.Context())
		return err == nil && n == 0
	})
	c := w.central(t)
	for set, expand := range map[string]string{
		"customers": "paymentTerm", "items": "", "salesOrders": "salesOrderLines", "salesInvoices": "salesInvoiceLines", "salesCreditMemos": "salesCreditMemoLines",
	} {
		resource := readGolden(t, ofCentral, map[string]string{"customers": "customer", "items": "item", "salesOrders": "sales_order", "salesInvoices": "sales_invoice", "salesCreditMemos": "sales_credit_memo"}[set]+"_resource")
		list := c.hold(ofCentral, "list", http.MethodGet, fmt.Sprintf("/api/v2.0/companies(%s)/%s?$top=0", w.said.Company, set), nil, "")
		if rows := list.(map[string]any)["value"].([]any); len(rows) != 0 {
			t.Errorf("$top=0 of %s is %d", set, len(rows))
		}
		_, _, got := c.ask(http.MethodGet, fmt.Sprintf("/api/v2.0/companies(%s)/%s?$expand=%s", w.said.Company, set, expand), nil, "")
		rows := got.(map[string]any)["value"].([]any)
		if len(rows) == 0 {
			t.Errorf("%s is empty: the test shows nothing", set)
		}
		for i, row := range rows {
			resource.holds(t, fmt.Sprintf("%s[%d]", set, i), row.(map[string]any), below(t))
		}
	}
}

// TestTheSandboxWritesAsBusinessCentralDocuments holds what the adapter relies on to write: creating,
// the line's update with its tag, posting, deleting, credit memos, the batch and the action.
func TestTheSandboxWritesAsBusinessCentralDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.central(t)
	company := "companies(" + w.said.Company + ")"
	sales, memos := "/api/v2.0/"+company+"/salesOrders", "/api/v2.0/"+company+"/salesCreditMemos"
	const lines = `"customerNumber":"C10001","externalDocumentNumber":"SO-G"`
	_, _, created := c.ask(http.MethodPost, sales+"?$expand=salesOrderLines", nil, `{`+lines+`,"orderDate":"2026-01-02","salesOrderLines":[{"lineType":"Item","lineObjectNumber":"SKU-1000","quantity":2}]}`)
	order := created.(map[string]any)
	readGolden(t, ofCentral, "sales_order_resource").holds(t, "salesOrders", order, below(t))
	if status, _, _ := c.ask(http.MethodPost, sales, nil, `{`+lines+`}`); status != readGolden(t, ofCentral, "sales_order_create").Response.Status {
		t.Errorf("creating is answered %d", status)
	}
	one, line := sales+"("+order["id"].(string)+")", order["salesOrderLines"].([]any)[0].(map[string]any)
	path := one + "/salesOrderLines(" + line["id"].(string) + ")"
	resource := readGolden(t, ofCentral, "sales_order_line_resource")
	for name, like := range map[string]struct {
		header map[string]string
		status int
	}{
		"without a tag": {nil, http.StatusBadRequest}, "with an old tag": {map[string]string{"If-Match": `W/"old"`}, http.StatusConflict},
		"with its tag": {map[string]string{"If-Match": line["@odata.etag"].(string)}, readGolden(t, ofCentral, "sales_order_line_patch").Response.Status},
	} {
		status, _, got := c.ask(http.MethodPatch, path, like.header, `{"shipQuantity": 1}`)
		if status != like.status {
			t.Errorf("an update %s is answered %d %v", name, status, got)
		}
		if status == http.StatusOK {
			resource.holds(t, "line", got.(map[string]any), nil)
		} else {
			within(t, name, got, decoded(t, readGolden(t, ofCentral, "error_reply").Response.Body))
		}
	}
	if status, _, _ := c.ask(http.MethodDelete, one, nil, ""); status != http.StatusBadRequest {
		t.Errorf("deleting without a tag is answered %d", status)
	}
	c.hold(ofCentral, "sales_order_ship_and_invoice", http.MethodPost, one+"/Microsoft.NAV.shipAndInvoice", nil, "")
	_, _, other := c.ask(http.MethodPost, sales, nil, `{"customerNumber":"C10001"}`)
	c.hold(ofCentral, "sales_order_delete", http.MethodDelete, sales+"("+other.(map[string]any)["id"].(string)+")", map[string]string{"If-Match": "*"}, "")
	status, _, memo := c.ask(http.MethodPost, memos, nil, `{"customerNumber":"C10001","salesCreditMemoLines":[{"lineType":"Item","lineObjectNumber":"SKU-1000","quantity":1}]}`)
	if status != readGolden(t, ofCentral, "sales_credit_memo_create").Response.Status {
		t.Errorf("a credit memo is answered %d %v", status, memo)
	}
	readGolden(t, ofCentral, "sales_credit_memo_resource").holds(t, "salesCreditMemos", memo.(map[string]any), below(t))
	c.hold(ofCentral, "sales_credit_memo_post", http.MethodPost, memos+"("+memo.(map[string]any)["id"].(string)+")/Microsoft.NAV.post", nil, "")
	g := readGolden(t, ofCentral, "batch")
	status, _, got := c.ask(http.MethodPost, "/api/v2.0/$batch", map[string]string{"Prefer": "odata.continue-on-error"}, `{"requests":[
		{"id":"1","method":"GET","url":"`+company+`/items?$top=1"},{"id":"2","method":"GET","url":"`+company+`/nothing"}]}`)
	if status != g.Response.Status {
		t.Errorf("a batch is answered %d", status)
	}
	pages := decoded(t, g.Response.Body).(map[string]any)["responses"].([]any)
	for i, part := range got.(map[string]any)["responses"].([]any) {
		p, like := part.(map[string]any), pages[2*i].(map[string]any)
		if i == 0 {
			delete(p, "body") // each question has its own
		}
		if p["status"] != []any{200.0, 404.0}[i] {
			t.Errorf("part %d is answered %v", i, p)
		}
		within(t, "batch", p, like)
	}
	quote := `{"requestJson":"{\"customerNumber\":\"C10001\",\"lines\":[]}"}`
	_, _, got = c.ask(http.MethodPost, "/ODataV4/CrossdockPrices_Quote?company="+w.said.Company, nil, quote)
	action := decoded(t, readGolden(t, ofCentral, "unbound_action").Response.Body).(map[string]any)
	action["value"] = "" // ours returns a text
	within(t, "action", got, action)
}

// TestTheSandboxRefusesAsBusinessCentralDocuments in the form of the pages, whatever the reason.
func TestTheSandboxRefusesAsBusinessCentralDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.central(t)
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for _, body := range []string{strings.Replace(tokenForm, "sandbox-secret", "wrong", 1), strings.Replace(tokenForm, ".default", "everything", 1), "grant_type=password"} {
		c.hold(ofCentral, "token_refused", http.MethodPost, "/oauth2/v2.0/token", form, body)
	}
	page := decoded(t, readGolden(t, ofCentral, "error_reply").Response.Body)
	company := "/api/v2.0/companies(" + w.said.Company + ")"
	for what, ask := range map[string]func() (int, http.Header, any){
		"400": func() (int, http.Header, any) { return c.ask(http.MethodPost, company+"/salesOrders", nil, `{}`) },
		"401": func() (int, http.Header, any) {
			return c.ask(http.MethodGet, company+"/items", map[string]string{"Authorization": "Bearer no"}, "")
		},
		"404": func() (int, http.Header, any) { return c.ask(http.MethodGet, company+"/nothing", nil, "") },
		"405": func() (int, http.Header, any) { return c.ask(http.MethodPut, company+"/salesCreditMemos", nil, "") },
	} {
		status, _, got := ask()
		if fmt.Sprint(status) != what {
			t.Errorf("%s is %d", what, status)
		}
		within(t, what, got, page)
	}
	w.admin("POST", "/admin/knobs", `{"chances":{"error:bc":1}}`)
	status, header, got := c.ask(http.MethodGet, company+"/items", nil, "")
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("a failure is %d with %v", status, header)
	}
	within(t, "failure", got, page)
	if code := got.(map[string]any)["error"].(map[string]any)["code"]; code != "Internal_ServerError" {
		t.Errorf("a failure has the code %v", code)
	}
	status, _, got = c.ask(http.MethodPost, "/oauth2/v2.0/token", form, tokenForm)
	if status != http.StatusServiceUnavailable {
		t.Errorf("the token service's failure is %d", status)
	}
	within(t, "no token", got, decoded(t, readGolden(t, ofCentral, "token_refused").Response.Body))
	w.admin("POST", "/admin/knobs", `{"chances":{"error:bc":0}}`)
	w.admin("POST", "/admin/bc/limit?calls=1", "")
	status, _, got = c.ask(http.MethodGet, company+"/items", nil, "")
	if status != http.StatusTooManyRequests {
		t.Errorf("too many calls are %d", status)
	}
	within(t, "too many", got, page)
}

// TestTheSandboxAnswersAsShipBobDocuments holds the simulated 3PL against the pages, field by field.
func TestTheSandboxAnswersAsShipBobDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.shipBob(t)
	hold := func(name, method, path, body string) any {
		t.Helper()
		return c.hold(ofShipBob, name, method, path, nil, body)
	}
	order := func(ref, kind string) string {
		return `{"reference_id":"` + ref + `","order_number":"PO 7","shipping_method":"Expedited","type":"` + kind + `","location_id":21,"recipient":{"name":"Ada","address":{"address1":"1 Main St","city":"Columbus","state":"OH","country":"US","zip_code":"43085"}},
			"products":[{"reference_id":"SKU-1000","name":"Pipe","quantity":2,"external_line_id":1}]}`
	}
	for _, kind := range []string{"DTC", "DropShip", "B2B"} {
		got := hold("create-order", http.MethodPost, "/order", order("G-"+kind, kind)).(map[string]any)
		if got["type"] != kind || got["shipping_method"] != "Expedited" || got["order_number"] != "PO 7" {
			t.Errorf("what was sent comes back as %v, %v, %v", got["type"], got["shipping_method"], got["order_number"])
		}
	}
	w.step()
	hold("list-orders", http.MethodGet, "/order?ReferenceIds=G-DTC", "")
	for range 7 {
		w.step()
	}
	hold("list-orders", http.MethodGet, "/order?ReferenceIds=G-DTC", "")
	second := hold("create-order", http.MethodPost, "/order", order("G-2", "DTC")).(map[string]any)
	hold("cancel-order", http.MethodPost, fmt.Sprintf("/order/%.0f:cancel", second["id"]), "")
	hold("inventory-levels", http.MethodGet, "/inventory-level?PageSize=2", "")
	hold("inventory-levels-by-fc", http.MethodGet, "/inventory-level/locations?InventoryIds=20000,20001", "")
	expected := `{"reference_id":"R-1","fulfillment_center":{"id":21},"inventory":[{"id":20000,"quantity":1,"requested_action":"Default"}]}`
	hold("create-return", http.MethodPost, "/return", expected)
	w.step()
	w.step()
	hold("list-returns", http.MethodGet, "/return?ReferenceIds=R-1", "")
	hold("create-webhook", http.MethodPost, "/webhook", `{"topics":["order.shipped"],"description":"x","url":"http://127.0.0.1:1/x","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`)

	for _, body := range []string{`{}`, order("G-3", "Wholesale"), order("G-3", ""), strings.Replace(order("G-3", "DTC"), `"quantity":2`, `"quantity":0`, 1), strings.Replace(order("G-3", "DTC"), `"name":"Pipe",`, "", 1)} {
		hold("error-bad-request", http.MethodPost, "/order", body)
	}
	hold("error-bad-request", http.MethodGet, "/order?Limit=500", "")
	hold("error-duplicate", http.MethodPost, "/order", order("G-2", "DTC"))
	hold("error-return", http.MethodPost, "/return", expected)
	hold("error-return", http.MethodPost, "/return", strings.NewReplacer("Default", "Burn", "R-1", "R-2").Replace(expected))
	hold("error-webhook", http.MethodPost, "/webhook", `{"topics":["order.lost"],"url":"http://127.0.0.1:1/x"}`)
	c.hold(ofShipBob, "error-unauthorized", http.MethodGet, "/order", map[string]string{"Authorization": "Bearer no"}, "")
	w.admin("POST", "/admin/knobs", `{"chances":{"error:shipbob":1}}`)
	hold("error-internal", http.MethodPost, "/order/1:cancel", "")
	w.admin("POST", "/admin/knobs", `{"chances":{"error:shipbob":0}}`)
	w.admin("POST", "/admin/shipbob/limit?calls=1", "")
	hold("rate-limited", http.MethodGet, "/order?ReferenceIds=G-1", "")
}

// TestTheSandboxAnswersAsShopifyDocuments holds the simulated shop's replies and its webhook against
// the pages; names and types of its schema are transcribed in sandbox/shopify.graphqls.
func TestTheSandboxAnswersAsShopifyDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.shopify(t)
	hold := func(name, query string, vars map[string]any) any {
		t.Helper()
		body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
		if err != nil {
			t.Fatal(err)
		}
		return c.hold(ofShopify, name, http.MethodPost, "/graphql.json", nil, string(body))
	}
	bodies := make(chan []byte, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		bodies <- raw
	}))
	t.Cleanup(hook.Close)
	w.background(w.engine.Run)
	hold("webhookSubscriptionCreate", `mutation($u: String!) { webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: {uri: $u, format: JSON}) { webhookSubscription { id topic uri } userErrors { field message } } }`, map[string]any{"u": hook.URL})
	id := w.admin("POST", "/admin/shop/orders", `{"po":"G","lines":[{"sku":"SKU-1000","quantity":2}]}`)["id"]
	const tags = `mutation($id: ID!) { tagsAdd(id: $id, tags: ["a"]) { node { id } userErrors { message } } }`
	hold("tagsAdd", tags, map[string]any{"id": id})
	hold("tagsAdd-not-found", tags, map[string]any{"id": "gid://shopify/Order/1"})
	hold("orders", `{ orders(first: 10) { nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`, nil)
	hold("orders-updated", `{ orders(first: 10, query: "updated_at:>='2019-12-01T00:00:00Z'") { nodes { id updatedAt } } }`, nil)
	hold("orders-details", `{ orders(first: 5) { nodes { id name createdAt displayFulfillmentStatus lineItems(first: 5) { nodes { quantity sku } } } } }`, nil)
	hold("ordersCount", `{ ordersCount(limit: null) { count precision } }`, nil)
	hold("nodes", `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, map[string]any{"ids": []any{id}})
	hold("node", `query($id: ID!) { node(id: $id) { id } }`, map[string]any{"id": id})
	hold("productVariants", `{ productVariants(first: 10, query: "sku:\"SKU-1000\"") { nodes { id sku } } }`, nil)
	stock := func(directive, from string) string {
		return `mutation { inventorySetQuantities(input: {name: "available", reason: "correction", quantities: [{inventoryItemId: "gid://shopify/InventoryItem/20000", locationId: "gid://shopify/Location/1", quantity: 42` + from + `}]}) ` + directive + ` { userErrors { code field message } } }`
	}
	hold("inventorySetQuantities", stock(`@idempotent(key: "550e8400-e29b-41d4-a716-446655440000")`, `, changeFromQuantity: 1`), nil)
	for _, bad := range []string{stock("", ", changeFromQuantity: 1"), stock(`@idempotent(key: "k")`, "")} {
		if got := hold("error-internal", bad, nil).(map[string]any); got["data"] != nil {
			t.Errorf("%s is answered %v", bad, got)
		}
	}
	hold("error-max-cost-exceeded", `{ orders(first: 250) { nodes { lineItems(first: 250) { nodes { sku } } } } }`, nil)
	w.admin("POST", "/admin/knobs", `{"chances":{"error:shopify":1}}`)
	got := hold("error-internal", `{ orders(first: 1) { nodes { id } } }`, nil).(map[string]any)
	if code := got["errors"].([]any)[0].(map[string]any)["extensions"].(map[string]any)["code"]; code != "INTERNAL_SERVER_ERROR" {
		t.Errorf("a failure has the code %v", code)
	}
	w.admin("POST", "/admin/knobs", `{"chances":{"error:shopify":0}}`)
	w.admin("POST", "/admin/shop/budget?points=5", "")
	hold("error-throttled", `{ orders(first: 50) { nodes { id } } }`, nil)
	within(t, "webhook", decoded(t, <-bodies), decoded(t, readGolden(t, ofShopify, "webhook-orders-create").Request.Body))
}

// TestAFailureOfABespokeSystemHasItsOwnForm, as its refusals have.
func TestAFailureOfABespokeSystemHasItsOwnForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin("POST", "/admin/knobs", `{"chances":{"error:wms":1,"error:house":1}}`)
	c := caller{t, w.box.URL, nil}
	for path, form := range map[string]any{"/wms/v1/stock": map[string]any{"error": map[string]any{"code": "", "message": ""}}, "/house/v1/items": map[string]any{"error": ""}} {
		status, header, got := c.ask(http.MethodGet, path+"?skus=SKU-1000", nil, "")
		if status != http.StatusInternalServerError || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s fails with %d %v", path, status, header)
		}
		within(t, path, got, form)
	}
}
