package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/sources/ecommerce/shopify"
	"crossdock/sources/erp/businesscentral"
	"crossdock/sources/threepl/shipbob"
)

// sent is a request that an adapter made.
type sent struct {
	method, path string
	query        url.Values
	header       http.Header
	body         []byte
}

// recorder stands between an adapter and the sandbox and keeps what is asked.
type recorder struct {
	url  string
	mu   sync.Mutex
	sent []sent
}

func (w *world) recorder(t *testing.T) *recorder {
	t.Helper()
	target, err := url.Parse(w.box.URL)
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec.mu.Lock()
		rec.sent = append(rec.sent, sent{r.Method, r.URL.Path, r.URL.Query(), r.Header.Clone(), body})
		rec.mu.Unlock()
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	rec.url = s.URL
	return rec
}

// all returns what was asked since the last call.
func (rec *recorder) all() []sent {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	out := rec.sent
	rec.sent = nil
	return out
}

// like is the expression that the paths of an exchange match, from the vendor's own root on. A set is
// read as one of its entities is (learn.microsoft.com/dynamics365/business-central/dev-itpro/developer/devenv-connect-apps-tips).
func (g golden) like(root string) *regexp.Regexp {
	path, _, _ := strings.Cut(g.Request.Path, "?")
	at := strings.Index(path, root)
	if at < 0 {
		return nil
	}
	path = regexp.QuoteMeta(path[at:])
	path = regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(path, `[^/()]+`)
	path = regexp.MustCompile(`/api/20\d\d-\d\d/`).ReplaceAllString(path, `/api/20\d\d-\d\d/`)
	if g.Request.Method == http.MethodGet {
		path = regexp.MustCompile(`\\\(\[\^/\(\)\]\+\\\)$`).ReplaceAllString(path, "")
	}
	return regexp.MustCompile(path + "$")
}

// unpacked are the requests with those inside of a $batch beside it, each with the headers that the batch gives all.
func unpacked(t *testing.T, all []sent) []sent {
	t.Helper()
	var out []sent
	for _, r := range all {
		out = append(out, r)
		root, ok := strings.CutSuffix(r.path, "$batch")
		if !ok {
			continue
		}
		var in struct {
			Requests []struct {
				Method, URL string
				Headers     map[string]string
				Body        json.RawMessage
			}
		}
		if err := json.Unmarshal(r.body, &in); err != nil {
			t.Fatal(err)
		}
		for _, q := range in.Requests {
			u, err := url.Parse(q.URL)
			if err != nil {
				t.Fatal(err)
			}
			header := r.header.Clone()
			for k, v := range q.Headers {
				header.Set(k, v)
			}
			out = append(out, sent{q.Method, root + u.Path, u.Query(), header, q.Body})
		}
	}
	return out
}

// exchange finds the golden of a request, and fails the test when no page shows such a one.
func exchange(t *testing.T, all map[string]golden, roots []string, r sent) (string, golden) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		g := all[name]
		if g.Request.Method != r.method || strings.HasPrefix(name, "error") || strings.HasSuffix(name, "_refused") || name == "rate-limited" {
			continue
		}
		for _, root := range roots {
			if like := g.like(root); like != nil && like.MatchString(r.path) {
				return name, g
			}
		}
	}
	t.Errorf("%s %s is on no page", r.method, r.path)
	return "", golden{}
}

// headers reports those that a page asks for and the request lacks.
func (g golden) headers(t *testing.T, r sent) {
	t.Helper()
	for name, like := range g.Request.Headers {
		got := r.header.Get(name)
		kind, _, _ := strings.Cut(like, " ")
		switch {
		case slices.Contains(g.Request.Optional, name):
		case got == "", kind == "Bearer" && !strings.HasPrefix(got, "Bearer "), strings.HasPrefix(like, "application/") && got != like:
			t.Errorf("%s %s has %s %q; %s has %q", r.method, r.path, name, got, g.Page, like)
		}
	}
}

// TestBusinessCentralIsAskedAsItsVendorDocuments has the adapter do all that it can, and holds each
// request against a page: method, path, mandatory headers, options, and the fields of its body with
// their types.
func TestBusinessCentralIsAskedAsItsVendorDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.recorder(t)
	c, err := businesscentral.New("erp", rec.url+"/bc", businesscentral.Config{Company: w.said.Company, ClientID: "crossdock", ClientSecret: "sandbox-secret", TokenURL: "/oauth2/v2.0/token"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, since := t.Context(), time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano)
	many := make([]trade.SKU, 30)
	for i := range many {
		many[i] = trade.SKU(fmt.Sprint("SKU-", 1000+i))
	}
	o := asked("SO-R")
	o.RequestedDate = "2026-12-24"
	three := map[int]trade.Decimal{1: trade.MustDecimal("1")}
	for what, do := range []func() error{
		func() error { _, err := c.Accounts(ctx, []trade.AccountID{"C10001"}); return err },
		func() error { _, err := c.Items(ctx, many); return err },
		func() error { _, err := c.AccountsSince(ctx, since); return err },
		func() error { _, err := c.ItemsSince(ctx, since); return err },
		func() error { _, err := c.ShipTos(ctx, []trade.AccountID{"C10001"}); return err },
		func() error { _, err := c.Register(ctx, o); return err },
		func() error { _, err := c.Registrations(ctx, []string{"SO-R"}); return err },
		func() error { _, err := c.RegistrationsSince(ctx, since); return err },
		func() error { _, err := c.Reduce(ctx, "SO-R", three); return err },
		func() error { return c.Post(ctx, finance.Posting{OrderNumber: "SO-R", Shipped: three}) },
		func() error { _, err := c.Register(ctx, asked("SO-W")); return err },
		func() error { return c.Withdraw(ctx, "SO-W") },
		func() error { _, err := c.Invoices(ctx, []string{"SO-R"}); return err },
		func() error { _, err := c.DocumentsAfter(ctx, finance.Invoice, "A"); return err },
		func() error { _, err := c.DocumentsSince(ctx, finance.CreditMemo, since); return err },
		func() error { _, err := c.Posted(ctx, []string{"S-ORD1"}); return err },
		func() error { return c.Issue(ctx, creditNote("R-R")) },
		func() error {
			_, err := c.Prices(ctx, []pricing.Key{pricing.NewKey("C10001", "SKU-1000", trade.Quantity{Value: trade.MustDecimal("1")}, "2026-01-02", "USD")})
			return err
		},
	} {
		if err := do(); err != nil {
			t.Fatalf("%d: %v", what, err)
		}
	}
	all, met := goldens(t, ofCentral), map[string]bool{}
	resources := map[string]string{"salesOrders": "sales_order", "salesOrderLines": "sales_order_line", "salesInvoices": "sales_invoice", "salesCreditMemos": "sales_credit_memo", "customers": "customer", "items": "item"}
	for _, r := range unpacked(t, rec.all()) {
		if strings.Contains(r.path, "/api/crossdock/") {
			continue // ours: docs/partners/businesscentral
		}
		name, g := exchange(t, all, []string{"/api/v2.0", "/oauth2/v2.0", "/ODataV4/"}, r)
		met[name] = true
		g.headers(t, r)
		set := regexp.MustCompile(`(\w*)(?:\([^)]*\))?(?:/Microsoft\.NAV\.\w+)?$`).FindStringSubmatch(r.path)
		resource := all[resources[set[1]]+"_resource"]
		for option, values := range r.query {
			switch option {
			case "company":
			case "$expand": // learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/dynamics-rate-limits
				if !slices.Contains(resource.Navigation, values[0]) {
					t.Errorf("%s leads to no %s", resource.Page, values[0])
				}
			case "$filter", "$orderby", "$top", "$count": // docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part1-protocol.html
			default:
				t.Errorf("%s has the option %s", r.path, option)
			}
		}
		switch body := (map[string]any)(nil); {
		case len(r.body) == 0:
		case name == "token":
			form, err := url.ParseQuery(string(r.body))
			like := decoded(t, g.Request.Body).(map[string]any)
			for _, field := range g.Request.Required {
				if form.Get(field) == "" || err != nil {
					t.Errorf("the token is asked for without %s", field)
				}
			}
			for field := range form {
				if like[field] == nil {
					t.Errorf("the token is asked for with %s", field)
				}
			}
		case json.Unmarshal(r.body, &body) != nil:
			t.Errorf("%s has the body %q", r.path, r.body)
		case name == "unbound_action":
			for parameter, v := range body { // its name is the procedure's: docs/partners/businesscentral/prices.al
				if _, ok := v.(string); !ok || len(body) != 1 {
					t.Errorf("the action is called with %s %v", parameter, v)
				}
			}
		case name == "batch":
			like := decoded(t, g.Request.Body).(map[string]any)["requests"].([]any)[0].(map[string]any)
			like["id"], like["body"] = nil, nil // the reply has the one, and the other is held by itself
			within(t, "batch", body, map[string]any{"requests": []any{like}})
		default:
			resource.holds(t, name, body, below(t))
		}
	}
	// The rest is read inside of these: lines, and payment terms.
	for _, name := range []string{"token", "batch", "customer_get", "item_get", "sales_order_get", "sales_order_create", "sales_order_line_patch", "sales_order_ship_and_invoice", "sales_order_delete", "sales_invoice_get", "sales_credit_memo_get", "sales_credit_memo_create", "sales_credit_memo_post", "unbound_action"} {
		if !met[name] {
			t.Errorf("nothing asks what %s shows: %v", name, slices.Sorted(maps.Keys(met)))
		}
	}
}

// fits holds a value against the fields of a page: an object's names, a list's element, or the name of
// a type; values that are listed are told apart by "|".
func fits(t *testing.T, at string, got, fields any) {
	t.Helper()
	switch f := fields.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %T, not an object", at, got)
		}
		for name, v := range g {
			if like, ok := f[name]; ok {
				fits(t, at+"."+name, v, like)
			} else {
				t.Errorf("%s.%s is on no page", at, name)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			t.Errorf("%s is %T, not a list", at, got)
		}
		for _, e := range g {
			fits(t, at, e, f[0])
		}
	case string:
		text, isText := got.(string)
		n, isNumber := got.(float64)
		ok := isText
		switch {
		case f == "integer":
			ok = isNumber && n == float64(int64(n))
		case f == "number":
			ok = isNumber
		case strings.Contains(f, "|"):
			ok = isText && slices.Contains(strings.Split(f, "|"), text)
		}
		if !ok {
			t.Errorf("%s is %v (%T), not %s", at, got, got, f)
		}
	}
}

// TestShipBobIsAskedAsItsVendorDocuments has the adapter do all that it can, and holds each request
// against a page: method, path, mandatory headers, parameters, and the fields of its body.
func TestShipBobIsAskedAsItsVendorDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.recorder(t)
	c, err := shipbob.New("3pl", rec.url+"/shipbob", shipbob.Config{Token: "shipbob-sandbox-pat", Channel: "101"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	to := toColumbus()
	to.Line2, to.Email = "Suite 2", "ada@example.com"
	work := shipments.Work{Number: "W-1", OrderNumber: "SO-1", Node: "21", ShipTo: to, Parts: []trade.Part{{Line: 1, SKU: "SKU-1000", Quantity: trade.MustDecimal("2"), Unit: "PCS"}}}
	if work.NodeRef, err = c.Release(ctx, work); err != nil {
		t.Fatal(err)
	}
	for what, do := range []func() error{
		func() error { _, err := c.Reports(ctx, "21", []string{"W-1", "W-2"}); return err },
		func() error { _, err := c.Hinted(ctx, []byte(`{"id":`+work.NodeRef+`}`)); return err },
		func() error { _, err := c.Recall(ctx, work); return err },
		func() error { _, err := c.Stock(ctx, []inventory.Key{{Node: "21", SKU: "SKU-1000"}}); return err },
		func() error {
			_, err := c.Expect(ctx, returns.Return{Number: "R-1", Node: "21", Lines: []returns.Line{{Line: 1, SKU: "SKU-1000", Authorized: trade.MustDecimal("1")}}})
			return err
		},
		func() error { _, err := c.Receipts(ctx, "21", []string{"R-1"}); return err },
		func() error { return c.Subscribe(ctx, "https://example.com", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") },
	} {
		if err := do(); err != nil {
			t.Fatalf("%d: %v", what, err)
		}
	}
	all, met := goldens(t, ofShipBob), map[string]bool{}
	for _, r := range rec.all() {
		name, g := exchange(t, all, []string{"/2026-01/"}, r)
		met[name] = true
		g.headers(t, r)
		for parameter := range r.query {
			if !slices.Contains(g.Request.Query, parameter) {
				t.Errorf("%s has the parameter %s; %s has %v", r.path, parameter, g.Page, g.Request.Query)
			}
		}
		if len(r.body) == 0 {
			continue
		}
		body := decoded(t, r.body).(map[string]any)
		fits(t, name, body, decoded(t, g.Request.Fields))
		for _, field := range g.Request.Required {
			if body[field] == nil {
				t.Errorf("%s is asked without %s", name, field)
			}
		}
	}
	for name := range all {
		if !met[name] && !strings.HasPrefix(name, "error") && name != "rate-limited" {
			t.Errorf("nothing asks what %s shows", name)
		}
	}
}

// TestShopifyIsAskedAsItsVendorDocuments has the adapter do all that it can. Each operation was
// valid in the transcribed schema, or the sandbox had refused it; each of its fields at the root has an
// example, whose arguments the mutations stay within.
func TestShopifyIsAskedAsItsVendorDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.recorder(t)
	c, err := shopify.New("shop", rec.url+"/shopify", shopify.Config{Token: "shpat_sandbox", Account: "C10003", Location: "gid://shopify/Location/1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	id := w.admin("POST", "/admin/shop/orders", `{"po":"R","lines":[{"sku":"SKU-1000","quantity":2}]}`)["id"].(string)
	gone := w.admin("POST", "/admin/shop/orders", `{"po":"G","lines":[{"sku":"SKU-1000","quantity":7}]}`)["id"].(string)
	for what, do := range []func() error{
		func() error { _, err := c.Placed(ctx, []string{id}); return err },
		func() error {
			_, err := c.PlacedSince(ctx, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano))
			return err
		},
		func() error { _, err := c.Finished(ctx, ""); return err },
		func() error {
			return c.Acknowledge(ctx, &orders.Order{ChannelRef: id, Number: "SO-1", Decision: orders.DecisionAccepted})
		},
		func() error {
			return c.Fulfil(ctx, id, &shipments.Shipment{Number: "SH-1", Carrier: "UPS", TrackingNumber: "1Z", TrackingURL: "https://example.com", Parts: []trade.Part{{Line: 1, SKU: "SKU-1000", Quantity: trade.MustDecimal("2")}}})
		},
		func() error { // a part is given back, then all
			part := &orders.Order{ChannelRef: gone, Number: "SO-2", Lines: []orders.Line{{Number: 1, SKU: "SKU-1000", Quantity: trade.Quantity{Value: trade.MustDecimal("5")}}}}
			if err := c.CancelRest(ctx, part); err != nil {
				return err
			}
			none := &orders.Order{ChannelRef: gone, Number: "SO-2"}
			if err := c.CancelRest(ctx, none); fault.KindOf(err) != fault.Unavailable { // the shop takes its time
				return fmt.Errorf("cancelled at once: %w", err)
			}
			return c.CancelRest(ctx, none)
		},
		func() error {
			return c.PublishStock(ctx, map[trade.SKU]trade.Decimal{"SKU-1000": trade.MustDecimal("7")})
		},
		func() error { return c.Subscribe(ctx, "https://example.org/endpoint", "") },
	} {
		if err := do(); err != nil {
			t.Fatalf("%d: %v", what, err)
		}
	}
	all, examples, met := goldens(t, ofShopify), map[string][]*call{}, map[string]bool{}
	for name, g := range all {
		if g.Request.Method != http.MethodPost || name == "webhook-orders-create" || strings.HasPrefix(name, "error") {
			continue
		}
		for _, f := range calls(t, g.Request.Body) {
			if len(g.Request.Fields) > 0 { // the page of the input lists more than the example shows
				f.args = decoded(t, g.Request.Fields).(map[string]any)
			}
			examples[f.name] = append(examples[f.name], f)
		}
	}
	for _, r := range rec.all() {
		name, g := exchange(t, all, []string{"/admin/api/"}, r)
		if name == "" {
			continue
		}
		g.headers(t, r)
		for _, f := range calls(t, r.body) {
			met[f.name] = true
			if len(examples[f.name]) == 0 {
				t.Errorf("%s has no example", f.name)
				continue
			}
			like := examples[f.name][0]
			for d := range like.directives {
				if !f.directives[d] {
					t.Errorf("%s is called without @%s", f.name, d)
				}
			}
			if f.mutation {
				named(t, f.name, f.args, like.args)
			}
		}
	}
	for name := range examples {
		if !met[name] {
			t.Errorf("nothing asks for %s", name)
		}
	}
}

// call is a field at the root of an operation.
type call struct {
	name       string
	mutation   bool
	args       map[string]any
	directives map[string]bool
}

func calls(t *testing.T, body []byte) []*call {
	t.Helper()
	var in struct {
		Query     string
		Variables map[string]any
	}
	if err := json.Unmarshal(body, &in); err != nil {
		t.Fatal(err)
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: in.Query})
	if err != nil {
		t.Fatalf("%s: %v", in.Query, err)
	}
	var out []*call
	for _, op := range doc.Operations {
		for _, sel := range op.SelectionSet {
			f, ok := sel.(*ast.Field)
			if !ok {
				continue
			}
			c := &call{f.Name, op.Operation == ast.Mutation, map[string]any{}, map[string]bool{}}
			for _, a := range f.Arguments {
				if c.args[a.Name], err = a.Value.Value(in.Variables); err != nil {
					t.Fatal(err)
				}
			}
			for _, d := range f.Directives {
				c.directives[d.Name] = true
			}
			out = append(out, c)
		}
	}
	return out
}

// named reports names of an argument that its example lacks. What the example leaves empty holds anything.
func named(t *testing.T, at string, got, like any) {
	t.Helper()
	switch l := like.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for name, v := range g {
			if inner, ok := l[name]; ok {
				named(t, at+"."+name, v, inner)
			} else if len(l) > 0 {
				t.Errorf("%s.%s is in no example", at, name)
			}
		}
	case []any:
		g, _ := got.([]any)
		for _, e := range g {
			if len(l) > 0 {
				named(t, at, e, l[0])
			}
		}
	}
}
