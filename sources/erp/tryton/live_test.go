//go:build live

package tryton_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crossdock/domains/finance"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/sources/erp/tryton"
	"crossdock/sources/sourcetest"
	"crossdock/sources/trytonrpc"
)

// product is the real one that live/ has started, behind a proxy that can lose replies and be down.
type product struct {
	t          *testing.T
	direct     string
	proxy      *httptest.Server
	down, lose atomic.Bool
	session    string
}

const password = "crossdock-live"

func newProduct(t *testing.T) *product {
	t.Helper()
	p := &product{t: t, direct: os.Getenv("LIVE_TRYTON")}
	if p.direct == "" {
		t.Fatal("LIVE_TRYTON is empty: make live starts Tryton and sets it")
	}
	p.proxy = httptest.NewServer(p)
	t.Cleanup(p.proxy.Close)
	var login []any
	p.raw("common.db.login", []any{"crossdock", map[string]string{"password": password}}, &login)
	p.session = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "crossdock:%v:%v", login[0], login[1]))
	return p
}

// ServeHTTP passes a call on. What is lost took effect, and the connection ends without an answer.
func (p *product) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if p.down.Load() {
		panic(http.ErrAbortHandler)
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, p.direct+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Header = r.Header.Clone()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = res.Body.Close() }()
	answer, _ := io.ReadAll(res.Body)
	if p.lose.Load() && writes(body) {
		panic(http.ErrAbortHandler)
	}
	for k, v := range res.Header {
		w.Header()[k] = v
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answer)
}

// writes reports whether a call changes something.
func writes(body []byte) bool {
	var call struct{ Method string }
	_ = json.Unmarshal(body, &call)
	for _, read := range []string{".search_read", ".on_change", ".get_preferences", "db.login"} {
		if strings.HasSuffix(call.Method, read) {
			return false
		}
	}
	return true
}

// raw calls the product beside the adapter.
func (p *product) raw(method string, params []any, out any) {
	p.t.Helper()
	body, err := json.Marshal(map[string]any{"id": 1, "method": method, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.direct+"/erp/", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if p.session != "" {
		req.Header.Set("Authorization", "Session "+p.session)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var reply struct{ Result, Error json.RawMessage }
	if err := json.NewDecoder(res.Body).Decode(&reply); err != nil || len(reply.Error) > 0 {
		p.t.Fatalf("%s: %d %s %v", method, res.StatusCode, reply.Error, err)
	}
	if out != nil {
		if err := json.Unmarshal(reply.Result, out); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *product) context() map[string]any { return map[string]any{"company": 1, "language": "en"} }

// count asks the product's own books how many sales have our number.
func (p *product) count(number string) (n int) {
	p.t.Helper()
	p.raw("model.sale.sale.search_count", []any{[]any{[]any{"web_id", "=", number}}, p.context()}, &n)
	return n
}

// write changes a record.
func (p *product) write(model, field, key, set, value string) {
	p.t.Helper()
	var ids []int
	p.raw("model."+model+".search", []any{[]any{[]any{field, "=", key}}, 0, 1, nil, p.context()}, &ids)
	p.raw("model."+model+".write", []any{ids, map[string]any{set: value}, p.context()}, nil)
}

func (p *product) client() *tryton.Client {
	p.t.Helper()
	c, err := tryton.New("erp", p.proxy.URL, tryton.Config{Config: trytonrpc.Config{Database: "erp", User: "crossdock", Password: password, Timeout: 20 * time.Second}})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func switched(b *atomic.Bool) func() (undo func()) {
	return func() func() {
		b.Store(true)
		return func() { b.Store(false) }
	}
}

// TestTrytonPassesTheSuiteOfAnERP on the real product.
func TestTrytonPassesTheSuiteOfAnERP(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	c := p.client()
	accounts, items := []trade.AccountID{"C20005", "C20002"}, []trade.SKU{"MI-1004", "MI-1005"}
	sourcetest.TestERP(t, sourcetest.ERP{
		SystemOfRecord: c, Accounts: accounts, Items: items, Unit: "u", BreakAt: "100", Ruled: items, Many: 700, Run: fmt.Sprint(time.Now().UnixNano(), "-"), UniqueOrders: true, UniqueMemos: true,
		Orders: p.count, Memos: p.count,
		TouchAccount: func(n int) string {
			p.write("party.party", "code", string(accounts[n%2]), "name", fmt.Sprint("Touched ", time.Now().UnixNano()))
			return string(accounts[n%2])
		},
		TouchItem: func(n int) string {
			p.write("product.template", "products.code", string(items[n%2]), "name", fmt.Sprint("Touched ", time.Now().UnixNano()))
			return string(items[n%2])
		},
		PostAll: func(theirs string) {
			a, err := c.Posted(t.Context(), []string{theirs})
			if err != nil {
				t.Fatal(err)
			}
			two := trade.MustDecimal("2")
			if err := c.Post(t.Context(), finance.Posting{OrderNumber: a.Found[theirs].Number, Shipped: map[int]trade.Decimal{1: two, 2: two}}); err != nil {
				t.Fatal(err)
			}
		},
		Lose: switched(&p.lose), Down: switched(&p.down),
	})
}

// TestACreditLimitStopsAnOrderUntilSomebodyLetsItGo: nothing is confirmed by itself.
func TestACreditLimitStopsAnOrderUntilSomebodyLetsItGo(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	c := p.client()
	price := trade.Money{Amount: trade.MustDecimal("100"), Currency: "USD"}
	o := &orders.Order{Number: fmt.Sprint("SO-CREDIT-", time.Now().UnixNano()), Account: "C20004", Currency: "USD", PlacedAt: time.Now(), Lines: []orders.Line{
		{Number: 1, SKU: "MI-1004", Quantity: trade.Quantity{Value: trade.MustDecimal("3"), Unit: "u"}, UnitPrice: price},
	}}
	r, err := c.Register(t.Context(), o)
	if err != nil || !r.Unconfirmed || len(r.Stops) != 1 || !strings.Contains(r.Stops[0].Message, "credit limit") {
		t.Fatalf("an order over the limit is registered as %+v, %v", r, err)
	}
	if again, err := c.Confirm(t.Context(), o.Number, []string{"something else"}); err != nil || !again.Unconfirmed {
		t.Errorf("it is confirmed though nobody has let it go: %+v, %v", again, err)
	}
	if after, err := c.Confirm(t.Context(), o.Number, []string{r.Stops[0].Name}); err != nil || after.Unconfirmed {
		t.Errorf("it is not confirmed though somebody has let it go: %+v, %v", after, err)
	}
}
