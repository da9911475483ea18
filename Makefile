# Everything a newcomer needs. Tools and the test control plane are built from
# their Go modules into $(CACHE), outside the tree, once for each version.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE ?= $(or $(HOLDFAST_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/holdfast)
export HOLDFAST_CACHE := $(CACHE)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(CACHE)/tools/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/holdfast
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/holdfast-dev/holdfast/cli.version=$(VERSION)" -o bin/holdfast ./cmd/holdfast

.PHONY: demo
demo: tools build ## watch the guarded loop on a real control plane; KEEP=1 leaves it running
	go run ./test/demo $(if $(KEEP),--keep)

.PHONY: test
test: tools ## run all tests, with a real Git and a real control plane
	go test -timeout 20m ./...

.PHONY: race
race: tools ## the same under the race detector
	go test -race -timeout 40m ./...

.PHONY: bench
bench: tools ## measure, in one run: see docs/benchmarks.md
	go run ./test/bench

.PHONY: fuzz
fuzz: ## fuzz every parser of untrusted bytes, FUZZTIME (30s) each
	./test/fuzz.sh $(or $(FUZZTIME),30s)

.PHONY: plans
plans: ## compare evaluation with plans of the real terraform; PLANS=record or PLANS=tofu
	./test/terraform/oracle.sh $(or $(PLANS),terraform)

.PHONY: lint
lint: $(GOLANGCI) ## formatting, vet and static checks
	$(GOLANGCI) run ./...

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION): about 4 minutes of CPU, once" >&2
	GOBIN=$(dir $(GOLANGCI)) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

.PHONY: vuln
vuln: ## look for known vulnerabilities in what is called (needs vuln.go.dev)
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: docs
docs: ## generate what is generated in docs/
	rm -rf docs/policies
	go run ./cmd/holdfast policy docs --into docs/policies

.PHONY: cluster
cluster: tools ## start a control plane to play with, until Ctrl-C
	"$$(go run ./test/testcluster/cmd/build-cluster)" up --dir $(CACHE)/cluster

# What the tests need beside Go: Git, OpenSSH and GnuPG, for real signatures,
# and the control plane.
.PHONY: tools
tools:
	@./test/tools.sh
	@go run ./test/testcluster/cmd/build-cluster >/dev/null
