#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""images/conformance in whole machines: what it prints is TAP, every check passes with any number of
vCPUs and both ABIs, and one that fails is seen. Nothing here depends on how fast that is.

usage: conformance.py CARILLON EXAMPLES [TEST...]

With the one test `load` and LOAD_SECONDS in the environment: that load alone, for so long.
"""

import os
import re
import sys

import running
import tap as reading
from running import EXAMPLES, check, main, one_domain, run

CONFORMANCE = os.path.join(EXAMPLES, "conformance.cfg")
running.TIMEOUT = 300  # a wait in vain ends before, with words

# Why a check may be skipped here.
ONE_CPU = "one vCPU only"
FIFO = "the FIFO ABI is in use (abi=fifo)"
TWO_LEVEL = "the 2-level ABI is in use (abi=2l)"
NO_TS = "the place cannot switch the FPU off (docs/differences.md)"
NO_LOAD = "the place does not load descriptors (docs/differences.md)"
NO_IO = "the place has no I/O ports"


def conformance(vcpus, words):
    return run(*one_domain(CONFORMANCE, vcpus, words))


def tap(err):
    """The results, in order: name, did it pass, the words behind it."""
    lines = [line[len("conformance: "):] for line in err.splitlines() if line.startswith("conformance: ")]
    try:
        return reading.results(lines)
    except reading.Wrong as wrong:
        raise AssertionError(f"{wrong}\n{err}") from None


def passes(vcpus, abi):
    code, _, err = conformance(vcpus, "abi=" + abi)
    results = tap(err)
    bad = [r for r in results if not r[1]]
    check(code == 0 and not bad, code, bad, err)
    check(len(results) > 300, len(results))
    why = reading.skips(results)
    expected = {NO_TS, NO_LOAD, NO_IO, FIFO if abi == "fifo" else TWO_LEVEL} | ({ONE_CPU} if vcpus == 1 else set())
    check(set(why) == expected, why)
    check(expected <= reading.documented("process backend"), "docs/conformance.md does not say so")
    check(why[NO_TS] == ["trap.device_not_available"], why)
    check(all(name.startswith("rtc.") for name in why[NO_IO]), why)
    check(why[NO_LOAD] == ["segment.tls_is_loaded", "segment.ldt_is_loaded"], why)
    return [name for name, _, _ in results]


def test_every_abi_and_number_of_cpus():
    names = {tuple(passes(vcpus, abi)) for vcpus in (1, 2, 4, 8) for abi in ("2l", "fifo")}
    check(len(names) == 1, "the list is not always the same")


def test_only_some():
    code, _, err = conformance(2, "only=poll.")
    check(code == 0, code, err)
    names = [name for name, _, _ in tap(err)]
    check(len(names) > 5 and all(name.startswith("poll.") for name in names), names)
    code, _, err = conformance(1, "only=nothing.has.this.name")
    check(code == 1 and tap(err) == [], code, err)


def test_failing_is_seen():
    """Each way in which a check can fail fails the run, with words."""
    for name, words in (("fails", r"port_status\(0\) is 0, not 5"),
                        ("waits_in_vain", r"waited in vain: "),
                        ("leaves_a_port", r"it left ports open: the lowest free one was \d+, is \d+"),
                        ("leaves_events_disabled", r"not so: !guest_irqs_disabled")):
        code, _, err = conformance(1, "patience=300 only=self." + name)
        check(code == 1, name, code, err)
        results = tap(err)
        check(len(results) == 1 and results[0][:2] == ("self." + name, False), results)
        check(re.search(words, results[0][2]), results)
    code, _, err = conformance(1, "only=self.meets_an_exception")
    check(code == 1 and "conformance: exception 6 (invalid opcode)" in err, code, err)


def sums(err, vcpus, lost=False):
    """The counts that the load prints, added up here."""
    results = tap(err)
    check(len(results) == 9 and all(name.startswith("load.") for name, _, _ in results), results)
    sent = re.findall(r"# (\w+): (\d+) sent = (\d+) handled \+ (\d+) coalesced; (\d+) empty runs$", err, re.M)
    check([s[0] for s in sent] == ["channels", "ipis"], err)
    for _, total, handled, coalesced, _ in sent:
        check(int(total) > 0, err)
        check(lost or int(total) == int(handled) + int(coalesced), err)
    done = re.findall(r"# (\w+): (\d+) asked for, (\d+) done$", err, re.M)
    check(len(done) == 4 and all(a == b != "0" for _, a, b in done), done)
    m = re.search(r"# (\d+) turns, (\d+) moves, \d+ changes of priority, (\d+) channels made anew, "
                  r"(\d+) times a CPU went and came back$", err, re.M)
    check(m and all(int(n) > 0 for n in m.groups()[:3]) and (int(m[4]) > 0) == (vcpus > 1), err)
    return results


def loaded(vcpus, seconds, abi):
    running.TIMEOUT = seconds + 300
    code, _, err = conformance(vcpus, "load=%d abi=%s seed=%d" % (seconds, abi, vcpus + seconds))
    check(all(ok for _, ok, _ in sums(err, vcpus)) and code == 0, code, err)
    return err


def test_short_load():
    for vcpus, abi in ((8, "fifo"), (8, "2l"), (3, "fifo")):
        loaded(vcpus, 3, abi)


def test_lost_wakeup_is_found():
    code, _, err = conformance(4, "load=1 lose=1 patience=1000")
    results = sums(err, 4, lost=True)
    check(code == 1 and not results[0][1], code, err)
    check(re.match(r"a lost wake-up: send \d+ on channel port \d+ is not seen, only \d+$", results[0][2]), err)


def load():
    """`make check-load`: two thirds of the time with FIFO. The counts are what one wants to see of it."""
    seconds = int(os.environ.get("LOAD_SECONDS", "60"))
    for abi, share in (("fifo", seconds - seconds // 3), ("2l", seconds // 3)):
        print("\n".join(line for line in loaded(8, share, abi).splitlines() if "# " in line), flush=True)


if sys.argv[3:] == ["load"]:
    del sys.argv[3:]
    status = main({"test_load": load})
    print("0 passed, 1 failed" if status else "1 passed, 0 failed")
    sys.exit(status)
sys.exit(main(globals()))
