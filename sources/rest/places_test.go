package rest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/sources/rest"
)

// TestItemsThatListTheirPlaces are read in one row each, and prices by item where a product knows no lines.
func TestItemsThatListTheirPlaces(t *testing.T) {
	t.Parallel()
	product := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch got := r.URL.Path + "?" + r.URL.Query().Encode(); got {
		case "/inventory?skus=A%2CB":
			_, _ = io.WriteString(w, `[{"sku":"A","bins":[{"warehouse":"EAST","available":3},{"warehouse":"WEST","available":4.50},{"warehouse":"MOON","available":9}]},null,{"sku":"B","bins":[{"warehouse":"WEST","available":"1"}]}]`)
		case "/prices?customer=C1&skus=A%2CB":
			_, _ = io.WriteString(w, `[{"sku":"A","unitPrice":"10.50","currency":"USD","priceList":"PL-1"},null]`)
		default:
			t.Errorf("it is asked %s", got)
		}
	}))
	t.Cleanup(product.Close)
	c, err := rest.New("wms", product.URL, rest.Config{Operations: map[string]rest.Operation{
		"stock":  {Path: "/inventory", Query: map[string]string{"skus": "keys"}, Batch: 10, Fields: map[string]string{"sku": "sku", "places": "bins"}},
		"place":  {Fields: map[string]string{"node": "warehouse", "onHand": "available"}},
		"prices": {Path: "/prices", Query: map[string]string{"customer": "quote.account", "skus": "keys"}, Batch: 10, Fields: map[string]string{"sku": "sku", "price": "unitPrice", "currency": "currency", "list": "priceList"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var keys []inventory.Key
	for _, sku := range []trade.SKU{"A", "B"} {
		for _, node := range []trade.NodeID{"EAST", "WEST"} {
			keys = append(keys, inventory.Key{Node: node, SKU: sku})
		}
	}
	figures, err := c.Stock(t.Context(), keys)
	got := lookup.ByKey(keys, figures)
	if err != nil || len(got.Found) != 3 || len(got.Failed) != 0 || got.Found[keys[1]].OnHand.String() != "4.50" || got.Found[keys[3]].OnHand.String() != "1" {
		t.Errorf("figures are %+v, %v", got, err)
	}
	one, two := pricing.NewKey("C1", "A", trade.Quantity{Value: trade.MustDecimal("1")}, "", ""), pricing.NewKey("C1", "B", trade.Quantity{Value: trade.MustDecimal("5")}, "", "")
	prices, err := c.Prices(t.Context(), []pricing.Key{one, two})
	if err != nil || !prices[0].OK || prices[0].Value.UnitPrice.String() != "10.50 USD" || prices[0].Value.List != "PL-1" || prices[1] != (lookup.Result[*pricing.Price]{}) {
		t.Errorf("prices are %+v, %v", prices, err)
	}
}
