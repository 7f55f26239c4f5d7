package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// figures are what the gateway counts of itself.
type figures map[string]*dto.MetricFamily

// figures reads /metrics.
func (w *world) figures(ctx context.Context) (figures, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(w.GraphQL, "/graphql")+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+w.Tokens["operations"])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return nil, fmt.Errorf("metrics: %s: %s", res.Status, why)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(res.Body)
}

// mallocs is how often the gateway has allocated so far.
func (w *world) mallocs(ctx context.Context) (float64, error) {
	f, err := w.figures(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range f["go_memstats_mallocs_total"].GetMetric() {
		return m.GetCounter().GetValue(), nil
	}
	return 0, errors.New("metrics: nothing is said of allocations")
}

// state is the value of a gauge for a state.
func (f figures) state(name, state string) float64 {
	for _, m := range f[name].GetMetric() {
		if of(m, "state") == state {
			return m.GetGauge().GetValue()
		}
	}
	return 0
}

// of is a label's value.
func of(m *dto.Metric, label string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == label {
			return l.GetValue()
		}
	}
	return ""
}

// waited is the bound in seconds that a part of a lane's calls did not wait longer than, over all sources.
func (f figures) waited(lane string, part float64) float64 {
	counts := map[float64]uint64{}
	var all uint64
	for _, m := range f["crossdock_source_wait_seconds"].GetMetric() {
		if of(m, "lane") != lane {
			continue
		}
		all += m.GetHistogram().GetSampleCount()
		for _, b := range m.GetHistogram().GetBucket() {
			counts[b.GetUpperBound()] += b.GetCumulativeCount()
		}
	}
	bounds := make([]float64, 0, len(counts))
	for b := range counts {
		bounds = append(bounds, b)
	}
	slices.Sort(bounds)
	for _, b := range bounds {
		if float64(counts[b]) >= part*float64(all) {
			return b
		}
	}
	return 0
}

// printCalls prints what each source was asked most, each second of a span.
func (f figures) printCalls(seconds float64) {
	type row struct {
		source, operation string
		ok, other         float64
	}
	rows := map[string]*row{}
	for _, m := range f["crossdock_source_calls_total"].GetMetric() {
		key := of(m, "source") + "|" + of(m, "operation")
		if rows[key] == nil {
			rows[key] = &row{source: of(m, "source"), operation: of(m, "operation")}
		}
		if of(m, "outcome") == "OK" {
			rows[key].ok += m.GetCounter().GetValue()
		} else {
			rows[key].other += m.GetCounter().GetValue()
		}
	}
	list := make([]*row, 0, len(rows))
	for _, r := range rows {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *row) int {
		if c := strings.Compare(a.source, b.source); c != 0 {
			return c
		}
		return int(b.ok + b.other - a.ok - a.other)
	})
	fmt.Println("\n| source | operation | a second | not answered |")
	fmt.Println("|---|---|---|---|")
	for _, r := range list {
		fmt.Printf("| %s | %s | %.2f | %.0f |\n", r.source, r.operation, (r.ok+r.other)/seconds, r.other)
	}
}
