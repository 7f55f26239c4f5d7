package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/sources/ecommerce/shopify"
	"crossdock/sources/erp/businesscentral"
	"crossdock/sources/threepl/shipbob"
)

func centralAt(t *testing.T, status int, body string) *businesscentral.Client {
	t.Helper()
	return centralOf(t, replay(t, status, nil, body))
}

func centralOf(t *testing.T, url string) *businesscentral.Client {
	t.Helper()
	c, err := businesscentral.New("erp", url, businesscentral.Config{Company: "c", TokenURL: "/token"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// told is the example of a page, changed.
func (g golden) told(t *testing.T, change map[string]any) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(g.Response.Body, &v); err != nil {
		t.Fatal(err)
	}
	maps.Copy(v, change)
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// listed puts entities into the form of a list.
func listed(t *testing.T, rows ...string) string {
	t.Helper()
	parts := make([]json.RawMessage, len(rows))
	for i, r := range rows {
		parts[i] = json.RawMessage(r)
	}
	raw, err := json.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	return readGolden(t, ofCentral, "list").told(t, map[string]any{"value": json.RawMessage(raw)})
}

// TestBusinessCentralReadsItsVendorsExamples has the adapter read what the pages print.
func TestBusinessCentralReadsItsVendorsExamples(t *testing.T) {
	t.Parallel()
	page := func(name string) golden { return readGolden(t, ofCentral, name) }

	terms := page("payment_term_get")
	customer := centralAt(t, 200, listed(t, page("customer_get").told(t, map[string]any{"paymentTerm": terms.Response.Body})))
	accounts, err := customer.Accounts(t.Context(), []trade.AccountID{"10000"})
	a := accounts.Found["10000"]
	if err != nil || a.Name != "Adatum Corporation" || a.Currency != "USD" || !a.TaxLiable || a.TaxArea != "ATLANTA, GA" || a.Address.City != "Atlanta" || a.Stopped != "" || a.Terms != "10 DAYS" {
		t.Errorf("account %+v, %v", a, err)
	}
	item := centralAt(t, 200, listed(t, string(page("item_get").Response.Body)))
	items, err := item.Items(t.Context(), []trade.SKU{"1896-S"})
	if i := items[0].Value; err != nil || i.Name != "ATHENS Desk" || i.Unit != "PCS" || i.ListPrice.Amount.String() != "1000.8" || i.Category != "TABLE" {
		t.Errorf("item %+v, %v", i, err)
	}
	order := page("sales_order_get").told(t, map[string]any{"externalDocumentNumber": "SO-1", "salesOrderLines": []json.RawMessage{page("sales_order_line_get").Response.Body}})
	found, err := centralAt(t, 200, listed(t, order)).RegistrationsSince(t.Context(), "")
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("orders %+v, %v", found, err)
	}
	r := found.Items[0]
	if r.TheirNumber != "101005" || r.Account != "10000" || len(r.Lines) != 1 || r.Lines[0].Line != 1 || r.Lines[0].SKU != "1996-S" || r.Lines[0].Quantity.String() != "12 PCS" || r.Lines[0].UnitPrice.String() != "1397.3 GBP" {
		t.Errorf("order %+v", r)
	}
	created := page("sales_order_create")
	if r, err := centralAt(t, created.Response.Status, string(created.Response.Body)).Register(t.Context(), asked("SO-1")); err != nil || r.TheirNumber != "101005" || r.Ref != "b6f4017a-b749-ee11-ad0b-a1422c0f7f1f" {
		t.Errorf("a created order is %+v, %v", r, err)
	}
	invoice := page("sales_invoice_get").told(t, map[string]any{"externalDocumentNumber": "SO-1", "salesInvoiceLines": []json.RawMessage{page("sales_invoice_line_get").Response.Body}})
	docs, err := centralAt(t, 200, listed(t, invoice)).Invoices(t.Context(), []string{"SO-1"})
	if d := docs.Found["SO-1"]; err != nil || len(d) != 1 || d[0].Kind != finance.Invoice || d[0].Number != "PS-INV103001" || d[0].Total.String() != "172.94 USD" || len(d[0].Lines) != 1 || d[0].Lines[0].SKU != "1928-S" {
		t.Errorf("invoices %+v, %v", docs, err)
	}
	memo := page("sales_credit_memo_get").told(t, map[string]any{"externalDocumentNumber": "R-1", "status": "Open", "salesCreditMemoLines": []json.RawMessage{page("sales_credit_memo_line_get").Response.Body}})
	memos, err := centralAt(t, 200, listed(t, memo)).CreditMemos(t.Context(), []string{"R-1"})
	if d := memos.Found["R-1"]; err != nil || d.Number != "1009" || d.Total.String() != "7508.16 GBP" || d.DueOn != "2016-01-31" || len(d.Lines) != 1 || d.Lines[0].SKU != "1896-S" || d.Lines[0].Quantity.String() != "1 PCS" {
		t.Errorf("credit memos %+v, %v", memos, err)
	}
	if draft, err := centralAt(t, 200, listed(t, page("sales_credit_memo_get").told(t, map[string]any{"externalDocumentNumber": "R-1"}))).CreditMemos(t.Context(), []string{"R-1"}); err != nil || len(draft.Found) != 0 {
		t.Errorf("a draft counts as %+v, %v", draft, err)
	}
	quoted := page("unbound_action").told(t, map[string]any{"value": `{"customerNumber":"10000","currencyCode":"USD","lines":[{"lineNo":1,"found":true,"unitPrice":9.5}]}`})
	key := pricing.NewKey("10000", "1896-S", trade.Quantity{Value: trade.MustDecimal("1")}, "", "")
	if price := lookup.Only(centralAt(t, 200, quoted).Prices(t.Context(), []pricing.Key{key})); price.Err != nil || price.Value.UnitPrice.String() != "9.5 USD" {
		t.Errorf("an action's value is %+v", price)
	}
}

// TestBusinessCentralWritesAsItsVendorsExamplesAnswer has the adapter change a line, post, delete and
// issue, and be answered each time with what the page prints.
func TestBusinessCentralWritesAsItsVendorsExamplesAnswer(t *testing.T) {
	t.Parallel()
	page := func(name string) golden { return readGolden(t, ofCentral, name) }
	order := listed(t, page("sales_order_get").told(t, map[string]any{"externalDocumentNumber": "SO-1", "salesOrderLines": []json.RawMessage{page("sales_order_line_get").Response.Body}}))
	var did []string
	one := func(r *http.Request) golden {
		answer := golden{}
		answer.Response.Status, answer.Response.Body = http.StatusOK, json.RawMessage(order)
		switch {
		case strings.HasSuffix(r.URL.Path, "/token"):
			return page("token")
		case r.Method == http.MethodPatch:
			answer = page("sales_order_line_patch")
		case strings.HasSuffix(r.URL.Path, "shipAndInvoice"):
			answer = page("sales_order_ship_and_invoice")
		case r.Method == http.MethodDelete:
			answer = page("sales_order_delete")
		case strings.HasSuffix(r.URL.Path, "Microsoft.NAV.post"):
			answer = page("sales_credit_memo_post")
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/salesCreditMemos"):
			answer = page("sales_credit_memo_create")
		case strings.HasSuffix(r.URL.Path, "/salesCreditMemos"):
			answer.Response.Body = json.RawMessage(listed(t))
		}
		did = append(did, r.Method)
		return answer
	}
	c := centralOf(t, answering(t, func(r *http.Request) golden {
		if strings.HasSuffix(r.URL.Path, "$batch") {
			return inside(t, r, one)
		}
		return one(r)
	}))
	for what, do := range map[string]func() error{
		"posting": func() error {
			return c.Post(t.Context(), finance.Posting{OrderNumber: "SO-1", Shipped: map[int]trade.Decimal{1: trade.MustDecimal("5")}})
		},
		"deleting": func() error { return c.Withdraw(t.Context(), "SO-1") },
		"reducing": func() error {
			_, err := c.Reduce(t.Context(), "SO-1", map[int]trade.Decimal{1: trade.MustDecimal("3")})
			return err
		},
		"crediting": func() error { return c.Issue(t.Context(), finance.CreditNote{Number: "R-1", Account: "10000"}) },
	} {
		did = nil
		if err := do(); err != nil || len(did) < 2 {
			t.Errorf("%s made %v: %v", what, did, err)
		}
	}
}

// inside answers a $batch with what each of its requests is answered.
func inside(t *testing.T, r *http.Request, one func(*http.Request) golden) golden {
	t.Helper()
	var in struct {
		Requests []struct{ ID, Method, URL string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		t.Error(err)
	}
	parts := []map[string]any{}
	for _, q := range in.Requests {
		answer := one(httptest.NewRequestWithContext(t.Context(), q.Method, "/"+q.URL, nil)).Response
		parts = append(parts, map[string]any{"id": q.ID, "status": answer.Status, "headers": answer.Headers, "body": answer.Body})
	}
	raw, err := json.Marshal(map[string]any{"responses": parts})
	if err != nil {
		t.Error(err)
	}
	out := golden{}
	out.Response.Status, out.Response.Body = http.StatusOK, raw
	return out
}

// TestBusinessCentralReadsItsVendorsBatch has the adapter read the page's reply, whose third part failed,
// with the parts named as they were asked.
func TestBusinessCentralReadsItsVendorsBatch(t *testing.T) {
	t.Parallel()
	var reply struct{ Responses []map[string]any }
	g := readGolden(t, ofCentral, "batch")
	if err := json.Unmarshal(g.Response.Body, &reply); err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"0", "x", "1"} {
		reply.Responses[i]["id"] = id
	}
	reply.Responses[0]["body"] = json.RawMessage(listed(t))
	raw, err := json.Marshal(map[string]any{"responses": reply.Responses})
	if err != nil {
		t.Fatal(err)
	}
	skus := make([]trade.SKU, 30) // two filters
	for i := range skus {
		skus[i] = trade.SKU(numbered("SKU")(i))
	}
	answers, err := centralAt(t, g.Response.Status, string(raw)).Items(t.Context(), skus)
	failed := answers[0].Err
	if err != nil || fault.KindOf(failed) != fault.Invalid || !strings.Contains(failed.Error(), "is not an option") {
		t.Errorf("a failed part is %v, %v", failed, err)
	}
}

// TestBusinessCentralsRefusalsAreUnderstood in the form that the pages print.
func TestBusinessCentralsRefusalsAreUnderstood(t *testing.T) {
	t.Parallel()
	refusal := readGolden(t, ofCentral, "error_reply")
	_, err := centralAt(t, refusal.Response.Status, string(refusal.Response.Body)).Register(t.Context(), &orders.Order{})
	if fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "CorrelationId") || !strings.Contains(err.Error(), "is not an option") {
		t.Errorf("a refusal is %v", err)
	}
	for status, kind := range map[int]fault.Kind{http.StatusTooManyRequests: fault.Throttled, http.StatusServiceUnavailable: fault.Unavailable, http.StatusGatewayTimeout: fault.Timeout} {
		if _, err := centralAt(t, status, string(refusal.Response.Body)).Register(t.Context(), &orders.Order{}); fault.KindOf(err) != kind {
			t.Errorf("%d is %v, not %s", status, err, kind)
		}
	}
	g := readGolden(t, ofCentral, "token_refused")
	c := centralOf(t, answering(t, func(*http.Request) golden { return g }))
	answers, err := c.Accounts(t.Context(), []trade.AccountID{"10000"})
	if err != nil || fault.KindOf(answers.Failed["10000"]) != fault.Denied {
		t.Errorf("without a token: %+v, %v", answers, err)
	}
	wrong := readGolden(t, ofCentral, "unbound_action").told(t, map[string]any{"value": `{"customerNumber":"10000","currencyCode":"USD","lines":[{"lineNo":1,"found":true,"unitPrice":9.5}]}`})
	key := pricing.NewKey("10000", "1896-S", trade.Quantity{Value: trade.MustDecimal("1")}, "", "EUR")
	if price := lookup.Only(centralAt(t, 200, wrong).Prices(t.Context(), []pricing.Key{key})); fault.KindOf(price.Err) != fault.BadResponse {
		t.Errorf("dollars for euros: %+v", price)
	}
}

// TestShipBobReadsItsVendorsExamples has the adapter read what the pages print.
func TestShipBobReadsItsVendorsExamples(t *testing.T) {
	t.Parallel()
	at := func(name string) *shipbob.Client {
		g := readGolden(t, ofShipBob, name)
		c, err := shipbob.New("3pl", replay(t, g.Response.Status, g.Response.Headers, string(g.Response.Body)), shipbob.Config{Channel: "1"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	work := shipments.Work{Number: "SO-1-1", Node: "0", NodeRef: "0"}
	if ref, err := at("create-order").Release(t.Context(), work); err != nil || ref != "0" {
		t.Errorf("a created order is %q, %v", ref, err)
	}
	reports, err := at("list-orders").Reports(t.Context(), "0", []string{"string"})
	if r := reports.Found["string"]; err != nil || r.NodeRef != "0" {
		t.Errorf("listed orders: %+v, %v", reports, err)
	}
	if hinted, err := at("list-orders").Hinted(t.Context(), []byte(`{"id":0}`)); err != nil || len(hinted) != 1 {
		t.Errorf("an order read back: %+v, %v", hinted, err)
	}
	// The page's example has no status: only "Success" has stopped anything.
	if stopped, err := at("cancel-order").Recall(t.Context(), work); err != nil || stopped != strings.Contains(string(readGolden(t, ofShipBob, "cancel-order").Response.Body), `"status": "Success"`) {
		t.Errorf("a cancelled order: %t, %v", stopped, err)
	}
	levels := answering(t, func(r *http.Request) golden {
		if strings.HasSuffix(r.URL.Path, "/locations") {
			return readGolden(t, ofShipBob, "inventory-levels-by-fc")
		}
		// The example's next page is no address.
		g := readGolden(t, ofShipBob, "inventory-levels")
		g.Response.Body = json.RawMessage(g.told(t, map[string]any{"next": nil}))
		return g
	})
	c, err := shipbob.New("3pl", levels, shipbob.Config{Channel: "1"})
	if err != nil {
		t.Fatal(err)
	}
	key := inventory.Key{Node: "0", SKU: "string"}
	if stock := lookup.Only(c.Stock(t.Context(), []inventory.Key{key})); !stock.OK {
		t.Errorf("levels: %+v", stock)
	}
	expecting := answering(t, func(r *http.Request) golden {
		if r.Method == http.MethodPost {
			return readGolden(t, ofShipBob, "create-return")
		}
		g := readGolden(t, ofShipBob, "inventory-levels")
		g.Response.Body = json.RawMessage(g.told(t, map[string]any{"next": nil}))
		return g
	})
	if c, err = shipbob.New("3pl", expecting, shipbob.Config{Channel: "1"}); err != nil {
		t.Fatal(err)
	}
	if ref, err := c.Expect(t.Context(), returns.Return{Number: "R-1", Node: "0", Lines: []returns.Line{{SKU: "string", Authorized: trade.MustDecimal("1")}}}); err != nil || ref != "0" {
		t.Errorf("an expected return is %q, %v", ref, err)
	}
	receipts, err := at("list-returns").Receipts(t.Context(), "0", []string{"string"})
	if r := receipts.Found["string"]; err != nil || r.Ref != "0" || r.Done || len(r.Units) != 1 || r.Units[0].SKU != "string" {
		t.Errorf("receipts: %+v, %v", receipts, err)
	}
	if err := at("create-webhook").Subscribe(t.Context(), "https://example.com", "whsec_AA=="); err != nil {
		t.Errorf("subscribing: %v", err)
	}
}

// TestShipBobsRefusalsAreUnderstood in the forms that the pages show.
func TestShipBobsRefusalsAreUnderstood(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]fault.Kind{
		"error-bad-request": fault.Invalid, "error-duplicate": fault.Conflict, "error-return": fault.Conflict, "error-unauthorized": fault.Denied,
		"error-internal": fault.Unavailable, "error-webhook": fault.Conflict, "rate-limited": fault.Throttled,
	} {
		g := readGolden(t, ofShipBob, name)
		c, err := shipbob.New("3pl", replay(t, g.Response.Status, g.Response.Headers, string(g.Response.Body)), shipbob.Config{Channel: "1"})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Subscribe(t.Context(), "https://example.com", "whsec_AA==")
		if fault.KindOf(err) != kind || (strings.Contains(string(g.Response.Body), `"string"`) && name != "error-webhook" && !strings.Contains(err.Error(), "string")) {
			t.Errorf("%s is %v, not %s", name, err, kind)
		}
	}
}

// TestShopifyReadsItsVendorsExamples has the adapter read what the pages print.
func TestShopifyReadsItsVendorsExamples(t *testing.T) {
	t.Parallel()
	// at answers with the data of several pages: one operation of ours asks for the fields of each.
	at := func(names ...string) *shopify.Client {
		reply := map[string]any{}
		for _, name := range names {
			for k, v := range decoded(t, readGolden(t, ofShopify, name).Response.Body).(map[string]any) {
				if had, ok := reply[k].(map[string]any); ok {
					maps.Copy(had, v.(map[string]any))
					continue
				}
				reply[k] = v
			}
		}
		raw, err := json.Marshal(reply)
		if err != nil {
			t.Fatal(err)
		}
		c, err := shopify.New("shop", replay(t, http.StatusOK, nil, string(raw)), shopify.Config{Account: "A"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	acknowledge := func(c *shopify.Client) error { return c.Acknowledge(t.Context(), &orders.Order{Number: "SO-1"}) }
	for name, kind := range map[string]fault.Kind{"error-throttled": fault.Throttled, "error-max-cost-exceeded": fault.Invalid, "error-internal": fault.Unavailable, "tagsAdd-not-found": fault.Invalid} {
		if err := acknowledge(at(name)); err == nil || fault.KindOf(err) != kind {
			t.Errorf("%s is %v, not %s", name, err, kind)
		}
	}
	if err := acknowledge(at("tagsAdd")); err != nil {
		t.Errorf("tagsAdd: %v", err)
	}
	if err := at("webhookSubscriptionCreate").Subscribe(t.Context(), "https://example.org/endpoint", ""); err != nil {
		t.Errorf("webhookSubscriptionCreate: %v", err)
	}
	if id, err := shopify.OrderOf(readGolden(t, ofShopify, "webhook-orders-create").Request.Body); err != nil || id != "gid://shopify/Order/820982911946154508" {
		t.Errorf("the webhook is about %q, %v", id, err)
	}
	seen, err := at("orders-updated", "ordersCount").PlacedSince(t.Context(), "2020-01-01T00:00:00Z")
	if err != nil || len(seen.Items) != 2 || seen.Items[0].Ref != "gid://shopify/Order/199007853" || seen.Next != "2024-01-01T12:34:43Z" {
		t.Errorf("orders by change: %+v, %v", seen, err)
	}
	finished, err := at("orders", "ordersCount").Finished(t.Context(), "")
	if err != nil || finished.Total != 58 || !finished.More || !strings.HasPrefix(finished.Next, "eyJsYXN0X2lkIjo1NTY1Mjc2MzgsImxhc3") {
		t.Errorf("a page of orders: %+v, %v", finished, err)
	}
	// What the list shows of an order is what node and nodes show.
	details := decoded(t, readGolden(t, ofShopify, "orders-details").Response.Body).(map[string]any)["data"].(map[string]any)["orders"].(map[string]any)["nodes"]
	raw, err := json.Marshal(map[string]any{"data": map[string]any{"nodes": details}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := shopify.New("shop", replay(t, http.StatusOK, nil, string(raw)), shopify.Config{Account: "A"})
	if err != nil {
		t.Fatal(err)
	}
	placed, err := c.Placed(t.Context(), []string{"gid://shopify/Order/158040885"})
	if o := placed.Found["gid://shopify/Order/158040885"]; err != nil || !o.PlacedAt.Equal(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)) || o.Cancelled || o.Draft.ShipTo != nil {
		t.Errorf("an order: %+v, %v", placed, err)
	}
	if others, err := at("nodes").Placed(t.Context(), []string{"gid://shopify/Order/1"}); err != nil || others.Found["gid://shopify/Order/1"].Ref != "" {
		t.Errorf("nodes: %+v, %v", others, err)
	}
	if err := at("node").Fulfil(t.Context(), "gid://shopify/Order/1", &shipments.Shipment{Number: "SH-1"}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a node with nothing to fulfil: %v", err)
	}
	if err := at("productVariants", "inventorySetQuantities").PublishStock(t.Context(), map[trade.SKU]trade.Decimal{"element-155": trade.MustDecimal("42")}); err != nil {
		t.Errorf("productVariants and inventorySetQuantities: %v", err)
	}
}
