// Package shadow keeps what would have been written to sources that are in shadow, and how what they did themselves
// differs from what we decided. It is how a system is connected to others that are live, and watched before it takes
// over.
package shadow

import (
	"context"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Write is a call that was not made.
type Write struct {
	ID        string
	Source    string
	Operation string
	// Subject is what it is about, such as "order/…".
	Subject string
	Order   trade.OrderID
	// Method, Target and Body are what would have been sent; the target is a path with its query.
	Method, Target, Body string
	// Note says why it did not come so far, where it did not: what it builds on was not written either.
	Note string
	// Times is how often it would have been made, with another body perhaps; the last is shown.
	Times int
	At    time.Time
	// Compared is what the source did itself, once that is known.
	Compared *Comparison
}

// Comparison is what a source in shadow has made of an order that we decided, too.
type Comparison struct {
	Source string
	// Theirs is what the source calls the order.
	Theirs string
	// Differences are what it decided differently, for people; none when it did the same.
	Differences []string
	At          time.Time
}

// Service holds the verbs of shadow mode.
type Service struct{ store store }

// New returns the shadow of a database.
func New(pool *postgres.Pool) *Service { return &Service{store{pool}} }

// Note keeps a call that was not made.
func (s *Service) Note(ctx context.Context, tx postgres.Tx, w Write) error {
	return s.store.note(ctx, tx, w)
}

// Compared keeps what a source has made of an order.
func (s *Service) Compared(ctx context.Context, tx postgres.Tx, order trade.OrderID, c Comparison) error {
	return s.store.compared(ctx, tx, order, c)
}

// Scope is what a viewer needs to see it.
const Scope = "operations"

// Filter chooses writes. What is empty chooses all.
type Filter struct {
	Source string
	// Different chooses those about orders that the source decided differently.
	Different bool
}

// List returns up to first writes, the newest first, after the one with the id.
func (s *Service) List(ctx context.Context, who trade.Viewer, f Filter, first int, after string) ([]*Write, bool, error) {
	if !who.Has(Scope) {
		return nil, false, fault.New(fault.Denied, "what was not written needs the scope %q", Scope)
	}
	if first < 1 || first > 100 {
		return nil, false, fault.New(fault.Invalid, "a page of %d; ask for 1 to 100", first).At("first")
	}
	return s.store.list(ctx, f, first, after)
}
