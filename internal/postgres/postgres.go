// Package postgres opens the pool, runs the migrations and names the transaction that domains
// hand to one another.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Tx is an open transaction. Whoever opened it commits it; everybody else only uses it.
type Tx = pgx.Tx

// Querier is whatever answers questions: a pool, or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Pool is the process's connections.
type Pool = pgxpool.Pool

// JobSchema is the schema that the job queue keeps its tables in.
const JobSchema = "jobs"

// Open connects to the database and checks that it answers.
func Open(ctx context.Context, url string, maxConns int32) (*Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database url: %w", err)
	}
	cfg.MaxConns = maxConns
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	cfg.AfterConnect = shorter
	cfg.ConnConfig.Tracer = traced{}
	if c := cfg.ConnConfig; c.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		// Each connection makes room for as many at once.
		c.StatementCacheCapacity, c.DescriptionCacheCapacity = min(c.StatementCacheCapacity, 256), 0
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("database: %w", err)
	}
	return pool, nil
}

// Migrate brings the schema to the newest version. Concurrent callers wait for each other.
func Migrate(ctx context.Context, pool *Pool, files fs.FS) error {
	return session(ctx, pool, func(db *sql.DB) error {
		p, err := provider(db, files)
		if err != nil {
			return err
		}
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		if _, err := pool.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+JobSchema); err != nil {
			return fmt.Errorf("job schema: %w", err)
		}
		m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: JobSchema})
		if err != nil {
			return fmt.Errorf("job migrations: %w", err)
		}
		if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return fmt.Errorf("job migrations: %w", err)
		}
		return nil
	})
}

// MigrateDown takes every migration of ours back. For tests of the way down.
func MigrateDown(ctx context.Context, pool *Pool, files fs.FS) error {
	return session(ctx, pool, func(db *sql.DB) error {
		p, err := provider(db, files)
		if err != nil {
			return err
		}
		_, err = p.DownTo(ctx, 0)
		return err
	})
}

const migrationLock = 7_305_001

// session runs fn on a database/sql view of the pool while holding the migration lock.
func session(ctx context.Context, pool *Pool, fn func(*sql.DB) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	defer func() {
		_, _ = conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, migrationLock)
	}()
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	return fn(db)
}

func provider(db *sql.DB, files fs.FS) (*goose.Provider, error) {
	p, err := goose.NewProvider(goose.DialectPostgres, db, files)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}

// InTx runs fn in a transaction and commits when it returns nil. A deadlock or a serialisation
// failure runs fn again, so fn must not act outside the transaction.
func InTx(ctx context.Context, pool *Pool, fn func(Tx) error) error {
	var err error
	for try := range 5 {
		if err = pgx.BeginFunc(ctx, pool, fn); !again(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(rand.IntN(5<<try)) * time.Millisecond):
		}
	}
	return err
}

func again(err error) bool {
	code := Code(err)
	return code == "40P01" || code == "40001"
}

// Code returns the SQLSTATE in err's chain, or "".
func Code(err error) string {
	var pg *pgconn.PgError
	if asPg(err, &pg) {
		return pg.Code
	}
	return ""
}

// UniqueViolation reports whether err says that a row of this constraint exists already.
func UniqueViolation(err error, constraint string) bool {
	var pg *pgconn.PgError
	return asPg(err, &pg) && pg.Code == "23505" && (constraint == "" || pg.ConstraintName == constraint)
}
