package inventory

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// standing is the stock table as it stands, in memory: figures, and what is promised of them. The database notes every change of
// a row, whoever makes it (migration 18). Whoever looks has the notes read first that nobody has looked at yet, and has what has
// changed read again, so that he is told what the table says at that moment, or has said since the moment that he may be told as of:
// most looks cost one small statement, or none.
type standing struct {
	pool  *postgres.Pool
	nodes []Node

	mu    sync.Mutex
	items map[trade.SKU]*item
	// last is the last look at the notes.
	last look
	// began is when the latest look began that has ended: what was done before then is in memory.
	began time.Time
	// under is the latest look that has begun.
	under *looking
	// forgot is when notes were last forgotten.
	forgot look
}

// item is what the table has of an item.
type item struct {
	// figures are those at each node, in the order of the nodes: nil where it has none, and all of them while they are being read.
	figures []*counted
	seen    snapshot
}

// look is a look at the notes.
type look struct {
	moment
	seen snapshot
	// server is when the database's server was started.
	server time.Time
}

// looking is a look that others may wait for.
type looking struct {
	began time.Time
	// done is closed when it has ended.
	done chan struct{}
}

// moment is a time by the database's clock, and one by ours that is certainly not before it.
type moment struct {
	theirs, ours time.Time
	// reckoned is true of one that the database was not asked for.
	reckoned bool
}

// at is the time by the database's clock, which has microseconds, at a time of ours, or a little before it.
func (m moment) at(ours time.Time) time.Time {
	return m.theirs.Add(ours.Sub(m.ours)).Truncate(time.Microsecond)
}

// snapshot is which transactions a statement sees.
type snapshot struct {
	// All below from have ended, none from to on; between them these have not.
	from, to uint64
	running  []uint64
}

// sees reports whether the statement sees what the transaction did, if that has been committed.
func (s snapshot) sees(xid uint64) bool {
	return xid < s.from || xid < s.to && !slices.Contains(s.running, xid)
}

// before reports whether the statement was earlier than another one: whatever it sees, a later one sees too.
func (s snapshot) before(o snapshot) bool {
	return s.to < o.to || s.to == o.to && len(s.running) > len(o.running)
}

// selectSnapshot are the columns of what a statement sees itself.
const selectSnapshot = `pg_snapshot_xmin(pg_current_snapshot()), pg_snapshot_xmax(pg_current_snapshot()), ARRAY(SELECT pg_snapshot_xip(pg_current_snapshot()))`

// columns are where selectSnapshot goes.
func (s *snapshot) columns() []any { return []any{&s.from, &s.to, &s.running} }

const (
	// maxStanding bounds the figures in memory.
	maxStanding = 50_000
	// maxChanges bounds the notes that are read at once, which selectChanges says too. When there are more, nothing in memory is believed.
	maxChanges = 10_000
	// maxBehind is for how long nobody may have looked at the notes, and what is in memory is still believed.
	maxBehind = 5 * time.Minute
)

// ForgetEvery is how often what nobody has to look at any more is to be forgotten, and for how long it is kept at least.
const ForgetEvery = 3 * maxBehind

// selectChanges are the notes of transactions that a snapshot does not see, beside what sees them: the end of the index, and
// those of the few that were running. The order and the limit make the index the cheapest way for any values, and with the
// values asked for by a query of their own one plan does for all, which is made once. Notes that came with a copy of another
// database can be of transactions that are yet to come.
const selectChanges = `
	SELECT clock_timestamp(), pg_postmaster_start_time(), c.xid, c.skus, ` + selectSnapshot + `
	FROM (SELECT) AS now LEFT JOIN (
		(SELECT xid, skus FROM stock_changes WHERE xid >= (SELECT $1::xid8) AND xid < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY xid LIMIT 10001)
		UNION ALL (SELECT xid, skus FROM stock_changes WHERE xid = ANY((SELECT $2::xid8[])::xid8[]) ORDER BY xid LIMIT 10001)) AS c ON true`

// change is a note of one.
type change struct {
	xid  uint64
	skus []trade.SKU
}

// look takes notice of what has changed, if nobody has since the moment that the context may be told as of, or is about to.
func (s *standing) look(ctx context.Context) (moment, error) {
	since := lookup.Since(ctx)
	s.mu.Lock()
	if u := s.under; u != nil && u.began.After(since) && !s.began.After(since) {
		s.mu.Unlock()
		u.wait(ctx)
		s.mu.Lock()
	}
	began, last := time.Now(), s.last
	if s.began.After(since) {
		s.mu.Unlock()
		return moment{last.at(began), began, true}, nil
	}
	own := &looking{began, make(chan struct{})}
	s.under = own
	s.mu.Unlock()
	defer close(own.done)
	if last.ours.IsZero() {
		last.seen.to = math.MaxUint64 // nothing is in memory that could change
	}
	now, changes, err := s.changes(ctx, last.seen)
	if err != nil {
		return moment{}, fmt.Errorf("changes of stock: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A server that was started since may have lost what another one had.
	if now.theirs.Sub(last.theirs) > maxBehind || len(changes) > maxChanges || !now.server.Equal(last.server) || now.seen.to < last.seen.to {
		clear(s.items)
		s.last = now
	}
	for _, c := range changes {
		for _, sku := range c.skus {
			if it := s.items[sku]; it != nil && !it.seen.sees(c.xid) {
				delete(s.items, sku)
			}
		}
	}
	if !now.seen.before(s.last.seen) {
		s.last = now
	}
	if began.After(s.began) {
		s.began = began
	}
	return now.moment, nil
}

// wait waits until the look has ended, however that is, or is taking so long that one of one's own may be sooner.
func (l *looking) wait(ctx context.Context) {
	late := time.NewTimer(lookPatience)
	defer late.Stop()
	select {
	case <-l.done:
	case <-late.C:
	case <-ctx.Done():
	}
}

// lookPatience is many times what a look takes.
const lookPatience = 250 * time.Millisecond

// changes are the notes that a snapshot does not see.
func (s *standing) changes(ctx context.Context, last snapshot) (now look, list []change, err error) {
	rows, err := s.pool.Query(ctx, selectChanges, last.to, last.running)
	if err != nil {
		return now, nil, err
	}
	var xid *uint64
	var skus []trade.SKU
	_, err = pgx.ForEachRow(rows, append([]any{&now.theirs, &now.server, &xid, &skus}, now.seen.columns()...), func() error {
		if xid != nil {
			list = append(list, change{*xid, skus})
		}
		return nil
	})
	now.ours = time.Now()
	return now, list, err
}

// lastly is the last look, or the first.
func (s *standing) lastly(ctx context.Context) (moment, error) {
	s.mu.Lock()
	last := s.last.moment
	s.mu.Unlock()
	if last.ours.IsZero() {
		return s.look(ctx)
	}
	return last, nil
}

// figures are the figures of keys as of a look, in their order, nil where there is none.
func (s *standing) figures(ctx context.Context, keys []Key) ([]*counted, moment, error) {
	now, err := s.look(ctx)
	if err != nil {
		return nil, now, err
	}
	list, err := s.looked(ctx, keys)
	return list, now, err
}

// looked are the figures as of the last look.
func (s *standing) looked(ctx context.Context, keys []Key) ([]*counted, error) {
	list := make([]*counted, len(keys))
	var missing []trade.SKU
	var places []int
	s.mu.Lock()
	var of []*counted // the figures of the item, nil while they are not there
	for i, k := range keys {
		if i == 0 || k.SKU != keys[i-1].SKU {
			of = nil
			if it := s.items[k.SKU]; it != nil {
				of = it.figures
			}
		}
		if of == nil {
			missing, places = append(missing, k.SKU), append(places, i)
			continue
		}
		list[i] = s.at(of, k.Node)
	}
	if len(missing) == 0 {
		s.mu.Unlock()
		return list, nil
	}
	missing = lookup.Unique(missing)
	if (len(s.items)+len(missing))*len(s.nodes) > maxStanding {
		clear(s.items)
	}
	// What changes from here on takes an item's place away, and what is read is not kept.
	reading := make([]*item, len(missing))
	for i, sku := range missing {
		if reading[i] = s.items[sku]; reading[i] == nil {
			reading[i] = &item{}
			s.items[trade.SKU(strings.Clone(string(sku)))] = reading[i] // whoever asks keeps it with much else
		}
	}
	s.mu.Unlock()
	found, seen, err := figures(ctx, s.pool, s.everywhere(missing))
	if err != nil {
		return nil, err
	}
	for _, i := range places {
		list[i] = found.figures[keys[i]]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, sku := range missing {
		if it := reading[i]; s.items[sku] == it && it.figures == nil {
			*it = item{s.compact(sku, found), seen}
		}
	}
	return list, nil
}

// at is the figure at a node.
func (s *standing) at(figures []*counted, node trade.NodeID) *counted {
	for i := range s.nodes {
		if s.nodes[i].ID == node {
			return figures[i]
		}
	}
	return nil
}

// everywhere are the keys of distinct items: of each at all nodes in turn.
func (s *standing) everywhere(items []trade.SKU) []Key {
	keys := make([]Key, 0, len(items)*len(s.nodes))
	for _, sku := range items {
		for i := range s.nodes {
			keys = append(keys, Key{s.nodes[i].ID, sku})
		}
	}
	return keys
}

// compact are the figures of an item at each node, side by side.
func (s *standing) compact(sku trade.SKU, known Known) []*counted {
	list, room := make([]*counted, len(s.nodes)), make([]counted, 0, len(s.nodes))
	for i := range s.nodes {
		if c := known.figures[Key{s.nodes[i].ID, sku}]; c != nil {
			room = append(room, *c)
			list[i] = &room[len(room)-1]
		}
	}
	return list
}

// forget drops the notes of transactions that had ended when it was called before.
func (s *standing) forget(ctx context.Context) error {
	now, _, err := s.changes(ctx, snapshot{to: math.MaxUint64})
	if err != nil {
		return fmt.Errorf("forget changes of stock: %w", err)
	}
	s.mu.Lock()
	before := s.forgot
	s.forgot = now
	s.mu.Unlock()
	if !before.server.Equal(now.server) {
		return nil
	}
	if _, err := s.pool.Exec(ctx, `DELETE FROM stock_changes WHERE xid < $1 OR xid >= pg_snapshot_xmax(pg_current_snapshot())`, before.seen.from); err != nil {
		return fmt.Errorf("forget changes of stock: %w", err)
	}
	return nil
}
