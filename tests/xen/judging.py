#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""conformance.py's judgement of what the image printed: what must fail a boot does. There is no Xen here."""
import sys

import conformance
from conformance import Failed, OTHER_ABI, judged, ours_of, why_skipped

GOOD = "TAP version 13\n# a comment\n1..3\nok 1 - a.one\nok 2 - a.two # SKIP {skip}\nok 3 - a.three\n"
FINE = OTHER_ABI["fifo"]

# name, console, vCPUs, words of the complaint (None: none)
CASES = [
    ("fine", GOOD.format(skip=FINE), 2, None),
    ("between Xen's lines", "(XEN) hello\n" + GOOD.format(skip=FINE).replace("ok 3", "(XEN) ok 9 - a.b\nok 3"), 2, None),
    ("one vCPU", GOOD.format(skip=conformance.ONE_CPU), 1, None),
    ("one vCPU of two", GOOD.format(skip=conformance.ONE_CPU), 2, "does not let Xen skip"),
    ("the other ABI", GOOD.format(skip=OTHER_ABI["2l"]), 2, "does not let Xen skip"),
    ("a reason for elsewhere", GOOD.format(skip="the place has no I/O ports"), 2, "does not let Xen skip"),
    ("a new reason", GOOD.format(skip="it rains"), 2, "it rains"),
    ("not ok", GOOD.format(skip=FINE).replace("ok 3 - a.three", "not ok 3 - a.three # why"), 2, "a.three: why"),
    ("short", GOOD.format(skip=FINE).replace("ok 3 - a.three\n", ""), 2, "2 results, but the plan"),
    ("no plan", GOOD.format(skip=FINE).replace("1..3\n", ""), 2, "but the plan says"),
    ("out of order", GOOD.format(skip=FINE).replace("ok 3", "ok 4"), 2, "out of order"),
    ("twice", GOOD.format(skip=FINE).replace("a.three", "a.one"), 2, "two have one name"),
    ("not TAP", GOOD.format(skip=FINE).replace("ok 3", "exception"), 2, "not TAP"),
    ("empty", "TAP version 13\n1..0\n", 2, "0 of 0"),
    ("nothing", "(XEN) hello\n", 2, "no TAP"),
]


def complaint(text, vcpus):
    try:
        why_skipped(judged(ours_of(text), "here"), vcpus, "fifo")
    except Failed as failed:
        return str(failed)
    return None


def main():
    wrong = []
    for name, text, vcpus, words in CASES:
        said = complaint(text, vcpus)
        if (said is None) != (words is None) or (words and words not in said):
            wrong.append(f"{name}: {said!r}, not {words!r}")
    print("\n".join(wrong) or f"{len(CASES)} cases")
    sys.exit(1 if wrong else 0)


main()
