# make test    everything: set-up, checks, pure tests, then the lab's
# make demo    set-up, then the main job on three real nodes, which are gone afterwards
# make check   lint, types, layers, schemas, sizes
# make pure    the tests that run in Python alone, in under a minute; make programs, those that start git, the
#              reconciler, HAProxy, dnsmasq or an ACME server; make fleet, those that need the lab
# make engines what depends on the engine, on several engines from Debian; not part of make test
# make lock    pin the dependencies anew; make schemas, generate the JSON Schemas; make clean

BIN := .venv/bin
SOURCES := reconciler tests benchmarks .ci/again.py
LINES := 350
# Three at a time also on two cores: many a test waits for git, for a node or for a time-out. Each of them that
# needs a lab has one of its own.
BESIDE := -n 3 --dist worksteal
PYTEST := $(BIN)/python -m pytest
# Each worker reads all test files that it is given: these are the ones that hold tests with that mark.
MARKED = $(sort $(shell grep -rl --include='test_*.py' 'mark\.$(1)' tests))
PURE := $(PYTEST) -m "not fleet and not programs" $(BESIDE)
PROGRAMS = $(PYTEST) -m "programs and not fleet" $(BESIDE) $(call MARKED,programs)
# Tests of one file share what they have brought to their lab. The longest files first, lest one is left over.
TOGETHER := -n 3 --dist loadfile --no-loadscope-reorder
LONGEST := $(patsubst %,tests/fleet/test_%.py,killed rollout zero_loss network_trouble blue_green heal adopt roll \
	rollout_trouble network_changes acme)
FLEET = $(PYTEST) -m "fleet and not engines" $(TOGETHER) $(LONGEST) $(filter-out $(LONGEST),$(call MARKED,fleet))

# Compiled once, with pytest's own assertions in it, and not by each worker of each run.
export PYTHONDONTWRITEBYTECODE :=

# What depends on the engine, and the engines that it is run on (reconciler/lab/other_engine.py).
ENGINES := docker-sid docker-sid-containerd docker-trixie podman-trixie
ON_ENGINES := tests/contracts tests/engine/test_on_lab.py tests/engine/test_ending_on_lab.py \
	tests/engine/test_install_on_lab.py tests/engine/test_node_image_on_lab.py tests/engine/test_prober_on_lab.py \
	tests/fleet/test_apps.py tests/fleet/test_heal.py tests/fleet/test_homelab.py tests/fleet/test_ingress.py \
	tests/fleet/test_network.py tests/fleet/test_network_changes.py tests/fleet/test_network_names.py \
	tests/fleet/test_roll.py tests/fleet/test_zero_loss.py

.PHONY: test demo check pure programs fleet engines set-up lock schemas clean

test: check
	@$(PYTEST) -m "not fleet" $(BESIDE)
	@$(FLEET)

demo: set-up
	@$(BIN)/reconciler demo

pure: set-up
	@$(PURE)

programs: set-up
	@$(PROGRAMS)

fleet: set-up
	@$(FLEET)

engines: set-up
	@for engine in $(ENGINES); do \
		folder=$$($(BIN)/reconciler lab engine $$engine) || exit 1; echo "== $$engine"; \
		RECONCILER_LAB_ENGINE=$$folder $(FLEET) $(ON_ENGINES) || bad=1; \
	done; $(PYTEST) -m engines $(TOGETHER) && test -z "$$bad"

check: set-up
	@$(BIN)/ruff check --quiet --output-format=concise $(SOURCES)
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m reconciler.manifests.schemas --check
	@find $(SOURCES) -name '*.py' -exec wc -l {} + | awk '$$2 != "total" && $$1 > $(LINES) \
		{ print $$2 ": " $$1 " lines, at most $(LINES)"; bad = 1 } END { exit bad }'
	@for page in README.md CHANGELOG.md CONTRIBUTING.md; do \
		test -s $$page || { echo "$$page is missing or empty"; exit 1; }; done

set-up:
	@.ci/setup

lock:
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --extra dev \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		pyproject.toml -o requirements.lock

schemas: set-up
	@$(BIN)/python -m reconciler.manifests.schemas

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build dist
