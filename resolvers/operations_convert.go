package resolvers

import (
	"crossdock/domains/operations"
	"crossdock/domains/returns"
	"crossdock/graph/model"
)

func exceptionPayload(e *operations.Exception, failure error) (*model.ExceptionPayload, error) {
	errs, err := problem(failure)
	if failure != nil {
		e = nil
	}
	return &model.ExceptionPayload{Exception: e, Errors: errs}, err
}

func returnPayload(v *returns.Return, failure error) (*model.ReturnPayload, error) {
	errs, err := problem(failure)
	if failure != nil {
		v = nil
	}
	return &model.ReturnPayload{Return: v, Errors: errs}, err
}
