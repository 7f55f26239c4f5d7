// Package operations keeps the exceptions: what a person must know or do. An exception is open
// until its cause is gone or a person has settled it, and the same trouble raised again counts
// on the open one instead of making a second.
package operations

import (
	"context"
	"encoding/json"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Status is where an exception is in its life.
type Status string

// The statuses of an exception.
const (
	Open     Status = "OPEN"
	Retrying Status = "RETRYING"
	Resolved Status = "RESOLVED"
)

// Exception is something that a person must know or do.
type Exception struct {
	ID       string          `json:"id"`
	Code     string          `json:"code"`
	Severity string          `json:"severity"`
	Status   Status          `json:"status"`
	Title    string          `json:"title"`
	Detail   json.RawMessage `json:"detail"`
	// Subject names the thing in trouble, such as "order/…"; Key tells one trouble from another.
	Subject     string          `json:"subject"`
	Key         string          `json:"key"`
	Order       trade.OrderID   `json:"order,omitempty"`
	Account     trade.AccountID `json:"account,omitempty"`
	Source      string          `json:"source,omitempty"`
	EffectID    string          `json:"effectId,omitempty"`
	InboxID     string          `json:"inboxId,omitempty"`
	Occurrences int             `json:"occurrences"`
	CreatedAt   time.Time       `json:"createdAt"`
	UpdatedAt   time.Time       `json:"updatedAt"`
	ResolvedAt  *time.Time      `json:"resolvedAt,omitempty"`
	Resolution  string          `json:"resolution,omitempty"`
	ResolvedBy  string          `json:"resolvedBy,omitempty"`
}

func (e *Exception) event(typ event.Type, at time.Time) event.Event {
	ev := event.New(event.Stream{Kind: "exception", ID: e.ID}, typ, at, map[string]any{
		"code": e.Code, "severity": e.Severity, "title": e.Title, "subject": e.Subject, "resolution": e.Resolution, "resolvedBy": e.ResolvedBy,
	})
	ev.AccountID, ev.OrderID = string(e.Account), string(e.Order)
	return ev
}

// Retrier starts the dead piece of work behind an exception again.
type Retrier interface {
	Retry(ctx context.Context, tx postgres.Tx, effectID, inboxID string) error
	// Drop gives the work up, so that what waits behind it goes on.
	Drop(ctx context.Context, tx postgres.Tx, effectID, inboxID string) error
}

// Service holds the verbs of operations.
type Service struct {
	store   *store
	retrier Retrier
}

// New returns the exceptions of a database.
func New(pool *postgres.Pool, retrier Retrier) *Service { return &Service{&store{pool}, retrier} }

// Raise opens the exception, or counts it on the open one of the same code and key.
func (s *Service) Raise(ctx context.Context, tx postgres.Tx, e Exception) error {
	return s.store.raise(ctx, tx, e)
}

// Clear resolves the open exceptions with the key: their cause is gone.
func (s *Service) Clear(ctx context.Context, tx postgres.Tx, key, resolution string) error {
	return s.store.clear(ctx, tx, key, resolution)
}

// List returns exceptions in a status (all when empty), newest first.
func (s *Service) List(ctx context.Context, who trade.Viewer, status Status, first int, after string) ([]*Exception, bool, error) {
	if !who.Has(Scope) {
		return nil, false, denied()
	}
	return s.store.list(ctx, status, first, after)
}

// ByID returns the exceptions with these ids, for viewers with the scope.
func (s *Service) ByID(ctx context.Context, who trade.Viewer, ids []string) (map[string]*Exception, error) {
	if !who.Has(Scope) {
		return map[string]*Exception{}, nil
	}
	return s.store.byID(ctx, ids)
}

// Scope is what a viewer needs to see and settle exceptions.
const Scope = "operations"

// Retry starts the work behind the exception again.
func (s *Service) Retry(ctx context.Context, who trade.Viewer, id string) (*Exception, error) {
	return s.settle(ctx, who, id, func(tx postgres.Tx, e *Exception) error {
		if e.EffectID == "" && e.InboxID == "" {
			return fault.New(fault.Unsupported, "exception %s has no work to retry: resolve it when it is settled", e.Code).At("exceptionId")
		}
		e.Status = Retrying
		return s.retrier.Retry(ctx, tx, e.EffectID, e.InboxID)
	})
}

// Resolve closes the exception with what a person did about it. Dead work behind it is given up.
func (s *Service) Resolve(ctx context.Context, who trade.Viewer, id, resolution string) (*Exception, error) {
	if len(resolution) < 3 {
		return nil, fault.New(fault.Invalid, "say in at least 3 characters how it was settled, for the audit trail").At("resolution")
	}
	return s.settle(ctx, who, id, func(tx postgres.Tx, e *Exception) error {
		now := time.Now()
		e.Status, e.Resolution, e.ResolvedBy, e.ResolvedAt = Resolved, resolution, who.Subject, &now
		if e.EffectID == "" && e.InboxID == "" {
			return nil
		}
		return s.retrier.Drop(ctx, tx, e.EffectID, e.InboxID)
	})
}

func (s *Service) settle(ctx context.Context, who trade.Viewer, id string, fn func(postgres.Tx, *Exception) error) (*Exception, error) {
	if !who.Has(Scope) {
		return nil, denied()
	}
	return s.store.update(ctx, id, func(tx postgres.Tx, e *Exception) error {
		if e.Status == Resolved {
			return fault.New(fault.Conflict, "exception %s is resolved already", e.Code).At("exceptionId")
		}
		return fn(tx, e)
	})
}

func denied() error {
	return fault.New(fault.Denied, "exceptions need the scope %q", Scope)
}
