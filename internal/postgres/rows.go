package postgres

import (
	"encoding/json"

	"github.com/jackc/pgx/v5"
)

// Texts turns names into the array that a query's ANY takes; no names are an empty array.
func Texts[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = string(v)
	}
	return out
}

// Document reads a row whose first column is a thing kept as JSON.
func Document[T any](row pgx.CollectableRow) (*T, error) {
	var raw []byte
	if err := row.Scan(&raw); err != nil {
		return nil, err
	}
	v := new(T)
	return v, json.Unmarshal(raw, v)
}
