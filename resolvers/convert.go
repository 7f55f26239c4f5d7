package resolvers

import (
	"iter"
	"maps"

	"crossdock/domains/accounts"
	"crossdock/domains/trade"
	"crossdock/graph/model"
)

// maxSKUs bounds one question about items.
const maxSKUs = 500

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
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

// pageInfo describes a page by its cursors.
func pageInfo(cursors []string, next, previous bool) *model.PageInfo {
	info := &model.PageInfo{HasNextPage: next, HasPreviousPage: previous}
	if n := len(cursors); n > 0 {
		info.StartCursor, info.EndCursor = &cursors[0], &cursors[n-1]
	}
	return info
}
