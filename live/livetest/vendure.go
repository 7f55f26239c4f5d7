package livetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"
)

// Vendure is a shop.
type Vendure struct {
	*Proxy
	// Key is the gateway's API key, Location the stock location that it fills.
	Key, Location string
}

// NewVendure is the shop that package live has started.
func NewVendure(t *testing.T) *Vendure {
	t.Helper()
	return &Vendure{Proxy: NewProxy(t, "LIVE_SHOP", vendureWrites), Key: os.Getenv("LIVE_SHOP_KEY"), Location: os.Getenv("LIVE_SHOP_LOCATION")}
}

func vendureWrites(body []byte) bool {
	var call struct{ Query string }
	_ = json.Unmarshal(body, &call)
	return bytes.Contains([]byte(call.Query), []byte("mutation"))
}

// ask sends a document with a header and returns the reply's header.
func (v *Vendure) ask(path, header, value, query string, vars map[string]any, out any) http.Header {
	v.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
	if err != nil {
		v.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.Direct+path, bytes.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if value != "" {
		req.Header.Set(header, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var reply struct{ Data, Errors json.RawMessage }
	if err := json.NewDecoder(res.Body).Decode(&reply); err != nil || len(reply.Errors) > 0 || bytes.Contains(reply.Data, []byte(`"errorCode"`)) {
		v.t.Fatalf("%s %v: %s %s %v", query, vars, reply.Errors, reply.Data, err)
	}
	if out != nil {
		if err := json.Unmarshal(reply.Data, out); err != nil {
			v.t.Fatal(err)
		}
	}
	return res.Header
}

// Admin asks the shop beside the adapter, as the people who run it do.
func (v *Vendure) Admin(query string, vars map[string]any, out any) {
	v.t.Helper()
	v.ask("/admin-api", "vendure-api-key", v.Key, query, vars, out)
}

// Stock says how many of an item lie in the shop, whatever is sold.
func (v *Vendure) Stock(sku string, n int) {
	v.t.Helper()
	v.Admin(`mutation($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i) { id } }`,
		map[string]any{"i": []any{map[string]any{"id": v.Variant(sku), "stockLevels": []any{map[string]any{"stockLocationId": v.Location, "stockOnHand": n}}}}}, nil)
}

// Variant is the shop's id of an item.
func (v *Vendure) Variant(sku string) string {
	v.t.Helper()
	var data struct {
		ProductVariants struct{ Items []struct{ ID string } }
	}
	v.Admin(`query($s: [String!]!) { productVariants(options: {filter: {sku: {in: $s}}}) { items { id } } }`, map[string]any{"s": []string{sku}}, &data)
	if len(data.ProductVariants.Items) != 1 {
		v.t.Fatalf("the shop has no item %s", sku)
	}
	return data.ProductVariants.Items[0].ID
}

// Line is so many of an item.
type Line struct {
	SKU      string
	Quantity int
}

// Buy has a customer put lines into a cart, and pay. It returns the order's id and code. Each is a guest of
// its own, so that many can buy at a time.
func (v *Vendure) Buy(lines ...Line) (id, code string) {
	v.t.Helper()
	token := ""
	shop := func(query string, vars map[string]any, out any) {
		v.t.Helper()
		if t := v.ask("/shop-api", "Authorization", token, query, vars, out).Get("vendure-auth-token"); t != "" {
			token = "Bearer " + t
		}
	}
	for _, l := range lines {
		shop(`mutation($v: ID!, $q: Int!) { addItemToOrder(productVariantId: $v, quantity: $q) { __typename ... on ErrorResult { errorCode message } } }`, map[string]any{"v": v.Variant(l.SKU), "q": l.Quantity}, nil)
	}
	guest := map[string]any{"emailAddress": fmt.Sprintf("guest-%d@meridian.example", time.Now().UnixNano()), "firstName": "Dana", "lastName": "Reyes"}
	shop(`mutation($g: CreateCustomerInput!) { setCustomerForOrder(input: $g) { __typename ... on ErrorResult { errorCode message } } }`, map[string]any{"g": guest}, nil)
	shop(`mutation { setOrderShippingAddress(input: {fullName: "Dana Reyes", streetLine1: "212 Elm St", city: "Columbus", province: "OH", postalCode: "43085", countryCode: "US"}) { __typename ... on ErrorResult { errorCode } } }`, nil, nil)
	var methods struct {
		EligibleShippingMethods []struct{ ID string }
	}
	shop(`{ eligibleShippingMethods { id } }`, nil, &methods)
	shop(`mutation($m: [ID!]!) { setOrderShippingMethod(shippingMethodId: $m) { __typename ... on ErrorResult { errorCode } } }`, map[string]any{"m": []string{methods.EligibleShippingMethods[0].ID}}, nil)
	shop(`mutation { transitionOrderToState(state: "ArrangingPayment") { __typename ... on OrderStateTransitionError { errorCode message } } }`, nil, nil)
	var paid struct {
		AddPaymentToOrder struct{ ID, Code, State string }
	}
	shop(`mutation { addPaymentToOrder(input: {method: "card", metadata: {}}) { ... on Order { id code state } ... on ErrorResult { errorCode message } } }`, nil, &paid)
	if paid.AddPaymentToOrder.State != "PaymentSettled" {
		v.t.Fatalf("the order is %+v", paid)
	}
	return paid.AddPaymentToOrder.ID, paid.AddPaymentToOrder.Code
}

// Order is what the shop's own books have of an order.
type Order struct {
	ID, Code, State string
	TotalWithTax    int64
	CustomFields    struct{ ExternalRef string }
	Lines           []struct {
		ID                            string
		Quantity, OrderPlacedQuantity int
		ProductVariant                struct{ SKU string }
	}
	Fulfillments []struct{ ID, State, TrackingCode, Method string }
	Payments     []struct {
		ID, State string
		Amount    int64
		Refunds   []struct {
			ID, State, Reason string
			Total             int64
		}
	}
	History struct {
		Items []struct{ Data map[string]any }
	}
}

// Order asks the shop's own books.
func (v *Vendure) Order(id string) Order {
	v.t.Helper()
	var data struct{ Order *Order }
	v.Admin(`query($id: ID!) { order(id: $id) { id code state totalWithTax customFields { externalRef } lines { id quantity orderPlacedQuantity productVariant { sku } } fulfillments { id state trackingCode method }
		payments { id state amount refunds { id state reason total } } history(options: {filter: {type: {eq: "ORDER_NOTE"}}}) { items { data } } } }`, map[string]any{"id": id}, &data)
	if data.Order == nil {
		v.t.Fatalf("the shop has no order %s", id)
	}
	return *data.Order
}

// Refund gives money back of an order's payment, as people in the shop do.
func (v *Vendure) Refund(id string, amount int64, reason string) {
	v.t.Helper()
	var data struct{ RefundOrder struct{ ID string } }
	v.Admin(`mutation($i: RefundOrderInput!) { refundOrder(input: $i) { ... on Refund { id } ... on ErrorResult { errorCode message } } }`,
		map[string]any{"i": map[string]any{"paymentId": v.Order(id).Payments[0].ID, "amount": amount, "lines": []any{}, "shipping": 0, "adjustment": 0, "reason": reason}}, &data)
	v.Admin(`mutation($id: ID!) { settleRefund(input: {id: $id, transactionId: "by hand"}) { ... on Refund { id } ... on ErrorResult { errorCode message } } }`, map[string]any{"id": data.RefundOrder.ID}, nil)
}

// Send fulfils an order whole, as people in the shop do.
func (v *Vendure) Send(id string) {
	v.t.Helper()
	var lines []any
	for _, l := range v.Order(id).Lines {
		lines = append(lines, map[string]any{"orderLineId": l.ID, "quantity": l.Quantity})
	}
	var data struct{ AddFulfillmentToOrder struct{ ID string } }
	v.Admin(`mutation($l: [OrderLineInput!]!) { addFulfillmentToOrder(input: {lines: $l, handler: {code: "manual-fulfillment", arguments: [{name: "method", value: "Van"}, {name: "trackingCode", value: "by hand"}]}}) { ... on Fulfillment { id } ... on ErrorResult { errorCode message } } }`, map[string]any{"l": lines}, &data)
	v.Admin(`mutation($id: ID!) { transitionFulfillmentToState(id: $id, state: "Shipped") { ... on Fulfillment { id } ... on ErrorResult { errorCode message } } }`, map[string]any{"id": data.AddFulfillmentToOrder.ID}, nil)
}

// Levels are how many of an item lie in the shop, and how many of those are sold.
func (v *Vendure) Levels(sku string) (onHand, allocated int) {
	v.t.Helper()
	var data struct {
		ProductVariants struct {
			Items []struct {
				StockLevels []struct{ StockOnHand, StockAllocated int }
			}
		}
	}
	v.Admin(`query($s: [String!]!) { productVariants(options: {filter: {sku: {in: $s}}}) { items { stockLevels { stockOnHand stockAllocated } } } }`, map[string]any{"s": []string{sku}}, &data)
	l := data.ProductVariants.Items[0].StockLevels[0]
	return l.StockOnHand, l.StockAllocated
}
