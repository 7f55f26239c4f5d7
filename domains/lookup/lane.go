package lookup

import "context"

// Lane says what a question is for. When the budget of a source runs short, or its places for calls under way,
// the lanes stop one after the other.
type Lane int

// The lanes. What somebody waits to have decided goes before the work on what was accepted, that before what
// somebody looks at, and all of it before history.
const (
	Reads Lane = iota
	Work
	History
	Intake
)

// Lanes are all lanes, in the order in which they stop.
func Lanes() []Lane { return []Lane{History, Reads, Work, Intake} }

func (l Lane) String() string { return [...]string{"READS", "WORK", "HISTORY", "INTAKE"}[l] }

type laneKey struct{}

// In returns a context whose questions are for the lane.
func In(ctx context.Context, l Lane) context.Context { return context.WithValue(ctx, laneKey{}, l) }

// LaneOf is what the questions of a context are for; reads when it does not say.
func LaneOf(ctx context.Context) Lane {
	l, _ := ctx.Value(laneKey{}).(Lane)
	return l
}

type returnsKey struct{}

// Returns returns a context for who comes back, by this name, when it is told to wait: a place that it stood at is kept for it.
func Returns(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, returnsKey{}, name)
}

// Returning is the name by which the context's caller comes back; empty when it does not.
func Returning(ctx context.Context) string {
	name, _ := ctx.Value(returnsKey{}).(string)
	return name
}
