package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
)

// Cursors remembers how far each feed was read.
type Cursors interface {
	Load(ctx context.Context, source, feed string) (string, error)
	Save(ctx context.Context, source, feed, cursor string) error
}

// Feed is one kind of change of one source.
type Feed[V any] struct {
	Source, Name string
	Read         func(ctx context.Context, cursor string) (lookup.Page[V], error)
	// Take takes changes in. It may see a change again.
	Take func(ctx context.Context, changes []V) error
	// Current, where somebody wants to know it, is told up to when every change was taken in.
	Current func(ctx context.Context, at time.Time) error
}

// ID names the feed among all feeds.
func (f Feed[V]) ID() string { return f.Source + "/" + f.Name }

// Poll reads what is new. The cursor is saved after what was read was taken in, so that nothing is
// missed; what is read twice is known already. A change that cannot be taken in goes to the inbox and
// keeps no other waiting.
func (f Feed[V]) Poll(ctx context.Context, cursors Cursors, inbox *Inbox) error {
	for {
		began := time.Now()
		cursor, err := cursors.Load(ctx, f.Source, f.Name)
		if err != nil {
			return err
		}
		page, err := f.Read(ctx, cursor)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", f.Name, f.Source, err)
		}
		if err := f.take(ctx, page.Items, inbox); err != nil {
			return fmt.Errorf("%s of %s: %w", f.Name, f.Source, err)
		}
		if page.Next != cursor {
			if err := cursors.Save(ctx, f.Source, f.Name, page.Next); err != nil {
				return err
			}
		}
		if page.More {
			continue
		}
		if f.Current == nil {
			return nil
		}
		return f.Current(ctx, began)
	}
}

func (f Feed[V]) take(ctx context.Context, changes []V, inbox *Inbox) error {
	if len(changes) == 0 {
		return nil
	}
	err := f.Take(ctx, changes)
	if err == nil || fault.Retryable(err) || ctx.Err() != nil {
		return err
	}
	for _, c := range changes {
		err := f.Take(ctx, []V{c})
		switch {
		case err == nil:
			continue
		case fault.Retryable(err) || ctx.Err() != nil:
			return err
		}
		body, e := json.Marshal(c)
		if e != nil {
			return e
		}
		if e := inbox.keep(ctx, f.Source, f.Name, body); e != nil {
			return fmt.Errorf("%w, after %w", e, err)
		}
	}
	return nil
}

// Again takes a change in that the inbox has kept.
func (f Feed[V]) Again(ctx context.Context, body []byte) error {
	var c V
	if err := json.Unmarshal(body, &c); err != nil {
		return fault.Wrap(fault.Invalid, err, "a kept change of %s", f.ID())
	}
	return f.Take(ctx, []V{c})
}
