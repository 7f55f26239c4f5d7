// Package ingest brings news from other systems to the domains: by poll, by webhook, by file.
// Late, repeated and reordered news is normal; domains compare it with what they know.
package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

// batch bounds the works and returns asked about in one round.
const batch = 500

// Nodes asks nodes about the work and the returns that are open there.
type Nodes struct {
	Shipments *shipments.Service
	Returns   *returns.Service
	// Fulfillers and Receivers are by node.
	Fulfillers map[trade.NodeID]shipments.Fulfiller
	Receivers  map[trade.NodeID]returns.Receiver
	Log        *slog.Logger
}

// Round asks every node once. A node that fails does not keep the others from being asked.
func (n *Nodes) Round(ctx context.Context) {
	for id, f := range n.Fulfillers {
		if err := n.reports(ctx, id, f); err != nil && ctx.Err() == nil {
			n.Log.WarnContext(ctx, "poll work", "node", id, "error", err)
		}
	}
	for id, r := range n.Receivers {
		if err := n.receipts(ctx, id, r); err != nil && ctx.Err() == nil {
			n.Log.WarnContext(ctx, "poll returns", "node", id, "error", err)
		}
	}
}

func (n *Nodes) reports(ctx context.Context, id trade.NodeID, f shipments.Fulfiller) error {
	open, err := n.Shipments.OpenWork(ctx, id, batch)
	if err != nil || len(open) == 0 {
		return err
	}
	return n.observe(ctx, id, f, open)
}

// observe reads works back and hands them to their domain.
func (n *Nodes) observe(ctx context.Context, id trade.NodeID, f shipments.Fulfiller, numbers []string) error {
	answers, err := f.Reports(ctx, id, numbers)
	if err != nil {
		return err
	}
	var failed error
	for _, r := range answers.Found {
		if err := n.Shipments.Observe(ctx, r); err != nil {
			failed = fmt.Errorf("work %s: %w", r.Number, err) // and on with the others
		}
	}
	for _, err := range answers.Failed {
		failed = err
	}
	return failed
}

func (n *Nodes) receipts(ctx context.Context, id trade.NodeID, r returns.Receiver) error {
	awaited, err := n.Returns.Awaited(ctx, id, batch)
	if err != nil || len(awaited) == 0 {
		return err
	}
	answers, err := r.Receipts(ctx, id, awaited)
	if err != nil {
		return err
	}
	for _, rec := range answers.Found {
		if err := n.Returns.Observe(ctx, rec); err != nil {
			return fmt.Errorf("return %s: %w", rec.Number, err)
		}
	}
	for _, err := range answers.Failed {
		return err
	}
	return nil
}

// Pause waits, unless the context ends first.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Every runs fn at once and then again and again until the context ends, with a pause between
// the end of one run and the start of the next.
func Every(ctx context.Context, pause time.Duration, fn func(context.Context)) error {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			fn(ctx)
			t.Reset(pause)
		}
	}
}
