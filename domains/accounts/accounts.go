// Package accounts knows the sold-to customers. The ERP owns them; the last reported state of
// each is kept for the hours when the ERP does not answer.
package accounts

import (
	"context"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Account is a sold-to customer.
type Account struct {
	ID       trade.AccountID `json:"id"`
	Name     string          `json:"name"`
	Currency trade.Currency  `json:"currency"`
	// Stopped is why new orders are refused, empty when they are not.
	Stopped    string            `json:"stopped,omitempty"`
	PORequired bool              `json:"poRequired"`
	TaxLiable  bool              `json:"taxLiable"`
	TaxArea    string            `json:"taxArea,omitempty"`
	Terms      string            `json:"terms,omitempty"`
	Address    trade.Address     `json:"address"`
	SourceRef  string            `json:"sourceRef"`
	Provenance lookup.Provenance `json:"provenance"`
}

// ShipTo is a place that an account has goods sent to.
type ShipTo struct {
	ID      string        `json:"id"`
	Address trade.Address `json:"address"`
}

// Source is a system of record for accounts.
type Source interface {
	Accounts(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, Account], error)
	// ShipTos returns the places that accounts have goods sent to.
	ShipTos(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, []ShipTo], error)
	// AccountsSince returns accounts changed since the cursor, in any order, repeats allowed.
	AccountsSince(ctx context.Context, cursor string) (lookup.Page[Account], error)
}

// Service holds the verbs of accounts.
type Service struct {
	store  *store
	source Source
}

// New returns accounts over their system of record.
func New(pool *postgres.Pool, source Source) *Service { return &Service{&store{pool}, source} }

// Accounts returns the accounts that the viewer may see, as catalog.Service.Items does.
func (s *Service) Accounts(ctx context.Context, who trade.Viewer, ids []trade.AccountID) (lookup.Answers[trade.AccountID, Account], error) {
	mine := make([]trade.AccountID, 0, len(ids))
	for _, id := range lookup.Unique(ids) {
		if who.MaySee(id) {
			mine = append(mine, id)
		}
	}
	if len(mine) == 0 {
		return lookup.Empty[trade.AccountID, Account](0), nil
	}
	if age, ok := lookup.MaxAge(ctx); ok && age > 0 {
		kept, err := s.store.byID(ctx, mine)
		if err == nil && allYounger(kept, mine, time.Now().Add(-age)) {
			out := lookup.Empty[trade.AccountID, Account](len(kept))
			out.Found = kept
			return out, nil
		}
	}
	answers, err := s.source.Accounts(ctx, mine)
	if err != nil {
		return answers, err
	}
	if len(answers.Found) > 0 {
		if err := s.store.save(ctx, answers.Found); err != nil {
			return answers, err
		}
	}
	return s.fallBack(ctx, answers)
}

// ShipTos returns the places that the viewer's accounts have goods sent to.
func (s *Service) ShipTos(ctx context.Context, who trade.Viewer, ids []trade.AccountID) (lookup.Answers[trade.AccountID, []ShipTo], error) {
	mine := make([]trade.AccountID, 0, len(ids))
	for _, id := range lookup.Unique(ids) {
		if who.MaySee(id) {
			mine = append(mine, id)
		}
	}
	if len(mine) == 0 {
		return lookup.Empty[trade.AccountID, []ShipTo](0), nil
	}
	return s.source.ShipTos(ctx, mine)
}

func (s *Service) fallBack(ctx context.Context, answers lookup.Answers[trade.AccountID, Account]) (lookup.Answers[trade.AccountID, Account], error) {
	var failed []trade.AccountID
	for id, err := range answers.Failed {
		if fault.Retryable(err) {
			failed = append(failed, id)
		}
	}
	if len(failed) == 0 {
		return answers, nil
	}
	kept, err := s.store.byID(ctx, failed)
	if err != nil {
		return answers, err
	}
	for id, a := range kept {
		a.Provenance.Freshness = lookup.LastKnown
		answers.Found[id] = a
		delete(answers.Failed, id)
	}
	return answers, nil
}

func allYounger(kept map[trade.AccountID]Account, ids []trade.AccountID, than time.Time) bool {
	for _, id := range ids {
		if a, ok := kept[id]; !ok || a.Provenance.AsOf.Before(than) {
			return false
		}
	}
	return true
}

// Observe keeps accounts that a poll of the source reported.
func (s *Service) Observe(ctx context.Context, accounts []Account) error {
	m := make(map[trade.AccountID]Account, len(accounts))
	for _, a := range accounts {
		m[a.ID] = a
	}
	return s.store.save(ctx, m)
}
