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
	// Chances of "error" (a failure in the system's own form), "lost" (the reply is dropped after the
	// effect), "duplicate" and "reorder" (of webhooks).
	Chances map[string]float64
	// Counts of "short" (the next picks come up short), "refuse", "damaged".
	Counts map[string]int
	// Lag is how seldom a system makes the stock that it tells: of this long ago at most.
	Lag map[string]time.Duration
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

func (k *Knobs) lag(system string) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Lag[system]
}

// Server is the world behind HTTP.
type Server struct {
	Engine *Engine
	world  *World
	knobs  *Knobs
	calls  *counter
	bc     bcLimits
	// report is the stock that the WMS told last, where it makes a report only from time to time.
	report report
	mux    *http.ServeMux
}

// bcLimits are Business Central's for one user
// (learn.microsoft.com/dynamics365/business-central/dev-itpro/administration/operational-limits-online): 5 requests are worked on, 95
// more wait, and 6,000 are taken in 5 minutes.
type bcLimits struct {
	slots   chan struct{}
	waiting atomic.Int64
	taken   window
}

// enter waits for a turn. It returns nil when there is none.
func (l *bcLimits) enter(ctx context.Context) (leave func()) {
	if _, wait := l.taken.take(time.Now()); wait > 0 {
		return nil
	}
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > 95 {
		return nil
	}
	select {
	case l.slots <- struct{}{}:
		return func() { <-l.slots }
	case <-ctx.Done():
		return nil
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
	knobs := &Knobs{Latency: map[string]time.Duration{}, Lag: map[string]time.Duration{}, Chances: map[string]float64{}, Counts: map[string]int{}, Outage: map[string]bool{}}
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
		leave := s.bc.enter(r.Context())
		if leave == nil {
			// learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/dynamics-rate-limits
			// tells the status, and neither a code nor how long to stay away.
			(&bcError{http.StatusTooManyRequests, "Unknown", "Too many requests."}).write(w)
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
		fail(w, r, system)
		return
	}
	if s.knobs.chance("lost", system) {
		s.mux.ServeHTTP(&discard{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}
	s.mux.ServeHTTP(w, r)
}

// fail is a failure of a system, in its own form.
func fail(w http.ResponseWriter, r *http.Request, system string) {
	switch system {
	case "bc":
		// The pages of bcError and entraError; that these statuses come with Retry-After is in
		// learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/web-service-troubleshooting.
		w.Header().Set("Retry-After", "1")
		if strings.HasPrefix(r.URL.Path, "/bc/oauth2/") {
			entraError(w, http.StatusServiceUnavailable, "temporarily_unavailable", 90033)
			return
		}
		(&bcError{http.StatusServiceUnavailable, "Internal_ServerError", "Cannot establish a connection to the SQL Server/Database."}).write(w)
	case "shopify": // shopify.dev/docs/api/admin-graphql/latest#status-and-error-codes
		id := guid()
		reply(w, http.StatusOK, object{"errors": []object{{
			"message":    "Internal error. Looks like something went wrong on our end. Request ID: " + id + " (include this in support requests).",
			"extensions": object{"code": "INTERNAL_SERVER_ERROR", "requestId": id},
		}}})
	case shipBobMain, shipBobSouth: // developer.shipbob.com/errors, and the form of developer.shipbob.com/2026-01/api/orders/cancel-order
		reply(w, http.StatusInternalServerError, object{"Server": []string{"Something went wrong."}})
	case "wms": // as warehouse refuses
		reply(w, http.StatusInternalServerError, object{"error": object{"code": "INTERNAL", "message": "something went wrong"}})
	default: // as house refuses
		reply(w, http.StatusInternalServerError, object{"error": "something went wrong"})
	}
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
