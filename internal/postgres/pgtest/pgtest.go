// Package pgtest gives tests a real PostgreSQL.
//
// One server per run is shared by the processes of all packages: the first starts it, the last
// one out stops it. Every test gets a database of its own, cloned from a migrated template.
package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"crossdock/internal/embedded"
	"crossdock/internal/postgres"
	"crossdock/migrations"
)

type cluster struct {
	server   *embedded.Server
	dir      string
	users    *os.File
	template string
	err      error
}

//nolint:gochecknoglobals // one server per test process, by design
var (
	once   sync.Once
	shared cluster
)

// Main runs the package's tests and gives the shared server back afterwards. Call it from
// TestMain of every package that uses Database or URL.
func Main(m *testing.M) int {
	code := m.Run()
	if shared.server != nil {
		if err := shared.release(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			return 1
		}
	}
	return code
}

// Database returns a pool on a fresh, migrated database that lives as long as the test.
func Database(tb testing.TB) *postgres.Pool {
	tb.Helper()
	pool, err := postgres.Open(context.WithoutCancel(tb.Context()), URL(tb), 20)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// URL returns the connection string of a fresh, migrated database.
func URL(tb testing.TB) string {
	tb.Helper()
	return create(tb, true)
}

// EmptyURL returns the connection string of a fresh database without any table.
func EmptyURL(tb testing.TB) string {
	tb.Helper()
	return create(tb, false)
}

func create(tb testing.TB, migrated bool) string {
	tb.Helper()
	once.Do(func() { shared = acquire(context.WithoutCancel(tb.Context())) })
	if shared.err != nil {
		tb.Fatalf("test database: %v", shared.err)
	}
	name, template := "t_"+uuid.NewString(), ""
	if migrated {
		template = shared.template
	}
	if err := shared.server.CreateDatabase(tb.Context(), name, template); err != nil {
		tb.Fatalf("test database: %v", err)
	}
	tb.Cleanup(func() {
		if err := shared.server.DropDatabase(context.WithoutCancel(tb.Context()), name); err != nil {
			tb.Errorf("drop test database: %v", err)
		}
	})
	return shared.server.URL(name)
}

func acquire(ctx context.Context) (c cluster) {
	c.dir = filepath.Join(os.TempDir(), "crossdock-test-"+strconv.Itoa(os.Getuid()))
	if c.err = os.MkdirAll(c.dir, 0o711); c.err != nil { //nolint:gosec // the server's user must pass through
		return c
	}
	var gate *os.File
	if gate, c.err = flock(filepath.Join(c.dir, "gate"), syscall.LOCK_EX); c.err != nil {
		return c
	}
	defer func() { _ = gate.Close() }()
	if c.users, c.err = flock(filepath.Join(c.dir, "users"), syscall.LOCK_SH); c.err != nil {
		return c
	}
	if c.server, c.err = embedded.Start(ctx, embedded.Config{Dir: filepath.Join(c.dir, "cluster"), Volatile: true, Detached: true}); c.err != nil {
		return c
	}
	c.template, c.err = template(ctx, c.server)
	return c
}

// template makes the migrated database that tests clone, named for the migrations' content.
func template(ctx context.Context, s *embedded.Server) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrations.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(migrations.Files, path)
		sum.Write(raw)
		return err
	})
	if err != nil {
		return "", err
	}
	name := "template_" + hex.EncodeToString(sum.Sum(nil)[:8])
	ready := name + "_ready"
	if conn, err := postgres.Open(ctx, s.URL(ready), 1); err == nil {
		conn.Close()
		return name, nil
	}
	if err := s.DropDatabase(ctx, name); err != nil {
		return "", err
	}
	if err := s.CreateDatabase(ctx, name, ""); err != nil {
		return "", err
	}
	pool, err := postgres.Open(ctx, s.URL(name), 4)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool, migrations.Files); err != nil {
		return "", err
	}
	pool.Close()
	return name, s.CreateDatabase(ctx, ready, "")
}

func (c *cluster) release() error {
	gate, err := flock(filepath.Join(c.dir, "gate"), syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer func() { _ = gate.Close() }()
	_ = c.users.Close()
	last, err := flock(filepath.Join(c.dir, "users"), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return nil
	}
	defer func() { _ = last.Close() }()
	return c.server.Stop()
}

func flock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR { //nolint:errorlint // a bare errno
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
