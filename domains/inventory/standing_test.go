package inventory_test

import (
	"testing"
	"time"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
)

// TestAFigureIsAdoptedAgainWhenItNoLongerStands: one that the node says again is not written again; what was promised meanwhile is
// seen, and what another process, or an event, has made of one of the rows has that one written again.
func TestAFigureIsAdoptedAgainWhenItNoLongerStands(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), t.Context()
	house := &warehouse{onHand: 10, around: func() {}}
	process := func() *inventory.Service {
		return inventory.New(pool, house, []inventory.Node{{ID: "N1"}, {ID: "N2"}}, time.Hour, lookup.Ages{})
	}
	ours, other := process(), process()
	skus := []trade.SKU{"A", "B", "C"}
	live := lookup.WithMaxAge(ctx, 0)
	look := func(s *inventory.Service) map[trade.SKU]string {
		t.Helper()
		answers, err := s.Availability(live, skus)
		if err != nil {
			t.Fatal(err)
		}
		out := map[trade.SKU]string{}
		for sku, a := range answers.Found {
			out[sku] = a.Available.Value.String()
			for _, n := range a.Nodes {
				if n.Provenance.Freshness != lookup.Live {
					t.Errorf("%s at %s is %s", sku, n.NodeID(), n.Provenance.Freshness)
				}
			}
		}
		return out
	}
	written := func() map[inventory.Key]time.Time {
		rows, err := pool.Query(ctx, `SELECT node, sku, read_start FROM stock_figures`)
		if err != nil {
			t.Fatal(err)
		}
		out := map[inventory.Key]time.Time{}
		for rows.Next() {
			var k inventory.Key
			var at time.Time
			if err := rows.Scan(&k.Node, &k.SKU, &at); err != nil {
				t.Fatal(err)
			}
			out[k] = at
		}
		return out
	}
	do := func(fn func(postgres.Tx) error) {
		t.Helper()
		if err := postgres.InTx(ctx, pool, fn); err != nil {
			t.Fatal(err)
		}
	}
	// again is how many rows were written since the times given.
	again := func(before map[inventory.Key]time.Time) (n int) {
		for k, at := range written() {
			if !at.Equal(before[k]) {
				n++
			}
		}
		return n
	}
	if got := look(ours); got["A"] != "20" || len(got) != 3 {
		t.Fatalf("there are %v", got)
	}
	before := written()
	do(func(tx postgres.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO reservations (order_id, line, node, sku, quantity) VALUES (gen_random_uuid(), 1, 'N2', 'B', 3)`)
		return err
	})
	if got := look(ours); got["A"] != "20" || got["B"] != "17" {
		t.Errorf("after a promise there are %v", got)
	}
	if n := again(before); n != 0 {
		t.Errorf("%d rows were written that the node says again", n)
	}
	do(func(tx postgres.Tx) error { return ours.Outdate(ctx, tx, "N1", []trade.SKU{"C"}) })
	if got := look(ours); got["C"] != "20" || again(before) != 1 {
		t.Errorf("after an event there are %v, and %d rows were written", got, again(before))
	}
	before = written()
	if got := look(other); got["B"] != "17" || again(before) != 0 {
		t.Fatalf("another process sees %v, and has written %d rows that the node says again", got, again(before))
	}
	before = written()
	house.onHand = 11
	if got := look(other); got["A"] != "22" || again(before) != 6 {
		t.Errorf("it sees %v, and has written %d rows", got, again(before))
	}
	before = written()
	house.onHand = 10
	if got := look(ours); got["A"] != "20" || again(before) != 6 {
		t.Errorf("what another process has written counts as ours: %v, %d rows written", got, again(before))
	}
}
