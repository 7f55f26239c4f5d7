package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"
)

// presenceClass marks the advisory locks that processes hold while they live.
const presenceClass = 7305

// Presence tells other processes that this one lives: it holds a lock on a connection of its own,
// which the database frees however the process ends.
type Presence struct {
	// ID names this process in rows that it has claimed.
	ID   int32
	conn *pgx.Conn
}

// Join announces this process.
func Join(ctx context.Context, pool *Pool) (*Presence, error) {
	held, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("presence: %w", err)
	}
	p := &Presence{ID: 1 + rand.Int32N(1<<31-2), conn: held.Hijack()}
	if _, err := p.conn.Exec(ctx, `SELECT pg_advisory_lock($1, $2)`, presenceClass, p.ID); err != nil {
		_ = p.conn.Close(ctx)
		return nil, fmt.Errorf("presence: %w", err)
	}
	return p, nil
}

// Leave ends the presence.
func (p *Presence) Leave() { _ = p.conn.Close(context.Background()) }

// Absent is SQL that is true when the process named by the column does not live.
func Absent(column string) string {
	return fmt.Sprintf(`NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %d AND objid = %s::bigint::oid AND objsubid = 2 AND granted)`, presenceClass, column)
}
