# Kith. Plain `make` says what can be done.

# Where `make demo` serves and keeps its record.
ADDR ?= 127.0.0.1:8080
DATA ?= kith-demo
# The real data tests read: see CONTRIBUTING.md. Tests that need it are skipped without it.
export KITH_DATA ?= $(abspath ../shared/data)
export GO ?= go

.DEFAULT_GOAL := help
.PHONY: help demo test check vuln bench build generate setup test-go test-nocgo test-browser

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## start Kith with a made-up town in it and look at http://127.0.0.1:8080 (ADDR=HOST:PORT DATA=FOLDER)
	bin/kith demo --addr $(ADDR) --data $(DATA)

test: check test-go test-nocgo test-browser ## everything: check, all Go tests on both databases, without cgo, and in a real browser

check: setup ## what needs no database: formatting, vet, staticcheck, rooms, documents, generated files
	@unformatted=$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...)); [ -z "$$unformatted" ] || { echo "gofmt: run gofmt -w on"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	scripts/gotest -count=1 .
	scripts/generate --check

vuln: ## known vulnerabilities in what Kith is made of, where their database can be reached
	@scripts/vuln

bench: ## the figures of docs/performance.md: Go benchmarks, then a load run on SQLite and on PostgreSQL
	scripts/setup all
	scripts/postgres $(GO) test -run '^$$' -bench . -benchmem ./...
	scripts/bench
	scripts/bench-access
	scripts/bench-booking
	scripts/bench-readings

build: ## make bin/kith
	@scripts/setup go
	$(GO) build -o bin/kith ./cmd/kith

generate: ## make every generated file again (FHIR tables, stylesheet)
	@scripts/setup css
	scripts/generate

setup: ## install what tests need (as root on Debian), or say what is missing
	@scripts/setup all

test-go: setup ## all Go tests, on SQLite and on a throw-away PostgreSQL
	scripts/postgres scripts/gotest -timeout 20m $$($(GO) list ./... | grep -v /web/browser)

test-nocgo: setup ## build without cgo and run the store and the record on the pure-Go SQLite
	CGO_ENABLED=0 $(GO) build -o bin/kith-nocgo ./cmd/kith
	CGO_ENABLED=0 scripts/postgres scripts/gotest -timeout 20m ./store/... ./record/...

test-browser: setup ## the pages in a real Chromium: journeys, keyboard, 320 px, no JavaScript, axe, bytes
	scripts/gotest -count=1 -timeout 15m ./web/browser/...
