package pricing

import (
	"context"
	"fmt"
	"strings"
	"time"

	"crossdock/domains/lookup"
	"crossdock/internal/postgres"
)

type store struct{ postgres.Copies[Key, *Price] }

// table is where prices are kept.
func table(pool *postgres.Pool) postgres.Copies[Key, *Price] {
	return postgres.Copies[Key, *Price]{
		Pool: pool, Table: "prices", Column: "key", Opaque: true,
		Key:        Key.text,
		Name:       func(p *Price) string { return string(p.Key.Context().Account) + " " + string(p.Key.SKU) },
		Of:         func(p *Price) Key { return p.Key },
		Provenance: func(p **Price) *lookup.Provenance { return &(*p).Provenance },
	}
}

// text writes a key so that two keys are never the same text.
func (k Key) text() string {
	in := k.Context()
	parts := []string{string(in.Account), string(k.SKU), string(k.Unit), k.Quantity, string(in.Date), in.Branch, string(in.Currency)}
	if in.Promotion != "" {
		parts = append(parts, in.Promotion)
	}
	for i, p := range parts {
		if strings.ContainsAny(p, `\|`) {
			parts[i] = strings.NewReplacer(`\`, `\\`, `|`, `\|`).Replace(p)
		}
	}
	return strings.Join(parts, "|")
}

func (s store) forget(ctx context.Context, before time.Time) error {
	if _, err := s.Pool.Exec(ctx, `DELETE FROM prices WHERE as_of < $1`, before); err != nil {
		return fmt.Errorf("forget prices: %w", err)
	}
	return nil
}
