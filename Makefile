# Short names; the work is in scripts/. A machine without make uses those directly.
.PHONY: build test test-long demo fuzz

build:      ## installs packages and builds build/release/baleen
	@scripts/build release

test:       ## installs, builds and runs the suite
	@scripts/test

test-long:  ## sanitizers, oracles over large inputs, headers alone
	@scripts/test-long

demo:       ## installs, builds and talks to the shipped model
	@scripts/demo

fuzz:       ## every parser of outside bytes, 60 s each
	@scripts/fuzz 60
