// Command crossdock is a GraphQL federation gateway for distributors.
package main

import (
	_ "embed"
)

//go:embed sandbox.yaml
var sandboxYAML string

func main() {}
