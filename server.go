// Command crossdock is a GraphQL federation gateway for distributors.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"crossdock/graph/schema"
	"crossdock/internal/auth"
	"crossdock/internal/bus"
	"crossdock/internal/config"
	"crossdock/internal/postgres"
	"crossdock/internal/telemetry"
	"crossdock/migrations"
	"crossdock/resolvers"
	"crossdock/web"
)

//go:embed sandbox.yaml
var sandboxYAML string

//go:embed docs/crossdock.schema.json
var configSchema []byte

// version is set by the release build.
var version = "dev"

// cli is the command line; its help texts are the manual.
type cli struct {
	Dev      devCmd      `cmd:"" help:"Start everything for a first look: an own PostgreSQL, a simulated trading world, GraphiQL, tokens. Needs no set-up and no network."`
	Serve    serveCmd    `cmd:"" help:"Serve the graph with the sources of a configuration file."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database's schema to this version. serve does it too; this is for doing it ahead of a deployment."`
	Sandbox  sandboxCmd  `cmd:"" help:"Run only the simulated trading world: an ERP, a warehouse, a 3PL and a storefront in their real dialects."`
	Backfill backfillCmd `cmd:"" help:"Load what other systems did before: invoices and orders of the ERP, finished orders of storefronts. Decides nothing and sends nothing; goes on where it stopped."`
	Source   struct {
		Probe probeCmd `cmd:"" help:"Ask a configured source what works: reads only, nothing is written."`
	} `cmd:"" help:"Look at one source."`
	Config struct {
		Check  checkCmd        `cmd:"" help:"Check a configuration file whole, without starting anything."`
		Schema configSchemaCmd `cmd:"" help:"Print the JSON Schema of the configuration, for editors."`
	} `cmd:"" help:"Look at a configuration."`
	Token  tokenCmd `cmd:"" help:"Sign a token of the development issuer."`
	Schema struct {
		Print schemaCmd `cmd:"" help:"Print the schema as clients and routers see it."`
	} `cmd:"" help:"Look at the schema."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// slack is how many bytes are allocated and never touched. The garbage collector starts when the heap has doubled. A gateway keeps so
// little that it would start dozens of times a second; with these bytes counted it starts half as often, for as many bytes of garbage more,
// and as often as ever where much is kept. A GOMEMLIMIT counts them too.
const slack = 16 << 20

func main() {
	unused := make([]byte, slack)
	defer runtime.KeepAlive(unused)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "crossdock:", err)
		os.Exit(1)
	}
}

// shell is what commands may touch of the world around them.
type shell struct {
	ctx    context.Context //nolint:containedctx // kong hands bound values to Run, and this is one
	getenv func(string) string
	out    io.Writer
	log    *slog.Logger
	// passing is handed to what tells its points to tests; nil otherwise.
	passing func(point string)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	var c cli
	exited := false
	parser, err := kong.New(&c, kong.Name("crossdock"), kong.Description("A GraphQL federation gateway for distributors: orders, inventory, pricing, shipments and returns in one governed schema."),
		kong.UsageOnError(), kong.Writers(stdout, stderr), kong.Exit(func(int) { exited = true }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return err
	}
	k, err := parser.Parse(args)
	if exited {
		return nil
	}
	if err != nil {
		return err
	}
	log := slog.New(traceLog{slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelInfo})})
	return k.Run(&shell{ctx: ctx, getenv: getenv, out: stdout, log: log})
}

type serveCmd struct {
	Config string `required:"" type:"path" help:"The configuration file."`
	Listen string `help:"Where to listen; overrides the file."`
}

// Run serves until the process is told to stop.
func (c *serveCmd) Run(s *shell) error {
	first, err := c.read(s)()
	if err != nil {
		return err
	}
	cfg := first.cfg
	if c.Listen != "" {
		cfg.Listen = c.Listen
	}
	if cfg.Database.URL == "" {
		cfg.Database.URL = s.getenv("DATABASE_URL")
	}
	if cfg.Database.URL == "" {
		return errors.New("no database: set database.url in the configuration, or DATABASE_URL")
	}
	l, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	return s.serve(s.ctx, l, first, reloads{c.read(s), hup}, nil)
}

// read reads the configuration again.
func (c *serveCmd) read(s *shell) func() (reading, error) {
	return func() (reading, error) {
		cfg, err := config.Read(c.Config, s.getenv)
		if err != nil {
			return reading{}, err
		}
		issuers, err := issuersOf(cfg)
		return reading{cfg, issuers}, err
	}
}

func issuersOf(cfg *config.Config) ([]auth.Issuer, error) {
	issuers := make([]auth.Issuer, len(cfg.Issuers))
	for i, v := range cfg.Issuers {
		issuers[i] = auth.Issuer{Issuer: v.Issuer, Audience: v.Audience, JWKS: v.JWKS}
	}
	if len(issuers) == 0 {
		return nil, errors.New("no issuers: nobody could ask anything; name at least one under issuers")
	}
	return issuers, nil
}

// serve runs the gateway on the listener until ctx ends: it stops taking requests, ends streams
// with a cursor to resume from, and then stops the work behind. ready is told once it answers.
func (s *shell) serve(ctx context.Context, l net.Listener, first reading, again reloads, ready func(*app) error) error {
	pool, err := postgres.Open(ctx, first.cfg.Database.URL, int32(first.cfg.Database.MaxConns))
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool, migrations.Files); err != nil {
		return err
	}
	presence, err := postgres.Join(ctx, pool)
	if err != nil {
		return err
	}
	defer presence.Leave() //nolint:contextcheck // the presence must end although ctx has
	tracing, err := telemetry.Open(ctx, telemetry.Options{
		Endpoint: cmp.Or(first.cfg.Tracing.Endpoint, s.getenv("OTEL_EXPORTER_OTLP_ENDPOINT")), Sample: *first.cfg.Tracing.Sample, Version: version,
	}, s.log)
	if err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := tracing.Close(last); err != nil {
			s.log.WarnContext(last, "the last traces were lost", "error", err)
		}
	}()
	events := bus.New(pool, s.log)
	events.Passing = s.passing
	stopping := make(chan struct{})
	gw := &gateway{shell: s, pool: pool, tracing: tracing, process: presence.ID, events: events, stopping: stopping, swapped: make(chan struct{}, 1)}
	if err := gw.use(ctx, first); err != nil {
		return err
	}
	defer gw.close()
	server := &http.Server{
		Handler: gw, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	g, gctx := errgroup.WithContext(work)
	g.Go(func() error { return events.Run(gctx) })
	g.Go(func() error { return gw.work(gctx) })
	g.Go(func() error { return gw.follow(gctx, again) })
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		if ready != nil {
			if err := ready(gw.now.app); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-gctx.Done():
		}
		close(stopping)
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(drain); err != nil {
			_ = server.Close()
		}
		stopWork()
		return nil
	})
	return g.Wait()
}

// routes is the whole HTTP surface.
func (a *app) routes(verifier *auth.Verifier, events *bus.Bus, stopping <-chan struct{}, issuers []auth.Issuer) http.Handler {
	executed, charged, places := newOperationMetrics(), newChargeMetrics(), resolvers.NewPlaces(a.cfg.Queries.Concurrent)
	graph := resolvers.Handler(&resolvers.Resolver{
		DepthFirst: a.cfg.Executor == "gqlgen", Executed: executed.count, Places: places, Limits: a.limits, Charged: charged.count, Tracing: a.tracing,
		Accounts: a.accounts, Catalog: a.catalog, Pricing: a.pricing, Inventory: a.inventory, Finance: a.finance, Orders: a.orders,
		Shipments: a.shipments, Returns: a.returns, Operations: a.operations, References: a.references, Shadow: a.shadow, Imports: a.imports, Systems: a.connected(), Bus: events, Log: a.log, Done: stopping,
	}, verifier, a.log)
	guarded := verifier.Require(graph)
	mux := http.NewServeMux()
	mux.Handle("/graphql", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Method == http.MethodOptions {
			graph.ServeHTTP(w, r) // the token comes in connection_init
			return
		}
		guarded.ServeHTTP(w, r)
	}))
	mux.Handle("GET /metrics", verifier.Require(scoped("sources", a.metrics(append(placesMetrics(places), executed, charged.spent, charged.refused)...))))
	mux.Handle("/graphiql/", web.GraphiQL("/graphiql/"))
	mux.Handle("POST /webhooks/{source}", a.inbox)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/graphiql/", http.StatusFound) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.pool.Ping(r.Context()); err != nil {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	for _, i := range issuers {
		if len(i.Keys) > 0 {
			mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(i.Keys)
			})
		}
	}
	return mux
}

type migrateCmd struct {
	DatabaseURL string `env:"DATABASE_URL" required:"" help:"The database."`
}

// Run migrates.
func (c *migrateCmd) Run(s *shell) error {
	pool, err := postgres.Open(s.ctx, c.DatabaseURL, 4)
	if err != nil {
		return err
	}
	defer pool.Close()
	return postgres.Migrate(s.ctx, pool, migrations.Files)
}

type checkCmd struct {
	File string `arg:"" type:"path" help:"The configuration file."`
}

// Run checks a configuration.
func (c *checkCmd) Run(s *shell) error {
	cfg, err := config.Read(c.File, s.getenv)
	if err != nil {
		return err
	}
	if _, err := build(cfg, nil, 0, s.log); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	_, err = fmt.Fprintf(s.out, "%s is good: %d sources, %d nodes, %d issuers\n", c.File, len(cfg.Sources), len(cfg.Nodes), len(cfg.Issuers))
	return err
}

type configSchemaCmd struct{}

// Run prints the JSON Schema of the configuration.
func (*configSchemaCmd) Run(s *shell) error {
	_, err := s.out.Write(configSchema)
	return err
}

type schemaCmd struct{}

// Run prints the schema.
func (*schemaCmd) Run(s *shell) error {
	return schema.Print(s.out)
}

type versionCmd struct{}

// Run prints the version.
func (*versionCmd) Run(s *shell) error {
	_, err := fmt.Fprintln(s.out, "crossdock", version)
	return err
}
