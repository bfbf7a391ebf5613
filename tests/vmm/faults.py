#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Domains that send to each other as they like, and a fault at some moment: a domain is killed, or one
of its vCPUs faults, or all stand still now and then, or the monitor is killed. The survivors must settle,
and of every channel between two of them each event that was sent is accounted for: what the sender
counted is what the hypervisor counted, and that is what the receiver handled and what was coalesced. The
others are told of a death; nothing hangs and nothing is left.

usage: faults.py CARILLON IMAGES [--moments N] [--seed N] [--kind moment_KIND]...

Moments are by a seed, which is printed with the first failure; how far a machine is at one is not
the same each time, so a replay tries the same moment, not the same interleaving.
"""

import argparse
import ctypes
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time

from running import (PR_SET_CHILD_SUBREAPER, TIMEOUT, check, clean, domains, finish, nothing_left,
                     read_until, start)

IMAGES = os.path.abspath(sys.argv[2])
DOMAINS = 4
SENDS = 1500
STARTING = []  # moments at which not all domains ran yet
SIGINT_STATUS = 128 + signal.SIGINT


def machine(fault=None, words="sends=%d" % SENDS):
    """A file: a full mesh of `load`, told these words. fault: (domain, us) whose vCPU 1 faults."""
    names = ["d%d" % i for i in range(DOMAINS)]
    pairs = [(a, b) for a in range(DOMAINS) for b in range(a + 1, DOMAINS)]
    f = tempfile.NamedTemporaryFile("w", suffix=".cfg")
    f.write('on_crash = "continue"; port_counters = true; domains = (%s);\n' % ", ".join(
        '{ name = "%s"; image = "%s/load"; memory = 8; vcpus = %d; cmdline = "me=%d %s%s"; }'
        % (name, IMAGES, 2 if fault and fault[0] == i else 1, i, words,
           " fault_us=%d" % fault[1] if fault and fault[0] == i else "")
        for i, name in enumerate(names)))
    f.write('shared_memory = ( { name = "board"; pages = 1; domains = ( %s ); } );\n'
            % ", ".join('"%s"' % n for n in names))
    f.write("event_channels = ( %s );\n" % ", ".join(
        '{ name = "c%d%d"; domains = ( "d%d", "d%d" ); }' % (a, b, a, b) for a, b in pairs))
    f.flush()
    return f


def ports(dump):
    """(domain, peer) -> (sends, merged), and those whose peer is gone, by the numbers of domains."""
    live, unbound, domain = {}, [], None
    for line in dump.splitlines():
        m = re.match(r"carillon: Event channel information for domain (\d+): ", line)
        if m:
            domain = int(m.group(1)) - 1
        m = re.match(r"carillon: +\d+ \[.*\]: s=3 .* d=(\d+) p=\d+ .*sends=(\d+) merged=(\d+)", line)
        if m:
            live[domain, int(m.group(1)) - 1] = int(m.group(2)), int(m.group(3))
        if re.match(r"carillon: +\d+ \[.*\]: s=2 ", line):
            unbound.append(domain)
    return live, unbound


def settle(p, text, survivors, patience=TIMEOUT):
    """Wait until these have settled, and compare all that was counted."""
    # A dead one is taken apart after its report, and before the monitor looks at the next signal.
    for i in range(DOMAINS):
        wanted = b"(?m)^" + (b"d%d: load: settled$" if i in survivors
                             else b"carillon: domain d%d crashed: .*$") % i
        while not re.search(wanted, text):
            text += read_until(p.stderr, rb"(load: settled|crashed: [^\n]*)\n", patience)
    p.send_signal(signal.SIGUSR1)
    dump = clean(read_until(p.stderr, rb"End of the dump.*\n"))
    live, unbound = ports(dump)
    told = clean(text)
    counted = {}
    for i, peer, sent, handled in re.findall(r"(?m)^d(\d): load: peer (\d): sent (\d+), handled (\d+)$",
                                             told):
        counted[int(i), int(peer)] = int(sent), int(handled)
    events = 0
    for a in survivors:
        for b in survivors:
            if a == b:
                continue
            sends, merged = live[b, a]
            sent, handled = counted[a, b][0], counted[b, a][1]
            check(sent == sends, "%d to %d:" % (a, b), sent, "sent,", sends, "raised", dump)
            check(sends == handled + merged, "%d to %d:" % (a, b), sends, "raised,", handled,
                  "handled,", merged, "coalesced", dump)
            events += sends
    for i in survivors:
        check(unbound.count(i) == DOMAINS - len(survivors), "domain", i, "was not told:", dump)
    return told, events


def end(p):
    p.send_signal(signal.SIGINT)
    code, _, err = finish(p)
    check(code == SIGINT_STATUS, code, err)
    return err


def all_domains(p):
    """Their processes; one that has just been made does not have its name yet."""
    for _ in range(4000):
        found = domains(p, DOMAINS)
        if all("d%d" % i in found for i in range(DOMAINS)):
            return found
        time.sleep(0.001)
    raise AssertionError("no domains")


def died_at_start(p):
    """A domain that dies before its vCPUs run: the machine says so, and does not begin."""
    code, _, err = finish(p)
    check(code == 1, code, err)
    STARTING.append(p.pid)


def moment_kill(rng):
    """SIGKILL to one, or two of the domains; sometimes while they start."""
    with machine() as f:
        p = start(f.name)
        pids = all_domains(p)
        time.sleep(rng.random() * (0.04 if rng.randrange(4) else 0.004))
        victims = rng.sample(range(DOMAINS), rng.choice((1, 1, 2)))
        for i in victims:
            os.kill(pids["d%d" % i], signal.SIGKILL)
        try:
            told, _ = settle(p, b"", [i for i in range(DOMAINS) if i not in victims])
        except AssertionError as e:
            if "died while it started" not in str(e):
                raise
            died_at_start(p)
            return
        told += end(p)
        for i in victims:
            check("domain d%d crashed: vCPU 0: its process was killed by signal 9" % i in told, told)


def moment_fault(rng):
    """One of a domain's two vCPUs faults: all of the domain ends, with a report that says which."""
    victim = rng.randrange(DOMAINS)
    with machine((victim, rng.randrange(1, 20000))) as f:
        p = start(f.name)
        survivors = [i for i in range(DOMAINS) if i != victim]
        told, _ = settle(p, b"", survivors)
        told += end(p)
        check(re.search(r"d%d: exception 14 .* on CPU 1|domain d%d crashed: vCPU 1: page fault"
                        % (victim, victim), told), told)


def stand_still(pids, seconds):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def moment_stop(rng):
    """SIGSTOP and SIGCONT, of one or all: nobody dies of it, and nothing is lost."""
    with machine() as f:
        p = start(f.name)
        pids = list(all_domains(p).values())
        for _ in range(rng.randrange(1, 6)):
            stand_still(rng.sample(pids, rng.choice((1, DOMAINS))), rng.random() * 0.01)
            time.sleep(rng.random() * 0.003)
        _, events = settle(p, b"", range(DOMAINS))
        check(events == DOMAINS * SENDS, events)
        end(p)


def moment_monitor(rng):
    """SIGKILL to the monitor: the domains go with it."""
    with machine() as f:
        p = start(f.name)
        time.sleep(rng.random() * 0.04)
        p.kill()
        p.communicate()


MOMENTS = [moment_kill, moment_fault, moment_stop, moment_monitor]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("carillon")
    args.add_argument("images")
    args.add_argument("--moments", type=int, default=52)
    args.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args.add_argument("--kind", dest="kinds", action="append")
    args = args.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    kinds = [k for k in MOMENTS if not args.kinds or k.__name__ in args.kinds]
    passed = failed = 0
    print("seed %d, %d moments" % (args.seed, args.moments), flush=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    for i in range(args.moments):
        kind = kinds[i % len(kinds)]
        try:
            kind(random.Random("%d %d" % (args.seed, i)))
            nothing_left()
            passed += 1
        except (AssertionError, OSError, KeyError) as e:
            failed += 1
            print("FAIL %s, moment %d of seed %d: %s: %s" % (kind.__name__, i, args.seed,
                                                             type(e).__name__, str(e)[-3000:]))
            try:
                nothing_left()
            except AssertionError as left:
                print("    and " + str(left))
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print("largest process: %d MiB; %d deaths while the machine started"
          % (max(before, after) >> 10, len(STARTING)))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
