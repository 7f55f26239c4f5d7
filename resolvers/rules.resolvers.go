package resolvers

import (
	"context"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/graph/model"
)

func (r *mutationResolver) DraftRuleSet(ctx context.Context, input model.DraftRuleSetInput) (*model.DraftRuleSetPayload, error) {
	set, err := r.Orders.DraftRules(ctx, viewer(ctx), input.Rules, input.Note)
	errs, err := problem(err)
	if len(errs) > 0 {
		set = nil
	}
	return &model.DraftRuleSetPayload{RuleSet: set, Errors: errs}, err
}

func (r *mutationResolver) ActivateRuleSet(ctx context.Context, input model.ActivateRuleSetInput) (*model.ActivateRuleSetPayload, error) {
	set, err := r.Orders.ActivateRules(ctx, viewer(ctx), input.Version, input.Instead, input.Reason)
	errs, err := problem(err)
	if len(errs) > 0 {
		set = nil
	}
	return &model.ActivateRuleSetPayload{RuleSet: set, Errors: errs}, err
}

func (r *queryResolver) IntakeChecks(ctx context.Context) ([]*orders.Check, error) {
	return refs(orders.Catalogue()), nil
}

func (r *queryResolver) RuleSets(ctx context.Context, first *int) ([]*orders.RuleSet, error) {
	list, err := r.Resolver.Orders.RuleSets(ctx, viewer(ctx), number(first, 20))
	return refs(list), err
}

func (r *queryResolver) RuleTrial(ctx context.Context, version int, since *time.Time, first *int) (*orders.Trial, error) {
	return r.Resolver.Orders.TryRules(ctx, viewer(ctx), version, value(since), number(first, 200))
}

func (r *ruleTrialChangeResolver) Order(ctx context.Context, objs []*orders.TrialChange) ([]*orders.Order, error) {
	return load(ctx, scopeOf(ctx).orders, keysOf(objs, func(c *orders.TrialChange) trade.OrderID { return c.OrderID }))
}

func (r *Resolver) RuleTrialChange() generated.RuleTrialChangeResolver {
	return &ruleTrialChangeResolver{r}
}

type ruleTrialChangeResolver struct{ *Resolver }
