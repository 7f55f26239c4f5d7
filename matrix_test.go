package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crossdock/domains/accounts"
	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

// failing stands before a source and fails as it is told.
type failing struct {
	*httptest.Server
	fault atomic.Pointer[func(http.ResponseWriter, *http.Request)]
	// open counts connections.
	open atomic.Int64
}

func newFailing(t *testing.T, target string) *failing {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
	f := &failing{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if how := f.fault.Load(); how != nil && !strings.Contains(r.URL.Path, "oauth2") {
			_, _ = io.Copy(io.Discard, r.Body) // or the server would not see that the caller has gone
			(*how)(w, r)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	f.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			f.open.Add(1)
		}
		if s == http.StateClosed || s == http.StateHijacked {
			f.open.Add(-1)
		}
	}
	f.Start()
	t.Cleanup(f.Close)
	return f
}

func answers(status int, header http.Header, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangUp ends a connection in the middle of what was promised.
func hangUp(w http.ResponseWriter, sent string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, sent)
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// broken is a way in which a source fails, with the code that it must have.
type broken struct {
	how  func(http.ResponseWriter, *http.Request)
	kind fault.Kind
}

// faults are the ways in which a source can fail, with the code that each must have.
func faults() map[string]broken {
	const whole = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"value\": ["
	return map[string]broken{
		"it hangs up":       {func(w http.ResponseWriter, _ *http.Request) { hangUp(w, "") }, fault.Unavailable},
		"a reply cut short": {func(w http.ResponseWriter, _ *http.Request) { hangUp(w, whole) }, fault.Unavailable},
		"it hangs":          {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, fault.Timeout},
		"a slow drip": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		}, fault.Timeout},
		"500":                  {answers(500, nil, "<h1>Internal Server Error</h1>"), fault.Unavailable},
		"503":                  {answers(503, nil, ""), fault.Unavailable},
		"429":                  {answers(429, nil, ""), fault.Throttled},
		"429 with Retry-After": {answers(429, http.Header{"Retry-After": {"7"}, "X-Retry-After": {"7"}}, "{}"), fault.Throttled},
		"another page":         {answers(200, http.Header{"Content-Type": {"text/html"}}, "<html>maintenance</html>"), fault.BadResponse},
		"half a reply":         {answers(200, nil, `{"data": {"nodes": [`), fault.BadResponse},
	}
}

// lying makes a source's whole replies wrong: an error behind its usual status, in the form that is its own.
func lying() map[string]string {
	return map[string]string{
		"erp":     `{"error":{"code":"Internal_ServerError","message":"An error occurred."}}`,
		"webshop": `{"errors":[{"message":"Internal error.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`,
		"threepl": `{"message":"Something went wrong."}`,
		"wms":     `{"error":"the database is being restored"}`,
	}
}

// TestTheFaultMatrix: each of the four kinds of source fails in every way. The failure has the right code and
// comes in time, is no other source's, and ends when its cause does; nothing is left behind.
func TestTheFaultMatrix(t *testing.T) {
	t.Parallel()
	const patience = 800 * time.Millisecond
	proxies := map[string]*failing{}
	w := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		none := 0
		for i := range cfg.Sources {
			s := &cfg.Sources[i]
			f := newFailing(t, s.URL)
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			proxies[s.Name], s.URL = f, f.URL+u.Path
			s.Policy = config.Policy{Timeout: config.Duration(patience), Retries: &none, BreakAfter: 2, BreakFor: config.Duration(50 * time.Millisecond)}
			s.Policy.Rate.Calls, s.Policy.Rate.Per = 100_000, config.Duration(time.Minute)
		}
	})
	w.admin("POST", "/admin/shipbob/limit?calls=0", "")
	order := w.admin("POST", "/admin/shop/orders", `{"po":"M","lines":[{"sku":"SKU-1000","quantity":3}]}`)["id"].(string)
	stock := func(source string, node trade.NodeID) func(context.Context) error {
		return func(ctx context.Context) error {
			keys := []inventory.Key{{Node: node, SKU: "SKU-1000"}}
			figures, err := w.systems[source].(inventory.Source).Stock(ctx, keys)
			a := lookup.ByKey(keys, figures)
			return outcomeOf(a.Found, a.Failed[keys[0]], err)
		}
	}
	kinds := map[string]func(context.Context) error{
		"erp": func(ctx context.Context) error {
			a, err := w.erp.Accounts(ctx, []trade.AccountID{"C10001"})
			return outcomeOf(a.Found, a.Failed["C10001"], err)
		},
		"webshop": func(ctx context.Context) error {
			a, err := w.shops["webshop"].Placed(ctx, []string{order})
			return outcomeOf(a.Found, a.Failed[order], err)
		},
		"threepl": stock("threepl", "21"),
		"wms":     stock("wms", "EAST"),
	}
	for name, ask := range kinds {
		kinds[name] = func(ctx context.Context) (err error) {
			pprof.Do(ctx, pprof.Labels("the matrix", name), func(ctx context.Context) { err = ask(ctx) })
			return err
		}
		if err := kinds[name](t.Context()); err != nil {
			t.Fatalf("%s does not answer: %v", name, err)
		}
	}
	for source, ask := range kinds {
		wrong := faults()
		wrong["an error behind a 200"] = broken{answers(200, http.Header{"Content-Type": {"application/json"}}, lying()[source]), fault.BadResponse}
		if source == "webshop" {
			wrong["an error behind a 200"] = broken{answers(200, nil, lying()[source]), fault.Unavailable} // it says what it is
		}
		for name, f := range wrong {
			proxies[source].fault.Store(&f.how)
			begin := time.Now()
			err := ask(t.Context())
			if took := time.Since(begin); fault.KindOf(err) != f.kind || took > 3*patience {
				t.Errorf("%s, %s: %v after %s", source, name, err, took)
			}
			if e, ok := errors.AsType[*fault.Error](err); !ok || e.Source != source || (f.kind == fault.Throttled && strings.Contains(name, "with") && e.RetryAfter != 7*time.Second) {
				t.Errorf("%s, %s: the failure is %+v", source, name, e)
			}
			for other, healthy := range kinds {
				if other == source {
					continue
				}
				if err := healthy(t.Context()); err != nil {
					t.Errorf("%s, %s: %s fails too: %v", source, name, other, err)
				}
			}
			// More of it opens the breaker where it is the source that fails, and not where it asks to wait.
			for range 2 {
				_ = ask(t.Context())
			}
			if open := w.transports[source].Breaker() != "closed"; open == (f.kind == fault.Throttled) {
				t.Errorf("%s, %s: the breaker is open: %t", source, name, open)
			}
			proxies[source].fault.Store(nil)
			w.until(fmt.Sprintf("%s answers again after %s", source, name), func() bool { return ask(t.Context()) == nil })
			w.until("the breaker is closed", func() bool { return ask(t.Context()) == nil && w.transports[source].Breaker() == "closed" })
		}
	}
	// Nobody listens any more.
	w.close()
	for source, ask := range kinds {
		p := proxies[source]
		w.until("no connection to "+source+" is left", func() bool { return p.open.Load() == 0 })
		p.Close()
		if err := ask(t.Context()); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s, nobody listens: %v", source, err)
		}
	}
	pprof.Do(t.Context(), pprof.Labels("the matrix", "its test"), func(context.Context) {
		if labelled("the matrix") == 0 {
			t.Error("goroutines are not counted by what started them")
		}
	})
	w.until("no goroutine is left", func() bool { return labelled("the matrix") == 0 })
}

// labelled counts the goroutines that were started under a label.
func labelled(name string) int {
	var all strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
	return strings.Count(all.String(), `"`+name+`":`)
}

// outcomeOf is the failure of the only key, or that it has no answer.
func outcomeOf[K comparable, V any](found map[K]V, failed, err error) error {
	switch {
	case err != nil:
		return err
	case failed != nil:
		return failed
	case len(found) != 1:
		return fault.New(fault.NotFound, "no answer")
	default:
		return nil
	}
}

// TestRepliesWithRowsTwiceOrMissing: a row that is there twice counts once, and one that is missing takes no
// neighbour along, with each of the four kinds.
func TestRepliesWithRowsTwiceOrMissing(t *testing.T) {
	t.Parallel()
	var change atomic.Pointer[func([]any) []any]
	w := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		for i := range cfg.Sources {
			s := &cfg.Sources[i]
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
			pass.ModifyResponse = func(res *http.Response) error {
				raw, err := io.ReadAll(res.Body)
				var reply any
				if how := change.Load(); how != nil && err == nil && json.Unmarshal(raw, &reply) == nil {
					raw, err = json.Marshal(withRows(reply, *how))
				}
				res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
				res.Header.Del("Content-Length")
				return err
			}
			proxy := httptest.NewServer(pass)
			t.Cleanup(proxy.Close)
			s.URL = proxy.URL + u.Path
		}
	})
	var placed []string
	for n := range 2 {
		placed = append(placed, w.admin("POST", "/admin/shop/orders", fmt.Sprintf(`{"po":"M%d","lines":[{"sku":"SKU-1000","quantity":3}]}`, n))["id"].(string))
	}
	stock := func(source string, node trade.NodeID) func() (map[string]string, error) {
		return func() (map[string]string, error) {
			keys := []inventory.Key{{Node: node, SKU: "SKU-1000"}, {Node: node, SKU: "SKU-1001"}}
			figures, err := w.systems[source].(inventory.Source).Stock(t.Context(), keys)
			return shown(lookup.ByKey(keys, figures), func(f inventory.Figure) string { return fmt.Sprint(f.OnHand, f.Allocated) }), err
		}
	}
	for source, ask := range map[string]func() (map[string]string, error){
		"erp": func() (map[string]string, error) {
			a, err := w.erp.Accounts(t.Context(), []trade.AccountID{"C10001", "C10002"})
			return shown(a, func(a accounts.Account) string { return a.Name }), err
		},
		"webshop": func() (map[string]string, error) {
			a, err := w.shops["webshop"].Placed(t.Context(), placed)
			return shown(a, func(p orders.PlacedOrder) string { return fmt.Sprint(p.Draft.PONumber, len(p.Draft.Lines)) }), err
		},
		"threepl": stock("threepl", "21"), "wms": stock("wms", "EAST"),
	} {
		change.Store(nil)
		right, err := ask()
		if err != nil || len(right) != 2 {
			t.Fatalf("%s answers %v, %v", source, right, err)
		}
		twice := func(rows []any) []any { return append(slices.Clone(rows), rows...) }
		change.Store(&twice)
		if got, err := ask(); err != nil || !maps.Equal(got, right) {
			t.Errorf("%s, rows twice: %v, %v; without it is %v", source, got, err, right)
		}
		missing := func(rows []any) []any { return rows[1:] }
		change.Store(&missing)
		got, err := ask()
		for k, v := range got {
			if right[k] != v {
				t.Errorf("%s, a row missing: %s is %s, not %s", source, k, v, right[k])
			}
		}
		if err != nil || len(got) != 1 {
			t.Errorf("%s, a row missing: %v, %v", source, got, err)
		}
	}
}

// shown shows what was found, and what failed by its error.
func shown[K comparable, V any](a lookup.Answers[K, V], show func(V) string) map[string]string {
	out := map[string]string{}
	for k, v := range a.Found {
		out[fmt.Sprint(k)] = show(v)
	}
	for k, err := range a.Failed {
		out[fmt.Sprint(k)] = err.Error()
	}
	return out
}

// withRows changes the outermost list of records in a reply.
func withRows(v any, change func([]any) []any) any {
	switch x := v.(type) {
	case []any:
		if len(x) > 0 {
			return change(x)
		}
	case map[string]any:
		for k, below := range x {
			x[k] = withRows(below, change)
		}
	}
	return v
}
