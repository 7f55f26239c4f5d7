package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// New returns the inventory of these nodes. Stock is promised only from figures at most stale
// old.
func New(pool *postgres.Pool, source Source, nodes []Node, stale time.Duration, ages lookup.Ages) *Service {
	nodes = slices.Clone(nodes)
	slices.SortStableFunc(nodes, func(a, b Node) int { return a.Priority - b.Priority })
	s := &Service{
		store: &store{pool: pool, nodes: nodes, stale: stale}, standing: &standing{pool: pool, nodes: nodes, items: map[trade.SKU]*item{}},
		source: source, nodes: nodes, stale: stale, ages: ages,
	}
	s.looking = lookup.Share(s.look)
	return s
}

type store struct {
	pool  *postgres.Pool
	nodes []Node
	// stale bounds the age of a figure that stock is promised from.
	stale time.Duration
	// oversold is told of items that are, and of those that are no longer.
	oversold func(ctx context.Context, tx postgres.Tx, o Oversold) error
}

// lag is how old what the node tells may be at the moment it tells.
func (s *store) lag(id trade.NodeID) time.Duration {
	if n, ok := node(s.nodes, id); ok {
		return n.Lag
	}
	return 0
}

// counted is a figure with what is promised from it beyond its own allocations. Without a source it says that
// the node was asked and does not have the item.
type counted struct {
	Figure
	// Read is when it was read.
	Read     lookup.Window
	reserved trade.Decimal
	// outdated is true when something has happened since that the figure does not know of. What may be promised
	// from it is the same, since a node sets aside what it then sends.
	outdated bool
}

// shown reports whether there is a figure that may be shown as it is, to somebody who takes one of its age.
func (c *counted) shown() bool { return c != nil && !c.outdated }

// age is how old the figure is at a time by the database's clock.
func (c *counted) age(now time.Time) time.Duration { return now.Sub(c.Read.Start) }

func split(keys []Key) (nodes, skus []string) {
	for _, k := range keys {
		nodes, skus = append(nodes, string(k.Node)), append(skus, string(k.SKU))
	}
	return nodes, skus
}

// selectFigures are figures of keys, with what is promised of them. Each is looked up by itself: of a small table the planner would
// rather read all.
const selectFigures = `
	SELECT f.node, f.sku, f.source, f.unit, f.on_hand, f.allocated, f.inbound, f.read_start, f.read_end,
	       coalesce((SELECT sum(quantity) FROM reservations r WHERE r.node = f.node AND r.sku = f.sku), 0),
	       f.outdated >= f.read_start, clock_timestamp(), ` + selectSnapshot + `
	FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) AS k(node, sku), LATERAL (
		SELECT * FROM stock_figures f WHERE f.node = k.node AND f.sku = k.sku AND f.read_start > '-infinity' OFFSET 0) AS f`

// figures are what the table has of keys, and what the statement that has read them sees, if it has found any.
func figures(ctx context.Context, q postgres.Querier, keys []Key) (known Known, seen snapshot, err error) {
	known.figures = make(map[Key]*counted, len(keys))
	nodes, skus := split(keys)
	rows, err := q.Query(ctx, selectFigures, nodes, skus)
	if err != nil {
		return known, seen, fmt.Errorf("stock figures: %w", err)
	}
	var c counted
	into := []any{&c.Key.Node, &c.Key.SKU, &c.Source, &c.Unit, &c.OnHand, &c.Allocated, &c.Inbound, &c.Read.Start, &c.Read.End, &c.reserved, &c.outdated, &known.now}
	if _, err := pgx.ForEachRow(rows, append(into, seen.columns()...), func() error {
		one := c
		known.figures[c.Key] = &one
		return nil
	}); err != nil {
		return known, seen, fmt.Errorf("stock figures: %w", err)
	}
	return known, seen, nil
}

// absent notes of keys without a figure that their nodes were asked and have none.
func (s *store) absent(ctx context.Context, start time.Time, keys []Key) error {
	if len(keys) == 0 {
		return nil
	}
	slices.SortFunc(keys, byKey)
	nodes, skus := split(keys)
	_, err := s.pool.Exec(ctx, `
		INSERT INTO stock_figures (node, sku, source, unit, on_hand, allocated, read_start, read_end)
		SELECT node, sku, '', '', 0, 0, $3, clock_timestamp() FROM unnest($1::text[], $2::text[]) AS k(node, sku)
		ON CONFLICT (node, sku) DO UPDATE SET read_start = excluded.read_start, read_end = excluded.read_end
		WHERE stock_figures.source = '' AND stock_figures.read_start < excluded.read_start`, nodes, skus, start)
	if err != nil {
		return fmt.Errorf("note what nodes do not have: %w", err)
	}
	return nil
}

func (s *store) outdate(ctx context.Context, tx postgres.Tx, node trade.NodeID, skus []trade.SKU) error {
	_, err := tx.Exec(ctx, `
		WITH locked AS (SELECT node, sku FROM stock_figures WHERE node = $1 AND sku = ANY($2) ORDER BY sku FOR UPDATE)
		UPDATE stock_figures f SET outdated = clock_timestamp() FROM locked l WHERE f.node = l.node AND f.sku = l.sku`, node, postgres.Texts(skus))
	if err != nil {
		return fmt.Errorf("outdate stock of %s: %w", node, err)
	}
	return nil
}

// adopt stores the figures that were answered of keys since start, except where a release to the node may
// or may not be in them, and ends the reservations that they include. What a node tells since start is of up to its lag
// before. Where the figure in use is halfway to being too old to promise from, one that may or may not include releases
// takes its place and ends none of them: they count twice for a while, rather than nothing being for sale.
func (s *store) adopt(ctx context.Context, start time.Time, keys []Key, figures []lookup.Result[Figure]) error {
	var list []Figure
	var absent []Key
	for i, f := range figures {
		switch {
		case f.Err != nil:
		case f.OK:
			list = append(list, f.Value)
		default:
			absent = append(absent, keys[i])
		}
	}
	if err := s.absent(ctx, start, absent); err != nil || len(list) == 0 {
		return err
	}
	slices.SortFunc(list, func(a, b Figure) int { return byKey(a.Key, b.Key) })
	cols := make([][]string, 7)
	lags := make([]time.Duration, 0, len(list))
	for _, f := range list {
		for i, v := range []string{string(f.Key.Node), string(f.Key.SKU), f.Source, string(f.Unit), f.OnHand.String(), f.Allocated.String(), f.Inbound.String()} {
			cols[i] = append(cols[i], v)
		}
		lags = append(lags, s.lag(f.Key.Node))
	}
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		// The lock on the keys orders adoption, promise and release of one key.
		if _, err := tx.Exec(ctx, `
			INSERT INTO stock_figures (node, sku, source, unit, on_hand, allocated, read_start, read_end)
			SELECT node, sku, '', '', 0, 0, '-infinity', '-infinity' FROM unnest($1::text[], $2::text[]) AS k(node, sku) ORDER BY 1, 2
			ON CONFLICT DO NOTHING`, cols[0], cols[1]); err != nil {
			return fmt.Errorf("adopt stock figures: %w", err)
		}
		if _, err := tx.Exec(ctx, lockKeys, cols[0], cols[1]); err != nil {
			return fmt.Errorf("lock stock figures: %w", err)
		}
		_, err := tx.Exec(ctx, `
			WITH read AS (
				SELECT *, $8::timestamptz - lag AS since
				FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::numeric[], $7::numeric[], $9::interval[])
				     AS k(node, sku, source, unit, on_hand, allocated, inbound, lag)),
			certain AS (
				SELECT k.* FROM read k JOIN stock_figures f ON f.node = k.node AND f.sku = k.sku
				WHERE f.read_start > '-infinity' AND f.read_start < $8::timestamptz - $10::interval OR NOT EXISTS (
					SELECT FROM reservations r WHERE r.node = k.node AND r.sku = k.sku AND r.release_start IS NOT NULL
					AND (r.release_end IS NULL OR r.release_end >= k.since))),
			adopted AS (
				UPDATE stock_figures f SET source = k.source, unit = k.unit, on_hand = k.on_hand, allocated = k.allocated,
				       inbound = k.inbound, read_start = $8, read_end = clock_timestamp()
				FROM certain k WHERE f.node = k.node AND f.sku = k.sku AND f.read_start < $8 RETURNING f.node, f.sku, k.since)
			DELETE FROM reservations r USING adopted a WHERE r.node = a.node AND r.sku = a.sku AND r.release_end < a.since`,
			cols[0], cols[1], cols[2], cols[3], cols[4], cols[5], cols[6], start, lags, s.stale/2)
		if err != nil {
			return fmt.Errorf("adopt stock figures: %w", err)
		}
		return s.compare(ctx, tx, cols[0], cols[1])
	})
}

// compare tells of items of which a node by now has less than what is promised from it and on no way to it: somebody else has sold
// them, or a count has found less.
func (s *store) compare(ctx context.Context, tx postgres.Tx, nodes, skus []string) error {
	if s.oversold == nil {
		return nil
	}
	rows, err := tx.Query(ctx, `
		WITH now AS (
			SELECT f.node, f.sku, greatest(coalesce(sum(r.quantity), 0) - greatest(f.on_hand - f.allocated, 0), 0) AS short
			FROM stock_figures f JOIN unnest($1::text[], $2::text[]) AS k(node, sku) ON f.node = k.node AND f.sku = k.sku
			LEFT JOIN reservations r ON r.node = f.node AND r.sku = f.sku AND r.release_start IS NULL
			GROUP BY f.node, f.sku)
		UPDATE stock_figures f SET oversold = now.short FROM now WHERE f.node = now.node AND f.sku = now.sku AND f.oversold <> now.short
		RETURNING f.node, f.sku, f.oversold, greatest(f.on_hand - f.allocated, 0)`, nodes, skus)
	if err != nil {
		return fmt.Errorf("compare stock with promises: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Oversold, err error) {
		return o, row.Scan(&o.Node, &o.SKU, &o.Short, &o.Has)
	})
	if err != nil {
		return fmt.Errorf("compare stock with promises: %w", err)
	}
	for _, o := range list {
		if err := s.oversold(ctx, tx, o); err != nil {
			return err
		}
	}
	return nil
}

// lockKeys locks the figures of keys, in their order.
const lockKeys = `
	SELECT f.node, f.sku FROM (SELECT * FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) AS k(node, sku) ORDER BY node, sku) AS k, LATERAL (
		SELECT node, sku FROM stock_figures f WHERE f.node = k.node AND f.sku = k.sku FOR UPDATE) AS f`

// Reserve promises what it can of the request, in the caller's transaction, from figures that are
// young enough, and says why so. Concurrent callers wait for each other per item and node.
func (s *Service) Reserve(ctx context.Context, tx postgres.Tx, order trade.OrderID, r Request) (Plan, error) {
	now, err := s.store.rooms(ctx, tx, true)
	if err != nil {
		return Plan{}, err
	}
	keys := s.keys(r.skus())
	nodes, names := split(keys)
	rows, err := tx.Query(ctx, lockKeys, nodes, names)
	if err != nil {
		return Plan{}, fmt.Errorf("lock stock figures: %w", err)
	}
	// A key that nobody had a figure of when we locked is not promised from.
	locked, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
	if err != nil {
		return Plan{}, fmt.Errorf("lock stock figures: %w", err)
	}
	known, _, err := figures(ctx, tx, locked)
	if err != nil {
		return Plan{}, err
	}
	supplies := s.supplies(r, known, now)
	p := source(r, supplies)
	skuOf := map[int]trade.SKU{}
	for _, n := range r.Needs {
		skuOf[n.Line] = n.SKU
	}
	var lines []int
	cols := make([][]string, 3)
	for _, promise := range p.Promises {
		lines = append(lines, promise.Line)
		for i, v := range []string{string(promise.Node), string(skuOf[promise.Line]), promise.Quantity.String()} {
			cols[i] = append(cols[i], v)
		}
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO reservations (order_id, line, node, sku, quantity)
		SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::numeric[])
		ON CONFLICT (order_id, line, node, work) DO UPDATE SET quantity = reservations.quantity + excluded.quantity`,
		order, lines, cols[0], cols[1], cols[2]); err != nil {
		return Plan{}, fmt.Errorf("reserve for %s: %w", order, err)
	}
	return p, s.store.load(ctx, tx, order, p, supplies)
}

// Simulate is what Reserve would plan now. It locks and promises nothing.
func (s *Service) Simulate(ctx context.Context, r Request) (Plan, error) {
	now, err := s.store.rooms(ctx, s.store.pool, false)
	if err != nil {
		return Plan{}, err
	}
	known, err := s.Known(ctx, r.skus())
	if err != nil {
		return Plan{}, err
	}
	return source(r, s.supplies(r, known, now)), nil
}

func (r Request) skus() []trade.SKU {
	out := make([]trade.SKU, len(r.Needs))
	for i, n := range r.Needs {
		out[i] = n.SKU
	}
	return out
}

// rooms are how many orders leave nodes on which days, at a time by the database's clock.
type rooms struct {
	now  time.Time
	load map[trade.NodeID]map[trade.Date]int
}

// rooms reads how full nodes are that send a limited number of orders a day. Locked, others that promise from them wait.
func (s *store) rooms(ctx context.Context, q postgres.Querier, lock bool) (rooms, error) {
	out := rooms{now: time.Now(), load: map[trade.NodeID]map[trade.Date]int{}}
	var limited []string
	for _, n := range s.nodes {
		if n.Calendar.PerDay > 0 {
			limited = append(limited, string(n.ID))
		}
	}
	if len(limited) == 0 {
		return out, nil
	}
	slices.Sort(limited)
	if lock {
		rows, err := q.Query(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(node, 12)) FROM unnest($1::text[]) WITH ORDINALITY AS n(node, place) ORDER BY place`, limited)
		if err != nil {
			return out, fmt.Errorf("lock the room of nodes: %w", err)
		}
		if rows.Close(); rows.Err() != nil {
			return out, fmt.Errorf("lock the room of nodes: %w", rows.Err())
		}
	}
	rows, err := q.Query(ctx, `SELECT node, day::text, count(*) FROM node_loads WHERE node = ANY($1) AND day >= current_date - 1 GROUP BY node, day`, limited)
	if err != nil {
		return out, fmt.Errorf("the room of nodes: %w", err)
	}
	var node trade.NodeID
	var day trade.Date
	var orders int
	_, err = pgx.ForEachRow(rows, []any{&node, &day, &orders}, func() error {
		if out.load[node] == nil {
			out.load[node] = map[trade.Date]int{}
		}
		out.load[node][day] = orders
		return nil
	})
	return out, err
}

// supplies are what the nodes could promise of the request.
func (s *Service) supplies(r Request, known Known, at rooms) []Supply {
	out := make([]Supply, 0, len(s.nodes))
	for _, n := range s.nodes {
		supply := Supply{Node: n, Free: map[trade.SKU]trade.Decimal{}, Ages: map[trade.SKU]time.Duration{}, Barred: map[trade.SKU]bool{}}
		for _, sku := range r.skus() {
			c := known.figures[Key{n.ID, sku}]
			if c == nil || c.Source == "" || c.age(known.now)+n.Lag > s.stale {
				continue
			}
			free := c.free(n.Safety)
			if lots, limited := r.Eligible[sku]; limited {
				of := *c
				of.OnHand = trade.Min(c.OnHand, lots[n.ID])
				supply.Barred[sku] = free.IsPos() && !of.free(n.Safety).IsPos()
				free = of.free(n.Safety)
			}
			supply.Free[sku], supply.Ages[sku] = free, c.age(known.now)+n.Lag
		}
		day, full := n.first(n.Days(at.now), at.load[n.ID], r.Wanted)
		supply.Ships, supply.Waits, supply.Full = day.Date, day.Away, full
		out = append(out, supply)
	}
	return out
}

// load counts the order among those that leave its nodes on their days.
func (s *store) load(ctx context.Context, tx postgres.Tx, order trade.OrderID, p Plan, supplies []Supply) error {
	for _, supply := range supplies {
		if supply.Node.Calendar.PerDay == 0 || supply.Ships == "" || !slices.Contains(p.Score.Nodes, supply.Node.ID) {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO node_loads (node, order_id, day) VALUES ($1, $2, $3::text::date) ON CONFLICT DO NOTHING`, supply.Node.ID, order, supply.Ships); err != nil {
			return fmt.Errorf("the room of %s: %w", supply.Node.ID, err)
		}
	}
	return nil
}

// Assign gives the promises of the order's lines at the node that no work carries yet to this work.
func (s *Service) Assign(ctx context.Context, tx postgres.Tx, order trade.OrderID, node trade.NodeID, work string, lines []int) error {
	_, err := tx.Exec(ctx, `UPDATE reservations SET work = $3 WHERE order_id = $1 AND node = $2 AND work = '' AND line = ANY($4)`, order, node, work, lines)
	return err
}

// Adjust shrinks the order's promises that no work carries to these.
func (s *Service) Adjust(ctx context.Context, tx postgres.Tx, order trade.OrderID, keep []Promise) error {
	var lines []int
	var nodes, quantities []string
	for _, p := range keep {
		lines, nodes, quantities = append(lines, p.Line), append(nodes, string(p.Node)), append(quantities, p.Quantity.String())
	}
	_, err := tx.Exec(ctx, `
		WITH keep AS (SELECT * FROM unnest($2::int[], $3::text[], $4::numeric[]) AS k(line, node, quantity)),
		gone AS (DELETE FROM reservations r WHERE order_id = $1 AND work = ''
		         AND NOT EXISTS (SELECT FROM keep k WHERE k.line = r.line AND k.node = r.node AND k.quantity > 0))
		UPDATE reservations r SET quantity = least(r.quantity, k.quantity) FROM keep k
		WHERE r.order_id = $1 AND r.work = '' AND k.line = r.line AND k.node = r.node AND k.quantity > 0`, order, lines, nodes, quantities)
	if err != nil {
		return fmt.Errorf("adjust reservations of %s: %w", order, err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM node_loads WHERE order_id = $1 AND node <> ALL($2)`, order, append([]string{}, nodes...)); err != nil {
		return fmt.Errorf("the room for %s: %w", order, err)
	}
	return nil
}

// ofWork are the reservations that a work carries. The index has no others, which must be said for it to be used.
const ofWork = `work = $1 AND work <> ''`

// Releasing marks the work's promises as being on their way to the node. It commits before
// anything is sent; repeating it keeps the first mark.
func (s *Service) Releasing(ctx context.Context, work string) error {
	return postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		// The lock on the keys orders this after every adoption that has not seen it.
		if _, err := tx.Exec(ctx, `
			SELECT FROM (SELECT DISTINCT node, sku FROM reservations WHERE `+ofWork+` ORDER BY node, sku) AS k, LATERAL (
				SELECT FROM stock_figures f WHERE f.node = k.node AND f.sku = k.sku FOR UPDATE) AS f`, work); err != nil {
			return fmt.Errorf("lock stock figures: %w", err)
		}
		_, err := tx.Exec(ctx, `UPDATE reservations SET release_start = coalesce(release_start, clock_timestamp()) WHERE `+ofWork, work)
		return err
	})
}

// NotReleased takes the mark back when nothing was sent after all.
func (s *Service) NotReleased(ctx context.Context, work string) error {
	_, err := s.store.pool.Exec(ctx, `UPDATE reservations SET release_start = NULL WHERE `+ofWork+` AND release_end IS NULL`, work)
	return err
}

// Released records that the node has taken the work: its next figure includes it.
func (s *Service) Released(ctx context.Context, tx postgres.Tx, work string) error {
	_, err := tx.Exec(ctx, `
		UPDATE reservations SET release_start = coalesce(release_start, clock_timestamp()), release_end = clock_timestamp() WHERE `+ofWork+` AND release_end IS NULL`, work)
	return err
}

// Recalled ends the work's promises: its node has given it back, or never heard of it.
func (s *Service) Recalled(ctx context.Context, tx postgres.Tx, work string) error {
	_, err := tx.Exec(ctx, `DELETE FROM reservations WHERE `+ofWork, work)
	return err
}

func byKey(a, b Key) int {
	if a.Node != b.Node {
		return strings.Compare(string(a.Node), string(b.Node))
	}
	return strings.Compare(string(a.SKU), string(b.SKU))
}

// Sellable returns what can be promised of every item that a node has told of, by the figures at
// hand. Items whose figures are too old to promise from are left out.
func (s *Service) Sellable(ctx context.Context) (map[trade.SKU]trade.Decimal, error) {
	rows, err := s.store.pool.Query(ctx, `SELECT node, sku FROM stock_figures WHERE source <> '' AND read_start > clock_timestamp() - $1::interval`, s.stale)
	if err != nil {
		return nil, fmt.Errorf("sellable stock: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
	if err != nil {
		return nil, fmt.Errorf("sellable stock: %w", err)
	}
	known, _, err := figures(ctx, s.store.pool, keys)
	if err != nil {
		return nil, err
	}
	out := map[trade.SKU]trade.Decimal{}
	for k, c := range known.figures {
		if n, ok := s.Node(k.Node); ok && c.age(known.now)+n.Lag <= s.stale {
			out[k.SKU] = trade.Sum(out[k.SKU], c.free(n.Safety))
		}
	}
	return out, nil
}
