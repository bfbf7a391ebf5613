#!/usr/bin/env python3
"""The rows of docs/performance.md, measured: each as a ratio against something measured in the same run, because the
machines this runs on are shared. Prints a table, and writes it to build/bench/results.json and plots
beside it. Judges no figure; fails if a promised row or plot is missing.

usage: run.py [--quick]    --quick: all of it, less often"""
import json
import os
import sys
import time

import inside
import machines
import plots
import promised
import table
from counts import need_engine


def main(argv):
    if argv not in ([], ["--quick"]):
        sys.exit(__doc__.splitlines()[-1])
    need_engine()
    if argv:
        table.set_quick()
    start = time.monotonic()
    for measure in (inside.engine, inside.halves, inside.peers, inside.versus, machines.trap, machines.latency,
                    machines.notify_each, machines.boot, machines.pipe, machines.memory, machines.neighbours):
        began = time.monotonic()
        measure()
        print(f"  ({measure.__name__}: {time.monotonic() - began:.0f} s)", file=sys.stderr)
    (table.OUT / "results.json").write_text(json.dumps(table.rows, indent=1) + "\n")
    (table.OUT / "samples.json").write_text(json.dumps(table.samples) + "\n")
    plots.draw_all()
    bad = list(promised.complaints(len(os.sched_getaffinity(0))))
    print(f"{len(table.rows)} rows in {time.monotonic() - start:.0f} s: {table.OUT.relative_to(table.TOP)}/results.json, "
          "*.svg", *bad, sep="\n")
    return 1 if bad else 0


sys.exit(main(sys.argv[1:]))
