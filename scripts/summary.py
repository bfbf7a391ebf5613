#!/usr/bin/env python3
"""Sum the test runs of several meson build directories into one closing line."""
import argparse
import json
import pathlib
import sys


def results(run):
    builddir, _, name = run.partition(":")
    log = pathlib.Path(builddir, "meson-logs", f"{name or 'testlog'}.json")
    if not log.exists():
        yield run, "no test log", "FAIL"
        return
    for line in log.read_text().splitlines():
        test = json.loads(line)
        yield run, test["name"], test["result"]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--style", type=int, default=0, help="exit status of the style check")
    args.add_argument("runs", nargs="+", help="a build directory, or that and a log's name: build:NAME")
    args = args.parse_args()

    passed = failed = 0
    for run in args.runs:
        for where, name, result in results(run):
            if result in ("OK", "EXPECTEDFAIL"):
                passed += 1
            else:
                failed += 1
                print(f"{where}: {name}: {result}")
    if args.style:
        failed += 1
        print("style: FAIL")
    else:
        passed += 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
