# `make` is what CI runs, without its installation of packages.
.PHONY: all test race lint fmt bench fuzz build

GO ?= go
PACKAGES = ./...

all: test lint race

test:
	$(GO) test $(PACKAGES)

# The detector slows everything down: the packages that share state, once.
race:
	$(GO) test -race ./internal/... ./cmd/... ./e2e/...

lint:
	@unformatted=$$(gofmt -l cmd internal e2e); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) tool -modfile=tools/go.mod staticcheck $(PACKAGES)

fmt:
	gofmt -w cmd internal e2e

# Each benchmark compares within its own run.
bench:
	$(GO) test -run '^$$' -bench . -benchtime 3s ./internal/conn ./internal/otelx ./e2e

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
