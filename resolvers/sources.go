package resolvers

import (
	"time"

	"crossdock/domains/lookup"
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
		Name: s.Client.Name(), Product: s.Product, Kind: s.Kind, Status: model.SourceStatusUp, Breaker: h.Breaker, Calls: int(h.Calls), Failures: int(h.Failures), Concurrent: h.Policy.Concurrent, Shadow: h.Policy.Shadow,
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
	for _, l := range lookup.Lanes() {
		t := h.Lanes[l]
		out.Lanes = append(out.Lanes, &model.SourceLane{Name: model.SourceLaneName(l.String()), Calls: int(t.Calls), Held: int(t.Held), UnderWay: int(t.UnderWay)})
	}
	limit := &model.SourceLimiter{}
	if r := h.Policy.Rate; r.Calls > 0 {
		span := r.Per.Seconds()
		limit.Calls, limit.PerSeconds, limit.Used, out.Limiter = &r.Calls, &span, &h.Used, limit
	}
	if h.MaxPoints > 0 {
		points, of := int(h.Points), int(h.MaxPoints)
		limit.Points, limit.MaxPoints, out.Limiter = &points, &of, limit
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
