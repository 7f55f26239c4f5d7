package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
	"crossdock/sandbox"
)

func TestMain(m *testing.M) {
	if os.Getenv("CROSSDOCK_TEST_CHILD") != "" {
		crashChild()
		os.Exit(1)
	}
	os.Exit(pgtest.Main(m))
}

// world is Crossdock in front of a sandbox, over real sockets and a real database.
type world struct {
	*app
	t      *testing.T
	box    *httptest.Server
	said   told
	engine *sandbox.Engine
	// patience is how long a fact may take; half a minute.
	patience time.Duration
}

// newWorld starts a world whose work moves only when step is called.
func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOf(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}))
}

// worldOf is newWorld for another distributor.
func worldOf(t *testing.T, from sandbox.Maker) *world {
	t.Helper()
	return worldWith(t, from, func(*told, *config.Config) {})
}

// newSandbox is a trading world that moves only when it is told to.
func newSandbox(t *testing.T, from sandbox.Maker) (*httptest.Server, told, *sandbox.Engine) {
	t.Helper()
	w, err := sandbox.Open(t.TempDir(), from, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	box := sandbox.New(w, sandbox.DefaultSecrets(), 0, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	return server, tell(w, server.URL), box.Engine
}

// worldWith is newWorld with another configuration.
func worldWith(t *testing.T, from sandbox.Maker, change func(said *told, cfg *config.Config)) *world {
	t.Helper()
	server, said, engine := newSandbox(t, from)
	cfg, err := config.Parse(strings.NewReader(said.config("127.0.0.1:0")), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Nodes = said.nodes(cfg.Nodes)
	cfg.Freshness = config.Freshness{Accounts: always(), Items: always(), Prices: always(), Stock: always(), Credit: always()}
	cfg.Intake.MaxAge = new(config.Duration)
	change(&said, cfg)
	cfg.PollEvery = config.Duration(100 * time.Millisecond)
	cfg.Jobs.Base, cfg.Jobs.Lease = config.Duration(20*time.Millisecond), config.Duration(2*time.Second)
	return &world{app: built(t, cfg, pgtest.Database(t)), t: t, box: server, said: said, engine: engine}
}

// always is what is shown of a source that is asked every time.
func always() config.Age {
	known := config.Duration(time.Hour)
	return config.Age{MaxAge: new(config.Duration), StaleWhileRevalidate: new(config.Duration), LastKnown: &known}
}

// built is Crossdock as a process of its own, in front of a database.
func built(t *testing.T, cfg *config.Config, pool *postgres.Pool) *app {
	t.Helper()
	presence, err := postgres.Join(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(presence.Leave)
	a, err := build(cfg, pool, presence.ID, slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// restarted is the world seen by a process that has just started.
func (w *world) restarted() *world {
	w.t.Helper()
	again := *w
	again.app = built(w.t, w.cfg, w.pool)
	return &again
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// start runs Crossdock until the test ends.
func (w *world) start() { w.background(w.run) }

// background runs a part until the test ends, and waits for it.
func (w *world) background(run func(context.Context) error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		w.close()
	})
}

func (w *world) admin(method, path, body string) map[string]any {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.box.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, raw, err)
	}
	var out map[string]any
	_ = json.Unmarshal(raw, &out)
	return out
}

func (w *world) step() { w.admin("POST", "/admin/step", "") }

// until waits for a fact, and fails the test when it does not come true.
func (w *world) until(what string, fact func() bool) {
	w.t.Helper()
	deadline := time.After(max(w.patience, 30*time.Second))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !fact() {
		select {
		case <-deadline:
			w.t.Fatalf("it never came true that %s; %s", what, w.stuck())
		case <-tick.C:
		}
	}
}

// handedOn waits until the nodes and the ERP have the order.
func (w *world) handedOn(id trade.OrderID) {
	w.t.Helper()
	w.until("it is released and registered", func() bool {
		o := w.order(id)
		return o.FulfillmentRollup() == "RELEASED" && len(o.References) == 1
	})
}

// stuck is what is still to be done at other systems, and what people are asked.
func (w *world) stuck() string {
	var effects, exceptions []string
	err := w.pool.QueryRow(context.WithoutCancel(w.t.Context()), `SELECT
		coalesce((SELECT array_agg(destination || ' ' || kind || ' ' || state || ': ' || last_error) FROM effects WHERE state IN ('WAITING', 'DEAD')), '{}'),
		coalesce((SELECT array_agg(code || ': ' || title) FROM exceptions), '{}')`).Scan(&effects, &exceptions)
	return fmt.Sprintf("to be done: %q, asked: %q, %v", effects, exceptions, err)
}

func (w *world) order(id trade.OrderID) *orders.Order {
	w.t.Helper()
	found, err := w.orders.Orders(w.t.Context(), trade.System("test"), []trade.OrderID{id})
	if err != nil || found[id] == nil {
		w.t.Fatalf("order %s: %v", id, err)
	}
	return found[id]
}

func buyer(account trade.AccountID) trade.Viewer {
	return trade.Viewer{Subject: "buyer@" + string(account), Client: "test", Role: "BUYER", Accounts: []trade.AccountID{account}}
}

func draft(account trade.AccountID, lines ...orders.DraftLine) orders.Draft {
	return orders.Draft{Account: account, Channel: orders.Portal, PONumber: "PO-" + postgres.NewID()[24:], Lines: lines}
}

func line(sku trade.SKU, quantity string) orders.DraftLine {
	return orders.DraftLine{SKU: sku, Quantity: trade.Quantity{Value: trade.MustDecimal(quantity), Unit: "PCS"}}
}

func (w *world) place(key string, d orders.Draft) *orders.Answer {
	w.t.Helper()
	return w.placeAs(buyer(d.Account), key, d)
}

func (w *world) placeAs(who trade.Viewer, key string, d orders.Draft) *orders.Answer {
	w.t.Helper()
	a, err := w.orders.Place(w.t.Context(), who, key, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// price is what the account whose credit is nearly spent pays for one of the item.
func (w *world) price(sku trade.SKU) trade.Decimal {
	w.t.Helper()
	const account = trade.AccountID("C10018")
	k := pricing.NewKey(account, sku, trade.Quantity{Value: trade.MustDecimal("1"), Unit: "PCS"}, "", "")
	p := lookup.Only(w.pricing.Prices(w.t.Context(), buyer(account), []pricing.Key{k}))
	if !p.OK || p.Value.UnitPrice.Amount.IsZero() {
		w.t.Fatalf("price of %s: %+v", sku, p)
	}
	return p.Value.UnitPrice.Amount
}

// cheap is an item that costs the least of those without a pack.
func (w *world) cheap() trade.SKU {
	w.t.Helper()
	best, at := trade.SKU(""), trade.Decimal{}
	for _, sku := range []trade.SKU{"SKU-1000", "SKU-1001", "SKU-1002", "SKU-1004", "SKU-1006", "SKU-1010", "SKU-1012", "SKU-1014", "SKU-1020", "SKU-1022", "SKU-1024", "SKU-1030", "SKU-1032", "SKU-1034"} {
		if p := w.price(sku); best == "" || p.Cmp(at) < 0 {
			best, at = sku, p
		}
	}
	return best
}

// codesOf are what holds are for, sorted.
func codesOf(holds []orders.Hold) (out []string) {
	for _, h := range holds {
		out = append(out, h.Code)
	}
	slices.Sort(out)
	return out
}
