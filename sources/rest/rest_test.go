package rest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/sources/rest"
)

// TestWhatCannotBeReadIsNotZero: a figure that is no number fails its key, by name, and no other.
func TestWhatCannotBeReadIsNotZero(t *testing.T) {
	t.Parallel()
	product := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"site":"EAST","sku":"A","qty":"12,50","set":1},{"site":"EAST","sku":"B","qty":7,"set":1},{"site":"EAST","sku":"C","qty":7}]`)
	}))
	t.Cleanup(product.Close)
	c, err := rest.New("wms", product.URL, rest.Config{Operations: map[string]rest.Operation{
		"stock": {Path: "/stock", Query: map[string]string{"skus": "keys"}, Batch: 10, Fields: map[string]string{"node": "site", "sku": "sku", "onHand": "qty", "allocated": "=row.set"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	a, b, gone := inventory.Key{Node: "EAST", SKU: "A"}, inventory.Key{Node: "EAST", SKU: "B"}, inventory.Key{Node: "EAST", SKU: "C"}
	keys := []inventory.Key{a, b, gone}
	figures, err := c.Stock(t.Context(), keys)
	got := lookup.ByKey(keys, figures)
	if err != nil || got.Found[b].OnHand.String() != "7" {
		t.Errorf("the good figure is %+v, %v", got.Found[b], err)
	}
	for key, want := range map[inventory.Key]string{a: `field onHand holds "12,50"`, gone: "field allocated cannot be worked out"} {
		if err := got.Failed[key]; fault.KindOf(err) != fault.BadResponse || !strings.Contains(err.Error(), want) {
			t.Errorf("%v is answered %+v, %v", key, got.Found[key], err)
		}
	}
}

// TestAPathMayHaveAQueryOfItsOwn: what is asked is added to it, in order of its names, and whatever is in a key stays in it.
func TestAPathMayHaveAQueryOfItsOwn(t *testing.T) {
	t.Parallel()
	asked := ""
	product := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI()
		_, _ = io.WriteString(w, `[]`)
	}))
	t.Cleanup(product.Close)
	for path, want := range map[string]string{
		"/stock": "/stock?at=EAST&skus=A%26B%3F%2CC+D", "/stock?all=1": "/stock?all=1&at=EAST&skus=A%26B%3F%2CC+D", "/of/{keys}?of={keys}": "/of/A&B%3F%2CC%20D?of=A%26B%3F%2CC+D&at=EAST&skus=A%26B%3F%2CC+D",
	} {
		c, err := rest.New("wms", product.URL, rest.Config{Operations: map[string]rest.Operation{
			"stock": {Path: path, Query: map[string]string{"skus": "keys", "at": "nodes", "after": "after"}, Batch: 10, Fields: map[string]string{"node": "site", "sku": "sku", "onHand": "qty"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Stock(t.Context(), []inventory.Key{{Node: "EAST", SKU: "A&B?"}, {Node: "EAST", SKU: "C D"}}); err != nil || asked != want {
			t.Errorf("it is asked %s, not %s: %v", asked, want, err)
		}
	}
	if _, err := rest.New("wms", product.URL, rest.Config{Operations: map[string]rest.Operation{"stock": {Path: "/stock#1"}}}); err == nil || !strings.Contains(err.Error(), "%23") {
		t.Errorf("a path whose end is not sent is %v", err)
	}
}
