# Logtable. `make help` lists the targets.

GO          ?= go
FUZZTIME    ?= 5s
# The tools that are not part of Go, with their versions.
include .ci/tools

# A function's settings would be taken for ours.
unexport AWS_CA_BUNDLE AWS_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_DYNAMODB AWS_REGION AWS_DEFAULT_REGION

.PHONY: help build demo test check unit tools fuzz soak layer release vulns bench clean

help:            #: list the targets
	@sed -n 's/^\([a-z]*\):.*#: /  make \1\t/p' Makefile | expand -t 18

build:           #: build bin/logtable (the tool) and bin/extension/logtable
	@mkdir -p bin/extension
	@$(GO) run ./layer/pack -binary bin/extension/logtable
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/logtable ./cmd/logtable

demo: build      #: show Logtable at work on this machine: no AWS account, no installation
	@bin/logtable demo --extension bin/extension/logtable --examples examples

test:            #: everything that must hold; what this machine lacks is listed last
	@sh .ci/test

check:           #: formatting, vet, staticcheck, width of lines and size of functions only
	@sh .ci/check

unit:            #: the tests without the race detector: quicker
	$(GO) test ./...

tools:           #: install what the tests of layer/ use: build/tools/venv, layer/*/node_modules
	@sh .ci/python
	@sh .ci/node

fuzz:            #: every fuzz target for FUZZTIME (default 5s)
	@FUZZTIME=$(FUZZTIME) sh .ci/fuzz

soak:            #: 20,000 invocations with random faults, and 600 kills: 20 minutes
	LOGTABLE_TEST_SOAK=20000 LOGTABLE_TEST_KILLS=600 $(GO) test -timeout 2h -v -run 'TestSoak|TestKilled' ./cmd/extension

layer:           #: layer/dist/logtable-layer-{arm64,x86_64}.zip
	$(GO) run ./layer/pack

release:         #: dist/: all that is published of VERSION=v0.1.0, from a clone without changes
	@rm -rf dist
	@$(GO) run ./layer/release -version "$(VERSION)" -cyclonedx $(CYCLONEDX)

vulns:           #: known vulnerabilities in what is linked; needs https://vuln.go.dev
	$(GO) run $(GOVULNCHECK) ./cmd/extension ./cmd/logtable

bench: build     #: what Logtable costs beside an extension that does nothing (and beside COMPARE, another binary): bin/bench.md; the hot path: bin/bench.txt
	$(GO) run ./internal/sandbox/bench -o bin/bench.md $(if $(COMPARE),-compare $(COMPARE))
	@test ! -e bin/bench.txt || mv bin/bench.txt bin/bench-before.txt
	$(GO) test -run '^$$' -bench 'Parse|Thousand|Add|Pipe|String|Append' -count 3 ./internal/parse ./internal/store ./internal/sandbox/pipe ./internal/redact ./internal/spill | tee bin/bench.txt
	@test ! -e bin/bench-before.txt || $(GO) run $(BENCHSTAT) bin/bench-before.txt bin/bench.txt

clean:           #: remove what was built
	rm -rf bin build dist layer/dist
