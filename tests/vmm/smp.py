#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A kernel of several CPUs in whole machines: images/smp counts everything it does, and so does this,
from what it prints. Nothing here depends on how fast that is.

usage: smp.py CARILLON EXAMPLES [TEST...]
"""

import os
import re
import sys

from running import EXAMPLES, check, main, one_domain, run

SMP = os.path.join(EXAMPLES, "smp.cfg")


def counts(err, cpus, rounds, cycles):
    """All of it agrees, and it is not little."""
    check("smp: smp: %d CPUs, all counts agree" % cpus in err, err)
    check("WRONG" not in err, err)
    pairs = {what: (int(asked), int(done)) for what, asked, done in
             re.findall(r"^smp: smp: ([a-z ]+): (\d+) asked, (\d+) done$", err, re.M)}
    check(len(pairs) == 8, pairs, err)
    check(all(a == b for a, b in pairs.values()), pairs)
    check(pairs["cycles"][0] == cycles * (cpus - 1), pairs)
    check(pairs["lives"][0] == cpus + cycles * (cpus - 1), pairs)
    # The storm has all CPUs: each round is a call to all of them and one to one.
    check(pairs["calls"][0] >= cpus * rounds * (cpus + 1), pairs)
    check(pairs["turns with the lock"][0] >= cpus * rounds, pairs)
    check(pairs["timers"][0] >= cpus, pairs)
    ipis = re.findall(r"^smp: smp: IPI ([a-z-]+): (\d+) requests = (\d+) merged \+ (\d+) sent, "
                      r"(\d+) handled$", err, re.M)
    check([i[0] for i in ipis] == ["reschedule", "call", "call-single", "work"], ipis)
    for name, requests, merged, sent, handled in ipis:
        check(int(requests) == int(merged) + int(sent), name, err)
        check(sent == handled and int(handled) <= int(requests), name, err)
        check(cpus == 1 or int(handled) > 0, name, err)
    check(": SPU:" in err and not re.search(r": SPU: .*[1-9].*  spurious", err), err)


def table_cpus(err):
    return len(re.search(r"^smp: ( +CPU\d+)+$", err, re.M).group(0).split()) - 1


def test_example():
    code, _, err = run(SMP)
    check(code == 0, code, err)
    counts(err, 4, 100, 3)


def test_one_to_eight():
    for cpus in (1, 2, 3, 8):
        code, _, err = run(*one_domain(SMP, cpus, "rounds=40 cycles=2"))
        check(code == 0, cpus, code, err)
        counts(err, cpus, 40, 2)
        check(table_cpus(err) == cpus, err)


def test_each_abi():
    for abi in ("2l", "fifo"):
        code, _, err = run(*one_domain(SMP, 4, "rounds=40 cycles=2 abi=" + abi))
        check(code == 0, abi, code, err)
        counts(err, 4, 40, 2)


def test_no_more_than_max_cpus():
    """Of six vCPUs the kernel finds all, and takes as many as it is told to."""
    code, _, err = run(*one_domain(SMP, 6, "rounds=20 cycles=1 max_cpus=3"))
    check(code == 0, code, err)
    counts(err, 3, 20, 1)
    check(table_cpus(err) == 3, err)


def test_many_cycles():
    code, _, err = run(*one_domain(SMP, 3, "rounds=5 cycles=40"))
    check(code == 0, code, err)
    counts(err, 3, 5, 40)


sys.exit(main(globals()))
