#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two domains that pass a number to and fro, and count; beside them one that attacks. Whatever it does,
they are served to the last event, the monitor's memory stays bounded, and a domain that ends is
reported with its reason. How fast they are meanwhile is compared with a domain that only loops, in the
same minute; bench/run.py has the figures.

usage: neighbours.py CARILLON IMAGES HOSTILE-IMAGE [TEST]...
"""

import os
import re
import signal
import sys
import tempfile

from running import check, clean, domains, finish, main, memory_kib, read_until, settings, start

IMAGES = os.path.abspath(sys.argv[2])
HOSTILE = os.path.abspath(sys.argv.pop(3))
ROUNDS = 3000
# What one domain may make the monitor hold beyond what it needs for a domain that does nothing: a
# table of 131,071 ports is 2 MiB, a hypercall's planned mappings 6 MiB, and as much again.
ALLOWED_KIB = 24 << 10

PAIR = """
    on_crash = "continue"; port_counters = true;
    domains = ( { name = "bad"; image = "%s"; memory = %d; vcpus = %d; cmdline = "%s"; },
                { name = "ping"; image = "%s/measure"; cmdline = "role=ping rounds=%d"; },
                { name = "pong"; image = "%s/measure"; cmdline = "role=pong rounds=%d"; } );
    shared_memory = ( { name = "pair"; pages = 1; domains = ( "ping", "pong" ); } );
    event_channels = ( { name = "pair"; domains = ( "ping", "pong" ); },
                       { name = "flood"; domains = ( "bad", "ping" ); } );
    """
DONE = rb"ping: measure: %d rounds.*\n" % ROUNDS


class Beside:
    """The pair beside this domain. Ended from outside when both are through, if it did not end."""

    def __init__(self, image, words, vcpus=1, memory=16, first=None, more=(), pair=PAIR):
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
            f.write(pair % (image, memory, vcpus, words, IMAGES, ROUNDS, IMAGES, ROUNDS))
            f.flush()
            p = start(*settings(*more), f.name)
            text = b""
            for wanted in ([first] if first else []) + [DONE, rb"pong: measure: \d+ rounds.*\n"]:
                if not re.search(wanted, text):
                    text += read_until(p.stderr, wanted)
            # The table of the hypervisor's memory, threads' stacks and so on: not the guests' pages
            self.anonymous = memory_kib(p.pid, "RssAnon") if p.poll() is None else 0
            self.look(p)
            p.send_signal(signal.SIGINT)
            self.code, _, err = finish(p)
        self.err = clean(text) + err
        for name in ("ping", "pong"):
            m = re.search(r"^%s: measure: (\d+) rounds, (\d+) events, (\d+) wrong, (\w+) of a stranger$"
                          % name, self.err, re.M)
            check(m and m.groups()[:3] == (str(ROUNDS), str(ROUNDS), "0"), words, name, self.err)
            check(m.group(4) == "none" or name == "ping", self.err)
        check(not re.search("domain p[io]ng", self.err), words, self.err)
        m = re.search(r"p99 (\d+) ns; (\d+) rounds/s", self.err)
        self.p99, self.rate = int(m.group(1)), int(m.group(2))

    def look(self, p):
        """While it runs."""


def storm(mode, words="abi=2l", first=None, **kwargs):
    return Beside(IMAGES + "/storm", "mode=%s %s" % (mode, words),
                  first=first or b"bad: storm: ", **kwargs)


def test_storms():
    idle = storm("spin").anonymous
    for mode in ("send", "self", "garbage", "circle", "busy", "unmask"):
        b = storm(mode)
        check("domain bad" not in b.err and b.code == 130, mode, b.code, b.err)
        check(b.anonymous < idle + ALLOWED_KIB, mode, ": the monitor has", b.anonymous, "KiB,", idle,
              "beside a loop")
        if mode == "send":
            check("some of a stranger" in b.err, b.err)
    # All ports that there are; twice, so that a leak would show.
    b = storm("bind", "ports=131071", rb"storm: bound up to port 131071\n")
    check(b.code == 130 and b.anonymous < idle + ALLOWED_KIB, b.anonymous, b.err)


def test_a_limit_of_ports():
    b = Beside(IMAGES + "/storm", "mode=bind", first=rb"storm: bound up to port 100\n",
               more=["domains.[0].max_event_channels=100"])
    check(b.code == 130, b.err)


def test_all_at_once():
    """A machine full of them, each at its own limit."""
    modes = ("send", "self", "bind", "garbage", "circle", "busy", "unmask")
    pair = PAIR.replace("domains = ( {", "domains = ( " + " ".join(
        '{ name = "bad%d"; image = "%s/storm"; memory = 16; cmdline = "mode=%s abi=2l"; },'
        % (i, IMAGES, mode) for i, mode in enumerate(modes) if mode != "send") + " {", 1)
    b = Beside(IMAGES + "/storm", "mode=send abi=2l", first=b"bad: storm: ", pair=pair)
    check(b.code == 130 and "domain bad" not in b.err, b.code, b.err)
    check(b.anonymous < len(modes) * ALLOWED_KIB, b.anonymous)


def hostile(words, expect, **kwargs):
    Beside(HOSTILE, "mode=" + words, first=expect, **kwargs)
    check(not os.path.lexists("/tmp/carillon-canary"), words, "executed a call of the host's")


def test_races():
    """Of arguments with the hypercall that reads them, of a stack with the upcall that uses it."""
    end = rb"bad: hostile: OK|domain bad crashed: vCPU \d: [^\n]+\n"
    for seed in range(1, 9):
        # Its calls may turn into one that waits for ever; then it is ended from outside.
        hostile("arguments seed=%d" % seed, None, vcpus=2)
    for seed in range(1, 5):
        hostile("stack seed=%d" % seed, end, vcpus=2)


def process_of(p):
    """What its process is to the kernel: children, threads, descriptors, mappings."""
    pid = domains(p, 1)["bad"]
    with open("/proc/%d/maps" % pid, encoding="ascii") as f:
        maps = [line.split()[:3] + line.split()[5:] for line in f]
    tasks = os.listdir("/proc/%d/task" % pid)
    children = []
    for task in tasks:
        with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as f:
            children += f.read().split()
    return len(tasks), children, len(os.listdir("/proc/%d/fd" % pid)), maps


def test_every_system_call():
    """They leave its process as it was: as one that made none."""
    seen = []

    class Looking(Beside):
        def look(self, p):
            seen.append(process_of(p))

    for calls in (0, 512):
        Looking(HOSTILE, "mode=calls calls=%d" % calls,
                first=rb"bad: hostile: \d+ system calls by each entry, all refused\n")
        check(not os.path.lexists("/tmp/carillon-canary"), "a call of the host's was executed")
    check(seen[0] == seen[1], "before:", seen[0], "after:", seen[1])
    check(seen[0][:2] == (1, []), seen[0])


ATTACKS = ([(IMAGES + "/storm", "mode=%s abi=2l" % mode, b"bad: storm: ")
            for mode in ("send", "self", "bind", "garbage", "circle", "busy", "unmask")]
           + [(HOSTILE, "mode=" + words, first)
              for words, first in (("calls", None), ("areas rounds=1000000", None),
                                   ("segments", None), ("sigreturn kind=0", b"after sigreturn"),
                                   ("timers ms=100000", None), ("inside offset=23", None))]
           + [(IMAGES + "/misbehave", "mode=null", None)])
TRIES = 8
WITHIN = 2


def test_no_slower_than_beside_a_loop():
    """The rate of rounds and their p99: at most twice as bad. What a try says is chance on a host that does
    other things, too: an attack that costs the others something fails in all of them."""
    for image, words, first in ATTACKS:
        seen = []
        while len(seen) < TRIES and not (seen and max(seen[-1]) <= WITHIN):
            loop = storm("spin")
            attack = Beside(image, words, first=first)
            seen.append((loop.rate / attack.rate, attack.p99 / loop.p99))
        check(max(seen[-1]) <= WITHIN, words, "costs, as times of a loop:",
              " ".join("%.1f/%.1f" % one for one in seen))


def test_the_report_names_the_reason():
    for words, reason in (("mode=null", r"page fault \(execute\) at 0x0"),
                          ("mode=divide", "division by zero"),
                          ("mode=stack", "page fault .* on the stack an upcall or iret used"),
                          ("mode=overflow", "page fault .* on the stack an upcall or iret used")):
        b = Beside(IMAGES + "/misbehave", words, first=rb"domain bad crashed[^\n]*\n")
        check(re.search("domain bad crashed: vCPU 0: " + reason, b.err), words, b.err)


if __name__ == "__main__":
    sys.exit(main(globals()))
