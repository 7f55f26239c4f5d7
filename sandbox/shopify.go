package sandbox

import (
	"cmp"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"crossdock/domains/trade"
)

//go:embed shopify.graphqls
var shopifySDL string

// shopOrder is an order placed in the storefront.
type shopOrder struct {
	Number           int64
	Lines            []shopLine
	Tags             []string
	Tracking         []shopTracking
	ShipTo           trade.Address
	PO               string
	Created, Updated time.Time
	Cancelled        *time.Time
	// Cancelling is for how many reads its cancellation is still under way.
	Cancelling int          `json:",omitempty"`
	Company    *shopCompany `json:",omitempty"`
	// Refunded is what was given back, by refunds of these keys.
	Refunded   trade.Decimal
	RefundKeys []string `json:",omitempty"`
}

// shopCompany is whom the shop sold to, where that is no consumer.
type shopCompany struct{ ID, Name, ExternalID string }

type shopLine struct {
	SKU                 string
	Quantity, Remaining int
	Price               trade.Decimal
	// Removed is what of Quantity was taken off again.
	Removed int
}

// line is what the shop calls the nth line.
func (o *shopOrder) line(n int) string {
	return fmt.Sprintf("gid://shopify/LineItem/%d%d", o.Number, n)
}

type shopTracking struct{ Company, Number, URL string }

func (o *shopOrder) gid() string { return fmt.Sprintf("gid://shopify/Order/%d", o.Number) }

// shopify serves the storefront.
func (s *Server) shopify(secrets Secrets) {
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "shopify.graphqls", Input: shopifySDL})
	budget := newBucket()
	s.mux.HandleFunc("POST /admin/shop/budget", func(w http.ResponseWriter, r *http.Request) {
		points, err := strconv.ParseFloat(r.URL.Query().Get("points"), 64)
		if err != nil {
			http.Error(w, `{"error":"points is a number"}`, http.StatusBadRequest)
			return
		}
		budget.mu.Lock()
		defer budget.mu.Unlock()
		budget.Max, budget.available = points, points
		w.WriteHeader(http.StatusNoContent)
	})
	s.mux.HandleFunc("POST /shopify/admin/api/2026-04/graphql.json", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Shopify-Access-Token") != secrets.ShopifyToken {
			reply(w, http.StatusUnauthorized, object{"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"})
			return
		}
		var in struct {
			Query     string
			Variables map[string]any
		}
		if !read(w, r, &in) {
			reply(w, http.StatusBadRequest, object{"errors": "Invalid JSON"})
			return
		}
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		reply(w, http.StatusOK, s.runShop(schema, budget, in.Query, in.Variables))
	})
	// An order placed by a customer in the storefront.
	s.mux.HandleFunc("POST /admin/shop/orders", s.buy)
	s.mux.HandleFunc("POST /admin/shop/cancel", s.callOff)
	s.mux.HandleFunc("POST /admin/shop/edit", s.editInShop)
	// The storefront's own SKU of an item.
	s.mux.HandleFunc("POST /admin/shop/rename", func(w http.ResponseWriter, r *http.Request) {
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		i := s.world.items[r.URL.Query().Get("item")]
		if i == nil {
			http.Error(w, `{"error":"no such item"}`, http.StatusNotFound)
			return
		}
		i.ShopSKU = r.URL.Query().Get("sku")
		s.world.keep(record("item", i.Number, i))
		w.WriteHeader(http.StatusNoContent)
	})
	s.mux.HandleFunc("POST /admin/shop/touch", func(w http.ResponseWriter, r *http.Request) {
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		if o := s.world.shop[r.URL.Query().Get("id")]; o != nil {
			s.touch(o)
			s.Engine.tellShop("orders/updated", o)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	s.mux.HandleFunc("GET /admin/shop/orders", func(w http.ResponseWriter, _ *http.Request) {
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		out := []object{}
		for _, k := range sorted(s.world.shop) {
			o := s.world.shop[k]
			out = append(out, object{"id": o.gid(), "tags": o.Tags, "tracking": o.Tracking, "lines": o.Lines, "cancelled": o.Cancelled != nil, "refunded": o.Refunded})
		}
		reply(w, http.StatusOK, object{"orders": out, "stock": s.world.shopStock})
	})
}

func (s *Server) buy(w http.ResponseWriter, r *http.Request) {
	var in struct {
		PO string
		// DaysAgo is when it was placed; one that is Fulfilled has left since.
		DaysAgo   int
		Fulfilled bool
		Company   *shopCompany
		Lines     []struct {
			SKU      string
			Quantity int
			Price    json.Number
		}
	}
	if !read(w, r, &in) || len(in.Lines) == 0 {
		http.Error(w, `{"error":"lines are required"}`, http.StatusBadRequest)
		return
	}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	now := s.world.now().AddDate(0, 0, -in.DaysAgo)
	o := &shopOrder{Number: 820982911946154508 + s.world.next(), PO: in.PO, Company: in.Company, Created: now, Updated: now, ShipTo: trade.Address{Name: "Wanda Web", Line1: "1 Shop St", City: "Columbus", Region: "OH", PostalCode: "43085", Country: "US"}}
	for _, l := range in.Lines {
		p, err := trade.ParseDecimal(string(l.Price))
		if err != nil {
			if item := s.world.soldAs(l.SKU); item != nil {
				p = item.Price
			}
		}
		line := shopLine{SKU: l.SKU, Quantity: l.Quantity, Remaining: l.Quantity, Price: p}
		if in.Fulfilled {
			line.Remaining = 0
		}
		o.Lines = append(o.Lines, line)
	}
	s.world.shop[o.gid()] = o
	s.world.keep(record("shop", o.gid(), o))
	s.Engine.tellShop("orders/create", o)
	reply(w, http.StatusCreated, object{"id": o.gid()})
}

// editInShop sets the quantity of an item in an order, which it adds where the order has none, or the city that it goes to.
func (s *Server) editInShop(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	o := s.world.shop[q.Get("id")]
	quantity, err := strconv.Atoi(cmp.Or(q.Get("quantity"), "0"))
	if o == nil || err != nil {
		http.Error(w, `{"error":"id, sku and quantity, or id and city, are required, of an order that there is"}`, http.StatusBadRequest)
		return
	}
	o.ShipTo.City = cmp.Or(q.Get("city"), o.ShipTo.City)
	if sku := q.Get("sku"); sku != "" {
		i := slices.IndexFunc(o.Lines, func(l shopLine) bool { return l.SKU == sku })
		if i < 0 {
			i = len(o.Lines)
			o.Lines = append(o.Lines, shopLine{SKU: sku})
			if item := s.world.soldAs(sku); item != nil {
				o.Lines[i].Price = item.Price
			}
		}
		l := &o.Lines[i]
		l.Remaining = max(0, l.Remaining+quantity-l.Quantity)
		l.Quantity = quantity
	}
	s.changed(o)
	w.WriteHeader(http.StatusNoContent)
}

// callOff cancels an order in the storefront.
func (s *Server) callOff(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	o := s.world.shop[r.URL.Query().Get("id")]
	if o == nil {
		http.Error(w, `{"error":"no such order"}`, http.StatusNotFound)
		return
	}
	s.calledOff(o)
	w.WriteHeader(http.StatusNoContent)
}

// tellShop sends a webhook in the REST shape, with an id that floats cannot hold.
func (e *Engine) tellShop(topic string, o *shopOrder) {
	lines := []object{}
	for _, l := range o.Lines {
		lines = append(lines, object{"sku": l.SKU, "quantity": l.Quantity, "price": l.Price.String()})
	}
	body, err := json.Marshal(object{"id": o.Number, "admin_graphql_api_id": o.gid(), "name": fmt.Sprintf("#%d", o.Number%10_000), "line_items": lines, "updated_at": o.Updated.Format(time.RFC3339)})
	if err != nil {
		panic(err)
	}
	for _, key := range sorted(e.world.hooks) {
		h := e.world.hooks[key]
		if h.System == "shopify" && slices.Contains(h.Topics, topic) {
			e.tell(h, topic, body)
		}
	}
}

// runShop answers an operation, with what it cost.
func (s *Server) runShop(schema *ast.Schema, budget *bucket, query string, vars map[string]any) object {
	doc, errs := gqlparser.LoadQueryWithRules(schema, query, rules.NewDefaultRules())
	if errs != nil {
		return object{"errors": errs}
	}
	op := doc.Operations[0]
	values, err := validator.VariableValues(schema, op, vars)
	if err != nil {
		return object{"errors": gqlerror.List{gqlerror.Wrap(err)}}
	}
	requested := costOf(op.SelectionSet, values)
	if err := budget.enter(requested); err != nil {
		out := object{"errors": gqlerror.List{err}}
		if requested <= maxQueryCost {
			out["extensions"] = budget.pay(requested, nil)
		}
		return out
	}
	data, failed := s.shopData(op, values)
	actual := objectsIn(data) - 1
	if op.Operation == ast.Mutation {
		actual = requested
	}
	out := object{"extensions": budget.pay(requested, max(actual, 0))}
	if failed != nil {
		out["errors"] = gqlerror.List{failed}
	} else {
		out["data"] = data
	}
	return out
}

func (s *Server) shopData(op *ast.OperationDefinition, values object) (object, *gqlerror.Error) {
	data := object{}
	for _, sel := range op.SelectionSet {
		f, ok := sel.(*ast.Field)
		if !ok {
			continue
		}
		args := f.ArgumentMap(values)
		if d := f.Directives.ForName("idempotent"); d != nil {
			args["@idempotent"] = d.ArgumentMap(values)["key"]
		}
		v, err := s.shopField(f, args)
		if err != nil {
			return nil, err
		}
		data[f.Alias] = shape(cut(v, f, values), f.SelectionSet, values)
	}
	return data, nil
}

// shopField resolves a field at the root.
func (s *Server) shopField(f *ast.Field, args map[string]any) (any, *gqlerror.Error) {
	text := func(key string) string { v, _ := args[key].(string); return v }
	switch f.Name {
	case "node":
		return s.shopNode(text("id")), nil
	case "nodes":
		var out []any
		ids, _ := args["ids"].([]any)
		for _, id := range ids {
			out = append(out, s.shopNode(fmt.Sprint(id)))
		}
		return out, nil
	case "orders":
		return s.shopOrders(args), nil
	case "ordersCount":
		return object{"count": len(s.world.shop), "precision": "EXACT"}, nil
	case "productVariants":
		out := []any{}
		for term := range strings.SplitSeq(text("query"), " OR ") {
			if i := s.world.soldAs(strings.Trim(strings.TrimPrefix(term, "sku:"), `"`)); i != nil {
				out = append(out, object{"__typename": "ProductVariant", "id": fmt.Sprintf("gid://shopify/ProductVariant/%d", i.InventoryID), "sku": i.shopSKU(), "inventoryItem": object{"id": stockID(i), "sku": i.shopSKU()}})
			}
		}
		return object{"nodes": out}, nil
	case "tagsAdd":
		o := s.world.shop[text("id")]
		if o == nil {
			return object{"userErrors": []any{object{"field": []any{"id"}, "message": "Order does not exist"}}}, nil
		}
		tags, _ := args["tags"].([]any)
		for _, t := range tags {
			if !slices.Contains(o.Tags, fmt.Sprint(t)) {
				o.Tags = append(o.Tags, fmt.Sprint(t))
			}
		}
		slices.Sort(o.Tags)
		s.touch(o)
		return object{"node": s.shopNode(o.gid()), "userErrors": []any{}}, nil
	case "orderCancel":
		return s.cancelOrder(args), nil
	case "refundCreate":
		return s.refundOrder(args)
	case "fulfillmentCreate":
		return s.fulfilShop(args["fulfillment"].(map[string]any)), nil //nolint:forcetypeassert // validated above
	case "inventorySetQuantities":
		return s.setStock(args)
	case "webhookSubscriptionCreate":
		hook, _ := args["webhookSubscription"].(map[string]any)
		topic := strings.ToLower(strings.Replace(text("topic"), "_", "/", 1))
		url := fmt.Sprint(hook["uri"])
		var topics []string
		for _, h := range s.world.hooks {
			if h.System == "shopify" && h.URL == url {
				topics = h.Topics
			}
		}
		if !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
		h := s.world.hook("shopify", url, shopSecret, topics)
		return object{"webhookSubscription": object{"id": fmt.Sprintf("gid://shopify/WebhookSubscription/%d", crc32.ChecksumIEEE([]byte(h.ID+topic))), "topic": text("topic"), "uri": url}, "userErrors": []any{}}, nil
	}
	return nil, gqlerror.Errorf("Field '%s' doesn't exist", f.Name)
}

// shopOrders is one page of a list, by the time of the last change
// (shopify.dev/docs/api/usage/pagination-graphql).
func (s *Server) shopOrders(args map[string]any) any {
	text := func(key string) string { v, _ := args[key].(string); return v }
	place := func(o *shopOrder) string {
		return o.Updated.UTC().Format("2006-01-02T15:04:05.000000000Z") + "|" + o.gid()
	}
	_, since, _ := strings.Cut(text("query"), "updated_at:>='")
	from, _ := time.Parse(time.RFC3339, strings.TrimSuffix(since, "'"))
	after, _ := base64.StdEncoding.DecodeString(text("after"))
	var list []*shopOrder
	for _, o := range s.world.shop {
		if !o.Updated.Before(from) && place(o) > string(after) {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b *shopOrder) int { return strings.Compare(place(a), place(b)) })
	first := 0
	_, _ = fmt.Sscan(fmt.Sprint(args["first"]), &first)
	info := object{"hasNextPage": len(list) > first, "hasPreviousPage": len(after) > 0}
	nodes := []any{}
	for _, o := range list[:min(first, len(list))] {
		nodes = append(nodes, s.shopNode(o.gid()))
		info["endCursor"] = base64.StdEncoding.EncodeToString([]byte(place(o)))
	}
	return object{"nodes": nodes, "pageInfo": info}
}

// shopSecret is the app's secret, which signs webhooks.
const shopSecret = "shopify-sandbox-secret"

func (s *Server) touch(o *shopOrder) {
	o.Updated = s.world.now()
	s.world.keep(record("shop", o.gid(), o))
}

func (s *Server) shopNode(id string) any {
	o := s.world.shop[id]
	if o == nil {
		return nil
	}
	if o.Cancelling > 0 {
		if o.Cancelling--; o.Cancelling == 0 {
			s.cancelled(o)
		}
	}
	lines, work, shipped := []any{}, []any{}, []any{}
	open := false
	for i, l := range o.Lines {
		price := object{"shopMoney": object{"amount": l.Price.String(), "currencyCode": "USD"}}
		lines = append(lines, object{"id": o.line(i), "sku": l.SKU, "quantity": l.Quantity, "currentQuantity": l.Quantity - l.Removed, "unfulfilledQuantity": l.Remaining, "discountedUnitPriceSet": price})
		work = append(work, object{"id": fmt.Sprintf("gid://shopify/FulfillmentOrderLineItem/%d%d", o.Number, i), "sku": l.SKU, "totalQuantity": l.Quantity, "remainingQuantity": l.Remaining})
		open = open || l.Remaining > 0
	}
	for i, t := range o.Tracking {
		shipped = append(shipped, object{"id": fmt.Sprintf("gid://shopify/Fulfillment/%d%d", o.Number, i), "status": "SUCCESS", "trackingInfo": []any{object{"company": t.Company, "number": t.Number, "url": t.URL}}})
	}
	tags := []any{}
	for _, t := range o.Tags {
		tags = append(tags, t)
	}
	var cancelled any
	if o.Cancelled != nil {
		cancelled = stampOf(*o.Cancelled)
	}
	var buyer any = object{"__typename": "Customer", "id": fmt.Sprintf("gid://shopify/Customer/%d", o.Number), "displayName": o.ShipTo.Name}
	if c := o.Company; c != nil {
		var external any
		if c.ExternalID != "" {
			external = c.ExternalID
		}
		buyer = object{"__typename": "PurchasingCompany", "company": object{"id": "gid://shopify/Company/" + c.ID, "name": c.Name, "externalId": external}}
	}
	return object{
		"__typename": "Order", "purchasingEntity": buyer, "id": o.gid(), "name": fmt.Sprintf("#%d", o.Number%10_000), "createdAt": stampOf(o.Created), "updatedAt": stampOf(o.Updated), "poNumber": o.PO, "currencyCode": "USD", "tags": tags,
		"displayFulfillmentStatus": o.display(), "cancelledAt": cancelled,
		"suggestedRefund": func(args map[string]any) any { return o.suggest(args["refundLineItems"]) },
		"shippingAddress": object{"name": o.ShipTo.Name, "address1": o.ShipTo.Line1, "city": o.ShipTo.City, "provinceCode": o.ShipTo.Region, "zip": o.ShipTo.PostalCode, "countryCodeV2": o.ShipTo.Country},
		"lineItems":       object{"nodes": lines}, "fulfillments": shipped,
		"fulfillmentOrders": object{"nodes": []any{object{"id": fmt.Sprintf("gid://shopify/FulfillmentOrder/%d", o.Number), "status": map[bool]string{true: "OPEN", false: "CLOSED"}[open], "lineItems": object{"nodes": work}}}},
	}
}

// display is how far the order's goods are.
func (o *shopOrder) display() string {
	left, all := 0, 0
	for _, l := range o.Lines {
		left, all = left+l.Remaining, all+l.Quantity-l.Removed
	}
	switch left {
	case 0:
		return "FULFILLED"
	case all:
		return "UNFULFILLED"
	default:
		return "PARTIALLY_FULFILLED"
	}
}

func (s *Server) fulfilShop(in map[string]any) any {
	refuse := func(message string) any {
		return object{"fulfillment": nil, "userErrors": []any{object{"field": []any{"fulfillment"}, "message": message}}}
	}
	groups, _ := in["lineItemsByFulfillmentOrder"].([]any)
	for _, g := range groups {
		group, _ := g.(map[string]any)
		var o *shopOrder
		for _, v := range s.world.shop {
			if fmt.Sprintf("gid://shopify/FulfillmentOrder/%d", v.Number) == group["fulfillmentOrderId"] {
				o = v
			}
		}
		if o == nil {
			return refuse("Fulfillment order does not exist.")
		}
		lines, _ := group["fulfillmentOrderLineItems"].([]any)
		for _, raw := range lines {
			l, _ := raw.(map[string]any)
			n := 0
			_, _ = fmt.Sscan(fmt.Sprint(l["quantity"]), &n)
			for i := range o.Lines {
				if fmt.Sprintf("gid://shopify/FulfillmentOrderLineItem/%d%d", o.Number, i) != l["id"] {
					continue
				}
				if n > o.Lines[i].Remaining {
					return refuse("Invalid fulfillment order line item quantity requested.")
				}
				o.Lines[i].Remaining -= n
			}
		}
		t, _ := in["trackingInfo"].(map[string]any)
		text := func(k string) string { v, _ := t[k].(string); return v }
		o.Tracking = append(o.Tracking, shopTracking{text("company"), text("number"), text("url")})
		s.touch(o)
	}
	return object{"fulfillment": object{"id": fmt.Sprintf("gid://shopify/Fulfillment/%d", s.world.next()), "status": "SUCCESS"}, "userErrors": []any{}}
}

// shopSKU is what the storefront calls the item.
func (i *item) shopSKU() string { return cmp.Or(i.ShopSKU, i.Number) }

// soldAs is the item that the storefront calls so.
func (w *World) soldAs(sku string) *item {
	if i := w.items[sku]; i != nil && i.ShopSKU == "" {
		return i
	}
	for _, i := range w.items {
		if i.ShopSKU == sku {
			return i
		}
	}
	return nil
}

// stockID is the id of an item's stock.
func stockID(i *item) string { return fmt.Sprintf("gid://shopify/InventoryItem/%d", i.InventoryID) }

// notIdempotent refuses a mutation without the directive that it needs.
func notIdempotent() *gqlerror.Error {
	return &gqlerror.Error{Message: "The @idempotent directive is required for this mutation but was not provided.", Extensions: map[string]any{"code": "BAD_REQUEST"}}
}

// setStock is shopify.dev/docs/api/admin-graphql/2026-04/mutations/inventorySetQuantities.
func (s *Server) setStock(args map[string]any) (any, *gqlerror.Error) {
	if args["@idempotent"] == nil {
		return nil, notIdempotent()
	}
	in, _ := args["input"].(map[string]any)
	quantities, _ := in["quantities"].([]any)
	sold := map[any]string{}
	for _, i := range s.world.items {
		sold[stockID(i)] = i.shopSKU()
	}
	for _, raw := range quantities {
		q, _ := raw.(map[string]any)
		if _, ok := q["changeFromQuantity"]; !ok {
			return nil, &gqlerror.Error{Message: "InventoryQuantityInput must include the following argument: changeFromQuantity.", Extensions: map[string]any{"code": "INVALID_FIELD_ARGUMENTS"}}
		}
		sku, ok := sold[q["inventoryItemId"]]
		if !ok {
			refused := object{"field": []any{"input", "quantities"}, "message": "The specified inventory item could not be found.", "code": "INVALID_INVENTORY_ITEM"}
			return object{"userErrors": []any{refused}}, nil
		}
		s.world.shopStock[sku] = fmt.Sprint(q["quantity"])
	}
	return object{"userErrors": []any{}}, nil
}

// cut is the page of a connection that a field asks for; lists that come in pages are cut already.
func cut(v any, f *ast.Field, vars object) any {
	if calculated, ok := v.(func(map[string]any) any); ok {
		return calculated(f.ArgumentMap(vars))
	}
	c, ok := v.(object)
	nodes, isList := c["nodes"].([]any)
	args := f.ArgumentMap(vars)
	if !ok || !isList || c["pageInfo"] != nil || args["first"] == nil {
		return v
	}
	var first, from int
	_, _ = fmt.Sscan(fmt.Sprint(args["first"]), &first)
	if after, ok := args["after"].(string); ok {
		_, _ = fmt.Sscan(after, &from)
	}
	to := min(from+first, len(nodes))
	return object{"nodes": nodes[min(from, to):to], "pageInfo": object{"hasNextPage": to < len(nodes), "hasPreviousPage": from > 0, "endCursor": strconv.Itoa(to)}}
}

// shape keeps of a value what the selection asks for.
func shape(v any, set ast.SelectionSet, vars object) any {
	switch x := v.(type) {
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = shape(e, set, vars)
		}
		return out
	case object:
		if x == nil {
			return nil
		}
		out := object{}
		for _, sel := range set {
			switch f := sel.(type) {
			case *ast.Field:
				out[f.Alias] = shape(cut(x[f.Name], f, vars), f.SelectionSet, vars)
			case *ast.InlineFragment:
				if f.TypeCondition == "" || f.TypeCondition == x["__typename"] {
					if inner, ok := shape(x, f.SelectionSet, vars).(object); ok {
						maps.Copy(out, inner)
					}
				}
			}
		}
		return out
	default:
		return v
	}
}
