package orders

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
)

// Rules are what intake decides by: a policy for everybody, and what is otherwise for classes of accounts.
type Rules struct {
	// Version is the rule set's number; 0 are the rules that are built in.
	Version int
	Default Policy
	Classes []Class
}

// Class is a group of accounts that is decided otherwise than the others.
type Class struct {
	Name string
	// Accounts are numbers, or patterns such as C10*.
	Accounts []string
	// Policy is the class's whole policy: the default with what the class says in its place.
	Policy Policy
}

// Policy is what one account's orders are decided by.
type Policy struct {
	// Checks is what findings do to an order, by code; the catalogue has what is left out.
	Checks map[string]Effect `json:"checks,omitempty"`
	// PriceTolerance is how far the price may be above the one expected.
	PriceTolerance Tolerance  `json:"priceTolerance"`
	Credit         CreditRule `json:"credit"`
	Overdue        Overdue    `json:"overdue"`
	// OrderValue bounds what one order is worth, before tax, in the order's currency.
	OrderValue Band `json:"orderValue"`
	// DuplicatePODays is for how many days the same order under the same PO number is taken for a repeat.
	DuplicatePODays int `json:"duplicatePoDays"`
	// MarginFloor is the smallest margin in percent of the price; nil for none.
	MarginFloor *trade.Decimal `json:"marginFloor,omitempty"`
	// Backorders is what becomes of what cannot be promised.
	Backorders Backorders `json:"backorders"`
	// Rounding is what becomes of quantities that are not whole packs.
	Rounding Rounding `json:"rounding"`
	// QuantityLimits are the most of an item that one line may have.
	QuantityLimits []QuantityLimit `json:"quantityLimits,omitempty"`
	// Assortment is what the account may buy; nil for everything.
	Assortment *Assortment `json:"assortment,omitempty"`
	// Restrictions are what may not be sent somewhere.
	Restrictions []Restriction `json:"restrictions,omitempty"`
	// Taxes are the rates that an order's tax is estimated by; the first that fits a line is its.
	Taxes []TaxRate `json:"taxes,omitempty"`
	// Sourcing is how nodes are chosen.
	Sourcing SourcingRule `json:"sourcing"`
	// Approvals are the orders that somebody on the buyer's side approves. They do not hold what a storefront has sold.
	Approvals []ApprovalRule `json:"approvals,omitempty"`
	// Buyers are what some buyers may order.
	Buyers []BuyerRule `json:"buyers,omitempty"`
	// Lots are which lots items are sent from; what no rule names is sent from any.
	Lots []LotRule `json:"lots,omitempty"`
	// Blankets are the agreements that orders are placed under.
	Blankets []Blanket `json:"blankets,omitempty"`
	// Holds are how findings hold, by code.
	Holds map[string]HoldRule `json:"holds,omitempty"`
}

// Tolerance is a difference in price that is taken as none. Its defaults are SAP's.
type Tolerance struct {
	PerUnit trade.Decimal `json:"perUnit"`
	PerLine trade.Decimal `json:"perLine"`
}

// CreditRule is what counts against an account's limit:
//
//	available = limit × threshold − balance − open orders − accepted here and not in the ERP yet
type CreditRule struct {
	// Threshold is how much of the limit may be used, in percent.
	Threshold trade.Decimal `json:"threshold"`
	// OpenOrders is whether what the ERP has open counts.
	OpenOrders bool `json:"openOrders"`
	// Surcharge is what an order costs beyond its lines, for tax and freight, in percent.
	Surcharge trade.Decimal `json:"surcharge"`
	// Watch is from how much of the limit on somebody is warned, in percent; 0 for never.
	Watch trade.Decimal `json:"watch"`
}

// Overdue is how much may be overdue.
type Overdue struct {
	Amount trade.Decimal `json:"amount"`
	// Days is for how many days an invoice may be overdue; nil does not look at invoices.
	Days *int `json:"days,omitempty"`
}

// Band bounds an amount on either side; nil does not.
type Band struct {
	Minimum *trade.Decimal `json:"minimum,omitempty"`
	Maximum *trade.Decimal `json:"maximum,omitempty"`
}

// Backorders is what becomes of a line, or of an order, that cannot be promised whole.
type Backorders string

// The policies. An order that its channel has taken already is held where the policy would turn something down.
const (
	// BackorderHold holds the order until there is stock or somebody decides.
	BackorderHold Backorders = "HOLD"
	// BackorderLine sends what is there, and the rest when it comes.
	BackorderLine Backorders = "LINE"
	// BackorderNone sends what is there and turns the rest down.
	BackorderNone Backorders = "NONE"
	// FillOrKill turns a line down that cannot be sent whole.
	FillOrKill Backorders = "FILL_OR_KILL"
)

// Rounding is what becomes of a quantity that is not whole packs.
type Rounding string

// The ways to round.
const (
	RoundNever   Rounding = "REJECT"
	RoundUp      Rounding = "UP"
	RoundNearest Rounding = "NEAREST"
	RoundDown    Rounding = "DOWN"
)

// Selector chooses items by SKU or category; both take patterns such as SKU-10*.
type Selector struct {
	SKUs       []string `json:"skus,omitempty"`
	Categories []string `json:"categories,omitempty"`
}

func (s Selector) has(i ItemFact) bool {
	return matches(s.SKUs, string(i.SKU)) || i.Category != "" && matches(s.Categories, i.Category)
}

// SourcingRule is how nodes are chosen.
type SourcingRule struct {
	// Criteria are what plans are compared by, the weightiest first.
	Criteria []trade.Criterion `json:"criteria,omitempty"`
	// MaxNodes bounds the nodes that one order is sent from; 0 does not.
	MaxNodes int `json:"maxNodes,omitempty"`
	// ShipComplete is whether nothing is sent before everything can be.
	ShipComplete bool `json:"shipComplete,omitempty"`
}

// QuantityLimit is the most of an item that one line may have, in the item's unit.
type QuantityLimit struct {
	Items   Selector      `json:"items"`
	Maximum trade.Decimal `json:"maximum"`
}

// Assortment is what an account may buy: what is chosen by only, or everything where that is left out, and nothing that is
// chosen by never.
type Assortment struct {
	Only  *Selector `json:"only,omitempty"`
	Never *Selector `json:"never,omitempty"`
}

// sells reports whether an item is part of it.
func (a Assortment) sells(i ItemFact) bool {
	return (a.Only == nil || a.Only.has(i)) && (a.Never == nil || !a.Never.has(i))
}

// Restriction is what may not be sent to some countries or regions. Without items it is the whole order.
type Restriction struct {
	Items *Selector `json:"items,omitempty"`
	Places
	Reason string `json:"reason"`
}

// TaxRate is what tax some places take on items, in percent of their price. Without items it is on all of them.
type TaxRate struct {
	Items *Selector `json:"items,omitempty"`
	Places
	Percent trade.Decimal `json:"percent"`
}

// Places are countries by ISO 3166-1 codes, and regions as a country and its region such as US-CA; either may be meant.
type Places struct {
	Countries []string `json:"countries,omitempty"`
	Regions   []string `json:"regions,omitempty"`
}

// names reports whether a place is one of these; unclear is true when that depends on its region, which is no code.
func (r Places) names(to trade.Address) (yes, unclear bool) {
	country, region := strings.ToUpper(strings.TrimSpace(to.Country)), strings.ToUpper(strings.TrimSpace(to.Region))
	if slices.Contains(r.Countries, country) || slices.Contains(r.Regions, country+"-"+region) {
		return true, false
	}
	return false, (region == "" || len(region) > 3) && slices.ContainsFunc(r.Regions, func(code string) bool { return strings.HasPrefix(code, country+"-") })
}

// covers reports whether a place may be one of these.
func (r Places) covers(to trade.Address) bool {
	country, region := strings.ToUpper(strings.TrimSpace(to.Country)), strings.ToUpper(strings.TrimSpace(to.Region))
	if slices.Contains(r.Countries, country) {
		return true
	}
	return slices.ContainsFunc(r.Regions, func(code string) bool {
		// A region that is written out may be the one that is meant.
		in, name, _ := strings.Cut(code, "-")
		return in == country && (name == region || len(region) > 3 || region == "")
	})
}

// HoldRule is how a finding holds an order.
type HoldRule struct {
	// Level is whether a line's finding holds its line only.
	Level HoldLevel `json:"level,omitempty"`
	// Blocks are the activities that wait; RELEASE where it is left out.
	Blocks []Activity `json:"blocks,omitempty"`
	// Scope is what somebody must hold to release it; orders:release where it is left out.
	Scope string `json:"scope,omitempty"`
	// ReviewHours is how long the order keeps its stock; 72 where it is left out.
	ReviewHours int `json:"reviewHours,omitempty"`
}

// HoldLevel is what a hold is put on.
type HoldLevel string

// The levels.
const (
	HoldsOrder HoldLevel = "ORDER"
	HoldsLine  HoldLevel = "LINE"
)

// Activity is what a hold can stop.
type Activity string

// The activities. What nodes have begun with is theirs: to pick and to ship are stopped by stopping the release.
const (
	Release Activity = "RELEASE"
	Invoice Activity = "INVOICE"
)

// Scopes are the rights that a hold may ask for, and last the one that stands above them.
func Scopes() []string {
	return []string{"orders:release", "credit:release", "pricing:release", Override}
}

// Override is the right to release a hold that asks for another one.
const Override = "orders:override"

// BuiltIn are the rules of an installation that has none of its own.
func BuiltIn() *Rules {
	percent := trade.MustDecimal
	return &Rules{Default: Policy{
		PriceTolerance:  Tolerance{PerUnit: trade.MustDecimal("0.05"), PerLine: trade.MustDecimal("1.00")},
		Credit:          CreditRule{Threshold: percent("100"), OpenOrders: true, Surcharge: percent("0"), Watch: percent("0")},
		DuplicatePODays: 30, Backorders: BackorderHold, Rounding: RoundNever,
	}}
}

// For is the policy of an account: that of the first class that names it.
func (r *Rules) For(account trade.AccountID) Policy {
	for _, c := range r.Classes {
		if matches(c.Accounts, string(account)) {
			return c.Policy
		}
	}
	return r.Default
}

// effect is what a finding of the check does.
func (p Policy) effect(code string) Effect {
	if e, ok := p.Checks[code]; ok {
		return e
	}
	c, ok := checkOf(code)
	if !ok {
		return Holds
	}
	return c.Effect
}

// makes reports whether the check is made at all: it is not off, and there is something to compare with.
func (p Policy) makes(code string) bool {
	there := map[string]bool{
		orderMin: p.OrderValue.Minimum != nil, orderMax: p.OrderValue.Maximum != nil, marginFloor: p.MarginFloor != nil, creditWatch: p.Credit.Watch.IsPos(),
		notInAssortment: p.Assortment != nil, itemRestricted: len(p.Restrictions) > 0, qtyMax: len(p.QuantityLimits) > 0,
		buyerNotAuthorized: len(p.Buyers) > 0, blanketExhausted: len(p.Blankets) > 0, lotRules: len(p.Lots) > 0,
	}
	is, said := there[code]
	return p.effect(code) != Off && (is || !said)
}

// matches reports whether one of the patterns is the name: * is any text, ? any character.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return like(p, name) })
}

func like(pattern, name string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if len(name) < len(before) {
		return false
	}
	for i := range len(before) {
		if before[i] != '?' && before[i] != name[i] {
			return false
		}
	}
	name = name[len(before):]
	if !wild {
		return name == ""
	}
	for {
		if like(after, name) {
			return true
		}
		if name == "" {
			return false
		}
		name = name[1:]
	}
}

// maxRules bounds the text of a rule set.
const maxRules = 256 << 10

// ParseRules reads rules as they are written: {"default": policy, "classes": [{"name", "accounts", "policy"}]}. What a policy
// leaves out is as in the default, and what the default leaves out is as it is built in.
func ParseRules(raw []byte) (*Rules, error) {
	if len(raw) > maxRules {
		return nil, fault.New(fault.Invalid, "rules of %d bytes; the limit is %d", len(raw), maxRules).At("rules")
	}
	var in struct {
		Default json.RawMessage `json:"default"`
		Classes []struct {
			Name     string          `json:"name"`
			Accounts []string        `json:"accounts"`
			Policy   json.RawMessage `json:"policy"`
		} `json:"classes"`
	}
	if err := strictly(raw, &in, "rules"); err != nil {
		return nil, err
	}
	out := BuiltIn()
	var err error
	if out.Default, err = over(out.Default, in.Default, "rules.default"); err != nil {
		return nil, err
	}
	for i, c := range in.Classes {
		at := fmt.Sprintf("rules.classes.%d", i)
		switch {
		case strings.TrimSpace(c.Name) == "":
			return nil, fault.New(fault.Invalid, "the class has no name").At(at + ".name")
		case len(c.Accounts) == 0:
			return nil, fault.New(fault.Invalid, "class %s names no accounts: list numbers, or patterns such as C10*", c.Name).At(at + ".accounts")
		}
		p, err := over(out.Default, c.Policy, at+".policy")
		if err != nil {
			return nil, err
		}
		out.Classes = append(out.Classes, Class{Name: c.Name, Accounts: c.Accounts, Policy: p})
	}
	return out, nil
}

// over is a policy with what raw says in its place, entry by entry in its maps.
func over(p Policy, raw json.RawMessage, at string) (Policy, error) {
	out := p
	copied, err := json.Marshal(p) // what raw changes is not shared
	if err == nil {
		out = Policy{}
		err = json.Unmarshal(copied, &out)
	}
	if err != nil {
		return out, fmt.Errorf("rules: %w", err)
	}
	if len(raw) > 0 {
		var named map[string]json.RawMessage
		if err := strictly(raw, &named, at); err != nil {
			return out, err
		}
		// A list takes the place of a list as a whole: JSON would fill in its elements one by one.
		for name, empty := range map[string]func(){
			"quantityLimits": func() { out.QuantityLimits = nil }, "assortment": func() { out.Assortment = nil },
			"restrictions": func() { out.Restrictions = nil }, "approvals": func() { out.Approvals = nil }, "taxes": func() { out.Taxes = nil },
			"buyers": func() { out.Buyers = nil }, "blankets": func() { out.Blankets = nil }, "lots": func() { out.Lots = nil },
		} {
			if _, ok := named[name]; ok {
				empty()
			}
		}
		if err := strictly(raw, &out, at); err != nil {
			return out, err
		}
	}
	return out, out.check(at)
}

// strictly decodes JSON and refuses what is not known.
func strictly(raw []byte, into any, at string) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil && dec.More() {
		err = errors.New("there is more than one value")
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fault.New(fault.Invalid, "a %s is not a %s", wrong.Value, wrong.Type.Kind()).At(strings.TrimSuffix(at+"."+wrong.Field, "."))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "%s", strings.TrimPrefix(err.Error(), "json: ")).At(at)
	}
	return nil
}

// check returns what is wrong with a policy.
func (p Policy) check(at string) error {
	for _, code := range sortedKeys(p.Checks) {
		effect := p.Checks[code]
		c, ok := checkOf(code)
		switch {
		case !ok:
			return fault.New(fault.Invalid, "there is no check %q: intakeChecks lists them", code).At(at + ".checks." + code)
		case !slices.Contains(Effects(), effect):
			return fault.New(fault.Invalid, "%q is not an effect: use one of %v", effect, Effects()).At(at + ".checks." + code)
		case c.Most != "" && c.Most.milder(effect):
			return fault.New(fault.Invalid, "%s cannot be %s: the most is %s", code, effect, c.Most).At(at + ".checks." + code)
		case effect.milder(c.Least):
			return fault.New(fault.Invalid, "%s cannot be %s: the mildest is %s", code, effect, c.Least).At(at + ".checks." + code)
		}
	}
	for _, code := range sortedKeys(p.Holds) {
		h := p.Holds[code]
		if _, ok := checkOf(code); !ok {
			return fault.New(fault.Invalid, "there is no check %q: intakeChecks lists them", code).At(at + ".holds." + code)
		}
		if (code == priceMissing || code == sourceUnavailable) && len(h.Blocks) > 0 && !slices.Contains(h.Blocks, Release) {
			return fault.New(fault.Invalid, "%s blocks RELEASE: nothing leaves that is not decided", code).At(at + ".holds." + code + ".blocks")
		}
		if code == priceMissing && h.Level == HoldsLine {
			return fault.New(fault.Invalid, "%s holds the whole order: it cannot go to the ERP with a line that has no price", code).At(at + ".holds." + code + ".level")
		}
		if h.Level != "" && h.Level != HoldsOrder && h.Level != HoldsLine {
			return fault.New(fault.Invalid, "%q is not a level: use ORDER or LINE", h.Level).At(at + ".holds." + code + ".level")
		}
		for _, b := range h.Blocks {
			if b != Release && b != Invoice {
				return fault.New(fault.Invalid, "%q is not an activity that a hold stops: use RELEASE or INVOICE", b).At(at + ".holds." + code + ".blocks")
			}
		}
		if h.Scope != "" && !slices.Contains(Scopes(), h.Scope) {
			return fault.New(fault.Invalid, "%q is not a scope that releases holds: use one of %v", h.Scope, Scopes()).At(at + ".holds." + code + ".scope")
		}
		if h.ReviewHours < 0 || h.ReviewHours > 24*365 {
			return fault.New(fault.Invalid, "%d hours: use 1 to 8760", h.ReviewHours).At(at + ".holds." + code + ".reviewHours")
		}
	}
	if !slices.Contains([]Backorders{BackorderHold, BackorderLine, BackorderNone, FillOrKill}, p.Backorders) {
		return fault.New(fault.Invalid, "%q is not a backorder policy: use HOLD, LINE, NONE or FILL_OR_KILL", p.Backorders).At(at + ".backorders")
	}
	if !slices.Contains([]Rounding{RoundNever, RoundUp, RoundNearest, RoundDown}, p.Rounding) {
		return fault.New(fault.Invalid, "%q is not a way to round: use REJECT, UP, NEAREST or DOWN", p.Rounding).At(at + ".rounding")
	}
	for field, d := range map[string]trade.Decimal{
		"priceTolerance.perUnit": p.PriceTolerance.PerUnit, "priceTolerance.perLine": p.PriceTolerance.PerLine, "credit.threshold": p.Credit.Threshold,
		"credit.surcharge": p.Credit.Surcharge, "credit.watch": p.Credit.Watch, "overdue.amount": p.Overdue.Amount,
	} {
		most := most()
		if strings.HasPrefix(field, "credit.") {
			most = trade.MustDecimal("1000") // percent
		}
		if d.IsNeg() || d.Cmp(most) > 0 || d.MinScale() > 6 {
			return fault.New(fault.Invalid, "%s: use 0 to %s, with 6 decimal places at most", d, most).At(at + "." + field)
		}
	}
	if p.DuplicatePODays < 0 || p.DuplicatePODays > 3650 {
		return fault.New(fault.Invalid, "%d days: use 0 to 3650", p.DuplicatePODays).At(at + ".duplicatePoDays")
	}
	if d := p.Overdue.Days; d != nil && (*d < 0 || *d > 3650) {
		return fault.New(fault.Invalid, "%d days: use 0 to 3650", *d).At(at + ".overdue.days")
	}
	for _, c := range p.Sourcing.Criteria {
		if !slices.Contains(trade.Criteria(), c) {
			return fault.New(fault.Invalid, "%q is not a criterion: use some of %v", c, trade.Criteria()).At(at + ".sourcing.criteria")
		}
	}
	if p.Sourcing.MaxNodes < 0 {
		return fault.New(fault.Invalid, "%d nodes: use 0 for any number", p.Sourcing.MaxNodes).At(at + ".sourcing.maxNodes")
	}
	for i, a := range p.Approvals {
		if strings.TrimSpace(a.Name) == "" || a.Tiers < 0 || a.Tiers > maxTiers {
			return fault.New(fault.Invalid, "an approval rule needs a name, and 1 to %d tiers", maxTiers).At(fmt.Sprintf("%s.approvals.%d", at, i))
		}
	}
	for i, b := range p.Buyers {
		if strings.TrimSpace(b.Name) == "" || len(b.Buyers) == 0 || b.Maximum != nil && b.Maximum.IsNeg() {
			return fault.New(fault.Invalid, "a rule for buyers needs a name, buyers, and a maximum of 0 or more where it has one").At(fmt.Sprintf("%s.buyers.%d", at, i))
		}
	}
	for i, l := range p.Lots {
		if len(l.Items.SKUs)+len(l.Items.Categories) == 0 || l.Days != nil && (*l.Days < 0 || *l.Days > 3650) {
			return fault.New(fault.Invalid, "a rule of lots needs items, and 0 to 3650 days where it has them").At(fmt.Sprintf("%s.lots.%d", at, i))
		}
	}
	for i, b := range p.Blankets {
		if _, err := time.Parse(time.DateOnly, string(b.Until)); strings.TrimSpace(b.PONumber) != b.PONumber || b.PONumber == "" || !b.Maximum.IsPos() || b.Until != "" && err != nil {
			return fault.New(fault.Invalid, "a blanket order needs a poNumber, a maximum above 0, and an until such as 2027-12-31 where it ends").At(fmt.Sprintf("%s.blankets.%d", at, i))
		}
	}
	for i, r := range p.Restrictions {
		if len(r.Countries)+len(r.Regions) == 0 || strings.TrimSpace(r.Reason) == "" {
			return fault.New(fault.Invalid, "a restriction needs countries or regions, and a reason").At(fmt.Sprintf("%s.restrictions.%d", at, i))
		}
	}
	for i, r := range p.Taxes {
		if len(r.Countries)+len(r.Regions) == 0 || r.Percent.IsNeg() || r.Percent.Cmp(trade.MustDecimal("100")) > 0 {
			return fault.New(fault.Invalid, "a tax needs countries or regions, and 0 to 100 percent").At(fmt.Sprintf("%s.taxes.%d", at, i))
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// holdRule is how a finding of the code holds.
func (p Policy) holdRule(code string) HoldRule {
	h := p.Holds[code]
	if h.Level == "" {
		h.Level = HoldsOrder
	}
	if len(h.Blocks) == 0 {
		h.Blocks = []Activity{Release}
	}
	if h.Scope == "" {
		h.Scope = Scopes()[0]
	}
	if h.ReviewHours == 0 {
		h.ReviewHours = int(reviewAfter / time.Hour)
	}
	return h
}
