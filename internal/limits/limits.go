// Package limits gives each caller points to spend on operations: so many at most, which come back by the second. All processes
// of an installation spend from one allowance. Each takes a little more of it than it needs at once, so that most operations
// need no look at the database.
package limits

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"

	"crossdock/internal/postgres"
)

// Limit is what a caller may spend.
type Limit struct {
	// Operation is what one operation may cost at most.
	Operation int
	// Points are what there is to spend, and PerSecond how many come back in a second. 0 points are any number.
	Points, PerSecond int
}

// Caller is who spends: a subject at the application that it came through.
type Caller struct{ Client, Subject string }

// Status is what a caller has left, by what this process knows.
type Status struct {
	Limit
	Available int
}

// TooExpensiveError is an operation that costs more than one may.
type TooExpensiveError struct{ Cost, Most int }

func (e *TooExpensiveError) Error() string {
	return fmt.Sprintf("the operation costs up to %d points, and may cost %d: ask for fewer with first, select less, or ask in several operations", e.Cost, e.Most)
}

// SpentError is an operation that its caller has not enough points left for. Nothing was taken.
type SpentError struct {
	Cost   int
	Status Status
	// After is when there are enough, if nothing else is asked for.
	After time.Duration
}

func (e *SpentError) Error() string {
	return fmt.Sprintf("the operation costs up to %d points, and you have %d left: ask again in %d s", e.Cost, e.Status.Available, int(math.Ceil(e.After.Seconds())))
}

// Limits are what callers may spend, and what they have left.
type Limits struct {
	pool    *postgres.Pool
	rules   atomic.Pointer[rules]
	callers *lru.Cache[Caller, *allowance]
}

// rules are the limits of callers: all are those of callers without limits of their own.
type rules struct {
	all     Limit
	clients map[string]Limit
}

// remembered bounds the callers of whom a process knows what it took for them; what it took for others is lost to them.
const remembered = 10_000

// New returns limits for everybody, and others for the callers of some applications.
func New(pool *postgres.Pool, all Limit, clients map[string]Limit) *Limits {
	callers, err := lru.New[Caller, *allowance](remembered)
	if err != nil {
		panic(err) // for a size that is not positive
	}
	l := &Limits{pool: pool, callers: callers}
	l.Set(all, clients)
	return l
}

// Set has other limits hold from now on. What callers have spent stays spent.
func (l *Limits) Set(all Limit, clients map[string]Limit) { l.rules.Store(&rules{all, clients}) }

// allowance is what this process holds of a caller's.
type allowance struct {
	mu sync.Mutex
	// held is what was taken and not spent yet.
	held float64
	// rest is what was left to all processes at a time.
	rest float64
	at   time.Time
}

func (l *Limits) of(c Caller) (Limit, *allowance) {
	r := l.rules.Load()
	limit, ok := r.clients[c.Client]
	if !ok {
		limit = r.all
	}
	if limit.Points == 0 {
		return limit, nil
	}
	a, ok := l.callers.Get(c)
	if !ok {
		a = &allowance{rest: float64(limit.Points), at: time.Now()}
		if before, had, _ := l.callers.PeekOrAdd(c, a); had {
			a = before
		}
	}
	return limit, a
}

// Take spends points, of which Points must be no fewer than Operation. It fails with a TooExpensiveError or a SpentError, and then spends none.
func (l *Limits) Take(ctx context.Context, c Caller, cost int) (Status, error) {
	limit, a := l.of(c)
	if cost > limit.Operation {
		return Status{Limit: limit}, &TooExpensiveError{cost, limit.Operation}
	}
	if a == nil {
		return Status{Limit: limit}, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	need := float64(cost)
	if a.held < need && a.left(limit) >= need { // or there is certainly not enough: a caller who does not wait costs the database nothing
		least := need - a.held
		if err := l.exchange(ctx, c, limit, a, max(least, limit.own()), &least); err != nil {
			return Status{Limit: limit}, err
		}
	}
	if a.held < need {
		missing := max((need-a.left(limit))/float64(limit.PerSecond), 0.001)
		return a.status(limit), &SpentError{cost, a.status(limit), time.Duration(missing * float64(time.Second))}
	}
	a.held -= need
	return a.status(limit), nil
}

// Back gives back what was taken for what turned out not to be there, or takes more where points are less than zero, and returns what the
// caller has then. What this process has too much of, or owes, goes to the database, so that others can spend it, or cannot.
func (l *Limits) Back(ctx context.Context, c Caller, points int) (Status, error) {
	limit, a := l.of(c)
	if a == nil {
		return Status{Limit: limit}, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held += float64(points)
	if a.held >= 0 && a.held <= 2*limit.own() {
		return a.status(limit), nil
	}
	err := l.exchange(ctx, c, limit, a, limit.own()-a.held, nil)
	return a.status(limit), err
}

// left is what the caller has at most: other processes may have taken of it since.
func (a *allowance) left(limit Limit) float64 {
	rest := a.rest + time.Since(a.at).Seconds()*float64(limit.PerSecond)
	return min(a.held+rest, float64(limit.Points))
}

func (a *allowance) status(limit Limit) Status { return Status{limit, int(a.left(limit))} }

// share is which part of an allowance a process takes at once.
const share = 20

// own are the points that a process takes at once.
func (l Limit) own() float64 { return float64(l.Points) / share }

// patience is how long the database may take to answer: a caller's operations wait for one another meanwhile.
const patience = 2 * time.Second

// exchange takes points for this process from what all have, as many of the wanted as there are, but none when there are not at least so many. Without a
// least all of the wanted are taken, be there none left, and fewer than zero are given back.
func (l *Limits) exchange(ctx context.Context, c Caller, limit Limit, a *allowance, want float64, least *float64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := l.pool.Query(ctx, `
		INSERT INTO allowances AS a (client, subject, points, at, leased) VALUES ($1, $2, least($3::float8, $3::float8 - $5::float8), now(), $5)
		ON CONFLICT (client, subject) DO UPDATE SET (points, leased, at) = (
			SELECT least($3, filled - taken), taken, greatest(a.at, now())
			FROM (SELECT least($3, a.points + $4::float8 * greatest(extract(epoch FROM now() - a.at), 0)) AS filled) f,
			     LATERAL (SELECT CASE WHEN $6::float8 IS NULL THEN $5 WHEN filled >= $6 THEN least(filled, $5) ELSE 0 END AS taken) t)
		RETURNING points, leased`,
		c.Client, c.Subject, float64(limit.Points), float64(limit.PerSecond), want, least)
	if err != nil {
		return fmt.Errorf("allowance: %w", err)
	}
	var rest, leased float64
	if _, err := pgx.ForEachRow(rows, []any{&rest, &leased}, func() error { return nil }); err != nil {
		return fmt.Errorf("allowance: %w", err)
	}
	a.held, a.rest, a.at = a.held+leased, rest, time.Now()
	return nil
}

// ForgetEvery is how often what callers have left is to be forgotten where it is everything again.
const ForgetEvery = time.Hour

// Forget drops the allowances of those who have asked for nothing for so long that they have all of it again.
func (l *Limits) Forget(ctx context.Context) error {
	r := l.rules.Load()
	full := 2 * r.all.full()
	for _, limit := range r.clients {
		full = max(full, 2*limit.full())
	}
	if _, err := l.pool.Exec(ctx, `DELETE FROM allowances WHERE at < now() - $1::interval`, full+ForgetEvery); err != nil {
		return fmt.Errorf("forget allowances: %w", err)
	}
	return nil
}

// full is how long it takes until all points are back.
func (l Limit) full() time.Duration {
	return time.Duration(float64(l.Points) / float64(max(l.PerSecond, 1)) * float64(time.Second))
}
