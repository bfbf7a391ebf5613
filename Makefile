# Everything a newcomer needs; meson and ninja do the work. `make run` and `make check` install what is
# missing when they may (root on Debian).
.PHONY: all run check check-load check-models check-mutations check-xen check-xen-slow check-bench fuzz bench faults soak
.PHONY: clean coverage
.NOTPARALLEL:

BUILD := build

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@scripts/deps.sh build
	@meson setup -Dtests=false $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }
	@mv $(BUILD).log $(BUILD)/setup.log

# The main job: a real file through two domains by interrupts alone.
run: all
	@scripts/run-demo.sh

# All tests that need no emulator: in the plain build, under ASan+UBSan and TSan, and the style of the code.
check:
	@scripts/check.sh

# Eight CPUs of a guest under all kinds of traffic for a minute (LOAD_SECONDS=N: so long), where every send,
# call and timer must be accounted for at the end.
check-load: all
	@tests/vmm/conformance.py $(BUILD)/carillon examples load

# The hypervisor half against real Xen, in QEMU.
check-xen:
	@scripts/deps.sh xen
	@$(MAKE) --no-print-directory all
	@scripts/check-xen.sh

# The recorded scenarios that take many minutes there: for the night.
check-xen-slow:
	@scripts/deps.sh xen
	@$(MAKE) --no-print-directory all
	@scripts/check-xen.sh --slow

# Mistakes made on purpose in a copy of the sources: the simulation must find each of them.
check-mutations:
	@scripts/deps.sh check
	@scripts/check-mutations.sh

# Domains and the monitor die or stand still at MOMENTS random moments under load (make check: a few), and
# every allocation of every scenario fails once.
MOMENTS := 1000
faults:
	@scripts/long.sh faults $(MOMENTS)

# For SOAK_SECONDS each: 64 domains in one process that bind, send, move, close, die and come back; and eight in
# the process backend.
SOAK_SECONDS := 60
soak:
	@scripts/long.sh soak $(SOAK_SECONDS)

# The protocols as models: every interleaving of them, by spin.
check-models:
	@scripts/deps.sh models
	@tests/models/check.py build

# The hypercall boundary and what is read from files, by libFuzzer: FUZZ_SECONDS for each target.
fuzz:
	@scripts/deps.sh check
	@scripts/fuzz.sh

# How much of the hypervisor half the fuzz targets' corpora run, and how much they and the tests.
coverage:
	@scripts/deps.sh check
	@scripts/coverage.sh

# The rows of docs/performance.md, as a table, build/bench/results.json and plots. QUICK=1: less often.
bench:
	@scripts/deps.sh bench
	@$(MAKE) --no-print-directory all
	@bench/run.py $(if $(filter-out 0,$(QUICK)),--quick)

# Has a send, a dispatch or a channel's life become longer? Counts instructions, so it needs no quiet machine.
check-bench:
	@scripts/deps.sh bench
	@$(MAKE) --no-print-directory all
	@bench/check-instructions

clean:
	@rm -rf $(BUILD)
