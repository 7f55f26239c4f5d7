// Package telemetry follows what is asked of us through what it sets in motion, as OpenTelemetry traces: an operation or a delivery,
// the calls to sources and the statements that it makes, and the work that it leaves to be done.
//
// A trace begins at a Tracing. Everybody below takes steps of it by the context alone; where nothing is followed, because
// tracing is off or the trace is not among the sampled, a step costs a look at the context.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Options say where traces go.
type Options struct {
	// Endpoint is the base URL of a collector that takes OTLP over HTTP, such as http://localhost:4318. Empty for none.
	Endpoint string
	// Sample is which share of the traces that begin here is followed, from 0 to 1. Those that others have begun are as they say.
	Sample  float64
	Version string
}

// Tracing begins traces. Nil begins traces that nobody follows, which have an id all the same.
type Tracing struct {
	provider *sdk.TracerProvider
	// own begins its traces.
	own trace.Tracer
}

// Open returns tracing by the options, nil where they name no endpoint. What the environment says of OTLP beside that (OTEL_EXPORTER_OTLP_HEADERS,
// OTEL_RESOURCE_ATTRIBUTES and others, opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables) holds.
func Open(ctx context.Context, o Options, log *slog.Logger) (*Tracing, error) {
	if o.Endpoint == "" {
		return nil, nil //nolint:nilnil // a nil tracing is one that follows nothing
	}
	if u, err := url.Parse(o.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("tracing: %q is no URL of a collector: use one such as http://localhost:4318", o.Endpoint)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimSuffix(o.Endpoint, "/")+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "crossdock"), attribute.String("service.version", o.Version)), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces were lost", "error", err) }))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter, sdk.WithBatchTimeout(soon)), sdk.WithResource(about), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Sample))))
	return &Tracing{provider, provider.Tracer(scope)}, nil
}

// soon is how long what has ended waits to be sent with others: it is in memory until then.
const soon = time.Second

// Close sends what was not sent yet.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// scope is what our spans are said to be made by.
const scope = "crossdock"

func (t *Tracing) tracer() trace.Tracer {
	if t == nil {
		return noop.NewTracerProvider().Tracer(scope)
	}
	return t.own
}

// Serve begins following a request that came at a time, in the trace that its header traceparent names, if it does
// (www.w3.org/TR/trace-context).
func (t *Tracing) Serve(ctx context.Context, name string, h http.Header, at time.Time) (context.Context, *Span) {
	return begin(propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(h)), t.tracer(), name, trace.SpanKindServer, trace.WithTimestamp(at))
}

// Begin begins a trace of what nobody has asked for, such as what a system tells us.
func (t *Tracing) Begin(ctx context.Context, name string) (context.Context, *Span) {
	return begin(ctx, t.tracer(), name, trace.SpanKindConsumer, trace.WithNewRoot())
}

// Resume follows work in the trace that has left it behind, by what Mark said there.
func (t *Tracing) Resume(ctx context.Context, mark, name string) (context.Context, *Span) {
	if mark == "" {
		return ctx, nil
	}
	return begin(propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": mark}), t.tracer(), name, trace.SpanKindConsumer)
}

// Mark is where a trace stands, to be resumed from there; empty where nothing is followed.
func Mark(ctx context.Context) string {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ""
	}
	m := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, m)
	return m["traceparent"]
}

// Tell adds where a trace stands to the headers of a request to another system; nothing where nothing is followed. What our callers' own
// tracing says beside that (tracestate) is not theirs to know.
func Tell(ctx context.Context, h http.Header) {
	if mark := Mark(ctx); mark != "" {
		h.Set("traceparent", mark)
	}
}

// ID is the id of the context's trace, in the form of a UUID; empty where there is none.
func ID(ctx context.Context) string {
	id := trace.SpanContextFromContext(ctx).TraceID()
	if !id.IsValid() {
		return ""
	}
	return uuid.UUID(id).String()
}

// Step begins a call to a system, as part of what the context's trace follows.
func Step(ctx context.Context, system, operation string) (context.Context, *Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, nil
	}
	return begin(ctx, parent.TracerProvider().Tracer(scope), system+" "+operation, trace.SpanKindClient)
}

// Current is the span of the context; nil where nothing is followed.
func Current(ctx context.Context) *Span {
	if s := trace.SpanFromContext(ctx); s.IsRecording() {
		return &Span{s}
	}
	return nil
}

func begin(ctx context.Context, t trace.Tracer, name string, kind trace.SpanKind, more ...trace.SpanStartOption) (context.Context, *Span) {
	ctx, span := t.Start(ctx, name, append(more, trace.WithSpanKind(kind))...)
	if !span.IsRecording() {
		return ctx, nil
	}
	return ctx, &Span{span}
}

// Span is a part of a trace. A nil span is of nothing that is followed.
type Span struct{ span trace.Span }

// Set says something of it.
func (s *Span) Set(key, value string) {
	if s != nil {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// Count says a number of it.
func (s *Span) Count(key string, n int) {
	if s != nil {
		s.span.SetAttributes(attribute.Int(key, n))
	}
}

// Failed says why it did not do what it should; nothing for "".
func (s *Span) Failed(why string) {
	if s != nil && why != "" {
		s.span.SetStatus(codes.Error, why)
	}
}

// End ends it.
func (s *Span) End() {
	if s != nil {
		s.span.End()
	}
}
