package sandbox

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// bucket is Shopify's budget of one app and store
// (shopify.dev/docs/api/usage/limits#graphql-admin-api-rate-limits).
type bucket struct {
	mu        sync.Mutex
	Max, Rate float64
	available float64
	at        time.Time
}

// maxQueryCost is what one query may cost.
const maxQueryCost = 1000

func newBucket() *bucket { return &bucket{Max: 2000, Rate: 100, available: 2000, at: time.Now()} }

// enter refuses a query that asks for more than there is.
func (b *bucket) enter(requested int) *gqlerror.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.available = min(b.Max, b.available+b.Rate*now.Sub(b.at).Seconds())
	b.at = now
	const page = "https://shopify.dev/api/usage/rate-limits"
	switch {
	case requested > maxQueryCost:
		return &gqlerror.Error{
			Message:    fmt.Sprintf("Query cost is %d, which exceeds the single query max cost limit (%d).", requested, maxQueryCost),
			Extensions: object{"code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": maxQueryCost, "documentation": page},
		}
	case float64(requested) > b.available:
		return &gqlerror.Error{Message: "Throttled", Extensions: object{"code": "THROTTLED", "documentation": page}}
	}
	return nil
}

// pay takes what a query really cost and returns the reply's extension.
func (b *bucket) pay(requested int, actual any) object {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n, ok := actual.(int); ok {
		b.available -= float64(n)
	}
	return object{"cost": object{"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": object{"maximumAvailable": b.Max, "currentlyAvailable": int(b.available), "restoreRate": b.Rate}}}
}

// costOf is what a selection may cost by the published rule: nothing for a scalar, 1 for an object,
// 10 for a mutation, and for a connection 2 and as many times its nodes as it may return.
func costOf(set ast.SelectionSet, vars object) int {
	total := 0
	for _, sel := range set {
		switch f := sel.(type) {
		case *ast.InlineFragment:
			total += costOf(f.SelectionSet, vars)
		case *ast.Field:
			total += fieldCost(f, vars)
		}
	}
	return total
}

func fieldCost(f *ast.Field, vars object) int {
	args := f.ArgumentMap(vars)
	inner := costOf(f.SelectionSet, vars)
	switch {
	case f.ObjectDefinition != nil && f.ObjectDefinition.Name == "Mutation":
		return 10
	case len(f.SelectionSet) == 0, f.Name == "pageInfo":
		return 0
	case strings.HasSuffix(f.Definition.Type.Name(), "Connection"):
		n := 0
		_, _ = fmt.Sscan(fmt.Sprint(args["first"]), &n)
		return 2 + n*inner
	}
	if ids, ok := args["ids"].([]any); ok {
		return len(ids) * (1 + inner)
	}
	return 1 + inner
}

// objectsIn counts the objects of a reply, which is what it really cost.
func objectsIn(v any) int {
	n := 0
	switch x := v.(type) {
	case object:
		for _, e := range x {
			n += objectsIn(e)
		}
		return n + 1
	case []any:
		for _, e := range x {
			n += objectsIn(e)
		}
	}
	return n
}
