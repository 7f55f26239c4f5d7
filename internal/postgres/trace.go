package postgres

import (
	"cmp"
	"context"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"crossdock/internal/telemetry"
)

// traced makes statements part of the traces that they are made for. Their arguments are not told.
type traced struct{}

var (
	_ pgx.QueryTracer = traced{}
	_ pgx.BatchTracer = traced{}
)

// TraceQueryStart implements pgx.QueryTracer.
func (traced) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if telemetry.Current(ctx) == nil { // and so no title is needed
		return ctx
	}
	ctx, span := telemetry.Step(ctx, "postgres", titleOf(q.SQL))
	span.Set("db.system.name", "postgresql")
	span.Set("db.query.text", q.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (traced) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	ended(ctx, q.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (traced) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	ctx, span := telemetry.Step(ctx, "postgres", "batch")
	span.Set("db.system.name", "postgresql")
	span.Count("db.operation.batch.size", b.Batch.Len())
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (traced) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (traced) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchEndData) {
	ended(ctx, b.Err)
}

// ended ends the span that a statement began: it has one of its own exactly when something is followed.
func ended(ctx context.Context, err error) {
	span := telemetry.Current(ctx)
	if err != nil {
		span.Failed(cmp.Or(Code(err), "FAILED"))
	}
	span.End()
}

// titleOf is what a statement does, and to which table, as far as that can be seen at a glance.
func titleOf(sql string) string {
	title := strings.ToUpper(strings.TrimSpace(verb.FindString(sql)))
	if m := table.FindStringSubmatch(sql); m != nil {
		return title + " " + m[1]
	}
	return title
}

var (
	verb  = regexp.MustCompile(`(?im)^\s*[a-z]+`)
	table = regexp.MustCompile(`(?i)\b(?:FROM|INTO|UPDATE)\s+([a-z_.]+)`)
)
