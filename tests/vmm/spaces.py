#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Page-table roots that come and go under the CPUs that hold them, in whole machines: images/spaces
ends as a crash if a root's frame is memory too early or too late, and counts what it does. Nothing
here depends on how fast that is.

usage: spaces.py CARILLON EXAMPLES [TEST...]
"""

import os
import re
import sys

from running import EXAMPLES, check, main, one_domain, run

SPACES = os.path.join(EXAMPLES, "spaces.cfg")


def numbers(pattern, err):
    m = re.search("^spaces: spaces: " + pattern.replace("N", r"(\d+)") + "$", err, re.M)
    check(m, pattern, "in", err)
    return map(int, m.groups())


def counts(err, cpus, rounds, storms):
    n, made, refused = numbers("N CPUs, N roots made and destroyed, N times refused as memory", err)
    check((n, made, refused) == (cpus, rounds + storms + 3, rounds), err)
    uses, _, switches, kept, shot, cycles = numbers(
        "N uses, N refused; N switches, N kept, N shot down, N CPU cycles", err)
    check(uses >= rounds * cpus + storms, err)
    # Every CPU held each root of the first phase, lazily, when it was shot down.
    check(shot >= rounds * cpus and switches >= 2 * shot, err)
    check(kept <= uses and cycles == (storms // 16 if cpus > 1 else 0), err)
    calls, traps = numbers("N hypercalls by N traps", err)
    # From three CPUs on, a shoot-down tells the others by one trap.
    check(traps <= calls - (rounds if cpus > 3 else 0), err)


def test_example():
    code, _, err = run(SPACES)
    check(code == 0, code, err)
    counts(err, 4, 20, 100)


def test_one_to_eight():
    for cpus in range(1, 9):
        code, _, err = run(*one_domain(SPACES, cpus, "rounds=20 storms=100"))
        check(code == 0, cpus, code, err)
        counts(err, cpus, 20, 100)


def test_each_abi():
    for abi in ("2l", "fifo"):
        code, _, err = run(*one_domain(SPACES, 4, "rounds=20 storms=50 abi=" + abi))
        check(code == 0, abi, code, err)
        counts(err, 4, 20, 50)


def test_many_times():
    code, _, err = run(*one_domain(SPACES, 3, "rounds=500 storms=1000"))
    check(code == 0, code, err)
    counts(err, 3, 500, 1000)


sys.exit(main(globals()))
