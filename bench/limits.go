package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// portalPage is what a buyer opens again and again, at the ages that are configured.
const portalPage = `query Page($f: OrderFilter) { orders(first: 10, filter: $f) { nodes { number account { name }
	lines { sku item { name } price { unitPrice { amount } } availability { complete nodes { provenance { asOf freshness } } } }
	shipments { trackingNumber status } } } }`

const placeWithFindings = `mutation Place($i: PlaceOrderInput!) { placeOrder(input: $i) { decision findings { code } errors { code } } }`

const (
	users      = 50
	opens      = 5 * time.Second
	placements = 500 * time.Millisecond
	young      = time.Minute
)

// tally is what users and buyers saw.
type tally struct {
	mu           sync.Mutex
	pages        []time.Duration
	placed       []time.Duration
	values, old  int
	lastKnown    int
	incomplete   int
	failures     map[string]int
	undecidable  int
	pagesWithout int
}

func (t *tally) fail(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures[what]++
}

// limited has users open pages and buyers place orders for a time, with every limit that the products have: the
// ERP takes 5 calls at once and 20 a second, each 3PL 150 a minute.
func (w *world) limited(ctx context.Context, long time.Duration) error {
	t := &tally{failures: map[string]int{}}
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	var wg sync.WaitGroup
	for n := range users {
		wg.Go(func() {
			first := time.NewTimer(opens * time.Duration(n) / users)
			select {
			case <-ctx.Done():
				return
			case <-first.C:
			}
			every(ctx, opens, func(int) { w.open(ctx, n, t) })
		})
	}
	wg.Go(func() {
		every(ctx, placements, func(n int) { wg.Go(func() { w.buy(ctx, n, t) }) })
	})
	wg.Wait()
	t.print(long)
	f, err := w.figures(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	fmt.Printf("\nof the calls of intake, 95 %% waited at most %g s for budget and place; of those of work %g s; effects that wait: %.0f\n", f.waited("INTAKE", 0.95), f.waited("WORK", 0.95), f.state("crossdock_effects", "WAITING"))
	f.printCalls(long.Seconds())
	return nil
}

// every calls fn at once and then at each interval, until the context ends.
func every(ctx context.Context, interval time.Duration, fn func(n int)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		fn(n)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (w *world) open(ctx context.Context, user int, t *tally) {
	var out struct {
		Orders struct {
			Nodes []struct {
				Lines []struct {
					Availability *struct {
						Complete bool
						Nodes    []struct {
							Provenance struct {
								AsOf      time.Time
								Freshness string
							}
						}
					}
				}
			}
		}
	}
	begin := time.Now()
	err := w.ask(ctx, "service", portalPage, map[string]any{"f": map[string]any{"accountIds": []string{fmt.Sprintf("C%05d", 10000+user)}}}, &out)
	took := time.Since(begin)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		t.fail("page: " + err.Error())
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pages = append(t.pages, took)
	if len(out.Orders.Nodes) == 0 {
		t.pagesWithout++
	}
	for _, o := range out.Orders.Nodes {
		for _, l := range o.Lines {
			if l.Availability == nil {
				continue
			}
			if !l.Availability.Complete {
				t.incomplete++
			}
			for _, n := range l.Availability.Nodes {
				t.values++
				if time.Since(n.Provenance.AsOf) > young {
					t.old++
				}
				if n.Provenance.Freshness == "LAST_KNOWN" {
					t.lastKnown++
				}
			}
		}
	}
}

func (w *world) buy(ctx context.Context, n int, t *tally) {
	lines := []any{}
	for k := range 5 {
		lines = append(lines, map[string]any{"sku": fmt.Sprintf("SKU-%04d", 1000+10*((n+k)%40)+k%3), "quantity": map[string]any{"value": "1"}})
	}
	var out struct {
		PlaceOrder struct {
			Decision string
			Findings []struct{ Code string }
		}
	}
	begin := time.Now()
	err := w.ask(ctx, "service", placeWithFindings, map[string]any{"i": map[string]any{"idempotencyKey": fmt.Sprint("limits-", n), "accountId": fmt.Sprintf("C%05d", 10000+n%200), "lines": lines}}, &out)
	took := time.Since(begin)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		t.fail("placement: " + err.Error())
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.placed = append(t.placed, took)
	if slices.ContainsFunc(out.PlaceOrder.Findings, func(f struct{ Code string }) bool { return f.Code == "SOURCE_UNAVAILABLE" }) {
		t.undecidable++
	}
}

func (t *tally) print(long time.Duration) {
	ms := func(list []time.Duration, part float64) float64 {
		if len(list) == 0 {
			return 0
		}
		slices.Sort(list)
		return float64(list[min(len(list)-1, int(part*float64(len(list))))].Microseconds()) / 1000
	}
	fmt.Println("| for | pages | page p50 ms | p99 ms | placements | placed p50 ms | p95 ms | held for want of a source | stock values | under 60 s old | last known | failures |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	failed := 0
	for _, n := range t.failures {
		failed += n
	}
	fmt.Printf("| %s | %d | %.0f | %.0f | %d | %.0f | %.0f | %d | %d | %.1f %% | %d | %d |\n", long, len(t.pages), ms(t.pages, 0.5), ms(t.pages, 0.99), len(t.placed), ms(t.placed, 0.5), ms(t.placed, 0.95), t.undecidable, t.values, 100-100*float64(t.old)/float64(max(1, t.values)), t.lastKnown, failed)
	if t.pagesWithout > 0 || t.incomplete > 0 || failed > 0 {
		fmt.Printf("\npages without orders: %d; lines without every node: %d; failures: %v\n", t.pagesWithout, t.incomplete, t.failures)
	}
}
