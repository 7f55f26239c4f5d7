package sandbox

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"crossdock/domains/trade"
)

// filter is a parsed $filter: groups joined by "and", each of comparisons of one field joined
// by "or", which is all that Business Central takes
// (learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/use-filter-expressions-in-odata-uris, odata-known-limitations).
type filter [][]comparison

type comparison struct{ field, op, value string }

var comparing = regexp.MustCompile(`^\(*\s*(\w+)\s+(eq|ne|gt|ge|lt|le)\s+('(?:[^']|'')*'|[^\s()]+)\s*\)*`)

// parseFilter reads a $filter. Functions and "in" are not taken.
func parseFilter(s string) (filter, error) {
	var f filter
	group := []comparison{}
	for rest := strings.TrimSpace(s); rest != ""; {
		m := comparing.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("the filter %q cannot be read", rest)
		}
		value := m[3]
		if strings.HasPrefix(value, "'") {
			value = strings.ReplaceAll(value[1:len(value)-1], "''", "'")
		}
		group = append(group, comparison{m[1], m[2], value})
		rest = strings.TrimSpace(rest[len(m[0]):])
		switch {
		case strings.HasPrefix(rest, "or "):
			rest = strings.TrimSpace(rest[3:])
		case strings.HasPrefix(rest, "and "):
			rest = strings.TrimSpace(rest[4:])
			f = append(f, group)
			group = []comparison{}
		case rest != "":
			return nil, fmt.Errorf("the filter %q cannot be read", rest)
		}
	}
	if len(group) > 0 {
		f = append(f, group)
	}
	for _, g := range f {
		for _, c := range g {
			if c.field != g[0].field {
				return nil, fmt.Errorf("the 'OR' operator is not supported on distinct fields on an OData filter")
			}
		}
	}
	return f, nil
}

// may reports whether a record can pass, by the fields of it that get knows.
func (f filter) may(get func(field string) (string, bool)) bool {
	for _, g := range f {
		v, known := get(g[0].field)
		if known && !slices.ContainsFunc(g, func(c comparison) bool { return c.op != "eq" || c.value == v }) {
			return false
		}
	}
	return true
}

func (f filter) matches(row object) bool {
	for _, g := range f {
		if !slices.ContainsFunc(g, func(c comparison) bool { return c.matches(row[c.field]) }) {
			return false
		}
	}
	return true
}

func (c comparison) matches(v any) bool {
	var cmp int
	switch x := v.(type) {
	case string:
		cmp = strings.Compare(x, c.value)
		if a, err := time.Parse(time.RFC3339Nano, x); err == nil {
			if b, err := time.Parse(time.RFC3339Nano, c.value); err == nil {
				cmp = a.Compare(b)
			}
		}
	case bool:
		cmp = strings.Compare(strconv.FormatBool(x), c.value)
	case trade.Decimal:
		d, err := trade.ParseDecimal(c.value)
		if err != nil {
			return false
		}
		cmp = x.Cmp(d)
	default:
		cmp = strings.Compare(fmt.Sprint(v), c.value)
	}
	switch c.op {
	case "eq":
		return cmp == 0
	case "ne":
		return cmp != 0
	case "gt":
		return cmp > 0
	case "ge":
		return cmp >= 0
	case "lt":
		return cmp < 0
	default:
		return cmp <= 0
	}
}

// list answers a collection: filter, order, page by page with a next link.
func list(rows []object, q url.Values, base string, page int) (object, error) {
	f, err := parseFilter(q.Get("$filter"))
	if err != nil {
		return nil, err
	}
	out := []object{}
	for _, r := range rows {
		if f.matches(r) {
			out = append(out, r)
		}
	}
	if by, dir, _ := strings.Cut(q.Get("$orderby"), " "); by != "" {
		slices.SortStableFunc(out, func(a, b object) int {
			c := strings.Compare(fmt.Sprint(a[by]), fmt.Sprint(b[by]))
			if dir == "desc" {
				return -c
			}
			return c
		})
	}
	total := len(out)
	if top, err := strconv.Atoi(q.Get("$top")); err == nil && top < len(out) {
		out = out[:top]
	}
	res := object{}
	if q.Get("$count") == "true" {
		res["@odata.count"] = total
	}
	skip, _ := strconv.Atoi(q.Get("$skiptoken"))
	out = out[min(skip, len(out)):]
	if len(out) > page {
		out = out[:page]
		next := url.Values{}
		maps.Copy(next, q)
		next.Set("$skiptoken", strconv.Itoa(skip+page))
		res["@odata.nextLink"] = base + "?" + next.Encode()
	}
	res["value"] = out
	return res, nil
}
