package inventory_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
)

// empty is a node that has nothing, while it answers. While it is down it tells of each question, and fails when it may.
type empty struct {
	down       bool
	asked, may chan struct{}
}

func (e *empty) Stock(_ context.Context, keys []inventory.Key) ([]lookup.Result[inventory.Figure], error) {
	if e.down {
		e.asked <- struct{}{}
		<-e.may
		return slices.Repeat([]lookup.Result[inventory.Figure]{{Err: fault.New(fault.Unavailable, "down")}}, len(keys)), nil
	}
	return make([]lookup.Result[inventory.Figure], len(keys)), nil
}

// TestANodeThatDoesNotAnswerIsNotOneThatHasNothing: though it had nothing a moment ago, also for who joins the question of another.
func TestANodeThatDoesNotAnswerIsNotOneThatHasNothing(t *testing.T) {
	t.Parallel()
	house := &empty{asked: make(chan struct{}), may: make(chan struct{})}
	s := inventory.New(pgtest.Database(t), house, []inventory.Node{{ID: "N1"}}, time.Hour, lookup.Ages{})
	look := func(skus ...trade.SKU) {
		answers, err := s.Availability(lookup.WithMaxAge(t.Context(), 0), skus)
		if err != nil {
			t.Error(err)
			return
		}
		for i, sku := range skus {
			if a := answers[i].Value; (a != nil) != house.down || a != nil && a.Complete() {
				t.Errorf("the node is down: %v, it is told to have %+v of %s", house.down, a, sku)
			}
		}
	}
	look("A", "B")
	house.down = true
	var both sync.WaitGroup
	both.Go(func() { look("A") })
	<-house.asked
	both.Go(func() { look("A", "B") }) // of which A is asked for by the first
	<-house.asked
	close(house.may)
	both.Wait()
}

// TestALookIsSharedByThoseWhoMay: whoever began before a look did waits for it. One who did not looks himself, as one does whose look has failed.
func TestALookIsSharedByThoseWhoMay(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), t.Context()
	s := inventory.New(pool, &empty{}, []inventory.Node{{ID: "N1"}}, time.Hour, lookup.Ages{})
	look := func(ctx context.Context) {
		if err := s.Look(ctx); err != nil {
			t.Error(err)
		}
	}
	var others sync.WaitGroup
	// held begins a look that waits in the database until others look too, and returns how many statements they all made.
	held := func(first context.Context, meanwhile func()) int64 {
		t.Helper()
		tx, err := pool.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, `LOCK TABLE stock_changes`); err != nil {
			t.Fatal(err)
		}
		before := pool.Stat().AcquireCount()
		var it sync.WaitGroup
		it.Go(func() {
			if err := s.Look(first); first.Err() == nil && err != nil {
				t.Error(err)
			}
		})
		for pool.Stat().AcquireCount() == before {
			time.Sleep(time.Millisecond)
		}
		meanwhile()
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
		it.Wait()
		others.Wait()
		return pool.Stat().AcquireCount() - before
	}
	query := lookup.WithSince(ctx, time.Now())
	if n := held(query, func() {
		for range 8 {
			others.Go(func() { look(query) })
		}
	}); n != 1 {
		t.Errorf("%d looks were made for nine queries that began before one of them", n)
	}
	before := pool.Stat().AcquireCount()
	if look(query); pool.Stat().AcquireCount() != before {
		t.Error("a query that began before a look did not take it")
	}
	if look(lookup.AsOfNow(query)); pool.Stat().AcquireCount() != before+1 {
		t.Error("what must see all that was done took an earlier look")
	}
	query = lookup.WithSince(ctx, time.Now())
	first, leave := context.WithCancel(query)
	if n := held(first, func() {
		for range 8 {
			others.Go(func() { look(query) })
		}
		leave()
	}); n < 2 {
		t.Errorf("%d looks were made where the first one's caller left", n)
	}
	before = pool.Stat().AcquireCount()
	if look(query); pool.Stat().AcquireCount() != before {
		t.Error("the look of one whose first one failed counts for nobody")
	}
}

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
		for i, r := range answers {
			a := r.Value
			out[skus[i]] = a.Available.Value.String()
			for _, n := range a.Nodes {
				if n.Provenance().Freshness != lookup.Live {
					t.Errorf("%s at %s is %s", skus[i], n.NodeID(), n.Provenance().Freshness)
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
	// A read that may have begun before something happened does not count, and how late a clock is looked at nobody can say: so they look
	// until it does.
	until := func(s *inventory.Service, done func() bool) map[trade.SKU]string {
		t.Helper()
		for range 100 {
			if got := look(s); done() {
				return got
			}
		}
		t.Fatal("no look counts")
		return nil
	}
	if got := until(ours, func() bool { return certain(t, pool) }); got["C"] != "20" || again(before) != 1 {
		t.Errorf("after an event there are %v, and %d rows were written", got, again(before))
	}
	before = written()
	if got := look(other); got["B"] != "17" || again(before) != 0 {
		t.Fatalf("another process sees %v, and has written %d rows that the node says again", got, again(before))
	}
	before = written()
	house.onHand = 11
	if got := until(other, func() bool { return again(before) == 6 }); got["A"] != "22" {
		t.Errorf("it sees %v", got)
	}
	before = written()
	house.onHand = 10
	if got := until(ours, func() bool { return again(before) == 6 }); got["A"] != "20" {
		t.Errorf("what another process has written counts as ours: %v", got)
	}
}

// TestAQuerySeesWhatWasDoneBeforeIt: it may be told what was so at its beginning, which costs no look where others have looked since. Who
// says nothing of when he began sees all that was done before he asks.
func TestAQuerySeesWhatWasDoneBeforeIt(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), t.Context()
	s := inventory.New(pool, &warehouse{onHand: 10, around: func() {}}, []inventory.Node{{ID: "N1"}}, time.Hour, lookup.Ages{})
	shows := func(ctx context.Context, want string) {
		t.Helper()
		answers, err := s.Availability(lookup.WithMaxAge(ctx, 0), []trade.SKU{"A"})
		if err != nil {
			t.Fatal(err)
		}
		if a := answers[0].Value; a.Available.Value.String() != want || a.Nodes[0].Provenance().Freshness != lookup.Live {
			t.Errorf("there are %s, %s, not %s", a.Available.Value, a.Nodes[0].Provenance().Freshness, want)
		}
	}
	promise := func() { // as another process does
		t.Helper()
		if _, err := pool.Exec(ctx, `INSERT INTO reservations (order_id, line, node, sku, quantity) VALUES (gen_random_uuid(), 1, 'N1', 'A', 1)`); err != nil {
			t.Fatal(err)
		}
	}
	shows(ctx, "10")
	began := time.Now()
	promise()
	shows(lookup.WithSince(ctx, began), "9") // nobody has looked since
	promise()
	shows(lookup.WithSince(ctx, began), "9")
	shows(lookup.WithSince(ctx, time.Now()), "8")
	promise()
	shows(lookup.AsOfNow(lookup.WithSince(ctx, began)), "7")
	promise()
	shows(ctx, "6")
}

// certain reports whether every figure was read since something happened that it does not know of.
func certain(t *testing.T, pool *postgres.Pool) (all bool) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), `SELECT NOT bool_or(outdated >= read_start) FROM stock_figures`).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// two is two nodes that have five of everything, of which one may be down.
type two struct{ down trade.NodeID }

func (w *two) Stock(_ context.Context, keys []inventory.Key) ([]lookup.Result[inventory.Figure], error) {
	out := make([]lookup.Result[inventory.Figure], len(keys))
	for i, k := range keys {
		out[i] = lookup.Result[inventory.Figure]{Value: inventory.Figure{Key: k, Source: "node", OnHand: trade.MustDecimal("5")}, OK: true}
		if k.Node == w.down {
			out[i] = lookup.Result[inventory.Figure]{Err: fault.New(fault.Unavailable, "down")}
		}
	}
	return out, nil
}

// TestWhatIsLastKnownStandsBesideWhatIsToldNow, also where figures at hand are shown to others as they are.
func TestWhatIsLastKnownStandsBesideWhatIsToldNow(t *testing.T) {
	t.Parallel()
	for _, fresh := range []time.Duration{0, time.Nanosecond} {
		house := &two{}
		s := inventory.New(pgtest.Database(t), house, []inventory.Node{{ID: "N1"}, {ID: "N2"}}, time.Hour, lookup.Ages{Fresh: fresh, Known: time.Hour})
		look := func(skus ...trade.SKU) (shown []string) {
			t.Helper()
			answers, err := s.Availability(t.Context(), skus)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range answers {
				if !a.OK || a.Value.SKU != skus[i] {
					t.Fatalf("%s is answered %+v", skus[i], a)
				}
				for _, n := range a.Value.Nodes {
					shown = append(shown, string(n.NodeID())+" "+string(n.Provenance().Freshness))
				}
				for _, u := range a.Value.Unknown {
					shown = append(shown, string(u.NodeID())+" unknown")
				}
			}
			return shown
		}
		look("A", "B")
		house.down = "N2"
		want := []string{"N1 LIVE", "N2 LAST_KNOWN", "N1 LIVE", "N2 unknown", "N1 LIVE", "N2 LAST_KNOWN"}
		if got := look("B", "C", "A"); !slices.Equal(got, want) {
			t.Errorf("fresh for %s: shown are %v, not %v", fresh, got, want)
		}
	}
}
