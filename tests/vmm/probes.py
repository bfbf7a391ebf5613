#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The static probes of the carillon program, as its notes tell them: which there are, how many
arguments each has and of which format; that each address is in the program's code, at a nop; and
that the library for embedders has none.

usage: probes.py CARILLON LIBRARY yes|no
"""

import re
import subprocess
import sys

# docs/tracing.md says what they mean
PROBES = {"bind": 4, "close": 4, "send": 4, "pending": 4, "upcall": 2, "pirq": 4, "eoi": 2,
          "priority": 3}
ARGUMENT = re.compile(r"(-?[1248])@(\S+)$")
NOTE = re.compile(r"stapsdt.*\n +Provider: (\S+)\n +Name: (.*)\n"
                  r" +Location: 0x([0-9a-f]+), Base: .*\n +Arguments: ?(.*)$", re.M)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_program(path):
    bad = []
    found = NOTE.findall(output("readelf", "-n", path))
    code = output("objdump", "-d", "--no-show-raw-insn", path)
    for provider, name, location, arguments in found:
        words = arguments.split()
        if provider != "carillon" or name not in PROBES:
            bad.append("nobody knows the probe %s:%s" % (provider, name))
            continue
        if len(words) != PROBES[name]:
            bad.append("%s has the arguments %s" % (name, arguments))
        for word in words:
            m = ARGUMENT.match(word)
            if not m or m.group(1) != "4":
                bad.append("%s: the argument %s is no 32-bit number" % (name, word))
        if not re.search(r"^ +%s:\s+nop" % location.lstrip("0"), code, re.M):
            bad.append("%s: there is no nop at %s" % (name, location))
    for name in PROBES:
        if name not in [n for _, n, _, _ in found]:
            bad.append("there is no probe " + name)
    return bad


def main():
    program, library, wanted = sys.argv[1:4]
    bad = []
    for path in [library] if wanted == "yes" else [library, program]:
        if "stapsdt" in output("readelf", "-SW", path):
            bad.append("%s has probes" % path)
    if wanted == "yes":
        bad += check_program(program)
    print("\n".join(bad) or "%d probes, as they should be" % (len(PROBES) * (wanted == "yes")))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
