package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/imports"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/references"
	"crossdock/domains/returns"
	"crossdock/domains/shadow"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/graph/model"
	"crossdock/internal/config"
	"crossdock/internal/limits"
	"crossdock/internal/postgres"
	"crossdock/internal/telemetry"
	"crossdock/resolvers"
	"crossdock/sources/ecommerce/shopify"
	"crossdock/sources/ecommerce/vendure"
	"crossdock/sources/erp/businesscentral"
	erptryton "crossdock/sources/erp/tryton"
	"crossdock/sources/ingest"
	"crossdock/sources/rest"
	"crossdock/sources/route"
	"crossdock/sources/threepl/shipbob"
	"crossdock/sources/transport"
	"crossdock/sources/trytonrpc"
	wmstryton "crossdock/sources/wms/tryton"
	"crossdock/workflows"
)

// erp is what a system of record must be able to do.
type erp interface {
	accounts.Source
	catalog.Source
	pricing.Source
	finance.CreditSource
	finance.Books
	finance.Archive
	orders.Registrar
	orders.Archive
	Transport() *transport.Client
}

// shop is what a storefront must be able to do.
type shop interface {
	orders.Shop
	orders.ShopFeed
	shipments.Notifier
	inventory.Publisher
}

// app is the whole object graph. It is built top to bottom: configuration, sources, domains,
// processes, ingest.
type app struct {
	cfg  *config.Config
	pool *postgres.Pool
	log  *slog.Logger
	// tracing follows what begins here; nil follows nothing.
	tracing *telemetry.Tracing
	// limits are those of callers. They outlive a reload.
	limits *limits.Limits

	erp        erp
	systems    map[string]route.System
	shops      map[string]shop
	stock      map[string]inventory.Source
	historians map[string]shipments.Historian
	transports map[string]*transport.Client

	accounts   *accounts.Service
	catalog    *catalog.Service
	pricing    *pricing.Service
	inventory  *inventory.Service
	finance    *finance.Service
	orders     *orders.Service
	shipments  *shipments.Service
	returns    *returns.Service
	operations *operations.Service
	references *references.Service
	shadow     *shadow.Service
	imports    *imports.Service

	queue     *workflows.Queue
	processes *workflows.Processes
	shopping  *ingest.Shops
	nodes     *ingest.Nodes
	inbox     *ingest.Inbox
	cursors   ingest.Store
}

// build wires everything. It opens no connection to a source and starts nothing. The process is
// the presence under which this one claims work.
func build(cfg *config.Config, pool *postgres.Pool, process int32, log *slog.Logger) (*app, error) {
	a := &app{cfg: cfg, pool: pool, log: log, systems: map[string]route.System{}, shops: map[string]shop{}, historians: map[string]shipments.Historian{}, transports: map[string]*transport.Client{}, cursors: ingest.Store{Pool: pool}}
	all, clients := limitsOf(cfg.Limits)
	a.limits = limits.New(pool, all, clients)
	stock, err := a.connect()
	if err != nil {
		return nil, err
	}
	a.stock = stock
	nodes, err := nodesOf(cfg)
	if err != nil {
		return nil, err
	}
	now := func() time.Time { return time.Now().UTC() }
	a.processes = &workflows.Processes{Now: now}
	a.operations = operations.New(pool, retrier{a})
	a.processes.Exceptions = a.operations
	a.queue, err = workflows.NewQueue(pool, a.operations, workflows.Policy{
		Attempts: cfg.Jobs.Attempts, Base: time.Duration(cfg.Jobs.Base), Cap: time.Duration(cfg.Jobs.Cap), Lease: time.Duration(cfg.Jobs.Lease),
	}, cfg.Jobs.Workers, log)
	if err != nil {
		return nil, err
	}
	a.shadow = shadow.New(pool)
	a.queue.Shadow, a.queue.InShadow = a.shadow, shadows(cfg)
	for _, s := range cfg.Sources {
		a.queue.Bound(a.transports[s.Name].Places(lookup.Work), destinations(cfg, s.Name)...)
	}
	a.inbox = ingest.NewInbox(pool, a.operations, now, log)
	a.inbox.Candidates = a.candidates
	a.references = references.New(pool, a)
	a.references.Known = a.known
	a.inbox.Mapping = a.references.Mapping

	fresh := cfg.Freshness
	a.accounts = accounts.New(pool, a.erp, agesOf(fresh.Accounts))
	a.catalog = catalog.New(pool, a.erp, agesOf(fresh.Items))
	a.pricing = pricing.New(pool, a.erp, agesOf(fresh.Prices))
	a.inventory = inventory.New(pool, route.NewStock(nodes, stock, a.itemsOf), nodes, time.Duration(cfg.Intake.StockStale), agesOf(fresh.Stock))
	if a.inventory.Channels, err = a.channels(); err != nil {
		return nil, err
	}
	a.finance = finance.New(pool, a.erp, time.Duration(cfg.Intake.CreditStale), agesOf(fresh.Credit), now)
	facts := &workflows.Facts{Accounts: a.accounts, Catalog: a.catalog, Pricing: a.pricing, Inventory: a.inventory, Finance: a.finance, MaxAge: time.Duration(*cfg.Intake.MaxAge)}
	a.orders = orders.New(pool, process, facts, workflows.Stock{Service: a.inventory}, workflows.Credit{Service: a.finance}, a.processes, now)
	a.orders.Bring(shipments.BesideOrders)
	a.imports = imports.New(pool, process, workflows.Intake{Service: a.orders}, now, log)
	a.shipments = shipments.New(pool, a.processes, now)
	a.returns = returns.New(pool, a.processes, a.processes.Returning(), now)

	p := a.processes
	p.References, p.Candidates = a.references, a.candidates
	p.Queue, p.Orders, p.Shipments, p.Inventory, p.Finance, p.Returns = a.queue, a.orders, a.shipments, a.inventory, a.finance, a.returns
	p.Systems = workflows.Systems{ERP: a.erp.Transport().Name(), Registrar: a.erp, Archive: a.erp, Books: a.erp, Fulfillers: map[trade.NodeID]shipments.Fulfiller{}, Receivers: map[trade.NodeID]returns.Receiver{}}
	p.Systems.Historians = a.historians
	p.Systems.Confirmer, _ = a.erp.(orders.Confirmer)
	p.Systems.Shops, p.Systems.Notifiers = map[string]orders.Shop{}, map[string]shipments.Notifier{}
	for name, c := range a.shops {
		p.Systems.Shops[name], p.Systems.Notifiers[name] = c, c
	}
	for _, n := range nodes {
		if system := a.systems[n.Source]; system != nil {
			place := route.Place{System: system, Source: n.Source, Location: trade.NodeID(n.Location), Names: a.itemsOf}
			p.Systems.Fulfillers[n.ID], p.Systems.Receivers[n.ID] = place, place
		}
	}
	p.Attach()
	for _, s := range cfg.Sources {
		a.hook(s)
	}
	a.shopping = &ingest.Shops{Orders: a.orders, Feeds: map[string]orders.ShopFeed{}, Changed: p.ObserveShopOrder, Finished: p.ObserveFinished, Names: a.references.Of, Cursors: a.cursors, Inbox: a.inbox, Now: now, Log: log}
	for name, c := range a.shops {
		a.shopping.Feeds[name] = c
		f := a.shopping.Feed(name, c)
		a.inbox.Again[f.ID()] = f.Again
	}
	for _, f := range a.books() {
		a.inbox.Again[f.ID()] = f.Again
	}
	a.nodes = &ingest.Nodes{Shipments: a.shipments, Returns: a.returns, Fulfillers: p.Systems.Fulfillers, Receivers: p.Systems.Receivers, Log: log}
	return a, nil
}

// connect makes the adapter of every configured source.
func (a *app) connect() (map[string]inventory.Source, error) {
	stock := map[string]inventory.Source{}
	for _, s := range a.cfg.Sources {
		switch s.Product {
		case "businesscentral":
			c, err := businesscentral.New(s.Name, s.URL, businesscentral.Config{Company: s.Company, ClientID: s.ClientID, ClientSecret: s.Secret, TokenURL: s.TokenURL, Currency: trade.Currency(s.Currency), Policy: policyOf(s)})
			if err != nil {
				return nil, err
			}
			a.erp, a.transports[s.Name] = c, c.Transport()
		case "tryton":
			c, err := erptryton.New(s.Name, s.URL, erptryton.Config{Config: trytonOf(s), Shop: s.Shop})
			if err != nil {
				return nil, err
			}
			a.erp, a.transports[s.Name] = c, c.Transport()
		case "tryton-wms":
			c, err := wmstryton.New(s.Name, s.URL, trytonOf(s))
			if err != nil {
				return nil, err
			}
			stock[s.Name], a.systems[s.Name], a.transports[s.Name] = c, c, c.Transport()
		case "shipbob":
			c, err := shipbob.New(s.Name, s.URL, shipbob.Config{Token: s.Secret, Channel: s.Channel, Policy: policyOf(s)})
			if err != nil {
				return nil, err
			}
			stock[s.Name], a.systems[s.Name], a.transports[s.Name] = c, c, c.Transport()
		case "shopify":
			c, err := shopify.New(s.Name, s.URL, shopify.Config{Token: s.Secret, Account: trade.AccountID(s.Account), Location: s.Location, Policy: policyOf(s)})
			if err != nil {
				return nil, err
			}
			a.shops[s.Name], a.transports[s.Name] = c, c.Transport()
		case "vendure":
			c, err := vendure.New(s.Name, s.URL, vendure.Config{Key: s.Secret, Account: trade.AccountID(s.Account), Location: s.Location, Policy: policyOf(s)})
			if err != nil {
				return nil, err
			}
			a.shops[s.Name], a.transports[s.Name] = c, c.Transport()
		case "rest":
			cfg := rest.Config{Header: s.Header, Secret: s.Secret, Policy: policyOf(s), Account: trade.AccountID(s.Account)}
			if err := s.Operations.Decode(&cfg.Operations); err != nil {
				return nil, fmt.Errorf("source %s: operations: %w", s.Name, err)
			}
			c, err := rest.New(s.Name, s.URL, cfg)
			if err != nil {
				return nil, err
			}
			a.transports[s.Name] = c.Transport()
			if c.Has("stock") {
				stock[s.Name] = c
			}
			if c.Has("shipped", "shipment") {
				a.historians[s.Name] = route.Past{System: c, Source: s.Name, Names: a.itemsOf}
			}
			if c.Has("release", "reports", "recall", "expect", "receipts") {
				a.systems[s.Name] = c
			}
			if c.Has(rest.ERP()...) {
				a.erp = c
			}
			if c.Has(rest.Storefront()...) {
				a.shops[s.Name] = c
			}
		}
	}
	if a.erp == nil {
		return nil, errors.New("the configuration has no ERP: add a source of product businesscentral or tryton, or one of product rest with all operations of an ERP (docs/partners/rest.md)")
	}
	return stock, nil
}

// policyOf is what a configuration bounds of how a source is called.
func policyOf(s config.Source) transport.Policy {
	retries := func(n *int) int {
		switch {
		case n == nil:
			return 0
		case *n == 0:
			return -1
		default:
			return *n
		}
	}
	p := s.Policy
	out := transport.Policy{
		Timeout: time.Duration(cmp.Or(p.Timeout, s.Timeout)), Concurrent: p.Concurrent, Retries: retries(p.Retries), BreakAfter: p.BreakAfter, BreakFor: time.Duration(p.BreakFor),
		Rate: transport.Rate{Calls: p.Rate.Calls, Per: time.Duration(p.Rate.Per)}, Operations: map[string]transport.Policy{}, Shadow: s.Shadow,
	}
	for name, o := range p.Operations {
		out.Operations[name] = transport.Policy{Timeout: time.Duration(o.Timeout), Retries: retries(o.Retries)}
	}
	return out
}

func agesOf(a config.Age) lookup.Ages {
	fresh := time.Duration(*a.MaxAge)
	return lookup.Ages{Fresh: fresh, Stale: fresh + time.Duration(*a.StaleWhileRevalidate), Known: time.Duration(*a.LastKnown)}
}

func trytonOf(s config.Source) trytonrpc.Config {
	return trytonrpc.Config{Database: s.Database, User: s.User, Password: s.Secret, Policy: policyOf(s)}
}

func nodesOf(cfg *config.Config) ([]inventory.Node, error) {
	var out []inventory.Node
	for _, n := range cfg.Nodes {
		node := inventory.Node{ID: trade.NodeID(n.ID), Name: n.Name, Source: n.Source, Location: n.Location, Kind: n.Kind, Priority: n.Priority, TimeZone: n.TimeZone, Lag: time.Duration(n.Lag)}
		node.Calendar, node.Near, node.Refuses = inventory.Calendar{CutOff: n.Calendar.CutOff, Closed: n.Calendar.Closed, PerDay: n.Calendar.PerDay}, n.Near, n.Refuses
		if len(n.Services) > 0 && slices.ContainsFunc(cfg.Sources, func(s config.Source) bool { return s.Name == n.Source && s.Product == "tryton-wms" }) {
			return nil, fmt.Errorf("line %d: node %s: services: a Tryton warehouse is not told how to send", n.Line, n.ID)
		}
		for _, s := range n.Services {
			if _, twice := node.Service(s.Name); s.Name == "" || twice {
				return nil, fmt.Errorf("line %d: node %s: services: %q is no name, or is there twice", n.Line, n.ID, s.Name)
			}
			node.Services = append(node.Services, inventory.CarrierService{Name: s.Name, Code: cmp.Or(s.Code, s.Name), Refuses: s.Refuses})
		}
		if err := node.Calendar.Check(); err != nil {
			return nil, fmt.Errorf("line %d: node %s: calendar: %w", n.Line, n.ID, err)
		}
		for name, of := range map[string]struct {
			text string
			into *trade.Decimal
		}{"safety": {n.Safety, &node.Safety}, "cost": {n.Cost, &node.Cost}} {
			if of.text == "" {
				continue
			}
			d, err := trade.ParseDecimal(of.text)
			if err != nil {
				return nil, fmt.Errorf("line %d: node %s: %s: %w", n.Line, n.ID, name, err)
			}
			*of.into = d
		}
		out = append(out, node)
	}
	return out, nil
}

// channels are the storefronts, with what they are not told of.
func (a *app) channels() ([]inventory.Channel, error) {
	var out []inventory.Channel
	for _, s := range a.cfg.Sources {
		c := inventory.Channel{Name: s.Name}
		if s.Buffer != "" {
			var err error
			if c.Buffer, err = trade.ParseDecimal(s.Buffer); err != nil || c.Buffer.IsNeg() {
				return nil, fmt.Errorf("source %s: buffer: %q is no quantity", s.Name, s.Buffer)
			}
		}
		if a.shops[s.Name] != nil {
			out = append(out, c)
		} else if s.Buffer != "" {
			return nil, fmt.Errorf("source %s: buffer: only storefronts are told of stock", s.Name)
		}
	}
	return out, nil
}

// shadows says which source behind a destination is in shadow, nil when none is.
func shadows(cfg *config.Config) func(destination string) string {
	in := map[string]string{}
	for _, s := range cfg.Sources {
		if !s.Shadow {
			continue
		}
		for _, d := range destinations(cfg, s.Name) {
			in[d] = s.Name
		}
	}
	if len(in) == 0 {
		return nil
	}
	return func(destination string) string { return in[destination] }
}

// destinations are what effects call a source.
func destinations(cfg *config.Config, source string) []string {
	out := []string{"erp:" + source, "shop:" + source}
	for _, n := range cfg.Nodes {
		if n.Source == source {
			out = append(out, "node:"+n.ID)
		}
	}
	return out
}

// retrier starts dead work again, whichever kind it is.
type retrier struct{ a *app }

func (r retrier) Retry(ctx context.Context, tx postgres.Tx, effectID, inboxID string) error {
	if effectID != "" {
		return r.a.queue.Retry(ctx, tx, effectID)
	}
	return r.a.inbox.Retry(ctx, tx, inboxID)
}

func (r retrier) Drop(ctx context.Context, tx postgres.Tx, effectID, _ string) error {
	if effectID != "" {
		return r.a.queue.Drop(ctx, tx, effectID)
	}
	return nil
}

// run works until the context ends: jobs, inbox, polls. It returns when all have stopped. Each round of what is done again and again begins a trace.
func (a *app) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(lookup.In(transport.Patient(ctx, 30*time.Second), lookup.Work))
	every := time.Duration(a.cfg.PollEvery)
	if err := a.learnNodes(ctx); err != nil {
		return err
	}
	g.Go(func() error { return a.queue.Run(ctx) })
	g.Go(func() error { return a.inbox.Run(ctx) })
	g.Go(func() error { return a.imports.Run(ctx) })
	g.Go(func() error { return a.subscribe(ctx) })
	rounds := func(name string, pause time.Duration, round func(context.Context)) {
		g.Go(func() error {
			return ingest.Every(ctx, pause, func(ctx context.Context) {
				ctx, span := a.tracing.Begin(ctx, name)
				defer span.End()
				round(postgres.Traced(ctx))
			})
		})
	}
	rounds("poll nodes", every, a.nodes.Round)
	rounds("poll the ERP", every, a.pollERP)
	rounds("poll storefronts", every, a.shopping.Round)
	rounds("sweep storefronts", 8*every, a.shopping.Sweep)
	forgets := func(what string, pause time.Duration, forget func(context.Context) error) {
		rounds("forget "+what, pause, func(ctx context.Context) {
			if err := forget(ctx); err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "forget "+what, "error", err)
			}
		})
	}
	forgets("prices", time.Hour, func(ctx context.Context) error { return a.pricing.Forget(ctx, time.Now().Add(-priceMemory)) })
	forgets("changes of stock", inventory.ForgetEvery, a.inventory.Forget)
	forgets("allowances", limits.ForgetEvery, a.limits.Forget)
	if len(a.shops) > 0 {
		offer := &offer{app: a, told: map[string]offered{}}
		rounds("offer stock", 4*every, offer.round)
	}
	rounds("re-evaluate holds", every, func(ctx context.Context) { a.processes.Reevaluate(ctx, a.log) })
	return g.Wait()
}

// priceMemory is how long a price that nobody asks for any more is kept for when the ERP does not answer.
const priceMemory = 30 * 24 * time.Hour

// feed is a list of changes that is polled.
type feed interface {
	ID() string
	Poll(ctx context.Context, cursors ingest.Cursors, inbox *ingest.Inbox) error
	Again(ctx context.Context, body []byte) error
}

// books are the lists of what changes in the ERP, those that others build on first: items, accounts,
// orders and what was posted for them.
func (a *app) books() []feed {
	name := a.erp.Transport().Name()
	return []feed{
		ingest.Feed[accounts.Account]{Source: name, Name: "accounts", Read: a.erp.AccountsSince, Take: a.observeAccounts, Current: a.accounts.Current},
		ingest.Feed[catalog.Item]{Source: name, Name: "items", Read: a.erp.ItemsSince, Take: a.observeItems, Current: a.catalog.Current},
		ingest.Feed[orders.Registration]{Source: name, Name: "orders", Read: a.erp.RegistrationsSince, Take: a.processes.ObserveRegistrations},
		ingest.Feed[finance.Document]{Source: name, Name: "posted invoices", Read: a.postedSince(finance.Invoice), Take: a.processes.ObserveDocuments},
		ingest.Feed[finance.Document]{Source: name, Name: "posted credit memos", Read: a.postedSince(finance.CreditMemo), Take: a.processes.ObserveDocuments},
	}
}

// pollERP reads what changed in the ERP. A list that fails does not keep the others from being read.
func (a *app) pollERP(ctx context.Context) {
	for _, f := range a.books() {
		if err := f.Poll(ctx, a.cursors, a.inbox); err != nil && ctx.Err() == nil {
			level := slog.LevelError
			if fault.Retryable(err) {
				level = slog.LevelWarn
			}
			a.log.Log(ctx, level, "poll", "feed", f.ID(), "error", err)
		}
	}
}

func (a *app) postedSince(kind finance.Kind) func(context.Context, string) (lookup.Page[finance.Document], error) {
	return func(ctx context.Context, cursor string) (lookup.Page[finance.Document], error) {
		return a.erp.DocumentsSince(ctx, kind, cursor)
	}
}

// follow has what begins here followed by tracing.
func (a *app) follow(t *telemetry.Tracing) {
	a.tracing, a.queue.Tracing, a.inbox.Tracing = t, t, t
}

// limitsOf are what callers may spend, by the configuration.
func limitsOf(l config.Limits) (all limits.Limit, clients map[string]limits.Limit) {
	clients = map[string]limits.Limit{}
	for _, c := range l.Clients {
		clients[c.Client] = limits.Limit{Operation: c.Operation, Points: c.Points, PerSecond: c.PerSecond}
	}
	return limits.Limit{Operation: l.Operation, Points: l.Points, PerSecond: l.PerSecond}, clients
}

// close frees connections to sources.
func (a *app) close() {
	for _, t := range a.transports {
		t.CloseIdle()
	}
}

// connected are the sources with what they are for, by name.
func (a *app) connected() []resolvers.System {
	var out []resolvers.System
	for _, s := range a.cfg.Sources {
		kind := model.SourceKindNode
		switch {
		case a.shops[s.Name] != nil:
			kind = model.SourceKindStorefront
		case a.erp.Transport().Name() == s.Name:
			kind = model.SourceKindErp
		}
		out = append(out, resolvers.System{Product: s.Product, Kind: kind, Client: a.transports[s.Name]})
	}
	slices.SortFunc(out, func(a, b resolvers.System) int { return strings.Compare(a.Client.Name(), b.Client.Name()) })
	return out
}
