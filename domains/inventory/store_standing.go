package inventory

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// standing is the stock table as it stands, in memory: figures, and what is promised of them. The database notes every change
// of an item, whoever makes it (migration 18). Whoever looks has what was noted since the last look read first, and what has
// changed read again, so that he is told what the table says at that moment: most looks cost one small statement.
type standing struct {
	pool  *postgres.Pool
	nodes []Node

	mu   sync.Mutex
	rows map[Key]*row
	// since is the first transaction that may have ended after the last look at the notes, which was at a time by the database's clock.
	since uint64
	at    time.Time
}

// row is what the table has of a key.
type row struct {
	// counted is nil where it has nothing.
	*counted
	// read is false while it is being read.
	read bool
	seen snapshot
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

// parseSnapshot reads the text of a pg_snapshot: from:to:running,running.
func parseSnapshot(text string) (s snapshot, err error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 {
		return s, fmt.Errorf("%q is no snapshot", text)
	}
	numbers := parts[:2]
	if parts[2] != "" {
		numbers = append(numbers, strings.Split(parts[2], ",")...)
	}
	for i, n := range numbers {
		xid, err := strconv.ParseUint(n, 10, 64)
		switch {
		case err != nil:
			return s, fmt.Errorf("%q is no snapshot: %w", text, err)
		case i == 0:
			s.from = xid
		case i == 1:
			s.to = xid
		default:
			s.running = append(s.running, xid)
		}
	}
	return s, nil
}

const (
	// maxStanding bounds the rows in memory.
	maxStanding = 50_000
	// maxChanges bounds the notes that are read at once. When there are more, nothing in memory is believed.
	maxChanges = 10_000
	// maxBehind is for how long notes may not have been read and still be complete. They are kept three times as long, since they are
	// seen only when their transaction has ended.
	maxBehind  = 5 * time.Minute
	keepsNotes = 3 * maxBehind
)

// moment is a time by the database's clock and, certainly not before it, by ours.
type moment struct{ theirs, ours time.Time }

// at is the time by the database's clock, which has microseconds, at a time of ours, or a little before it.
func (m moment) at(ours time.Time) time.Time {
	return m.theirs.Add(ours.Sub(m.ours)).Truncate(time.Microsecond)
}

// look takes notice of what has changed, and returns when.
func (s *standing) look(ctx context.Context) (moment, error) {
	s.mu.Lock()
	since, at := s.since, s.at
	s.mu.Unlock()
	if at.IsZero() {
		since = math.MaxUint64 // nothing is in memory
	}
	rows, err := s.pool.Query(ctx, `
		SELECT clock_timestamp(), pg_current_snapshot()::text, xid, skus
		FROM (SELECT) AS now LEFT JOIN stock_changes ON xid >= $1 LIMIT $2`, since, maxChanges+1)
	if err != nil {
		return moment{}, fmt.Errorf("changes of stock: %w", err)
	}
	defer rows.Close()
	type change struct {
		xid  uint64
		skus []trade.SKU
	}
	var now moment
	var seen string
	var changes []change
	for rows.Next() {
		var xid *uint64
		var skus []trade.SKU
		if err := rows.Scan(&now.theirs, &seen, &xid, &skus); err != nil {
			return moment{}, fmt.Errorf("changes of stock: %w", err)
		}
		if xid != nil {
			changes = append(changes, change{*xid, skus})
		}
	}
	now.ours = time.Now()
	if err := rows.Err(); err != nil {
		return moment{}, fmt.Errorf("changes of stock: %w", err)
	}
	sees, err := parseSnapshot(seen)
	if err != nil {
		return moment{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A database whose transactions count from less than before is another one: a backup, say.
	if now.theirs.Sub(at) > maxBehind || len(changes) > maxChanges || sees.from < since {
		clear(s.rows)
		s.since = sees.from
	}
	for _, c := range changes {
		for _, sku := range c.skus {
			for i := range s.nodes {
				k := Key{s.nodes[i].ID, sku}
				if r := s.rows[k]; r != nil && !r.seen.sees(c.xid) {
					delete(s.rows, k)
				}
			}
		}
	}
	s.since = max(s.since, sees.from)
	if now.theirs.After(s.at) {
		s.at = now.theirs
	}
	return now, nil
}

// figures are the figures of keys now, in their order, nil where there is none.
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
	var missing []Key
	var places []int
	s.mu.Lock()
	for i, k := range keys {
		if r := s.rows[k]; r != nil && r.read {
			list[i] = r.counted
		} else {
			missing, places = append(missing, k), append(places, i)
		}
	}
	if len(missing) == 0 {
		s.mu.Unlock()
		return list, nil
	}
	// What changes from here on takes a row's place away, and what is read is not kept.
	if len(s.rows)+len(missing) > maxStanding {
		clear(s.rows)
	}
	reading := make([]*row, len(missing))
	for i, k := range missing {
		reading[i] = &row{}
		s.rows[k] = reading[i]
	}
	s.mu.Unlock()
	found, seen, err := figures(ctx, s.pool, missing)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, k := range missing {
		list[places[i]] = found.figures[k]
		if s.rows[k] == reading[i] {
			*reading[i] = row{found.figures[k], true, seen}
		}
	}
	return list, nil
}

// forget drops the notes that every process has read.
func (s *standing) forget(ctx context.Context) error {
	if _, err := s.pool.Exec(ctx, `DELETE FROM stock_changes WHERE at < clock_timestamp() - $1::interval`, keepsNotes); err != nil {
		return fmt.Errorf("forget changes of stock: %w", err)
	}
	return nil
}
