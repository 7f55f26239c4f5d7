package inventory_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
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

// TestMoreChangesThanAreRead: nothing in memory is believed then.
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
		return answers[0].Value.Available.Value.String()
	}
	if got := available(0); got != "10" {
		t.Fatalf("%s are available", got)
	}
	if err := postgres.InTx(ctx, pool, func(tx postgres.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO stock_changes (skus) SELECT ARRAY['B'] FROM generate_series(1, 10001)`)
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
}

// TestChangesAreLookedAtOnce: also while a transaction is open that began before them, and has changed something itself. Those of a
// database that this one is a copy of are not looked at. What everybody has looked at is forgotten.
func TestChangesAreLookedAtOnce(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), t.Context()
	s := inventory.New(pool, &warehouse{onHand: 10, around: func() {}}, []inventory.Node{{ID: "N1"}}, time.Hour, lookup.Ages{})
	figures(ctx, t, s, []trade.SKU{"A"})
	unseen := func(want int) {
		t.Helper()
		if n, err := s.Unseen(ctx); err != nil || n != want {
			t.Errorf("%d notes are to be looked at, not %d, %v", n, want, err)
		}
	}
	forgotten := func() (notes int) {
		t.Helper()
		if err := s.Forget(ctx); err != nil {
			t.Fatal(err)
		}
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM stock_changes`).Scan(&notes); err != nil {
			t.Fatal(err)
		}
		return notes
	}
	exec := func(q interface {
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	}, sql string, args ...any,
	) {
		t.Helper()
		if _, err := q.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	long, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	exec(long, promising, "A")
	for range 5 {
		exec(pool, promising, "A")
	}
	unseen(5)
	figures(ctx, t, s, []trade.SKU{"A"})
	unseen(0)
	forgotten()
	if err := long.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	unseen(1)
	if n := forgotten(); n != 6 {
		t.Errorf("%d notes are there, though the first transaction had not ended when the others were forgotten", n)
	}
	exec(pool, `INSERT INTO stock_changes (xid, skus) VALUES ((pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000000)::text::xid8, ARRAY['A'])`)
	unseen(1)
	for tries := 0; forgotten() > 0; tries++ { // other tests have transactions on the same server
		if tries == 10_000 {
			t.Fatal("what everybody has looked at is not forgotten")
		}
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
