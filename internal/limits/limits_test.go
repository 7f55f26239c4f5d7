package limits_test

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crossdock/internal/limits"
	"crossdock/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// TestProcessesSpendFromOneAllowance: together they give no more than there is, and all that there is.
func TestProcessesSpendFromOneAllowance(t *testing.T) {
	t.Parallel()
	pool := pgtest.Database(t)
	limit := limits.Limit{Operation: 100, Points: 10_000, PerSecond: 1}
	caller := limits.Caller{Client: "portal", Subject: "buyer"}
	var given atomic.Int64
	began := time.Now()
	var wg sync.WaitGroup
	for range 3 {
		process := limits.New(pool, limit, nil)
		for worker := range 4 {
			wg.Go(func() {
				cost := 7 + worker*11
				for {
					if _, err := process.Take(t.Context(), caller, cost); err != nil {
						if spent, ok := errors.AsType[*limits.SpentError](err); !ok || spent.After <= 0 || spent.Status.Available >= cost {
							t.Errorf("%v", err)
						}
						return
					}
					given.Add(int64(cost))
					if cost%3 == 0 { // it found less than it might have
						_, _ = process.Back(t.Context(), caller, 5)
						given.Add(-5)
					}
				}
			})
		}
	}
	wg.Wait()
	back := int64(time.Since(began).Seconds()) + 1
	if got := given.Load(); got > 10_000+back || got < 10_000-3*100 {
		t.Errorf("%d points were given of 10000, and %d that came back meanwhile", got, back)
	}
}

// TestOthersAreNotInTheWay: each subject at each application has points of its own, by the application's limits.
func TestOthersAreNotInTheWay(t *testing.T) {
	t.Parallel()
	l := limits.New(pgtest.Database(t), limits.Limit{Operation: 50, Points: 100, PerSecond: 1}, map[string]limits.Limit{"batch": {Operation: 1000, Points: 1000, PerSecond: 1}, "free": {Operation: 50}})
	take := func(client, subject string, cost int) (limits.Status, error) {
		t.Helper()
		return l.Take(t.Context(), limits.Caller{Client: client, Subject: subject}, cost)
	}
	for _, who := range []string{"a", "b"} {
		for range 2 {
			if _, err := take("portal", who, 50); err != nil {
				t.Errorf("%s: %v", who, err)
			}
		}
		_, err := take("portal", who, 50)
		if spent, ok := errors.AsType[*limits.SpentError](err); !ok || spent.After < 40*time.Second || spent.After > time.Minute {
			t.Errorf("%s has spent everything: %v", who, err)
		}
	}
	if s, err := take("batch", "a", 1000); err != nil || s.Available > 100 || s.Points != 1000 {
		t.Errorf("an application's own limit: %+v, %v", s, err)
	}
	if _, err := take("portal", "c", 51); !errors.As(err, new(*limits.TooExpensiveError)) {
		t.Errorf("too much for one operation: %v", err)
	}
	if s, err := take("portal", "c", 50); err != nil || s.Available < 50 || s.Available > 69 {
		t.Errorf("what was refused has cost something: %+v, %v", s, err)
	}
	if s, err := l.Back(t.Context(), limits.Caller{Client: "portal", Subject: "c"}, 20); err != nil || s.Available < 70 || s.Available > 90 {
		t.Errorf("20 of 50 points come back to 50: %+v", s)
	}
	for range 10 {
		if s, err := take("free", "a", 50); err != nil || s.Points != 0 {
			t.Errorf("no limit but one operation's: %+v, %v", s, err)
		}
	}
}

// TestWhoDoesNotWaitCostsNothing: a caller that is refused again and again is refused without a look at the database.
func TestWhoDoesNotWaitCostsNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.Database(t)
	l := limits.New(pool, limits.Limit{Operation: 100, Points: 100, PerSecond: 1}, nil)
	caller := limits.Caller{Client: "portal", Subject: "hasty"}
	if _, err := l.Take(t.Context(), caller, 100); err != nil {
		t.Fatal(err)
	}
	before := pool.Stat().AcquireCount()
	for range 50 {
		if _, err := l.Take(t.Context(), caller, 100); !errors.As(err, new(*limits.SpentError)) {
			t.Fatalf("with nothing left: %v", err)
		}
	}
	if asked := pool.Stat().AcquireCount() - before; asked > 0 {
		t.Errorf("50 refusals asked the database %d times", asked)
	}
}

// TestWhatComesBackIsForAll: what one process was given back others can spend, and what an operation found beyond its price is owed.
func TestWhatComesBackIsForAll(t *testing.T) {
	t.Parallel()
	pool := pgtest.Database(t)
	limit := limits.Limit{Operation: 5000, Points: 10_000, PerSecond: 1}
	caller := limits.Caller{Client: "portal", Subject: "buyer"}
	processes := []*limits.Limits{limits.New(pool, limit, nil), limits.New(pool, limit, nil), limits.New(pool, limit, nil)}
	for _, p := range processes { // each may cost half of everything, and costs nothing
		if _, err := p.Take(t.Context(), caller, 5000); err != nil {
			t.Fatal(err)
		}
		if s, err := p.Back(t.Context(), caller, 5000); err != nil || s.Available < 8000 {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if _, err := processes[0].Take(t.Context(), caller, 5000); err != nil {
		t.Fatal(err)
	}
	if s, err := processes[0].Back(t.Context(), caller, -8000); err != nil || s.Available > 100 {
		t.Errorf("an operation for 5000 that cost 13000 leaves %+v, %v", s, err)
	}
	_, err := processes[1].Take(t.Context(), caller, 5000)
	if spent, ok := errors.AsType[*limits.SpentError](err); !ok || spent.After < 3000*time.Second {
		t.Errorf("what is owed can be spent elsewhere: %v", err)
	}
	if err := processes[0].Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM allowances`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows are left of one that is not full, %v", rows, err)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE allowances SET at = at - interval '1 day'`); err != nil {
		t.Fatal(err)
	}
	if err := processes[0].Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM allowances`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows are left of one that is full again, %v", rows, err)
	}
}
