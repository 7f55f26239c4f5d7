package breadth_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"

	"crossdock/graph/breadth"
	"crossdock/graph/breadth/internal/zoo"
)

// operations are a small one, a page of rows without anything to fetch, and one with three levels.
func operations() map[string]string {
	return map[string]string{
		"small": `{ keeper(id: "q1") { id name age } }`,
		"page":  `{ keepers(first: 4) { id name age cages { number open size sizes notes } spare { number open label } } }`,
		"deep":  `{ keepers(first: 4) { id name animals { __typename ... on Lion { id weight roars keeper { id } } ... on Parrot { id words keeper { id } } } cages { number owner { id } } } }`,
	}
}

// BenchmarkExecutors measures both executors on the same operations.
func BenchmarkExecutors(b *testing.B) {
	two := newBoth()
	for name, query := range operations() {
		for who, e := range map[string]*executor.Executor{"gqlgen": two.depth, "breadth": two.plans} {
			b.Run(name+"/"+who, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					ctx := graphql.StartOperationTrace(context.Background())
					op, errs := e.CreateOperationContext(ctx, &graphql.RawParams{Query: query})
					if errs != nil {
						b.Fatal(errs)
					}
					next, ctx := e.DispatchOperation(ctx, op)
					next(ctx)
				}
			})
		}
	}
}

// BenchmarkPlan measures making a plan, with what gqlgen does to a document that it has not seen: reading and validating
// it.
func BenchmarkPlan(b *testing.B) {
	_, plans := zoo.New(breadth.Options{})
	e := executor.New(plans)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		run(e, fmt.Sprintf(`{ c%d: __typename keepers(first: 0) { id name animals { __typename ... on Lion { id weight roars keeper { id } } ... on Parrot { id words keeper { id } } } cages { number owner { id } } } }`, n), nil)
	}
}

// BenchmarkThousandPlans reports the memory of 1,000 kept plans, each with its document.
func BenchmarkThousandPlans(b *testing.B) {
	for b.Loop() {
		two := newBoth()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for n := range 1000 {
			run(two.plans, fmt.Sprintf(`{ c%d: __typename keepers(first: 0) { id name animals { __typename ... on Lion { id weight roars keeper { id } } ... on Parrot { id words keeper { id } } } cages { number owner { id } } } }`, n), nil)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1000, "B/plan")
		runtime.KeepAlive(two)
	}
}
