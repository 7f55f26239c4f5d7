package transport

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// said is a product that answers each request with the next of what it is to say, as it stands, and closes the connection after
// an empty one. It tells how many connections and requests there were.
func said(t *testing.T, words ...string) (w *wire, connections, requests *atomic.Int64) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	connections, requests = new(atomic.Int64), new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer func() { _ = c.Close() }()
				in := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					n := int(requests.Add(1)) - 1
					if n >= len(words) || words[n] == "" {
						return
					}
					_, _ = io.WriteString(c, words[n])
				}
			}()
		}
	}()
	w = newWire(&url.URL{Scheme: "http", Host: l.Addr().String()}, time.Second)
	t.Cleanup(func() { w.closeIdle(time.Now()) })
	return w, connections, requests
}

// ask makes a call and returns what its reply says.
func (w *wire) ask(ctx context.Context, method string, again bool) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+w.address+"/", strings.NewReader("body"))
	if err != nil {
		return "", err
	}
	var body []byte
	err = w.call(req, again, func(res *http.Response) (err error) {
		body, err = io.ReadAll(res.Body)
		return err
	})
	return string(body), err
}

// TestAConnectionIsUsedAgain when its reply was read to the end and nothing else came, and not otherwise.
func TestAConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	const whole, chunked = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
	for what, c := range map[string]struct {
		first, says string
		again       bool
	}{
		"of a length":            {whole, "ok", true},
		"in chunks":              {chunked, "ok", true},
		"without a body":         {"HTTP/1.1 204 No Content\r\n\r\n", "", true},
		"informed before":        {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole, "ok", true},
		"to be closed":           {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "ok", false},
		"of HTTP/1.0":            {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", false},
		"more than was asked":    {whole + "HTTP/1.1 200 OK\r\n\r\n", "ok", false},
		"compressed":             {zipped("ok"), "ok", true},
		"compressed, and longer": {zipped("ok") + "x", "ok", false},
	} {
		w, connections, _ := said(t, c.first, whole)
		if says, err := w.ask(t.Context(), http.MethodPost, false); err != nil || says != c.says {
			t.Errorf("%s: %q, %v, not %q", what, says, err, c.says)
		}
		if says, err := w.ask(t.Context(), http.MethodPost, false); err != nil || says != "ok" {
			t.Errorf("%s, then: %q, %v", what, says, err)
		}
		if n := connections.Load(); (n == 1) != c.again {
			t.Errorf("%s: %d connections", what, n)
		}
	}
}

func zipped(text string) string {
	var b strings.Builder
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", b.Len(), b.String())
}

// TestWhatMayHaveArrivedIsNotSentAgain but for calls that may be; a connection that was found closed is not one that failed.
func TestWhatMayHaveArrivedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for _, again := range []bool{true, false} {
		w, _, requests := said(t, ok, "", ok)
		if _, err := w.ask(t.Context(), http.MethodPost, again); err != nil {
			t.Fatal(err)
		}
		says, err := w.ask(t.Context(), http.MethodPost, again) // which the product reads, and closes
		if (err == nil) != again || again && says != "ok" || !again && !errors.Is(err, errStale) {
			t.Errorf("may be sent again %v: %q, %v", again, says, err)
		}
		if n := requests.Load(); (n == 3) != again {
			t.Errorf("may be sent again %v: %d requests", again, n)
		}
	}
	w, connections, requests := said(t, ok+"HTTP/1.1 408 Request Timeout\r\n\r\n", ok)
	for range 2 {
		if says, err := w.ask(t.Context(), http.MethodPost, false); err != nil || says != "ok" {
			t.Errorf("a connection that nobody can use: %q, %v", says, err)
		}
	}
	if connections.Load() != 2 || requests.Load() != 2 {
		t.Errorf("%d connections, %d requests", connections.Load(), requests.Load())
	}
	// Nobody answers on the first connection: that says nothing of another.
	w, _, requests = said(t, "")
	if _, err := w.ask(t.Context(), http.MethodGet, true); !errors.Is(err, errStale) || requests.Load() != 1 {
		t.Errorf("%v, %d requests", err, requests.Load())
	}
}

// TestWhoLeavesDoesNotWait: neither for a head nor for the rest of a body, and nobody uses the connection after him; who has left before
// he asks sends nothing.
func TestWhoLeavesDoesNotWait(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	var asked atomic.Int64
	product := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Method == http.MethodPut {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		}
		<-hang
	}))
	t.Cleanup(product.Close)
	t.Cleanup(func() { close(hang) })
	base, _ := url.Parse(product.URL)
	w := newWire(base, time.Second)
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		before := asked.Load()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for asked.Load() == before {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		if _, err := w.ask(ctx, method, true); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", method, err)
		}
		if len(w.idle) != 0 {
			t.Errorf("%s: its connection is kept", method)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := w.ask(ctx, http.MethodGet, true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("when the time is up: %v", err)
	}
	<-ctx.Done()
	before := asked.Load()
	if _, err := w.ask(ctx, http.MethodGet, true); !errors.Is(err, context.DeadlineExceeded) || asked.Load() != before {
		t.Errorf("when the time was up: %v", err)
	}
}

// TestRepliesHaveLimits: of their head, and of what only informs.
func TestRepliesHaveLimits(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHead) + "\r\n\r\n",
		strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", maxInformed) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"220 mail.example ESMTP\r\n",
	} {
		w, _, _ := said(t, reply)
		if says, err := w.ask(t.Context(), http.MethodGet, false); err == nil {
			t.Errorf("%.60q is answered %q", reply, says)
		}
		if len(w.idle) != 0 {
			t.Errorf("%.60q: its connection is kept", reply)
		}
	}
}

// TestTheWireIsSecured where the address says so, by a certificate of that name, and its connections are used again.
func TestTheWireIsSecured(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	product := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.Proto) }))
	product.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	product.StartTLS()
	t.Cleanup(product.Close)
	base, _ := url.Parse(product.URL)
	w := newWire(base, time.Second)
	if _, err := w.ask(t.Context(), http.MethodGet, false); !errors.Is(err, errNotSent) {
		t.Errorf("of an issuer that nobody knows: %v", err)
	}
	connections.Store(0)
	w.tls.RootCAs = x509.NewCertPool()
	w.tls.RootCAs.AddCert(product.Certificate())
	for range 3 {
		if says, err := w.ask(t.Context(), http.MethodPost, false); err != nil || says != "HTTP/1.1" {
			t.Errorf("%q, %v", says, err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	w.closeIdle(time.Now())
	w.tls.ServerName = "elsewhere.example"
	var wrong *tls.CertificateVerificationError
	if _, err := w.ask(t.Context(), http.MethodGet, false); !errors.As(err, &wrong) {
		t.Errorf("of another name: %v", err)
	}
}

// TestIdleConnectionsAreClosed after a minute, those that were used since later.
func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		left := func(want int) {
			t.Helper()
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.idle) != want {
				t.Errorf("%d are kept, not %d", len(w.idle), want)
			}
		}
		w.keep(&conn{TCPConn: &net.TCPConn{}})
		time.Sleep(40 * time.Second)
		w.keep(&conn{TCPConn: &net.TCPConn{}})
		time.Sleep(19 * time.Second)
		left(2)
		time.Sleep(2 * time.Second)
		left(1)
		time.Sleep(40 * time.Second)
		left(0)
		w.keep(&conn{TCPConn: &net.TCPConn{}})
		time.Sleep(time.Hour)
		left(0)
	})
}
