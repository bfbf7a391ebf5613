#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Scenarios inside a guest of the process backend: images/scenario, the file that real Xen runs in
`make check-xen`, gets a script as its module and must answer as the file says. Of a script that goes on to
do what a guest cannot, the lines before that are run; what is not run is listed, with the reason."""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenarios"))
from answers import compare, env, printed, replayed  # noqa: E402
from running import CARILLON, check, run  # noqa: E402

IMAGE, SCENARIOS = pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]).resolve()
# What is not run at all, and from where on a script is not.
NOT_HERE = [
    (r"^@env.*platform=linux", "needs a Linux guest with an event device"),
    (r"\bbits=32", "the process backend runs 64-bit guests"),
    (r"^bind_pirq pirq=1 flags=0 -> rc=-EPERM", "a guest's lines are mapped as pirqs from the start"),
]
NOT_FROM = [
    (r"^(env\.(domain|set_virq)|d[1-9])", "other domains are the control domain's to make"),
    (r"^env\.debug_key", "there is no hypervisor console to press a key at"),
    (r"^env\.line|^mem\.bit", "no domain drives its own lines"),
    (r"^d0&", "vCPU 0 runs the script: it cannot poll and go on"),
]
LEAST_RUN = 20  # files: this test shall not pass because it finds nothing to run


def cut(text):
    """The lines that a guest can do, and why not the others (None: it can do all)."""
    lines = text.splitlines(keepends=True)
    for n, line in enumerate(lines):
        for pattern, why in NOT_FROM:
            if re.search(pattern, line):
                return "".join(lines[:n]), f"{why}: {len(lines) - n} lines of {len(lines)} not run"
    return text, None


def machine(script):
    """It has the lines that the script maps."""
    gsis = sorted({int(n) for n in re.findall(r"^env\.map_gsi gsi=(\d+)", script.read_text(), re.M)})
    devices = ", ".join(f'{{ type = "line"; name = "line{n}"; line = {n}; domain = "scenario"; period_us = 1000000000; '
                        f'count = 1; flow = "{"edge" if n < 16 else "level"}"; }}' for n in gsis if 0 < n < 1024)
    return (f'domains = ( {{ name = "scenario"; image = "{IMAGE}"; module = "{script.name}"; cmdline = "abi=2l"; '
            f'vcpus = {env(script, "vcpus", "2")}; memory = 32; privileged = true; }} );\ndevices = ( {devices} );\n')


def run_inside(script):
    config = script.with_suffix(".cfg")
    config.write_text(machine(script))
    status, _, err = run(str(config))
    check(status == 0, script.stem, "ended with", status, err)
    answers = printed(re.sub(r"^scenario: ", "", err, flags=re.M))
    check(answers is not None, script.stem, "did not come to its end:\n" + err)
    return answers


def main():
    ran = 0
    with tempfile.TemporaryDirectory() as directory:
        for path in sorted(SCENARIOS.glob("*.txt")):
            text, why = path.read_text(), None
            for pattern, reason in NOT_HERE:
                if re.search(pattern, text, re.M):
                    why = reason
            if why:
                print(f"-- {path.stem}: {why}")
                continue
            text, why = cut(text)
            script = pathlib.Path(directory, path.name)
            script.write_text(text)
            if " -> " not in re.sub(r"^#.*", "", text, flags=re.M):
                print(f"-- {path.stem}: {why}")
                continue
            mine, as_said = replayed(CARILLON, script)
            check(as_said, path.stem, "is not replayed as the file says")
            found = compare(script, mine, run_inside(script), "guest")
            check(not found, path.stem, "differs:\n" + "\n".join(said for _, said in found[:5]))
            print(f"ok {path.stem}: {len(mine)} answers" + (f"; {why}" if why else ""))
            ran += 1
    check(ran >= LEAST_RUN, "only", ran, "files were run")


main()
