package postgres

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crossdock/domains/fault"
	"crossdock/internal/document"
)

// Texts turns names into the array that a query's ANY takes; no names are an empty array.
func Texts[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = string(v)
	}
	return out
}

// IDs are those of the texts that can be ids of ours, for a condition such as id = ANY($1::text[]::uuid[]): nothing else
// is the id of anything, and would fail the cast.
func IDs[T ~string](in ...T) []string {
	out := make([]string, 0, len(in))
	for _, v := range in {
		if uuid.Validate(string(v)) == nil && len(v) == len(uuid.Nil.String()) {
			out = append(out, string(v))
		}
	}
	return out
}

// Cursor fails for a place in a list that cannot be the id of anything; empty is the beginning.
func Cursor(after string) error {
	if after != "" && len(IDs(after)) == 0 {
		return fault.New(fault.Invalid, "%q is no place in this list: take a cursor from pageInfo or from an edge", after).At("after")
	}
	return nil
}

// Document reads a row whose first column is a thing kept as JSON.
func Document[T any](row pgx.CollectableRow) (*T, error) {
	v := new(T)
	return v, Decode(row.RawValues()[0], v)
}

// Decode reads a thing that is kept as JSON.
func Decode(raw []byte, into any) error { return document.Decode(raw, into) }
