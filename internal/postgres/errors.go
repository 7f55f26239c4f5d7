package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func asPg(err error, target **pgconn.PgError) bool { return errors.As(err, target) }

// BadValue reports whether a query failed because a value given to it is not one of its type.
func BadValue(err error) bool {
	var e *pgconn.PgError
	return asPg(err, &e) && len(e.Code) == 5 && e.Code[:2] == "22"
}

// NoRows reports whether a query that must find one row found none.
func NoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
