package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/graph/breadth"
	"crossdock/internal/auth"
	"crossdock/internal/bus"
)

// graph is the world's graph over HTTP, as several people.
type graph struct {
	*world
	url    string
	tokens map[string]string
	issuer *auth.Dev
	// stop tells streams that the server is stopping.
	stop func()
}

// newGraph serves the world's graph. Buyers are named for their account.
func newGraph(t *testing.T, w *world) *graph {
	t.Helper()
	issuer, err := auth.OpenDev(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	signs, err := issuer.Issuer()
	if err != nil {
		t.Fatal(err)
	}
	issuers := []auth.Issuer{signs}
	verifier, err := auth.New(t.Context(), issuers)
	if err != nil {
		t.Fatal(err)
	}
	events := bus.New(w.pool, w.log)
	w.background(events.Run)
	stopping := make(chan struct{})
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", w.cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: w.routes(verifier, events, stopping, issuers)}}
	server.Start()
	stop := sync.OnceFunc(func() { close(stopping) })
	t.Cleanup(func() { stop(); server.CloseClientConnections(); server.Close() })
	g := &graph{world: w, url: server.URL + "/graphql", tokens: map[string]string{}, issuer: issuer, stop: stop}
	for who, grant := range auth.DevGrants("C10001") {
		if g.tokens[who], err = issuer.Token(grant); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		account := fmt.Sprintf("C%05d", 10000+i)
		if g.tokens[account], err = issuer.Token(auth.Grant{Subject: "buyer@" + account, Accounts: []string{account}, Scope: "orders", For: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

type reply struct {
	Data   map[string]any
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
	Extensions struct {
		Sources []struct{ Source, Operation, Outcome string }
		Plan    []struct{ Asked []breadth.Asked }
		Cost    struct {
			RequestedQueryCost, ActualQueryCost int
			ThrottleStatus                      *struct{ MaximumAvailable, CurrentlyAvailable, RestoreRate int }
		}
	}
}

// send asks a path of the gateway, without a token for nobody.
func (g *graph) send(who, method, path string, body io.Reader) (int, []byte) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, strings.TrimSuffix(g.url, "/graphql")+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+g.tokens[who])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, raw
}

func (g *graph) post(who, body string) (int, reply) {
	g.t.Helper()
	status, raw := g.send(who, http.MethodPost, "/graphql", strings.NewReader(body))
	var out reply
	if err := json.Unmarshal(raw, &out); err != nil {
		g.t.Fatal(err)
	}
	return status, out
}

func (g *graph) query(who, query string, vars map[string]any) reply {
	g.t.Helper()
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(map[string]any{"query": query, "variables": vars}); err != nil {
		g.t.Fatal(err)
	}
	_, out := g.post(who, body.String())
	return out
}

// calls lists the source calls of a reply, in order of name.
func (r reply) calls() []string {
	var out []string
	for _, c := range r.Extensions.Sources {
		out = append(out, c.Source+" "+c.Operation)
	}
	slices.Sort(out)
	return out
}

const page = `
	nodes {
		number
		account(maxAge: 0) { name }
		lines { sku item(maxAge: 0) { name } price(maxAge: 0) { unitPrice { amount } } availability(maxAge: 0) { available { value } } }
		shipments { trackingNumber }
	}`

// fill places n orders of 5 lines for each account.
func (g *graph) fill(n int, accounts ...trade.AccountID) {
	g.t.Helper()
	skus := []trade.SKU{"SKU-1000", "SKU-1001", "SKU-1002", "SKU-1004", "SKU-1006", "SKU-1010", "SKU-1011", "SKU-1012", "SKU-1014", "SKU-1016"}
	for i := range n {
		for _, account := range accounts {
			var lines []orders.DraftLine
			for k := range 5 {
				lines = append(lines, line(skus[(i+k)%len(skus)], "1"))
			}
			g.place(fmt.Sprint("fill", i, account), draft(account, lines...))
		}
	}
}

// shipped places n orders as fill does, has them shipped, and stops all work again.
func (g *graph) shipped(n int, account trade.AccountID) {
	g.t.Helper()
	ctx, stop := context.WithCancel(g.t.Context())
	done := make(chan error, 1)
	go func() { done <- g.run(ctx) }()
	for i := range n {
		a := g.place(fmt.Sprint("shipped", i), draft(account, line("SKU-1000", "1"), line("SKU-1001", "1"), line("SKU-1002", "1"), line("SKU-1004", "1"), line("SKU-1006", "1")))
		g.until("it is shipped", func() bool {
			g.step()
			return g.order(a.OrderID).FulfillmentRollup() == "DELIVERED"
		})
	}
	stop()
	if err := <-done; err != nil {
		g.t.Error(err)
	}
}

// TestTheOrderPageCostsTheBound holds the number of source calls of the order page: one for each
// kind of question of each source, whatever the number of orders, and one price question for
// each account, which the ERP's calculation cannot mix.
func TestTheOrderPageCostsTheBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.shipped(5, "C10001")
	g.fill(95, "C10001")
	g.fill(1, "C10002", "C10003", "C10004", "C10005")
	one := []string{"erp accounts", "erp items", "erp prices", "threepl stock", "threepl-south stock", "wms stock"}
	five := []string{"erp accounts", "erp items", "erp prices", "erp prices", "erp prices", "erp prices", "erp prices", "threepl stock", "threepl-south stock", "wms stock"}
	accounts := []string{"C10001", "C10002", "C10003", "C10004", "C10005"}
	for name, c := range map[string]struct {
		query string
		vars  map[string]any
		want  []string
	}{
		"5 orders":   {`query($f: OrderFilter) { orders(first: 5, filter: $f) {` + page + `} }`, map[string]any{"f": map[string]any{"accountIds": accounts[:1]}}, one},
		"20 orders":  {`query($f: OrderFilter) { orders(first: 20, filter: $f) {` + page + `} }`, map[string]any{"f": map[string]any{"accountIds": accounts[:1]}}, one},
		"100 orders": {`query($f: OrderFilter) { orders(first: 100, filter: $f) {` + page + `} }`, map[string]any{"f": map[string]any{"accountIds": accounts[:1]}}, one},
		"5 accounts": {`query($f: OrderFilter) { orders(first: 100, filter: $f) {` + page + `} }`, map[string]any{"f": map[string]any{"accountIds": accounts}}, five},
		"aliases": {
			`query($f: OrderFilter) { a: orders(first: 5, filter: $f) {` + page + `} b: orders(last: 5, filter: $f) {` + page + `} c: item(sku: "SKU-1020", maxAge: 0) { name } d: availability(skus: ["SKU-1021"], maxAge: 0) { available { value } } }`,
			map[string]any{"f": map[string]any{"accountIds": accounts[:1]}},
			one,
		},
	} {
		g.admin("GET", "/admin/calls?reset=1", "")
		got := g.query("operations", c.query, c.vars)
		if len(got.Errors) > 0 {
			t.Fatalf("%s: %v", name, got.Errors)
		}
		counted := 0
		for _, n := range g.admin("GET", "/admin/calls", "") {
			counted += int(n.(float64))
		}
		if counted != len(c.want) {
			t.Errorf("%s: the systems count %d calls, not %d", name, counted, len(c.want))
		}
		if tracked := strings.Count(fmt.Sprint(got.Data), "trackingNumber:1Z"); name == "100 orders" && tracked < 5 {
			t.Errorf("%d shipments have tracking numbers", tracked)
		}
		if calls := got.calls(); !slices.Equal(calls, c.want) {
			t.Errorf("%s makes the calls\n%v, not\n%v", name, calls, c.want)
		}
	}
	g.nodesCostTheSame(t, five)

	// A process that has just started learns once what the 3PLs call items; what they do not have is not
	// looked for again and again.
	fresh := newGraph(t, w.restarted())
	first := fresh.query("operations", `query($f: OrderFilter) { orders(first: 20, filter: $f) {`+page+`} }`, map[string]any{"f": map[string]any{"accountIds": accounts[:1]}})
	cold := append([]string{"threepl inventory ids", "threepl-south inventory ids"}, one...)
	slices.Sort(cold)
	if calls := first.calls(); !slices.Equal(calls, cold) {
		t.Errorf("the first page makes the calls\n%v, not\n%v", calls, cold)
	}
	unknown := fresh.query("operations", `{ availability(skus: ["SKU-1000", "NOBODY-HAS-IT"], maxAge: 0) { available { value } } }`, nil)
	if calls := unknown.calls(); !slices.Equal(calls, []string{"threepl stock", "threepl-south stock", "wms stock"}) {
		t.Errorf("an item that nobody has makes the calls %v", calls)
	}
}

// nodesCostTheSame asks for the page by ids.
func (g *graph) nodesCostTheSame(t *testing.T, want []string) {
	t.Helper()
	list := g.query("operations", `{ orders(first: 30) { nodes { id account { id } lines { item { id } } } } }`, nil)
	var ids []string
	for _, n := range list.Data["orders"].(map[string]any)["nodes"].([]any) {
		o := n.(map[string]any)
		ids = append(ids, o["id"].(string))
	}
	account := list.Data["orders"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["account"].(map[string]any)["id"].(string)
	got := g.query("operations", `query($o: [ID!]!, $a: [ID!]!) { nodes(ids: $o) { ... on Order {`+strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(page), "nodes {"), "}")+`} } more: nodes(ids: $a) { ... on Account { name } } }`, map[string]any{"o": ids, "a": []string{account}})
	if len(got.Errors) > 0 {
		t.Fatal(got.Errors)
	}
	if calls := got.calls(); !slices.Equal(calls, want) {
		t.Errorf("nodes make the calls %v", calls)
	}
}

// TestListsOfOrdersGoBothWays: pages joined from the front, or from the back, are the whole list, in every
// order; a cursor of another order leads nowhere.
func TestListsOfOrdersGoBothWays(t *testing.T) {
	t.Parallel()
	g := newGraph(t, newWorld(t))
	for n := range 7 {
		g.place(fmt.Sprint("both", n), draft("C10001", line("SKU-1000", fmt.Sprint(1+n*3%7))))
	}
	ask := func(args string) ([]string, map[string]any, reply) {
		got := g.query("C10001", `{ orders(`+args+`) { nodes { number } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } totalCount } }`, nil)
		var numbers []string
		page, _ := got.Data["orders"].(map[string]any)
		if page == nil {
			return nil, nil, got
		}
		for _, n := range page["nodes"].([]any) {
			numbers = append(numbers, n.(map[string]any)["number"].(string))
		}
		return numbers, page["pageInfo"].(map[string]any), got
	}
	whole := map[string][]string{}
	for _, field := range []string{"PLACED_AT", "TOTAL", "NUMBER"} {
		for _, direction := range []string{"ASC", "DESC"} {
			order := "orderBy: {field: " + field + ", direction: " + direction + "}"
			all, _, _ := ask(order + ", first: 100")
			if len(all) < 7 {
				t.Fatalf("%s: %v", order, all)
			}
			whole[field+direction] = all
			var forth, back []string
			for cursor := ""; ; {
				page, info, got := ask(order + ", first: 3" + cursor)
				if len(got.Errors) > 0 {
					t.Fatal(got.Errors)
				}
				if forth = append(forth, page...); info["hasNextPage"] == false {
					break
				}
				cursor = fmt.Sprintf(", after: %q", info["endCursor"])
			}
			for cursor := ""; ; {
				page, info, got := ask(order + ", last: 3" + cursor)
				if len(got.Errors) > 0 {
					t.Fatal(got.Errors)
				}
				if back = append(page, back...); info["hasPreviousPage"] == false {
					break
				}
				cursor = fmt.Sprintf(", before: %q", info["startCursor"])
			}
			if !slices.Equal(forth, all) || !slices.Equal(back, all) {
				t.Errorf("%s: the list is %v, by pages %v, from the back %v", order, all, forth, back)
			}
		}
		up, down := whole[field+"ASC"], slices.Clone(whole[field+"DESC"])
		slices.Reverse(down)
		if !slices.Equal(up, down) {
			t.Errorf("%s: upwards %v, downwards reversed %v", field, up, down)
		}
	}
	if slices.Equal(whole["TOTALASC"], whole["NUMBERASC"]) {
		t.Error("totals and numbers are in one order: the test shows little")
	}
	_, info, _ := ask("first: 2")
	for argument, args := range map[string]string{
		"after":  fmt.Sprintf("orderBy: {field: TOTAL}, first: 2, after: %q", info["endCursor"]),
		"before": fmt.Sprintf("orderBy: {field: NUMBER}, last: 2, before: %q", info["endCursor"]),
	} {
		_, _, got := ask(args)
		if len(got.Errors) != 1 || got.Errors[0].Extensions["code"] != "INVALID" || got.Errors[0].Extensions["argument"] != argument {
			t.Errorf("a cursor of another order is answered %+v", got.Errors)
		}
	}
}
