# `make check` is what a change needs before every commit; `.ci/run` is that and everything slower.
# Versions of the tools are pinned in tools/go.mod.

GO       ?= go
TIME     ?= 60s
OLD      ?= main
BENCH    ?= .
PKGS     ?= ./...
ONLY     ?=
SEED     ?= 1
SEEDS    ?= 300
BIN      := .bin
LINT     := $(BIN)/golangci-lint
GOFUMPT  := $(BIN)/gofumpt
COMMANDS := $(wildcard cmd/*/)

.PHONY: build check format vet lint test tidy race fuzz sim hunt bench tools figures clean

## build: one static binary a command, in bin/
build:
	CGO_ENABLED=0 $(GO) build -trimpath ./...
	$(if $(COMMANDS),CGO_ENABLED=0 $(GO) build -trimpath -o bin/ $(addprefix ./,$(COMMANDS)))

## check: fastest first; under two minutes
check: format vet tidy lint test

format: $(GOFUMPT)
	@files=$$($(GOFUMPT) -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$files" ]; then echo "not formatted (run $(GOFUMPT) -w on them):"; echo "$$files"; exit 1; fi

vet:
	$(GO) vet ./...

## tidy: the rules of the source tree
tidy:
	$(GO) test ./internal/tidy

lint: $(LINT)
	$(LINT) run ./...

test:
	$(GO) test -short -timeout=2m ./...

## race: everything under the race detector (needs a C compiler)
race:
	CGO_ENABLED=1 $(GO) test -race ./...

## fuzz: each fuzz target in turn, TIME each
fuzz:
	.ci/fuzz $(TIME)

## sim: the simulated cluster under faults, SEEDS seeds from SEED on
sim:
	KATAKV_SEED=$(SEED) KATAKV_SEEDS=$(SEEDS) $(GO) test -count=1 -timeout=0 -run '^TestSurvivesFaults$$' ./internal/sim

## hunt: the same with fresh seeds until stopped; prints how to repeat those that fail
hunt:
	tools/hunt

## bench: benchmarks of PKGS at OLD and here, ten rounds in turn, then benchstat
bench: $(BIN)/benchstat
	tools/bench $(OLD) '$(BENCH)' $(PKGS)

## tools: the pinned tools, in .bin/
tools:
	cd tools && $(GO) build -o ../$(BIN)/ tool

$(LINT) $(GOFUMPT) $(BIN)/benchstat: tools/go.mod
	cd tools && $(GO) build -o ../$(BIN)/ tool
	@touch $(LINT) $(GOFUMPT) $(BIN)/benchstat

## figures: measure what the issues ask for and write docs/evidence.md; ONLY=ID[,ID] or ONLY=none
figures:
	$(GO) run ./internal/figures/measure -only '$(ONLY)'

clean:
	rm -rf bin
