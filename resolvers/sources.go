package resolvers

import (
	"time"

	"crossdock/graph/model"
	calls "crossdock/sources/transport"
)

// System is a source that is wired.
type System struct {
	Product string
	Kind    model.SourceKind
	Client  *calls.Client
}

// shown is the system as the graph shows it.
func (s System) shown() *model.Source {
	h := s.Client.Health()
	out := &model.Source{
		Name: s.Client.Name(), Product: s.Product, Kind: s.Kind, Status: model.SourceStatusUp, Breaker: h.Breaker, Calls: int(h.Calls), Failures: int(h.Failures), Concurrent: h.Policy.Concurrent,
		LastSuccessAt: moment(h.LastSuccess),
	}
	switch {
	case h.Calls == 0:
		out.Status = model.SourceStatusUnknown
	case h.Breaker == "open":
		out.Status = model.SourceStatusDown
	case h.LastFailure.After(h.LastSuccess):
		out.Status = model.SourceStatusDegraded
	}
	if !h.LastFailure.IsZero() {
		out.LastFailure = &model.SourceFailure{At: h.LastFailure, Code: h.Why}
	}
	if !h.LastSuccess.IsZero() {
		out.Latency = &model.SourceLatency{P50Ms: int(h.P50.Milliseconds()), P99Ms: int(h.P99.Milliseconds())}
	}
	if r := h.Policy.Rate; r.Calls > 0 {
		out.Limiter = &model.SourceLimiter{Calls: r.Calls, PerSeconds: r.Per.Seconds(), Used: h.Used}
	}
	return out
}

// moment is a time, or nothing.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
