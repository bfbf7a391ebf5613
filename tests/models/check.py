#!/usr/bin/env python3
"""`make check-models`: have spin look at every interleaving of each model in this directory, and at each of the
mistakes made on purpose in it (MUTATE), every one of which it must find. The last line is the sum.
usage: check.py BUILDDIR"""
import concurrent.futures
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# model, defines of the case, the mistakes that this case finds
CASES = [
    ("section", {}, [1, 2, 3, 4]),
    ("two_level", {"CASE": 1}, [1, 3, 4, 5, 6]),
    ("two_level", {"CASE": 2}, [7]),
    ("two_level", {"CASE": 3}, [2, 8]),
    ("fifo", {"CASE": 1}, [1, 2, 3, 4, 5, 6, 9, 10]),
    ("fifo", {"CASE": 2, "SENDS": 2, "LESS_SENDS": 1}, [7]),
    ("fifo", {"CASE": 3, "SENDS": 1, "LESS_SENDS": 1}, [8]),
]


def run(out, model, defines, mutate):
    name = "-".join([model] + [f"{k}{v}" for k, v in defines.items()] + ([f"mistake{mutate}"] if mutate else []))
    where = os.path.join(out, name)
    os.makedirs(where, exist_ok=True)
    flags = [f"-D{k}={v}" for k, v in {**defines, "MUTATE": mutate}.items()]
    log = os.path.join(where, "log")
    with open(log, "w") as f:
        for cmd in (
            ["spin", *flags, "-a", os.path.join(HERE, model + ".pml")],
            ["gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=6000", "-o", "pan", "pan.c"],
            # found mistakes end at the first; without one all is searched
            ["./pan", "-m200000", "-w26"],
        ):
            if subprocess.run(cmd, cwd=where, stdout=f, stderr=subprocess.STDOUT).returncode:
                return name, "cannot be run", log
    text = open(log).read()
    errors = re.search(r"errors: (\d+)", text)
    states = re.search(r"(\d+) states, stored", text)
    if not errors or "Search not completed" in text and errors.group(1) == "0" or "max search depth too small" in text:
        return name, "was not searched to its end", log
    found = errors.group(1) != "0"
    if found != bool(mutate):
        return name, "has an error" if found else "does not find the mistake", log
    print(f"{name}: {'found, after ' if mutate else ''}{states.group(1)} states", flush=True)
    return name, None, log


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check.py BUILDDIR")
    out = os.path.join(sys.argv[1], "models")
    jobs = [(m, d, n) for m, d, found in CASES for n in [0] + found]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, why, log in pool.map(lambda j: run(out, *j), jobs):
            if why:
                failed += 1
                print(f"{name} {why}: {log}")
    print(f"{len(jobs) - failed} passed, {failed} failed")
    sys.exit(failed != 0)


main()
