package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/sandbox"
	"crossdock/sandbox/exports"
)

// TestADistributorSeesItsOwnBusiness loads exports and takes an order through them.
func TestADistributorSeesItsOwnBusiness(t *testing.T) {
	t.Parallel()
	b, err := exports.Read("docs/examples/exports")
	if err != nil {
		t.Fatal(err)
	}
	w := worldOf(t, sandbox.Loaded(b))
	w.start()
	var typed *orders.Order
	w.until("orders of the ERP are known", func() bool {
		list, err := w.orders.List(t.Context(), service(), orders.Filter{PONumber: "P7231"}, orders.Paging{})
		if err != nil || len(list.Orders) != 1 {
			return false
		}
		typed = list.Orders[0]
		return true
	})
	if typed.Channel != orders.ERP || typed.References[0].Value != "SO104263" || typed.Status != orders.Accepted {
		t.Errorf("the open order is %+v", typed)
	}
	key := func(account trade.AccountID, q string) pricing.Key {
		return pricing.NewKey(account, "BR-2210", trade.Quantity{Value: trade.MustDecimal(q)}, "", "")
	}
	keys := []pricing.Key{key("20110", "1"), key("20110", "60"), key("20110", "200"), key("20115", "1"), key("20115", "60"), key("20115", "500")}
	prices, err := w.pricing.Prices(t.Context(), service(), keys)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"11.85", "10.9", "9.95", "10.25", "10.25", "9.95"} {
		if got := prices[i].Value; got.UnitPrice.Amount.String() != want || got.Unit != "EA" {
			t.Errorf("%s of %s cost %s a %s, not %s", keys[i].Quantity, keys[i].Context().Account, got.UnitPrice, got.Unit, want)
		}
	}
	a := w.place("own", draft("20115", orders.DraftLine{SKU: "BR-2210", Quantity: trade.Quantity{Value: trade.MustDecimal("5")}}, orders.DraftLine{SKU: "FL-6200", Quantity: trade.Quantity{Value: trade.MustDecimal("24")}}))
	if a.Decision != orders.DecisionAccepted {
		t.Fatalf("%s: %+v", a.Decision, a.Findings)
	}
	w.until("it is delivered and invoiced", func() bool {
		w.step()
		return w.order(a.OrderID).Status == orders.Completed && w.order(a.OrderID).Lines[1].Invoiced.String() == "24"
	})
}

// TestAWorldIsNotTakenForAnother keeps a data folder to what it was made from.
func TestAWorldIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func(from sandbox.Maker) error {
		w, err := sandbox.Open(dir, from, time.Now)
		if err == nil {
			err = w.Close()
		}
		return err
	}
	b, err := exports.Read("docs/examples/exports")
	if err != nil {
		t.Fatal(err)
	}
	seeded := sandbox.Seeded(1, sandbox.Size{Customers: 3, Items: 3})
	for range 2 {
		if err := open(sandbox.Loaded(b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(seeded); err != nil {
		t.Errorf("a start that asks for nothing of its own: %v", err)
	}
	b.Fingerprint = strings.Repeat("0", 64)
	if err := open(sandbox.Loaded(b)); err == nil || !strings.Contains(err.Error(), "choose another folder") {
		t.Errorf("other exports: %v", err)
	}
}

// TestTheExampleConfigurationFitsTheSandbox keeps the nodes of sandbox.yaml to the seeded places.
func TestTheExampleConfigurationFitsTheSandbox(t *testing.T) {
	t.Parallel()
	w, err := sandbox.Open(t.TempDir(), sandbox.Seeded(1, sandbox.Size{Customers: 3, Items: 3}), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	said := tell(w, "http://127.0.0.1:1")
	cfg, err := config.Parse(strings.NewReader(said.config("127.0.0.1:0")), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	for i := range cfg.Nodes {
		cfg.Nodes[i].Line = 0
	}
	if !reflect.DeepEqual(cfg.Nodes, said.nodes(cfg.Nodes)) {
		t.Errorf("sandbox.yaml has %+v, the sandbox %+v", cfg.Nodes, said.nodes(cfg.Nodes))
	}
}

// TestTheCommandsThatLookAtAConfiguration run as a person runs them: on the example that README shows,
// without its secrets, and on a source of the sandbox.
func TestTheCommandsThatLookAtAConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "sandbox.yaml")
	if err := os.WriteFile(file, []byte(w.said.config("127.0.0.1:0")), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(getenv func(string) string, args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), args, getenv, &out, io.Discard)
		return out.String(), err
	}
	secrets := func(name string) string { return "secret of " + name }
	if out, err := command(secrets, "config", "check", "docs/examples/crossdock.yaml"); err != nil || !strings.Contains(out, "is good: 5 sources, 4 nodes, 1 issuers") {
		t.Errorf("the example: %s, %v", out, err)
	}
	if _, err := command(func(string) string { return "" }, "config", "check", "docs/examples/crossdock.yaml"); err == nil || !strings.Contains(err.Error(), "WMS_KEY") {
		t.Errorf("without its secrets: %v", err)
	}
	for _, source := range []string{"erp", "webshop", "wms", "threepl"} {
		if out, err := command(secrets, "source", "probe", source, "--config", file); err != nil || !strings.Contains(out, " ok ") {
			t.Errorf("probe of %s: %s, %v", source, out, err)
		}
	}
}
