package trade

// Criterion is what plans are compared by. How much a plan sends always comes first.
type Criterion string

// The criteria. Ties fall to the next one, and in the end to the ids of the nodes.
const (
	// BySplits prefers fewer nodes, and so fewer parcels.
	BySplits Criterion = "SPLITS"
	// ByLateness prefers what leaves fewer days after the day that the goods are wanted, or else after today.
	ByLateness Criterion = "LATENESS"
	// ByPriority prefers nodes with a lower priority number.
	ByPriority Criterion = "PRIORITY"
	// ByNearness prefers nodes that are near the ship-to.
	ByNearness Criterion = "NEARNESS"
	// ByCost prefers nodes that cost less to send from.
	ByCost Criterion = "COST"
)

// Criteria are all of them in the order that is built in.
func Criteria() []Criterion {
	return []Criterion{BySplits, ByLateness, ByPriority, ByNearness, ByCost}
}
