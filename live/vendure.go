package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"crossdock/internal/embedded"
)

// vendure is a shop of Vendure.
type vendure struct {
	// hook is where its plugin sends word of orders, signed with secret.
	hook, secret string
	// APIKey and Location are what a gateway needs of a seeded shop.
	APIKey   string `json:"apiKey"`
	Location string `json:"stockLocation"`
}

// start starts a shop on a fresh copy of what was seeded.
func (v *vendure) start(ctx context.Context, dir string, db *embedded.Server) (*server, error) {
	env, err := reaching(db)
	if err != nil {
		return nil, err
	}
	addr, err := free(ctx)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	mark, err := fingerprint("live/vendure/package-lock.json", "live/vendure/config.js", "live/vendure/seed.js", "live/world.json")
	if err != nil {
		return nil, err
	}
	packages, secrets := filepath.Join(dir, "vendure"), filepath.Join(dir, "vendure-"+mark+".json")
	if err := v.install(ctx, packages); err != nil {
		return nil, err
	}
	env = append(env, "NODE_PATH="+filepath.Join(packages, "node_modules"), "VENDURE_PORT="+port, "VENDURE_ADMIN=admin", "VENDURE_ADMIN_PASSWORD=admin-live")
	err = fresh(ctx, db, "shop", mark, func(building string) error {
		say("seeding Vendure, once")
		return do(ctx, append(env, "VENDURE_DB="+building, "VENDURE_SECRETS="+secrets), "its records", "node", "live/vendure/seed.js")
	})
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(secrets)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		return nil, fmt.Errorf("its key, which is made with its records; delete the folder %s to have both made again: %w", dir, err)
	}
	s, err := launch(dir, "vendure", append(env, "VENDURE_DB=shop", "CROSSDOCK_WEBHOOK_URL="+v.hook, "CROSSDOCK_WEBHOOK_SECRET="+v.secret), exec.Command("node", "live/vendure/server.js")) //nolint:noctx // it is stopped by us
	if err != nil {
		return nil, err
	}
	s.url = "http://" + addr
	return s, s.ready(ctx, "/admin-api", `{"query":"{__typename}"}`, "__typename")
}

// install gets the packages into a folder, unless they are those that we want.
func (v *vendure) install(ctx context.Context, dir string) error {
	want, err := os.ReadFile("live/vendure/package-lock.json")
	if err != nil {
		return err
	}
	mark := filepath.Join(dir, "installed.json")
	if have, err := os.ReadFile(mark); err == nil && string(have) == string(want) {
		return nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm is not found: Vendure needs Node.js 20 or later with npm")
	}
	say("installing Vendure from npm's packages, once")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, file := range []string{"package.json", "package-lock.json"} {
		raw, err := os.ReadFile(filepath.Join("live/vendure", file))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), raw, 0o600)
		}
		if err != nil {
			return err
		}
	}
	if err := do(ctx, os.Environ(), "its packages", "npm", "--prefix", dir, "ci", "--omit=dev", "--no-audit", "--no-fund"); err != nil {
		return err
	}
	return os.WriteFile(mark, want, 0o600)
}
