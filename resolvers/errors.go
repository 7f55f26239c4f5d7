package resolvers

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"crossdock/domains/fault"
	"crossdock/graph/model"
)

// Present turns an error into what clients see: a stable code, and of what we do not know only
// an id to ask us about.
func Present(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		out := graphql.DefaultErrorPresenter(ctx, err)
		if out.Extensions == nil {
			out.Extensions = map[string]any{}
		}
		if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind != fault.Internal {
			out.Message = e.Message
			out.Extensions["code"] = string(e.Kind)
			if e.Source != "" {
				out.Extensions["source"] = e.Source
			}
			if e.Path != "" {
				out.Extensions["argument"] = e.Path
			}
			if e.RetryAfter > 0 {
				out.Extensions["retryAfter"] = math.Ceil(e.RetryAfter.Seconds())
			}
			if fault.Retryable(err) {
				out.Extensions["traceId"] = traceOf(ctx)
			}
			return out
		}
		if out.Rule != "" || out.Extensions["code"] != nil {
			if out.Extensions["code"] == nil {
				out.Extensions["code"] = "GRAPHQL_VALIDATION_FAILED"
			}
			return out
		}
		if _, ok := errors.AsType[*gqlerror.Error](err); ok && errors.Unwrap(err) == nil {
			out.Extensions["code"] = "BAD_USER_INPUT"
			if why, ok := strings.CutPrefix(out.Message, unreadable); ok {
				// gqlgen repeats the body and names its own types.
				why, _, _ = strings.Cut(why, " body:")
				out.Message = "the body is not a GraphQL request in JSON (" + strings.ReplaceAll(why, "Go value of type graphql.RawParams", "an object") + `): send {"query": "…", "variables": {…}}`
			}
			return out
		}
		if errors.Is(err, context.Canceled) {
			out.Message, out.Extensions["code"] = "the request was cancelled", "CANCELLED"
			return out
		}
		if errors.Is(err, context.DeadlineExceeded) {
			out.Message, out.Extensions["code"] = "the time for the whole answer was up before this was there: ask for less, or again", string(fault.Timeout)
			return out
		}
		id := uuid.NewString()
		log.ErrorContext(ctx, "internal error", "errorId", id, "path", out.Path.String(), "error", err)
		out.Message, out.Extensions["code"], out.Extensions["errorId"] = "internal error; quote the id to us", string(fault.Internal), id
		return out
	}
}

// unreadable is how gqlgen begins to say that a body is not JSON.
const unreadable = "json request body could not be decoded: "

// failures says each failure of a source at a field once, and counts whom it affects.
type failures struct {
	mu   sync.Mutex
	seen map[failure]int
}

type failure struct{ source, code, field string }

func failureOf(ctx context.Context, err error) (failure, bool) {
	e, ok := errors.AsType[*fault.Error](err)
	fc := graphql.GetFieldContext(ctx)
	if !ok || fc == nil {
		return failure{}, false
	}
	return failure{e.Source, string(e.Kind), fc.Object + "." + fc.Field.Name}, true
}

// first returns the error when it is the first of its kind, else nil.
func (f *failures) first(ctx context.Context, err error) error {
	k, ok := failureOf(ctx, err)
	if !ok {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[failure]int{}
	}
	f.seen[k]++
	if f.seen[k] > 1 {
		return nil
	}
	return &affecting{cause: err, key: k}
}

// affecting is a failure whose number of victims is known when the response is.
type affecting struct {
	cause error
	key   failure
}

func (a *affecting) Error() string { return a.cause.Error() }
func (a *affecting) Unwrap() error { return a.cause }

// count writes how many values each failure left null.
func (f *failures) count(list gqlerror.List) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range list {
		if a, ok := errors.AsType[*affecting](e.Err); ok && e.Extensions != nil {
			e.Extensions["affected"] = f.seen[a.key]
		}
	}
}

// problem turns an expected failure of a mutation into data. What is not expected stays an
// error of the response.
func problem(err error) ([]model.Error, error) {
	if err == nil {
		return []model.Error{}, nil
	}
	if k, ok := errors.AsType[*fault.KeyError](err); ok {
		return []model.Error{&model.IdempotencyError{Code: string(k.Reason), Path: "idempotencyKey", Message: k.Error(), Retryable: k.Reason == fault.KeyRunning}}, nil
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil, err
	}
	if v, ok := errors.AsType[*fault.VersionError](err); ok {
		return []model.Error{&model.ConflictError{Code: string(e.Kind), Path: e.Path, Message: e.Message, CurrentVersion: &v.Current, ChangedFields: v.Changed}}, nil
	}
	switch e.Kind {
	case fault.Invalid, fault.NotFound, fault.Denied, fault.Unsupported:
		return []model.Error{&model.InputError{Code: string(e.Kind), Path: e.Path, Message: e.Message}}, nil
	case fault.Conflict:
		return []model.Error{&model.ConflictError{Code: string(e.Kind), Path: e.Path, Message: e.Message, LegalActions: e.Legal}}, nil
	default:
		return nil, err
	}
}
