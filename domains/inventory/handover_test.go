package inventory_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const node = trade.NodeID("N1")

// warehouse is a node that counts work as allocated from the moment it takes it.
type warehouse struct {
	onHand, allocated int
	// lag is how old what it tells may be, was what it would have told since when, and pick chooses among that.
	lag  time.Duration
	was  []told
	pick func(n int) int
	// around runs while a read is under way: before and after the figure is taken.
	around func()
}

// told is what a warehouse would have told from a time on.
type told struct {
	since             time.Time
	onHand, allocated int
}

// tell is what the warehouse tells now: of any moment within its lag.
func (w *warehouse) tell() told {
	now := told{time.Now(), w.onHand, w.allocated}
	if w.lag == 0 {
		return now
	}
	w.note()
	for len(w.was) > 1 && w.was[1].since.Before(now.since.Add(-w.lag)) {
		w.was = w.was[1:]
	}
	return w.was[w.pick(len(w.was))]
}

// note keeps what is true from now on.
func (w *warehouse) note() { w.was = append(w.was, told{time.Now(), w.onHand, w.allocated}) }

func (w *warehouse) Stock(_ context.Context, keys []inventory.Key) ([]lookup.Result[inventory.Figure], error) {
	out := make([]lookup.Result[inventory.Figure], len(keys))
	w.around()
	is := w.tell()
	for i, k := range keys {
		out[i] = lookup.Result[inventory.Figure]{Value: inventory.Figure{Key: k, Source: "node", Unit: "PCS", OnHand: whole(is.onHand), Allocated: whole(is.allocated)}, OK: true}
	}
	w.around()
	return out, nil
}

func whole(n int) trade.Decimal { return trade.MustDecimal(fmt.Sprint(n)) }

// order is one promise on its way to the node.
type order struct {
	id       trade.OrderID
	quantity int
	sent     bool // Releasing was called
	taken    bool // the node has it
	known    bool // we know that the node has it
	refused  bool // it was sent before, in vain
}

// TestEveryPromisedUnitCountsOnce runs random schedules of promise, release, loss of the answer,
// discovery, recall and read, each step also inside a read, and compares what is available with
// what was promised after every step.
func TestEveryPromisedUnitCountsOnce(t *testing.T) {
	t.Parallel()
	handOver(t, 0, time.Hour, func(available, left int64) bool { return available == left })
}

// TestAFigureThatLags is the same of a node that tells of some moment of the last while.
func TestAFigureThatLags(t *testing.T) {
	t.Parallel()
	handOver(t, 10*time.Millisecond, time.Hour, func(available, left int64) bool { return available == left })
}

// TestAFigureThatIsNeverCertain: where the one in use gets old, another takes its place that may or may not include what is
// on its way, which is never promised twice for that.
func TestAFigureThatIsNeverCertain(t *testing.T) {
	t.Parallel()
	handOver(t, 10*time.Millisecond, 20*time.Millisecond, func(available, left int64) bool { return available <= left })
}

func handOver(t *testing.T, lag, stale time.Duration, right func(available, left int64) bool) {
	t.Helper()
	pool := pgtest.Database(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		sku := trade.SKU(fmt.Sprintf("SKU-%d", run))
		ctx := context.Background()
		house := &warehouse{onHand: 100, lag: lag, around: func() {}, pick: func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "moment") }}
		house.note()
		s := inventory.New(pool, house, []inventory.Node{{ID: node, Lag: lag}}, stale, lookup.Ages{})
		available := func(maxAge time.Duration) (int64, bool) {
			answers, err := s.Availability(lookup.WithMaxAge(ctx, maxAge), []trade.SKU{sku})
			if err != nil {
				rt.Fatal(err)
			}
			a := answers[0].Value
			if a == nil {
				return 0, false
			}
			n, _, _ := a.Available.Value.Int64(0)
			return n, true
		}
		var open []*order
		promised := func() (n int64) {
			for _, o := range open {
				n += int64(o.quantity)
			}
			return n
		}
		pick := func(ok func(*order) bool) *order {
			var some []*order
			for _, o := range open {
				if ok(o) {
					some = append(some, o)
				}
			}
			if len(some) == 0 {
				return nil
			}
			return some[rapid.IntRange(0, len(some)-1).Draw(rt, "which")]
		}
		must := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		inTx := func(fn func(tx postgres.Tx) error) { must(postgres.InTx(ctx, pool, fn)) }
		step := func() {
			defer house.note()
			switch rapid.SampledFrom([]string{"promise", "send", "take", "learn", "refuse", "withdraw", "ship"}).Draw(rt, "step") {
			case "promise":
				o := &order{id: trade.OrderID(postgres.NewID()), quantity: rapid.IntRange(1, 5).Draw(rt, "quantity")}
				inTx(func(tx postgres.Tx) error {
					got, err := s.Reserve(ctx, tx, o.id, inventory.Request{Needs: []inventory.Need{{Line: 1, SKU: sku, Quantity: whole(o.quantity)}}})
					if got.Short.IsPos() {
						o = nil
					}
					return err
				})
				if o != nil {
					open = append(open, o)
				}
			case "send":
				if o := pick(func(o *order) bool { return !o.sent }); o != nil {
					inTx(func(tx postgres.Tx) error { return s.Assign(ctx, tx, o.id, node, string(o.id), []int{1}) })
					must(s.Releasing(ctx, string(o.id)))
					o.sent = true
				}
			case "take":
				if o := pick(func(o *order) bool { return o.sent && !o.taken }); o != nil {
					o.taken = true
					house.allocated += o.quantity
				}
			case "learn":
				if o := pick(func(o *order) bool { return o.taken && !o.known }); o != nil {
					inTx(func(tx postgres.Tx) error { return s.Released(ctx, tx, string(o.id)) })
					o.known = true
				}
			case "refuse":
				if o := pick(func(o *order) bool { return o.sent && !o.taken }); o != nil {
					must(s.NotReleased(ctx, string(o.id)))
					o.sent, o.refused = false, true
				}
			case "withdraw":
				if o := pick(func(o *order) bool { return !o.sent }); o != nil {
					inTx(func(tx postgres.Tx) error {
						if o.refused {
							return s.Recalled(ctx, tx, string(o.id))
						}
						return s.Adjust(ctx, tx, o.id, nil)
					})
					open = remove(open, o)
				}
			case "ship":
				// Shipped goods leave both figures at once: what is available stays.
				if o := pick(func(o *order) bool { return o.known }); o != nil {
					house.onHand -= o.quantity
					house.allocated -= o.quantity
					o.known, o.taken = false, false
					o.sent = true
					open = remove(open, o)
				}
			}
		}
		steps := func() {
			for range rapid.IntRange(0, 3).Draw(rt, "steps") {
				step()
			}
		}
		shipped := func() int64 { return int64(100 - house.onHand) }
		check := func(when string) {
			if got, ok := available(time.Hour); ok && !right(got, 100-promised()-shipped()) {
				rt.Fatalf("%s: %d are available; %d are promised and %d shipped of 100", when, got, promised(), shipped())
			}
		}
		available(0)
		check("at first")
		for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
			step()
			check("after a step")
			house.around = steps
			available(0)
			house.around = func() {}
			check("after a read")
		}
	})
}

func remove(list []*order, o *order) []*order {
	var out []*order
	for _, v := range list {
		if v != o {
			out = append(out, v)
		}
	}
	return out
}

// TestWhatIsShownIsWhatIsPromisedFrom: a figure that a node takes back is adopted again though this process knows it,
// when another process, or a read of this one to promise from, has adopted another one meanwhile.
func TestWhatIsShownIsWhatIsPromisedFrom(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.Database(t), t.Context()
	house := &warehouse{onHand: 10, around: func() {}}
	nodes := []inventory.Node{{ID: node}}
	ours, other := inventory.New(pool, house, nodes, time.Hour, lookup.Ages{}), inventory.New(pool, house, nodes, time.Hour, lookup.Ages{})
	skus := []trade.SKU{"SKU-1"}
	look := func(s *inventory.Service) string {
		t.Helper()
		answers, err := s.Availability(lookup.WithMaxAge(ctx, 0), skus)
		if err != nil {
			t.Fatal(err)
		}
		return answers[0].Value.Available.Value.String()
	}
	for n, refresh := range []*inventory.Service{other, ours, nil} {
		house.onHand = 10
		if got := look(ours); got != "10" {
			t.Fatalf("round %d: %s are shown", n, got)
		}
		house.onHand = 20
		if refresh == nil {
			if got := look(other); got != "20" {
				t.Fatalf("round %d: %s are shown", n, got)
			}
		} else if _, _, err := refresh.Refresh(ctx, skus, inventory.Known{}); err != nil {
			t.Fatal(err)
		}
		house.onHand = 10
		if got := look(ours); got != "10" {
			t.Fatalf("round %d: %s are shown", n, got)
		}
		kept, err := ours.Availability(lookup.WithMaxAge(ctx, time.Hour), skus) // from the table
		if err != nil {
			t.Fatal(err)
		}
		if got := kept[0].Value.Available.Value.String(); got != "10" {
			t.Errorf("round %d: the node has 10, and promises are made from %s", n, got)
		}
	}
}
