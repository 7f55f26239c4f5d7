// Command live starts the real products that Crossdock is proven on, in folders of their own and on loopback
// only, and runs a command against them; without a command it keeps them until it is interrupted.
//
// The first start installs and seeds them, which takes some minutes; later ones begin with a copy of what was
// seeded.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"crossdock/internal/embedded"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	dir := flag.String("data-dir", "live-data", "where the products keep everything")
	flag.Parse()
	err := run(ctx, *dir, flag.Args())
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, command []string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil { //nolint:gosec // the database's user must pass through
		return err
	}
	if err := install(ctx); err != nil {
		return err
	}
	db, err := embedded.Start(ctx, embedded.Config{Dir: filepath.Join(dir, "postgres"), Volatile: true, Log: slog.Default()})
	if err != nil {
		return err
	}
	defer func() { _ = db.Stop() }() //nolint:contextcheck // it must stop although ctx has ended
	erp, err := startTryton(ctx, dir, db)
	if err != nil {
		return fmt.Errorf("tryton: %w", err)
	}
	defer erp.stop()
	say("Tryton answers at %s, database erp, user crossdock", erp.url)
	if len(command) == 0 {
		<-ctx.Done()
		return nil
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the caller's own
	cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdout, os.Stderr, append(os.Environ(), "LIVE_TRYTON="+erp.url)
	return cmd.Run()
}

func say(format string, args ...any) { _, _ = fmt.Fprintf(os.Stderr, format+"\n", args...) }

// install gets the products' packages from Debian where they are missing.
func install(ctx context.Context) error {
	if _, err := exec.LookPath("trytond-admin"); err == nil {
		return nil
	}
	say("installing Tryton from Debian's packages, once")
	script := `sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
		$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
			tryton-server tryton-modules-all tryton-proteus python3-psycopg2 python3-bcrypt`
	if out, err := exec.CommandContext(ctx, "sh", "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("install: %w: %s", err, tail(out))
	}
	return nil
}

// tail is the end of an output, where the reason of a failure is.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// server is a product that runs.
type server struct {
	url string
	cmd *exec.Cmd
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		_ = s.cmd.Process.Kill()
	}
}

// modules are what the adapter needs of Tryton; what they depend on comes with them.
func modules() []string {
	return []string{"sale", "sale_price_list", "sale_credit_limit", "sale_stock_quantity", "sale_amendment", "stock_package_shipping", "account_invoice_stock", "web_shop"}
}

// seeded is the database that others are copies of, and building the one that it is made in.
const (
	seeded   = "erp_seeded"
	building = "erp_building"
)

// startTryton starts the product on a fresh copy of what was seeded.
func startTryton(ctx context.Context, dir string, db *embedded.Server) (*server, error) {
	socket, err := url.Parse(db.URL("erp"))
	if err != nil {
		return nil, err
	}
	addr, err := free(ctx)
	if err != nil {
		return nil, err
	}
	conf, secret := filepath.Join(dir, "trytond.conf"), filepath.Join(dir, "trytond.password")
	text := fmt.Sprintf("[web]\nlisten = %s\n[database]\nuri = postgresql:///\npath = %s\n[session]\ntimeout = 2592000\n", addr, filepath.Join(dir, "tryton-files"))
	if err := errors.Join(os.WriteFile(conf, []byte(text), 0o600), os.WriteFile(secret, []byte("live-administrator"), 0o600)); err != nil {
		return nil, err
	}
	env := append(os.Environ(), "PGHOST="+socket.Query().Get("host"), "PGUSER="+socket.Query().Get("user"), "TRYTONPASSFILE="+secret)
	do := func(what, name string, args ...string) error {
		say("%s", what)
		cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // fixed names
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", what, err, tail(out))
		}
		return nil
	}
	if err := db.DropDatabase(ctx, "erp"); err != nil {
		return nil, err
	}
	if err := db.CreateDatabase(ctx, "erp", seeded); err != nil {
		say("seeding Tryton, once: about three minutes")
		if err := errors.Join(db.DropDatabase(ctx, building), db.CreateDatabase(ctx, building, "")); err != nil {
			return nil, err
		}
		admin := []string{"-c", conf, "-d", building}
		err := do("  its tables", "trytond-admin", append(admin, "--all", "--email", "admin@example.com")...)
		if err == nil {
			err = do("  its modules", "trytond-admin", append(append(admin, "--activate-dependencies", "-u"), modules()...)...)
		}
		if err == nil {
			err = do("  a distributor", "/usr/bin/python3", "live/tryton/seed_erp.py", building, conf, "crossdock-live")
		}
		if err == nil {
			err = errors.Join(db.CreateDatabase(ctx, seeded, building), db.DropDatabase(ctx, building), db.CreateDatabase(ctx, "erp", seeded))
		}
		if err != nil {
			return nil, err
		}
	}
	log, err := os.Create(filepath.Join(dir, "trytond.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "trytond", "-c", conf, "-d", "erp") //nolint:gosec // a file of ours
	cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{"http://" + addr, cmd}
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// ready waits until the product lets the gateway's user in.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	const login = `{"id":1,"method":"common.db.login","params":["crossdock",{"password":"crossdock-live"}]}`
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/erp/", bytes.NewReader([]byte(login)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		if res, err := http.DefaultClient.Do(req); err == nil {
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK && bytes.Contains(body, []byte(`"result":[`)) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("it does not let the gateway in within a minute; see trytond.log")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// free is an address on loopback that nobody listens on.
func free(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
