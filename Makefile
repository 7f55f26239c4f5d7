# make check is what CI runs; the other targets are its parts.

GOLANGCI_VERSION := v2.15.0
GENERATED := graph resolvers sources/ecommerce/vendure/generated.go docs/crossdock.schema.json
GOBIN ?= $(shell go env GOPATH)/bin

.PHONY: help check generate diff format lint vet test e2e bench live live-dev web tools

help: ## Show the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

check: generate diff lint vet test ## Everything that must be true of a commit

generate: tools ## Rewrite generated code; gqlgen leaves our import groups to be restored
	go run ./graph/breadth/generate
	go run ./graph/breadth/generate graph/breadth/internal/zoo
	go tool genqlient sources/ecommerce/vendure/genqlient.yaml
	$(GOBIN)/golangci-lint fmt ./resolvers/
	go run ./internal/config/schema docs/crossdock.schema.json

diff: ## Fail when generated code was not committed
	git diff --exit-code -- $(GENERATED)
	@test -z "$$(git status --porcelain -- $(GENERATED))" || { git status --porcelain -- $(GENERATED); exit 1; }

format: tools ## Format the code
	$(GOBIN)/golangci-lint fmt

lint: tools ## Format check, linters and the import table
	$(GOBIN)/golangci-lint config verify
	$(GOBIN)/golangci-lint fmt --diff
	$(GOBIN)/golangci-lint run

vet: ## go vet, of the tests on real products too
	go vet -tags live ./...

test: ## All tests, with the race detector
	go test -race -shuffle=on -timeout 20m ./...

e2e: ## A real browser and npm clients against crossdock dev
	cd e2e && npm ci --no-audit --no-fund && npm test

bench: ## The order page and placeOrder, measured; see bench/README.md
	go run ./bench

live: ## Adapters and the whole flow against real products, which are installed and seeded at the first run; see live/README.md
	go run ./live sh -c 'go test -tags live -count=1 -p 1 ./sources/... && go test -tags live -count=1 -run RealProducts .'

live-dev: ## crossdock dev in front of real products
	go run ./live go run . dev --config live/crossdock.yaml --buyer C20001 --data-dir live-data/crossdock

web: ## Rebuild GraphiQL; the result is committed
	cd web && npm ci --no-audit --no-fund && npm run build

tools:
	@test -x $(GOBIN)/golangci-lint && $(GOBIN)/golangci-lint version 2>/dev/null | grep -q "$(GOLANGCI_VERSION:v%=%)" || \
		go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
