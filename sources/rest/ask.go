package rest

import (
	"context"
	"slices"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
)

// ask puts a bulk question in parts of the operation's batch size. A row is about the key that one field holds, and take reads it
// into what is known of that, which other rows may have told before. Rows of keys that nobody asked for are left out.
func ask[K ~string, V any](ctx context.Context, c *Client, name, about string, keys []K, take func(r *row, into *V)) ([]lookup.Result[V], error) {
	asked, at := lookup.Numbered(keys)
	out := make([]lookup.Result[V], len(asked))
	from := 0
	for part := range slices.Chunk(asked, c.batch(name)) {
		first := from
		from += len(part)
		fail := func(err error) {
			for n := first; n < from; n++ {
				out[n] = lookup.Result[V]{Err: err}
			}
		}
		rows, _, err := c.call(ctx, name, map[string]any{"keys": join(part)}, len(part))
		if err != nil {
			fail(err)
			continue
		}
		for r := range rows.each() {
			key := K(r.text(about))
			if key == "" {
				fail(c.aboutNothing(name))
			}
			n, known := at[key]
			if !known || n < first || n >= from || out[n].Err != nil {
				continue
			}
			take(r, &out[n].Value)
			out[n].OK = true
			if err := c.unreadable(r); err != nil {
				out[n] = lookup.Result[V]{Err: err}
			}
		}
	}
	if len(asked) == len(keys) {
		return out, ctx.Err()
	}
	all := make([]lookup.Result[V], len(keys))
	for i, k := range keys {
		all[i] = out[at[k]]
	}
	return all, ctx.Err()
}

// byKey is ask, answered by key.
func byKey[K ~string, V any](ctx context.Context, c *Client, name, about string, keys []K, take func(r *row, into *V)) (lookup.Answers[K, V], error) {
	out, err := ask(ctx, c, name, about, keys, take)
	return lookup.ByKey(keys, out), err
}

// aboutNothing is the failure of a row that names no key. Whatever it is, it answers nothing: an error behind a
// 200, or a list of something else.
func (c *Client) aboutNothing(operation string) error {
	return fault.New(fault.BadResponse, "a row of %s does not say what it is about: mend the source's map, or the product is in trouble", operation).From(c.t.Name())
}

// batch is how many keys one call of the operation asks for.
func (c *Client) batch(name string) int {
	if op := c.ops[name]; op != nil {
		return max(1, op.Batch)
	}
	return 1
}

// overlap is how far back a poll reads again: a record's stamp can be older than its commit.
const overlap = 5 * time.Second

// since reads what changed from the cursor on. The operation is asked with "since", empty at first,
// and its rows have modified.
func since[V any](ctx context.Context, c *Client, name, cursor string, take func(*row) V) (lookup.Page[V], error) {
	page := lookup.Page[V]{Next: cursor}
	from := ""
	if cursor != "" {
		at, err := time.Parse(time.RFC3339Nano, cursor)
		if err != nil {
			return page, fault.New(fault.Invalid, "%q is not a cursor of %s", cursor, name).From(c.t.Name())
		}
		from = at.Add(-overlap).UTC().Format(time.RFC3339Nano)
	}
	rows, _, err := c.call(ctx, name, map[string]any{"since": from}, 0)
	if err != nil {
		return page, err
	}
	for r := range rows.each() {
		item := take(r)
		if err := c.unreadable(r); err != nil {
			return lookup.Page[V]{Next: cursor}, err
		}
		page.Items = append(page.Items, item)
		if at := r.time("modified"); !at.IsZero() {
			page.Next = max(page.Next, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return page, ctx.Err()
}

// fromNow is since for feeds whose past is history.
func fromNow[V any](ctx context.Context, c *Client, name, cursor string, take func(*row) V) (lookup.Page[V], error) {
	if cursor == "" {
		return lookup.Page[V]{Next: time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano)}, ctx.Err()
	}
	return since(ctx, c, name, cursor, take)
}

func (c *Client) live(at time.Time) lookup.Provenance {
	return lookup.Provenance{Source: c.t.Name(), AsOf: at, Freshness: lookup.Live}
}

// one reads a field that holds a record.
func (r *row) one(c *Client, field, shape string) *row {
	return c.ops[shape].row(r).read(r.value(field))
}

func (r *row) yes(field string) bool { return r.text(field) == "true" }

func (r *row) integer(field string) int {
	n, _, _ := r.number(field).Int64(0)
	return int(n)
}

func (r *row) money(field string, currency trade.Currency) trade.Money {
	return trade.Money{Amount: r.number(field), Currency: currency}
}

// address reads a field through the shape "address".
func (r *row) address(c *Client, field string) trade.Address {
	if c.ops["address"] == nil || r.value(field).absent() {
		return trade.Address{}
	}
	a := r.one(c, field, "address")
	return trade.Address{
		Name: a.text("name"), Line1: a.text("line1"), Line2: a.text("line2"), City: a.text("city"), Region: a.text("region"), PostalCode: a.text("postalCode"), Country: a.text("country"),
		Phone: a.text("phone"), Email: a.text("email"),
	}
}
