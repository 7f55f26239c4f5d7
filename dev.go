package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"crossdock/internal/auth"
	"crossdock/internal/config"
	"crossdock/internal/embedded"
	"crossdock/sandbox"
	"crossdock/sandbox/exports"
)

type devCmd struct {
	Listen  string        `help:"Where to listen; 127.0.0.1:8080, or as the configuration says."`
	DataDir string        `default:"crossdock-data" type:"path" help:"Where everything is kept; a second start finds it again."`
	Print   string        `enum:"text,json" default:"text" help:"How to say that it is ready: text, or one line of json."`
	Tick    time.Duration `default:"3s" help:"How long each step of picking, packing and carrying takes."`
	Seed    int64         `default:"1" help:"What the simulated distributor is made from, at its first start."`
	Size    string        `enum:"small,medium,large" default:"small" help:"How large it is: 60, 500 or 5000 items."`
	// Unlimited is for measuring Crossdock rather than how long its limits make it wait.
	Unlimited bool     `help:"Hold no call back that a product's rate would not allow. For measuring."`
	Shadow    []string `placeholder:"SOURCE" help:"Read these sources and never write to them; shadowWrites shows what is kept back."`
	// Postgres comes before every other place where a server may be.
	Postgres string `type:"existingdir" placeholder:"DIR" help:"A folder with initdb and postgres, in place of those found on the machine."`
	// Config and Buyer put systems of one's own in the sandbox's place.
	Config string `type:"existingfile" placeholder:"FILE" and:"own" help:"A configuration of sources and nodes, in place of the sandbox."`
	Buyer  string `placeholder:"ACCOUNT" and:"own" help:"Whose buyer the tokens are, with --config."`
	exportFlags
}

// exportFlags choose a distributor's own exports in place of the simulated one.
type exportFlags struct {
	Data        string `type:"existingdir" placeholder:"DIR" help:"Load a distributor's own exports in place of the simulated one: accounts.csv, items.csv and more; docs/exports.md describes them."`
	SkipBadRows bool   `help:"Leave rows out that are wrong, after listing them, instead of stopping."`
}

// read reads the exports and says on w how they were understood.
func (f exportFlags) read(w io.Writer) (*exports.Business, error) {
	b, err := exports.Read(f.Data)
	if b != nil {
		for _, file := range b.Files {
			_, _ = fmt.Fprintf(w, "%s: %d rows; %s\n", file.Name, file.Rows, understood(file))
		}
	}
	if _, bad := errors.AsType[exports.RowErrors](err); bad && f.SkipBadRows {
		_, _ = fmt.Fprintf(w, "left out: %v\n", err)
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w\nMend the files, name columns in columns.yaml, or leave bad rows out with --skip-bad-rows", err)
	}
	return b, nil
}

// understood says which heading was taken for which column.
func understood(f exports.File) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f.Columns)) {
		if heading := f.Columns[name]; heading == name {
			out = append(out, name)
		} else {
			out = append(out, name+" from "+heading)
		}
	}
	text := strings.Join(out, ", ")
	if len(f.Ignored) > 0 {
		text += "; not read: " + strings.Join(f.Ignored, ", ")
	}
	return text
}

// Run starts the database, the sandbox and the gateway, and stops them in reverse.
func (c *devCmd) Run(s *shell) error {
	if err := os.MkdirAll(c.DataDir, 0o711); err != nil { //nolint:gosec // the database's user must pass through
		return fmt.Errorf("data folder: %w", err)
	}
	var own *config.Config
	var err error
	if c.Config != "" {
		if own, err = config.Read(c.Config, s.getenv); err != nil {
			return err
		}
	}
	l, err := c.listen(s.ctx, own)
	if err != nil {
		return fmt.Errorf("listen: %w; choose another address with --listen", err)
	}
	url := s.getenv("DATABASE_URL")
	var gone <-chan error
	if url == "" {
		db, err := embedded.Start(s.ctx, embedded.Config{Dir: filepath.Join(c.DataDir, "postgres"), Binaries: c.Postgres, Log: s.log})
		if err != nil {
			return err
		}
		defer func() { _ = db.Stop() }()
		if err := db.CreateDatabase(s.ctx, "crossdock", ""); err != nil {
			return fmt.Errorf("create the database: %w", err)
		}
		url, gone = db.URL("crossdock"), db.Exited()
	}
	w, err := c.surround(s, own, l.Addr().String())
	if err != nil {
		return err
	}
	defer w.stop()
	w.cfg.Database.URL = url
	for i := range w.cfg.Sources {
		source := &w.cfg.Sources[i]
		source.Shadow = source.Shadow || slices.Contains(c.Shadow, source.Name)
		if r := &source.Policy.Rate; c.Unlimited {
			r.Calls, r.Per = math.MaxInt32, config.Duration(time.Second)
		}
	}
	issuer, err := auth.OpenDev(c.DataDir)
	if err != nil {
		return err
	}
	signs, err := issuer.Issuer()
	if err != nil {
		return err
	}
	issuers := []auth.Issuer{signs}
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-w.exited:
			cancel(fmt.Errorf("the sandbox ended: %w", err))
		case err := <-gone:
			cancel(fmt.Errorf("PostgreSQL ended (%w); the next start recovers what it had", err))
		case <-ctx.Done():
		}
	}()
	err = s.serve(ctx, l, reading{w.cfg, issuers}, reloads{}, func(a *app) error {
		a.pollERP(ctx)
		go func() {
			if err := a.backfill(ctx, nil, unseen); err != nil && ctx.Err() == nil {
				s.log.ErrorContext(ctx, "backfill", "error", err)
			}
		}()
		if w.guide.SKUs[0] == "" {
			if skus, err := a.catalog.Next(ctx, "", 2); err == nil && len(skus) == 2 {
				w.guide.SKUs = [2]string{string(skus[0]), string(skus[1])}
			}
		}
		return c.announce(s, l.Addr().String(), w, issuer)
	})
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// surroundings are the systems around the gateway.
type surroundings struct {
	cfg   *config.Config
	guide sandbox.Guide
	// url and about are where the sandbox is and what it says of itself; empty for systems of one's own.
	url, about string
	// exited tells that the sandbox has ended.
	exited <-chan error
	stop   func()
}

// listen takes the address that was asked for, on the command line or in the configuration.
func (c *devCmd) listen(ctx context.Context, own *config.Config) (net.Listener, error) {
	addr := "127.0.0.1:8080"
	if own != nil {
		addr = own.Listen
	}
	if c.Listen != "" {
		addr = c.Listen
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
}

// surround starts a sandbox, unless systems of one's own are there.
func (c *devCmd) surround(s *shell, own *config.Config, addr string) (*surroundings, error) {
	if own != nil {
		return &surroundings{cfg: own, guide: sandbox.Guide{Buyer: c.Buyer}, stop: func() {}}, nil
	}
	box, err := startSandbox(s.ctx, c)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Parse(strings.NewReader(box.config(addr)), s.getenv)
	if err != nil {
		box.stop()
		return nil, err
	}
	cfg.Nodes = box.nodes(cfg.Nodes)
	return &surroundings{cfg: cfg, guide: box.Guide, url: box.URL, about: box.World, exited: box.exited, stop: box.stop}, nil
}

// announce says that everything is ready and what to do next.
func (c *devCmd) announce(s *shell, addr string, w *surroundings, issuer *auth.Dev) error {
	tokens := map[string]string{}
	for who, grant := range auth.DevGrants(w.guide.Buyer) {
		t, err := issuer.Token(grant)
		if err != nil {
			return err
		}
		tokens[who] = t
	}
	graphql, graphiql := "http://"+addr+"/graphql", "http://"+addr+"/graphiql/"
	if c.Print == "json" {
		return json.NewEncoder(s.out).Encode(map[string]any{"graphql": graphql, "graphiql": graphiql, "tokens": tokens, "sandbox": w.url})
	}
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "\nCrossdock is ready.\n\n  GraphiQL   %s#token=%s&skus=%s,%s\n  GraphQL    %s\n", graphiql, tokens["buyer"], w.guide.SKUs[0], w.guide.SKUs[1], graphql)
	if w.url == "" {
		_, _ = fmt.Fprintf(&b, "  Systems    %s\n", c.Config)
	} else {
		_, _ = fmt.Fprintf(&b, "  Sandbox    %s/admin/knobs\n  World      %s\n", w.url, w.about)
	}
	_, _ = fmt.Fprintf(&b, "  Data       %s\n\nTokens (for a year, of this machine's own issuer; the buyer's account is %s):\n\n", c.DataDir, w.guide.Buyer)
	for _, who := range slices.Sorted(maps.Keys(tokens)) {
		fmt.Fprintf(&b, "  export %s=%s\n\n", strings.ToUpper(who), tokens[who])
	}
	_, _ = fmt.Fprintf(&b, `Place an order:

  curl -s %[1]s -H "Authorization: Bearer $BUYER" -H 'Content-Type: application/json' -d '{"query":"mutation { placeOrder(input: {idempotencyKey: \"first\", poNumber: \"PO-1\", lines: [{sku: \"%[2]s\", quantity: {value: \"5\"}}, {sku: \"%[3]s\", quantity: {value: \"2\"}}]}) { decision order { id number status } findings { code message } errors { code path message } } }"}'

Watch it being picked, packed, shipped and delivered:

  curl -sN %[1]s -H "Authorization: Bearer $BUYER" -H 'Accept: text/event-stream' -H 'Content-Type: application/json' -d '{"query":"subscription { fulfillmentEvents(after: \"p0\") { type occurredAt cursor } }"}'

See it whole:

  curl -s %[1]s -H "Authorization: Bearer $BUYER" -H 'Content-Type: application/json' -d '{"query":"{ orders(first: 1) { nodes { number status fulfillment shipments { trackingNumber status } invoices { number total { amount currency } } } } }"}'

Ctrl-C stops everything; the next start goes on from here.
`, graphql, w.guide.SKUs[0], w.guide.SKUs[1])
	_, err := io.WriteString(s.out, b.String())
	return err
}

// told is what the sandbox says of itself on one line when it is ready.
type told struct {
	URL      string         `json:"url"`
	Company  string         `json:"company"`
	Currency string         `json:"currency"`
	World    string         `json:"world"`
	Sites    []sandbox.Site `json:"sites"`
	Guide    sandbox.Guide  `json:"guide"`
}

func tell(w *sandbox.World, url string) told {
	return told{URL: url, Company: w.Company(), Currency: w.Currency(), World: w.String(), Sites: w.Sites(), Guide: w.Guide()}
}

// config is sandbox.yaml for this sandbox.
func (t told) config(listen string) string { return t.fill(sandboxYAML, listen) }

// fill fills in the braces of a configuration.
func (t told) fill(yaml, listen string) string {
	return strings.NewReplacer("{base}", t.URL, "{listen}", listen, "{company}", t.Company, "{currency}", t.Currency, "{shop}", t.Guide.Shop).Replace(yaml)
}

// nodes are the sandbox's places as Crossdock's configuration has them, with the services of those that it names.
func (t told) nodes(configured []config.Node) []config.Node {
	out := make([]config.Node, len(t.Sites))
	for i, s := range t.Sites {
		out[i] = config.Node{ID: s.Node, Name: s.Name, Kind: "WAREHOUSE", Source: "wms", Location: s.Code, Priority: i + 1, TimeZone: s.TimeZone}
		if n := slices.IndexFunc(configured, func(n config.Node) bool { return n.ID == s.Node }); n >= 0 {
			out[i].Services = configured[n].Services
		}
		if source, ok := map[string]string{"shipbob": "threepl", "shipbob-south": "threepl-south"}[s.System]; ok {
			out[i].Kind, out[i].Source = "THIRD_PARTY", source
		}
	}
	return out
}

// child is the sandbox as a process of its own.
type child struct {
	told
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan error
}

func startSandbox(ctx context.Context, c *devCmd) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	// The sandbox ends when its standard input does, whatever ends us.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, "sandbox", "--dir", filepath.Join(c.DataDir, "sandbox"), "--tick", c.Tick.String(), //nolint:gosec // ourselves
		"--seed", fmt.Sprint(c.Seed), "--size", c.Size, "--until-eof")
	if c.Data != "" {
		cmd.Args = append(cmd.Args, "--data", c.Data, fmt.Sprintf("--skip-bad-rows=%t", c.SkipBadRows))
	}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	out := &child{cmd: cmd, stdin: stdin, exited: make(chan error, 1)}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &out.told)
	}
	go func() { out.exited <- cmd.Wait() }()
	if err != nil {
		return nil, errors.New("the sandbox did not start; what it said is above")
	}
	return out, nil
}

func (c *child) stop() {
	_ = c.stdin.Close()
	select {
	case <-c.exited: //nolint:errcheck // how it ended no longer matters
	case <-time.After(5 * time.Second):
		_ = c.cmd.Process.Kill()
	}
}

type sandboxCmd struct {
	Listen   string        `default:"127.0.0.1:0" help:"Where to listen; port 0 takes any free one."`
	Dir      string        `default:"crossdock-data/sandbox" type:"path" help:"Where the world is kept."`
	Tick     time.Duration `default:"3s" help:"How long each step takes; 0 stops the clock, and POST /admin/step moves it."`
	Seed     int64         `default:"1" help:"What the world is made from, at its first start."`
	Size     string        `enum:"small,medium,large" default:"small" help:"How large it is."`
	UntilEOF bool          `name:"until-eof" hidden:"" help:"End when standard input ends."`
	exportFlags
}

// Run serves the world until the process is told to stop.
func (c *sandboxCmd) Run(s *shell) error {
	size := map[string]sandbox.Size{"small": {Customers: 40, Items: 60}, "medium": {Customers: 400, Items: 500}, "large": {Customers: 4000, Items: 5000}}[c.Size]
	from := sandbox.Seeded(c.Seed, size)
	if c.Data != "" {
		business, err := c.read(os.Stderr)
		if err != nil {
			return err
		}
		from = sandbox.Loaded(business)
	}
	world, err := sandbox.Open(c.Dir, from, time.Now)
	if err != nil {
		return err
	}
	defer func() { _ = world.Close() }()
	l, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	if c.UntilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	if err := json.NewEncoder(s.out).Encode(tell(world, "http://"+l.Addr().String())); err != nil {
		return err
	}
	return sandbox.New(world, sandbox.DefaultSecrets(), c.Tick, s.log).Serve(ctx, l)
}

type tokenCmd struct {
	DataDir  string        `default:"crossdock-data" type:"path" help:"The development issuer's folder."`
	Subject  string        `required:"" help:"Who the token is about."`
	Role     string        `default:"BUYER" help:"What they are."`
	Scope    string        `default:"orders" help:"What they may do, separated by blanks: orders, orders:approve, orders:release, credit:release, pricing:release, pricing:override, orders:override, rules, tax, returns:approve, operations, sources."`
	Accounts []string      `help:"Whose rows they may see; * for all."`
	For      time.Duration `default:"24h" help:"How long it is good for."`
}

// Run signs a token.
func (c *tokenCmd) Run(s *shell) error {
	issuer, err := auth.OpenDev(c.DataDir)
	if err != nil {
		return err
	}
	t, err := issuer.Token(auth.Grant{Subject: c.Subject, Role: c.Role, Scope: c.Scope, Accounts: c.Accounts, For: c.For})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, t)
	return err
}

type probeCmd struct {
	Name   string `arg:"" help:"The source's name."`
	Config string `required:"" type:"path" help:"The configuration file."`
}

// Run probes a source.
func (c *probeCmd) Run(s *shell) error {
	cfg, err := config.Read(c.Config, s.getenv)
	if err != nil {
		return err
	}
	a, err := build(cfg, nil, 0, s.log)
	if err != nil {
		return err
	}
	return a.probe(s.ctx, s.out, c.Name)
}
