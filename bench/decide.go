package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// slowly has every system take so long for each call.
func (w *world) slowly(ctx context.Context, d time.Duration) error {
	return w.knobs(ctx, fmt.Sprintf(`{"latency":{"bc":"%[1]s","wms":"%[1]s","shipbob":"%[1]s","shipbob-south":"%[1]s"}}`, d))
}

// basket is an order of lines for an account, of items from the nth on.
func basket(key, account string, first, lines int) map[string]any {
	list := make([]any, lines)
	for k := range list {
		list[k] = map[string]any{"sku": fmt.Sprintf("SKU-%04d", 1000+(first+k)%500), "quantity": map[string]any{"value": "10"}}
	}
	return map[string]any{"idempotencyKey": key, "accountId": account, "lines": list}
}

// decides measures how long intake takes for its answer: beside systems of which each call takes a while, when it has to ask
// them and when what is at hand is young enough, and for a long order.
func (w *world) decides(ctx context.Context) error {
	run := func(n int, of func(n int) map[string]any, at int) (took []time.Duration, err error) {
		took, err = w.times(ctx, n, at, func(ctx context.Context, n int) error {
			var out struct {
				PlaceOrder struct {
					Decision string
					Errors   []struct{ Message string }
				}
			}
			err := w.ask(ctx, "service", place, map[string]any{"i": of(n)}, &out)
			if err == nil && out.PlaceOrder.Decision == "" {
				err = fmt.Errorf("no decision: %v", out.PlaceOrder.Errors)
			}
			return err
		})
		slices.Sort(took)
		return took, err
	}
	fmt.Println("| what | each call takes | decisions | p50 ms | p95 ms | beyond one call, p95 ms |")
	fmt.Println("|---|---|---|---|---|---|")
	row := func(what string, call time.Duration, took []time.Duration) {
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		p95 := took[len(took)*95/100]
		fmt.Printf("| %s | %s | %d | %.1f | %.1f | %.1f |\n", what, call, len(took), ms(took[len(took)/2]), ms(p95), ms(max(0, p95-call)))
	}
	if _, err := run(20, func(n int) map[string]any {
		return basket(fmt.Sprint("first", n), fmt.Sprintf("C%05d", 10000+20*n+15), 5*n, 5)
	}, 1); err != nil { // the program has started, its sources have been read
		return err
	}
	for _, call := range []time.Duration{100 * time.Millisecond, 800 * time.Millisecond} {
		if err := w.slowly(ctx, call); err != nil {
			return err
		}
		// Accounts and items that nobody has ordered for: their prices, stock and credit are asked for.
		took, err := run(60, func(n int) map[string]any {
			return basket(fmt.Sprint("cold", call, n), fmt.Sprintf("C%05d", 10000+20*(n%20)+int(call/(100*time.Millisecond))), 5*n, 5)
		}, 1)
		if err != nil {
			return err
		}
		row("5 lines, what they need is asked for", call, took)
	}
	if err := w.slowly(ctx, 0); err != nil {
		return err
	}
	warm := func(key string) func(n int) map[string]any {
		return func(n int) map[string]any { return basket(fmt.Sprint(key, n), "C10002", 400, 5) }
	}
	if _, err := run(5, warm("warm up"), 1); err != nil {
		return err
	}
	if err := w.slowly(ctx, 800*time.Millisecond); err != nil {
		return err
	}
	took, err := run(100, warm("warm"), 2)
	if err != nil {
		return err
	}
	row("5 lines, what they need is at hand", 800*time.Millisecond, took)
	if err := w.slowly(ctx, 0); err != nil {
		return err
	}
	took, err = run(5, func(n int) map[string]any { return basket(fmt.Sprint("long", n), "C10003", 0, 1000) }, 1)
	if err != nil {
		return err
	}
	row("1,000 lines over 500 items and 4 nodes", 0, took)
	return nil
}
