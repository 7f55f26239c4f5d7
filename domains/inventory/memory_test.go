package inventory_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
)

// promising is a transaction that promises of an item, one unit each time.
const promising = `INSERT INTO reservations (order_id, line, node, sku, quantity) VALUES (gen_random_uuid(), 1, 'N1', $1, 1)`

// TestWhatIsInMemoryIsWhatTheTableSays has transactions begin, promise, take promises back and end in any order, and three
// processes look meanwhile. Each sees what one sees that looks for the first time.
func TestWhatIsInMemoryIsWhatTheTableSays(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), context.Background()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		house := &warehouse{onHand: 100, around: func() {}}
		process := func() *inventory.Service {
			return inventory.New(pool, house, []inventory.Node{{ID: "N1"}, {ID: "N2"}}, time.Hour, lookup.Ages{})
		}
		skus := []trade.SKU{trade.SKU(fmt.Sprint("A", run)), trade.SKU(fmt.Sprint("B", run))}
		processes := []*inventory.Service{process(), process(), process()}
		open := map[int]postgres.Tx{}
		defer func() {
			for _, tx := range open {
				_ = tx.Rollback(ctx)
			}
		}()
		must := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		some := func(name string) trade.SKU { return rapid.SampledFrom(skus).Draw(rt, name) }
		which := func() (tx postgres.Tx, n int) {
			n = rapid.IntRange(0, 2).Draw(rt, "transaction")
			if open[n] == nil {
				var err error
				open[n], err = pool.Begin(ctx)
				must(err)
			}
			return open[n], n
		}
		end := func(end func(postgres.Tx) error) {
			tx, n := which()
			delete(open, n)
			must(end(tx))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"promise": func(*rapid.T) {
				tx, _ := which()
				_, err := tx.Exec(ctx, promising, some("sku"))
				must(err)
			},
			"more": func(*rapid.T) { // of what nobody else changes meanwhile: nobody waits here
				tx, _ := which()
				_, err := tx.Exec(ctx, `UPDATE reservations SET quantity = quantity + 1 WHERE ctid IN (SELECT ctid FROM reservations WHERE sku = $1 LIMIT 1 FOR UPDATE SKIP LOCKED)`, some("sku"))
				must(err)
			},
			"take back": func(*rapid.T) {
				tx, _ := which()
				_, err := tx.Exec(ctx, `DELETE FROM reservations WHERE ctid IN (SELECT ctid FROM reservations WHERE sku = $1 LIMIT 1 FOR UPDATE SKIP LOCKED)`, some("sku"))
				must(err)
			},
			"commit":    func(*rapid.T) { end(func(tx postgres.Tx) error { return tx.Commit(ctx) }) },
			"roll back": func(*rapid.T) { end(func(tx postgres.Tx) error { return tx.Rollback(ctx) }) },
			"count":     func(*rapid.T) { house.onHand = rapid.IntRange(50, 60).Draw(rt, "on hand") },
			"look": func(*rapid.T) {
				_, err := processes[rapid.IntRange(0, 2).Draw(rt, "process")].Availability(lookup.WithMaxAge(ctx, 0), skus)
				must(err)
			},
			"outdate": func(*rapid.T) {
				must(postgres.InTx(ctx, pool, func(tx postgres.Tx) error {
					return processes[0].Outdate(ctx, tx, "N1", []trade.SKU{some("sku")})
				}))
			},
			"": func(*rapid.T) {
				first := figures(ctx, rt, process(), skus)
				for n, p := range processes {
					if got := figures(ctx, rt, p, skus); !maps.Equal(got, first) {
						rt.Fatalf("process %d sees %v, the table says %v", n, got, first)
					}
				}
			},
		})
	})
}

// TestManyLookWhileManyPromise: when all is done, every process sees what the table says.
func TestManyLookWhileManyPromise(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), t.Context()
	house := &warehouse{onHand: 10_000, around: func() {}}
	process := func() *inventory.Service {
		return inventory.New(pool, house, []inventory.Node{{ID: "N1"}}, time.Hour, lookup.Ages{})
	}
	skus := []trade.SKU{"A"}
	processes := []*inventory.Service{process(), process()}
	if _, err := processes[0].Availability(lookup.WithMaxAge(ctx, 0), skus); err != nil {
		t.Fatal(err)
	}
	for round := range 200 {
		var wg sync.WaitGroup
		for n := range 3 {
			wg.Go(func() {
				if _, err := pool.Exec(ctx, promising, skus[0]); err != nil {
					t.Error(err)
				}
			})
			for range 2 {
				wg.Go(func() {
					for range 3 {
						figures(ctx, t, processes[n%2], skus)
					}
				})
			}
		}
		wg.Wait()
		first := figures(ctx, t, process(), skus)
		for n, p := range processes {
			if got := figures(ctx, t, p, skus); !maps.Equal(got, first) {
				t.Fatalf("round %d: process %d sees %v, the table says %v", round, n, got, first)
			}
		}
	}
}

// TestMoreChangesThanAreRead: nothing in memory is believed then. What every process has read is forgotten.
func TestMoreChangesThanAreRead(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), t.Context()
	s := inventory.New(pool, &warehouse{onHand: 10, around: func() {}}, []inventory.Node{{ID: "N1"}}, time.Hour, lookup.Ages{})
	skus := []trade.SKU{"A"}
	available := func(maxAge time.Duration) string {
		t.Helper()
		answers, err := s.Availability(lookup.WithMaxAge(ctx, maxAge), skus)
		if err != nil {
			t.Fatal(err)
		}
		return answers.Found["A"].Available.Value.String()
	}
	if got := available(0); got != "10" {
		t.Fatalf("%s are available", got)
	}
	if err := postgres.InTx(ctx, pool, func(tx postgres.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO stock_changes (skus, at) SELECT ARRAY['B'], now() - interval '1 day' FROM generate_series(1, 10001)`)
		if err == nil {
			_, err = tx.Exec(ctx, promising, "A")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := available(time.Hour); got != "9" {
		t.Errorf("%s are available after many changes", got)
	}
	if err := s.Forget(ctx); err != nil {
		t.Fatal(err)
	}
	var left, ours int
	if err := pool.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE skus = ARRAY['A']) FROM stock_changes`).Scan(&left, &ours); err != nil || ours == 0 || left != ours {
		t.Errorf("%d notes are left, %d of them young, %v", left, ours, err)
	}
}

// figures is what a process sees of the table.
func figures(ctx context.Context, t rapid.TB, s *inventory.Service, skus []trade.SKU) map[inventory.Key]string {
	t.Helper()
	known, err := s.Known(ctx, skus)
	if err != nil {
		t.Fatal(err)
	}
	return known.Shown()
}
