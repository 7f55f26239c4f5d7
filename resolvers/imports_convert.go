package resolvers

import (
	"context"
	"strconv"

	"crossdock/domains/fault"
	"crossdock/domains/imports"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

// importRows is a page of a file's orders. Its cursors are the orders' numbers.
func (r *Resolver) importRows(ctx context.Context, i *imports.Import, outcomes []imports.Outcome, first int, after *string) (*model.ImportRowConnection, error) {
	from := 0
	if inner, err := cursor(scalar.TypeImportRow, after); err != nil {
		return nil, err
	} else if inner != "" {
		if from, err = strconv.Atoi(inner); err != nil {
			return nil, at(badID(inner), "after")
		}
	}
	rows, more, err := r.Imports.Rows(ctx, i, outcomes, first, from)
	if err != nil {
		return nil, err
	}
	cursors := make([]string, len(rows))
	for n, row := range rows {
		cursors[n] = scalar.GlobalID(scalar.TypeImportRow, strconv.Itoa(row.Number))
		scopeOf(ctx).orders.Announce(row.OrderID)
	}
	return &model.ImportRowConnection{Nodes: rows, PageInfo: pageInfo(cursors, more, from > 0)}, nil
}

func badID(inner string) error {
	return fault.New(fault.Invalid, "%q is not a cursor of this list: use pageInfo.endCursor as it came", inner)
}
