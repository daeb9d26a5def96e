# The commands of development. `make test` must pass before every change that
# lands; on a new Debian it installs the clients that the end-to-end tests run,
# and unpacks the servers outside of the system (see e2e/install).

GO        = go
UNIT      = $$($(GO) list ./... | grep -v '/e2e$$')
FUZZTIME  = 1000x
# Many tests wait for a deadline of the proxy and use no CPU meanwhile.
PARALLEL  = 16

# The parts of test measure what they have started, and end it: one at a time.
.NOTPARALLEL:

.PHONY: build check test race nightly servers lint tools vulncheck short unit as-root unit-race e2e e2e-race matrix fuzz flood mutants bench packages test-packages build-systems demo

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/letterlock ./cmd/letterlock

# While you work: a minute, for what has changed since the last time. Without any
# results in Go's cache it takes about four.
check: lint short

# Everything that must pass: ten minutes on two cores.
test: servers lint vulncheck unit as-root e2e fuzz

# All tests again, with the race detector.
race: unit-race e2e-race

# What takes hours, and finds what the rest has missed.
nightly: servers race flood mutants
	$(MAKE) fuzz FUZZTIME=5m

# Format, style, mistakes and security. .golangci.yml gives a reason for each
# rule that is off. Once the tools are built it needs no network.
lint: tools
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	bin/golangci-lint run --allow-parallel-runners ./...

# The tools of lint and vulncheck, in the versions and with the checksums of
# tools/go.mod. It is a module of its own, so that the several hundred modules
# of the tools do not appear as dependencies of the program.
tools:
	GOBIN=$(CURDIR)/bin $(GO) -C tools install tool

# Known vulnerabilities in the dependencies. This needs the Go vulnerability
# database (GOVULNDB names another one). If the database cannot be reached, the
# output says so, and the build does not fail.
vulncheck: tools
	@report=$$(bin/govulncheck $(if $(GOVULNDB),-db $(GOVULNDB)) ./... 2>&1) && echo "$$report" || case $$report in \
	*"fetching vulnerabilities"*) echo "$$report"; echo "NOT CHECKED for known vulnerabilities: the database cannot be reached" ;; \
	*) echo "$$report"; exit 1 ;; \
	esac

# The servers, clients and tools that the tests need beside Go.
servers:
	e2e/install

# The tests that need only Go; with openssl installed, they also compare with
# it. short runs the load tests in their smallest size.
short:
	$(GO) test -short -parallel $(PARALLEL) -timeout 10m $(UNIT)

unit:
	$(GO) test -parallel $(PARALLEL) -timeout 30m $(UNIT)

# What only root can test, and what the packages install, with the programs that
# read it.
as-root: servers
	$(GO) test -run '^TestRootBecomesTheUser$$' -exec $(CURDIR)/e2e/as-root ./cmd/letterlock
	packaging/check

unit-race:
	$(GO) test -race -parallel $(PARALLEL) -timeout 60m $(UNIT)

# The tests with real servers and clients, in groups side by side.
e2e: servers
	e2e/run

e2e-race: servers
	e2e/run -race

# The servers of Debian 11, 12 and 13 behind the program: prints the table that
# docs/backends.md holds. MATRIX="bookworm trixie" selects releases, and
# MATRIXFLAGS=-update writes the table.
MATRIX      = 1
MATRIXFLAGS =
matrix:
	e2e/install --matrix
	$(GO) build -race -o bin/letterlock-race ./cmd/letterlock
	LETTERLOCK_MATRIX="$(MATRIX)" LETTERLOCK_BINARY=$(CURDIR)/bin/letterlock-race \
		$(GO) test -v -count=1 -timeout 60m -run '^TestMatrix$$' -exec $(CURDIR)/e2e/as-root ./e2e $(MATRIXFLAGS)

# Every fuzz target for FUZZTIME, beyond the seeds, which unit has run already.
# The time is for finding inputs, not for making them small.
fuzz:
	tools/fuzz $(FUZZTIME)

# Ten thousand hostile sessions of each kind, for each service and each step,
# beside honest ones, whose times are compared with those before the flood. This
# takes about twenty minutes on two cores that have nothing else to do.
flood:
	$(GO) test -count=1 -timeout 30m ./attacks/flood -v -full

# Removes each defence of docs/attacks.md in turn, and checks that the tests of
# its row fail. This takes about half an hour; ROWS="B1 C" selects rows.
mutants:
	$(GO) run ./attacks/mutants $(ROWS)

# Letterlock beside other proxies, which are installed if necessary; writes
# docs/performance.*. BENCHFLAGS=-quick is for a first look, see bench -help.
BENCHFLAGS = -write docs
bench: build
	bench/install
	$(GO) build -trimpath -o bin/bench ./bench
	e2e/as-root bin/bench -binary bin/letterlock $(BENCHFLAGS)

# Packages for Linux and archives for other systems, with checksums and a list of
# the modules (SBOM), in dist. TARGETS="linux/amd64 windows/amd64" selects some.
TARGETS =
packages: tools
	packaging/build dist $(TARGETS)

# Builds packages twice and compares them, then installs, starts, upgrades and
# purges them on Debian 11, 12 and 13.
test-packages: tools
	packaging/test

# Compiles the program for the other systems that it is released for. Some of the
# tests compile on Unix only.
build-systems:
	for system in freebsd openbsd darwin windows; do CGO_ENABLED=0 GOOS=$$system $(GO) build -o /dev/null ./cmd/letterlock || exit 1; done

demo:
	$(GO) run ./cmd/letterlock demo
