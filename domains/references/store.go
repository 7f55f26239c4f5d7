package references

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/fault"
	"crossdock/internal/postgres"
)

type store struct{ pool *postgres.Pool }

const columns = `kind, ours, source, theirs, label, origin, said_by, said_at`

func scan(row pgx.CollectableRow) (r Reference, err error) {
	return r, row.Scan(&r.Kind, &r.Ours, &r.Source, &r.Theirs, &r.Label, &r.Origin, &r.By, &r.At)
}

func (s store) learn(ctx context.Context, tx postgres.Tx, list []Reference) error {
	cols := make([][]string, 6)
	seen := map[Name]bool{}
	for _, r := range list {
		if seen[r.Name] || r.Theirs == "" || r.Ours == "" {
			continue
		}
		seen[r.Name] = true
		for i, v := range []string{string(r.Kind), r.Ours, r.Source, r.Theirs, r.Label, string(r.Origin)} {
			cols[i] = append(cols[i], v)
		}
	}
	if len(cols[0]) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO refs (kind, ours, source, theirs, label, origin, said_by)
		SELECT *, '' FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS r (kind, ours, source, theirs, label, origin)
		ORDER BY kind, source, theirs
		ON CONFLICT (kind, source, theirs) DO UPDATE SET ours = excluded.ours, label = excluded.label, origin = excluded.origin, said_at = clock_timestamp()
		WHERE refs.origin <> 'SET' AND (refs.ours, refs.label, refs.origin) IS DISTINCT FROM (excluded.ours, excluded.label, excluded.origin)`,
		cols[0], cols[1], cols[2], cols[3], cols[4], cols[5])
	if err != nil {
		return fmt.Errorf("learn references: %w", err)
	}
	return nil
}

// set keeps what a person says and returns what was known, empty when it was nothing.
func (s store) set(ctx context.Context, tx postgres.Tx, r *Reference) (was string, err error) {
	err = tx.QueryRow(ctx, `SELECT ours, label FROM refs WHERE kind = $1 AND source = $2 AND theirs = $3 FOR UPDATE`, r.Kind, r.Source, r.Theirs).Scan(&was, &r.Label)
	if err != nil && !postgres.NoRows(err) {
		return "", fmt.Errorf("set reference: %w", err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO refs (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (kind, source, theirs) DO UPDATE SET ours = excluded.ours, origin = excluded.origin, said_by = excluded.said_by, said_at = excluded.said_at`,
		r.Kind, r.Ours, r.Source, r.Theirs, r.Label, r.Origin, r.By, r.At)
	if err != nil {
		return "", fmt.Errorf("set reference: %w", err)
	}
	return was, nil
}

// gate makes everybody wait for one another who says what a name means, or waits for it.
func (s store) gate(ctx context.Context, tx postgres.Tx, n Name) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 13))`, n.Key())
	return err
}

func (s store) mapping(ctx context.Context, tx postgres.Tx, n Name) (ours string, err error) {
	err = tx.QueryRow(ctx, `SELECT ours FROM refs WHERE kind = $1 AND source = $2 AND theirs = $3 AND origin <> 'LEARNED'`, n.Kind, n.Source, n.Theirs).Scan(&ours)
	if postgres.NoRows(err) {
		return "", nil
	}
	return ours, err
}

func (s store) remove(ctx context.Context, tx postgres.Tx, n Name) (*Reference, error) {
	rows, err := tx.Query(ctx, `DELETE FROM refs WHERE kind = $1 AND source = $2 AND theirs = $3 RETURNING `+columns, n.Kind, n.Source, n.Theirs)
	if err != nil {
		return nil, fmt.Errorf("remove reference: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scan)
	if postgres.NoRows(err) {
		return nil, fault.New(fault.NotFound, "%s has no %s %q that is known", n.Source, strings.ToLower(string(n.Kind)), n.Theirs).At("theirs")
	}
	return &r, err
}

func (s store) list(ctx context.Context, f Filter, first int, after string) ([]Reference, bool, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+columns+` FROM refs WHERE ($1 = '' OR kind = $1) AND ($2 = '' OR source = $2) AND ($3 = '' OR ours = $3) AND ($4 = '' OR theirs = $4)
		AND ($5 = '' OR strpos(lower(ours || ' ' || theirs || ' ' || label), lower($5)) > 0)
		AND ($6 = '' OR 'reference/' || kind || '/' || source || '/' || theirs > $6 COLLATE "C")
		ORDER BY ('reference/' || kind || '/' || source || '/' || theirs) COLLATE "C" LIMIT $7`, string(f.Kind), f.Source, f.Ours, f.Theirs, f.Text, after, first+1)
	if err != nil {
		return nil, false, fmt.Errorf("references: %w", err)
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, false, fmt.Errorf("references: %w", err)
	}
	more := len(list) > first
	return list[:min(first, len(list))], more, nil
}

// names are the names of a kind that somebody has set. What a system tells of its ids is for finding things and
// translates nothing: it answers to our name. Of several names of one thing the last that was said is used towards
// the source.
func (s store) names(ctx context.Context, kind Kind, source string) (Names, error) {
	out := Names{to: map[string][]string{}, from: map[string]string{}}
	rows, err := s.pool.Query(ctx, `SELECT ours, theirs FROM refs WHERE kind = $1 AND source = $2 AND origin <> 'LEARNED' ORDER BY origin = 'SET', said_at`, kind, source)
	if err != nil {
		return out, fmt.Errorf("names of %s: %w", source, err)
	}
	var ours, theirs string
	_, err = pgx.ForEachRow(rows, []any{&ours, &theirs}, func() error {
		out.from[theirs], out.to[ours] = ours, append(out.to[ours], theirs)
		return nil
	})
	return out, err
}
