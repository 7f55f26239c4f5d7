package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"reflect"
	"sync"
	"time"

	"crossdock/internal/auth"
	"crossdock/internal/bus"
	"crossdock/internal/config"
	"crossdock/internal/postgres"
	"crossdock/internal/telemetry"
	"crossdock/sources/ingest"
)

// reading is what one reading of the configuration says.
type reading struct {
	cfg     *config.Config
	issuers []auth.Issuer
}

// reloads says when the configuration is read again, and how; its zero value is never.
type reloads struct {
	read func() (reading, error)
	when <-chan os.Signal
}

// gateway serves by the configuration as it was last read. Requests end by the one that they began with.
type gateway struct {
	*shell
	pool     *postgres.Pool
	process  int32
	tracing  *telemetry.Tracing
	events   *bus.Bus
	stopping chan struct{}
	// swapped tells the work behind that there is another generation.
	swapped chan struct{}

	mu  sync.Mutex
	now *generation
}

// generation is the object graph of one reading.
type generation struct {
	*app
	handler  http.Handler
	requests sync.WaitGroup
	issuers  []auth.Issuer
	verifier *auth.Verifier
	// end stops the verifier, if no later generation has taken it over.
	end context.CancelFunc
}

// verify gets the keys of the issuers.
func (g *generation) verify(ctx context.Context) (err error) {
	ctx, g.end = context.WithCancel(ctx)
	if g.verifier, err = auth.New(ctx, g.issuers); err != nil {
		g.end()
	}
	return err
}

// use serves by another reading from now on. When that cannot be, everything stays as it is.
func (g *gateway) use(ctx context.Context, r reading) error {
	a, err := build(r.cfg, g.pool, g.process, g.log)
	if err != nil {
		return err
	}
	a.queue.Passing, a.orders.Passing = g.passing, g.passing
	a.follow(g.tracing)
	next := &generation{app: a, issuers: r.issuers, end: func() {}}
	last := g.now // nobody else changes it
	if last != nil && reflect.DeepEqual(last.issuers, r.issuers) {
		// Its keys are there already, also while the issuer cannot be asked.
		next.verifier, next.end, last.end = last.verifier, last.end, next.end
	} else if err := next.verify(ctx); err != nil {
		return err
	}
	if last != nil {
		a.limits = last.limits
	}
	next.handler = a.routes(next.verifier, g.events, g.stopping, r.issuers)
	g.mu.Lock()
	if last != nil {
		for name, t := range a.transports {
			t.Inherit(last.transports[name])
		}
		a.limits.Set(limitsOf(r.cfg.Limits))
	}
	g.now = next
	g.mu.Unlock()
	if last == nil {
		return nil
	}
	select {
	case g.swapped <- struct{}{}:
	default:
	}
	go last.retire()
	return nil
}

// retire frees what a generation holds once nobody needs it.
func (g *generation) retire() {
	g.requests.Wait()
	g.end()
	g.close()
}

// close frees what the last generation holds.
func (g *gateway) close() {
	g.now.end()
	g.now.close()
}

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	now := g.now
	now.requests.Add(1)
	g.mu.Unlock()
	defer now.requests.Done()
	now.handler.ServeHTTP(w, r)
}

// work runs the work behind, by one generation after the other. What fails at the start of the process ends it; after
// that a generation that fails is run again.
func (g *gateway) work(ctx context.Context) error {
	for reloaded := false; ctx.Err() == nil; {
		g.mu.Lock()
		now := g.now
		g.mu.Unlock()
		run, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- now.run(run) }()
		select {
		case err := <-done:
			stop()
			if ctx.Err() != nil || !reloaded {
				return err
			}
			g.log.ErrorContext(ctx, "the work behind has ended and is begun again", "error", err)
			_ = ingest.Pause(ctx, time.Second)
		case <-g.swapped:
			reloaded = true
			stop()
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				g.log.WarnContext(ctx, "the work behind has not ended in order", "error", err)
			}
		}
	}
	return nil
}

// follow reads the configuration again whenever it is told to.
func (g *gateway) follow(ctx context.Context, again reloads) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.when:
			if err := g.reload(ctx, again); err != nil {
				g.log.ErrorContext(ctx, "the configuration stays as it was", "error", err)
				continue
			}
			g.log.InfoContext(ctx, "the configuration was read again", "sources", len(g.now.cfg.Sources), "nodes", len(g.now.cfg.Nodes))
		}
	}
}

// reload serves by the file as it is now. Where we listen, the database and where traces go are those that we began with.
func (g *gateway) reload(ctx context.Context, again reloads) error {
	r, err := again.read()
	if err != nil {
		return err
	}
	was := g.now.cfg
	if url := r.cfg.Database.URL; url != "" && url != was.Database.URL {
		return errors.New("database.url has changed: that needs a restart")
	}
	r.cfg.Listen, r.cfg.Database, r.cfg.Tracing = was.Listen, was.Database, was.Tracing
	return g.use(ctx, r)
}
