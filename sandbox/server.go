package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Knobs is the trouble that the world makes, by kind and system. A chance is between 0 and 1;
// a count is used up one by one.
type Knobs struct {
	mu      sync.Mutex
	Latency map[string]time.Duration
	// Chances of "error" (500), "lost" (the reply is dropped after the effect), "duplicate" and
	// "reorder" (of webhooks).
	Chances map[string]float64
	// Counts of "short" (the next picks come up short), "refuse", "damaged".
	Counts map[string]int
	// Outage lists systems that refuse every call.
	Outage map[string]bool
}

func (k *Knobs) chance(kind, system string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.Chances[kind+":"+system]
	return p > 0 && rand.Float64() < p
}

func (k *Knobs) take(kind, system string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := kind + ":" + system
	if k.Counts[key] <= 0 {
		return false
	}
	k.Counts[key]--
	return true
}

func (k *Knobs) state(system string) (time.Duration, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Latency[system], k.Outage[system]
}

// Server is the world behind HTTP.
type Server struct {
	Engine *Engine
	world  *World
	knobs  *Knobs
	calls  *counter
	bc     bcLimits
	mux    *http.ServeMux
}

// bcLimits are Business Central's for one user
// (learn.microsoft.com …/administration/operational-limits-online): 5 requests are worked on, 95
// more wait, and 6,000 are taken in 5 minutes.
type bcLimits struct {
	slots   chan struct{}
	waiting atomic.Int64
	taken   window
}

// enter waits for a turn. It returns how long to stay away when there is none.
func (l *bcLimits) enter(ctx context.Context) (leave func(), wait time.Duration) {
	if _, wait := l.taken.take(time.Now()); wait > 0 {
		return nil, wait
	}
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > 95 {
		return nil, time.Second
	}
	select {
	case l.slots <- struct{}{}:
		return func() { <-l.slots }, 0
	case <-ctx.Done():
		return nil, time.Second
	}
}

type counter struct {
	mu sync.Mutex
	by map[string]int
}

func (c *counter) add(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by[key]++
}

// Secrets are the credentials that the world accepts.
type Secrets struct {
	ClientID, ClientSecret, WMSKey, ShipBobToken, ShopifyToken string
}

// DefaultSecrets are the sandbox's credentials; they guard nothing.
func DefaultSecrets() Secrets {
	return Secrets{ClientID: "crossdock", ClientSecret: "sandbox-secret", WMSKey: "wms-sandbox-key", ShipBobToken: "shipbob-sandbox-pat", ShopifyToken: "shpat_sandbox"}
}

// New serves the world, moving its work one step each tick.
func New(w *World, secrets Secrets, tick time.Duration, log *slog.Logger) *Server {
	knobs := &Knobs{Latency: map[string]time.Duration{}, Chances: map[string]float64{}, Counts: map[string]int{}, Outage: map[string]bool{}}
	s := &Server{
		Engine: &Engine{world: w, knobs: knobs, tick: tick, log: log, out: make(chan delivery, 10_000), held: map[string]*delivery{}, told: map[string]int{}},
		world:  w, knobs: knobs, calls: &counter{by: map[string]int{}}, mux: http.NewServeMux(),
		bc: bcLimits{slots: make(chan struct{}, 5), taken: window{Span: 5 * time.Minute, Limit: 6000}},
	}
	s.businessCentral(secrets)
	s.warehouse(secrets)
	s.shipBob(shipBobMain, secrets)
	s.shipBob(shipBobSouth, secrets)
	s.mux.HandleFunc("POST /admin/bc/limit", s.bc.taken.set)
	s.shopify(secrets)
	s.house(secrets)
	s.admin()
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	system, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if system == "admin" {
		s.mux.ServeHTTP(w, r)
		return
	}
	latency, outage := s.knobs.state(system)
	s.calls.add(system)
	if outage {
		panic(http.ErrAbortHandler)
	}
	if system == "bc" {
		leave, wait := s.bc.enter(r.Context())
		if leave == nil {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
			(&bcError{http.StatusTooManyRequests, "Application_TooManyRequests", "Too many requests reached. Actual (429). Maximum is reached."}).write(w)
			return
		}
		defer leave()
	}
	if latency > 0 {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(latency):
		}
	}
	if s.knobs.chance("error", system) {
		http.Error(w, `{"error":"internal"}`, http.StatusInternalServerError)
		return
	}
	if s.knobs.chance("lost", system) {
		s.mux.ServeHTTP(&discard{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}
	s.mux.ServeHTTP(w, r)
}

// discard takes a reply that never arrives.
type discard struct {
	header http.Header
	body   bytes.Buffer
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return d.body.Write(b) }
func (d *discard) WriteHeader(int)             {}

// maxBody bounds what the world reads of one request.
const maxBody = 4 << 20

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.UseNumber()
	return dec.Decode(v) == nil
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

type object = map[string]any

// Serve answers on the listener and moves the world until the context ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Engine.Run(ctx)
		_ = server.Close()
	}()
	err := server.Serve(l)
	<-done
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
