package imports

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Service holds the verbs of imports.
type Service struct {
	store  *store
	intake Intake
	now    func() time.Time
	log    *slog.Logger
	wake   chan struct{}
}

// New returns the imports of a database. The process is who claims them.
func New(pool *postgres.Pool, process int32, intake Intake, now func() time.Time, log *slog.Logger) *Service {
	return &Service{store: &store{pool, process}, intake: intake, now: now, log: log, wake: make(chan struct{}, 1)}
}

// Start keeps a file of orders, which is then placed in the background. The same key with the same file answers the import that it
// started before.
func (s *Service) Start(ctx context.Context, who trade.Viewer, key string, format Format, policy RowPolicy, data string) (*Import, error) {
	if strings.TrimSpace(key) == "" || len(key) > 200 {
		return nil, fault.New(fault.Invalid, "an idempotency key of 1 to 200 characters is required: send a new unique value for each file you mean to import").At("idempotencyKey")
	}
	rows, err := read(format, data)
	if err != nil {
		return nil, err
	}
	i := &Import{ID: postgres.NewID(), Format: format, Policy: policy, Status: Placing, Total: len(rows), By: who.Subject, CreatedAt: s.now(), who: who}
	switch policy {
	case RejectAll:
		i.Status = Checking
	case RejectBad, SavePossible:
	default:
		return nil, fault.New(fault.Invalid, "%q is not a row policy", policy).At("rowPolicy")
	}
	sum := sha256.Sum256([]byte(string(format) + "|" + string(policy) + "|" + data))
	known, err := s.store.start(ctx, who.Client+"|"+who.Subject, key, sum[:], i, rows, s.event(i, "import.started"))
	if err != nil {
		return nil, err
	}
	if known == "" {
		known = i.ID
		s.hurry()
	}
	return s.Import(ctx, who, known)
}

func (s *Service) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Service) event(i *Import, typ event.Type) event.Event {
	e := event.New(event.Stream{Kind: "import", ID: i.ID}, typ, s.now(), map[string]any{"total": i.Total, "status": i.Status, "by": i.By})
	e.Actor = i.By
	return e
}

// Import returns an import that the viewer brought, or any where they see all accounts.
func (s *Service) Import(ctx context.Context, who trade.Viewer, id string) (*Import, error) {
	i, err := s.store.one(ctx, id)
	if err != nil {
		return nil, err
	}
	if i == nil || !who.AllAccounts && i.By != who.Subject {
		return nil, fault.New(fault.NotFound, "no import %q", id).At("id")
	}
	return i, nil
}

// Rows are a page of an import's orders after a number, in the order of the file; empty outcomes choose all.
func (s *Service) Rows(ctx context.Context, i *Import, outcomes []Outcome, first, after int) ([]*Row, bool, error) {
	if first < 1 || first > 500 {
		return nil, false, fault.New(fault.Invalid, "a page of %d; ask for 1 to 500", first).At("first")
	}
	rows, err := s.store.rows(ctx, i.ID, outcomes, first+1, after)
	if err != nil {
		return nil, false, err
	}
	return rows[:min(first, len(rows))], len(rows) > first, nil
}

// Cancel leaves out what was not placed yet.
func (s *Service) Cancel(ctx context.Context, who trade.Viewer, id string) (*Import, error) {
	i, err := s.Import(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if i.Status != Checking && i.Status != Placing {
		return nil, fault.New(fault.Conflict, "the import is %s already", i.Status).At("importId")
	}
	if err := s.store.finish(ctx, id, Cancelled, "cancelled by "+who.Subject, s.event(i, "import.cancelled")); err != nil {
		return nil, err
	}
	return s.Import(ctx, who, id)
}

// Run places what files have until the context ends.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-t.C:
		}
		for {
			more, err := s.round(ctx)
			if err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "import", "error", err)
			}
			if err != nil || !more {
				break
			}
		}
	}
}

// batch is how many orders are placed under one claim, abreast of them at once.
const (
	batch   = 20
	abreast = 4
)

// round takes an import on by a batch, and reports whether there was one.
func (s *Service) round(ctx context.Context) (bool, error) {
	if ctx.Err() != nil {
		return false, nil
	}
	// Whether it is ours is known though the process ends meanwhile: it is given back then.
	i, err := s.store.claim(context.WithoutCancel(ctx))
	if err != nil || i == nil {
		return false, err
	}
	defer s.store.unclaim(context.WithoutCancel(ctx), i.ID)
	rows, err := s.store.rows(ctx, i.ID, []Outcome{s.from(i)}, batch, 0)
	if err != nil {
		return true, err
	}
	if len(rows) == 0 {
		return true, s.advance(ctx, i)
	}
	var g errgroup.Group // one that fails does not stop the others
	g.SetLimit(abreast)
	for _, r := range rows {
		g.Go(func() error { return s.row(ctx, i, r) })
	}
	return true, g.Wait()
}

// from is the outcome of orders that are next.
func (s *Service) from(i *Import) Outcome {
	if i.Status == Placing && i.Policy == RejectAll {
		return Checked
	}
	return Waiting
}

// advance takes an import on of which nothing is left at its stage.
func (s *Service) advance(ctx context.Context, i *Import) error {
	switch n := i.Count(Rejected); {
	case i.Status == Checking && n > 0:
		return s.store.finish(ctx, i.ID, Refused, fmt.Sprintf("%d of %d orders would be turned down: nothing was placed", n, i.Total), s.event(i, "import.refused"))
	case i.Status == Checking:
		return s.store.place(ctx, i.ID)
	}
	return s.store.finish(ctx, i.ID, Done, "", s.event(i, "import.finished"))
}

// row checks or places an order. A failure that may pass leaves it as it is.
func (s *Service) row(ctx context.Context, i *Import, r *Row) error {
	whole := i.Policy != SavePossible
	var p Placed
	var err error
	if i.Status == Checking {
		if p, err = s.intake.Check(ctx, i.who, r.Order, whole); err == nil && p.Outcome != Rejected {
			p = Placed{Outcome: Checked, Decision: p.Decision}
		}
	} else {
		p, err = s.intake.Place(ctx, i.who, fmt.Sprintf("import/%s/%d", i.ID, r.Number), Source{i.ID, r.Number}, r.Order, whole)
	}
	switch kind := fault.KindOf(err); {
	case err == nil:
	case kind == fault.Invalid || kind == fault.Denied || kind == fault.NotFound:
		p = Placed{Outcome: Rejected, Problems: []Problem{{Code: string(kind), Message: err.Error()}}}
	default:
		return fmt.Errorf("order %d of import %s: %w", r.Number, i.ID, err)
	}
	return s.store.settle(ctx, i.ID, r.Number, p)
}
