# The targets list themselves: make help.

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: ## run the main example on its own test events
	go run ./examples/engine

test: ## run all tests of the workspace
	go test work

race: ## run all tests of the workspace under the race detector
	GORACE=atexit_sleep_ms=0 go test -race -shuffle=on work

schedules: ## explore interleavings, CAPABILITY_SCHEDULES times as many as CI
	go test -tags capability_yield -count=1 -v -run Schedule -timeout=0 .

soak: ## soak under the race detector for SOAK each, 45s by default
	cd stress && GOWORK=off GORACE=atexit_sleep_ms=0 go test -race -count=1 -v -run Soak -soak=$${SOAK:-45s} -timeout=0 .

check: ## do all that CI does
	bash .ci/run

cover: ## show the statement coverage of the core
	go test -cover .

fuzz: ## fuzz each target for FUZZTIME, 30s by default
	bash .ci/fuzz $${FUZZTIME:-30s}

verify: ## check the reliability figures of a CI run
	go run ./internal/verify

release-check: ## check those before a release, and record them; takes hours
	go run ./internal/verify -release

api: ## compare what is exported with the last tag
	bash .ci/api

portable: ## vet and compile the tests for other platforms
	bash .ci/portable

mutation: ## change the core in all ways that the tests should notice; takes most of an hour
	go run ./internal/mutation

golden: ## rewrite golden files after a wanted change
	go test . ./data ./extension ./capabilityhttp ./capabilitytest ./internal/arch -update

bench: ## measure the core against hand-written code
	cd benchmarks && GOWORK=off go run ./cmd/ratios

guard: ## fail if a ratio is far beyond its budget
	cd benchmarks && GOWORK=off go run ./cmd/ratios -guard -layouts 3

growth: ## measure and draw how time and memory grow
	cd benchmarks && GOWORK=off go run ./cmd/growth

pgo: ## measure what a profile makes of the main example
	cd benchmarks && GOWORK=off go run ./cmd/pgo

.PHONY: help run test race schedules soak check cover fuzz verify release-check api portable mutation golden bench guard growth pgo
