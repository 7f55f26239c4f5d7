package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

type store struct {
	postgres.Copies[trade.SKU, *Item]
}

// table is where the items are kept.
func table(pool *postgres.Pool) postgres.Copies[trade.SKU, *Item] {
	return postgres.Copies[trade.SKU, *Item]{
		Pool: pool, Table: "items", Column: "sku", Projection: "items",
		Key:        func(sku trade.SKU) string { return string(sku) },
		Name:       func(i *Item) string { return i.Name },
		Of:         func(i *Item) trade.SKU { return i.SKU },
		Provenance: func(i **Item) *lookup.Provenance { return &(*i).Provenance },
	}
}

// rulings is where it is kept how items may be ordered.
func rulings(pool *postgres.Pool) postgres.Copies[trade.SKU, ruling] {
	return postgres.Copies[trade.SKU, ruling]{
		Pool: pool, Table: "item_rules", Column: "sku",
		Key:        func(sku trade.SKU) string { return string(sku) },
		Name:       func(r ruling) string { return string(r.SKU) },
		Of:         func(r ruling) trade.SKU { return r.SKU },
		Provenance: func(r *ruling) *lookup.Provenance { return &r.Provenance },
	}
}

const matches = `($1 = '' OR name ILIKE '%' || $1 || '%' OR sku ILIKE '%' || $1 || '%')`

func (s store) count(ctx context.Context, text string) (n int, err error) {
	if err := s.Pool.QueryRow(ctx, `SELECT count(*) FROM items WHERE `+matches, text).Scan(&n); err != nil {
		return 0, fmt.Errorf("count items: %w", err)
	}
	return n, nil
}

func (s store) next(ctx context.Context, after trade.SKU, n int) ([]trade.SKU, error) {
	rows, err := s.Pool.Query(ctx, `SELECT sku FROM items WHERE sku > $1 AND NOT (doc->>'blocked')::boolean ORDER BY sku LIMIT $2`, after, n)
	if err != nil {
		return nil, fmt.Errorf("next items: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[trade.SKU])
}

func (s store) list(ctx context.Context, text string, first int, after trade.SKU) (*List, error) {
	out := &List{}
	var err error
	if out.Total, err = s.count(ctx, text); err != nil {
		return nil, err
	}
	if out.Items, err = s.List(ctx, `WHERE `+matches+` AND sku > $2 ORDER BY sku LIMIT $3`, text, after, first+1); err != nil {
		return nil, err
	}
	if out.HasNext = len(out.Items) > first; out.HasNext {
		out.Items = out.Items[:first]
	}
	return out, nil
}
