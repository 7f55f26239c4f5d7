package config

import (
	"cmp"
	"fmt"
	"slices"
)

// Limits bounds what callers may ask for, in points: extensions.cost tells what an operation costs.
type Limits struct {
	// Operation is what one operation may cost at most; 50000.
	Operation int `yaml:"operation"`
	// Points are what each caller, a subject at an application, has to spend; 0 for any number.
	Points int `yaml:"points"`
	// PerSecond is how many of its points a caller gets back in a second.
	PerSecond int `yaml:"perSecond"`
	// Clients are applications with limits of their own; what is left out is as for everybody.
	Clients []ClientLimits `yaml:"clients"`
}

// ClientLimits bounds what the callers of one application may ask for.
type ClientLimits struct {
	// Client is the application, as its tokens name it (azp).
	Client string `yaml:"client"`
	// Operation is what one operation may cost at most.
	Operation int `yaml:"operation"`
	// Points are what each caller of the application has to spend.
	Points int `yaml:"points"`
	// PerSecond is how many of its points a caller gets back in a second.
	PerSecond int `yaml:"perSecond"`
}

// operation is what one operation may cost where nothing is said: five times a page of a hundred orders with everything of their lines.
const operation = 50_000

func (l *Limits) defaults() {
	l.Operation = operationOf(l.Operation, operation, l.Points)
	for i := range l.Clients {
		c := &l.Clients[i]
		c.Points, c.PerSecond = cmp.Or(c.Points, l.Points), cmp.Or(c.PerSecond, l.PerSecond)
		c.Operation = operationOf(c.Operation, l.Operation, c.Points)
	}
}

// operationOf is what one operation may cost: what is said, or else as much as usual, if the points ever suffice.
func operationOf(said, usual, points int) int {
	if said == 0 && points > 0 {
		return min(usual, points)
	}
	return cmp.Or(said, usual)
}

func (l *Limits) check() (out []error) {
	all := append([]ClientLimits{{Operation: l.Operation, Points: l.Points, PerSecond: l.PerSecond}}, l.Clients...)
	seen := map[string]bool{}
	for i, c := range all {
		at := "limits"
		if i > 0 {
			at = fmt.Sprintf("limits.clients[%d]", i-1)
			if c.Client == "" || seen[c.Client] {
				out = append(out, fmt.Errorf("%s: client %q: name each application once, as the azp of its tokens does", at, c.Client))
			}
			seen[c.Client] = true
		}
		switch {
		case c.Operation < 0 || c.Points < 0 || c.PerSecond < 0:
			out = append(out, fmt.Errorf("%s: nothing is less than zero", at))
		case c.Points > 0 && c.PerSecond == 0:
			out = append(out, fmt.Errorf("%s: %d points that never come back: set perSecond, such as %d", at, c.Points, max(c.Points/20, 1)))
		case c.Points == 0 && c.PerSecond > 0 && !slices.ContainsFunc(all, func(c ClientLimits) bool { return c.Points > 0 }):
			out = append(out, fmt.Errorf("%s: perSecond without points limits nothing: set points, such as %d", at, 20*c.PerSecond))
		case c.Points > 0 && c.Operation > c.Points:
			out = append(out, fmt.Errorf("%s: an operation of %d points could never be paid from %d: set operation to %d at most", at, c.Operation, c.Points, c.Points))
		}
	}
	return out
}
