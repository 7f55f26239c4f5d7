package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// RuleSet is a version of the rules. It never changes; another version takes its place.
type RuleSet struct {
	// Version is its number; 0 are the rules that are built in.
	Version int
	Status  RuleSetStatus
	// Rules are as they were written; ParseRules says how they are read.
	Rules       json.RawMessage
	Note        string
	CreatedBy   string
	CreatedAt   time.Time
	ActivatedBy string
	ActivatedAt *time.Time
}

// RuleSetStatus is where a rule set is in its life.
type RuleSetStatus string

// A rule set is a draft until it is activated, and retired when another one is.
const (
	RulesDraft   RuleSetStatus = "DRAFT"
	RulesActive  RuleSetStatus = "ACTIVE"
	RulesRetired RuleSetStatus = "RETIRED"
)

// RulesScope is the right to read and change the rules.
const RulesScope = "rules"

func (r RuleSet) read() (*Rules, error) {
	out, err := ParseRules(r.Rules)
	if err != nil {
		return nil, fmt.Errorf("rule set %d: %w", r.Version, err)
	}
	out.Version = r.Version
	return out, nil
}

// RuleSets are the latest rule sets, the latest first.
func (s *Service) RuleSets(ctx context.Context, who trade.Viewer, first int) ([]RuleSet, error) {
	if err := mayRule(who); err != nil {
		return nil, err
	}
	if first < 1 || first > MaxPage {
		return nil, fault.New(fault.Invalid, "a page of %d; ask for 1 to %d", first, MaxPage).At("first")
	}
	return s.store.ruleSets(ctx, first)
}

func mayRule(who trade.Viewer) error {
	if !who.Has(RulesScope) {
		return fault.New(fault.Denied, "rules are read and changed with the scope %q", RulesScope)
	}
	return nil
}

// DraftRules keeps rules as a draft. Nothing is decided by them until they are activated.
func (s *Service) DraftRules(ctx context.Context, who trade.Viewer, raw json.RawMessage, note string) (*RuleSet, error) {
	if err := mayRule(who); err != nil {
		return nil, err
	}
	if len(note) > 1000 {
		return nil, fault.New(fault.Invalid, "a note of %d characters; the limit is 1000", len(note)).At("note")
	}
	if _, err := ParseRules(raw); err != nil {
		return nil, err
	}
	r := &RuleSet{Status: RulesDraft, Rules: raw, Note: note, CreatedBy: who.Subject, CreatedAt: s.now()}
	return r, s.store.inTx(ctx, func(tx postgres.Tx) error {
		if err := s.store.draftRules(ctx, tx, r); err != nil {
			return err
		}
		return postgres.Append(ctx, tx, ruled("rules.drafted", r.CreatedAt, who, map[string]any{"version": r.Version, "note": note}))
	})
}

// ActivateRules has orders decided by a rule set from now on, 0 by the rules that are built in. instead is the version that the
// caller believes to be active.
func (s *Service) ActivateRules(ctx context.Context, who trade.Viewer, version, instead int, reason string) (*RuleSet, error) {
	if err := mayRule(who); err != nil {
		return nil, err
	}
	if len(strings.TrimSpace(reason)) < 3 {
		return nil, fault.New(fault.Invalid, "an activation needs a reason of at least 3 characters, for the audit trail").At("reason")
	}
	now := s.now()
	r := builtInSet()
	err := s.store.inTx(ctx, func(tx postgres.Tx) error {
		was, err := s.store.activate(ctx, tx, version, who.Subject, now)
		if err != nil {
			return err
		}
		if was != instead {
			return fault.New(fault.Conflict, "rule set %d is active, not %d: look at it, and say so", was, instead).At("instead")
		}
		if version != 0 {
			if r, err = s.store.ruleSet(ctx, tx, version); err != nil {
				return err
			}
			if _, err := r.read(); err != nil {
				return err // written before what rules may say was changed
			}
		}
		return postgres.Append(ctx, tx, ruled("rules.activated", now, who, map[string]any{"version": version, "instead": was, "reason": reason}))
	})
	return &r, err
}

func builtInSet() RuleSet {
	return RuleSet{Status: RulesActive, Rules: json.RawMessage("{}"), Note: "built in"}
}

func ruled(typ event.Type, at time.Time, who trade.Viewer, details any) event.Event {
	e := event.New(event.Stream{Kind: "rules", ID: "intake"}, typ, at, details)
	e.Actor = who.Subject
	return e
}

// Trial is what would have become of orders by other rules.
type Trial struct {
	// Orders is how many decisions were made again, Changed are those that come out otherwise.
	Orders  int
	Changed []TrialChange
}

// TrialChange is an order that other rules decide otherwise.
type TrialChange struct {
	OrderID trade.OrderID
	Number  string
	Was     Decision
	Would   Decision
	// New and Gone are codes of findings, but for remarks.
	New  []string
	Gone []string
}

// maxTrial bounds the decisions that are made again in one go.
const maxTrial = 2000

// TryRules makes the latest decisions since a time again by a rule set, from what they were made from, and tells which come out
// otherwise. It changes nothing.
func (s *Service) TryRules(ctx context.Context, who trade.Viewer, version int, since time.Time, limit int) (*Trial, error) {
	if err := mayRule(who); err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxTrial {
		return nil, fault.New(fault.Invalid, "%d orders; ask for 1 to %d", limit, maxTrial).At("first")
	}
	rules := BuiltIn()
	if version != 0 {
		set, err := s.store.ruleSet(ctx, s.store.pool, version)
		if err != nil {
			return nil, err
		}
		if rules, err = set.read(); err != nil {
			return nil, err
		}
	}
	sets := map[int]*Rules{version: rules, 0: BuiltIn()}
	out := &Trial{}
	err := s.store.considered(ctx, since, limit, func(o *Order, c *Considered) error {
		then := sets[o.RuleSet]
		if then == nil {
			set, err := s.store.ruleSet(ctx, s.store.pool, o.RuleSet)
			if err != nil {
				return err
			}
			if then, err = set.read(); err != nil {
				return err
			}
			sets[o.RuleSet] = then
		}
		out.Orders++
		if change := c.compare(then, rules, o.PlacedAt); change != nil {
			change.OrderID, change.Number = o.ID, o.Number
			out.Changed = append(out.Changed, *change)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// compare decides by both rules, and returns what is otherwise by the second, nil when nothing is.
func (c *Considered) compare(then, now *Rules, at time.Time) *TrialChange {
	was, would := c.under(then.For(c.Draft.Account), at), c.under(now.For(c.Draft.Account), at)
	before, after := was.weighty(), would.weighty()
	without := func(codes, those []string) []string {
		return slices.DeleteFunc(slices.Clone(codes), func(code string) bool { return slices.Contains(those, code) })
	}
	change := &TrialChange{Was: was.Decision, Would: would.Decision, New: without(after, before), Gone: without(before, after)}
	if change.Was == change.Would && len(change.New)+len(change.Gone) == 0 {
		return nil
	}
	return change
}

// weighty are the codes of what does more to the order than remark something, each once.
func (o *Order) weighty() []string {
	var out []string
	for _, f := range o.Findings {
		if f.Severity != trade.Warn && !slices.Contains(out, f.Code) {
			out = append(out, f.Code)
		}
	}
	slices.Sort(out)
	return out
}

// Reviews are the findings about orders that are not for buyers' eyes.
func (s *Service) Reviews(ctx context.Context, ids []trade.OrderID) (map[trade.OrderID][]Finding, error) {
	return s.store.internal(ctx, ids)
}
