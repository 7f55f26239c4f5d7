package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

func age(maxAge, stale time.Duration) config.Age {
	a, b := config.Duration(maxAge), config.Duration(stale)
	known := config.Duration(time.Hour)
	return config.Age{MaxAge: &a, StaleWhileRevalidate: &b, LastKnown: &known}
}

// aged is a world whose answers may be so old, everything alike.
func aged(t *testing.T, a config.Age) *world {
	t.Helper()
	return worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		cfg.Freshness = config.Freshness{Accounts: a, Items: a, Prices: a, Stock: a, Credit: a}
	})
}

const volatile = `query($age: Int, $known: Boolean! = true) {
	account(id: "C10001", maxAge: $age, orLastKnown: $known) { name provenance { freshness } credit(maxAge: $age, orLastKnown: $known) { balance { amount } provenance { freshness } } }
	item(sku: "SKU-1000", maxAge: $age, orLastKnown: $known) { name provenance { freshness } }
	priceQuote(lines: [{sku: "SKU-1000", quantity: {value: "1"}}], maxAge: $age, orLastKnown: $known) { price { unitPrice { amount } provenance { freshness } } }
	availability(skus: ["SKU-1000", "SKU-1001"], maxAge: $age, orLastKnown: $known) { nodes { node provenance { freshness } } unavailable { node code } }
}`

// freshness lists how each value of a reply came to be in it.
func (r reply) freshness() (out []string) {
	for part := range strings.SplitSeq(fmt.Sprint(r.Data), "freshness:") {
		word, _, _ := strings.Cut(part, "]")
		out = append(out, word)
	}
	out = out[1:]
	slices.Sort(out)
	return slices.Compact(out)
}

// TestSteadyTrafficIsAnsweredFromWhatIsAtHand: pages of many viewers at once ask each source once; then none, until
// a caller wants it younger. What a node does not have is not looked for again either.
func TestSteadyTrafficIsAnsweredFromWhatIsAtHand(t *testing.T) {
	t.Parallel()
	g := newGraph(t, aged(t, age(time.Hour, 0)))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got := g.query("C10001", volatile, nil); len(got.Errors) > 0 {
				t.Error(got.Errors)
			}
		})
	}
	wg.Wait()
	total := func() (n int) {
		for _, v := range g.admin("GET", "/admin/calls?reset=1", "") {
			n += int(v.(float64))
		}
		return n
	}
	// The token, accounts, credit with what it is made of, items, prices, ids of two 3PLs, stock of three systems.
	if n := total(); n > 14 {
		t.Errorf("20 viewers at once made %d calls", n)
	}
	got := g.query("operations", strings.Replace(volatile, "priceQuote(", `priceQuote(accountId: "C10001", `, 1), nil)
	if n := total(); n != 0 || !slices.Equal(got.freshness(), []string{"CACHED"}) {
		t.Errorf("a page after that makes %d calls: %v; it is %v", n, got.calls(), got.freshness())
	}
	got = g.query("operations", strings.Replace(volatile, "priceQuote(", `priceQuote(accountId: "C10001", `, 1), map[string]any{"age": 0})
	if n := total(); n < 6 || !slices.Equal(got.freshness(), []string{"LIVE"}) {
		t.Errorf("a page that wants it live makes %d calls: %v; it is %v", n, got.calls(), got.freshness())
	}
}

// TestWhatIsALittleOldIsAskedForBehindTheAnswer: the page waits for nobody, and the next one has what is new.
func TestWhatIsALittleOldIsAskedForBehindTheAnswer(t *testing.T) {
	t.Parallel()
	g := newGraph(t, aged(t, age(time.Nanosecond, time.Hour)))
	if got := g.query("C10001", volatile, nil); len(got.Errors) > 0 {
		t.Fatal(got.Errors)
	}
	g.admin("GET", "/admin/calls?reset=1", "")
	if got := g.query("C10001", volatile, nil); !slices.Equal(got.freshness(), []string{"CACHED"}) {
		t.Errorf("what is a little old is %v", got.freshness())
	}
	asked := map[string]int{}
	g.until("every source is asked behind the answer", func() bool {
		for system, n := range g.admin("GET", "/admin/calls?reset=1", "") {
			asked[system] += int(n.(float64))
		}
		return asked["bc"] >= 4 && asked["wms"] >= 1 && asked["shipbob"] >= 1
	})
}

// TestLastKnownCanBeRefused: a caller that would rather have nothing gets an error with the source, and nulls.
func TestLastKnownCanBeRefused(t *testing.T) {
	t.Parallel()
	g := newGraph(t, aged(t, age(0, 0)))
	if got := g.query("C10001", volatile, nil); len(got.Errors) > 0 {
		t.Fatal(got.Errors)
	}
	for _, system := range []string{"bc", "wms", "shipbob", "shipbob-south"} {
		g.admin("POST", "/admin/knobs", `{"outage":{"`+system+`":true}}`)
	}
	if got := g.query("C10001", volatile, nil); !slices.Equal(got.freshness(), []string{"LAST_KNOWN"}) || len(got.Errors) > 0 {
		t.Errorf("with everything down it is %v, %v", got.freshness(), got.Errors)
	}
	got := g.query("C10001", volatile, map[string]any{"known": false})
	text := fmt.Sprint(got.Data)
	if strings.Contains(text, "freshness") || strings.Count(text, "code:SOURCE_UNAVAILABLE") < 4 {
		t.Errorf("a caller that refuses what was last known gets %s", text)
	}
	for _, e := range got.Errors {
		if e.Extensions["code"] != string(fault.Unavailable) || e.Extensions["source"] == nil {
			t.Errorf("an error says %q: %v", e.Message, e.Extensions)
		}
	}
	if len(got.Errors) < 3 {
		t.Errorf("only %v is said", got.Errors)
	}
}

// TestAReportOfANodeOutdatesItsFigure: after goods have left, the figure from before is not shown as it is, however
// old a figure may be.
func TestAReportOfANodeOutdatesItsFigure(t *testing.T) {
	t.Parallel()
	w := aged(t, age(time.Hour, 0))
	g := newGraph(t, w)
	const stock = `{ availability(skus: ["SKU-1000"]) { nodes { node onHand { value } provenance { freshness } } } }`
	onHand := func() string { return fmt.Sprint(g.query("C10001", stock, nil).Data) }
	a := w.place("evict", draft("C10001", line("SKU-1000", "1")))
	before := onHand()
	if strings.Contains(before, "LIVE") || before != onHand() {
		t.Fatalf("figures are not kept: %s", before)
	}
	w.start()
	w.until("it is shipped", func() bool { w.step(); return w.order(a.OrderID).FulfillmentRollup() == "DELIVERED" })
	if after := onHand(); after == before || !strings.Contains(after, "LIVE") {
		t.Errorf("after the shipment the figures are %s", after)
	}
}
