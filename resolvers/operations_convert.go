package resolvers

import (
	"crossdock/domains/operations"
	"crossdock/domains/references"
	"crossdock/domains/returns"
	"crossdock/graph/model"
)

func exceptionPayload(e *operations.Exception, failure error) (*model.RetryExceptionPayload, error) {
	errs, err := problem(failure)
	if failure != nil {
		e = nil
	}
	return &model.RetryExceptionPayload{Exception: e, Errors: errs}, err
}

func returnPayload(v *returns.Return, failure error) (*model.RequestReturnPayload, error) {
	errs, err := problem(failure)
	if failure != nil {
		v = nil
	}
	return &model.RequestReturnPayload{Return: v, Errors: errs}, err
}

func referencePayload(v *references.Reference, failure error) (*model.SetReferencePayload, error) {
	errs, err := problem(failure)
	if failure != nil {
		v = nil
	}
	return &model.SetReferencePayload{Reference: v, Errors: errs}, err
}

func referenceFilter(f *model.ReferenceFilter) references.Filter {
	var out references.Filter
	if f == nil {
		return out
	}
	if f.Kind != nil {
		out.Kind = *f.Kind
	}
	for from, to := range map[*string]*string{f.Source: &out.Source, f.Ours: &out.Ours, f.Theirs: &out.Theirs, f.Text: &out.Text} {
		if from != nil {
			*to = *from
		}
	}
	return out
}
