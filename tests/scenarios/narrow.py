#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The recorded scenarios once more with every domain a 32-bit one: what they ask does not depend on
the width, so every answer must be the same. Those that count 2-level ports or look at selectors of
vCPUs with a port above 31 answer otherwise, as do those with page tables: they are not given here.

usage: narrow.py CARILLON SCENARIO...
"""

import os
import re
import subprocess
import sys
import tempfile


def narrowed(text):
    text, envs = re.subn(r"^@env platform=bare", "@env platform=bare bits=32", text, flags=re.M)
    assert envs == 1, "a scenario has one @env platform=bare"
    return re.sub(r"^(env\.domain_(?:create|start) .*?) ->", r"\1 bits=32 ->", text, flags=re.M)


def main():
    carillon, scenarios = sys.argv[1], sys.argv[2:]
    bad = 0
    with tempfile.TemporaryDirectory() as directory:
        for scenario in scenarios:
            path = os.path.join(directory, os.path.basename(scenario))
            with open(scenario, encoding="utf-8") as original, \
                    open(path, "w", encoding="utf-8") as narrow:
                narrow.write(narrowed(original.read()))
            done = subprocess.run([carillon, "replay", "--all", "--quiet", path],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                bad += 1
                print(scenario, done.returncode, done.stdout, done.stderr, sep="\n")
    print(f"{len(scenarios)} scenarios in 32 bits, {bad} wrong")
    return 1 if bad or not scenarios else 0


sys.exit(main())
