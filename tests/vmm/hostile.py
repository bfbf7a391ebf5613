#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest that attacks the process backend, beside one that does nothing wrong; and hosts that
refuse what the monitor needs.

usage: hostile.py CARILLON HOSTILE-IMAGE [TEST]...

Whatever the hostile one does: it ends with a report or goes on, the other one finishes, no system
call of the host's is executed (the canary is a file), nothing is left.
"""

import contextlib
import ctypes
import os
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time

from running import CARILLON, check, clean, domains, finish, main, nothing_left, read_until, run, start

IMAGE = os.path.abspath(sys.argv[2])
CANARY = "/tmp/carillon-canary"
ENOMEM = 12
# Its unease about a child that exits on a stack of its own (process_loader.c)
ASAN_REMARK = re.compile(r"==\d+==WARNING: ASan is ignoring|False positive error|For details see")


class Machine:
    """A machine file: the hostile domain with these words, and another to look after."""

    def __init__(self, words, vcpus=1, memory=16):
        self.words, self.vcpus, self.memory = words, vcpus, memory

    def __enter__(self):
        with tempfile.NamedTemporaryFile("w", suffix=".cfg", delete=False) as f:
            f.write('on_crash = "continue"; domains = ('
                    '{ name = "bad"; image = "%s"; memory = %d; vcpus = %d; cmdline = "mode=%s"; },'
                    '{ name = "good"; image = "%s"; cmdline = "mode=flags bits=0"; });\n'
                    % (IMAGE, self.memory, self.vcpus, self.words, IMAGE))
        self.path = f.name
        return f.name

    def __exit__(self, *args):
        os.unlink(self.path)


def canary():
    found = os.path.lexists(CANARY)
    if found and os.path.isdir(CANARY):
        os.rmdir(CANARY)
    elif found:
        os.unlink(CANARY)
    check(not found, "a system call of the host's was executed: there is", CANARY)


def attack(words, expect, vcpus=1, memory=16):
    """Run it: its console and the monitor's lines must show `expect`; OK means that it went on."""
    with Machine(words, vcpus, memory) as path:
        code, _, err = run(path)
    canary()
    check("good: hostile: OK" in err, words, "hurt another domain:", err)
    check(re.search(expect, err), words, "did not end in", expect, "but:", err[-3000:])
    if "bad: hostile: OK" not in err and code != 0:
        check(code == 1 and len(re.findall(r"^carillon: domain bad ", err, re.M)) == 1, words, code,
              err)
    return err


@contextlib.contextmanager
def one_cpu():
    """What is started there may use one only."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)


CRASHED = r"domain bad crashed: vCPU \d: "
OK = r"bad: hostile: OK"


def test_host_calls():
    err = attack("gate", OK)
    check("private call 1ca11005: -38" in err, err)
    for value in range(1, 8):
        # each is an error that the shim never gives; none is one that has words
        expect = CRASHED + "it broke its sandbox: its process cannot do"
        attack("gate error=%d" % value, expect + "|" + OK)


def test_32_bit_code():
    """int 0x80 is an exception, as on Xen; sysenter comes back somewhere."""
    for call in range(5):
        err = attack("compat call=%d" % call, CRASHED)
        # 0x20: a kernel without 32-bit calls has no such segment either
        check(re.search(r"exception 13 \(general protection\) on CPU 0, error code 0x(402|20)\b", err), err)
    attack("compat call=5", CRASHED)


def test_forged_signal_frames():
    for kind, expect in ((1, "the guest went on before a change of its mappings was made"),
                         (4, "killed by signal 11"), (5, "exception 13"), (6, CRASHED),
                         (7, "exception 13"), (8, CRASHED), (9, CRASHED), (10, CRASHED),
                         (12, "killed by signal 11")):
        attack("sigreturn kind=%d" % kind, expect)
    for seed in range(20):
        attack("sigreturn kind=13 seed=%d signals=%d" % (seed + 1, seed % 2), CRASHED + "|" + OK)


def test_deaf():
    """It blocked all signals and spins: nothing but the end of its process ends it."""
    for kind in (0, 2, 3):
        with Machine("sigreturn kind=%d" % kind) as path:
            p = start(path)
            text = read_until(p.stderr, b"bad: hostile: after")
            if b"good: hostile: OK" not in text:
                read_until(p.stderr, b"good: hostile: OK")
            p.send_signal(signal.SIGINT)
            check(finish(p)[0] == 130)


def test_inside_the_shim():
    rng = random.Random(1)
    for offset in [0, 2, 0x10, 0x15, 0x17] + [rng.randrange(0x18, 3000) for _ in range(40)]:
        with Machine("inside offset=%d seed=%d" % (offset, rng.randrange(1, 1 << 30))) as path:
            p = start(path)
            read_until(p.stderr, b"good: hostile: OK")
            time.sleep(0.02)
            p.send_signal(signal.SIGINT)
            code, _, _ = finish(p)
            # -SIGINT: the machine had ended by itself, and was being taken apart.
            check(code in (0, 1, 130, -signal.SIGINT), offset, code)
        canary()


def test_flags():
    for bits in (0x400, 0x4000, 0x40000, 0x200000):
        attack("flags bits=%d" % bits, OK)
    attack("flags bits=%d" % 0x100, "exception 1 ")


def test_iret_frames():
    for kind in range(12):
        for slow in (0, 1):
            attack("frames kind=%d slow=%d" % (kind, slow), CRASHED)


def test_stacks_of_the_shim():
    for seed in range(5):
        attack("scratch seed=%d" % (seed + 1), CRASHED + "|" + OK, vcpus=2)


def test_several_vcpus():
    attack("chaos ms=300", OK, vcpus=4)
    attack("info", OK, vcpus=4)
    attack("moved", OK, vcpus=4)
    for _ in range(10):
        err = attack("shutdowns", r"carillon: \d+ bytes in", vcpus=4)
        check("given up" not in err, err)


def test_on_one_cpu():
    """Where there is but one, whoever wakes a vCPU that sleeps answers its call, too."""
    with one_cpu():
        attack("chaos ms=300", OK, vcpus=4)
        attack("info", OK, vcpus=4)
        attack("moved", OK, vcpus=4)
        attack("shutdowns", r"carillon: \d+ bytes in", vcpus=4)


# ---- one processor, left to the receiver of an event (vmm/process_handover.c) ------------------


def hand(*does):
    """Start a machine of domains d0, d1, ... that do this, in a ring of channels."""
    n = len(does)
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
        f.write('on_crash = "continue"; domains = (%s); event_channels = (%s);\n' % (
            ", ".join('{ name = "d%d"; image = "%s"; vcpus = %d; cmdline = "mode=hand %s"; }'
                      % (i, IMAGE, 2 if what.startswith("down") else 1,
                         "in=%d out=%d do=%s" % ((i - 1) % n, i, what))
                      for i, what in enumerate(does)),
            ", ".join('{ name = "c%d"; domains = ( "d%d", "d%d" ); }' % (i, i, (i + 1) % n)
                      for i in range(n))))
        f.flush()
        with one_cpu():
            p = start(f.name)
        domains(p, n)
        return p


def interrupted(p):
    p.send_signal(signal.SIGINT)
    code, _, err = finish(p)
    check(code == 130, code, err)


def test_a_receiver_that_makes_no_call():
    """Its sender is held up by each event for a bound time only: it gets through."""
    p = hand("send rounds=300", "deaf")
    read_until(p.stderr, b"d0: hostile: OK")
    interrupted(p)


def test_a_held_vcpu_is_taken_down():
    """By another of its domain, which then shuts down: most likely while it is held."""
    for _ in range(3):
        p = hand("down rounds=30", "deaf")
        read_until(p.stderr, b"d0: hostile: OK")
        interrupted(p)


def test_a_held_sender_dies():
    """At any moment; the others go on."""
    for i in range(10):
        p = hand("send rounds=1000000", "deaf")
        time.sleep(0.01 + i * 0.0013)
        os.kill(domains(p, 2)["d0"], signal.SIGKILL)
        read_until(p.stderr, b"domain d0 crashed: [^\n]*killed by signal 9")
        check(p.poll() is None, "it did not go on")
        interrupted(p)


def test_bursts():
    p = hand("burst rounds=3000", "echo rounds=1000000")
    read_until(p.stderr, b"d0: hostile: OK")
    interrupted(p)


def test_a_ring():
    for n in (2, 3, 8):
        p = hand(*["ring rounds=3000 first=%d" % (i == 0) for i in range(n)])
        code, _, err = finish(p)
        check(code == 0, code, err)


def test_the_right_vcpu_is_reported():
    """Others wait when vCPU 0 gives up: the report is of vCPU 0 and its last hypercall."""
    for _ in range(10):
        err = attack("sigreturn kind=5", "domain bad crashed: vCPU 0: it shut", vcpus=8)
        check("last hypercall sched_op" in err, err)


def test_random_hypercalls():
    for seed in range(12):
        with Machine("fuzz seed=%d cpus=%d rounds=2000" % (seed + 1, 1 + seed % 4), 4) as path:
            p = start(path)
            text = read_until(p.stderr, b"good: hostile: OK")
            time.sleep(0.3)
            p.send_signal(signal.SIGINT)
            code, _, err = finish(p)
            check(code in (0, 1, 130), seed, code, text, err)


def test_memory_of_the_monitor():
    """Mapping changes without end in one hypercall are refused, not remembered."""
    with Machine("plan tables=100 rounds=4000", memory=64) as path:
        p = start(path)
        err = clean(p.stderr.read())
        peak = os.wait4(p.pid, 0)[2].ru_maxrss  # KiB; of a process that is there it may come too late
        check("bad: hostile: linking answered -%d" % ENOMEM in err, err)
        check(peak < (200 << 10), "the monitor grew to", peak, "KiB")


def test_more_mappings_than_the_host_has():
    attack("maps tables=200", CRASHED + "|linking|mmu_update", memory=64)


def test_endless_hypercall():
    """Ctrl-C, the death of its process, a fault of another vCPU: each ends it within the tests' time."""
    with Machine("endless") as path:
        p = start(path)
        read_until(p.stderr, b"bad: hostile: endless")
        time.sleep(0.1)
        p.send_signal(signal.SIGINT)
        check(finish(p)[0] == 130)
    for kill, expect in ((1, "killed by signal 11"), (2, CRASHED + "page fault")):
        attack("endless kill=%d" % kill, expect, vcpus=2)


def test_unmaps_what_it_stands_on():
    for what in "spcigtr":
        attack("unmap what=%s" % what, CRASHED)


def test_tables():
    attack("tables", OK)


def test_areas():
    """The hypervisor half writes to them whenever a vCPU runs: at any address, across pages, unmapped."""
    for seed in range(6):
        attack("areas seed=%d" % (seed + 1), CRASHED + "|" + OK)


def test_state_of_a_vcpu():
    """Segments and bases, exceptions pending, protection keys, an extended state that is none."""
    for seed in range(4):
        attack("segments seed=%d" % (seed + 1), CRASHED + "|" + OK)
    attack("vectors kind=0", CRASHED + "|" + OK)
    attack("vectors kind=1", CRASHED + "|" + OK)
    for seed in range(6):
        attack("vectors kind=2 seed=%d" % (seed + 1), CRASHED)


def test_console_and_timers():
    err = attack("console count=16", OK)
    check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", err), "a control character reached stderr")
    attack("timers ms=500", OK)


def test_killed_at_any_moment():
    rng = random.Random(2)
    with Machine("chaos ms=3000", vcpus=4) as path:
        for i in range(60):
            p = start(path)
            time.sleep(rng.random() * (0.012 if i % 4 else 0.1))
            p.kill()
            p.communicate()
            nothing_left()


# ---- a host that refuses ----------------------------------------------------------------------


def refuse(nr, errno=1):
    """A filter of a container's: this system call answers errno."""
    def install():
        libc = ctypes.CDLL(None, use_errno=True)
        code = b"".join(struct.pack("HBBI", *i) for i in (
            (0x20, 0, 0, 0),              # load nr
            (0x15, 0, 1, nr),             # is it?
            (0x06, 0, 0, 0x50000 | errno),
            (0x06, 0, 0, 0x7fff0000)))
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
        libc.prctl(38, 1, 0, 0, 0)
        if libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0):
            os._exit(99)
    return install


# A leak checker cannot work without some of what is refused here.
STARVED = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")


def one_line(err):
    lines = [line for line in err.split("\n") if line and not ASAN_REMARK.match(line)]
    check(len(lines) == 1 and lines[0].startswith("carillon: "), "one line that says why:", err)
    return lines[0]


def test_refused_calls():
    """One line and exit status 1; never a hang."""
    # seccomp, execveat, clone, socketpair, close_range, tgkill, prctl, sendmsg
    for nr in (317, 322, 56, 53, 436, 234, 157, 46):
        for errno in (1, 38):
            with Machine("flags bits=0") as path:
                p = start(path, preexec_fn=refuse(nr, errno), env=STARVED)
                code, _, err = finish(p)
            check(code == 1, nr, code, err)
            one_line(err)
    # pidfd_send_signal, sched_setaffinity: done without
    for nr in (424, 203):
        with Machine("flags bits=0") as path:
            p = start(path, preexec_fn=refuse(nr), env=STARVED)
            code, _, err = finish(p)
        check(code == 0 and "good: hostile: OK" in err, nr, code, err)


def test_read_only_region():
    """A region is written by one domain and read by another, which may not write it in any way."""
    for store in (0, 1):
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
            f.write('on_crash = "continue"; domains = ('
                    '{ name = "bad"; image = "%s"; cmdline = "mode=shared store=%d"; },'
                    '{ name = "good"; image = "%s"; cmdline = "mode=shared write=1"; });\n'
                    'shared_memory = ( { name = "both"; pages = 1; domains = ( "bad", "good" ); '
                    'access = [ "ro", "rw" ]; } );\n' % (IMAGE, store, IMAGE))
            f.flush()
            code, _, err = run(f.name)
        check("good: hostile: wrote: 0" in err and "good: hostile: OK" in err, err)
        check("bad: hostile: it says ro" in err and "good: hostile: it says" not in err, err)
        check("bad: hostile: read 4711" in err and "bad: hostile: still 4711" in err, err)
        for how in ("mapped writable: -16", "made writable: -16"):
            check("bad: hostile: " + how in err, err)
        check("bad: hostile: answered there: -14" in err, err)
        if store:
            check(code == 1 and re.search(r"bad: exception 14 .* error code 0x3$", err, re.M), code, err)
        else:
            check(code == 0 and "bad: hostile: OK" in err, code, err)


def test_little_memory():
    """One line, or it runs; as from any limit on there is enough."""
    if subprocess.run(["nm", "-D", CARILLON], capture_output=True, text=True).stdout.count("__asan_"):
        return  # its shadow alone is terabytes of addresses
    enough = False
    for mib in range(8, 160, 8):
        with Machine("flags bits=0") as path:
            def little(n=mib << 20):
                resource.setrlimit(resource.RLIMIT_AS, (n, n))
            p = start(path, preexec_fn=little)
            code, _, err = finish(p)
        if code == 0:
            enough = True
        elif code != 127:  # not even its libraries
            check(code == 1 and not enough, mib, "MiB:", code, err)
            one_line(err)
    check(enough, "160 MiB are not enough for two domains of 16")


def test_few_descriptors():
    enough = False
    for limit in range(6, 40, 2):
        with Machine("flags bits=0") as path:
            def few(n=limit):
                resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))
            p = start(path, preexec_fn=few, env=STARVED)
            code, _, err = finish(p)
        if code == 0:
            enough = True
        else:
            check(code in (1, 2) and not enough, limit, code, err)
            check("Too many open files" in one_line(err), limit, err)
    check(enough, "40 descriptors are not enough for two domains")


if __name__ == "__main__":
    sys.exit(main(globals()))
