package catalog

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
func (s *store) Save(ctx context.Context, items map[trade.SKU]Item) error {
	batch := &pgx.Batch{}
	// In one order, so that two pages being kept at once do not wait in a circle.
	for _, sku := range slices.Sorted(maps.Keys(items)) {
		i := items[sku]
		doc, err := json.Marshal(i)
		if err != nil {
			return fmt.Errorf("item %s: %w", sku, err)
		}
		batch.Queue(`
			INSERT INTO items (sku, name, source, as_of, doc) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (sku) DO UPDATE SET name = excluded.name, source = excluded.source, as_of = excluded.as_of, doc = excluded.doc
			WHERE items.as_of < excluded.as_of`, sku, i.Name, i.Provenance.Source, i.Provenance.AsOf, doc)
	}
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("keep items: %w", err)
	}
	return nil
}

func scan(row pgx.CollectableRow) (Item, error) {
	var raw []byte
	var asOf time.Time
	var i Item
	if err := row.Scan(&raw, &asOf); err != nil {
		return i, err
	}
	err := json.Unmarshal(raw, &i)
	i.Provenance.AsOf, i.Provenance.Freshness = asOf, lookup.Cached
	return i, err
}

// Kept implements lookup.Keeper.
func (s *store) Kept(ctx context.Context, skus []trade.SKU) (map[trade.SKU]Item, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc, as_of FROM items WHERE sku = ANY($1)`, postgres.Texts(skus))
	if err != nil {
		return nil, fmt.Errorf("kept items: %w", err)
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("kept items: %w", err)
	}
	out := make(map[trade.SKU]Item, len(list))
	for _, i := range list {
		out[i.SKU] = i
	}
	return out, nil
}

const matches = `($1 = '' OR name ILIKE '%' || $1 || '%' OR sku ILIKE '%' || $1 || '%')`

func (s *store) count(ctx context.Context, text string) (n int, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM items WHERE `+matches, text).Scan(&n); err != nil {
		return 0, fmt.Errorf("count items: %w", err)
	}
	return n, nil
}

func (s *store) next(ctx context.Context, after trade.SKU, n int) ([]trade.SKU, error) {
	rows, err := s.pool.Query(ctx, `SELECT sku FROM items WHERE sku > $1 AND NOT (doc->>'blocked')::boolean ORDER BY sku LIMIT $2`, after, n)
	if err != nil {
		return nil, fmt.Errorf("next items: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[trade.SKU])
}

func (s *store) list(ctx context.Context, text string, first int, after trade.SKU) (*List, error) {
	out := &List{}
	var err error
	if out.Total, err = s.count(ctx, text); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT doc, as_of FROM items WHERE `+matches+` AND sku > $2 ORDER BY sku LIMIT $3`, text, after, first+1)
	if err != nil {
		return nil, fmt.Errorf("list items: %w", err)
	}
	if out.Items, err = pgx.CollectRows(rows, scan); err != nil {
		return nil, fmt.Errorf("list items: %w", err)
	}
	if out.HasNext = len(out.Items) > first; out.HasNext {
		out.Items = out.Items[:first]
	}
	return out, nil
}
