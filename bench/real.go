package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// accounts and items are those of live/world.json that a page is made of.
func accounts() []string { return []string{"C20001", "C20002", "C20005"} }

func items() []string {
	return []string{"MI-1001", "MI-1002", "MI-1004", "MI-1005", "MI-1006", "MI-1007", "MI-2001", "MI-2002", "MI-2003", "MI-2004", "MI-4001", "MI-4002"}
}

// call is a source call of an operation, in milliseconds from its beginning.
type call struct {
	Source   string `json:"source"`
	StartMs  int64  `json:"startMs"`
	Duration int64  `json:"durationMs"`
}

// real measures the order page on real products, one at a time: what it costs, whom it asks how often, and
// how much of the time somebody else works.
func (w *world) real(ctx context.Context, runs int) error {
	for n := range 20 {
		var lines []any
		for k := range 5 {
			lines = append(lines, map[string]any{"sku": items()[(n+k*5)%len(items())], "quantity": map[string]any{"value": "1"}})
		}
		var out struct{ PlaceOrder struct{ Decision string } }
		err := w.ask(ctx, "service", place, map[string]any{"i": map[string]any{"idempotencyKey": fmt.Sprint("bench-", n), "accountId": accounts()[n%len(accounts())], "lines": lines}}, &out)
		if err != nil || out.PlaceOrder.Decision == "" {
			return fmt.Errorf("place: %s, %w", out.PlaceOrder.Decision, err)
		}
	}
	if err := w.handedOver(ctx, 20); err != nil {
		return err
	}
	fmt.Println("| what | requests | p50 ms | p99 ms | calls each | share of others, of p50 |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, n := range []int{5, 20} {
		if err := w.realPage(ctx, runs, n); err != nil {
			return err
		}
	}
	return nil
}

// handedOver waits until the ERP and the nodes have taken the orders, so that their work is not measured.
func (w *world) handedOver(ctx context.Context, orders int) error {
	for range 300 {
		var out struct {
			Orders struct {
				Nodes []struct {
					References        []struct{ Value string }
					FulfillmentOrders []struct{ NodeRef string }
				}
			}
		}
		if err := w.ask(ctx, "service", `query($n: Int!) { orders(first: $n) { nodes { references { value } fulfillmentOrders { nodeRef } } } }`, map[string]any{"n": orders}, &out); err != nil {
			return err
		}
		open := 0
		for _, o := range out.Orders.Nodes {
			if len(o.References) == 0 || slices.ContainsFunc(o.FulfillmentOrders, func(f struct{ NodeRef string }) bool { return f.NodeRef == "" }) {
				open++
			}
		}
		if open == 0 {
			return nil
		}
		time.Sleep(time.Second)
	}
	return errors.New("the products do not take the orders")
}

func (w *world) realPage(ctx context.Context, runs, orders int) error {
	took := make([]time.Duration, runs)
	shares := make([]float64, runs)
	by := map[string]int{}
	for n := range runs {
		var more struct{ Sources []call }
		begin := time.Now()
		if err := w.ask(ctx, "operations", page, map[string]any{"n": orders}, &struct{}{}, &more); err != nil {
			return err
		}
		took[n] = time.Since(begin)
		shares[n] = float64(busy(more.Sources)) / float64(took[n].Milliseconds())
		for _, c := range more.Sources {
			by[c.Source]++
		}
	}
	slices.Sort(took)
	slices.Sort(shares)
	var calls []string
	for _, source := range slices.Sorted(maps.Keys(by)) {
		calls = append(calls, fmt.Sprintf("%s %.1f", source, float64(by[source])/float64(runs)))
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("| order page, %d orders, maxAge 0 | %d | %.0f | %.0f | %s | %.0f %% |\n", orders, runs, ms(took[runs/2]), ms(took[runs*99/100]), strings.Join(calls, ", "), 100*shares[runs/2])
	return nil
}

// busy is how long at least one call was under way, in milliseconds.
func busy(calls []call) (total int64) {
	slices.SortFunc(calls, func(a, b call) int { return int(a.StartMs - b.StartMs) })
	end := int64(0)
	for _, c := range calls {
		from := max(c.StartMs, end)
		end = max(end, c.StartMs+c.Duration)
		total += max(0, end-from)
	}
	return total
}
