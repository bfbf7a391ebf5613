#!/usr/bin/env python3
"""Both halves against real Xen. The hypervisor half: the same scenarios are replayed by `carillon replay`
and run by images/scenario as the control domain of Debian's Xen 4.17 (tools/xen-qemu). Every line's answer
must be the same, and be what the file says. Recorded scenarios, our own, and random ones (generate.py).
The guest half: images/conformance (conformance.py). NAME is a scenario's, or one that begins with
conformance.

Our own files say in a line of theirs that Xen has confirmed them, "# certified: Xen VERSION", which
--certify writes, or "# not certified: WHY".

usage: run.py CARILLON IMAGES OUTDIR [--seeds N] [--lines N] [--first-seed N] [--slow] [--certify] [NAME...]"""
import argparse
import pathlib
import re
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenarios"))
import conformance
from answers import TOP, compare, env, printed, replayed
from generate import generate
from xen import boot, version

BOOT_SECONDS = 300  # never reached by a boot that works: seconds on an idle machine
SLOW_SECONDS = 3600
NOT_HERE = [  # what a script has in it that this cannot do, and why
    (r"^@env.*platform=linux", "needs a Linux guest with an event device"),
    (r"\bbits=3", "the image is 64 bits wide, and its agents are"),
    (r"^d0&", "domain 0's vCPU 0 runs the script: it cannot poll and go on"),
    (r"env\.line|mem\.bit", "drives interrupt lines"),
]
MARK = re.compile(r"^# (not )?certified: .*\n", re.M)


def on_xen(image, script, log, seconds):
    """Boot it; the answers by line and Xen's version, or a word on what went wrong."""
    # One processor: who waits for another domain yields to it, and the host need not run two threads for that.
    # With two, and enough irqs, there are as many pirqs as on the machine of the recordings, 440.
    pirqs = re.search(r"\bnr_pirqs\b", script.read_text())
    machine = ["--cpus", "2", "--xen-options", "nr_irqs=1024"] if pirqs else ["--cpus", "1"]
    _, text, trouble = boot(image, ["abi=2l"], log, seconds,
                            ["--vcpus", env(script, "vcpus", "2"), "--module", script, *machine])
    if trouble:
        return None, None, trouble
    answers = printed(text)
    if answers is None:
        return None, None, f"no end of the scenario: see {log}"
    return answers, version(text), None


def is_own(script):
    return script.name.startswith("own-")


def certify(script, xen):
    """Write the mark, below the comment that opens the file."""
    text = MARK.sub("", script.read_text())
    opening = re.match(r"(?:#.*\n)*", text)[0]
    script.write_text(f"{opening}# certified: Xen {xen}\n{text[len(opening):]}")


def run_one(args, script):
    """Whether it passed, and what to print of it."""
    slow = env(script, "slow", None)
    theirs, xen, trouble = on_xen(args.images / "scenario", script, args.outdir / f"{script.stem}.log",
                                      SLOW_SECONDS if slow else BOOT_SECONDS)
    if trouble:
        return False, f"FAIL {script.stem}: {trouble}"
    mine, as_said = replayed(args.carillon, script)
    found = [text for _, text in compare(script, mine, theirs, "Xen")]
    if found:
        return False, "\n".join([*found[:5], f"FAIL {script.stem}: {len(found)} answers differ or are missing"])
    if not as_said and script.parent != args.outdir:
        return False, f"FAIL {script.stem}: Xen and the replay agree, but not with what the file says"
    if is_own(script) and args.certify:
        certify(script, xen)
    mark = MARK.search(script.read_text())
    if is_own(script) and (not mark or mark[1]):
        return False, f"FAIL {script.stem}: agrees, but says nothing of that: --certify writes it"
    return True, f"ok {script.stem}: {len(theirs)} answers"


def why_not(script, slow):
    text = script.read_text()
    for pattern, why in NOT_HERE:
        if re.search(pattern, text, re.M):
            return why
    if bool(env(script, "slow", None)) != slow:
        return "not slow" if slow else "slow: make check-xen-slow"
    return None


def recorded(args):
    """The files to run, and of some what is wrong with them; says of the others why not."""
    for path in sorted(pathlib.Path(TOP, "tests/scenarios").glob("*.txt")):
        if args.names and path.stem not in args.names:
            continue
        why = why_not(path, args.slow)
        if not why:
            yield path, None
        elif why == "not slow":
            continue
        elif is_own(path) and not re.search(r"^# not certified: ", path.read_text(), re.M):
            yield path, f"FAIL {path.stem}: cannot be run ({why}), and does not say '# not certified: WHY'"
        else:
            print(f"-- {path.stem}: {why}", flush=True)


def random_ones(args):
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for domains in (1, 3):
            path = args.outdir / f"random-{seed}-{domains}.txt"
            path.write_text(generate(seed, args.lines, domains))
            yield path, None


def of_scenarios(args):
    for script, trouble in [*recorded(args), *([] if args.names or args.slow else random_ones(args))]:
        yield (lambda text: (False, text), trouble) if trouble else (run_one, args, script)


def all_jobs(args):
    """Functions and their arguments; each says whether it passed, and what to print of it."""
    for name, work in [] if args.slow else conformance.jobs(args):
        if not args.names or any(n.startswith("conformance") and name.startswith(n) for n in args.names):
            yield conformance.run, name, *work
    yield from of_scenarios(args)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("carillon")
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("outdir", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=3000)
    parser.add_argument("--slow", action="store_true", help="only those marked slow=")
    parser.add_argument("--certify", action="store_true", help="write into our own files that Xen confirms them")
    args = parser.parse_args()
    args.outdir.mkdir(parents=True, exist_ok=True)
    args.conformance = args.images / "conformance"
    jobs = list(all_jobs(args))
    passed = 0
    # Two at a time: each waits for a clock most of the time.
    with ThreadPoolExecutor(2) as pool:
        for good, text in pool.map(lambda job: job[0](*job[1:]), jobs):
            passed += good
            print(text, flush=True)
    print(f"{passed} passed, {len(jobs) - passed} failed")
    sys.exit(0 if jobs and passed == len(jobs) else 1)


main()
