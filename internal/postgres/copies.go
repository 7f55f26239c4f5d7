package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/lookup"
)

// Copies is a table of what a source last said of things, one document for each. It implements lookup.Keeper.
type Copies[K comparable, V any] struct {
	Pool *Pool
	// Table has the columns name, source, as_of and doc, and one for the key, which is named Column.
	Table, Column string
	// Key writes a key, and Name what a list shows of a value.
	Key  func(K) string
	Name func(V) string
	// Of is a value's key, Provenance where it comes from.
	Of         func(V) K
	Provenance func(*V) *lookup.Provenance
	// Opaque says that doc is a text, which the database does not look into.
	Opaque bool
	// Projection names the row of projections that says since when every change is in the table; empty when
	// nobody reads changes.
	Projection string
}

// Save keeps values, unless there are younger ones.
func (t Copies[K, V]) Save(ctx context.Context, values map[K]V) error {
	type row struct {
		key, name, source, doc string
		asOf                   time.Time
	}
	rows := make([]row, 0, len(values))
	for k, v := range values {
		doc, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("keep %s: %w", t.Table, err)
		}
		p := t.Provenance(&v)
		rows = append(rows, row{t.Key(k), t.Name(v), p.Source, string(doc), p.AsOf})
	}
	// In one order, so that two pages being kept at once do not wait in a circle.
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.key, b.key) })
	cols := make([][]string, 4)
	var times []time.Time
	for _, r := range rows {
		for i, v := range []string{r.key, r.name, r.source, r.doc} {
			cols[i] = append(cols[i], v)
		}
		times = append(times, r.asOf)
	}
	_, err := t.Pool.Exec(ctx, t.sql(`
		INSERT INTO {table} ({key}, name, source, doc, as_of) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::{doc}[], $5::timestamptz[])
		ON CONFLICT ({key}) DO UPDATE SET name = excluded.name, source = excluded.source, as_of = excluded.as_of, doc = excluded.doc
		WHERE {table}.as_of < excluded.as_of`), cols[0], cols[1], cols[2], cols[3], times)
	if err != nil {
		return fmt.Errorf("keep %s: %w", t.Table, err)
	}
	return nil
}

// Kept returns what is kept of the keys. It is as of when it was read, or as of when all changes were last
// seen to be there.
func (t Copies[K, V]) Kept(ctx context.Context, keys []K) (map[K]V, error) {
	texts := make([]string, len(keys))
	for i, k := range keys {
		texts[i] = t.Key(k)
	}
	// Here and wherever rows are looked up by keys, a subquery hides how many there are: with that in sight PostgreSQL plans the
	// statement each time that it is executed.
	list, err := t.List(ctx, `WHERE {key} = ANY((SELECT $1::text[])::text[])`, texts)
	out := make(map[K]V, len(list))
	for _, v := range list {
		out[t.Of(v)] = v
	}
	return out, err
}

// List returns what is kept by a condition and an order. {key} stands for the key's column.
func (t Copies[K, V]) List(ctx context.Context, tail string, args ...any) ([]V, error) {
	rows, err := t.Pool.Query(ctx, t.sql(`
		SELECT doc, greatest(as_of, (SELECT current FROM projections WHERE projections.name = '`+t.Projection+`')) FROM {table} `+tail), args...)
	if err != nil {
		return nil, fmt.Errorf("kept %s: %w", t.Table, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v V, err error) {
		var raw []byte
		var asOf time.Time
		if err := row.Scan(&raw, &asOf); err != nil {
			return v, err
		}
		if string(raw) == "null" {
			return v, errors.New("a copy of nothing")
		}
		if err := Decode(raw, &v); err != nil {
			return v, err
		}
		p := t.Provenance(&v)
		p.AsOf, p.Freshness = asOf, lookup.Cached
		return v, nil
	})
	if err != nil {
		return nil, fmt.Errorf("kept %s: %w", t.Table, err)
	}
	return list, nil
}

// Alike returns up to n values whose key or name is like a foreign one: the same letters and digits, or most of the
// words. The likest come first.
func (t Copies[K, V]) Alike(ctx context.Context, key, name string, n int) ([]V, error) {
	return t.List(ctx, `, LATERAL (SELECT regexp_replace(lower({key}), '[^a-z0-9]', '', 'g') AS ours, regexp_replace(lower($1), '[^a-z0-9]', '', 'g') AS theirs) k,
			LATERAL (SELECT count(*) AS words FROM regexp_split_to_table(lower($2), '[^[:alnum:]]+') w WHERE length(w) > 2 AND strpos(lower({table}.name), w) > 0) s
		WHERE ours = theirs OR words > 0 OR (length(theirs) > 2 AND strpos(ours, theirs) > 0) OR (length(ours) > 2 AND strpos(theirs, ours) > 0)
		ORDER BY ours = theirs DESC, words DESC, abs(length(ours) - length(theirs)), {key} LIMIT $3`, key, name, n)
}

// Current records that every change up to a time is in the table.
func (t Copies[K, V]) Current(ctx context.Context, at time.Time) error {
	_, err := t.Pool.Exec(ctx, `
		INSERT INTO projections (name, current) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET current = greatest(projections.current, excluded.current)`, t.Projection, at)
	return err
}

func (t Copies[K, V]) sql(text string) string {
	doc := "jsonb"
	if t.Opaque {
		doc = "text"
	}
	return strings.NewReplacer("{table}", t.Table, "{key}", t.Column, "{doc}", doc).Replace(text)
}
