package route

import (
	"context"
	"slices"

	"crossdock/domains/lookup"
	"crossdock/domains/references"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

// System is a source that does work at its places and takes goods back there.
type System interface {
	shipments.Fulfiller
	returns.Receiver
}

// Names is what a source calls our items.
type Names func(ctx context.Context, source string) (references.Names, error)

// Place is one node of a system, which calls the node and our items by names of its own.
type Place struct {
	System   System
	Source   string
	Location trade.NodeID
	Names    Names
}

var (
	_ shipments.Fulfiller = Place{}
	_ returns.Receiver    = Place{}
	_ shipments.Historian = Past{}
)

// Release implements shipments.Fulfiller.
func (p Place) Release(ctx context.Context, w shipments.Work) (string, error) {
	w.Node = p.Location
	names, err := p.Names(ctx, p.Source)
	if err != nil {
		return "", err
	}
	w.Parts = renamed(w.Parts, names.TheirItem)
	return p.System.Release(ctx, w)
}

// Reports implements shipments.Fulfiller.
func (p Place) Reports(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, shipments.Report], error) {
	names, err := p.Names(ctx, p.Source)
	if err != nil {
		return lookup.Empty[string, shipments.Report](0), err
	}
	answers, err := p.System.Reports(ctx, p.Location, numbers)
	if names.Same() || err != nil {
		return answers, err
	}
	for number, r := range answers.Found {
		answers.Found[number] = Reported(r, names)
	}
	return answers, nil
}

// Reported is what a node reports of a work, in our names.
func Reported(r shipments.Report, names references.Names) shipments.Report {
	r.Shipments = sent(r.Shipments, names)
	return r
}

func sent(list []shipments.ReportedShipment, names references.Names) []shipments.ReportedShipment {
	out := slices.Clone(list)
	for i := range out {
		out[i].Parts = renamed(out[i].Parts, names.OurItem)
	}
	return out
}

// Past is a system that knows what it sent before we came, and calls our items by names of its own.
type Past struct {
	System shipments.Historian
	Source string
	Names  Names
}

// Shipped implements shipments.Historian.
func (p Past) Shipped(ctx context.Context, refs []string) (lookup.Answers[string, []shipments.ReportedShipment], error) {
	names, err := p.Names(ctx, p.Source)
	if err != nil {
		return lookup.Empty[string, []shipments.ReportedShipment](0), err
	}
	answers, err := p.System.Shipped(ctx, refs)
	if names.Same() || err != nil {
		return answers, err
	}
	for ref, list := range answers.Found {
		answers.Found[ref] = sent(list, names)
	}
	return answers, nil
}

// Received is what a node took back, in our names.
func Received(r returns.Receipt, names references.Names) returns.Receipt {
	r.Units = slices.Clone(r.Units)
	for i := range r.Units {
		r.Units[i].SKU = names.OurItem(r.Units[i].SKU)
	}
	return r
}

// renamed are the parts with their items called otherwise.
func renamed(parts []trade.Part, name func(trade.SKU) trade.SKU) []trade.Part {
	out := slices.Clone(parts)
	for i := range out {
		out[i].SKU = name(out[i].SKU)
	}
	return out
}

// Recall implements shipments.Fulfiller.
func (p Place) Recall(ctx context.Context, w shipments.Work) (bool, error) {
	w.Node = p.Location
	names, err := p.Names(ctx, p.Source)
	if err != nil {
		return false, err
	}
	w.Parts = renamed(w.Parts, names.TheirItem)
	return p.System.Recall(ctx, w)
}

// Expect implements returns.Receiver.
func (p Place) Expect(ctx context.Context, r returns.Return) (string, error) {
	r.Node = p.Location
	names, err := p.Names(ctx, p.Source)
	if err != nil {
		return "", err
	}
	r.Lines = slices.Clone(r.Lines)
	for i := range r.Lines {
		r.Lines[i].SKU = names.TheirItem(r.Lines[i].SKU)
	}
	return p.System.Expect(ctx, r)
}

// Receipts implements returns.Receiver.
func (p Place) Receipts(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, returns.Receipt], error) {
	names, err := p.Names(ctx, p.Source)
	if err != nil {
		return lookup.Empty[string, returns.Receipt](0), err
	}
	answers, err := p.System.Receipts(ctx, p.Location, numbers)
	if names.Same() || err != nil {
		return answers, err
	}
	for number, r := range answers.Found {
		answers.Found[number] = Received(r, names)
	}
	return answers, nil
}
