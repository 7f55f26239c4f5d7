// Package references knows what other systems call our accounts, items, nodes and orders. Systems tell it as they go,
// and people mend what no system knows. A name that means nothing yet is an UnmappedError, never a dropped record.
package references

import (
	"context"
	"fmt"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Kind is what a reference is to.
type Kind string

// The kinds of things that have other names elsewhere.
const (
	Account Kind = "ACCOUNT"
	Item    Kind = "ITEM"
	Node    Kind = "NODE"
	Order   Kind = "ORDER"
)

// Origin is who says that two names mean the same.
type Origin string

// The origins. No system overrules a person.
const (
	Configured Origin = "CONFIGURED"
	Learned    Origin = "LEARNED"
	Set        Origin = "SET"
)

// Name is what a source calls a thing.
type Name struct {
	Kind   Kind   `json:"kind"`
	Source string `json:"source"`
	Theirs string `json:"theirs"`
}

// Key names the name itself, as the key of exceptions and of what waits for it.
func (n Name) Key() string { return "reference/" + string(n.Kind) + "/" + n.Source + "/" + n.Theirs }

// Reference says what a name means.
type Reference struct {
	Name
	// Ours is the account's number, the SKU, the node's id or the order's id.
	Ours string `json:"ours"`
	// Label is what people call it there.
	Label  string    `json:"label"`
	Origin Origin    `json:"origin"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// UnmappedError is the failure of a record that calls a thing by a name which nobody has mapped. Trying again does
// not help until somebody has.
type UnmappedError struct {
	Name
	// Label is what people call it there.
	Label string
}

// Unmapped is the code of exceptions about names that nobody has mapped.
const Unmapped = "REFERENCE_UNMAPPED"

// Candidate is a thing of ours that a name could mean.
type Candidate struct {
	Ours string `json:"ours"`
	Name string `json:"name"`
}

func (e *UnmappedError) Error() string {
	return fmt.Sprintf("%s calls an %s %q%s, and nobody has said which of ours it is: set the reference", e.Source, strings.ToLower(string(e.Kind)), e.Theirs, labelled(e.Label))
}

func labelled(label string) string {
	if label == "" {
		return ""
	}
	return " (" + label + ")"
}

// Unwrap makes it a fault.Error of invalid input.
func (e *UnmappedError) Unwrap() error {
	return &fault.Error{Kind: fault.Invalid, Message: e.Error(), Source: e.Source}
}

// Followup is told of what a person has set or taken back, in the same transaction.
type Followup interface {
	// Mapped lets go on what waited for the name.
	Mapped(ctx context.Context, tx postgres.Tx, r Reference) error
}

// Service holds the verbs of references.
type Service struct {
	store store
	next  Followup
	// Known says whether one of our things exists; nil takes every name for one.
	Known func(ctx context.Context, kind Kind, ours string) (bool, error)
	names names
}

// New returns the references of a database.
func New(pool *postgres.Pool, next Followup) *Service {
	return &Service{store: store{pool}, next: next, names: names{kept: map[scope]*mapping{}}}
}

// Scope is what a viewer needs to see and mend references.
const Scope = "operations"

// Learn keeps what systems or the configuration say. What a person has said stands.
func (s *Service) Learn(ctx context.Context, tx postgres.Tx, list []Reference) error {
	return s.store.learn(ctx, tx, list)
}

// Filter chooses references. What is empty chooses all.
type Filter struct {
	Kind   Kind
	Source string
	// Ours and Theirs are whole names.
	Ours, Theirs string
	// Text is found in any of the names and in the label, in upper or lower case.
	Text string
}

// List returns up to first references after a cursor, by kind, source and their name.
func (s *Service) List(ctx context.Context, who trade.Viewer, f Filter, first int, after string) ([]Reference, bool, error) {
	if !who.Has(Scope) {
		return nil, false, denied()
	}
	if first < 1 || first > 100 {
		return nil, false, fault.New(fault.Invalid, "a page of %d; ask for 1 to 100", first).At("first")
	}
	return s.store.list(ctx, f, first, after)
}

// maxName bounds a name, in bytes.
const maxName = 200

// Set says what a name means, in place of what was known. What waited for it goes on.
func (s *Service) Set(ctx context.Context, who trade.Viewer, n Name, ours string) (*Reference, error) {
	if !who.Has(Scope) {
		return nil, denied()
	}
	if n.Kind != Account && n.Kind != Item {
		return nil, fault.New(fault.Invalid, "what a system calls an %s is learned or configured: accounts and items can be set", strings.ToLower(string(n.Kind))).At("kind")
	}
	for at, v := range map[string]string{"source": n.Source, "theirs": n.Theirs, "ours": ours} {
		if strings.TrimSpace(v) == "" || len(v) > maxName {
			return nil, fault.New(fault.Invalid, "%s is %q: give 1 to %d characters", at, v, maxName).At(at)
		}
	}
	if s.Known != nil {
		known, err := s.Known(ctx, n.Kind, ours)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, fault.New(fault.NotFound, "there is no %s %q of ours", strings.ToLower(string(n.Kind)), ours).At("ours")
		}
	}
	r := Reference{Name: n, Ours: ours, Origin: Set, By: who.Subject, At: time.Now()}
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		if err := s.store.gate(ctx, tx, n); err != nil {
			return err
		}
		was, err := s.store.set(ctx, tx, &r)
		if err != nil {
			return err
		}
		if err := postgres.Append(ctx, tx, r.event("reference.set", map[string]any{"from": was, "to": r.Ours})); err != nil {
			return err
		}
		return s.next.Mapped(ctx, tx, r)
	})
	s.names.forget(n.Kind, n.Source)
	return &r, err
}

// Mapping returns what a name means as the transaction sees it, empty when nobody has said. Whoever waits for the
// name because nobody has, and commits that in this transaction, is found by the next who says.
func (s *Service) Mapping(ctx context.Context, tx postgres.Tx, n Name) (ours string, err error) {
	if err := s.store.gate(ctx, tx, n); err != nil {
		return "", err
	}
	if ours, err = s.store.mapping(ctx, tx, n); ours != "" {
		s.names.forget(n.Kind, n.Source)
	}
	return ours, err
}

// Remove forgets what a name means.
func (s *Service) Remove(ctx context.Context, who trade.Viewer, n Name) (*Reference, error) {
	if !who.Has(Scope) {
		return nil, denied()
	}
	var r *Reference
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) (err error) {
		if r, err = s.store.remove(ctx, tx, n); err != nil {
			return err
		}
		return postgres.Append(ctx, tx, r.event("reference.removed", map[string]any{"from": r.Ours}))
	})
	s.names.forget(n.Kind, n.Source)
	return r, err
}

func (r Reference) event(typ event.Type, data map[string]any) event.Event {
	data["kind"], data["source"], data["theirs"] = r.Kind, r.Source, r.Theirs
	return event.New(event.Stream{Kind: "reference", ID: r.Key()}, typ, time.Now(), data)
}

func denied() error { return fault.New(fault.Denied, "references need the scope %q", Scope) }
