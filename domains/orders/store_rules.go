package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// What orders are decided by, and what they were decided from.

// samePO are the orders of the account under the same PO number that were placed since, the latest first.
func (s *store) samePO(ctx context.Context, tx postgres.Tx, o *Order, since time.Time) ([]Earlier, error) {
	if strings.TrimSpace(o.PONumber) == "" {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `
		SELECT doc, updated_at FROM orders WHERE account_id = $1 AND po_number = $2 AND placed_at > $3 AND status NOT IN ('REJECTED', 'CANCELLED') AND id <> $4
		ORDER BY placed_at DESC LIMIT 10`, o.Account, o.PONumber, since, o.ID)
	if err != nil {
		return nil, fmt.Errorf("orders under PO number %s: %w", o.PONumber, err)
	}
	list, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fmt.Errorf("orders under PO number %s: %w", o.PONumber, err)
	}
	out := make([]Earlier, len(list))
	for i, is := range list {
		out[i] = Earlier{Number: is.Number, PlacedAt: is.PlacedAt, Same: maps.EqualFunc(is.items(), o.items(), trade.Decimal.Equal)}
	}
	return out, nil
}

// underBlanket is what the account's other orders are worth under the blanket order that this one is placed under, before tax.
func (s *store) underBlanket(ctx context.Context, tx postgres.Tx, o *Order, p Policy) (used trade.Decimal, err error) {
	if p.blanket(o.PONumber) == nil {
		return used, nil
	}
	if err := tx.QueryRow(ctx, `
		SELECT coalesce(sum(round((l->'unitPrice'->>'amount')::numeric * ((l->'quantity'->>'value')::numeric - coalesce((l->>'cancelled')::numeric, 0) - coalesce((l->>'rejected')::numeric, 0)), $4)), 0)
		FROM orders, json_array_elements(doc->'lines') AS l
		WHERE account_id = $1 AND po_number = $2 AND id <> $3 AND status NOT IN ('REJECTED', 'CANCELLED')`, o.Account, o.PONumber, o.ID, o.Currency.Places()).Scan(&used); err != nil {
		return used, fmt.Errorf("orders under blanket order %s: %w", o.PONumber, err)
	}
	return used.Trim(0), nil
}

// consider keeps what an order was decided from.
func (s *store) consider(ctx context.Context, tx postgres.Tx, o *Order, c *Considered) error {
	batch := &pgx.Batch{}
	if err := queueConsidered(batch, o, c); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("what order %s was decided from: %w", o.Number, err)
	}
	return nil
}

func queueConsidered(batch *pgx.Batch, o *Order, c *Considered) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("what order %s was decided from: %w", o.Number, err)
	}
	batch.Queue(`INSERT INTO decisions (order_id, rule_set, considered) VALUES ($1, $2, $3)
		ON CONFLICT (order_id) DO UPDATE SET rule_set = excluded.rule_set, considered = excluded.considered, decided_at = clock_timestamp()`, o.ID, o.RuleSet, raw)
	return nil
}

// considered are what the latest orders were decided from at first, of those placed since, with the time and the rules of
// that.
func (s *store) considered(ctx context.Context, since time.Time, limit int, each func(o *Order, c *Considered) error) error {
	rows, err := s.pool.Query(ctx, `SELECT doc, considered, decided_at, rule_set FROM decisions JOIN orders ON id = order_id WHERE decided_at >= $1 ORDER BY decided_at DESC, id LIMIT $2`, since, limit)
	if err != nil {
		return fmt.Errorf("decisions: %w", err)
	}
	var doc, raw []byte
	var at time.Time
	var ruleSet int
	_, err = pgx.ForEachRow(rows, []any{&doc, &raw, &at, &ruleSet}, func() error {
		o, err := decode(doc)
		if err != nil {
			return err
		}
		var c Considered
		if err := json.Unmarshal(raw, &c); err != nil {
			return fmt.Errorf("what order %s was decided from: %w", o.Number, err)
		}
		o.PlacedAt, o.RuleSet = at, ruleSet
		return each(o, &c)
	})
	return err
}

// internal are the findings of orders' decisions that are not for buyers' eyes.
func (s *store) internal(ctx context.Context, ids []trade.OrderID) (map[trade.OrderID][]Finding, error) {
	return part[[]Finding](ctx, s, `considered->'internal'`, ids)
}

// plans are why the nodes of orders were chosen.
func (s *store) plans(ctx context.Context, ids []trade.OrderID) (map[trade.OrderID]json.RawMessage, error) {
	return part[json.RawMessage](ctx, s, `considered->'taken'->'plan'`, ids)
}

// part is a part of what orders were decided from, where there is one.
func part[T any](ctx context.Context, s *store, path string, ids []trade.OrderID) (map[trade.OrderID]T, error) {
	rows, err := s.pool.Query(ctx, `SELECT order_id::text, `+path+` FROM decisions WHERE order_id = ANY($1::text[]::uuid[]) AND `+path+` IS NOT NULL`, postgres.IDs(ids...))
	if err != nil {
		return nil, fmt.Errorf("decisions: %w", err)
	}
	out := map[trade.OrderID]T{}
	var id trade.OrderID
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &raw}, func() error {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("decision of %s: %w", id, err)
		}
		out[id] = v
		return nil
	})
	return out, err
}

// reviewed adds findings that are not for buyers' eyes to those that an order was decided by.
func (s *store) reviewed(ctx context.Context, tx postgres.Tx, id trade.OrderID, list []Finding) error {
	if len(list) == 0 {
		return nil
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("decision of %s: %w", id, err)
	}
	if _, err := tx.Exec(ctx, `UPDATE decisions SET considered = jsonb_set(considered, '{internal}', coalesce(considered->'internal', '[]') || $2::jsonb) WHERE order_id = $1`, id, raw); err != nil {
		return fmt.Errorf("decision of %s: %w", id, err)
	}
	return nil
}

// rules are those that are active, read anew when others are.
func (s *store) rules(ctx context.Context) (*Rules, error) {
	var version int
	err := s.pool.QueryRow(ctx, `SELECT version FROM rule_sets WHERE status = 'ACTIVE'`).Scan(&version)
	if postgres.NoRows(err) {
		version = 0
	} else if err != nil {
		return nil, fmt.Errorf("active rules: %w", err)
	}
	if at := s.active.Load(); at != nil && at.Version == version {
		return at, nil
	}
	is := BuiltIn()
	if version > 0 {
		set, err := s.ruleSet(ctx, s.pool, version)
		if err != nil {
			return nil, err
		}
		if is, err = set.read(); err != nil {
			return nil, err
		}
	}
	s.active.Store(is)
	return is, nil
}

const ruleSetColumns = `version, status, rules, note, created_by, created_at, activated_by, activated_at`

func scanRuleSet(row pgx.CollectableRow) (r RuleSet, err error) {
	return r, row.Scan(&r.Version, &r.Status, &r.Rules, &r.Note, &r.CreatedBy, &r.CreatedAt, &r.ActivatedBy, &r.ActivatedAt)
}

func (s *store) ruleSet(ctx context.Context, q interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, version int,
) (RuleSet, error) {
	rows, err := q.Query(ctx, `SELECT `+ruleSetColumns+` FROM rule_sets WHERE version = $1`, version)
	if err != nil {
		return RuleSet{}, fmt.Errorf("rule set %d: %w", version, err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, scanRuleSet)
	if postgres.NoRows(err) {
		return out, fault.New(fault.NotFound, "no rule set %d: ruleSets lists them", version).At("version")
	}
	return out, err
}

func (s *store) ruleSets(ctx context.Context, limit int) ([]RuleSet, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+ruleSetColumns+` FROM rule_sets ORDER BY version DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("rule sets: %w", err)
	}
	return pgx.CollectRows(rows, scanRuleSet)
}

func (s *store) draftRules(ctx context.Context, tx postgres.Tx, r *RuleSet) error {
	err := tx.QueryRow(ctx, `INSERT INTO rule_sets (status, rules, note, created_by, created_at) VALUES ('DRAFT', $1, $2, $3, $4) RETURNING version`, r.Rules, r.Note, r.CreatedBy, r.CreatedAt).Scan(&r.Version)
	if err != nil {
		return fmt.Errorf("draft rules: %w", err)
	}
	return nil
}

// activate makes a rule set the active one, 0 those that are built in, and returns which was.
func (s *store) activate(ctx context.Context, tx postgres.Tx, version int, by string, now time.Time) (was int, err error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('rule_sets', 11))`); err != nil {
		return 0, fmt.Errorf("activate rules: %w", err)
	}
	err = tx.QueryRow(ctx, `UPDATE rule_sets SET status = 'RETIRED' WHERE status = 'ACTIVE' RETURNING version`).Scan(&was)
	if err != nil && !postgres.NoRows(err) {
		return 0, fmt.Errorf("activate rules: %w", err)
	}
	if version == 0 {
		return was, nil
	}
	if _, err := tx.Exec(ctx, `UPDATE rule_sets SET status = 'ACTIVE', activated_by = $2, activated_at = $3 WHERE version = $1`, version, by, now); err != nil {
		return 0, fmt.Errorf("activate rules: %w", err)
	}
	return was, nil
}

// quote is the quote that a draft names, nil when its account has no such one.
func (s *store) quote(ctx context.Context, d Draft) (*Quote, error) {
	if d.Quote == "" {
		return nil, nil //nolint:nilnil // none is named
	}
	rows, err := s.pool.Query(ctx, `SELECT doc FROM quotes WHERE account_id = $1 AND number = $2`, d.Account, d.Quote)
	if err != nil {
		return nil, fmt.Errorf("quote %s: %w", d.Quote, err)
	}
	q, err := pgx.CollectExactlyOneRow(rows, scanQuote)
	if postgres.NoRows(err) {
		return nil, nil //nolint:nilnil // a finding says so
	}
	return q, err
}

func scanQuote(row pgx.CollectableRow) (*Quote, error) {
	var raw []byte
	if err := row.Scan(&raw); err != nil {
		return nil, err
	}
	var q Quote
	if err := json.Unmarshal(raw, &q); err != nil {
		return nil, fmt.Errorf("stored quote: %w", err)
	}
	return &q, nil
}

func (s *store) keepQuote(ctx context.Context, tx postgres.Tx, q *Quote) error {
	if err := tx.QueryRow(ctx, `SELECT 'Q-' || nextval('quote_numbers')`).Scan(&q.Number); err != nil {
		return fmt.Errorf("quote number: %w", err)
	}
	raw, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("quote %s: %w", q.Number, err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO quotes (id, number, account_id, valid_until, created_at, doc) VALUES ($1, $2, $3, $4, $5, $6)`, q.ID, q.Number, q.Account, q.ValidUntil, q.CreatedAt, raw); err != nil {
		return fmt.Errorf("quote %s: %w", q.Number, err)
	}
	return nil
}

// quotes are the latest quotes of each account.
func (s *store) quotes(ctx context.Context, who trade.Viewer, accounts []trade.AccountID, first int) (map[trade.AccountID][]*Quote, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT q.doc FROM unnest($3::text[]) AS a(id) CROSS JOIN LATERAL (
			SELECT doc FROM quotes WHERE account_id = a.id ORDER BY created_at DESC, id DESC LIMIT $4) q WHERE $1 OR a.id = ANY($2)`,
		who.AllAccounts, postgres.Texts(who.Accounts), postgres.Texts(accounts), first)
	if err != nil {
		return nil, fmt.Errorf("quotes: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanQuote)
	out := map[trade.AccountID][]*Quote{}
	for _, q := range list {
		out[q.Account] = append(out[q.Account], q)
	}
	return out, err
}

// lapsing are orders that wait beyond the review of a hold and keep stock.
func (s *store) lapsing(ctx context.Context, now time.Time, limit int) ([]trade.OrderID, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id::text FROM orders WHERE review_at < $1 ORDER BY review_at LIMIT $2`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("orders that wait beyond their review: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[trade.OrderID])
}
