package postgres_test

import (
	"testing"

	"crossdock/domains/lookup"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
)

// TestACopyThatCannotBeReadIsAFailure, and nothing worse.
func TestACopyThatCannotBeReadIsAFailure(t *testing.T) {
	t.Parallel()
	type thing struct {
		Name       string
		Provenance lookup.Provenance
	}
	pool, err := postgres.Open(t.Context(), pgtest.EmptyURL(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), `
		CREATE TABLE projections (name text, current timestamptz);
		CREATE TABLE things (key text PRIMARY KEY, name text, source text, as_of timestamptz, doc text);
		INSERT INTO things VALUES ('good', '', '', now(), '{"Name":"x"}'), ('none', '', '', now(), 'null'), ('torn', '', '', now(), '{"Name":')`); err != nil {
		t.Fatal(err)
	}
	copies := postgres.Copies[string, *thing]{
		Pool: pool, Table: "things", Column: "key", Opaque: true, Key: func(k string) string { return k }, Of: func(v *thing) string { return v.Name },
		Provenance: func(v **thing) *lookup.Provenance { return &(*v).Provenance },
	}
	if got, err := copies.Kept(t.Context(), []string{"good"}); err != nil || got["x"] == nil || got["x"].Provenance.Freshness != lookup.Cached {
		t.Errorf("the good one is %v, %v", got, err)
	}
	for _, key := range []string{"none", "torn"} {
		if got, err := copies.Kept(t.Context(), []string{key}); err == nil {
			t.Errorf("%s is %v", key, got)
		}
	}
}
