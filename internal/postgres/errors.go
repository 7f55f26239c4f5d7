package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func asPg(err error, target **pgconn.PgError) bool { return errors.As(err, target) }

// NoRows reports whether a query that must find one row found none.
func NoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
