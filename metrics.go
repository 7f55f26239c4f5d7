package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"crossdock/internal/auth"
	"crossdock/resolvers"
)

// metrics serves what the process, its queue and its sources have come to, in Prometheus' exposition format.
func (a *app) metrics(more ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), queueMetrics{a})
	registry.MustRegister(more...)
	for _, t := range a.transports {
		registry.MustRegister(t)
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{Timeout: 10 * time.Second, ErrorHandling: promhttp.ContinueOnError})
}

// operationMetrics counts operations by what executed them.
type operationMetrics struct{ *prometheus.CounterVec }

func newOperationMetrics() operationMetrics {
	return operationMetrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "crossdock_operations_total",
		Help: "Operations by executor: breadth, or gqlgen's own with the reason why a plan does not cover them.",
	}, []string{"executor", "why"})}
}

// count counts an operation that gqlgen executes for a reason, or a plan without one.
func (m operationMetrics) count(_ context.Context, why string) {
	executor := "breadth"
	if why != "" {
		executor = "gqlgen"
	}
	m.WithLabelValues(executor, why).Inc()
}

// chargeMetrics count what operations have cost, and those that were refused for what they would.
type chargeMetrics struct{ spent, refused *prometheus.CounterVec }

func newChargeMetrics() chargeMetrics {
	return chargeMetrics{
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "crossdock_points_total", Help: "What operations have cost, in points, by application."}, []string{"client"}),
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "crossdock_operations_refused_total", Help: "Operations that were refused for what they cost, by application and code."}, []string{"client", "code"}),
	}
}

// count counts what an operation of an application has cost, or why it was refused.
func (m chargeMetrics) count(client string, points int, refused string) {
	if refused != "" {
		m.refused.WithLabelValues(client, refused).Inc()
		return
	}
	m.spent.WithLabelValues(client).Add(float64(points))
}

// placesMetrics tell of the queries that execute, and of those that wait for a place; none where nothing bounds them.
func placesMetrics(places *resolvers.Places) []prometheus.Collector {
	if places == nil {
		return nil
	}
	gauge := func(state string, count func() int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "crossdock_queries", Help: "Queries that execute (RUNNING) or wait for a place (WAITING), where queries.concurrent bounds them.", ConstLabels: prometheus.Labels{"state": state},
		}, func() float64 { return float64(count()) })
	}
	return []prometheus.Collector{gauge("RUNNING", places.Running), gauge("WAITING", places.Waiting)}
}

// queueMetrics counts effects when somebody looks.
type queueMetrics struct{ app *app }

func (queueMetrics) desc() *prometheus.Desc {
	return prometheus.NewDesc("crossdock_effects", "What is to be done at other systems: WAITING goes on by itself, DEAD waits for a person.", []string{"state"}, nil)
}

// Describe implements prometheus.Collector.
func (q queueMetrics) Describe(to chan<- *prometheus.Desc) { to <- q.desc() }

// Collect implements prometheus.Collector.
func (q queueMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	waiting, dead, err := q.app.queue.Depth(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(q.desc(), fmt.Errorf("count effects: %w", err))
		return
	}
	to <- prometheus.MustNewConstMetric(q.desc(), prometheus.GaugeValue, float64(waiting), "WAITING")
	to <- prometheus.MustNewConstMetric(q.desc(), prometheus.GaugeValue, float64(dead), "DEAD")
}

// scoped serves callers whose token holds the scope.
func scoped(scope string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !auth.Viewer(r.Context()).Has(scope) {
			http.Error(w, fmt.Sprintf("this needs a token with the scope %q", scope), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
