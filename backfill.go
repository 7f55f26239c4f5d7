package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/internal/config"
	"crossdock/internal/postgres"
	"crossdock/migrations"
	"crossdock/sources/ingest"
	"crossdock/sources/transport"
)

type backfillCmd struct {
	Config      string   `required:"" type:"path" help:"The configuration file."`
	DatabaseURL string   `env:"DATABASE_URL" help:"The database, where the file names none."`
	Source      []string `help:"Only these sources; all that have a past by default."`
}

// Run loads history until there is no more, or says how to go on.
func (c *backfillCmd) Run(s *shell) error {
	cfg, err := config.Read(c.Config, s.getenv)
	if err != nil {
		return err
	}
	if cfg.Database.URL == "" {
		cfg.Database.URL = c.DatabaseURL
	}
	if cfg.Database.URL == "" {
		return errors.New("no database: set database.url in the configuration, or DATABASE_URL")
	}
	pool, err := postgres.Open(s.ctx, cfg.Database.URL, 8)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := postgres.Migrate(s.ctx, pool, migrations.Files); err != nil {
		return err
	}
	a, err := build(cfg, pool, 0, s.log)
	if err != nil {
		return err
	}
	defer a.close()
	for _, name := range c.Source {
		if a.transports[name] == nil {
			return fmt.Errorf("there is no source %q in the configuration", name)
		}
	}
	report := lines(s.log)
	if f, ok := s.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		report = bars(s.out)
	}
	err = a.backfill(s.ctx, c.Source, report)
	if err != nil {
		return fmt.Errorf("%w\nWhat was read is kept: run the command again to go on from there", err)
	}
	return nil
}

// chapter is one kind of history of one source.
type chapter struct {
	source, name string
	// feed is under which its cursor is kept: that of the poll, where both read the same.
	feed string
	// page reads and takes in one page after the cursor.
	page func(ctx context.Context, cursor string) (read, total int, next string, more bool, err error)
}

// chapterOf joins what reads a page with what takes it in.
func chapterOf[V any](source, name, feed string, read func(context.Context, string) (lookup.Page[V], error), take func(context.Context, []V) error) chapter {
	return chapter{source, name, feed, func(ctx context.Context, cursor string) (int, int, string, bool, error) {
		p, err := read(ctx, cursor)
		if err == nil && len(p.Items) > 0 {
			err = take(ctx, p.Items)
		}
		return len(p.Items), p.Total, p.Next, p.More, err
	}}
}

// chapters are what there is to load, in the order in which one refers to another.
func (a *app) chapters() []chapter {
	erp := a.erp.Transport().Name()
	documents := func(kind finance.Kind) func(context.Context, string) (lookup.Page[finance.Document], error) {
		return func(ctx context.Context, cursor string) (lookup.Page[finance.Document], error) {
			return a.erp.DocumentsAfter(ctx, kind, cursor)
		}
	}
	out := []chapter{
		chapterOf(erp, "items", "items", a.erp.ItemsSince, a.observeItems),
		chapterOf(erp, "accounts", "accounts", a.erp.AccountsSince, a.observeAccounts),
		chapterOf(erp, "open orders", "orders", a.erp.RegistrationsSince, a.processes.ObserveRegistrations),
		chapterOf(erp, "invoices", "history of invoices", documents(finance.Invoice), a.processes.ObserveDocuments),
		chapterOf(erp, "credit memos", "history of credit memos", documents(finance.CreditMemo), a.processes.ObserveDocuments),
	}
	for _, name := range slices.Sorted(maps.Keys(a.shops)) {
		out = append(out, chapterOf(name, "finished orders", "history of orders", a.shops[name].Finished, a.shopping.TakeFinished))
	}
	return out
}

// backfillLock keeps two backfills from reading the same pages; it would do no harm but waste.
const backfillLock = 7_202_611

// backfill loads what sources did before Crossdock: it decides nothing and sends nothing. Each page
// is remembered when it was taken in, so that it goes on where it stopped, whatever stopped it.
func (a *app) backfill(ctx context.Context, only []string, report reporter) error {
	conn, err := a.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, backfillLock).Scan(&mine); err != nil {
		return err
	}
	if !mine {
		return errors.New("another backfill is running")
	}
	defer func() {
		_, _ = conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, backfillLock)
	}()
	ctx = lookup.In(transport.Patient(ctx, time.Minute), lookup.History)
	loaded := false
	for _, c := range a.chapters() {
		if len(only) > 0 && !slices.Contains(only, c.source) {
			continue
		}
		some, err := a.load(ctx, c, report)
		if loaded = loaded || some; err != nil {
			return fmt.Errorf("%s of %s: %w", c.name, c.source, err)
		}
	}
	if loaded {
		// The database has no statistics of what was loaded until it gets to it by itself, and plans as if it were not there.
		if _, err := conn.Exec(ctx, `ANALYZE accounts, items, refs, orders, finance_documents, events`); err != nil {
			a.log.Warn("no statistics of what was loaded", "error", err)
		}
	}
	return nil
}

// load reads one chapter to its end, and reports whether there was anything.
func (a *app) load(ctx context.Context, c chapter, report reporter) (some bool, err error) {
	cursor, err := a.cursors.Load(ctx, c.source, c.feed)
	if err != nil {
		return false, err
	}
	bar := report(c.source, c.name, cursor != "")
	patience := patience{}
	for {
		read, total, next, more, err := c.page(ctx, cursor)
		if err != nil {
			if wait, ok := patience.with(err); ok && ctx.Err() == nil {
				if err := ingest.Pause(ctx, wait); err != nil {
					return some, err
				}
				continue
			}
			return some, err
		}
		some = some || read > 0
		patience.reset()
		bar.add(read, total)
		if next != cursor {
			if err := a.cursors.Save(ctx, c.source, c.feed, next); err != nil {
				return some, err
			}
		}
		if !more || next == cursor {
			bar.done()
			return some, nil
		}
		cursor = next
	}
}

// patience is how long a source that fails is waited for.
type patience struct{ failures int }

// with returns how long to wait after a failure, and whether waiting can help.
func (p *patience) with(err error) (time.Duration, bool) {
	p.failures++
	if !fault.Retryable(err) || p.failures > 8 {
		return 0, false
	}
	return time.Second << p.failures / 4, true
}

func (p *patience) reset() { p.failures = 0 }

// reporter shows the progress of one chapter.
type reporter func(source, name string, resumed bool) progress

// progress is told of each page, with how many there were to read from that page on, or zero when
// nobody knows, and of the end.
type progress interface {
	add(read, total int)
	done()
}

// bars draws progress on a terminal.
func bars(w io.Writer) reporter {
	return func(source, name string, resumed bool) progress {
		label := source + ": " + name
		if resumed {
			label += ", going on"
		}
		return &bar{progressbar.NewOptions(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(fmt.Sprintf("%-32s", label)), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"), progressbar.OptionSetWidth(30), progressbar.OptionOnCompletion(func() { _, _ = fmt.Fprintln(w) })), 0}
	}
}

type bar struct {
	*progressbar.ProgressBar
	read int
}

func (b *bar) add(read, total int) {
	if total > 0 {
		b.ChangeMax(b.read + total)
	}
	b.read += read
	_ = b.Set(b.read)
}

func (b *bar) done() {
	if b.read == 0 {
		_ = b.Clear()
		return
	}
	b.ChangeMax(b.read)
	_ = b.Finish()
}

// unseen shows nothing.
func unseen(string, string, bool) progress { return nothing{} }

type nothing struct{}

func (nothing) add(int, int) {}
func (nothing) done()        {}

// lines logs progress, for where there is no terminal.
func lines(log *slog.Logger) reporter {
	return func(source, name string, resumed bool) progress {
		return &logged{log: log.With("source", source, "what", name, "resumed", resumed)}
	}
}

type logged struct {
	log         *slog.Logger
	read, total int
}

func (l *logged) add(read, total int) {
	if total > 0 {
		l.total = l.read + total
	}
	if l.read += read; read > 0 {
		l.log.Info("backfill", "read", l.read, "of", max(l.total, l.read))
	}
}

func (l *logged) done() {
	if l.read > 0 {
		l.log.Info("backfill is done", "read", l.read)
	}
}
