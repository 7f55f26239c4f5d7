package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// durably measures how many orders a second intake decides and stores, and beside it a program that stores the same rows by hand:
// over HTTP too, in one transaction with the same locks, for the same accounts and items, and decides nothing. Every order waits
// for an approval, so that no work is handed on meanwhile.
func (w *world) durably(ctx context.Context, dir string, runs, at int) error {
	const rules = `mutation { draftRuleSet(input: {note: "bench", rules: {default: {approvals: [{name: "all", above: "0", tiers: 1}], checks: {DUPLICATE_PO: OFF}}}}) { ruleSet { version } } }`
	const activate = `mutation { activateRuleSet(input: {version: 1, instead: 0, reason: "bench"}) { ruleSet { version } } }`
	for _, mutation := range []string{rules, activate} {
		if err := w.ask(ctx, "operations", mutation, nil, &struct{}{}); err != nil {
			return err
		}
	}
	var last atomic.Pointer[string]
	placing := func(key string) func(context.Context, int) error {
		return func(ctx context.Context, n int) error {
			var out struct {
				PlaceOrder struct {
					Decision string
					Order    *struct{ Number string }
				}
			}
			order := basket(fmt.Sprint(key, n), fmt.Sprintf("C%05d", 10000+20*(n%15)), 5*n, 5)
			if err := w.ask(ctx, "service", place, map[string]any{"i": order}, &out); err != nil {
				return err
			}
			if out.PlaceOrder.Decision != "PENDING_APPROVAL" && out.PlaceOrder.Decision != "HELD" {
				return fmt.Errorf("order %d is decided as %q", n, out.PlaceOrder.Decision)
			}
			if out.PlaceOrder.Decision == "PENDING_APPROVAL" {
				last.Store(&out.PlaceOrder.Order.Number)
			}
			return nil
		}
	}
	if _, err := w.times(ctx, 200, at, placing("warm")); err != nil {
		return err
	}
	if last.Load() == nil {
		return fmt.Errorf("no order of the first 200 was taken")
	}
	pool, err := pgxpool.New(ctx, "host="+filepath.Join(dir, "data", "postgres", "socket")+" user=crossdock dbname=crossdock pool_max_conns=20")
	if err != nil {
		return err
	}
	defer pool.Close()
	hand := &storing{pool: pool}
	if err := hand.learn(ctx, *last.Load()); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: hand, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	storing := func(ctx context.Context, n int) error {
		body, _ := json.Marshal(basket(fmt.Sprint("hand", n), fmt.Sprintf("C%05d", 10000+20*(n%15)), 5*n, 5))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String(), bytes.NewReader(body))
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("by hand: %s %s %w", res.Status, text, err)
		}
		return nil
	}
	fmt.Println("| who | orders | at once | orders a second | of by hand |")
	fmt.Println("|---|---|---|---|---|")
	var base float64
	for _, who := range []struct {
		name string
		fn   func(context.Context, int) error
	}{{"by hand", storing}, {"crossdock", placing("durable")}} {
		begin := time.Now()
		if _, err := w.times(ctx, runs, at, who.fn); err != nil {
			return err
		}
		rate := float64(runs) / time.Since(begin).Seconds()
		if base == 0 {
			base = rate
		}
		fmt.Printf("| %s | %d | %d | %.0f | %.0f %% |\n", who.name, runs, at, rate, 100*rate/base)
	}
	return nil
}

// storing stores what Crossdock has stored of one order, again and again, under new names.
type storing struct {
	pool *pgxpool.Pool
	// id, number and key are the order's in the rows that were learned.
	id, number, key string
	// sql inserts a row; its values are texts.
	sql    []string
	values [][]string
	// orders counts what was stored.
	orders atomic.Int64
}

// learn reads the rows of an order.
func (s *storing) learn(ctx context.Context, number string) error {
	s.number = number
	if err := s.pool.QueryRow(ctx, `SELECT o.id::text, i.key FROM orders o JOIN idempotency i ON i.answer->>'orderId' = o.id::text OR i.answer->>'OrderID' = o.id::text WHERE number = $1`, number).Scan(&s.id, &s.key); err != nil {
		return fmt.Errorf("order %s: %w", number, err)
	}
	for _, t := range []struct{ table, where string }{
		{"idempotency", `key = '` + s.key + `'`},
		{"orders", `id = '` + s.id + `'`},
		{"reservations", `order_id = '` + s.id + `'`},
		{"exposures", `order_id = '` + s.id + `'`},
		{"decisions", `order_id = '` + s.id + `'`},
		{"events", `order_id = '` + s.id + `'`},
	} {
		rows, err := s.pool.Query(ctx, `SELECT column_name, format_type(a.atttypid, a.atttypmod) FROM information_schema.columns c
			JOIN pg_attribute a ON a.attrelid = $1::text::regclass AND a.attname = c.column_name WHERE table_name = $1::text AND table_schema = 'public' AND NOT (table_name = 'events' AND column_name = 'position') ORDER BY ordinal_position`, t.table)
		if err != nil {
			return err
		}
		type column struct{ Name, Type string }
		columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
		if err != nil {
			return err
		}
		var names, texts, holes []string
		for i, c := range columns {
			names, texts = append(names, c.Name), append(texts, c.Name+"::text")
			holes = append(holes, fmt.Sprintf("$%d::text::%s", i+1, c.Type))
		}
		rows, err = s.pool.Query(ctx, `SELECT ARRAY[`+strings.Join(texts, ", ")+`] FROM `+t.table+` WHERE `+t.where)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[[]*string])
		if err != nil {
			return err
		}
		for _, row := range list {
			values := make([]string, len(row))
			held := append([]string{}, holes...)
			for i, v := range row {
				if v == nil {
					held[i] = fmt.Sprintf("nullif($%d::text, '')::%s", i+1, columns[i].Type)
					continue
				}
				values[i] = *v
				if t.table == "events" && columns[i].Name == "id" {
					values[i] = "an id of its own"
				}
			}
			s.sql = append(s.sql, `INSERT INTO `+t.table+` (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(held, ", ")+`)`)
			s.values = append(s.values, values)
		}
	}
	return nil
}

// ServeHTTP stores an order.
func (s *storing) ServeHTTP(res http.ResponseWriter, req *http.Request) {
	var in struct {
		IdempotencyKey, AccountID string
		Lines                     []struct{ SKU string }
	}
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		http.Error(res, err.Error(), http.StatusBadRequest)
		return
	}
	skus := make([]string, len(in.Lines))
	for i, l := range in.Lines {
		skus[i] = l.SKU
	}
	id, number := uuid.Must(uuid.NewV7()).String(), fmt.Sprint("HAND-", s.orders.Add(1))
	named := strings.NewReplacer(s.id, id, s.number, number, s.key, in.IdempotencyKey)
	ctx := req.Context()
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.store(ctx, tx, named, in.AccountID, skus) })
	if err != nil {
		http.Error(res, err.Error(), http.StatusInternalServerError)
	}
}

// store locks what an order needs, and stores it.
func (s *storing) store(ctx context.Context, tx pgx.Tx, named *strings.Replacer, account string, skus []string) error {
	if _, err := tx.Exec(ctx, `SELECT FROM stock_figures WHERE sku = ANY($1) ORDER BY node, sku FOR UPDATE`, skus); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT FROM credit_figures WHERE account_id = $1 FOR UPDATE`, account); err != nil {
		return err
	}
	for i, sql := range s.sql {
		args := make([]any, len(s.values[i]))
		for k, v := range s.values[i] {
			if args[k] = named.Replace(v); v == "an id of its own" {
				args[k] = uuid.Must(uuid.NewV7()).String()
			}
		}
		if _, err := tx.Exec(ctx, sql, args...); err != nil {
			return fmt.Errorf("%.40s: %w", sql, err)
		}
	}
	_, err := tx.Exec(ctx, `SELECT pg_notify('crossdock_outbox', '')`)
	return err
}
