// Package livetest stands between an adapter and a real product that package live has started, and loses
// replies, refuses and hangs as tests want it; and it asks products beside the adapter what they really have.
package livetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Proxy passes calls on to a product.
type Proxy struct {
	// URL is where it listens, Direct the product behind.
	URL, Direct string
	// Down refuses all calls, Hang answers none until the caller gives up, and Lose lets what changes
	// something take effect and ends the connection without an answer.
	Down, Hang, Lose atomic.Bool
	// Calls counts.
	Calls atomic.Int64

	t      *testing.T
	writes func(body []byte) bool
}

// NewProxy is in front of the product whose address is in the environment. Writes tells which calls change
// something.
func NewProxy(t *testing.T, env string, writes func(body []byte) bool) *Proxy {
	t.Helper()
	p := &Proxy{Direct: os.Getenv(env), t: t, writes: writes}
	if p.Direct == "" {
		t.Fatalf("%s is empty: make live starts the products and sets it", env)
	}
	server := httptest.NewServer(p)
	p.URL = server.URL
	t.Cleanup(server.Close)
	return p
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.Calls.Add(1)
	body, _ := io.ReadAll(r.Body)
	if p.Down.Load() {
		panic(http.ErrAbortHandler)
	}
	if p.Hang.Load() {
		<-r.Context().Done()
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, p.Direct+r.URL.RequestURI(), bytes.NewReader(body))
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
	if p.Lose.Load() && p.writes(body) {
		panic(http.ErrAbortHandler)
	}
	p.record(body, answer)
	maps.Copy(w.Header(), res.Header)
	w.Header().Del("Content-Length")
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answer)
}

// record keeps an exchange in the folder LIVE_RECORD, when it is set, to be chosen for testdata.
func (p *Proxy) record(question, answer []byte) {
	dir := os.Getenv("LIVE_RECORD")
	if dir == "" {
		return
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%06d", strings.ReplaceAll(p.t.Name(), "/", "-"), p.Calls.Load()))
	for suffix, text := range map[string][]byte{"-asked.json": question, "-answered.json": answer} {
		var pretty bytes.Buffer
		if json.Indent(&pretty, text, "", "\t") != nil {
			pretty.Write(text)
		}
		if err := os.WriteFile(name+suffix, pretty.Bytes(), 0o600); err != nil {
			p.t.Log(err)
		}
	}
}

// Switched is a switch for the suites of sourcetest.
func Switched(b *atomic.Bool) func() (undo func()) {
	return func() func() {
		b.Store(true)
		return func() { b.Store(false) }
	}
}
