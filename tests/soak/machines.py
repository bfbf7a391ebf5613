#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The process backend for as long as one likes: eight domains that send to each other without pause,
some of which are killed now and then, or stand still. At the end all that the survivors sent to each
other is accounted for, and the monitor's memory is what it was. (Smaller than tests/soak/soak.c: a
domain is a process here, and domains of a machine do not come back.)

usage: machines.py CARILLON IMAGES [--seconds N] [--seed N]
"""

import argparse
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vmm"))
import faults
from running import check, memory_kib, nothing_left, start

faults.DOMAINS = 8  # as many as may share a region
VICTIMS = 3


def soak(seconds, rng):
    with faults.machine(words="ms=%d" % (seconds * 1000)) as f:
        p = start(f.name)
        pids = faults.all_domains(p)
        victims = rng.sample(range(faults.DOMAINS), VICTIMS)
        begin, memory, dead = time.monotonic(), [], 0
        while time.monotonic() - begin < seconds * 0.9:
            alive = [i for i in range(faults.DOMAINS) if i not in victims[:dead]]
            chosen = [pids["d%d" % i] for i in rng.sample(alive, rng.randrange(1, 4))]
            faults.stand_still(chosen, rng.random() * 0.05)
            time.sleep(rng.random() * 0.3)
            memory.append(memory_kib(p.pid, "RssAnon"))
            # They die in the first half, so that the second has nothing new.
            if dead < VICTIMS and time.monotonic() - begin > seconds * 0.1 * (dead + 1):
                os.kill(pids["d%d" % victims[dead]], signal.SIGKILL)
                dead += 1
        check(dead == VICTIMS, "only", dead, "died")
        survivors = [i for i in range(faults.DOMAINS) if i not in victims]
        _, events = faults.settle(p, b"", survivors, patience=60)
        faults.end(p)
    half = len(memory) // 2
    print("machines: %d events between %d survivors of %d; the monitor's memory: %d KiB at most in the "
          "first half, %d in the second" % (events, len(survivors), faults.DOMAINS,
                                            max(memory[:half]), max(memory[half:])))
    check(max(memory[half:]) <= max(memory[:half]) + 256, "the monitor grows:", memory)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("carillon")
    args.add_argument("images")
    args.add_argument("--seconds", type=int, default=60)
    args.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args = args.parse_args()
    print("machines: seed %d, %d s" % (args.seed, args.seconds), flush=True)
    try:
        soak(args.seconds, random.Random(args.seed))
        nothing_left()
    except (AssertionError, OSError, KeyError) as e:
        print("FAIL %s: %s" % (type(e).__name__, str(e)[-3000:]))
        print("0 passed, 1 failed")
        return 1
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
