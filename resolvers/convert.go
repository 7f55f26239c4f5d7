package resolvers

import (
	"iter"
	"maps"

	"crossdock/domains/accounts"
	"crossdock/domains/trade"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

// maxSKUs bounds one question about items.
const maxSKUs = 500

// value is what p points to, or nothing.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func number(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

func accountID(a *accounts.Account) trade.AccountID { return a.ID }

// present leaves out what is not there.
func present[T any](list []*T) []*T {
	out := make([]*T, 0, len(list))
	for _, v := range list {
		if v != nil {
			out = append(out, v)
		}
	}
	return out
}

func keysIter[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

// edges gives each row of a page its cursor, which is its global id.
func edges[T, E any](rows []T, typ string, id func(T) string, edge func(cursor string, row T) E) (list []E, cursors []string) {
	list = make([]E, len(rows))
	cursors = make([]string, len(rows))
	for i, row := range rows {
		cursors[i] = scalar.GlobalID(typ, id(row))
		list[i] = edge(cursors[i], row)
	}
	return list, cursors
}

// pageInfo describes a page by its cursors.
func pageInfo(cursors []string, next, previous bool) *model.PageInfo {
	info := &model.PageInfo{HasNextPage: next, HasPreviousPage: previous}
	if n := len(cursors); n > 0 {
		info.StartCursor, info.EndCursor = &cursors[0], &cursors[n-1]
	}
	return info
}

// refs points at the values of a list; of none it is empty.
func refs[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}
