# Short names; the work is in scripts/, which also run where there is no make yet. Each installs missing Debian packages first
# and says which.
.PHONY: demo build test test-long fuzz krill eval-krill load agents

demo:       ## installs, builds, and shows the shipped model at work
	@scripts/demo

build:      ## installs and builds build/release/baleen, no more
	@scripts/build

test:       ## installs, builds and runs the test suite
	@scripts/test

test-long:  ## sanitizers, headers alone, oracles over large inputs, golden files in every kernel set
	@scripts/test-long

load: build       ## the built server under load: 50 kills, 200 streams, fairness, 10,000 idle connections
	@scripts/load-tests

agents: build     ## Claude Code, Codex and OpenCode do a task with a tool against the server
	@scripts/agents

fuzz:       ## every parser of outside bytes, 60 s each
	@scripts/fuzz 60

krill:      ## trains the small model from nothing, in hours; goes on where it was interrupted
	@scripts/krill train

eval-krill: ## fresh questions for the small model; SEED=7 chooses others
	@scripts/krill evaluate --seed $(or $(SEED),1)
