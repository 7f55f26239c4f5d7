package transport

import (
	"github.com/prometheus/client_golang/prometheus"

	"crossdock/domains/lookup"
)

// metrics are what a source's calls have come to, in the names of the exposition.
type metrics struct {
	calls  *prometheus.CounterVec
	took   prometheus.Histogram
	waited *prometheus.HistogramVec
	// waits are those of waited, by lane.
	waits [4]prometheus.Observer

	held, underWay, breaker, used, limit, points *prometheus.Desc
}

func newMetrics(source string) metrics {
	labels := prometheus.Labels{"source": source}
	desc := func(name, help string, by ...string) *prometheus.Desc {
		return prometheus.NewDesc("crossdock_source_"+name, help, by, labels)
	}
	m := metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "crossdock_source_calls_total", Help: "Calls put to the source, repeats not counted, by operation and outcome.", ConstLabels: labels}, []string{"operation", "outcome"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "crossdock_source_call_seconds", Help: "How long a call took, waiting for a place included.", ConstLabels: labels,
			Buckets: seconds(),
		}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crossdock_source_wait_seconds", Help: "How long a call waited for the budget and for a place before it was made, by lane.", ConstLabels: labels,
			Buckets: seconds(),
		}, []string{"lane"}),
		held:     desc("held_total", "Calls that were not made because the budget had no room for them, by lane.", "lane"),
		underWay: desc("under_way", "Calls that wait for a place or an answer, by lane.", "lane"),
		breaker:  desc("breaker_open", "1 while the source is left alone because it failed repeatedly."),
		used:     desc("budget_used", "Calls that count against the rate now."),
		limit:    desc("budget", "Calls that the rate allows in its span; none where calls are not counted."),
		points:   desc("points", "Points that the product has left for us; none where it does not count in points."),
	}
	for _, l := range lookup.Lanes() {
		m.waits[l] = m.waited.WithLabelValues(l.String())
	}
	return m
}

func seconds() []float64 {
	return []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// Describe implements prometheus.Collector.
func (c *Client) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect implements prometheus.Collector.
func (c *Client) Collect(to chan<- prometheus.Metric) {
	m, h := c.metrics, c.Health()
	m.calls.Collect(to)
	m.took.Collect(to)
	m.waited.Collect(to)
	gauge := func(desc *prometheus.Desc, v float64, by ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, by...)
	}
	for _, l := range lookup.Lanes() {
		to <- prometheus.MustNewConstMetric(m.held, prometheus.CounterValue, float64(h.Lanes[l].Held), l.String())
		gauge(m.underWay, float64(h.Lanes[l].UnderWay), l.String())
	}
	open := 0.0
	if h.Breaker == "open" {
		open = 1
	}
	gauge(m.breaker, open)
	if r := h.Policy.Rate; r.Calls > 0 {
		gauge(m.used, float64(h.Used))
		gauge(m.limit, float64(r.Calls))
	}
	if h.MaxPoints > 0 {
		gauge(m.points, h.Points)
	}
}
