# The commands for development. `make test` must pass before every change. On a
# new Debian it installs the clients that the end-to-end tests run, and unpacks
# the servers outside of the system (see e2e/install).

GO        = go
UNIT      = $$($(GO) list ./... | grep -v -e '/e2e$$' -e '/e2e/cluster$$' -e '/deploy/compose$$')
FUZZTIME  = 1000x
# Many tests wait for a timeout of the proxy and use no CPU meanwhile, so more
# packages and tests run at the same time than there are CPUs.
PACKAGES  = 4
PARALLEL  = 16

# The parts of test measure and end the processes that they have started, so
# they run one at a time, except e2e-and-fuzz.
.NOTPARALLEL:

.PHONY: build check test race nightly servers lint tools vulncheck short unit as-root unit-race e2e e2e-and-fuzz e2e-race e2e-slow test-cluster matrix fuzz flood mutants bench packages test-packages image test-containers test-kubernetes test-browser build-systems demo

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/letterlock ./cmd/letterlock

# For use during work. With warm caches it takes twenty seconds, and about a
# minute after a change of a package that the attacks run.
check: tools
	@log=$$(mktemp); nice $(MAKE) --no-print-directory lint >"$$log" 2>&1 & lint=$$!; \
	status=0; $(MAKE) --no-print-directory short || status=1; wait $$lint || status=1; cat "$$log"; rm -f "$$log"; exit $$status

# All checks that must pass. It takes about ten minutes on two cores.
test: servers lint vulncheck unit as-root e2e-and-fuzz

# All tests with the race detector.
race: unit-race e2e-race

# The tests that take hours, and find rare errors.
nightly: servers race e2e-slow flood mutants
	$(MAKE) fuzz FUZZTIME=5m

# Format, style, mistakes and security. .golangci.yml gives a reason for each
# rule that is off. Once the tools are built it needs no network.
lint: tools
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted"; exit 1; fi
	bin/golangci-lint run --allow-parallel-runners ./...

# The tools of lint and vulncheck, in the versions and with the checksums of
# tools/go.mod. That is a separate module, so that the several hundred modules
# of the tools do not become dependencies of the program.
tools:
	GOBIN=$(CURDIR)/bin $(GO) -C tools install tool

# Known vulnerabilities in the dependencies. This needs the Go vulnerability
# database, or the one at GOVULNDB. If the database cannot be reached, the
# output says so, and the build does not fail.
vulncheck: tools
	@report=$$(bin/govulncheck $(if $(GOVULNDB),-db $(GOVULNDB)) ./... 2>&1) && echo "$$report" || case $$report in \
	*"fetching vulnerabilities"*) echo "$$report"; echo "NOT CHECKED for known vulnerabilities: the database cannot be reached" ;; \
	*) echo "$$report"; exit 1 ;; \
	esac

# The servers, clients and tools that the tests need in addition to Go.
servers:
	e2e/install

# The tests that need only Go; if openssl is installed, some compare with it. The
# vet of go test is part of lint. short leaves out the load tests, and implicit
# TLS but for IMAP in the attacks.
short:
	$(GO) test -short -vet=off -p $(PACKAGES) -parallel 32 -timeout 10m $(UNIT)

unit:
	$(GO) test -vet=off -p $(PACKAGES) -parallel $(PARALLEL) -timeout 30m $(UNIT)

# The test that needs root, and tests of the files in the packages with the
# programs that read them.
as-root: servers
	$(GO) test -run '^(TestRootBecomesTheUser|TestRaise|TestAdministratorsSlack)$$' -exec $(CURDIR)/e2e/as-root ./cmd/letterlock ./internal/timerslack
	packaging/check

unit-race:
	$(GO) test -race -parallel $(PARALLEL) -timeout 60m $(UNIT)

# The tests with real servers and clients, in groups that run concurrently.
e2e: servers tools
	e2e/run

# Three instances behind HAProxy, with two mail servers and a store, while
# everything fails in turn. SEED=7 selects an order of the failures. This takes
# about six minutes. COSTS=docs/scale.csv also measures the costs of the store.
SEED  = 0
COSTS =
test-cluster: servers
	$(GO) build -race -o bin/letterlock-race ./cmd/letterlock
	LETTERLOCK_E2E=1 $(GO) test -v -count=1 -timeout 20m $(if $(COSTS),,-skip '^TestStoreCosts$$') -exec $(CURDIR)/e2e/as-root ./e2e/cluster -seed $(SEED) -costs "$(abspath $(COSTS))"

# Both at the same time: the servers and clients of e2e mostly wait, so that fuzz, with
# a lower priority, uses the CPUs meanwhile.
e2e-and-fuzz: servers tools
	@log=$$(mktemp); nice tools/fuzz $(FUZZTIME) >"$$log" 2>&1 & fuzz=$$!; \
	status=0; e2e/run || status=1; wait $$fuzz || status=1; cat "$$log"; rm -f "$$log"; exit $$status

e2e-race: servers tools
	e2e/run -race

# The slow end-to-end tests: docs/guides step by step on Debian's systems, a year
# of new keys with DANE, and testssl.sh on the ports that e2e leaves out.
e2e-slow: tools
	e2e/install --slow
	e2e/run --slow

# Tests with the servers of Debian 11, 12 and 13: prints the table in
# docs/backends.md. MATRIX="bookworm trixie" selects releases, and
# MATRIXFLAGS=-update writes the table.
MATRIX      = 1
MATRIXFLAGS =
matrix: tools
	e2e/install --matrix
	$(GO) build -race -o bin/letterlock-race ./cmd/letterlock
	LETTERLOCK_MATRIX="$(MATRIX)" LETTERLOCK_BINARY=$(CURDIR)/bin/letterlock-race \
		$(GO) test -v -count=1 -timeout 60m -run '^(TestMatrix|TestTutorialOnEachDebian)$$' -exec $(CURDIR)/e2e/as-root ./e2e $(MATRIXFLAGS)

# Runs every fuzz target for FUZZTIME; unit only runs the seeds. The time does not
# include minimizing inputs.
fuzz:
	tools/fuzz $(FUZZTIME)

# Ten thousand hostile sessions of each kind, for each service and each step,
# together with honest ones, whose times are compared with those before the
# flood. This takes about twenty minutes on two idle cores.
flood:
	$(GO) test -count=1 -timeout 30m ./attacks/flood -v -full

# Removes each defence of docs/attacks.md in turn, and checks that the tests of
# its row fail. This takes about half an hour; ROWS="B1 C" selects rows.
mutants:
	$(GO) run ./attacks/mutants $(ROWS)

# Compares Letterlock with other proxies, which are installed if necessary;
# writes docs/performance.*. BENCHFLAGS=-quick gives a first impression, see
# bench -help.
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

# Builds packages twice and compares them. Then it installs, starts, upgrades and
# removes deb on Debian 11, 12 and 13, and rpm; installs apk; and runs the service under
# the systemd of the three releases, OpenRC and other supervisors; and follows the
# tutorial (see packaging/test).
test-packages: tools
	packaging/test

# The container image, for this machine's engine (ENGINE=podman for another).
# IMAGEFLAGS="--build-arg BUILD_IMAGE=…" adds flags.
ENGINE     = docker
IMAGE      = letterlock
IMAGEFLAGS =
image: tools
	packaging/sbom sbom.cdx.json
	$(ENGINE) build --tag $(IMAGE) --build-arg VERSION=$$(git describe --tags --always) --build-arg REVISION=$$(git rev-parse HEAD) \
		--build-arg CREATED=$$(date -u +%Y-%m-%dT%H:%M:%SZ) $(IMAGEFLAGS) .

# Builds the container image, and tests it and the compose files with Debian's
# docker.io and docker-compose in a private root. RUN=REGEXP selects tests.
RUN = .
test-containers: servers tools
	RUN='$(RUN)' deploy/compose/test

# Tests the status page in Chromium, which is in a private root. UPDATE=-update writes
# the pictures of docs/status.md.
test-browser:
	e2e/install --browser
	cd e2e/browser && $(GO) vet ./... && $(GO) test -count=1 -timeout 5m ./... $(UPDATE)

# Tests the manifests for Kubernetes and the Helm chart, with Helm and the types of
# k8s.io/api, which are in a module of their own.
test-kubernetes:
	cd deploy/check && $(GO) vet ./... && $(GO) test -count=1 -timeout 30m ./...

# Compiles everything, the tests too, for the other systems that the program is
# released for, and looks for mistakes there.
build-systems:
	for system in freebsd openbsd darwin windows; do CGO_ENABLED=0 GOOS=$$system $(GO) vet ./... || exit 1; done

demo:
	$(GO) run ./cmd/letterlock demo
