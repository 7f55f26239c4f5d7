package sourcetest

import (
	"context"
	"testing"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

// Warehouse is everything that the adapter of a system of nodes does.
type Warehouse interface {
	inventory.Source
	shipments.Fulfiller
	returns.Receiver
}

// Node is one node of a system with what the suite needs to know of it.
type Node struct {
	Warehouse
	// Node is what the system calls the node. Items are at least two that lie there.
	Node  trade.NodeID
	Items []trade.SKU
	Unit  trade.Unit
	// Many is more than one call of the product takes.
	Many int
	// Run begins all numbers, where the books outlive the test.
	Run string
	// Works and Returns ask the product's own books how many it has of a number.
	Works, Returns func(number string) int
	// Lose and Down are those of a Command.
	Lose, Down func() (undo func())
}

// TestNode runs every suite that an adapter of a system of nodes must pass.
func TestNode(t *testing.T, n Node) {
	t.Helper()
	t.Run("stock", func(t *testing.T) {
		unknown := Numbered[trade.SKU]("O'NOTHING")
		Test(t, Port[inventory.Key, inventory.Figure]{
			Ask: ByKey(n.Stock), Known: []inventory.Key{{Node: n.Node, SKU: n.Items[0]}, {Node: n.Node, SKU: n.Items[1]}}, Unknown: func(i int) inventory.Key { return inventory.Key{Node: n.Node, SKU: unknown(i)} },
			KeyOf: func(f inventory.Figure) inventory.Key { return f.Key }, Many: n.Many, Down: n.Down,
		})
	})
	t.Run("work", func(t *testing.T) {
		TestCommand(t, Command[shipments.Report]{
			Do: func(ctx context.Context, key string) error {
				_, err := n.Release(ctx, n.work(key))
				return err
			},
			Find: n.reports, Key: Numbered[string](n.Run + "W-T"), Unique: true, Copies: n.Works, Lose: n.Lose, Down: n.Down,
		})
	})
	t.Run("recall", n.recall)
	t.Run("returns", func(t *testing.T) {
		TestCommand(t, Command[returns.Receipt]{
			Do: func(ctx context.Context, key string) error {
				_, err := n.Expect(ctx, returns.Return{Number: key, Account: "C-T", Node: n.Node, Lines: []returns.Line{{Line: 1, SKU: n.Items[0], Unit: n.Unit, Authorized: one()}}})
				return err
			},
			Find: func(ctx context.Context, keys []string) (lookup.Answers[string, returns.Receipt], error) {
				return n.Receipts(ctx, n.Node, keys)
			},
			Key: Numbered[string](n.Run + "R-T"), Unique: true, Copies: n.Returns, Lose: n.Lose, Down: n.Down,
		})
	})
}

func (n Node) reports(ctx context.Context, keys []string) (lookup.Answers[string, shipments.Report], error) {
	return n.Reports(ctx, n.Node, keys)
}

// work is two of the first item.
func (n Node) work(number string) shipments.Work {
	return shipments.Work{
		Number: number, OrderNumber: number, Account: "C-T", Node: n.Node, Parts: []trade.Part{{Line: 1, SKU: n.Items[0], Quantity: two(), Unit: n.Unit}},
		ShipTo: trade.Address{Name: "Ada", Line1: "1 Main St", City: "Columbus", Region: "OH", PostalCode: "43085", Country: "US"},
	}
}

// recall: work that nobody has begun is stopped, however often that is asked, and frees what it had taken.
func (n Node) recall(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	key := inventory.Key{Node: n.Node, SKU: n.Items[0]}
	allocated := func() trade.Decimal {
		t.Helper()
		f := lookup.Only(n.Stock(ctx, []inventory.Key{key}))
		if f.Err != nil || !f.OK {
			t.Fatalf("stock: %+v", f)
		}
		return f.Value.Allocated
	}
	before := allocated()
	w := n.work(n.Run + "W-BACK")
	ref, err := n.Release(ctx, w)
	if err != nil || ref == "" {
		t.Fatalf("release: %q, %v", ref, err)
	}
	w.NodeRef = ref
	if got, want := allocated(), trade.Sum(before, two()); !got.Equal(want) {
		t.Errorf("with work of 2 %s are allocated, not %s", got, want)
	}
	for range 2 {
		if stopped, err := n.Recall(ctx, w); err != nil || !stopped {
			t.Errorf("work that nobody has begun is stopped: %t, %v", stopped, err)
		}
	}
	if got := allocated(); !got.Equal(before) {
		t.Errorf("after the recall %s are allocated, not %s", got, before)
	}
	a, err := n.reports(ctx, []string{w.Number})
	if r := a.Found[w.Number]; err != nil || r.Status != shipments.Cancelled || len(r.Shipments) > 0 {
		t.Errorf("work that was stopped is %+v, %v", r, err)
	}
}
