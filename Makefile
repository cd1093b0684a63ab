# Every target does its own set-up: make demo and make test work on a clean clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MODULES := $(VENV)/.modules
SOURCES := $(shell find logger/native -name '*.[ch]pp') logger/native/CMakeLists.txt pyproject.toml
# Without isolation the build is incremental; what it needs is installed first: what pyproject.toml requires (a copy of
# it), and the tools that pip would add to that.
BUILD_NEEDS := "scikit-build-core>=0.10" "nanobind>=2.4" "cmake>=3.24" ninja
# A module's tests stay in one process, so that what they share is made once.
PARALLEL := -n auto --maxprocesses 4 --dist loadscope
# Two processes a core on a small machine: much of a test is waiting. Integration comes first, and in its order, so that
# no module that takes long is among the last.
SUITE := -n 4 --dist loadscope --no-loadscope-reorder tests/integration tests/unit
TORTURE ?= long
CPP := $(shell find logger/native -name '*.[ch]pp')

# Where it is set, each of the hundreds of programs that tests start compiles regtap anew, and pytest its rewritten tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-vm test-browser test-torture lint types imports check format stubs \
	bench bench-reference bench-characteristics clean FORCE
.DEFAULT_GOAL := help

help:
	@echo "make demo    capture a simulated device, draw it, measure it, and say where to look (results/demo)"
	@echo "make test    run the tests"
	@echo "make test-vm       ... on real kernels and device models, under QEMU"
	@echo "make test-browser  ... of the page that regtap view shows, in Chromium"
	@echo "make test-torture  ... kills, damage and slow disks, by the thousand"
	@echo "make test-fleet    ... of a thousand traces on Spark, by two worker processes"
	@echo "make fleet-demo    make a lab's thousand traces, and ask them on both engines (results/fleet)"
	@echo "make check   lint, types, import contracts"
	@echo "make bench   measure against the bars, and what an access costs (results/)"
	@echo "make bench-reference  ... and keep that as the reference (results/reference)"
	@echo "make bench-characteristics  how often the benchmark is wrong, and what it sees (about an hour)"
	@echo "make format  rewrite the sources as the formatters want them"
	@echo "make stubs   write the stubs of the native modules anew"

demo: $(READY)
	$(BIN)/regtap demo

test: $(READY)
	$(BIN)/pytest $(SUITE)

test-vm: $(READY)
	$(BIN)/python -m tests.vm.prepare
	$(BIN)/pytest tests/vm

test-browser: $(READY)
	@sh .ci/browser
	$(BIN)/pytest tests/browser

test-torture: $(READY)
	REGTAP_TORTURE=$(TORTURE) $(BIN)/pytest $(PARALLEL) tests/torture
	test $(TORTURE) != long || cp build/torture.md build/vendor-maps.md results/reference
	$(BIN)/python -m tests.tables

# Spark is large: it comes when it is asked for, and Java with it. The version is that of the extra `spark` (a copy).
$(VENV)/.spark: $(READY)
	@sh .ci/java
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pyspark>=4.0"
	@touch $@

test-fleet: $(VENV)/.spark
	@sh .ci/java
	$(BIN)/pytest tests/fleet

fleet-demo: $(VENV)/.spark
	$(BIN)/python -m tests.fleet.demo results/fleet

check: lint types imports

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/clang-format --dry-run --Werror $(CPP)

types: $(READY)
	$(BIN)/mypy
	$(BIN)/python -m nanobind.stubgen -q -m regtap._native -O build/stubs/regtap
	$(BIN)/python -m nanobind.stubgen -q -m regtap_bench._native -O build/stubs/regtap_bench
	diff -u logger/regtap/_native.pyi build/stubs/regtap/_native.pyi
	diff -u bench/regtap_bench/_native.pyi build/stubs/regtap_bench/_native.pyi

imports: $(READY)
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(CPP)

stubs: $(READY)
	$(BIN)/python -m nanobind.stubgen -m regtap._native -O logger/regtap
	$(BIN)/python -m nanobind.stubgen -m regtap_bench._native -O bench/regtap_bench

bench: $(READY)
	$(BIN)/pytest tests/benchmarks

# On a quiet machine only: what the README cites.
bench-reference: $(READY)
	$(BIN)/pytest tests/benchmarks --bench-reference
	$(BIN)/python -m tests.tables

# Interrupted, it goes on where it ended (to begin anew, remove the folder). A bar that is missed is exit code 1.
bench-characteristics: $(READY)
	$(BIN)/python -m regtap_bench.characteristics measure results/characteristics
	$(BIN)/python -m regtap_bench.characteristics table results/characteristics -o results/reference
	$(BIN)/python -m tests.tables

# An editable install knows its modules by a list: it is made anew when the list changes.
$(MODULES): FORCE
	@mkdir -p $(VENV)
	@find logger bench analysis -name '*.py' | LC_ALL=C sort >$@.now
	@if cmp -s $@.now $@; then rm $@.now; else mv $@.now $@; fi

FORCE:

$(READY): $(SOURCES) $(MODULES)
	@sh .ci/prerequisites $(PYTHON)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(BUILD_NEEDS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[dev]'
	@touch $@

clean:
	rm -rf build $(VENV)
