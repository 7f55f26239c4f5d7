package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
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
		if broken := f.fault.Load(); broken != nil && !strings.Contains(r.URL.Path, "oauth2") {
			_, _ = io.Copy(io.Discard, r.Body) // or the server would not see that the caller has gone
			(*broken)(w, r)
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

// faults are the ways in which a source can fail, with the code that each must have.
func faults() map[string]struct {
	broken func(http.ResponseWriter, *http.Request)
	kind   fault.Kind
} {
	const whole = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"value\": ["
	return map[string]struct {
		broken func(http.ResponseWriter, *http.Request)
		kind   fault.Kind
	}{
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
		}
	})
	order := w.admin("POST", "/admin/shop/orders", `{"po":"M","lines":[{"sku":"SKU-1000","quantity":3}]}`)["id"].(string)
	stock := func(source string, node trade.NodeID) func(context.Context) error {
		return func(ctx context.Context) error {
			k := inventory.Key{Node: node, SKU: "SKU-1000"}
			a, err := w.systems[source].(inventory.Source).Stock(ctx, []inventory.Key{k})
			return outcomeOf(a.Found, a.Failed[k], err)
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
		if err := ask(t.Context()); err != nil {
			t.Fatalf("%s does not answer: %v", name, err)
		}
	}
	for source, ask := range kinds {
		for name, f := range faults() {
			broken := f.broken
			proxies[source].fault.Store(&broken)
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
			if open := w.transports[source].Breaker() != "closed"; open != (f.kind == fault.Unavailable || f.kind == fault.Timeout) {
				t.Errorf("%s, %s: the breaker is open: %t", source, name, open)
			}
			proxies[source].fault.Store(nil)
			w.until(fmt.Sprintf("%s answers again after %s", source, name), func() bool { return ask(t.Context()) == nil })
			w.until("the breaker is closed", func() bool { return ask(t.Context()) == nil && w.transports[source].Breaker() == "closed" })
		}
	}
	w.close()
	for name, p := range proxies {
		w.until("no connection to "+name+" is left", func() bool { return p.open.Load() == 0 })
	}
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
