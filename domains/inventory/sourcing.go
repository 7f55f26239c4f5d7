package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"crossdock/domains/trade"
)

// exactUpTo is how many candidates are searched exhaustively; beyond that the plan is flagged as heuristic.
const exactUpTo = 8

// Need is a quantity of an order line to promise from somewhere.
type Need struct {
	Line     int
	SKU      trade.SKU
	Category string
	Quantity trade.Decimal
	// Single is whether one node sends all that is sent of it.
	Single bool
	// Anyhow is whether it is sent as its node likes, whatever the service.
	Anyhow bool
}

// Request is what an order needs, and what it is sourced by.
type Request struct {
	Needs []Need
	// Avoid are nodes that nothing is to be promised from.
	Avoid  []trade.NodeID
	ShipTo trade.Address
	// Wanted is the day that the goods are wanted; empty for as soon as can be.
	Wanted trade.Date
	// Service is how they are sent; empty for how each node likes.
	Service  string
	Criteria []trade.Criterion
	// MaxNodes bounds the nodes that send; 0 does not.
	MaxNodes int
	// Eligible is how much of what lies at nodes may be sent, of items of which not every lot may; none of one that a node is
	// missing for.
	Eligible map[trade.SKU]map[trade.NodeID]trade.Decimal
}

// Supply is what a node could promise, at the moment of planning.
type Supply struct {
	Node Node
	// Free is what may be promised by item, Ages how old the node's figure of it is.
	Free map[trade.SKU]trade.Decimal
	Ages map[trade.SKU]time.Duration
	// Ships is the first day that it could send on, Waits how many days that is away.
	Ships trade.Date
	Waits int
	// Barred are items that it has, but no lot of which may be sent.
	Barred map[trade.SKU]bool
	// Full is true when it could not send before the day after the one that the goods are wanted on.
	Full bool
}

// Plan is who sends what, and why.
type Plan struct {
	Promises []Promise `json:"promises"`
	// Short is what nobody can send, over all lines.
	Short trade.Decimal `json:"short"`
	// Ships is the first day by which all nodes can have sent; empty when none sends.
	Ships trade.Date `json:"ships,omitempty"`
	Score Score      `json:"score"`
	// Heuristic is true when there were too many candidates to compare all plans.
	Heuristic  bool              `json:"heuristic,omitempty"`
	Criteria   []trade.Criterion `json:"criteria"`
	Candidates []Candidate       `json:"candidates"`
	Excluded   []Exclusion       `json:"excluded,omitempty"`
	// RunnersUp are the next best sets of nodes.
	RunnersUp []Score `json:"runnersUp,omitempty"`
}

// Candidate is a node that was considered, with what it was considered for.
type Candidate struct {
	Node  trade.NodeID `json:"node"`
	Ships trade.Date   `json:"ships,omitempty"`
	Items []Stocked    `json:"items"`
}

// Stocked is what a node had of an item, by a figure of an age.
type Stocked struct {
	SKU  trade.SKU     `json:"sku"`
	Free trade.Decimal `json:"free"`
	// AgeSeconds is how old the node's figure was.
	AgeSeconds float64 `json:"ageSeconds"`
}

// Exclusion is why a node was not considered, for a line or for all.
type Exclusion struct {
	Node   trade.NodeID `json:"node"`
	Line   int          `json:"line,omitempty"`
	Reason string       `json:"reason"`
}

// OfLine is the line that the node was not considered for, nil for all.
func (e *Exclusion) OfLine() *int {
	if e.Line == 0 {
		return nil
	}
	return &e.Line
}

// Why nodes are excluded.
const (
	ExcludedNoStock = "NO_STOCK"
	ExcludedUnknown = "NO_CURRENT_FIGURE"
	ExcludedAvoided = "GAVE_IT_BACK"
	ExcludedFull    = "FULL_UNTIL_AFTER_WANTED"
	ExcludedRefused = "DOES_NOT_HANDLE"
	ExcludedLots    = "NO_ELIGIBLE_LOT"
	ExcludedService = "NOT_BY_THAT_SERVICE"
)

// Score is how good a set of nodes is; less is better throughout.
type Score struct {
	Nodes    []trade.NodeID `json:"nodes"`
	Short    trade.Decimal  `json:"short"`
	Splits   int            `json:"splits"`
	Lateness int            `json:"lateness"`
	Priority int            `json:"priority"`
	Distance int            `json:"distance"`
	Cost     trade.Decimal  `json:"cost"`
}

// compare orders scores by the criteria, the better first.
func (s Score) compare(o Score, by []trade.Criterion) int {
	if c := s.Short.Cmp(o.Short); c != 0 {
		return c
	}
	for _, criterion := range by {
		c := 0
		switch criterion {
		case trade.BySplits:
			c = cmp.Compare(s.Splits, o.Splits)
		case trade.ByLateness:
			c = cmp.Compare(s.Lateness, o.Lateness)
		case trade.ByPriority:
			c = cmp.Compare(s.Priority, o.Priority)
		case trade.ByNearness:
			c = cmp.Compare(s.Distance, o.Distance)
		case trade.ByCost:
			c = s.Cost.Cmp(o.Cost)
		}
		if c != 0 {
			return c
		}
	}
	return slices.Compare(s.Nodes, o.Nodes)
}

// source plans who sends what. Up to eight candidates every set of nodes is compared, so that no better one exists by the
// criteria; beyond that the best node is added to the set for as long as that helps.
//
// Within a set each line is taken whole from the best node that has all of it, and split over the nodes, the best first,
// where none has. That sends as much as the set can, since the stock of different items does not compete.
func source(r Request, supplies []Supply) Plan {
	by := slices.Clone(r.Criteria)
	for _, c := range trade.Criteria() { // what is not named breaks the ties that are left
		if !slices.Contains(by, c) {
			by = append(by, c)
		}
	}
	p := Plan{Criteria: by, Promises: []Promise{}}
	supplies = p.candidates(r, supplies)
	slices.SortStableFunc(supplies, func(a, b Supply) int {
		return cmp.Or(r.score([]Supply{a}, trade.Decimal{}).compare(r.score([]Supply{b}, trade.Decimal{}), slices.DeleteFunc(slices.Clone(by), func(c trade.Criterion) bool { return c == trade.BySplits })))
	})
	most := len(supplies)
	if r.MaxNodes > 0 {
		most = min(most, r.MaxNodes)
	}
	var best []tried
	if s := r.search(supplies); len(supplies) <= exactUpTo {
		best = s.everySet(most)
	} else {
		p.Heuristic = true
		best = s.greedily(most, by)
	}
	slices.SortStableFunc(best, func(a, b tried) int { return a.score.compare(b.score, by) })
	best = slices.CompactFunc(best, func(a, b tried) bool { return slices.Equal(a.score.Nodes, b.score.Nodes) })
	if len(best) == 0 {
		p.Score = r.score(nil, r.total())
		p.Short = p.Score.Short
		return p
	}
	p.Promises, p.Score, p.Short = best[0].promises, best[0].score, best[0].score.Short
	for _, s := range supplies {
		if slices.Contains(p.Score.Nodes, s.Node.ID) {
			p.Ships = max(p.Ships, s.Ships)
		}
	}
	for _, t := range best[1:min(len(best), 4)] {
		p.RunnersUp = append(p.RunnersUp, t.score)
	}
	return p
}

// search is a request with what its candidates, the best first, may send of its needs' items: one column for each item.
type search struct {
	Request
	supplies []Supply
	column   []int
	free     [][]trade.Decimal
	left     [][]trade.Decimal
}

func (r Request) search(supplies []Supply) *search {
	s := &search{Request: r, supplies: supplies, column: make([]int, len(r.Needs))}
	at := map[trade.SKU]int{}
	for i, n := range r.Needs {
		column, ok := at[n.SKU]
		if !ok {
			column = len(at)
			at[n.SKU] = column
		}
		s.column[i] = column
	}
	for _, supply := range supplies {
		row := make([]trade.Decimal, len(at))
		for i, n := range r.Needs {
			if n.may(supply.Node) && n.goes(supply.Node, r.Service) {
				row[s.column[i]] = supply.Free[n.SKU].Max(trade.Decimal{})
			}
		}
		s.free, s.left = append(s.free, row), append(s.left, make([]trade.Decimal, len(at)))
	}
	return s
}

// tried is a set of nodes with what it would send.
type tried struct {
	promises []Promise
	score    Score
}

// everySet tries every set of up to so many nodes.
func (s *search) everySet(most int) []tried {
	var out []tried
	for bits := 1; bits < 1<<len(s.supplies); bits++ {
		var set []int
		for i := range s.supplies {
			if bits&(1<<i) != 0 {
				set = append(set, i)
			}
		}
		if len(set) <= most {
			out = append(out, s.try(set))
		}
	}
	return out
}

// greedily adds the node that makes the set the best, for as long as one does.
func (s *search) greedily(most int, by []trade.Criterion) []tried {
	var set []int
	var out []tried
	for len(set) < most {
		var next []int
		var best tried
		for i := range s.supplies {
			if slices.Contains(set, i) {
				continue
			}
			with := append(slices.Clone(set), i)
			slices.Sort(with)
			if t := s.try(with); next == nil || t.score.compare(best.score, by) < 0 {
				next, best = with, t
			}
		}
		if next == nil || len(out) > 0 && best.score.Short.Cmp(out[len(out)-1].score.Short) >= 0 {
			break
		}
		set, out = next, append(out, best)
	}
	return out
}

// try is what a set of candidates would send.
func (s *search) try(set []int) tried {
	for _, i := range set {
		copy(s.left[i], s.free[i])
	}
	var t tried
	short, used := trade.Decimal{}, make([]bool, len(s.supplies))
	for k, n := range s.Needs {
		rest, column := n.Quantity, s.column[k]
		take := func(i int) {
			q := trade.Min(rest, s.left[i][column])
			if q.IsPos() {
				s.left[i][column], rest = trade.Less(s.left[i][column], q), trade.Less(rest, q)
				t.promises = append(t.promises, Promise{n.Line, s.supplies[i].Node.ID, q})
				used[i] = true
			}
		}
		if whole := slices.IndexFunc(set, func(i int) bool { return s.left[i][column].Cmp(rest) >= 0 }); whole >= 0 {
			take(set[whole])
		}
		from := set
		if n.Single && rest.IsPos() {
			from = []int{slices.MaxFunc(set, func(a, b int) int {
				return cmp.Or(s.left[a][column].Cmp(s.left[b][column]), b-a) // the better one where they are even
			})}
		}
		for _, i := range from {
			if !rest.IsPos() {
				break
			}
			take(i)
		}
		short = trade.Sum(short, rest)
	}
	var nodes []Supply
	for _, i := range set {
		if used[i] {
			nodes = append(nodes, s.supplies[i])
		}
	}
	t.score = s.score(nodes, short)
	return t
}

// candidates notes who is considered for what, and who is not and why, and returns the nodes that are left.
func (p *Plan) candidates(r Request, supplies []Supply) []Supply {
	var out []Supply
	for _, s := range supplies {
		node := s.Node.ID
		if slices.Contains(r.Avoid, node) {
			p.Excluded = append(p.Excluded, Exclusion{Node: node, Reason: ExcludedAvoided})
			continue
		}
		if s.Full {
			p.Excluded = append(p.Excluded, Exclusion{Node: node, Reason: ExcludedFull})
			continue
		}
		c, free := Candidate{Node: node, Ships: s.Ships}, map[trade.SKU]trade.Decimal{}
		for _, n := range r.Needs {
			has, told := s.Free[n.SKU]
			reason := ""
			switch {
			case !n.may(s.Node):
				reason = ExcludedRefused
			case !n.goes(s.Node, r.Service):
				reason = ExcludedService
			case !told:
				reason = ExcludedUnknown
			case !has.IsPos() && s.Barred[n.SKU]:
				reason = ExcludedLots
			case !has.IsPos():
				reason = ExcludedNoStock
			}
			if reason != "" {
				p.Excluded = append(p.Excluded, Exclusion{Node: node, Line: n.Line, Reason: reason})
				continue
			}
			if _, seen := free[n.SKU]; !seen {
				c.Items = append(c.Items, Stocked{SKU: n.SKU, Free: has, AgeSeconds: s.Ages[n.SKU].Seconds()})
			}
			free[n.SKU] = has
		}
		if len(free) > 0 {
			p.Candidates = append(p.Candidates, c)
			out = append(out, s)
		}
	}
	return out
}

// may reports whether the line may be promised from the node at all.
func (n Need) may(node Node) bool {
	return n.Category == "" || !slices.Contains(node.Refuses, n.Category)
}

// goes reports whether the node sends the line by the service; by none where it is empty.
func (n Need) goes(node Node, service string) bool {
	if service == "" || n.Anyhow {
		return true
	}
	by, has := node.Service(service)
	return has && (n.Category == "" || !slices.Contains(by.Refuses, n.Category))
}

func (r Request) total() trade.Decimal {
	all := trade.Decimal{}
	for _, n := range r.Needs {
		all = trade.Sum(all, n.Quantity)
	}
	return all
}

// score is how good it is to send from these nodes.
func (r Request) score(nodes []Supply, short trade.Decimal) Score {
	s := Score{Short: short, Splits: len(nodes), Nodes: []trade.NodeID{}}
	for _, n := range nodes {
		s.Nodes = append(s.Nodes, n.Node.ID)
		s.Priority += n.Node.Priority
		s.Cost = trade.Sum(s.Cost, n.Node.Cost)
		s.Lateness = max(s.Lateness, r.late(n))
		if !n.Node.near(r.ShipTo) {
			s.Distance++
		}
	}
	slices.Sort(s.Nodes)
	return s
}

// late is by how many days a node misses the day that the goods are wanted on; wanted as soon as can be, every day counts.
func (r Request) late(s Supply) int {
	wanted, err := time.Parse(time.DateOnly, string(r.Wanted))
	if err != nil {
		return s.Waits
	}
	day, err := time.Parse(time.DateOnly, string(s.Ships))
	if err != nil {
		return horizon
	}
	return max(0, int(day.Sub(wanted)/(24*time.Hour)))
}

// near reports whether the node is near a place: it names its country, or its country and region.
func (n Node) near(to trade.Address) bool {
	return slices.Contains(n.Near, to.Country) || to.Region != "" && slices.Contains(n.Near, to.Country+"-"+to.Region)
}

// Calendar is when a node sends.
type Calendar struct {
	// CutOff is until when an order leaves on the day that it came, as 15:04 in the node's time zone; empty for the whole day.
	CutOff string `json:"cutOff,omitempty"`
	// Closed are weekdays such as SAT, and days such as 2026-12-25.
	Closed []string `json:"closed,omitempty"`
	// PerDay is how many orders it sends a day; 0 for any number.
	PerDay int `json:"perDay,omitempty"`
}

// horizon bounds the days ahead that are looked at for one on which a node sends.
const horizon = 60

// Day is a day that a node sends on.
type Day struct {
	Date trade.Date
	// Away is how many days it is away from the node's today.
	Away int
}

// Days are the days that the node sends on from a time on, the first that an order of that time can leave on first.
func (n Node) Days(now time.Time) []Day {
	zone, err := time.LoadLocation(n.TimeZone)
	if err != nil || n.TimeZone == "" {
		zone = time.UTC
	}
	today, first := now.In(zone), 0
	if c := n.Calendar.CutOff; c != "" && today.Format("15:04") > c {
		first = 1
	}
	var out []Day
	for away := first; away < horizon; away++ {
		day := today.AddDate(0, 0, away)
		date := day.Format(time.DateOnly)
		if !slices.Contains(n.Calendar.Closed, date) && !slices.Contains(n.Calendar.Closed, strings.ToUpper(day.Format("Mon"))) {
			out = append(out, Day{trade.Date(date), away})
		}
	}
	return out
}

// first is the first day that the node has room on, and whether the goods could leave in time but for its room.
func (n Node) first(days []Day, load map[trade.Date]int, wanted trade.Date) (day Day, full bool) {
	for _, d := range days {
		if n.Calendar.PerDay == 0 || load[d.Date] < n.Calendar.PerDay {
			return d, full && wanted != "" && d.Date > wanted
		}
		full = true
	}
	return Day{Away: horizon}, full && wanted != ""
}

// Check returns what is wrong with a calendar.
func (c Calendar) Check() error {
	if c.CutOff != "" {
		if _, err := time.Parse("15:04", c.CutOff); err != nil {
			return fmt.Errorf("cutOff: %q is not a time of day: write one such as 15:30", c.CutOff)
		}
	}
	if c.PerDay < 0 {
		return fmt.Errorf("perDay: %d orders a day", c.PerDay)
	}
	for _, d := range c.Closed {
		if _, err := time.Parse(time.DateOnly, d); err != nil && !slices.Contains([]string{"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"}, d) {
			return fmt.Errorf("closed: %q is neither a weekday such as SAT nor a day such as 2026-12-25", d)
		}
	}
	return nil
}
