// Package accounts knows the sold-to customers. The ERP owns them; the last reported state of
// each is kept for the hours when the ERP does not answer.
package accounts

import (
	"context"
	"time"

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
	Stopped    string `json:"stopped,omitempty"`
	PORequired bool   `json:"poRequired"`
	TaxLiable  bool   `json:"taxLiable"`
	// TaxExempt is whether the source says that it pays no tax, which is more than that nobody says it does.
	TaxExempt  bool              `json:"taxExempt,omitempty"`
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
	kept     postgres.Copies[trade.AccountID, Account]
	accounts *lookup.Copied[trade.AccountID, Account]
	shipTos  *lookup.Flights[trade.AccountID, []ShipTo]
	// certificates are ours: no source has them.
	certificates certificates
}

// New returns accounts over their system of record.
func New(pool *postgres.Pool, source Source, ages lookup.Ages) *Service {
	kept := table(pool)
	return &Service{kept, lookup.Copy(kept, lookup.Ordered(source.Accounts), kept.Provenance, ages), lookup.Share(lookup.Ordered(source.ShipTos)), certificates{pool}}
}

// Accounts returns the accounts that the viewer may see, as catalog.Service.Items does.
func (s *Service) Accounts(ctx context.Context, who trade.Viewer, ids []trade.AccountID) ([]lookup.Result[Account], error) {
	return lookup.Where(ctx, ids, who.MaySee, s.accounts.Answers)
}

// ShipTos returns the places that the viewer's accounts have goods sent to.
func (s *Service) ShipTos(ctx context.Context, who trade.Viewer, ids []trade.AccountID) ([]lookup.Result[[]ShipTo], error) {
	return lookup.Where(ctx, ids, who.MaySee, s.shipTos.Ask)
}

// Observe keeps accounts that a poll of the source reported.
func (s *Service) Observe(ctx context.Context, accounts []Account) error {
	m := make(map[trade.AccountID]Account, len(accounts))
	for _, a := range accounts {
		m[a.ID] = a
	}
	return s.kept.Save(ctx, m)
}

// Alike returns up to n accounts whose number or name is like a foreign one, the likest first.
func (s *Service) Alike(ctx context.Context, number, name string, n int) ([]Account, error) {
	return s.kept.Alike(ctx, number, name, n)
}

// Current says that every change up to a time has been observed.
func (s *Service) Current(ctx context.Context, at time.Time) error { return s.kept.Current(ctx, at) }

// Ages are how old what is shown may be.
func (s *Service) Ages() lookup.Ages { return s.accounts.Ages() }
