package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/operations"
	"crossdock/domains/trade"
	"crossdock/graph/model"
	"crossdock/internal/bus"
)

// follow streams what the viewer may see of the journal. When the server stops, the stream ends
// with an error that says so, and the client goes on from its last cursor.
func (r *Resolver) follow(ctx context.Context, f bus.Filter, after *string) (<-chan *event.Event, error) {
	who := viewer(ctx)
	if len(f.Accounts) == 0 {
		f.AllAccounts = who.AllAccounts
		for _, a := range who.Accounts {
			f.Accounts = append(f.Accounts, string(a))
		}
	} else {
		for _, a := range f.Accounts {
			if !who.AllAccounts && !slices.ContainsFunc(who.Accounts, func(mine trade.AccountID) bool { return string(mine) == a }) {
				return nil, fault.New(fault.Denied, "account %s is not yours to see", a).At("filter.accountIds")
			}
		}
	}
	f.Without = hidden(who)
	position, err := r.from(ctx, after)
	if err != nil {
		return nil, err
	}
	out := make(chan *event.Event)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		expired, stop := untilExpired(who)
		defer stop()
		select {
		case <-expired:
			endingOf(ctx).say("UNAUTHENTICATED", "the token has expired: subscribe again with a new one, and with after set to your last cursor")
		case <-r.Done:
			endingOf(ctx).say("RESUME", "the server is restarting: subscribe again with after set to your last cursor")
		case <-ctx.Done():
		}
		cancel()
	}()
	go func() {
		defer close(out)
		defer cancel()
		if err := r.Bus.Follow(ctx, f, position, out); err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "a stream ends", "error", err)
			endingOf(ctx).say("RESUME", "the stream was interrupted: subscribe again with after set to your last cursor")
		}
	}()
	return out, nil
}

// ending is why we end a stream. It is the stream's last response, on any transport.
type ending struct {
	why atomic.Pointer[gqlerror.Error]
}

type endingKey struct{}

func endingOf(ctx context.Context) *ending {
	e, _ := ctx.Value(endingKey{}).(*ending)
	return e
}

func (e *ending) say(code, message string) {
	e.why.Store(&gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}})
}

// response is the last one of a stream that we ended, and nil ever after.
func (e *ending) response() *graphql.Response {
	if e == nil {
		return nil
	}
	why := e.why.Swap(nil)
	if why == nil {
		return nil
	}
	return &graphql.Response{Errors: gqlerror.List{why}}
}

// untilExpired tells when the viewer's proof ends; never for one whose proof does not.
func untilExpired(who trade.Viewer) (<-chan time.Time, func() bool) {
	if who.Until.IsZero() {
		return nil, func() bool { return true }
	}
	t := time.NewTimer(time.Until(who.Until))
	return t.C, t.Stop
}

// hidden is the kind of stream that the viewer may not read.
func hidden(who trade.Viewer) string {
	if who.Has(operations.Scope) {
		return ""
	}
	return "exception"
}

// from is the position to go on from: the cursor's, or the journal's newest.
func (r *Resolver) from(ctx context.Context, after *string) (int64, error) {
	if after != nil {
		return bus.ParseCursor(*after)
	}
	return r.Bus.Head(ctx)
}

// details gives an event's payload its type.
func details(e *event.Event) (model.EventDetails, error) {
	kind, _, _ := strings.Cut(string(e.Type), ".")
	var into model.EventDetails
	switch kind {
	case "order":
		into = &model.OrderEventDetails{}
	case "fulfillment":
		into = &model.FulfillmentEventDetails{}
	case "shipment":
		into = &model.ShipmentEventDetails{}
	case "return":
		into = &model.ReturnEventDetails{}
	case "invoice", "credit_memo":
		into = &model.DocumentEventDetails{}
	default:
		return &model.OtherEventDetails{Data: e.Payload}, nil
	}
	if err := json.Unmarshal(e.Payload, into); err != nil {
		return nil, fmt.Errorf("event %s: %w", e.ID, err)
	}
	return into, nil
}
