package resolvers

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
)

// post is gqlgen's POST, but that the data of an answer without errors is written as it is. It is JSON already, and gqlgen
// would read all of it twice more, to check and to compact it.
type post struct {
	transport.POST
	// answers takes the memory of an answer that was written.
	answers *buffers
}

// buffers are used again.
type buffers struct{ pool sync.Pool }

// largest bounds the buffers that are kept, in bytes.
const largest = 1 << 20

// get is an empty buffer for so many bytes.
func (b *buffers) get(size int) []byte {
	if kept, ok := b.pool.Get().(*[]byte); ok && cap(*kept) >= size {
		return (*kept)[:0]
	}
	return make([]byte, 0, size)
}

// put takes a buffer that nobody reads any more.
func (b *buffers) put(buf []byte) {
	if cap(buf) <= largest {
		b.pool.Put(&buf)
	}
}

// Do implements graphql.Transport.
func (p post) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	d := &direct{ResponseWriter: w, GraphExecutor: exec, answers: p.answers}
	p.POST.Do(d, r, d)
}

// direct stands between POST and what it writes to and executes with, for one request.
type direct struct {
	http.ResponseWriter
	graphql.GraphExecutor
	data    json.RawMessage
	answers *buffers
}

// DispatchOperation implements graphql.GraphExecutor. It keeps the data back.
func (d *direct) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	next, ctx := d.GraphExecutor.DispatchOperation(ctx, op)
	return func(ctx context.Context) *graphql.Response {
		res := next(ctx)
		if res == nil || len(res.Errors) > 0 || len(res.Data) == 0 {
			return res
		}
		d.data = res.Data
		without := *res
		without.Data = nil
		return &without
	}, ctx
}

// Write implements http.ResponseWriter. It puts the data where it belongs.
func (d *direct) Write(b []byte) (int, error) {
	rest, ok := bytes.CutPrefix(b, []byte(`{"data":null`))
	if d.data == nil || !ok {
		return d.ResponseWriter.Write(b)
	}
	const before = `{"data":`
	d.Header().Set("Content-Length", strconv.Itoa(len(before)+len(d.data)+len(rest)))
	for _, part := range [][]byte{[]byte(before), d.data, rest} {
		if _, err := d.ResponseWriter.Write(part); err != nil {
			return 0, err
		}
	}
	d.answers.put(d.data)
	d.data = nil
	return len(b), nil
}
