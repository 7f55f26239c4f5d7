package accounts

import (
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// table is where the accounts are kept.
func table(pool *postgres.Pool) postgres.Copies[trade.AccountID, Account] {
	return postgres.Copies[trade.AccountID, Account]{
		Pool: pool, Table: "accounts", Column: "id", Projection: "accounts",
		Key:        func(id trade.AccountID) string { return string(id) },
		Name:       func(a Account) string { return a.Name },
		Of:         func(a Account) trade.AccountID { return a.ID },
		Provenance: func(a *Account) *lookup.Provenance { return &a.Provenance },
	}
}
