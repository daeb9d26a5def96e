# The few things that are done again and again. `make test` is what must pass
# before anything else, here and anywhere: on a fresh Debian it installs the
# clients that the end-to-end tests run, and unpacks the servers outside of the
# system (see e2e/install).

GO          = go
FUZZTIME    = 4s

# The parts of test measure, and kill, what they have started: one at a time.
.NOTPARALLEL:

.PHONY: build test servers lint tools vulncheck unit e2e matrix fuzz flood mutants bench demo

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/letterlock ./cmd/letterlock

test: servers lint vulncheck unit e2e fuzz

# Style, mistakes and security: .golangci.yml says what is asked, and why what is
# not. Once the tools are built it needs no network.
lint: tools
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	bin/golangci-lint run ./...

# The tools of lint and vulncheck, in the versions and with the checksums of
# tools/go.mod: a module of its own, so that neither users nor scanners of the
# program find several hundred modules in it that it does not contain.
tools:
	GOBIN=$(CURDIR)/bin $(GO) -C tools install tool

# Known holes in what we are built of. It needs the Go vulnerability database
# (GOVULNDB names another); a network that does not reach it fails no build, but
# is told.
vulncheck: tools
	@report=$$(bin/govulncheck $(if $(GOVULNDB),-db $(GOVULNDB)) ./... 2>&1) && echo "$$report" || case $$report in \
	*"fetching vulnerabilities"*) echo "$$report"; echo "NOT CHECKED for known vulnerabilities: the database cannot be reached" ;; \
	*) echo "$$report"; exit 1 ;; \
	esac

# What the tests ask for and Go does not bring: servers, clients, openssl.
servers:
	e2e/install

# What needs Go alone; with openssl, its view of the policies too.
unit:
	$(GO) test -race -timeout 30m $$($(GO) list ./... | grep -v '/e2e$$')

# With real servers and clients. They are started as root; all else is built
# by whoever calls.
e2e: servers
	$(GO) build -race -o bin/letterlock-race ./cmd/letterlock
	LETTERLOCK_E2E=1 LETTERLOCK_BINARY=$(CURDIR)/bin/letterlock-race \
		$(GO) test -race -count=1 -timeout 60m -exec $(CURDIR)/e2e/as-root ./e2e

# The servers of Debian 11, 12 and 13 behind the program: prints the table that
# docs/backends.md holds. MATRIX="bookworm trixie" tries some, and
# MATRIXFLAGS=-update writes the table.
MATRIX      = 1
MATRIXFLAGS =
matrix:
	e2e/install --matrix
	$(GO) build -race -o bin/letterlock-race ./cmd/letterlock
	LETTERLOCK_MATRIX="$(MATRIX)" LETTERLOCK_BINARY=$(CURDIR)/bin/letterlock-race \
		$(GO) test -v -count=1 -timeout 60m -run '^TestMatrix$$' -exec $(CURDIR)/e2e/as-root ./e2e $(MATRIXFLAGS)

# Each fuzz target for a while, beyond the corpus that unit has run already. The
# time is for finding, not for making what was found small.
fuzz:
	@grep -rHo '^func Fuzz[A-Za-z0-9_]*' --include='*_test.go' . | sort | while IFS=: read -r file function; do \
		$(GO) test -run='^$$' -fuzz="^$${function#func }\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=20x "$$(dirname "$$file")" || exit 1; \
	done

# Ten thousand hostile sessions of each kind, for each service and each step,
# beside honest ones, whose times are compared with those before. It takes about
# twenty minutes on two cores that have nothing else to do.
flood:
	$(GO) test -count=1 -timeout 30m ./attacks/flood -v -full

# Each defence of docs/attacks.md taken out, to see that the tests of its row
# fail. It takes about half an hour; ROWS="B1 C" tries some.
mutants:
	$(GO) run ./attacks/mutants $(ROWS)

# Letterlock beside other proxies, which are installed if need be; writes
# docs/performance.*. BENCHFLAGS=-quick is for a first look, see bench -help.
BENCHFLAGS = -write docs
bench: build
	bench/install
	$(GO) build -trimpath -o bin/bench ./bench
	e2e/as-root bin/bench -binary bin/letterlock $(BENCHFLAGS)

demo:
	$(GO) run ./cmd/letterlock demo
