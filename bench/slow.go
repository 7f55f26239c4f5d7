package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Pages that need all sources but one.
const (
	withoutWarehouse = `{ orders(first: 20) { nodes { number account(maxAge: 0) { name } lines { sku item(maxAge: 0) { name } price(maxAge: 0) { unitPrice { amount } } } shipments { trackingNumber status } } } }`
	withWarehouse    = `query($skus: [String!]!) { availability(skus: $skus, maxAge: 0) { complete nodes { provenance { freshness } } unavailable { node code } } }`
	withoutERP       = `{ orders(first: 20) { nodes { number lines { sku availability(maxAge: 0) { complete nodes { node } } } shipments { trackingNumber status } } } }`
	withERP          = `query($skus: [String!]!) { item(sku: "SKU-1000", maxAge: 0) { name } availability(skus: $skus) { complete } }`
)

// deadline is how long an operation may take.
const deadline = 30 * time.Second

// slowed has one source at a time take 30 s for each call, while some ask for what it has, and measures what the
// others see. Both halves of a comparison take turns, because a machine is never the same for long.
func (w *world) slowed(ctx context.Context, runs, at int) error {
	fmt.Println("| at 30 s | p50 ms | p99 ms before | p99 ms then | ratio | asked of it | longest ms | beyond the deadline |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, one := range []struct{ system, source, without, with string }{
		{"wms", "wms", withoutWarehouse, withWarehouse},
		{"bc", "erp", withoutERP, withERP},
	} {
		if err := w.slow(ctx, one.system, one.source, one.without, one.with, runs, at); err != nil {
			return fmt.Errorf("%s: %w", one.source, err)
		}
	}
	return nil
}

// recovered waits until a source that was slow is asked again.
func (w *world) recovered(ctx context.Context, with string) error {
	for range 100 {
		if err := w.ask(ctx, "service", with, map[string]any{"skus": []string{"SKU-1000"}}, &struct{}{}); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("it does not recover")
}

func (w *world) slow(ctx context.Context, system, source, without, with string, runs, at int) error {
	const rounds = 4
	var before, then, asked []time.Duration
	for round := range 2 * rounds {
		slow := round%2 == 1
		latency := "0s"
		if slow {
			latency = "30s"
		}
		if err := w.knobs(ctx, `{"latency":{"`+system+`":"`+latency+`"}}`); err != nil {
			return err
		}
		if !slow {
			if err := w.recovered(ctx, with); err != nil {
				return err
			}
		}
		waiting, leave := context.WithCancel(ctx)
		var wg sync.WaitGroup
		var mu sync.Mutex
		if slow {
			for n := range 8 {
				wg.Go(func() {
					begin := time.Now()
					_ = w.ask(waiting, "service", with, map[string]any{"skus": []string{fmt.Sprintf("SKU-%04d", 1000+10*(8*round+n))}}, &struct{}{}) // an error is an answer, too
					mu.Lock()
					defer mu.Unlock()
					asked = append(asked, time.Since(begin))
				})
			}
		}
		took, err := w.times(ctx, runs/rounds, at, func(ctx context.Context, _ int) error { return w.ask(ctx, "service", without, nil, &struct{}{}) })
		wg.Wait()
		leave()
		if err != nil {
			return err
		}
		if slow {
			then = append(then, took...)
		} else {
			before = append(before, took...)
		}
	}
	if err := w.knobs(ctx, `{"latency":{"`+system+`":"0s"}}`); err != nil {
		return err
	}
	if err := w.recovered(ctx, with); err != nil {
		return err
	}
	p99 := func(list []time.Duration) float64 {
		slices.Sort(list)
		return float64(list[len(list)*99/100].Microseconds()) / 1000
	}
	a, b := p99(before), p99(then)
	late := 0
	for _, d := range asked {
		if d > deadline {
			late++
		}
	}
	fmt.Printf("| %s | %.1f | %.1f | %.1f | %.2f | %d | %d | %d |\n", source, float64(then[len(then)/2].Microseconds())/1000, a, b, b/a, len(asked), slices.Max(asked).Milliseconds(), late)
	return nil
}
