package workflows

import (
	"context"
	"fmt"

	"crossdock/domains/imports"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

// Intake lets imports place orders without knowing them.
type Intake struct{ *orders.Service }

// Place implements imports.Intake.
func (i Intake) Place(ctx context.Context, who trade.Viewer, key string, from imports.Source, o imports.Order, whole bool) (imports.Placed, error) {
	d := filed(o, whole)
	d.ChannelSource, d.ChannelRef = "import/"+from.Import, fmt.Sprint(from.Row)
	return taken(i.Service.Place(ctx, who, key, d))
}

// Check implements imports.Intake.
func (i Intake) Check(ctx context.Context, who trade.Viewer, o imports.Order, whole bool) (imports.Placed, error) {
	return taken(i.Validate(ctx, who, filed(o, whole)))
}

// filed is an order of a file as a draft.
func filed(o imports.Order, whole bool) orders.Draft {
	d := orders.Draft{Account: o.Account, PONumber: o.PONumber, RequestedDate: o.RequestedDate, Currency: o.Currency, ShipToID: o.ShipToID, Channel: orders.File, Whole: whole}
	for _, l := range o.Lines {
		line := orders.DraftLine{SKU: l.SKU, Quantity: trade.Quantity{Value: l.Quantity, Unit: l.Unit}}
		if l.ExpectedUnitPrice != nil {
			line.ExpectedUnitPrice = &trade.Money{Amount: *l.ExpectedUnitPrice, Currency: o.Currency}
		}
		d.Lines = append(d.Lines, line)
	}
	return d
}

// taken is intake's answer in the words of imports.
func taken(a *orders.Answer, err error) (imports.Placed, error) {
	if err != nil {
		return imports.Placed{}, err
	}
	out := imports.Placed{Outcome: imports.Accepted, Decision: string(a.Decision)}
	switch a.Decision {
	case orders.DecisionHeld, orders.DecisionPendingApproval:
		out.Outcome = imports.Held
	case orders.DecisionRejected:
		out.Outcome = imports.Rejected
	default:
	}
	if a.Decision != orders.DecisionRejected || a.Order != nil && a.Order.Number != "" {
		out.OrderID = a.OrderID
	}
	for _, f := range a.Findings {
		if f.Severity != trade.Warn {
			out.Problems = append(out.Problems, imports.Problem{Code: f.Code, Path: f.Path, Message: f.Message})
		}
	}
	return out, nil
}
