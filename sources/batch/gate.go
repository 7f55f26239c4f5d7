package batch

import (
	"context"
	"sync"
)

// Gate keeps the first question of a response back until every field at the root has announced
// what is beneath it, or asks itself. Executed breadth first, each further level has a gate of its own.
type Gate struct {
	mu      sync.Mutex
	pending int
	open    chan struct{}
}

// NewGate returns a gate for n fields. With none, or one, it is open.
func NewGate(n int) *Gate {
	g := &Gate{pending: n, open: make(chan struct{})}
	if n <= 1 {
		close(g.open)
		g.pending = 0
	}
	return g
}

type turnKey struct{}

// turn is one field's part in the gate.
type turn struct {
	gate *Gate
	// whole is true when the field asks for all of its keys at once.
	whole bool
	once  sync.Once
}

// Enter returns a context for one field at the root, and the function to call when the field is
// done with, however it ended.
func (g *Gate) Enter(ctx context.Context) (context.Context, func()) {
	t := &turn{gate: g}
	return context.WithValue(ctx, turnKey{}, t), t.arrive
}

// EnterWhole is Enter for a field that is called for all its parents: each load announces its keys, and the first waits
// for what the other fields of the gate load.
func (g *Gate) EnterWhole(ctx context.Context) (context.Context, func()) {
	t := &turn{gate: g, whole: true}
	return context.WithValue(ctx, turnKey{}, t), t.arrive
}

// Arrive says that the resolver of the root field whose context this is has returned.
func Arrive(ctx context.Context) {
	if t, ok := ctx.Value(turnKey{}).(*turn); ok {
		t.arrive()
	}
}

func (t *turn) arrive() {
	t.once.Do(func() {
		g := t.gate
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.pending > 0 {
			if g.pending--; g.pending == 0 {
				close(g.open)
			}
		}
	})
}

// pass waits until the gate opens. A root field that loads has announced all it can, so its own
// turn ends here.
func (g *Gate) pass(ctx context.Context) {
	if g == nil {
		return
	}
	Arrive(ctx)
	g.wait(ctx)
}

func (g *Gate) wait(ctx context.Context) {
	select {
	case <-g.open:
	case <-ctx.Done():
	}
}
