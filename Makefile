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
HUNT     ?=
BIN      := .bin
LINT     := $(BIN)/golangci-lint
GOFUMPT  := $(BIN)/gofumpt
COMMANDS := $(wildcard cmd/*/)

.PHONY: build check format vet lint test tidy race fuzz sim hunt mutants chaos bench tools figures clean

## build: one static binary a command, in bin/
build:
	CGO_ENABLED=0 $(GO) build -trimpath ./...
	$(if $(COMMANDS),CGO_ENABLED=0 $(GO) build -trimpath -o bin/ $(addprefix ./,$(COMMANDS)))

## check: fastest first; under two minutes
check: format vet tidy lint test
	$(GO) run ./cmd/katasim run --quiet --seeds 50

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
	$(GO) run ./cmd/katasim run --quiet --from $(SEED) --seeds $(SEEDS)

## hunt: the same with fresh seeds for HUNT, or until stopped; failures and a ledger of simulated time go to .hunt/
hunt:
	tools/hunt $(HUNT)

## mutants: plant known bugs one by one and report which are found
mutants:
	$(GO) run ./cmd/katasim mutants

## chaos: every scenario on real processes, two minutes each; some need the superuser
chaos:
	$(GO) run ./cmd/katakv chaos --report .chaos

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
