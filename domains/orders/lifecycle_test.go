package orders_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

func whole(n int) trade.Decimal { return trade.MustDecimal(fmt.Sprint(n)) }

// TestVendurePartialShipment: of one line of three, two that have left make the order partly shipped.
func TestVendurePartialShipment(t *testing.T) {
	t.Parallel()
	o := &orders.Order{Status: orders.Accepted, Lines: []orders.Line{{Number: 1, SKU: "A", Quantity: quantity("3", "PCS")}}}
	orders.Promise(o, 1, orders.Allocation{Node: "N", Quantity: whole(3)})
	orders.Move(o, 1, orders.StepReleased, "N", whole(3))
	orders.Move(o, 1, orders.StepShipped, "N", whole(2))
	if o.FulfillmentRollup() != "PARTIALLY_SHIPPED" || o.Status != orders.InFulfillment {
		t.Errorf("it is %s, %s", o.FulfillmentRollup(), o.Status)
	}
}

// next are the statuses that an order may go on to; see the package comment.
func next() map[orders.Status][]orders.Status {
	return map[orders.Status][]orders.Status{
		orders.Accepted:        {orders.OnHold, orders.InFulfillment, orders.Completed, orders.Cancelled},
		orders.OnHold:          {orders.Accepted, orders.InFulfillment, orders.Completed, orders.Cancelled},
		orders.InFulfillment:   {orders.Accepted, orders.OnHold, orders.Completed, orders.Cancelled},
		orders.Completed:       {},
		orders.Cancelled:       {},
		orders.Rejected:        {},
		orders.PendingApproval: {orders.OnHold, orders.Accepted, orders.Rejected, orders.Cancelled},
	}
}

// TestQuantitiesStayTrue: whatever is promised, released, shipped, shorted, recalled, delivered, returned, invoiced and cancelled in
// whatever order, a line's buckets are disjoint and add up, nothing that has left comes back, and the order's status goes on only
// as it may.
func TestQuantitiesStayTrue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := &orders.Order{Number: "SO-1", Status: orders.Accepted}
		for n := range rapid.IntRange(1, 3).Draw(t, "lines") {
			o.Lines = append(o.Lines, orders.Line{Number: n + 1, SKU: trade.SKU(fmt.Sprint("S", n)), Quantity: trade.Quantity{Value: whole(rapid.IntRange(1, 9).Draw(t, "quantity")), Unit: "PCS"}})
		}
		steps := []orders.Step{orders.StepReleased, orders.StepShipped, orders.StepShorted, orders.StepRecalled, orders.StepDelivered, orders.StepReturned, orders.StepInvoiced}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			line, q, node := rapid.IntRange(1, len(o.Lines)).Draw(t, "line"), whole(rapid.IntRange(1, 9).Draw(t, "of")), rapid.SampledFrom([]trade.NodeID{"A", "B"}).Draw(t, "node")
			was, shipped := o.Status, o.Line(line).Shipped
			what := rapid.SampledFrom([]string{"promise", "step", "step", "step", "shrink", "hold", "let go"}).Draw(t, "what")
			switch l := o.Line(line); what {
			case "promise":
				if q = trade.Min(q, l.Open()); q.IsPos() {
					orders.Promise(o, line, orders.Allocation{Node: node, Quantity: q})
				}
			case "step":
				orders.Move(o, line, rapid.SampledFrom(steps).Draw(t, "step"), node, q)
			case "shrink":
				orders.Shrink(o, line, q)
			case "hold":
				orders.Hold1(o, rapid.IntRange(0, len(o.Lines)).Draw(t, "held"))
			case "let go":
				for _, h := range o.ActiveHolds() {
					if err := orders.LetGo(o, h.ID, trade.Viewer{Subject: "x", Scopes: orders.Scopes()}, time.Now()); err != nil {
						t.Fatal(err)
					}
					if err := orders.LetGo(o, h.ID, trade.Viewer{Subject: "x", Scopes: orders.Scopes()}, time.Now()); err == nil {
						t.Fatal("a hold ends twice")
					}
				}
			}
			if err := o.Check(); err != nil {
				t.Fatalf("after %s: %v", what, err)
			}
			if o.Line(line).Shipped.Cmp(shipped) < 0 {
				t.Fatalf("after %s %s have left, %s before", what, o.Line(line).Shipped, shipped)
			}
			held := was == orders.Completed && what != "step" // a hold that is put on late
			if o.Status != was && !slices.Contains(next()[was], o.Status) && !held {
				t.Fatalf("after %s it is %s, and was %s", what, o.Status, was)
			}
		}
	})
}
