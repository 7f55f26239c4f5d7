package resolvers

import (
	"crossdock/domains/operations"
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
