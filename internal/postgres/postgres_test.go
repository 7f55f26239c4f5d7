package postgres_test

import (
	"os"
	"testing"

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
