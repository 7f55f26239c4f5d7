package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crossdock/domains/orders"
	"crossdock/domains/returns"
	"crossdock/domains/trade"
	"crossdock/internal/auth"
)

// TestABuyerSeesOnlyTheAccountsRows tries every path to another account's data.
func TestABuyerSeesOnlyTheAccountsRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	g := newGraph(t, w)
	o := w.delivered("sec", line("SKU-1000", "2"))
	back := w.sentBack(o, "1")
	open, err := w.returns.Request(t.Context(), buyer("C10001"), "open", o.ID, []returns.Wish{{Line: 1, Quantity: trade.Quantity{Value: trade.MustDecimal("1")}, Reason: returns.NotNeeded}}, "")
	if err != nil {
		t.Fatal(err)
	}
	mine := g.query("C10001", `query($n: String!) { order(number: $n) { id account { id } shipments { id } invoices { id } fulfillmentOrders { id } returns { id number } creditMemos { id } } }`, map[string]any{"n": o.Number})
	if len(mine.Errors) > 0 || mine.Data["order"] == nil {
		t.Fatalf("the owner does not see the order: %+v", mine)
	}
	order := mine.Data["order"].(map[string]any)
	ids := []string{order["id"].(string), order["account"].(map[string]any)["id"].(string)}
	for _, field := range []string{"shipments", "invoices", "fulfillmentOrders", "returns", "creditMemos"} {
		ids = append(ids, order[field].([]any)[0].(map[string]any)["id"].(string))
	}
	returnID := map[string]string{}
	for _, r := range order["returns"].([]any) {
		returnID[r.(map[string]any)["number"].(string)] = r.(map[string]any)["id"].(string)
	}
	for _, id := range ids {
		got := g.query("C10002", `query($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { id } }`, map[string]any{"id": id})
		if got.Data["node"] != nil || got.Data["nodes"].([]any)[0] != nil {
			t.Errorf("a stranger sees %s by node: %v", id, got.Data)
		}
		if own := g.query("C10001", `query($id: ID!) { node(id: $id) { id } }`, map[string]any{"id": id}); own.Data["node"] == nil {
			t.Errorf("the owner does not see %s by node: %v", id, own)
		}
	}
	for _, r := range []map[string]any{
		{"__typename": "Order", "id": ids[0]}, {"__typename": "Order", "number": o.Number}, {"__typename": "Account", "id": ids[1]}, {"__typename": "Shipment", "id": ids[2]}, {"__typename": "Return", "id": returnID[back.Number]},
	} {
		const query = `query($r: [_Any!]!) { _entities(representations: $r) { __typename } }`
		if got := g.query("C10002", query, map[string]any{"r": []any{r}}); got.Data["_entities"].([]any)[0] != nil {
			t.Errorf("a stranger sees %v by _entities", r)
		}
		if got := g.query("C10001", query, map[string]any{"r": []any{r}}); len(got.Errors) > 0 || got.Data["_entities"].([]any)[0] == nil {
			t.Errorf("the owner does not see %v by _entities: %+v", r, got)
		}
	}
	item := g.query("C10001", `{ item(sku: "SKU-1000") { id } }`, nil).Data["item"].(map[string]any)["id"]
	// Root fields read the same variable at once.
	if got := g.query("C10001", `query($r: [_Any!]!) { a: _entities(representations: $r) { __typename } b: _entities(representations: $r) { __typename } c: _entities(representations: $r) { __typename } }`,
		map[string]any{"r": []any{map[string]any{"__typename": "Order", "number": o.Number}}}); len(got.Errors) > 0 || got.Data["c"].([]any)[0] == nil {
		t.Errorf("aliases of one representation are answered %+v", got)
	}
	mixed := []any{map[string]any{"__typename": "Order", "number": o.Number}, map[string]any{"__typename": "Order", "id": ids[0]}, map[string]any{"__typename": "Order", "number": "SO-1"}, map[string]any{"__typename": "Item", "id": item}}
	got := g.query("C10001", `query($r: [_Any!]!) { _entities(representations: $r) { ... on Order { number } ... on Item { sku } } }`, map[string]any{"r": mixed})
	list, _ := got.Data["_entities"].([]any)
	if len(got.Errors) > 0 || len(list) != 4 || list[2] != nil || list[3] == nil {
		t.Fatalf("mixed keys are answered %+v", got)
	}
	for i, want := range map[int]any{0: o.Number, 1: o.Number} {
		if list[i].(map[string]any)["number"] != want {
			t.Errorf("representation %d of mixed keys is %v", i, list[i])
		}
	}
	for name, c := range map[string]struct {
		query string
		vars  map[string]any
	}{
		"order":     {`query($v: String!) { x: order(number: $v) { id } }`, map[string]any{"v": o.Number}},
		"account":   {`query($v: ID!) { x: account(id: $v) { name } }`, map[string]any{"v": "C10001"}},
		"shipment":  {`query($v: ID!) { x: shipment(id: $v) { id } }`, map[string]any{"v": ids[2]}},
		"return":    {`query($v: ID!) { x: return(id: $v) { id } }`, map[string]any{"v": returnID[back.Number]}},
		"price":     {`query($v: ID!) { x: priceQuote(accountId: $v, lines: [{sku: "SKU-1000", quantity: {value: "1"}}]) { price { unitPrice { amount } } } }`, map[string]any{"v": "C10001"}},
		"exception": {`query { x: exceptions { nodes { id } } }`, nil},
	} {
		if got := g.query("C10002", c.query, c.vars); got.Data["x"] != nil {
			t.Errorf("a stranger sees %s: %v", name, got.Data)
		}
	}
	lists := g.query("C10002", `query($a: [ID!]) { orders(filter: {accountIds: $a}) { totalCount } shipments { nodes { id } } returns { nodes { id } } }`, map[string]any{"a": []string{"C10001"}})
	if n := lists.Data["orders"].(map[string]any)["totalCount"]; n != 0.0 {
		t.Errorf("a stranger counts %v orders", n)
	}
	if n := len(lists.Data["shipments"].(map[string]any)["nodes"].([]any)); n != 0 {
		t.Errorf("a stranger lists %d shipments", n)
	}
	g.strangersMayNot(t, ids[0], returnID[open.Number])
	if g.tokens["brief"], err = g.issuer.Token(auth.Grant{Subject: "b", Accounts: []string{"C10002"}, Scope: "orders", For: -28 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if events := g.listen("brief", `subscription { orderEvents(orderId: "`+ids[0]+`", after: "p0") { type } }`, func(string) bool { return false }); strings.Contains(events, "order.") || !strings.Contains(events, "UNAUTHENTICATED") {
		t.Errorf("a stranger hears of the order until the token ends: %s", events)
	}
	socket := g.dial("C10002")
	if got := socket.ask(`query { order(number: "` + o.Number + `") { id } viewer { accounts { id name } } }`); strings.Contains(got, ids[0]) || !strings.Contains(got, `"order":null`) {
		t.Errorf("a stranger sees over a socket %s", got)
	}
	if got := g.dial("C10001").ask(`query { order(number: "` + o.Number + `") { id } }`); !strings.Contains(got, ids[0]) {
		t.Errorf("the owner sees over a socket %s", got)
	}
	if events := g.stream("C10002", `subscription { fulfillmentEvents(after: "p0") { type orderId } }`, "SKU-1001", "C10002"); strings.Contains(events, ids[0]) {
		t.Errorf("a stranger hears of the order: %s", events)
	}
}

// strangersMayNot tries what changes an order, its return, or work behind exceptions, as a buyer of another
// account and as one who may only read.
func (g *graph) strangersMayNot(t *testing.T, order, back string) {
	t.Helper()
	var err error
	if g.tokens["reader"], err = g.issuer.Token(auth.Grant{Subject: "reader", Accounts: []string{"C10001"}, For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ who, mutation, id string }{
		"cancel":            {"C10002", `mutation($id: ID!) { x: cancelOrder(input: {orderId: $id}) { order { id } errors { code } } }`, order},
		"return":            {"C10002", `mutation($id: ID!) { x: requestReturn(input: {idempotencyKey: "s", orderId: $id, lines: [{line: 1, quantity: {value: "1"}}]}) { return { id } errors { code } } }`, order},
		"release":           {"C10002", `mutation($id: ID!) { x: releaseHold(input: {orderId: $id, holdId: "h", reason: "because"}) { order { id } errors { code } } }`, order},
		"approve a return":  {"C10001", `mutation($id: ID!) { x: approveReturn(input: {returnId: $id}) { return { id } errors { code } } }`, back},
		"call a return off": {"C10002", `mutation($id: ID!) { x: cancelReturn(input: {returnId: $id}) { return { id } errors { code } } }`, back},
		"retry":             {"C10001", `mutation($id: ID!) { x: retryException(input: {exceptionId: $id}) { exception { id } errors { code } } }`, order},
		"resolve":           {"C10001", `mutation($id: ID!) { x: resolveException(input: {exceptionId: $id, resolution: "done"}) { exception { id } errors { code } } }`, order},
		"validate":          {"C10002", `query { x: validateOrder(input: {idempotencyKey: "v", accountId: "C10001", lines: [{sku: "SKU-1000", quantity: {value: "1"}}]}) { decision errors { code } } }`, ""},
		"order by reading":  {"reader", `mutation { x: placeOrder(input: {idempotencyKey: "r", lines: [{sku: "SKU-1000", quantity: {value: "1"}}]}) { decision errors { code } } }`, ""},
		"cancel by reading": {"reader", `mutation($id: ID!) { x: cancelOrder(input: {orderId: $id}) { order { id } errors { code } } }`, order},
	} {
		got := g.query(c.who, c.mutation, map[string]any{"id": c.id})
		x, _ := got.Data["x"].(map[string]any)
		if len(got.Errors) == 0 && (x == nil || len(x["errors"].([]any)) == 0) {
			t.Errorf("%s may %s: %v", c.who, name, got)
		}
	}
}

// socket is a graphql-transport-ws connection.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

// dial opens a socket as somebody.
func (g *graph) dial(who string) *socket {
	g.t.Helper()
	conn, res, err := websocket.Dial(g.t.Context(), "ws"+strings.TrimPrefix(g.url, "http"), &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		g.t.Fatal(err)
	}
	if res.Body != nil {
		_ = res.Body.Close()
	}
	g.t.Cleanup(func() { _ = conn.CloseNow() })
	s := &socket{g.t, conn}
	if got := s.say(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + g.tokens[who] + `"}}`); !strings.Contains(got, "connection_ack") {
		g.t.Fatalf("the socket of %s is answered %s", who, got)
	}
	return s
}

// say sends a message and returns the next one.
func (s *socket) say(message string) string {
	s.t.Helper()
	if err := s.conn.Write(s.t.Context(), websocket.MessageText, []byte(message)); err != nil {
		s.t.Fatal(err)
	}
	for {
		_, raw, err := s.conn.Read(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if text := string(raw); !strings.Contains(text, `"type":"ping"`) && !strings.Contains(text, `"type":"pong"`) {
			return text
		}
	}
}

// ask runs a query.
func (s *socket) ask(query string) string {
	s.t.Helper()
	payload, err := json.Marshal(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]string{"query": query}})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.say(string(payload))
}

// stream reads server-sent events until the fulfilment of a new order of the account comes by.
func (g *graph) stream(who, query string, sku trade.SKU, account trade.AccountID) string {
	g.t.Helper()
	g.place("stream"+who, draft(account, orders.DraftLine{SKU: sku, Quantity: trade.Quantity{Value: trade.MustDecimal("1")}}))
	return g.listen(who, query, func(line string) bool { return strings.Contains(line, "fulfillment.released") })
}

// listen reads server-sent events until it has heard enough, or the stream ends.
func (g *graph) listen(who, query string, enough func(line string) bool) string {
	g.t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		g.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.url, strings.NewReader(string(body)))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+g.tokens[who])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var all strings.Builder
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		if enough(lines.Text()) {
			break
		}
	}
	return all.String()
}

// TestNobodyIsAnonymous asks without a token, with a forged one, and with another issuer's.
func TestNobodyIsAnonymous(t *testing.T) {
	t.Parallel()
	g := newGraph(t, newWorld(t))
	g.tokens["forged"] = g.tokens["buyer"][:len(g.tokens["buyer"])-6] + "AAAAAA"
	g.tokens["nonsense"] = "x.y.z"
	for _, who := range []string{"", "forged", "nonsense"} {
		status, got := g.post(who, `{"query":"{ viewer { subject } }"}`)
		if status != http.StatusUnauthorized || len(got.Errors) == 0 || got.Errors[0].Extensions["code"] != "UNAUTHENTICATED" {
			t.Errorf("%q is answered %d %+v", who, status, got)
		}
	}
}

// TestBadInputNamesFieldValueAndRemedy sends what people send by mistake.
func TestBadInputNamesFieldValueAndRemedy(t *testing.T) {
	t.Parallel()
	g := newGraph(t, newWorld(t))
	place := func(input map[string]any) reply {
		base := map[string]any{"idempotencyKey": "bad", "accountId": "C10001", "lines": []any{map[string]any{"sku": "SKU-1000", "quantity": map[string]any{"value": "1"}}}}
		maps.Copy(base, input)
		return g.query("C10001", `mutation($i: PlaceOrderInput!) { placeOrder(input: $i) { decision errors { code path message } } }`, map[string]any{"i": base})
	}
	lines := func(sku, quantity string) []any {
		return []any{map[string]any{"sku": sku, "quantity": map[string]any{"value": quantity}}}
	}
	many := make([]any, 10_000)
	for i := range many {
		many[i] = lines("SKU-1000", "1")[0]
	}
	for name, c := range map[string]struct {
		input               map[string]any
		code, path, message string
	}{
		"unknown SKU":     {map[string]any{"idempotencyKey": "a", "lines": lines("NOPE", "1")}, "ITEM_UNKNOWN", "lines.0.sku", `"NOPE"; search items`},
		"zero quantity":   {map[string]any{"idempotencyKey": "b", "lines": lines("SKU-1000", "0")}, "SANITY", "lines.0.quantity.value", "order more than zero"},
		"wrong currency":  {map[string]any{"idempotencyKey": "c", "currency": "EUR"}, "CURRENCY_MISMATCH", "currency", "order in USD"},
		"negative":        {map[string]any{"idempotencyKey": "n", "lines": lines("SKU-1000", "-4")}, "SANITY", "lines.0.quantity.value", "a quantity of -4; order more than zero"},
		"enormous":        {map[string]any{"idempotencyKey": "o", "lines": lines("SKU-1000", "99999999999999999")}, "SANITY", "lines.0.quantity.value", "the limit is 100000000"},
		"negative price":  {map[string]any{"idempotencyKey": "p", "lines": []any{map[string]any{"sku": "SKU-1000", "quantity": map[string]any{"value": "1"}, "expectedUnitPrice": map[string]any{"amount": "-10", "currency": "USD"}}}}, "SANITY", "lines.0.expectedUnitPrice.amount", "give a price from 0"},
		"foreign account": {map[string]any{"idempotencyKey": "d", "accountId": "C10002"}, "FORBIDDEN", "accountId", `"C10002"`},
		"missing key":     {map[string]any{"idempotencyKey": ""}, "INVALID", "idempotencyKey", "send a new unique value"},
		"10,000 lines":    {map[string]any{"idempotencyKey": "e", "lines": many}, "TOO_MANY_LINES", "lines", "10000 lines; the limit is 1000"},
		"odd quantity":    {map[string]any{"idempotencyKey": "f", "lines": lines("SKU-1007", "15")}, "QTY_MULTIPLE", "lines.0.quantity.value", "order 10 or 20"},
	} {
		got := place(c.input)
		if len(got.Errors) > 0 {
			t.Errorf("%s: %v", name, got.Errors)
			continue
		}
		errs := got.Data["placeOrder"].(map[string]any)["errors"].([]any)
		if len(errs) == 0 {
			t.Errorf("%s: no error: %v", name, got.Data)
			continue
		}
		e := errs[0].(map[string]any)
		if e["code"] != c.code || e["path"] != c.path || !strings.Contains(e["message"].(string), c.message) {
			t.Errorf("%s: %v", name, e)
		}
	}
	if got := g.query("C10001", `{ order(id: "zzz") { id } }`, nil); len(got.Errors) != 1 || got.Errors[0].Extensions["code"] != "INVALID" || got.Errors[0].Extensions["argument"] != "id" {
		t.Errorf("a malformed id: %+v", got.Errors)
	}
	if got := place(map[string]any{"lines": lines("SKU-1000", "five")}); len(got.Errors) == 0 || !strings.Contains(got.Errors[0].Message, `"five"`) {
		t.Errorf("a word for a number: %+v", got)
	}
	for _, body := range []string{`{"query": `, `{broken`, `hello`, `[]`, ``, `{"query": 5}`} {
		status, got := g.post("C10001", body)
		if status != http.StatusBadRequest || len(got.Errors) != 1 || got.Errors[0].Extensions["code"] != "BAD_USER_INPUT" || !strings.Contains(got.Errors[0].Message, `send {"query"`) {
			t.Errorf("the body %q is answered %d %+v", body, status, got)
		}
	}
	for _, got := range []reply{place(map[string]any{"poNumber": "a\x00b"}), place(map[string]any{"lines": lines("A\x00", "1")}), g.query("C10001", `query($v: ID!) { node(id: $v) { id } }`, map[string]any{"v": "a\x00"})} {
		if len(got.Errors) != 1 || got.Errors[0].Extensions["code"] == "INTERNAL" || got.Errors[0].Extensions["code"] == nil {
			t.Errorf("a NUL character is answered %+v", got.Errors)
		}
	}
}

// TestAStreamEndsWithItsToken although the socket stays open, and says how to go on.
func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	g := newGraph(t, newWorld(t))
	for left := 2 * time.Second; ; left *= 2 {
		var err error
		// Clocks may differ by half a minute, which leaves this one little.
		if g.tokens["brief"], err = g.issuer.Token(auth.Grant{Subject: "b", Accounts: []string{"C10001"}, Scope: "orders", For: left - 30*time.Second}); err != nil {
			t.Fatal(err)
		}
		got := g.stream("brief", `subscription { fulfillmentEvents(after: "p0") { type } }`, "SKU-1000", "C10001")
		if strings.HasPrefix(got, "{") && left < time.Minute {
			continue // the token had ended before the stream began
		}
		if !strings.Contains(got, "UNAUTHENTICATED") || !strings.Contains(got, "event: complete") {
			t.Errorf("the stream ended with %s", got)
		}
		return
	}
}

// TestAStreamSaysHowToGoOn when the server stops.
func TestAStreamSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	g := newGraph(t, newWorld(t))
	g.place("resume", draft("C10001", line("SKU-1000", "1")))
	text := g.listen("C10001", `subscription { fulfillmentEvents(after: "p0") { type cursor } }`, func(line string) bool {
		if strings.Contains(line, "fulfillment.planned") {
			g.stop()
		}
		return false
	})
	if !strings.Contains(text, "RESUME") || !strings.Contains(text, "event: complete") {
		t.Errorf("the stream ended with %s", text)
	}
}
