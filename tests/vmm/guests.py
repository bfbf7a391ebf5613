#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What guests do in whole machines: interrupt lines of each kind, guests that misbehave, peers that
die. What goes through the pipe, and how machines end, is in machines.py.

usage: guests.py CARILLON EXAMPLES [TEST...]
"""

import os
import re
import signal
import sys
import tempfile
import time

from running import (EXAMPLES, PIPE, check, domains, finish, greet, main, processor_ticks,
                     read_until, run, settings, start)

LINES = os.path.join(EXAMPLES, "lines.cfg")
MISBEHAVE = os.path.join(EXAMPLES, "misbehave.cfg")
CONTINUE = settings("on_crash=continue")


def instead(index, mode):
    """A domain of an example misbehaves instead."""
    return settings("domains.[%d].image=misbehave" % index,
                    "domains.[%d].cmdline=mode=%s" % (index, mode))


# ---- lines ---------------------------------------------------------------------------------------


def all_lines(count, period):
    """examples/lines.cfg with other numbers."""
    words = ["domains.[%d].cmdline=count=%d" % (i, count) for i in range(2)]
    for i in range(4):
        words += ["devices.[%d].count=%d" % (i, count), "devices.[%d].period_us=%d" % (i, period)]
    return settings(*words)


def check_edge(err, domain, name, count, least=1):
    m = re.search(r"^%s: %s: edge, (\d+) pulses, (\d+) seen, (\d+) interrupts$" % (domain, name),
                  err, re.M)
    check(m, domain, name, "in", err)
    pulses, seen, interrupts = map(int, m.groups())
    check(pulses == seen == count and least <= interrupts <= count, domain, name, "in", err)
    check_table(err, domain, name, "edge", interrupts)


def check_level(err, domain, name, count, exactly=True, least=1):
    m = re.search(r"^%s: %s: level, (\d+) raised, (\d+) acknowledged, (\d+) interrupts$"
                  % (domain, name), err, re.M)
    check(m, domain, name, "in", err)
    raised, acked, interrupts = map(int, m.groups())
    check(raised == acked == count, domain, name, "in", err)
    # Others may have served a shared line before this domain had bound it.
    check(interrupts == count if exactly else least <= interrupts <= count, domain, name, "in", err)
    check_table(err, domain, name, "level", interrupts)


def check_table(err, domain, name, flow, at_least):
    m = re.search(r"^%s: +\d+: +(\d+)  xen-pirq +%s +%s$" % (domain, flow, name), err, re.M)
    check(m and int(m.group(1)) >= at_least, domain, name, "in the table of", err)


def check_first(err, count, least=1):
    check_edge(err, "first", "clock", count, least)
    check_edge(err, "first", "knock", count, least)
    check_level(err, "first", "lever", count)
    check_level(err, "first", "common", count, exactly=False, least=least)


def run_lines(*words):
    """What it wrote. On a busy host all edges may be over before a guest has bound: then once more."""
    for _ in range(5):
        code, _, err = run(*words)
        check(code == 0, code, err)
        if not re.search(r": edge, .* 0 interrupts$", err, re.M):
            break
    return err


def test_lines():
    err = run_lines(LINES)
    check_first(err, 100)
    check_level(err, "second", "common", 100, exactly=False)
    check(err.count(": SPU:          0  ") == 2, "spurious:", err)


def test_lines_fast():
    """Faster than anybody can follow: edges merge, levels wait, nothing is lost."""
    for _ in range(3):
        code, _, err = run(*all_lines(1500, 10), LINES)
        check(code == 0, code, err)
        # 15 ms of edges, and of levels that the other serves, may be over before a guest has bound.
        check_first(err, 1500, least=0)
        check_level(err, "second", "common", 1500, exactly=False, least=0)


def test_lines_with_each_abi():
    """What Xen offers is taken, unless the command line asks for another ABI."""
    for word, abi in (("", "FIFO"), (" abi=fifo", "FIFO"), (" abi=2l", "2-level")):
        words = ["domains.[%d].cmdline=count=100%s" % (i, word) for i in range(2)]
        err = run_lines(*settings(*words), LINES)
        check_first(err, 100)
        check(err.count(": event channels: %s\n" % abi) == 2, word, "in", err)
    code, _, err = run(*settings("domains.[0].cmdline=count=100 abi=2x"), LINES)
    check(code == 1, code, err)
    check("first: pv: abi= is 2l or fifo\n" in err, err)


def test_lines_once():
    """One raise each, perhaps before anybody has bound."""
    for period in (10, 1000, 20000):
        code, _, err = run(*all_lines(1, period), LINES)
        check(code == 0, period, code, err)
        check_level(err, "first", "lever", 1)


def test_lines_shared_by_pirqs():
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
        f.write("""
            domains = ( { name = "first"; image = "lines"; cmdline = "count=50"; },
                        { name = "second"; image = "lines"; cmdline = "count=50";
                          pirqs = [ 9 ]; } );
            devices = ( { type = "timer"; name = "clock"; domain = "first"; shared = true; line = 9;
                          period_us = 1000; count = 50; } );
            """)
        f.flush()
        err = run_lines(f.name)
    check_edge(err, "first", "clock", 50)
    check_edge(err, "second", "clock", 50)


def test_line_owner_crashes():
    """The other owner of a shared level goes on alone."""
    code, _, err = run(*CONTINUE, *instead(1, "null"), LINES)
    check(code == 1 and "domain second crashed" in err, code, err)
    check_first(err, 100)


def test_line_owner_is_killed():
    """The same in the middle, at some attempt surely before its eoi."""
    hits = 0
    for attempt in range(30):
        p = start(*CONTINUE, *all_lines(2000, 50), LINES)
        time.sleep(0.02 + attempt % 5 * 0.003)
        os.kill(domains(p, 2)["second"], signal.SIGKILL)
        code, _, err = finish(p)
        if "died while it started" in err:
            continue  # too early: then nothing has run
        check(code == 1 and "killed by signal 9" in err, code, err)
        check_first(err, 2000)
        hits += 1
        if hits == 5:
            return
    raise AssertionError("hit only %d times" % hits)


def test_line_nobody_binds():
    code, _, err = run(*settings("domains.[0].image=hello", "domains.[1].image=hello"), LINES)
    check(code == 0, code, err)


def test_lines_wrong_count():
    code, _, err = run(*settings("domains.[0].cmdline=", "domains.[1].image=hello"), LINES)
    check(code == 1 and "first: count=N on the command line is missing" in err, code, err)
    code, _, err = run(*settings("domains.[0].cmdline=count=20", "domains.[1].image=hello"), LINES)
    check(code == 1, code, err)
    check(re.search(r"^first: \w+: raised \d+ times; make count=20 what", err, re.M), err)


# ---- misbehaviour --------------------------------------------------------------------------------

# A bad domain beside one that has work to do for a while, and counts whether all came.
BESIDE = """
    on_crash = "continue";
    domains = ( { name = "bad"; image = "misbehave"; cmdline = "%s"; },
                { name = "good"; image = "lines"; cmdline = "count=60"; } );
    devices = ( { type = "line"; name = "lever"; domain = "good"; line = 9; flow = "level";
                  period_us = 2000; count = 60; } );
    """


def beside(words):
    """A machine file in which `bad` is told these words."""
    f = tempfile.NamedTemporaryFile("w", suffix=".cfg")
    f.write(BESIDE % words)
    f.flush()
    return f


def misbehave(words):
    with beside(words) as f:
        code, _, err = run(f.name)
    check_level(err, "good", "lever", 60)
    return code, err


def check_crash(words, headline, *more):
    """The domain ends with a report, the other goes on: it ends later, and well."""
    # On a busy machine the other may be through before this one had its turn; not again and again.
    for _ in range(5):
        code, err = misbehave(words)
        check(code == 1, words, code, err)
        m = re.search(r"^carillon: domain bad crashed: vCPU 0: " + headline, err, re.M)
        check(m, words, "no report in", err)
        if m.start() < err.index("good: lever:"):
            break
    else:
        check(False, words, "the other did not go on:", err)
    for pattern in more:
        check(re.search(pattern, err, re.M), words, pattern, "is not in", err)


SHUT_DOWN = r"it shut.* down with reason crash$"
REGISTERS = (r"^carillon:   rip 000000010000\w{4} rsp \w{16} rflags \w{8} cs e030 ss e02b$",
             r"^carillon:   rax \w{16} rbx \w{16} rcx \w{16} rdx \w{16}$",
             r"^carillon:   r13 \w{16} r14 \w{16} r15 \w{16}$",
             r"^carillon:   (it had made no hypercall|last hypercall \w+ \(\d+\) at \w{16})$")


def test_null():
    check_crash("mode=null", r"page fault \(execute\) at 0x0 \(vector 14, error code 0x10\)$",
                r"^carillon:   rip 0000000000000000 rsp", *REGISTERS[1:])
    check_crash("mode=null traps", SHUT_DOWN,
                r"^bad: exception 14 \(page fault\) on CPU 0, error code 0x10$",
                r"^bad: rip 0000000000000000 cs e030 ", r"^bad: r13 .* cr2 0000000000000000$",
                r"^carillon:   last hypercall sched_op \(29\) at ")


def test_divide():
    check_crash("mode=divide", r"division by zero \(vector 0, error code 0x0\)$", *REGISTERS)
    check_crash("mode=divide traps", SHUT_DOWN,
                r"^bad: exception 0 \(divide error\) on CPU 0, error code 0$",
                r"^bad: rip 000000010000\w{4} cs e030 ")


def test_readonly():
    check_crash("mode=readonly",
                r"page fault \(write\) at 0x1000\w{5} \(vector 14, error code 0x3\)$",
                *REGISTERS)
    check_crash("mode=readonly traps", SHUT_DOWN,
                r"^bad: exception 14 \(page fault\) on CPU 0, error code 0x3$",
                r"^bad: r13 .* cr2 00000001000\w{5}$")


# ---- what a kernel meets at the processor --------------------------------------------------------


def exceptions(words="", cpuid=""):
    """images/exceptions: exit status, and its lines."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
        f.write('domains = ( { name = "x"; image = "exceptions"; vcpus = 2; cmdline = "%s";'
                ' cpuid = ( %s ); } );' % (words, cpuid))
        f.flush()
        code, _, err = run(f.name)
    return code, err


def test_exceptions():
    for abi in ("abi=2l", "abi=fifo"):
        code, err = exceptions(abi)
        check(code == 0 and "x: exceptions: OK\n" in err, code, err)
        check(err.count(": ok\n") >= 60 and "left out" not in err, err)
    code, _, err = run(os.path.join(EXAMPLES, "exceptions.cfg"))
    check(code == 0 and "exceptions: OK" in err, code, err)


def test_cpuid():
    """The machine file takes bits away, and is what takes them; it gives some, of one subleaf."""
    every = "clear=0x7fffffff"
    code, err = exceptions(every, '{ leaf = 1; reg = "ecx"; clear = 0x7fffffff; }')
    check(code == 0 and "without what is not to be there: ok" in err, code, err)
    code, err = exceptions(every)
    check(code == 1 and "without what is not to be there: WRONG" in err, code, err)
    bits = "set = 0x100000"  # SMAP, which no PV guest sees
    code, err = exceptions("", '{ leaf = 7; subleaf = 0; reg = "ebx"; %s; }' % bits)
    check(code == 1 and "nothing of a privileged mode: WRONG" in err, code, err)
    code, err = exceptions("", '{ leaf = 7; subleaf = 1; reg = "ebx"; %s; }' % bits)
    check(code == 0, code, err)
    code, err = exceptions("", '{ leaf = 0x40000004; reg = "eax"; set = 1; }')
    check(code == 1 and "nothing for HVM guests: WRONG" in err, code, err)


def test_user_mode():
    code, err = exceptions("user")
    check(code == 1 and re.search(r"domain x crashed: vCPU 0: .*returns to a user mode \(cs 0xe033\)",
                                  err), code, err)


def test_no_handlers():
    """An exception, int 0x80 and an NMI without a handler: only the last does no harm."""
    code, err = exceptions("forget=nmi")
    check(code == 0 and "exceptions: forgot" in err, code, err)
    code, err = exceptions("forget=80")
    # the latter from a kernel that has no 32-bit calls
    check(code == 1 and re.search(r"int 0x80, and it has no handler|vector 13, error code 0x402", err),
          code, err)
    code, err = exceptions("forget=ud")
    check(code == 1 and re.search(r"invalid opcode \(vector 6", err), code, err)
    code, err = exceptions("forget=iret")
    check(code == 1 and re.search(r"general protection fault \(vector 13, error code 0xd000\)", err),
          code, err)


def test_stack():
    fault = r"page fault \(write\) at 0x%s\w{3} on the stack an upcall or iret used "
    for words in ("mode=stack", "mode=stack traps"):
        check_crash(words, fault % "f{13}", r"^carillon:   rip \w{16} rsp 0000000000000008 ",
                    *REGISTERS[1:])
    check_crash("mode=stack sp=0x10000", fault % "f")


def test_overflow():
    """A handler without end meets the page below its interrupt stack, and no other."""
    code, err = misbehave("mode=overflow")
    guard = re.search(r"^bad: misbehave overflow: guard (\w+)$", err, re.M)
    check(code == 1 and guard, code, err)
    check(re.search(r"^carillon: domain bad crashed: vCPU 0: page fault \(write\) at 0x%s\w{3} on the "
                    r"stack an upcall or iret used " % guard.group(1), err, re.M), err)


def test_survivors():
    """What is refused, and the domain goes on."""
    for mode in ("unknown", "syscall", "badptr", "scribble", "shim"):
        code, err = misbehave("mode=" + mode)
        check(code == 0, mode, code, err)
        check("\nbad: misbehave %s: OK\n" % mode in "\n" + err, mode, err)
        check("unexpected result" not in err, mode, err)
        if mode == "shim":
            check(err.count(" cannot be read, faulted") == 11, err)


HOLD = """
    eoi_timeout_ms = 5;
    domains = ( { name = "bad"; image = "misbehave"; cmdline = "mode=hold pirq=9"; },
                { name = "good"; image = "lines"; cmdline = "count=60"; } );
    devices = ( { type = "line"; name = "lever"; domains = ( "good", "bad" ); shared = true;
                  line = 9; flow = "level"; period_us = 2000; count = 60; } );
    """


def test_never_eois():
    """A live domain that ends no interrupt does not keep the other owner waiting."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
        f.write(HOLD)
        f.flush()
        p = start(f.name)
        text = read_until(p.stderr, b"good: lever: .*interrupts")
        p.send_signal(signal.SIGINT)
        code, _, err = finish(p)
    check(code == 128 + signal.SIGINT, code, err)
    check_level(text.decode() + err, "good", "lever", 60)


def test_no_such_mode():
    check_crash("mode=fly", SHUT_DOWN, r"^bad: misbehave: mode=NAME on the ")


def wait_until_busy(pid):
    before = processor_ticks(pid)
    for _ in range(200):
        if processor_ticks(pid) > before:
            return
        time.sleep(0.05)
    raise AssertionError("it does not use the processor")


def test_never_ending():
    """The others do their work; then the machine goes on until somebody ends it: at once."""
    for mode, said in (("exit", b"still here"), ("spin", b"spinning"), ("deadlock", b"blocking")):
        with beside("mode=" + mode) as f:
            p = start(f.name)
            text = b""
            for wanted in (b"bad: misbehave %s: %s" % (mode.encode(), said), b"good: lever: "):
                if not re.search(wanted, text):
                    text += read_until(p.stderr, wanted)
            pid = domains(p, 1)["bad"]
            if mode == "deadlock":
                before = processor_ticks(pid)
                time.sleep(0.1)
                check(processor_ticks(pid) <= before + 1, "it uses the processor")
            else:
                wait_until_busy(pid)
            check(p.poll() is None, mode, "ended by itself")
            p.send_signal(signal.SIGINT)
            code, _, err = finish(p)
        check(code == 128 + signal.SIGINT, mode, code, err)
        check(b"crashed" not in text and "crashed" not in err, mode, text, err)


def test_crash_ends_machine():
    code, _, err = run(*instead(1, "spin"), MISBEHAVE)
    check(code == 1 and "domain bad crashed" in err, code, err)


# ---- peers ---------------------------------------------------------------------------------------


def test_worker_dies():
    """No event tells that a peer died; the driver finds out and ends."""
    for mode, why in (("null", "page fault"), ("divide", "division by zero")):
        code, _, err = run(*CONTINUE, *instead(1, mode), PIPE, data=b"x" * 300000)
        check(code == 1 and "domain worker crashed: vCPU 0: " + why in err, code, err)
        check("driver: the worker is gone before the end of its reply: " in err, err)
        check("domain driver crashed: " in err, err)
        check("NOT every byte came back" in err, err)


def test_worker_is_killed():
    p = start(*CONTINUE, PIPE)
    greet(p)
    os.kill(domains(p, 2)["worker"], signal.SIGKILL)
    code, _, err = finish(p)
    check(code == 1, code, err)
    check("driver: the worker is gone before the end of its reply: 5 bytes in, 5 out" in err, err)


def test_driver_is_killed():
    p = start(*CONTINUE, PIPE)
    greet(p)
    os.kill(domains(p, 2)["driver"], signal.SIGKILL)
    code, _, err = finish(p)
    check(code == 1, code, err)
    check("worker: the driver is gone before it took the end of the reply: 5 bytes turned" in err,
          err)


def test_worker_scribbles():
    """Garbage in the rings, and death: whatever the driver finds first, it ends, and not well."""
    for _ in range(3):
        code, _, err = run(*CONTINUE, *instead(1, "scribble"), PIPE, data=b"x" * 300000)
        check(code == 1 and "worker: misbehave scribble: OK" in err, code, err)
        check("NOT every byte came back" in err, err)


if __name__ == "__main__":
    sys.exit(main(globals()))
