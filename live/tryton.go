package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"crossdock/internal/embedded"
)

// tryton is one database of Tryton with a server of its own.
type tryton struct {
	// name is the database's, modules what the adapter needs of Tryton, and seed the script that fills it.
	name    string
	modules []string
	seed    string
}

func trytonERP() tryton {
	return tryton{"erp", []string{"sale", "sale_price_list", "sale_credit_limit", "sale_stock_quantity", "sale_amendment", "stock_package_shipping", "account_invoice_stock", "web_shop"}, "live/tryton/seed_erp.py"}
}

func trytonWMS() tryton {
	return tryton{"wms", []string{"stock", "stock_lot", "stock_package_shipping", "stock_split", "carrier"}, "live/tryton/seed_wms.py"}
}

// password is that of the gateway's user, in databases that are on loopback and thrown away.
const password = "crossdock-live"

// start starts a server on a fresh copy of what was seeded.
func (p tryton) start(ctx context.Context, dir string, db *embedded.Server) (*server, error) {
	env, err := reaching(db)
	if err != nil {
		return nil, err
	}
	mark, err := fingerprint("live/tryton.go", "live/tryton/common.py", p.seed, "live/world.json")
	if err != nil {
		return nil, err
	}
	addr, err := free(ctx)
	if err != nil {
		return nil, err
	}
	conf, secret := filepath.Join(dir, p.name+".conf"), filepath.Join(dir, "trytond.password")
	text := fmt.Sprintf("[web]\nlisten = %s\n[database]\nuri = postgresql:///\npath = %s\n[session]\ntimeout = 2592000\n", addr, filepath.Join(dir, p.name+"-files"))
	if err := errors.Join(os.WriteFile(conf, []byte(text), 0o600), os.WriteFile(secret, []byte("live-administrator"), 0o600)); err != nil {
		return nil, err
	}
	env = append(env, "TRYTONPASSFILE="+secret, "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore")
	err = fresh(ctx, db, p.name, mark, func(building string) error {
		say("seeding %s of Tryton, once: some minutes", p.name)
		admin := []string{"-c", conf, "-d", building}
		err := do(ctx, env, "its tables", "trytond-admin", append(admin, "--all", "--email", "admin@example.com")...)
		if err == nil {
			err = do(ctx, env, "its modules", "trytond-admin", append(append(admin, "--activate-dependencies", "-u"), p.modules...)...)
		}
		if err == nil {
			err = do(ctx, env, "its records", "/usr/bin/python3", p.seed, building, conf, password)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s, err := launch(dir, p.name, env, exec.Command("trytond", "-c", conf, "-d", p.name)) //nolint:noctx // it is stopped by us
	if err != nil {
		return nil, err
	}
	s.url = "http://" + addr
	login := fmt.Sprintf(`{"id":1,"method":"common.db.login","params":["crossdock",{"password":%q}]}`, password)
	return s, s.ready(ctx, "/"+p.name+"/", login, `"result":[`)
}
