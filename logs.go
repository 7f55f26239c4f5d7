package main

import (
	"context"
	"log/slog"
	"strings"

	"crossdock/internal/postgres"
)

// traceLog adds to each line of the log which trace it is of.
type traceLog struct{ slog.Handler }

// Handle implements slog.Handler.
func (h traceLog) Handle(ctx context.Context, r slog.Record) error {
	if id := postgres.OriginOf(ctx).Correlation; id != "" {
		r.AddAttrs(slog.String("trace", strings.ReplaceAll(id, "-", "")))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h traceLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceLog{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h traceLog) WithGroup(name string) slog.Handler { return traceLog{h.Handler.WithGroup(name)} }
