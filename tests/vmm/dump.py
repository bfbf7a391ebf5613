#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Asking a running machine what its event channels do: SIGUSR1 and Ctrl-T, the values that come
back, and what becomes of the terminal. The text to the letter is unit/test_dump.c's.

usage: dump.py CARILLON EXAMPLES [TEST...]
"""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

from running import (EXAMPLES, PIPE, TIMEOUT, check, clean, domains, finish, greet, main, read_until,
                     rot13, scratch, settings, start)

LINES = os.path.join(EXAMPLES, "lines.cfg")
END = rb"carillon: End of the dump.*\n"
COUNTED = settings("port_counters=true")
CTRL_C, CTRL_T, CTRL_Z = b"\x03", b"\x14", b"\x1a"


class Dump:
    """A dump's text, taken apart."""

    def __init__(self, text):
        text = clean(text).replace("\r", "")
        self.text = text
        self.ports, self.polling, self.vcpus, self.lines = {}, {}, {}, {}
        domain = None
        for line in re.findall(r"^carillon: (.*)$", text, re.M):
            m = re.match(r"Event channel information for domain (\d+): (\S+)$", line)
            if m:
                domain = m.group(2)
            m = re.match(r"Polling vCPUs: {(.*)}$", line)
            if m:
                self.polling[domain] = m.group(1)
            m = re.match(r" +(\d+) \[([01])/([01])/(.*?)\]: s=(\d) n=(\d+) x=0(.*)$", line)
            if m:
                port = dict(pair.split("=") for pair in m.group(7).split())
                port.update(pending=m.group(2), masked=m.group(3), abi=m.group(4), s=m.group(5),
                            n=m.group(6))
                self.ports[domain, int(m.group(1))] = port
            m = re.match(r" +vCPU (\d+): (.*?); (.*)$", line)
            if m:
                self.vcpus[domain, int(m.group(1))] = (
                    m.group(2), dict(re.findall(r"(\w+)=(\d+)", m.group(3))))
            m = re.match(r" +line (\d+): (.*)$", line)
            if m:
                self.lines[int(m.group(1))] = m.group(2)

    def named(self, domain, **what):
        """The ports of a domain that have these values."""
        return [p for (d, _), p in self.ports.items()
                if d == domain and all(p.get(k) == v for k, v in what.items())]


def ask(p):
    p.send_signal(signal.SIGUSR1)
    return Dump(read_until(p.stderr, END))


# ---- what it says --------------------------------------------------------------------------------


def test_pipe():
    """Values after a word that went through: which ports there are, and how often each was sent."""
    p = start(*COUNTED, PIPE)
    deadline = time.monotonic() + TIMEOUT
    while True:
        greet(p)
        d = ask(p)
        # Who was awake has found the word without a bell; one that sleeps needs it.
        if all(x["sends"] != "0" for x in (d.ports["worker", 1], d.ports["driver", 2])):
            break
        check(time.monotonic() < deadline, "words went through without a bell:", d.text)
    for domain, other in (("driver", "2"), ("worker", "1")):
        for port in (1, 2):
            got = d.ports[domain, port]
            check((got["s"], got["d"], got["p"]) == ("3", other, str(port)), domain, port, d.text)
        check(len(d.named(domain, s="5", v="0")) == 1, "its tick:", d.text)
        check(d.polling[domain] == "", d.text)
        state, counters = d.vcpus[domain, 0]
        check(state.startswith("up") and int(counters["sends"]) > 0, domain, d.text)
    for pirq in ("16", "17"):
        check(len(d.named("driver", s="4", p=pirq, i=pirq)) == 1, d.text)
        check(d.lines[int(pirq)].startswith("level, on, "), d.text)
        check("; d=1 p=%s port=" % pirq in d.lines[int(pirq)], d.text)
    check(int(d.named("driver", p="16", s="4")[0]["sends"]) >= 1, d.text)
    # the sums of its ports are no more than its vCPU's: they were counted from the start
    for domain in ("driver", "worker"):
        before = sum(int(x["sends"]) for x in d.named(domain))
        check(0 < before <= int(d.vcpus[domain, 0][1]["sends"]), domain, d.text)
    code, _, err = finish(p, b"")
    check(code == 0, code, err)


def test_not_counted():
    p = start(PIPE)
    greet(p)
    greet(p)  # both have bound all that they bind
    d = ask(p)
    check(len(d.ports) == 8 and not [x for x in d.ports.values() if "sends" in x], d.text)
    code, _, err = finish(p, b"")
    check(code == 0, code, err)


class Flow:
    """The same bytes again and again through the pipe, until it is enough; all must come back."""

    def __init__(self, p):
        self.p, self.piece = p, os.urandom(1 << 20)
        self.enough = threading.Event()
        self.sent = self.same = self.wrong = 0
        self.threads = [threading.Thread(target=self.write), threading.Thread(target=self.read)]
        for t in self.threads:
            t.start()

    def write(self):
        while not self.enough.is_set():
            self.p.stdin.write(self.piece)
            self.sent += 1
        self.p.stdin.close()

    def read(self):
        expected = rot13(self.piece)
        while True:
            got = self.p.stdout.read(len(expected))
            if not got:
                return
            if got == expected:
                self.same += 1
            else:
                self.wrong += 1

    def end(self):
        self.enough.set()
        for t in self.threads:
            t.join()
        self.p.stdout.close()
        check(self.sent and self.same == self.sent and not self.wrong, self.sent, self.same,
              self.wrong)


def test_under_load():
    """Asked again and again while bytes flow: counters only grow, and no byte is lost."""
    p = start(*COUNTED, PIPE)
    domains(p, 2)
    flow, last, dumps = Flow(p), {}, 0
    try:
        while dumps < 30 or not last.get(("worker", 1)):
            check(dumps < 3000, "no event in all that time:", last)
            d = ask(p)
            dumps += 1
            for key, (_, counters) in d.vcpus.items():
                for name in ("sends", "merged", "kicks", "pirqs", "eois", "hypercalls"):
                    check(int(counters[name]) >= last.get((key, name), 0), key, name, d.text)
                    last[key, name] = int(counters[name])
            for key, port in d.ports.items():
                check(int(port["sends"]) >= last.get(key, 0), key, d.text)
                last[key] = int(port["sends"])
    finally:
        flow.enough.set()
    flow.end()
    err = clean(p.stderr.read())
    p.stderr.close()
    check(p.wait(TIMEOUT) == 0, p.returncode, err)


def test_lines():
    p = start(*settings("devices.[3].count=0", "domains.[0].cmdline=count=1000000"), LINES)
    domains(p, 2)
    deadline = time.monotonic() + TIMEOUT
    while True:
        d = ask(p)
        shared = d.lines.get(23, "")
        if shared.count("; d=") == 2 and "20" in [x.get("i") for x in d.named("first")]:
            break
        check(time.monotonic() < deadline, d.text)
        time.sleep(0.02)
    check(d.lines[20].startswith("edge, on, masked=0 in-flight=0; d=1 p=20 port="), d.text)
    check(re.match(r"level, on, masked=[01] in-flight=[0-2]; d=", shared), d.text)
    p.send_signal(signal.SIGTERM)
    check(finish(p)[0] == 128 + signal.SIGTERM, p.returncode)


def test_chosen_ports():
    """The machine file's own numbers, beside one that takes what is left."""
    with open(PIPE, encoding="ascii") as f:
        text = f.read()
    at = text.index("event_channels")
    text = text[:at] + """event_channels = (
        { name = "reply";   domains = ( "driver", "worker" ); },
        { name = "request"; domains = ( "worker", "driver" ); ports = ( 1, 4095 ); } );"""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
        f.write(text)
        f.flush()
        p = start(f.name)
        greet(p)
        d = ask(p)
        code, _, err = finish(p, b"")
    check(code == 0, code, err)
    check((d.ports["driver", 4095]["d"], d.ports["driver", 4095]["p"]) == ("2", "1"), d.text)
    check((d.ports["worker", 1]["d"], d.ports["worker", 1]["p"]) == ("1", "4095"), d.text)
    check((d.ports["driver", 1]["d"], d.ports["driver", 1]["p"]) == ("2", "2"), d.text)
    check((d.ports["worker", 2]["d"], d.ports["worker", 2]["p"]) == ("1", "1"), d.text)


def test_nobody_reads_the_dump():
    """stderr is a full pipe: the machine goes on, and can be ended."""
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    p = start(PIPE, stderr=into)
    os.close(into)
    greet(p)
    for _ in range(40):
        p.send_signal(signal.SIGUSR1)
        time.sleep(0.01)
    check(struct.unpack("i", fcntl.ioctl(out, termios.FIONREAD, b"\0" * 4))[0] >= 3000,
          "the pipe is not full: what is tested here?")
    greet(p, b"still here")
    p.send_signal(signal.SIGINT)
    check(p.wait(TIMEOUT) == 128 + signal.SIGINT, p.returncode)
    os.close(out)
    p.stdin.close()
    p.stdout.close()


def test_early_and_late():
    """At any moment of its life it is no mistake to ask."""
    for delay in (0.0, 0.001, 0.002, 0.004, 0.008, 0.016):
        # Blocked from the start, as by whoever starts it so: before it has begun to read signals
        # it would die of one, as every program does.
        p = start(PIPE, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK,
                                                                  [signal.SIGUSR1]))
        p.stdin.close()
        p.stdin = None
        time.sleep(delay)
        while p.poll() is None:
            p.send_signal(signal.SIGUSR1)
            time.sleep(0.0005)
            if select.select([p.stderr], [], [], 0)[0]:
                os.read(p.stderr.fileno(), 65536)
        code, _, err = finish(p)
        check(code == 0, delay, code, err)


# ---- the terminal --------------------------------------------------------------------------------


def waits(pid):
    """What each of its threads waits for."""
    tasks = "/proc/%d/task" % pid
    return [(t, pathlib.Path(tasks, t, "wchan").read_text(encoding="ascii"),
             re.findall(r"(?:State|Sig\w+|ShdPnd):.*", pathlib.Path(tasks, t, "status").read_text(encoding="ascii")))
            for t in os.listdir(tasks)]


class Terminal:
    """A machine whose guests read no terminal, started on one: from a file that does not end."""

    def __init__(self, *args, **kwargs):
        self.dir = scratch()
        fifo = os.path.join(self.dir.name, "in")
        os.mkfifo(fifo)
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)

        def preexec():
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

        kwargs.setdefault("stdin", self.slave)
        kwargs.setdefault("stdout", self.slave)
        kwargs.setdefault("stderr", self.slave)
        self.p = start(*settings("devices.[0].input=" + fifo, "devices.[0].output=/dev/null"),
                       *args, PIPE, preexec_fn=preexec, **kwargs)
        self.feed = os.open(fifo, os.O_WRONLY)
        domains(self.p, 2)

    def close(self):
        os.close(self.feed)
        os.close(self.slave)
        os.close(self.master)
        self.dir.cleanup()

    def mode(self):
        return termios.tcgetattr(self.slave)

    def is_taken(self):
        return not self.mode()[3] & (termios.ICANON | termios.ECHO)

    def wait(self, what, why):
        deadline = time.monotonic() + TIMEOUT
        while not what():
            check(time.monotonic() < deadline, "waited in vain:", why)
            time.sleep(0.005)

    def wait_taken(self):
        self.wait(self.is_taken, "the terminal is not taken")
        check(self.mode()[3] & termios.ISIG, "no Ctrl-C any more")

    def key(self, key):
        os.write(self.master, key)

    def ask(self):
        self.key(CTRL_T)
        return Dump(read_until(self.master, END.replace(rb"\n", rb"\r\n")))

    def ask_until_up(self):
        """Until its guests have bound all their ports."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            d = self.ask()
            if len(d.ports) == 8:
                return d
            check(time.monotonic() < deadline, "not all ports:", d.text)

    def ended(self, code):
        try:
            self.p.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            check(False, "it goes on, not", code, waits(self.p.pid))
        check(self.p.returncode == code, self.p.returncode, "not", code)
        check(self.mode() == self.before, "it was left as", self.mode(), "not", self.before)
        self.close()


def stopped(p):
    with open("/proc/%d/stat" % p.pid, encoding="ascii") as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "T"


def test_key():
    t = Terminal()
    t.wait_taken()
    for _ in range(3):
        d = t.ask_until_up()
        check(d.ports["driver", 1]["s"] == "3", d.text)
    t.key(b"other keys mean nothing\r" + CTRL_T + b"!")
    read_until(t.master, END.replace(rb"\n", rb"\r\n"))
    os.close(t.feed)
    t.feed = os.open("/dev/null", os.O_RDONLY)
    t.ended(0)


def test_key_signals():
    """However it ends, the terminal is as it was: Ctrl-C, signals that it takes, some that kill."""
    t = Terminal()
    t.wait_taken()
    t.key(CTRL_C)
    t.ended(128 + signal.SIGINT)
    for sig in (signal.SIGTERM, signal.SIGHUP):
        t = Terminal()
        t.wait_taken()
        t.p.send_signal(sig)
        t.ended(128 + sig)
    for sig in (signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGXCPU):
        t = Terminal()
        t.wait_taken()
        t.p.send_signal(sig)
        t.ended(-sig)


def test_key_stopped():
    """Stopped and continued without a shell, it still knows how the terminal was."""
    t = Terminal()
    t.wait_taken()
    for _ in range(3):
        t.p.send_signal(signal.SIGSTOP)
        t.wait(lambda: stopped(t.p), "it does not stop")
        t.p.send_signal(signal.SIGCONT)
        t.wait_taken()
        t.ask_until_up()
    t.key(CTRL_C)
    t.ended(128 + signal.SIGINT)


# A shell in small: its job in a group of its own, in the foreground or not, as it is told.
SHELL = r"""
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if not pid:
    os.setpgid(0, 0)
    if sys.argv[1] == "fg":
        os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[2], sys.argv[2:])
print("pid %d" % pid, file=sys.stderr, flush=True)
for line in os.fdopen(int(os.environ["ORDERS"])):
    order = line.strip()
    if order == "fg":
        os.tcsetpgrp(0, pid)
    elif order == "bg":
        os.tcsetpgrp(0, os.getpgrp())
    elif order == "cont":
        os.killpg(pid, signal.SIGCONT)
    elif order == "wait":
        break
status = os.waitpid(pid, 0)[1]
os.tcsetpgrp(0, os.getpgrp())
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 100 + os.WTERMSIG(status))
"""


class Job(Terminal):
    """The same as a job of a shell."""

    def __init__(self, where):
        orders, self.orders = os.pipe()
        self.dir = scratch()
        fifo = os.path.join(self.dir.name, "in")
        os.mkfifo(fifo)
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)

        def preexec():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.shell = subprocess.Popen(
            [sys.executable, "-c", SHELL, where, os.path.abspath(sys.argv[1]), "run",
             *settings("devices.[0].input=" + fifo, "devices.[0].output=/dev/null"), PIPE],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=preexec,
            pass_fds=[orders], env=dict(os.environ, ORDERS=str(orders)))
        os.close(orders)
        self.pid = int(read_until(self.master, rb"pid \d+\r\n").split()[-1])
        self.p = self
        self.feed = os.open(fifo, os.O_WRONLY)
        domains(self, 2)

    def order(self, *words):
        for word in words:
            os.write(self.orders, word.encode() + b"\n")

    def ended(self, code):
        self.order("wait")
        check(self.shell.wait(TIMEOUT) == code, self.shell.returncode)
        check(self.mode() == self.before, "it was left as", self.mode(), "not", self.before)
        os.close(self.orders)
        self.close()


def test_job_stopped():
    """Ctrl-Z in a shell: the terminal is the shell's as it was; fg, and it is taken again."""
    t = Job("fg")
    t.wait_taken()
    for _ in range(2):
        t.key(CTRL_Z)
        t.wait(lambda: stopped(t), "it does not stop")
        check(t.mode() == t.before, "stopped, it left", t.mode())
        t.order("bg", "cont")
        t.wait(lambda: not stopped(t), "it does not go on")
        time.sleep(0.7)
        check(t.mode() == t.before and not stopped(t), "from the background it set", t.mode())
        t.order("fg")
        t.wait_taken()
        t.ask_until_up()
    t.key(CTRL_C)
    t.ended(128 + signal.SIGINT)


def test_job_in_background():
    """Started with &: it leaves the terminal alone, reads nothing, ends without a trace."""
    t = Job("bg")
    t.key(b"for the shell\r")
    time.sleep(0.7)
    check(not t.is_taken() and not stopped(t), t.mode())
    os.kill(t.pid, signal.SIGTERM)
    t.wait(lambda: not os.path.exists("/proc/%d/exe" % t.pid) or
           open("/proc/%d/stat" % t.pid, encoding="ascii").read().rsplit(")", 1)[1].split()[0] == "Z",
           "it does not end")
    read_until(t.slave, rb"for the shell\n")
    t.ended(128 + signal.SIGTERM)


def test_job_sent_to_background():
    """Stopped by a signal that nobody can catch, then in the background: not a setting of its."""
    t = Job("fg")
    t.wait_taken()
    os.kill(t.pid, signal.SIGSTOP)
    t.wait(lambda: stopped(t), "it does not stop")
    termios.tcsetattr(t.slave, termios.TCSANOW, t.before)  # as shells do
    t.order("bg", "cont")
    t.wait(lambda: not stopped(t), "it does not go on")
    os.kill(t.pid, signal.SIGTERM)
    t.ended(128 + signal.SIGTERM)


def test_not_ours():
    """A guest reads the terminal; a pager does; or we write elsewhere: it is left alone."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    for what in ({"stderr": subprocess.PIPE}, {"stdout": subprocess.PIPE}, None):
        if what is None:
            p = start(*settings("devices.[0].output=/dev/null"), PIPE, stdin=slave, stdout=slave,
                      stderr=slave)
        else:
            t = Terminal(**what)
            p = t.p
        domains(p, 2)
        time.sleep(0.3)
        now = termios.tcgetattr(slave if what is None else t.slave)
        check(now == before, what, now)
        p.send_signal(signal.SIGTERM)
        check(p.wait(TIMEOUT) == 128 + signal.SIGTERM, p.returncode)
        if what is not None:
            (p.stderr or p.stdout).close()
            t.close()
    os.close(master)
    os.close(slave)


if __name__ == "__main__":
    sys.exit(main(globals()))
