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
	"regexp"
	"slices"
	"strings"
	"testing"
)

// golden is an exchange transcribed from a page of the vendor, or what a page says of a resource: its
// properties with their types, where they lead, and the values that they can have.
type golden struct {
	Page    string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         json.RawMessage
		// Fields are all that a body can have, beyond what the example shows; Required must be there.
		Fields   json.RawMessage
		Required []string
		// Optional are headers of the example that the page does not ask for.
		Optional []string
		// Query are the parameters that the page lists.
		Query []string
	}
	Response struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
	Properties map[string]string
	Navigation []string
	Values     map[string][]string
}

const (
	ofCentral = "erp/businesscentral"
	ofShopify = "ecommerce/shopify"
	ofShipBob = "threepl/shipbob"
)

func readGolden(t *testing.T, folder, name string) golden {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("sources", folder, "testdata", "golden", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil || !strings.HasPrefix(g.Page, "https://") {
		t.Fatalf("%s: %v, page %q", name, err, g.Page)
	}
	return g
}

// goldens are all of a folder, by name.
func goldens(t *testing.T, folder string) map[string]golden {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("sources", folder, "testdata", "golden", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", folder, err)
	}
	out := map[string]golden{}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		out[name] = readGolden(t, folder, name)
	}
	return out
}

// decoded is a body as a value; a connection's edges are its nodes
// (shopify.dev/docs/api/usage/pagination-graphql).
func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	if len(raw) == 0 {
		return nil
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%.200s: %v", raw, err)
	}
	return flat(v)
}

// flat puts nodes in the place of edges.
func flat(v any) any {
	switch x := v.(type) {
	case map[string]any:
		if edges, ok := x["edges"].([]any); ok {
			var nodes []any
			for _, e := range edges {
				nodes = append(nodes, e.(map[string]any)["node"])
			}
			delete(x, "edges")
			x["nodes"] = nodes
		}
		for k, e := range x {
			x[k] = flat(e)
		}
	case []any:
		for i, e := range x {
			x[i] = flat(e)
		}
	}
	return v
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

// formOf is the form of a text: two texts of one field have the same.
func formOf(s string) string {
	for form, like := range map[string]string{
		"GUID": `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`, "date": `^\d{4}-\d\d-\d\d$`, "datetime": `^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$`,
		"decimal": `^-?\d+\.\d+$`, "global id": `^gid://shopify/\w+/\d+$`,
	} {
		if regexp.MustCompile(like).MatchString(s) {
			return form
		}
	}
	return ""
}

// within reports what a value has that its page does not: fields, kinds of value, or forms. What the
// pages leave open with a null or an empty list holds anything, and "<field>" any name.
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
			like, ok := p[field]
			if !ok {
				like, ok = p["<field>"]
			}
			if !ok {
				t.Errorf("%s.%s is on no page", at, field)
				continue
			}
			within(t, at+"."+field, g[field], like)
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
	case string:
		g, ok := got.(string)
		if got != nil && (!ok || (formOf(p) != "" && formOf(g) != formOf(p))) {
			t.Errorf("%s is %v (%T); its page has %q", at, got, got, p)
		}
	case nil:
	default:
		if got != nil && fmt.Sprintf("%T", got) != fmt.Sprintf("%T", page) {
			t.Errorf("%s is %v (%T); its page has %v (%T)", at, got, got, page, page)
		}
	}
}

// holds reports what an entity has that the page of its resource does not: properties, values of another
// type, or what it does not lead to. Below are the resources of what it leads to.
func (g golden) holds(t *testing.T, at string, row map[string]any, below map[string]golden) {
	t.Helper()
	for _, field := range slices.Sorted(maps.Keys(row)) {
		v, what := row[field], at+"."+field
		like, property := g.Properties[field]
		switch {
		case strings.HasPrefix(field, "@odata."):
		case property:
			g.value(t, what, like, g.Values[field], v)
		case !slices.Contains(g.Navigation, field):
			t.Errorf("%s is not on %s", what, g.Page)
		default:
			inner, known := below[field]
			if !known {
				t.Fatalf("%s leads to an unknown resource", what)
			}
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			for _, e := range list {
				if e != nil {
					inner.holds(t, what, e.(map[string]any), nil)
				}
			}
		}
	}
}

// value holds a value of a property against its type.
func (g golden) value(t *testing.T, at, like string, values []string, v any) {
	t.Helper()
	text, isText := v.(string)
	_, isNumber := v.(float64)
	_, isFlag := v.(bool)
	ok := false
	switch like {
	case "GUID", "date", "datetime":
		ok = isText && formOf(text) == like
	case "decimal", "integer":
		ok = isNumber
	case "boolean":
		ok = isFlag
	case "string":
		ok = isText
	default:
		ok = isText && slices.Contains(values, text)
	}
	if !ok {
		t.Errorf("%s is %v (%T); %s has %s %v", at, v, v, g.Page, like, values)
	}
}

// below are the resources that those of Business Central lead to.
func below(t *testing.T) map[string]golden {
	t.Helper()
	return map[string]golden{
		"paymentTerm":     readGolden(t, ofCentral, "payment_term_resource"),
		"salesOrderLines": readGolden(t, ofCentral, "sales_order_line_resource"), "salesInvoiceLines": readGolden(t, ofCentral, "sales_invoice_line_resource"),
		"salesCreditMemoLines": readGolden(t, ofCentral, "sales_credit_memo_line_resource"),
	}
}

// answering is a vendor that answers each request with an exchange.
func answering(t *testing.T, with func(r *http.Request) golden) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := with(r)
		for k, v := range g.Response.Headers {
			w.Header().Set(k, v)
		}
		w.WriteHeader(g.Response.Status)
		if g.Response.Status != http.StatusNoContent {
			_, _ = w.Write(g.Response.Body)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}
