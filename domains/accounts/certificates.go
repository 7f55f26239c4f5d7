package accounts

import (
	"context"
	"slices"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
)

// Certificate exempts an account from tax in some jurisdictions for a time.
type Certificate struct {
	ID      string
	Account trade.AccountID
	Number  string
	// Jurisdictions are countries, or countries and regions such as US-OH.
	Jurisdictions []string
	// Categories are those of the items that it covers; empty for all items.
	Categories []string
	From       trade.Date
	// Until is its last day; empty for no end.
	Until     trade.Date
	State     CertificateState
	Note      string
	ChangedBy string
	ChangedAt time.Time
}

// CertificateState is what somebody has said of a certificate.
type CertificateState string

// A certificate exempts while it is active, from its first day to its last.
const (
	CertificatePending CertificateState = "PENDING"
	CertificateActive  CertificateState = "ACTIVE"
	CertificateRevoked CertificateState = "REVOKED"
)

// ManageTax is the right to say what exempts accounts.
const ManageTax = "tax"

// most are how many jurisdictions, or categories, one certificate may have.
const most = 100

// check returns an error that names the field that is wrong.
func (c *Certificate) check() error {
	day := func(d trade.Date) bool {
		_, err := time.Parse(time.DateOnly, string(d))
		return err == nil
	}
	switch {
	case c.Account == "":
		return fault.New(fault.Invalid, "a certificate is an account's: give its number").At("accountId")
	case strings.TrimSpace(c.Number) == "" || len(c.Number) > 100:
		return fault.New(fault.Invalid, "a certificate has a number, of up to 100 characters").At("number")
	case len(c.Jurisdictions) == 0 || len(c.Jurisdictions) > most || len(c.Categories) > most:
		return fault.New(fault.Invalid, "a certificate names 1 to %d jurisdictions and up to %d categories", most, most).At("jurisdictions")
	case !day(c.From):
		return fault.New(fault.Invalid, "%q is no day: write it as 2026-11-30", c.From).At("validFrom")
	case c.Until != "" && (!day(c.Until) || c.Until < c.From):
		return fault.New(fault.Invalid, "%q is no day from %s on", c.Until, c.From).At("validUntil")
	case !slices.Contains([]CertificateState{CertificatePending, CertificateActive, CertificateRevoked}, c.State):
		return fault.New(fault.Invalid, "a certificate is PENDING, ACTIVE or REVOKED, not %q", c.State).At("state")
	}
	for _, j := range c.Jurisdictions {
		if country, region, has := strings.Cut(j, "-"); len(country) != 2 || strings.ToUpper(j) != j || has && region == "" {
			return fault.New(fault.Invalid, "%q is no jurisdiction: write a country, or a country and its region such as US-OH", j).At("jurisdictions")
		}
	}
	return nil
}

// SetCertificate records a certificate, or changes the one of the same account and number.
func (s *Service) SetCertificate(ctx context.Context, who trade.Viewer, c Certificate) (*Certificate, error) {
	if !who.Has(ManageTax) || !who.MaySee(c.Account) {
		return nil, fault.New(fault.Denied, "certificates are recorded with the scope %q, for accounts that you may see", ManageTax)
	}
	if c.State == "" {
		c.State = CertificateActive
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	c.ChangedBy = who.Subject
	return &c, s.certificates.set(ctx, &c)
}

// Certificates are those of accounts that the viewer may see, the newest first.
func (s *Service) Certificates(ctx context.Context, who trade.Viewer, ids []trade.AccountID) (map[trade.AccountID][]*Certificate, error) {
	return s.certificates.of(ctx, who, ids)
}
