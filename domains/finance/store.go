package finance

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crossdock/domains/event"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

type store struct{ pool *postgres.Pool }

// conn is what both the pool and a transaction can do.
type conn interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (s *store) clock(ctx context.Context) (now time.Time, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return now, fmt.Errorf("database clock: %w", err)
	}
	return now, nil
}

// adopt stores the figure read since start unless an order may or may not be in it, and ends
// the exposures that it includes. Where the figure in use is halfway to being too old to decide on, one that may or may
// not include orders takes its place and ends none of them: they count twice for a while.
func (s *store) adopt(ctx context.Context, start time.Time, c Credit, stale time.Duration) error {
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		if err := lock(ctx, tx, c.Account); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			WITH adopted AS (
				UPDATE credit_figures SET source = $2, currency = $3, credit_limit = $4, balance = $5, overdue = $6, open_orders = $7, limit_until = $10,
				       read_start = $8, read_end = clock_timestamp()
				WHERE account_id = $1 AND read_start < $8 AND (
					read_start > '-infinity' AND read_start < $8::timestamptz - $9::interval OR NOT EXISTS (
					SELECT FROM exposures e WHERE e.account_id = $1 AND e.release_start IS NOT NULL AND (e.release_end IS NULL OR e.release_end >= $8)))
				RETURNING account_id)
			DELETE FROM exposures e USING adopted a WHERE e.account_id = a.account_id AND e.release_end < $8`,
			c.Account, c.Source, c.Currency, c.Limit, c.Balance, c.Overdue, c.OpenOrders, start, stale/2, c.LimitUntil)
		if err != nil {
			return fmt.Errorf("adopt credit of %s: %w", c.Account, err)
		}
		return nil
	})
}

// lock takes the account's row, making an empty one if need be.
func lock(ctx context.Context, tx postgres.Tx, account trade.AccountID) error {
	const take = `SELECT FROM credit_figures WHERE account_id = $1 FOR UPDATE`
	is, err := tx.Exec(ctx, take, account)
	if err == nil && is.RowsAffected() == 0 {
		if _, err = tx.Exec(ctx, `
			INSERT INTO credit_figures (account_id, source, currency, balance, overdue, open_orders, read_start, read_end)
			VALUES ($1, '', '', 0, 0, 0, '-infinity', '-infinity') ON CONFLICT DO NOTHING`, account); err == nil {
			_, err = tx.Exec(ctx, take, account)
		}
	}
	if err != nil {
		return fmt.Errorf("lock credit of %s: %w", account, err)
	}
	return nil
}

// age is how old the account's figure is; for ever where there is none.
func (s *store) age(ctx context.Context, account trade.AccountID) (time.Duration, error) {
	var seconds float64
	err := s.pool.QueryRow(ctx, `SELECT extract(epoch FROM clock_timestamp() - read_start) FROM credit_figures WHERE account_id = $1 AND source <> ''`, account).Scan(&seconds)
	if postgres.NoRows(err) {
		return math.MaxInt64, nil
	}
	if err != nil {
		return 0, fmt.Errorf("credit of %s: %w", account, err)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// position is what the account may still spend.
func (s *store) position(ctx context.Context, q conn, account trade.AccountID, stale time.Duration) (Position, error) {
	p := Position{Account: account}
	var limit *trade.Decimal
	var currency trade.Currency
	var age float64
	err := q.QueryRow(ctx, `
		SELECT source, currency, credit_limit, limit_until, balance, overdue, open_orders, read_end, extract(epoch FROM clock_timestamp() - read_start),
		       coalesce((SELECT sum(amount) FROM exposures e WHERE e.account_id = f.account_id), 0)
		FROM credit_figures f WHERE account_id = $1 AND source <> ''`, account).
		Scan(&p.Provenance.Source, &currency, &limit, &p.LimitUntil, &p.Balance.Amount, &p.Overdue.Amount, &p.OpenOrders.Amount, &p.Provenance.AsOf, &age, &p.Exposed.Amount)
	if postgres.NoRows(err) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("credit of %s: %w", account, err)
	}
	for _, m := range []*trade.Money{&p.Balance, &p.Overdue, &p.OpenOrders, &p.Exposed} {
		m.Currency = currency
	}
	if limit != nil {
		p.Limit = &trade.Money{Amount: *limit, Currency: currency}
	}
	p.Provenance.Freshness = lookup.Cached
	p.age = time.Duration(age * float64(time.Second))
	p.Known = p.age <= stale
	return p, nil
}

func (s *store) expose(ctx context.Context, tx postgres.Tx, account trade.AccountID, order trade.OrderID, amount trade.Money, stale time.Duration) (Position, error) {
	if err := lock(ctx, tx, account); err != nil {
		return Position{}, err
	}
	// An order that is on its way to the ERP stays marked so, whatever its amount is now.
	_, err := tx.Exec(ctx, `
		INSERT INTO exposures (order_id, account_id, amount) VALUES ($1, $2, $3)
		ON CONFLICT (order_id) DO UPDATE SET amount = excluded.amount`, order, account, amount.Amount)
	if err != nil {
		return Position{}, fmt.Errorf("exposure of %s: %w", order, err)
	}
	p, err := s.position(ctx, tx, account, stale)
	if p.Provenance.Source != "" {
		p.Exposed.Amount = trade.Less(p.Exposed.Amount, amount.Amount).Trim(0)
	}
	return p, err
}

// late are invoices of the account that were due before today and are not paid, the oldest first.
func (s *store) late(ctx context.Context, tx postgres.Tx, account trade.AccountID, today trade.Date) ([]Late, error) {
	rows, err := tx.Query(ctx, `
		SELECT number, doc->>'dueOn', (doc->'remaining'->>'amount')::numeric FROM finance_documents
		WHERE account_id = $1 AND kind = 'INVOICE' AND (doc->'remaining'->>'amount')::numeric > 0 AND doc->>'dueOn' < $2 ORDER BY doc->>'dueOn', number LIMIT 10`, account, today)
	if err != nil {
		return nil, fmt.Errorf("overdue invoices of %s: %w", account, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Late])
	if err != nil {
		return nil, fmt.Errorf("overdue invoices of %s: %w", account, err)
	}
	return list, nil
}

func (s *store) unexpose(ctx context.Context, tx postgres.Tx, order trade.OrderID, sent bool) error {
	if _, err := tx.Exec(ctx, `DELETE FROM exposures WHERE order_id = $1 AND ($2 OR release_start IS NULL)`, order, sent); err != nil {
		return fmt.Errorf("exposure of %s: %w", order, err)
	}
	return nil
}

func (s *store) mark(ctx context.Context, q conn, order trade.OrderID, set string) error {
	if _, err := q.Exec(ctx, `UPDATE exposures SET `+set+` WHERE order_id = $1`, order); err != nil {
		return fmt.Errorf("exposure of %s: %w", order, err)
	}
	return nil
}

func (s *store) observe(ctx context.Context, tx postgres.Tx, d Document) (bool, error) {
	doc, err := json.Marshal(d)
	if err != nil {
		return false, fmt.Errorf("%s %s: %w", d.Kind, d.Number, err)
	}
	var fresh bool
	err = tx.QueryRow(ctx, `
		INSERT INTO finance_documents (id, kind, source, number, order_id, return_id, account_id, posted_on, doc)
		VALUES ($1, $2, $3, $4, nullif($5, '')::uuid, nullif($6, '')::uuid, $7, $8, $9)
		ON CONFLICT (source, kind, number) DO UPDATE SET doc = finance_documents.doc || jsonb_build_object('remaining', excluded.doc->'remaining', 'observedAt', excluded.doc->'observedAt', 'modifiedAt', excluded.doc->'modifiedAt')
		WHERE (excluded.doc->>'modifiedAt')::timestamptz > coalesce((finance_documents.doc->>'modifiedAt')::timestamptz, '-infinity')
		RETURNING xmax = 0`,
		d.ID, d.Kind, d.Source, d.Number, string(d.Order), d.Return, d.Account, string(d.PostedOn), doc).Scan(&fresh)
	if err != nil && !postgres.NoRows(err) {
		return false, fmt.Errorf("%s %s: %w", d.Kind, d.Number, err)
	}
	if !fresh {
		return false, nil
	}
	typ := map[Kind]event.Type{Invoice: "invoice.posted", CreditMemo: "credit_memo.posted"}[d.Kind]
	e := event.New(event.Stream{Kind: "document", ID: d.ID}, typ, d.ObservedAt, d)
	e.Source, e.AccountID, e.OrderID = d.Source, string(d.Account), string(d.Order)
	return true, postgres.Append(ctx, tx, e)
}

const visible = `($1 OR account_id = ANY($2))`

func (s *store) documents(ctx context.Context, who trade.Viewer, where string, keys []string) ([]*Document, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc FROM finance_documents WHERE `+visible+` AND `+where+` ORDER BY posted_on, number`, who.AllAccounts, postgres.Texts(who.Accounts), keys)
	if err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	return pgx.CollectRows(rows, postgres.Document[Document])
}

func (s *store) invoices(ctx context.Context, account trade.AccountID, open bool, first int, after string) ([]*Document, bool, error) {
	if err := postgres.Cursor(after); err != nil {
		return nil, false, err
	}
	rows, err := s.pool.Query(ctx, `
		SELECT doc FROM finance_documents WHERE account_id = $1 AND kind = 'INVOICE' AND (NOT $2 OR (doc->'remaining'->>'amount')::numeric > 0)
		AND ($3 = '' OR (posted_on, id) < (SELECT posted_on, id FROM finance_documents WHERE id = nullif($3, '')::uuid))
		ORDER BY posted_on DESC, id DESC LIMIT $4`, account, open, after, first+1)
	if err != nil {
		return nil, false, fmt.Errorf("invoices of %s: %w", account, err)
	}
	list, err := pgx.CollectRows(rows, postgres.Document[Document])
	if len(list) > first {
		return list[:first], true, err
	}
	return list, false, err
}

func (s *store) byOrder(ctx context.Context, who trade.Viewer, orders []trade.OrderID) (map[trade.OrderID][]*Document, error) {
	docs, err := s.documents(ctx, who, `order_id = ANY($3::text[]::uuid[])`, postgres.IDs(orders...))
	out := map[trade.OrderID][]*Document{}
	for _, d := range docs {
		out[d.Order] = append(out[d.Order], d)
	}
	return out, err
}

func (s *store) byID(ctx context.Context, who trade.Viewer, ids []string) (map[string]*Document, error) {
	docs, err := s.documents(ctx, who, `id = ANY($3::text[]::uuid[])`, postgres.IDs(ids...))
	out := map[string]*Document{}
	for _, d := range docs {
		out[d.ID] = d
	}
	return out, err
}

func (s *store) byReturn(ctx context.Context, who trade.Viewer, returns []string) (map[string]*Document, error) {
	docs, err := s.documents(ctx, who, `return_id = ANY($3::text[]::uuid[])`, postgres.IDs(returns...))
	out := map[string]*Document{}
	for _, d := range docs {
		out[d.Return] = d
	}
	return out, err
}
