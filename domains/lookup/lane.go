package lookup

import "context"

// Lane says what a question is for. When the budget of a source runs short, or its places for calls under way,
// the lanes stop one after the other.
type Lane int

// The lanes. What has been accepted, and what is being decided, is worked on before somebody looks, and both
// before history is read.
const (
	Reads Lane = iota
	Work
	History
)

// Lanes are all lanes, in the order in which they stop.
func Lanes() []Lane { return []Lane{History, Reads, Work} }

func (l Lane) String() string { return [...]string{"READS", "WORK", "HISTORY"}[l] }

type laneKey struct{}

// In returns a context whose questions are for the lane.
func In(ctx context.Context, l Lane) context.Context { return context.WithValue(ctx, laneKey{}, l) }

// LaneOf is what the questions of a context are for; reads when it does not say.
func LaneOf(ctx context.Context) Lane {
	l, _ := ctx.Value(laneKey{}).(Lane)
	return l
}
