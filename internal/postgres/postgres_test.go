package postgres_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/govalues/decimal"

	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
	"crossdock/migrations"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestMigrationsGoUpDownAndUpAgain(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), pgtest.EmptyURL(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for range 2 {
		if err := postgres.Migrate(t.Context(), pool, migrations.Files); err != nil {
			t.Fatal(err)
		}
		if err := postgres.MigrateDown(t.Context(), pool, migrations.Files); err != nil {
			t.Fatal(err)
		}
	}
	var left int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version'`).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%d tables are left after the way down", left)
	}
}

// TestDecimalsComeAsTheyAre: what PostgreSQL writes as a text is read from its digits alike, with its places.
func TestDecimalsComeAsTheyAre(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), pgtest.EmptyURL(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	texts := []string{"0", "0.00", "1", "-1", "10000", "0.0001", "99999999.9999", "1000000000000000", "-0.10", "12.50", "1e15", "0.00000001", "5.000000000000000000", "5234.567890123456789", "-9999999999999999999", "0.0000000000000000001"}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		whole := strconv.FormatInt(r.Int64N(1+r.Int64N(1_000_000_000_000)), 10)
		text := whole + "." + strings.Repeat("0", r.IntN(3)) + strconv.Itoa(r.IntN(10_000))
		texts = append(texts, text, "-"+text, whole)
	}
	for _, text := range texts {
		var got decimal.Decimal
		var want string
		if err := pool.QueryRow(t.Context(), `SELECT n, n::text FROM (SELECT $1::text::numeric AS n) x`, text).Scan(&got, &want); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if zero := decimal.MustParse(want).IsZero(); got.String() != want && (!zero || !got.IsZero()) {
			t.Errorf("%s is read as %s", want, got)
		}
	}
	var got decimal.Decimal
	if err := pool.QueryRow(t.Context(), `SELECT $1::text::numeric`, "0."+strings.Repeat("1", 25)).Scan(&got); err != nil || got.String() != "0."+strings.Repeat("1", 19) {
		t.Errorf("more places than a decimal has are read as %s, %v", got, err)
	}
	for _, text := range []string{"NaN", "1e30"} {
		if err := pool.QueryRow(t.Context(), `SELECT $1::text::numeric`, text).Scan(&got); err == nil {
			t.Errorf("%s is read as %s", text, got)
		}
	}
}

// TestTextsGoAsTheyAre: an array that is written the shorter way is what PostgreSQL shows again.
func TestTextsGoAsTheyAre(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), pgtest.EmptyURL(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, list := range [][]string{nil, {}, {""}, {"a"}, {"a", "", `{"\x"},NULL`, "é\n", strings.Repeat("long", 10_000)}} {
		var got []string
		var null bool
		var n int
		if err := pool.QueryRow(t.Context(), `SELECT a, a IS NULL, coalesce(cardinality(a), 0) FROM (SELECT $1::text[] AS a) x`, list).Scan(&got, &null, &n); err != nil {
			t.Fatalf("%.50q: %v", list, err)
		}
		if !slices.Equal(got, list) || null != (list == nil) || n != len(list) {
			t.Errorf("%.50q is read as %.50q, null %t, %d elements", list, got, null, n)
		}
	}
	type name string
	var got []name
	if err := pool.QueryRow(t.Context(), `SELECT $1::text[]`, []name{"x", "y"}).Scan(&got); err != nil || !slices.Equal(got, []name{"x", "y"}) {
		t.Errorf("names are read as %q, %v", got, err)
	}
}
