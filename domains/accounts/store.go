package accounts

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// table is where the accounts are kept.
func table(pool *postgres.Pool) postgres.Copies[trade.AccountID, Account] {
	return postgres.Copies[trade.AccountID, Account]{
		Pool: pool, Table: "accounts", Column: "id", Projection: "accounts",
		Key:        func(id trade.AccountID) string { return string(id) },
		Name:       func(a Account) string { return a.Name },
		Of:         func(a Account) trade.AccountID { return a.ID },
		Provenance: func(a *Account) *lookup.Provenance { return &a.Provenance },
	}
}

// certificates are where what exempts accounts is kept.
type certificates struct{ pool *postgres.Pool }

const certificateColumns = `id::text, account_id, number, jurisdictions, categories, valid_from::text, coalesce(valid_until::text, ''), state, note, changed_by, changed_at`

func (s certificates) set(ctx context.Context, c *Certificate) error {
	rows, err := s.pool.Query(ctx, `
		INSERT INTO tax_certificates (id, account_id, number, jurisdictions, categories, valid_from, valid_until, state, note, changed_by)
		VALUES ($1, $2, $3, $4, $5, $6::text::date, nullif($7::text, '')::date, $8, $9, $10)
		ON CONFLICT (account_id, number) DO UPDATE SET jurisdictions = excluded.jurisdictions, categories = excluded.categories, valid_from = excluded.valid_from,
			valid_until = excluded.valid_until, state = excluded.state, note = excluded.note, changed_by = excluded.changed_by, changed_at = clock_timestamp()
		RETURNING `+certificateColumns,
		postgres.NewID(), c.Account, c.Number, c.Jurisdictions, append([]string{}, c.Categories...), c.From, c.Until, c.State, c.Note, c.ChangedBy)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", c.Number, err)
	}
	kept, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Certificate])
	if err != nil {
		return fmt.Errorf("certificate %s: %w", c.Number, err)
	}
	*c = kept
	return nil
}

func (s certificates) of(ctx context.Context, who trade.Viewer, ids []trade.AccountID) (map[trade.AccountID][]*Certificate, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT c.* FROM unnest((SELECT $3::text[])) AS a(id) CROSS JOIN LATERAL (
			SELECT `+certificateColumns+` FROM tax_certificates WHERE account_id = a.id ORDER BY valid_from DESC, number LIMIT 100) c
		WHERE $1 OR a.id = ANY($2)`,
		who.AllAccounts, postgres.Texts(who.Accounts), postgres.Texts(ids))
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[Certificate])
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	out := map[trade.AccountID][]*Certificate{}
	for _, c := range list {
		out[c.Account] = append(out[c.Account], c)
	}
	return out, nil
}
