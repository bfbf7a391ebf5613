"""Instructions and locked operations of each row, counted by valgrind's callgrind in build/bench/engine, guest and
versus: the same on every run and on every machine that has the same compiler. What the embedder's callbacks do is not
counted where that is the testbed, and counted in versus. Used by run.py and check-instructions."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
ENGINE = TOP / "build" / "bench" / "engine"
GUEST = ENGINE.with_name("guest")
VERSUS = ENGINE.with_name("versus")

# For each group of rows: what the program that measures them takes for it, the functions in which callgrind counts
# (none of them calls another), and the one that marks.
ENTRIES = {
    "engine/": (ENGINE, ("send", "engine/"), ("event_send",), "engine_mark"),
    "hypercall/": (ENGINE, ("send", "hypercall/"), ("hv_hypercall",), "engine_mark"),
    "drain": (ENGINE, ("drain",), ("engine_drain",), "engine_mark"),
    "loopback": (ENGINE, ("loopback", "engine/"),
                 ("event_alloc_unbound", "event_bind_interdomain", "event_close"), "engine_mark"),
    "loopback hypercalls": (ENGINE, ("loopback", "hypercall/"), ("hv_hypercall",), "engine_mark"),
    "baseline": (ENGINE, ("baseline",),
                 ("conv_send", "conv_alloc_unbound", "conv_bind_interdomain", "conv_close"), "engine_mark"),
    "guest/": (GUEST, ("guest/",), ("guest_upcall",), "guest_mark"),
    "versus/": (VERSUS, ("versus/",), ("guest_notify_port", "guest_local_irq_enable"), "versus_mark"),
}
CALLBACKS = ("testbed_kick", "testbed_copy_from", "testbed_copy_to", "conv_testbed_kick")


def need_engine():
    if not ENGINE.exists():
        sys.exit("build/bench/engine: only an optimised build without sanitizers has it; "
                 "`make clean`, then `make`")


def count_of(file):
    for line in file.read_text().splitlines():
        if line.startswith("totals:"):
            instructions, locked = map(int, line.split()[1:])
            return instructions, locked
    raise ValueError(f"{file}: no totals")


def count_rows(program, which, entries, mark):
    # Each toggle turns counting on where it is off, and off where it is on: so callbacks, called by what
    # is counted, are left out. A dump at each mark: what was before a row, the row, and so on.
    with tempfile.TemporaryDirectory() as out:
        text = subprocess.run(
            ["valgrind", "-q", "--tool=callgrind", "--collect-bus=yes", f"--dump-after={mark}",
             f"--callgrind-out-file={out}/out",
             *(f"--toggle-collect={f}" for f in (*entries, *CALLBACKS)), str(program), "count", *which],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        for i, line in enumerate(text.splitlines()):
            name, ops = line.split()
            instructions, locked = count_of(pathlib.Path(out) / f"out.{2 * i + 2}")
            yield name, (instructions / int(ops), locked / int(ops))


def counts(*groups):
    """By name of the row: (instructions, locked operations), each per event. No group: all rows."""
    def of(group):
        return list(count_rows(*ENTRIES[group]))

    # at the same time: what is counted does not depend on it
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return {name: count for rows in pool.map(of, groups or ENTRIES) for name, count in rows}
