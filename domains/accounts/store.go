package accounts

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

type store struct{ pool *postgres.Pool }

// Save implements lookup.Keeper.
func (s *store) Save(ctx context.Context, accounts map[trade.AccountID]Account) error {
	batch := &pgx.Batch{}
	// In one order, so that two pages being kept at once do not wait in a circle.
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		a := accounts[id]
		doc, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("account %s: %w", id, err)
		}
		batch.Queue(`
			INSERT INTO accounts (id, name, source, as_of, doc) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, source = excluded.source, as_of = excluded.as_of, doc = excluded.doc
			WHERE accounts.as_of < excluded.as_of`, id, a.Name, a.Provenance.Source, a.Provenance.AsOf, doc)
	}
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("keep accounts: %w", err)
	}
	return nil
}

// Kept implements lookup.Keeper.
func (s *store) Kept(ctx context.Context, ids []trade.AccountID) (map[trade.AccountID]Account, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc, as_of FROM accounts WHERE id = ANY($1)`, postgres.Texts(ids))
	if err != nil {
		return nil, fmt.Errorf("kept accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Account, err error) {
		var raw []byte
		var asOf time.Time
		if err := row.Scan(&raw, &asOf); err != nil {
			return a, err
		}
		err = json.Unmarshal(raw, &a)
		a.Provenance.AsOf, a.Provenance.Freshness = asOf, lookup.Cached
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("kept accounts: %w", err)
	}
	out := make(map[trade.AccountID]Account, len(list))
	for _, a := range list {
		out[a.ID] = a
	}
	return out, nil
}
