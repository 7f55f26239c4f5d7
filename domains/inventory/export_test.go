package inventory

// Sourced is the plan of a request.
func Sourced(r Request, supplies []Supply) Plan { return source(r, supplies) }
