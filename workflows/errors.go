package workflows

import (
	"errors"

	"crossdock/domains/fault"
)

func asFault(err error) (*fault.Error, bool) { return errors.AsType[*fault.Error](err) }
