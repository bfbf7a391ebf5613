# SPDX-License-Identifier: MIT
"""Reading what images/conformance prints, wherever it ran: TAP's lines, and the reasons for which
docs/conformance.md lets a check be skipped. Who runs it is not here."""
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
LINE = re.compile(r"^(not )?ok (\d+) - ([a-z0-9_]+\.[a-z0-9_]+)(?: # (SKIP )?(.+))?$")


class Wrong(Exception):
    """What is not TAP, or not all of it."""


def results(lines):
    """In order: name, did it pass, the words behind it (why it failed or was skipped, or None)."""
    if not lines or lines[0] != "TAP version 13":
        raise Wrong(f"it does not begin as TAP does, but with {lines[:1]}")
    plans = [line for line in lines if line.startswith("1..")]
    found = []
    for line in lines[1:]:
        if line.startswith("#") or line in plans:
            continue
        m = LINE.match(line)
        if not m or bool(m[5]) != bool(m[1] or m[4]):
            raise Wrong(f"not TAP: {line}")
        found.append((m[3], not m[1], m[5]))
        if int(m[2]) != len(found):
            raise Wrong(f"out of order: {line}")
    if plans != [f"1..{len(found)}"]:
        raise Wrong(f"{len(found)} results, but the plan says {plans}")
    if len({name for name, _, _ in found}) != len(found):
        raise Wrong("two have one name")
    return found


def documented(place):
    """The reasons that the document gives for `place` ("Xen", "process backend"), and for either."""
    text = (TOP / "docs/conformance.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| (either|Xen|process backend)\b.*\|$", text, re.M)
    return {reason for reason, where in rows if where in (place, "either")}


def skips(found):
    """Names by the reason for which they were skipped."""
    why = {}
    for name, passed, words in found:
        if passed and words:
            why.setdefault(words, []).append(name)
    return why
