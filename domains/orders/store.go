package orders

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// store keeps an order as one document beside the columns that lists filter and sort by.
type store struct {
	pool *postgres.Pool
	// process names this process in claims.
	process int32
	// beside is a column that another domain has of orders.
	beside string
	// active are the rules that were active when they were read last.
	active atomic.Pointer[Rules]
}

func (s *store) inTx(ctx context.Context, fn func(postgres.Tx) error) error {
	return postgres.InTx(ctx, s.pool, fn)
}

// insert stores a new order with its events and, where it was decided here, what it was decided from.
func (s *store) insert(ctx context.Context, tx postgres.Tx, o *Order, c *Considered, events []event.Event) error {
	if err := tx.QueryRow(ctx, `SELECT 'SO-' || nextval('order_numbers')`).Scan(&o.Number); err != nil {
		return fmt.Errorf("order number: %w", err)
	}
	o.Version = 1
	o.attach()
	if err := o.Check(); err != nil {
		return err
	}
	doc, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("order %s: %w", o.Number, err)
	}
	var channelRef *string
	if o.ChannelRef != "" {
		ref := o.ChannelSource + "/" + o.ChannelRef
		channelRef = &ref
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		INSERT INTO orders (id, number, account_id, channel, channel_ref, po_number, status, total, currency, placed_at, updated_at, version, doc, skus, short, review_at, resumes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		o.ID, o.Number, o.Account, o.Channel, channelRef, o.PONumber, o.Status, o.Total.Amount, o.Currency, o.PlacedAt, o.UpdatedAt, o.Version, doc, o.skus(), o.short(), o.review(), o.resumes())
	if c != nil {
		if err := queueConsidered(batch, o, c); err != nil {
			return err
		}
	}
	for i := range events {
		events[i].Payload = withNumber(events[i].Payload, o.Number)
	}
	postgres.Queue(ctx, batch, events...)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("order %s: %w", o.Number, err)
	}
	return s.refer(ctx, tx, o)
}

// refer keeps what other systems call the order where it can be searched.
func (s *store) refer(ctx context.Context, tx postgres.Tx, o *Order) error {
	for _, r := range o.References {
		if _, err := tx.Exec(ctx, `INSERT INTO refs (kind, ours, source, theirs, label) VALUES ('ORDER', $1, $2, $3, $4) ON CONFLICT DO NOTHING`, o.ID, r.System, r.Value, o.Number); err != nil {
			return fmt.Errorf("references of order %s: %w", o.Number, err)
		}
	}
	return nil
}

// referred returns the id of the order that the source calls by its number, empty when there is none.
func (s *store) referred(ctx context.Context, tx postgres.Tx, source, theirs string) (id trade.OrderID, err error) {
	err = tx.QueryRow(ctx, `SELECT ours FROM refs WHERE kind = 'ORDER' AND source = $1 AND theirs = $2`, source, theirs).Scan(&id)
	if postgres.NoRows(err) {
		return "", nil
	}
	return id, err
}

func (s *store) byReference(ctx context.Context, who trade.Viewer, source string, theirs []string) (map[string]*Order, error) {
	rows, err := s.pool.Query(ctx, `SELECT theirs, doc, updated_at FROM refs JOIN orders ON orders.id = refs.ours::uuid WHERE `+visible+` AND kind = 'ORDER' AND source = $3 AND theirs = ANY($4)`,
		who.AllAccounts, postgres.Texts(who.Accounts), source, theirs)
	if err != nil {
		return nil, fmt.Errorf("orders by reference: %w", err)
	}
	defer rows.Close()
	out := map[string]*Order{}
	for rows.Next() {
		var number string
		var raw []byte
		var updated time.Time
		if err := rows.Scan(&number, &raw, &updated); err != nil {
			return nil, fmt.Errorf("orders by reference: %w", err)
		}
		o, err := decode(raw)
		if err != nil {
			return nil, err
		}
		o.UpdatedAt = updated
		out[number] = o
	}
	return out, rows.Err()
}

// withNumber puts the order's number into an event made before the number was known.
func withNumber(raw json.RawMessage, number string) json.RawMessage {
	return bytes.Replace(raw, []byte(`"number":""`), []byte(`"number":"`+number+`"`), 1)
}

// update locks the order, applies fn and saves what it changed with its events.
func (s *store) update(ctx context.Context, tx postgres.Tx, id trade.OrderID, fn func(*Order) ([]event.Event, error)) error {
	var raw []byte
	err := tx.QueryRow(ctx, `SELECT doc FROM orders WHERE id = $1 FOR UPDATE`, id).Scan(&raw)
	if postgres.NoRows(err) {
		return notFound(string(id))
	}
	if err != nil {
		return fmt.Errorf("order %s: %w", id, err)
	}
	o, err := decode(raw)
	if err != nil {
		return err
	}
	before, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("order %s: %w", o.Number, err)
	}
	referred := len(o.References)
	events, err := fn(o)
	if err != nil {
		return err
	}
	if len(o.References) > referred {
		if err := s.refer(ctx, tx, o); err != nil {
			return err
		}
	}
	o.attach()
	if err := o.Check(); err != nil {
		return err
	}
	after, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("order %s: %w", o.Number, err)
	}
	if bytes.Equal(before, after) && len(events) == 0 {
		return nil
	}
	o.Version++
	if err := o.remember(before, after, o.Version); err != nil {
		return err
	}
	doc, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("order %s: %w", o.Number, err)
	}
	if err := tx.QueryRow(ctx, `
		UPDATE orders SET status = $2, total = $3, updated_at = clock_timestamp(), version = $4, doc = $5, account_id = $6, po_number = $7, currency = $8, skus = $9, short = $10, review_at = $11, resumes = $12
		WHERE id = $1 RETURNING updated_at`,
		id, o.Status, o.Total.Amount, o.Version, doc, o.Account, o.PONumber, o.Currency, o.skus(), o.short(), o.review(), o.resumes()).Scan(&o.UpdatedAt); err != nil {
		return fmt.Errorf("order %s: %w", o.Number, err)
	}
	return postgres.Append(ctx, tx, events...)
}

func decode(raw []byte) (*Order, error) {
	// Every line has an outcome, and nothing else does.
	o := Order{Lines: make([]Line, 0, bytes.Count(raw, []byte(`"outcome":`)))}
	if err := postgres.Decode(raw, &o); err != nil {
		return nil, fmt.Errorf("stored order: %w", err)
	}
	o.attach()
	return &o, nil
}

// attach gives the lines what they need of their order.
func (o *Order) attach() {
	placed := trade.DateOf(o.PlacedAt)
	for i := range o.Lines {
		o.Lines[i].Order, o.Lines[i].Account, o.Lines[i].Date = o.ID, o.Account, placed
	}
}

// visible is the row security of every read: $1 lifts it, $2 lists the accounts.
const visible = `($1 OR account_id = ANY($2))`

func (s *store) byID(ctx context.Context, who trade.Viewer, ids []trade.OrderID) (map[trade.OrderID]*Order, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc, updated_at FROM orders WHERE `+visible+` AND id = ANY($3::text[]::uuid[])`, who.AllAccounts, postgres.Texts(who.Accounts), postgres.IDs(ids...))
	if err != nil {
		return nil, fmt.Errorf("orders: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fmt.Errorf("orders: %w", err)
	}
	out := make(map[trade.OrderID]*Order, len(list))
	for _, o := range list {
		out[o.ID] = o
	}
	return out, nil
}

func (s *store) byNumber(ctx context.Context, who trade.Viewer, number string) (*Order, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc, updated_at FROM orders WHERE `+visible+` AND number = $3`, who.AllAccounts, postgres.Texts(who.Accounts), number)
	if err != nil {
		return nil, fmt.Errorf("order %s: %w", number, err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOrder)
	if postgres.NoRows(err) {
		return nil, notFound(number)
	}
	if err != nil {
		return nil, fmt.Errorf("order %s: %w", number, err)
	}
	return o, nil
}

func scanOrder(row pgx.CollectableRow) (*Order, error) {
	var updated time.Time
	if err := row.Scan(nil, &updated); err != nil {
		return nil, err
	}
	o, err := decode(row.RawValues()[0])
	if err == nil {
		o.UpdatedAt = updated
	}
	return o, err
}

func (s *store) held(ctx context.Context, limit int) ([]trade.OrderID, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id::text FROM (SELECT id, placed_at FROM orders WHERE resumes ORDER BY random() LIMIT $1) AS found ORDER BY placed_at, id`, limit)
	if err != nil {
		return nil, fmt.Errorf("held orders: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[trade.OrderID])
}

// MaxPage is the largest page of a list.
const MaxPage = 100

func (s *store) list(ctx context.Context, who trade.Viewer, f Filter, p Paging) (*List, error) {
	size, backwards, err := p.size()
	if err != nil {
		return nil, err
	}
	where := []string{"true"}
	var args []any
	and := func(format string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(format, len(args)))
	}
	if !who.AllAccounts {
		and(`account_id = ANY($%d)`, postgres.Texts(who.Accounts))
	}
	if len(f.Accounts) > 0 {
		and(`account_id = ANY($%d)`, postgres.Texts(f.Accounts))
	}
	if len(f.Statuses) > 0 {
		and(`status = ANY($%d)`, postgres.Texts(f.Statuses))
	}
	if f.PONumber != "" {
		and(`po_number = $%d`, f.PONumber)
	}
	if f.PlacedFrom != nil {
		and(`placed_at >= $%d`, *f.PlacedFrom)
	}
	if f.PlacedBefore != nil {
		and(`placed_at < $%d`, *f.PlacedBefore)
	}
	if f.SKU != "" {
		and(`skus @> ARRAY[$%d::text]`, f.SKU)
	}
	var total int
	if p.Uncounted {
		total = -1
	} else if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM orders WHERE `+strings.Join(where, " AND "), args...).Scan(&total); err != nil {
		return nil, fmt.Errorf("count orders: %w", err)
	}
	column, kind := p.SortBy.column()
	ascending := p.Ascending != backwards
	for argument, up := range map[string]bool{"after": p.Ascending, "before": !p.Ascending} {
		cursor := map[string]string{"after": p.After, "before": p.Before}[argument]
		if cursor == "" {
			continue
		}
		value, id, ok := p.parseCursor(cursor)
		if !ok {
			return nil, badCursor(cursor).At(argument)
		}
		cmp := map[bool]string{true: ">", false: "<"}[up]
		args = append(args, value, id)
		where = append(where, fmt.Sprintf(`(%s, id) %s ((SELECT $%d::text::%s), (SELECT $%d::text::uuid))`, column, cmp, len(args)-1, kind, len(args)))
	}
	dir := map[bool]string{true: "ASC", false: "DESC"}[ascending]
	var updated time.Time
	var key, beside string
	into := []any{nil, &updated, &key}
	bring := p.Beside != nil && s.beside != ""
	if bring {
		beside, into = ", "+s.beside, append(into, nil)
	}
	limit := size
	if !p.Alone {
		limit++
	}
	// With its limit written out, and the cursor in subqueries, a statement's plan is as good for all cursors as for some, and is
	// made once.
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT doc, updated_at, %s::text AS key%s FROM orders WHERE %s ORDER BY %s %s, id %s LIMIT %d`,
		column, beside, strings.Join(where, " AND "), column, dir, dir, limit), args...)
	if postgres.BadValue(err) {
		return nil, badCursor(p.After + p.Before).At("after")
	}
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	defer rows.Close()
	out := &List{Total: total, column: column, Orders: make([]*Order, 0, size), keys: make([]string, 0, size)}
	more := false
	for rows.Next() {
		if more = len(out.Orders) == size; more {
			continue
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("list orders: %w", err)
		}
		o, err := decode(rows.RawValues()[0])
		if err != nil {
			return nil, err
		}
		o.UpdatedAt = updated
		out.Orders, out.keys = append(out.Orders, o), append(out.keys, key)
		if bring {
			p.Beside(o, rows.RawValues()[3])
		}
	}
	if err := rows.Err(); postgres.BadValue(err) {
		return nil, badCursor(p.After + p.Before).At("after")
	} else if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	out.HasNext, out.HasPrev = more, p.After != ""
	if backwards {
		slices.Reverse(out.Orders)
		slices.Reverse(out.keys)
		out.HasNext, out.HasPrev = p.Before != "", more
	}
	return out, nil
}

// column returns what the list is ordered by, and its SQL type.
func (b SortBy) column() (name, kind string) {
	switch b {
	case ByTotal:
		return "total", "numeric"
	case BySeqNo:
		return "number", "text"
	default:
		return "placed_at", "timestamptz"
	}
}

func (p Paging) size() (size int, backwards bool, err error) {
	switch {
	case p.First != nil && p.Last != nil:
		return 0, false, fault.New(fault.Invalid, "first and last exclude each other: give one of them").At("first")
	case p.Last != nil:
		size, backwards = *p.Last, true
	case p.First != nil:
		size = *p.First
	default:
		size = 20
	}
	if size < 1 || size > MaxPage {
		return 0, false, fault.New(fault.Invalid, "a page of %d; ask for 1 to %d", size, MaxPage).At(map[bool]string{true: "last", false: "first"}[backwards])
	}
	return size, backwards, nil
}

// parseCursor reads a cursor of this list: one of a list in another order leads nowhere here.
func (p Paging) parseCursor(cursor string) (value, id string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.SplitN(string(raw), "|", 3)
	column, kind := p.SortBy.column()
	if err != nil || len(parts) != 3 || parts[0] != column || len(postgres.IDs(parts[2])) == 0 {
		return "", "", false
	}
	if _, err := trade.ParseDecimal(parts[1]); kind == "numeric" && err != nil {
		return "", "", false
	}
	return parts[1], parts[2], true
}

func badCursor(cursor string) *fault.Error {
	return fault.New(fault.Invalid, "%q is not a cursor of this list: use pageInfo.endCursor as it came, with the same orderBy", cursor)
}

// claim takes the key for this run. It returns the stored answer when there is one. A run whose
// process has died, or that takes far too long, loses its claim.
func (s *store) claim(ctx context.Context, scope, key string, print []byte) (*Answer, error) {
	// Whether it is ours is known though the caller leaves meanwhile: then it is given back, and whoever comes next need not wait.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	tag, err := s.pool.Exec(ctx, `
		INSERT INTO idempotency (scope, key, fingerprint, state, holder, leased_until) VALUES ($1, $2, $3, 'RUNNING', $5, clock_timestamp() + $4)
		ON CONFLICT (scope, key) DO UPDATE SET leased_until = excluded.leased_until, holder = excluded.holder
		WHERE idempotency.state = 'RUNNING' AND idempotency.fingerprint = excluded.fingerprint
		AND (idempotency.leased_until < clock_timestamp() OR `+postgres.Absent("idempotency.holder")+`)`,
		scope, key, print, claimTime, s.process)
	if err != nil {
		return nil, fmt.Errorf("idempotency key: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return nil, nil //nolint:nilnil // no answer yet: the caller goes on
	}
	var stored, raw []byte
	var state string
	if err := s.pool.QueryRow(ctx, `SELECT fingerprint, state, answer FROM idempotency WHERE scope = $1 AND key = $2`, scope, key).Scan(&stored, &state, &raw); err != nil {
		return nil, fmt.Errorf("idempotency key: %w", err)
	}
	switch {
	case !bytes.Equal(stored, print):
		return nil, &fault.KeyError{Reason: fault.KeyMismatch}
	case state == "RUNNING":
		return nil, &fault.KeyError{Reason: fault.KeyRunning}
	case state == "FAILED":
		return nil, &fault.KeyError{Reason: fault.KeyFailed}
	}
	var a Answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, fmt.Errorf("stored answer: %w", err)
	}
	return &a, nil
}

func (s *store) settle(ctx context.Context, tx postgres.Tx, scope, key string, a *Answer) error {
	raw, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	tag, err := tx.Exec(ctx, `UPDATE idempotency SET state = 'DONE', answer = $3 WHERE scope = $1 AND key = $2 AND state = 'RUNNING' AND holder = $4`, scope, key, raw, s.process)
	if err == nil && tag.RowsAffected() == 0 {
		err = &fault.KeyError{Reason: fault.KeyRunning} // somebody else took the claim over: theirs counts
	}
	return err
}

// abandon marks a run that ended without an answer, so that the client uses a new key.
func (s *store) abandon(ctx context.Context, scope, key string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, _ = s.pool.Exec(ctx, `UPDATE idempotency SET state = 'FAILED' WHERE scope = $1 AND key = $2 AND state = 'RUNNING' AND holder = $3`, scope, key, s.process)
}

// forget frees the key of a run that ended without an answer, so that the same key is tried again.
func (s *store) forget(ctx context.Context, scope, key string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, _ = s.pool.Exec(ctx, `DELETE FROM idempotency WHERE scope = $1 AND key = $2 AND state = 'RUNNING' AND holder = $3`, scope, key, s.process)
}

func (s *store) ofChannel(ctx context.Context, channel Channel, source, ref string) (*Order, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc, updated_at FROM orders WHERE channel = $1 AND channel_ref = $2`, channel, source+"/"+ref)
	if err != nil {
		return nil, fmt.Errorf("order %s of %s: %w", ref, source, err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOrder)
	if postgres.NoRows(err) {
		return nil, notFound(ref)
	}
	return o, err
}

func (s *store) known(ctx context.Context, channel Channel, source string, refs []string) (map[string]bool, error) {
	full := make([]string, len(refs))
	for i, r := range refs {
		full[i] = source + "/" + r
	}
	rows, err := s.pool.Query(ctx, `SELECT channel_ref FROM orders WHERE channel = $1 AND channel_ref = ANY($2)`, channel, full)
	if err != nil {
		return nil, fmt.Errorf("known orders of %s: %w", source, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	out := make(map[string]bool, len(list))
	for _, r := range list {
		out[strings.TrimPrefix(r, source+"/")] = true
	}
	return out, err
}

// watched returns references of orders of a shop that are open, or were changed lately, in their sequence.
func (s *store) watched(ctx context.Context, source, after string, since time.Time, limit int) ([]string, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT substr(channel_ref, length($1) + 2) FROM orders
		WHERE channel = 'STOREFRONT' AND channel_ref > $1 || '/' || $2 AND starts_with(channel_ref, $1 || '/')
		  AND (status NOT IN ('COMPLETED', 'CANCELLED', 'REJECTED') OR updated_at > $3) AND doc->>'history' IS DISTINCT FROM 'true'
		ORDER BY channel_ref LIMIT $4`, source, after, since, limit)
	if err != nil {
		return nil, fmt.Errorf("orders of %s to watch: %w", source, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// without are the held orders of a channel with a line that was turned down for an item, in order of id.
func (s *store) without(ctx context.Context, tx postgres.Tx, source string, sku trade.SKU) ([]trade.OrderID, error) {
	rows, err := tx.Query(ctx, `
		SELECT id::text FROM orders WHERE channel = 'STOREFRONT' AND status = 'ON_HOLD' AND starts_with(channel_ref, $1 || '/')
		AND skus @> ARRAY[$2::text]
		AND EXISTS (SELECT FROM json_array_elements(doc->'lines') l WHERE l->>'sku' = $2 AND l->>'outcome' = 'REJECTED') ORDER BY id`, source, string(sku))
	if err != nil {
		return nil, fmt.Errorf("orders of %s without %s: %w", source, sku, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[trade.OrderID])
}

// knows returns the id under which the order's channel gave it to us before, empty when it did not,
// and holds the question until the transaction ends.
func (s *store) knows(ctx context.Context, tx postgres.Tx, o *Order) (id trade.OrderID, err error) {
	ref := o.ChannelSource + "/" + o.ChannelRef
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 11))`, string(o.Channel)+ref); err != nil {
		return "", fmt.Errorf("order %s: %w", ref, err)
	}
	err = tx.QueryRow(ctx, `SELECT id::text FROM orders WHERE channel = $1 AND channel_ref = $2`, o.Channel, ref).Scan(&id)
	if postgres.NoRows(err) {
		return "", nil
	}
	return id, err
}

func (s *store) byNumbers(ctx context.Context, who trade.Viewer, numbers []string) (map[string]*Order, error) {
	rows, err := s.pool.Query(ctx, `SELECT doc, updated_at FROM orders WHERE `+visible+` AND number = ANY($3)`, who.AllAccounts, postgres.Texts(who.Accounts), numbers)
	if err != nil {
		return nil, fmt.Errorf("orders: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanOrder)
	out := make(map[string]*Order, len(list))
	for _, o := range list {
		out[o.Number] = o
	}
	return out, err
}

// waiting are the quantities of items that orders wait for, but for one and those that were placed after it, by the days that
// they are wanted on. An order that has waited beyond its review lets others go before it.
func (s *store) waiting(ctx context.Context, q postgres.Querier, skus []trade.SKU, but trade.OrderID, before *time.Time) (map[trade.SKU][]trade.Dated, error) {
	rows, err := q.Query(ctx, `
		SELECT l->>'sku', coalesce(doc->>'requestedDate', ''), sum((l->>'backordered')::numeric)
		FROM orders, json_array_elements(doc->'lines') l
		WHERE short AND skus && $1 AND id::text <> $2 AND ($3::timestamptz IS NULL OR (placed_at, id::text) < ($3, $2)) AND doc->'lapsed' IS NULL AND l->>'sku' = ANY($1) AND (l->>'backordered')::numeric > 0
		GROUP BY 1, 2 ORDER BY 1, 2`, postgres.Texts(skus), but, before)
	if err != nil {
		return nil, fmt.Errorf("what orders wait for: %w", err)
	}
	out := map[trade.SKU][]trade.Dated{}
	var sku trade.SKU
	var d trade.Dated
	if _, err := pgx.ForEachRow(rows, []any{&sku, &d.Date, &d.Quantity}, func() error {
		out[sku] = append(out[sku], d)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("what orders wait for: %w", err)
	}
	return out, nil
}
