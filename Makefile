# `make` is what CI runs, without its installation of packages.
.PHONY: all test race simulate soak lint gosec vulncheck rules promcheck tools composecheck mutation fmt bench fuzz build

GO ?= go
PACKAGES = ./...

all: test lint gosec rules promcheck tools composecheck race mutation simulate

test:
	$(GO) test $(PACKAGES)

# The detector slows everything down: the packages that share state, once.
race:
	$(GO) test -race ./internal/... ./cmd/... ./e2e/...

# Hours of faults on a fake clock (docs/simulation.md): 125 days, and some of
# them under the detector. FIRST is the first seed; 0 takes fresh ones.
SEEDS ?= 500
RACE_SEEDS ?= 50
FIRST ?= 1
simulate:
	cd e2e/simulation && $(GO) test -timeout 1h -simulation.hours=6 -simulation.seeds=$(SEEDS) -simulation.first=$(FIRST)
	cd e2e/simulation && $(GO) test -race -timeout 1h -simulation.hours=6 -simulation.seeds=$(RACE_SEEDS) -simulation.first=$(FIRST)

# As long as told, with fresh seeds.
SOAK ?= 1h
soak:
	cd e2e/simulation && $(GO) test -run TestSimulation -timeout 0 -simulation.hours=6 -simulation.soak=$(SOAK)

lint:
	@unformatted=$$(gofmt -l cmd deploy e2e internal tools); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) vet -race $(PACKAGES)
	$(GO) tool -modfile=tools/go.mod staticcheck $(PACKAGES)

# G104 (an error that is not read) is left out: here these are closes of what has
# failed, or is about to be dropped. What is excused says why in its line.
gosec:
	$(GO) tool -modfile=tools/go.mod gosec -quiet -exclude=G104 -exclude-dir=tools $(PACKAGES)

# Needs the vulnerability database (vuln.go.dev), and so the network.
vulncheck:
	$(GO) tool -modfile=tools/go.mod govulncheck ./cmd/...

# What Prometheus and Alertmanager themselves say of the files they load.
rules:
	promtool check rules alerts/rds-connection.yml
	promtool test rules alerts/rds-connection_test.yml
	promtool check config --syntax-only deploy/prometheus.yml
	amtool check-config deploy/alertmanager.yml
	amtool config routes test --config.file=deploy/alertmanager.yml --verify.receivers=pager severity=critical
	amtool config routes test --config.file=deploy/alertmanager.yml --verify.receivers=chat severity=warning

# Every expression of dashboards and rules, evaluated by Prometheus' own engine:
# a module of its own, for what it needs.
promcheck:
	cd tools/promcheck && $(GO) test ./...

# The programs that write documents.
tools:
	cd tools && $(GO) vet ./... && $(GO) test ./...

# docker-compose.yml, without docker. Not cached: it reads the whole repository.
composecheck:
	cd tools/composecheck && $(GO) test -count=1 ./...

# Known faults, put in one at a time: a test must fail for each. FAULTS picks some
# by an expression on their names. See docs/mutation.md.
FAULTS ?=
mutation:
	$(GO) run -C tools ./mutation -run '$(FAULTS)'

fmt:
	gofmt -w cmd deploy e2e internal tools

# docs/performance.md and docs/network-faults.md, from one run of everything, as
# root. Each benchmark compares within its own run; nothing else should run beside it.
bench: SHELL = bash
bench:
	@set -eo pipefail; results=$$(mktemp); trap 'rm -f "$$results" "$$results.trace"' EXIT; \
	$(GO) test -count=1 -v -run FaultsOfTheNetwork ./e2e/netns -update | tee "$$results"; \
	$(GO) test -run '^$$' -bench . -benchtime 3s ./internal/conn ./internal/otelx ./internal/driver ./internal/routeros | tee -a "$$results"; \
	$(GO) test -count=1 -run Herd -v ./internal/conn | tee -a "$$results"; \
	$(GO) test -run '^$$' -bench . ./e2e -wakeups "$$results.trace" | tee -a "$$results"; \
	$(GO) run -C tools ./performance -wakeups "$$results.trace" < "$$results" > "$$results.md"; \
	mv "$$results.md" docs/performance.md

# FUZZTIME for each target.
FUZZTIME ?= 30s
fuzz:
	@for p in $$($(GO) list ./internal/...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
		done; \
	done

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

include deploy/compose.mk
