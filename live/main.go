// Command live starts the real products that Crossdock is proven on, in folders of their own and on loopback
// only, and runs a command against them; without a command it keeps them until it is interrupted.
//
// The first start installs and seeds them, which takes some minutes; later ones begin with a copy of what was
// seeded.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

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
	// The database's user must pass through.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	// What a gateway kept of products that are thrown away is of no use.
	if err := os.RemoveAll(filepath.Join(dir, "crossdock")); err != nil {
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
	listen, err := free(ctx)
	if err != nil {
		return err
	}
	const secret = "live-webhook-secret"
	env := append(os.Environ(), "LIVE_LISTEN="+listen, "LIVE_PASSWORD="+password, "LIVE_WEBHOOK_SECRET="+secret)
	for _, p := range []tryton{trytonERP(), trytonWMS()} {
		s, err := p.start(ctx, dir, db)
		if s != nil {
			defer s.stop()
		}
		if err != nil {
			return fmt.Errorf("%s of Tryton: %w", p.name, err)
		}
		say("Tryton's %s answers at %s, user crossdock", p.name, s.url)
		env = append(env, "LIVE_"+strings.ToUpper(p.name)+"="+s.url)
	}
	shop := &vendure{hook: "http://" + listen + "/webhooks/webshop", secret: secret}
	s, err := shop.start(ctx, dir, db)
	if s != nil {
		defer s.stop()
	}
	if err != nil {
		return fmt.Errorf("vendure: %w", err)
	}
	say("Vendure answers at %s", s.url)
	env = append(env, "LIVE_SHOP="+s.url, "LIVE_SHOP_KEY="+shop.APIKey, "LIVE_SHOP_LOCATION="+shop.Location)
	if len(command) == 0 {
		<-ctx.Done()
		return nil
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdout, os.Stderr, env
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
	return do(ctx, os.Environ(), "its packages", "sh", "-c", script)
}

// do runs a step of setting a product up.
func do(ctx context.Context, env []string, what, name string, args ...string) error {
	say("  %s", what)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", what, err, tail(out))
	}
	return nil
}

// tail is the end of an output, where the reason of a failure is.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// fresh makes the database of the name a copy of the one that was seeded from files with the fingerprint, and
// seeds that first when there is none. What is only half seeded is never copied.
func fresh(ctx context.Context, db *embedded.Server, name, mark string, seed func(building string) error) error {
	if err := db.DropDatabase(ctx, name); err != nil {
		return err
	}
	seeded, building := name+"_seeded_"+mark, name+"_building"
	if db.CreateDatabase(ctx, name, seeded) == nil {
		return nil
	}
	if err := errors.Join(db.DropDatabase(ctx, building), db.CreateDatabase(ctx, building, "")); err != nil {
		return err
	}
	if err := seed(building); err != nil {
		return err
	}
	return errors.Join(db.CreateDatabase(ctx, seeded, building), db.DropDatabase(ctx, building), db.CreateDatabase(ctx, name, seeded))
}

// fingerprint is what the files are known by, so that what was made from others is not used.
func fingerprint(files ...string) (string, error) {
	sum := sha256.New()
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		_, _ = sum.Write(raw)
	}
	return hex.EncodeToString(sum.Sum(nil)[:4]), nil
}

// reaching is the environment in which a product finds the database's server.
func reaching(db *embedded.Server) ([]string, error) {
	socket, err := url.Parse(db.URL(""))
	if err != nil {
		return nil, err
	}
	return append(os.Environ(), "PGHOST="+socket.Query().Get("host"), "PGUSER="+socket.Query().Get("user")), nil
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
