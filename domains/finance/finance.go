// Package finance knows what an account owes and may still spend, and keeps the invoices and
// credit memos that the ERP posted.
//
// The ERP's figure for an account includes the orders that it knew when it was read. An
// exposure is an accepted order that it may not include yet. Both carry windows by the
// database's clock and are handed over as stock is (see package inventory): a figure read
// wholly after the order's registration ends the exposure, one that overlaps it is not used.
package finance

import (
	"context"
	"fmt"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Credit is what the ERP says of an account's credit.
type Credit struct {
	Account  trade.AccountID `json:"account"`
	Source   string          `json:"source"`
	Currency trade.Currency  `json:"currency"`
	// Limit is nil when none is set, which is not the same as a limit of zero.
	Limit *trade.Decimal `json:"limit,omitempty"`
	// LimitUntil is the last day on which it may be used; empty where it has no end.
	LimitUntil trade.Date    `json:"limitUntil,omitempty"`
	Balance    trade.Decimal `json:"balance"`
	Overdue    trade.Decimal `json:"overdue"`
	// OpenOrders is what is ordered and not invoiced.
	OpenOrders trade.Decimal `json:"openOrders"`
}

// CreditSource is a system of record for credit.
type CreditSource interface {
	Credit(ctx context.Context, accounts []trade.AccountID) (lookup.Answers[trade.AccountID, Credit], error)
}

// Position is what an account may still spend.
type Position struct {
	Account trade.AccountID
	// Limit is nil when none is set.
	Limit *trade.Money
	// LimitUntil is the last day on which it may be used; empty where it has no end.
	LimitUntil trade.Date
	Balance    trade.Money
	Overdue    trade.Money
	OpenOrders trade.Money
	// Exposed is accepted here and not in the ERP's figure yet.
	Exposed trade.Money
	// Late are the invoices that are overdue, as far as they are known here, the oldest first, up to 10. Only decisions are told.
	Late []Late
	// Known is false when there is no figure young enough to decide on.
	Known      bool
	Provenance lookup.Provenance
	age        time.Duration
}

// Late is an invoice that is overdue.
type Late struct {
	Number    string
	DueOn     trade.Date
	Remaining trade.Decimal
}

// Available is the limit less everything owed and ordered; nil without a limit.
func (p Position) Available() *trade.Money {
	if p.Limit == nil {
		return nil
	}
	used := trade.Sum(p.Balance.Amount, p.OpenOrders.Amount, p.Exposed.Amount)
	return &trade.Money{Amount: trade.Less(p.Limit.Amount, used), Currency: p.Limit.Currency}
}

// Kind tells an invoice from a credit memo.
type Kind string

// The kinds of document.
const (
	Invoice    Kind = "INVOICE"
	CreditMemo Kind = "CREDIT_MEMO"
)

// Document is an invoice or credit memo as the ERP posted it.
type Document struct {
	ID         string          `json:"id"`
	Kind       Kind            `json:"kind"`
	Source     string          `json:"source"`
	SourceRef  string          `json:"sourceRef"`
	Number     string          `json:"number"`
	Account    trade.AccountID `json:"account"`
	Order      trade.OrderID   `json:"order,omitempty"`
	Return     string          `json:"return,omitempty"`
	PostedOn   trade.Date      `json:"postedOn"`
	DueOn      trade.Date      `json:"dueOn,omitempty"`
	NetAmount  trade.Money     `json:"netAmount"`
	TaxAmount  trade.Money     `json:"taxAmount"`
	Total      trade.Money     `json:"total"`
	Remaining  trade.Money     `json:"remaining"`
	Lines      []DocumentLine  `json:"lines"`
	ObservedAt time.Time       `json:"observedAt"`
	// ModifiedAt is when the ERP last changed it.
	ModifiedAt time.Time `json:"modifiedAt"`
	// OrderNumber and ReturnNumber are our numbers as the ERP keeps them.
	OrderNumber  string `json:"orderNumber,omitempty"`
	ReturnNumber string `json:"returnNumber,omitempty"`
	// TheirOrder is the ERP's own number of the order.
	TheirOrder string `json:"theirOrder,omitempty"`
}

// Provenance of a posted document.
func (d *Document) Provenance() lookup.Provenance {
	return lookup.Provenance{Source: d.Source, AsOf: d.ObservedAt, Freshness: lookup.Cached}
}

// DocumentLine is one line of a document.
type DocumentLine struct {
	Number    int            `json:"number"`
	SKU       trade.SKU      `json:"sku"`
	Quantity  trade.Quantity `json:"quantity"`
	UnitPrice trade.Money    `json:"unitPrice"`
	Amount    trade.Money    `json:"amount"`
}

// Service holds the verbs of finance.
type Service struct {
	store  *store
	source CreditSource
	// stale bounds the age of a figure that credit is given on, ages that of one that is shown.
	stale time.Duration
	ages  lookup.Ages
	// reading is what is shown to somebody, shared. Credit is given on a read of its own.
	reading *lookup.Flights[trade.AccountID, time.Time]
	now     func() time.Time
}

// New returns finance over the ERP's credit figures.
func New(pool *postgres.Pool, source CreditSource, stale time.Duration, ages lookup.Ages, now func() time.Time) *Service {
	s := &Service{store: &store{pool}, source: source, stale: stale, ages: ages, now: now}
	s.reading = lookup.Share(lookup.Ordered(s.read))
	return s
}

// Refresh reads the account's figure and adopts it when it is certain, unless there is one that is young enough for
// a caller that says how old it may be.
func (s *Service) Refresh(ctx context.Context, account trade.AccountID) error {
	if age, ok := lookup.MaxAge(ctx); ok && age > 0 {
		old, err := s.store.age(ctx, account)
		if err != nil {
			return err
		}
		if old <= age {
			return nil
		}
	}
	read, err := s.read(ctx, []trade.AccountID{account})
	if err == nil {
		err = read.Failed[account]
	}
	if err != nil {
		return fmt.Errorf("credit of %s: %w", account, err)
	}
	return nil
}

// Positions returns the accounts' positions that the viewer may see, asking the ERP for figures that are not young
// enough for the caller; of one that it fails to tell, what was last known, unless the caller refuses that.
func (s *Service) Positions(ctx context.Context, who trade.Viewer, accounts []trade.AccountID) (lookup.Answers[trade.AccountID, Position], error) {
	out := lookup.Empty[trade.AccountID, Position](len(accounts))
	mine := make([]trade.AccountID, 0, len(accounts))
	for _, a := range lookup.Unique(accounts) {
		if who.MaySee(a) {
			mine = append(mine, a)
		}
	}
	ask := mine
	if fresh, stale := s.ages.For(ctx); stale > 0 && len(mine) > 0 {
		if err := s.kept(ctx, mine, &out); err != nil {
			return out, err
		}
		due, behind := lookup.Sort(mine, fresh, stale, func(i int) (time.Duration, bool) {
			p, ok := out.Found[mine[i]]
			return p.age, ok
		})
		ask = lookup.At(mine, due)
		s.reading.Start(ctx, behind)
	}
	if len(ask) == 0 {
		return out, nil
	}
	results, err := s.reading.Ask(ctx, ask)
	if err != nil {
		return out, err
	}
	read := lookup.ByKey(ask, results)
	if err := s.kept(ctx, ask, &out); err != nil {
		return out, err
	}
	for _, id := range ask {
		p, known := out.Found[id]
		since, asked := read.Found[id]
		switch e := read.Failed[id]; {
		case e != nil && (!known || !s.ages.ShowsLastKnown(ctx, s.now().Sub(p.Provenance.AsOf))):
			out.Failed[id] = e
			delete(out.Found, id)
		case !known:
		case e != nil:
			p.Provenance.Freshness = lookup.LastKnown
			out.Found[id] = p
		case asked && !p.Provenance.AsOf.Before(since):
			// What overlaps an order on its way is not adopted: then the figure is the one before.
			p.Provenance.Freshness = lookup.Live
			out.Found[id] = p
		}
	}
	return out, nil
}

// read asks the ERP and adopts every figure that is certain. It returns when it began to ask for each account.
func (s *Service) read(ctx context.Context, accounts []trade.AccountID) (lookup.Answers[trade.AccountID, time.Time], error) {
	out := lookup.Empty[trade.AccountID, time.Time](len(accounts))
	start, err := s.store.clock(ctx)
	if err != nil {
		return out, err
	}
	answers, err := s.source.Credit(ctx, accounts)
	if err != nil {
		return out, err
	}
	for _, id := range accounts {
		if e := answers.Failed[id]; e != nil {
			out.Failed[id] = e
			continue
		}
		out.Found[id] = start
		if c, ok := answers.Found[id]; ok {
			if err := s.store.adopt(ctx, start, c, s.stale); err != nil {
				return out, fmt.Errorf("credit of %s: %w", id, err)
			}
		}
	}
	return out, nil
}

// kept puts the positions by the figures at hand into out.
func (s *Service) kept(ctx context.Context, accounts []trade.AccountID, out *lookup.Answers[trade.AccountID, Position]) error {
	for _, id := range accounts {
		p, err := s.store.position(ctx, s.store.pool, id, s.stale)
		if err != nil {
			return err
		}
		if p.Provenance.Source != "" {
			out.Found[id] = p
		}
	}
	return nil
}

// Expose counts an order against its account in the caller's transaction and returns the
// position without it. Concurrent callers for one account wait for each other. Repeating it changes
// the amount and nothing else.
func (s *Service) Expose(ctx context.Context, tx postgres.Tx, account trade.AccountID, order trade.OrderID, amount trade.Money) (Position, error) {
	return s.late(ctx, tx)(s.store.expose(ctx, tx, account, order, amount, s.stale))
}

// Owed is the account's position with everything that is counted.
func (s *Service) Owed(ctx context.Context, tx postgres.Tx, account trade.AccountID) (Position, error) {
	return s.late(ctx, tx)(s.store.position(ctx, tx, account, s.stale))
}

// late adds the invoices that are overdue to a position.
func (s *Service) late(ctx context.Context, tx postgres.Tx) func(Position, error) (Position, error) {
	return func(p Position, err error) (Position, error) {
		if err == nil {
			p.Late, err = s.store.late(ctx, tx, p.Account, trade.DateOf(s.now().UTC()))
		}
		return p, err
	}
}

// Unexpose stops counting the order unless it is on its way to the ERP or there already.
func (s *Service) Unexpose(ctx context.Context, tx postgres.Tx, order trade.OrderID) error {
	return s.store.unexpose(ctx, tx, order, false)
}

// Withdrawn stops counting the order: the ERP has given it up.
func (s *Service) Withdrawn(ctx context.Context, tx postgres.Tx, order trade.OrderID) error {
	return s.store.unexpose(ctx, tx, order, true)
}

// Registering marks the order as being on its way to the ERP, before anything is sent.
func (s *Service) Registering(ctx context.Context, order trade.OrderID) error {
	return s.store.mark(ctx, s.store.pool, order, `release_start = coalesce(release_start, clock_timestamp())`)
}

// NotRegistered takes the mark back when nothing was sent after all.
func (s *Service) NotRegistered(ctx context.Context, order trade.OrderID) error {
	return s.store.mark(ctx, s.store.pool, order, `release_start = CASE WHEN release_end IS NULL THEN NULL ELSE release_start END`)
}

// Registered records that the ERP has the order: its next figure includes it.
func (s *Service) Registered(ctx context.Context, tx postgres.Tx, order trade.OrderID) error {
	return s.store.mark(ctx, tx, order, `release_end = coalesce(release_end, clock_timestamp())`)
}

// Observe stores a posted document once and returns whether it was new. One that was known tells what
// is still to pay.
func (s *Service) Observe(ctx context.Context, tx postgres.Tx, d Document) (bool, error) {
	d.ID, d.ObservedAt = postgres.NewID(), s.now()
	return s.store.observe(ctx, tx, d)
}

// ByOrder returns the documents of each order that the viewer may see.
func (s *Service) ByOrder(ctx context.Context, who trade.Viewer, orders []trade.OrderID) (map[trade.OrderID][]*Document, error) {
	return s.store.byOrder(ctx, who, orders)
}

// ByID returns the documents with these ids that the viewer may see.
func (s *Service) ByID(ctx context.Context, who trade.Viewer, ids []string) (map[string]*Document, error) {
	return s.store.byID(ctx, who, ids)
}

// Invoices returns a page of an account's invoices, the newest first, after the one with the id; open
// narrows it to those that are not paid in full. It returns whether there are more.
func (s *Service) Invoices(ctx context.Context, who trade.Viewer, account trade.AccountID, open bool, first int, after string) ([]*Document, bool, error) {
	if first < 1 || first > 100 {
		return nil, false, fault.New(fault.Invalid, "a page of %d; ask for 1 to 100", first).At("first")
	}
	if !who.MaySee(account) {
		return nil, false, nil
	}
	return s.store.invoices(ctx, account, open, first, after)
}

// ByReturn returns the credit memo of a return, or nil.
func (s *Service) ByReturn(ctx context.Context, who trade.Viewer, returns []string) (map[string]*Document, error) {
	return s.store.byReturn(ctx, who, returns)
}

// Ages are how old what is shown may be.
func (s *Service) Ages() lookup.Ages { return s.ages }
