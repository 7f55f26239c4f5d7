package embedded_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"crossdock/internal/embedded"
)

// TestAKilledServerRecovers keeps what was committed, and leaves alone a stranger who has its number by
// now.
func TestAKilledServerRecovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func() *embedded.Server {
		t.Helper()
		s, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	query := func(s *embedded.Server, sql string) string {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		var out string
		if err := conn.QueryRow(t.Context(), sql).Scan(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	s := start()
	if _, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("a second server on the folder: %v", err)
	}
	if err := s.CreateDatabase(t.Context(), "kept", ""); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "data", "postmaster.pid")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(raw), "\n", 2)
	var pid int
	if _, err := fmt.Sscan(lines[0], &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-s.Exited(); err == nil {
		t.Error("a killed server ended well")
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	stranger := exec.CommandContext(t.Context(), "sleep", "300")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stranger.Wait() }()
	if err := os.WriteFile(file, []byte(fmt.Sprintf("%d\n%s", stranger.Process.Pid, lines[1])), 0o600); err != nil {
		t.Fatal(err)
	}
	again := start()
	defer func() { _ = again.Stop() }()
	if got := query(again, `SELECT datname FROM pg_database WHERE datname = 'kept'`); got != "kept" {
		t.Errorf("after the recovery there is %q", got)
	}
	select {
	case err := <-ended:
		t.Errorf("the stranger was ended: %v", err)
	default:
	}
}

// TestAFolderThatNoServerFitsIsRefused in one line that says why.
func TestAFolderThatNoServerFitsIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := embedded.Config{Dir: dir, Volatile: true, Log: slog.New(slog.DiscardHandler)}
	s, err := embedded.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"8\n", ""} {
		if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte(version), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := embedded.Start(t.Context(), config)
		if err == nil {
			_ = s.Stop()
		}
		if want := "PostgreSQL " + strings.TrimSpace(version); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("a cluster of version %q: %v", version, err)
		}
	}
	_, err = embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir(), Binaries: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "initdb and postgres") {
		t.Errorf("a folder without a server: %v", err)
	}
}
