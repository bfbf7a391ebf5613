#!/usr/bin/env python3
"""Lines and branches of hypervisor/ that were run, from the .gcda files of a build directory: per file and in
all. The half is compiled several times there; a line was run if it was in one of them. Of branches, that
compilation counts in which most of a line's were taken. `coverage.py BUILD -v`: the lines that were not."""
import collections
import json
import pathlib
import subprocess
import sys


def gcov(build, data):
    out = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", data],
                         cwd=build, capture_output=True, text=True, check=True)
    for line in out.stdout.splitlines():
        yield from json.loads(line)["files"]


def source(root, build, name):
    path = (build / name).resolve()
    if path.is_relative_to(root / "hypervisor"):
        return str(path.relative_to(root))
    return None


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    root = pathlib.Path(__file__).resolve().parent.parent
    lines = collections.defaultdict(lambda: collections.defaultdict(int))
    branches = collections.defaultdict(lambda: collections.defaultdict(dict))
    for data in sorted(p for p in build.rglob("*.gcda") if "hypervisor" in str(p.relative_to(build))):
        for f in gcov(build, data):
            name = source(root, build, f["file"])
            for line in f["lines"] if name else ():
                at = line["line_number"]
                lines[name][at] += line["count"]
                taken = [b["count"] > 0 for b in line["branches"]]
                if taken:
                    known = branches[name][at].get(len(taken), [False] * len(taken))
                    branches[name][at][len(taken)] = [a or b for a, b in zip(known, taken)]
    total = [0, 0, 0, 0]
    for name in sorted(lines):
        best = [max(b.values(), key=lambda v: sum(v) / len(v)) for b in branches[name].values()]
        row = [sum(c > 0 for c in lines[name].values()), len(lines[name]),
               sum(map(sum, best)), sum(map(len, best))]
        total = [a + b for a, b in zip(total, row)]
        show(name, row)
        if "-v" in sys.argv:
            print("    not run:", *[n for n, c in sorted(lines[name].items()) if not c])
    show("hypervisor", total)


def show(name, row):
    a, b, c, d = row
    print(f"{name:32} lines {a:5}/{b:<5} {100 * a / max(b, 1):5.1f} %   "
          f"branches {c:5}/{d:<5} {100 * c / max(d, 1):5.1f} %")


main()
