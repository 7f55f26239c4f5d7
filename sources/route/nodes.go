package route

import (
	"context"

	"crossdock/domains/lookup"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

// System is a source that does work at its places and takes goods back there.
type System interface {
	shipments.Fulfiller
	returns.Receiver
}

// Place is one node of a system, which calls the node by its own name.
type Place struct {
	System   System
	Location trade.NodeID
}

var (
	_ shipments.Fulfiller = Place{}
	_ returns.Receiver    = Place{}
)

// Release implements shipments.Fulfiller.
func (p Place) Release(ctx context.Context, w shipments.Work) (string, error) {
	w.Node = p.Location
	return p.System.Release(ctx, w)
}

// Reports implements shipments.Fulfiller.
func (p Place) Reports(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, shipments.Report], error) {
	return p.System.Reports(ctx, p.Location, numbers)
}

// Recall implements shipments.Fulfiller.
func (p Place) Recall(ctx context.Context, w shipments.Work) (bool, error) {
	w.Node = p.Location
	return p.System.Recall(ctx, w)
}

// Expect implements returns.Receiver.
func (p Place) Expect(ctx context.Context, r returns.Return) (string, error) {
	r.Node = p.Location
	return p.System.Expect(ctx, r)
}

// Receipts implements returns.Receiver.
func (p Place) Receipts(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, returns.Receipt], error) {
	return p.System.Receipts(ctx, p.Location, numbers)
}
