#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whole machines from the outside: what goes through the pipe and how, and how machines end. What
guests do in them is in guests.py.

usage: machines.py CARILLON EXAMPLES [TEST...]
"""

import fcntl
import os
import pty
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import termios
import threading
import time
import tty

from running import (CARILLON, EXAMPLES, PIPE, check, checked, clean, domains, finish, greet, main,
                     nothing_left, read_until, rot13, run, scratch, settings, start)

HELLO = os.path.join(EXAMPLES, "hello.cfg")
WINDOW = 262144  # of pipe.cfg's device
NOBODY = 65534


def text(size):
    return (b"The quick brown fox. " * (size // 21 + 1))[:size]


# ---- the pipe: sizes -----------------------------------------------------------------------------


def test_hello():
    code, out, err = run(HELLO)
    check(code == 0 and out == b"", code, err)
    check(re.search(r"^hello: hello from a Xen guest", err, re.M), err)
    check(re.search(r"^carillon: 0 bytes in, 0 bytes out, \d+ events, \d+ hypercalls, ", err,
                    re.M), err)


def test_sizes():
    for size in (0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 1 << 20, 5000001):
        code, out, err = run(PIPE, data=text(size))
        check(code == 0 and out == rot13(text(size)) and checked(err) == size, size, code, err)
        check(re.search(r"^driver: %d bytes in, %d bytes out, \d+ ticks$" % (size, size), err,
                        re.M), err)
        check(re.search(r"^worker: %d bytes turned, \d+ ticks$" % size, err, re.M), err)
        check(re.search(r"^driver: +\d+: +\d+  xen-pirq +level +input$", err, re.M), err)


def test_few_event_channels():
    # The worker's: two channels of the file and its timer's port, and not one more.
    code, _, err = run(*settings("domains.[1].max_event_channels=3"), PIPE, data=text(5000))
    check(code == 0 and checked(err) == 5000, code, err)
    code, _, err = run(*settings("domains.[1].max_event_channels=1"), PIPE, data=text(10))
    check(code == 1 and re.search(r"^carillon: event channel reply: No space left", err, re.M), code, err)


def test_smallest_windows():
    small = settings("devices.[0].pages=3", "shared_memory.[0].pages=2",
                     "shared_memory.[1].pages=2")
    for size in (4095, 4096, 4097, 300000):
        data = os.urandom(size)
        code, out, err = run(*small, PIPE, data=data)
        check(code == 0 and out == rot13(data), size, code, err)


def test_large_rings():
    """Mapping them takes more page tables than a kernel starts with."""
    data = os.urandom(3000000)
    for pages in (257, 4097):
        code, out, err = run(*settings("shared_memory.[0].pages=%d" % pages,
                                       "shared_memory.[1].pages=%d" % pages,
                                       "devices.[0].pages=4097"), PIPE, data=data)
        check(code == 0 and out == rot13(data), pages, code, err)


def test_too_large_rings():
    code, _, err = run(*settings("shared_memory.[0].pages=65536",
                                 "shared_memory.[1].pages=65536"), PIPE)
    check(code == 1, code, err)
    check("driver: chardev: 129 pages are too many: a domain of this kernel can map 131072 "
          "(512 MiB)" in err, err)


def test_wrong_bytes_are_found():
    code, _, err = run(*settings("devices.[0].check=same"), PIPE, data=b"hello")
    check(code == 1 and "NOT every byte came back" in err, code, err)


# ---- the pipe: what is on its ends ---------------------------------------------------------------


def test_input_is_a_file():
    with scratch() as tmp:
        source, sink = os.path.join(tmp, "in"), os.path.join(tmp, "out")
        with open(source, "wb") as f:
            f.write(text(200000))
        with open(source, "rb") as f:
            code, out, err = run(PIPE, stdin=f)
        check(code == 0 and out == rot13(text(200000)), code, err)
        code, out, err = run(*settings("devices.[0].input=" + source,
                                       "devices.[0].output=" + sink), PIPE)
        check(code == 0 and out == b"", code, err)
        with open(sink, "rb") as f:
            check(f.read() == rot13(text(200000)), "the file differs")


def test_input_is_a_fifo():
    with scratch() as tmp:
        source, sink = os.path.join(tmp, "in"), os.path.join(tmp, "out")
        os.mkfifo(source)
        os.mkfifo(sink)
        p = start(*settings("devices.[0].input=" + source, "devices.[0].output=" + sink), PIPE)

        def write():
            with open(source, "wb") as f:
                f.write(text(200000))

        writer = threading.Thread(target=write)
        writer.start()
        with open(sink, "rb") as f:
            got = f.read()
        writer.join()
        code, _, err = finish(p)
        check(code == 0 and got == rot13(text(200000)), code, err)


def test_slow_writer():
    """Each piece comes out before the next goes in; progress is shown on the terminal meanwhile."""
    master, slave = pty.openpty()
    p = start(PIPE, stderr=slave)
    os.close(slave)
    for _ in range(13):
        greet(p, b"drip")
        time.sleep(0.1)
    p.stdin.close()
    err = clean(read_until(master, rb"every byte came back.*\n.* hypercalls, .*\n"))
    check(p.wait(20) == 0 and p.stdout.read() == b"", p.returncode)
    check(re.search(r"\r\x1b\[K\d+\.\d s: 0\.0 MiB in, 0\.0 MiB out, ", err), repr(err))
    check(re.search(r"\r\x1b\[K(worker|driver): ", err), "progress is not wiped away:", repr(err))
    os.close(master)
    p.stdout.close()


def test_slow_reader():
    data = text(600000)
    p = start(PIPE)
    writer = threading.Thread(target=lambda: (p.stdin.write(data), p.stdin.close()))
    writer.start()
    got = b""
    while len(got) < 200000:
        time.sleep(0.01)
        got += os.read(p.stdout.fileno(), 10000)
    got += p.stdout.read()
    writer.join()
    p.stdin = None
    code, _, err = finish(p)
    check(code == 0 and got == rot13(data), code, len(got), err)


def failed_output(code, err, why):
    check(code == 1, code, err)
    said = re.findall(r"^carillon: device pipe: output.*$", err, re.M)
    check(len(said) == 1 and "%s; what follows is dropped" % why in said[0], err)
    check("driver: " in err and ", output failed" in err and "NOT every byte came back" in err, err)


def test_nobody_reads():
    p = start(PIPE)
    p.stdout.close()
    p.stdout = None
    failed_output(*finish(p, text(300000))[::2], "Broken pipe")


def test_reader_leaves():
    p = start(PIPE)
    greet(p)
    p.stdout.close()
    p.stdout = None
    failed_output(*finish(p, text(300000))[::2], "Broken pipe")


def test_full_device():
    with open("/dev/full", "wb") as full:
        code, _, err = run(PIPE, data=text(300000), stdout=full)
    failed_output(code, err, "No space left on device")


def test_closed_files():
    for fds in ((0,), (0, 1), (0, 1, 2)):
        p = start(PIPE, stdin=None, stdout=None, stderr=None if 2 in fds else subprocess.PIPE,
                  preexec_fn=lambda fds=fds: [os.close(f) for f in fds])
        code, _, err = finish(p)
        check(code == 0, fds, code, err)


def on_terminal():
    """The machine with a terminal that is its controlling one, as in a shell's foreground."""
    master, slave = pty.openpty()

    def preexec():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    p = start(PIPE, stdin=slave, stdout=slave, preexec_fn=preexec)
    os.close(slave)
    return p, master


def test_terminal():
    p, master = on_terminal()
    os.write(master, b"Hello\n")
    read_until(master, rb"Hello\r\n(.*\n)*Uryyb\r\n")  # the echo, and the answer
    os.write(master, b"two\n")
    read_until(master, rb"gjb\r\n")
    check(p.poll() is None, "ended early")
    os.write(master, b"\x04")
    code, _, err = finish(p)
    check(code == 0 and checked(err) == 10, code, err)
    check("\r" not in err, "progress, while somebody types:", err)
    os.close(master)


def test_terminal_interrupted():
    p, master = on_terminal()
    os.write(master, b"Hello\n")
    read_until(master, rb"Uryyb\r\n")
    os.write(master, b"\x03")
    code, _, err = finish(p)
    check(code == 128 + signal.SIGINT, code, err)
    os.close(master)


def test_terminal_hung_up():
    p, master = on_terminal()
    domains(p, 2)
    os.close(master)
    code, _, err = finish(p)
    # whichever comes first: SIGHUP, or the end of input
    check(code in (0, 1, 128 + signal.SIGHUP), code, err)


def test_own_pty():
    p = start(*settings("devices.[0].input=pty", "devices.[0].output=pty"), PIPE)
    name = read_until(p.stderr, rb"its terminal is (/dev/pts/\d+)\n").decode().split()[-1]
    fd = os.open(name, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    os.write(fd, b"Hello\n")
    read_until(fd, rb"Uryyb\n")
    os.close(fd)
    code, _, err = finish(p)
    check(code == 0 and checked(err) == 6, code, err)


# ---- the end -------------------------------------------------------------------------------------


def flowing(p):
    """Keep bytes flowing through the machine until it is gone."""
    def feed():
        try:
            while True:
                p.stdin.write(text(100000))
        except OSError:
            pass

    def drain():
        while p.stdout.read(100000):
            pass

    threads = [threading.Thread(target=feed), threading.Thread(target=drain)]
    for t in threads:
        t.start()
    time.sleep(0.05)
    return threads


def flow_ended(p, threads):
    err = clean(p.stderr.read())
    code = p.wait(10)
    for t in threads:
        t.join()
    p.stdout.close()
    p.stderr.close()
    try:
        p.stdin.close()
    except OSError:
        pass  # what it had buffered has nowhere to go
    return code, err


def test_signals():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for busy in (False, True):
            p = start(PIPE)
            domains(p, 2)
            threads = flowing(p) if busy else []
            p.send_signal(sig)
            code, err = flow_ended(p, threads)
            check(code == 128 + sig, sig, busy, code, err)
            check(re.search(r"^carillon: \d+ bytes in", err, re.M), err)
            nothing_left()


def test_monitor_killed():
    """At any moment, with bytes flowing: no process is left, and no file ever was."""
    rng = random.Random(1)
    with scratch() as tmp:
        env = dict(os.environ, TMPDIR=tmp)
        for attempt in range(12):
            p = start(PIPE, cwd=tmp, env=env)
            threads = []
            if attempt % 3:
                time.sleep(rng.random() * 0.01)
            else:
                domains(p, 2)
                threads = flowing(p)
            p.kill()
            code, err = flow_ended(p, threads)
            check(code == -signal.SIGKILL, code, err)
            nothing_left()
        check(os.listdir(tmp) == [], "left behind:", os.listdir(tmp))
    ours = [n for n in os.listdir("/dev/shm") if "carillon" in n]
    check(not ours, "left behind:", ours)


def test_no_files():
    """A file that has a name is only read: nothing with a name could be left behind."""
    p = start(PIPE)
    greet(p)
    seen = 0
    for pid in [p.pid, *domains(p, 2).values()]:
        for fd in os.listdir("/proc/%d/fd" % pid):
            st = os.stat("/proc/%d/fd/%s" % (pid, fd))
            with open("/proc/%d/fdinfo/%s" % (pid, fd), encoding="ascii") as f:
                flags = int(re.search(r"^flags:\s*(\d+)", f.read(), re.M).group(1), 8)
            seen += 1
            named = stat.S_ISREG(st.st_mode) and st.st_nlink
            check(not named or flags & os.O_ACCMODE == os.O_RDONLY, pid, fd,
                  os.readlink("/proc/%d/fd/%s" % (pid, fd)))
    check(seen > 10, seen)
    code, _, err = finish(p, b"")
    check(code == 0, code, err)


def test_domain_killed():
    p = start(PIPE)
    greet(p)
    os.kill(domains(p, 2)["driver"], signal.SIGKILL)
    code, _, err = finish(p)
    check(code == 1, code, err)
    check("carillon: domain driver crashed: vCPU 0: its process was killed by signal 9" in err, err)


def test_ordinary_user():
    """As nobody, with no capability; the file, program and images where that user can read them."""
    with scratch() as tmp:
        os.chmod(tmp, 0o755)
        shutil.copy(CARILLON, tmp)
        shutil.copy(PIPE, tmp)
        images = os.path.join(tmp, "images")
        os.mkdir(images, 0o755)
        for name in ("driver", "worker"):
            shutil.copy(os.path.join(os.path.dirname(CARILLON), "images", name), images)
        os.chmod(os.path.join(tmp, "pipe.cfg"), 0o644)
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        p = subprocess.Popen([os.path.join(tmp, "carillon"), "run", os.path.join(tmp, "pipe.cfg")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             cwd=tmp, **who)
        domains(p, 2)
        with open("/proc/%d/status" % p.pid, encoding="ascii") as f:
            status = f.read()
        check(re.search(r"^CapEff:\s+0+$", status, re.M), "it has capabilities:", status)
        check(not re.search(r"^Uid:.*\b0\b", status, re.M), "it is root:", status)
        code, out, err = finish(p, text(300000))
        check(code == 0 and out == rot13(text(300000)), code, err)


def test_start_is_fast():
    best = 9.0
    for _ in range(10):
        begin = time.monotonic()
        check(run(HELLO)[0] == 0, "hello fails")
        best = min(best, time.monotonic() - begin)
    # 30 ms are the goal on an idle machine; bench measures, this only finds what is far off.
    check(best < 0.3, best)


if __name__ == "__main__":
    sys.exit(main(globals()))
