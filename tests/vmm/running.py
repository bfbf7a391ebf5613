# SPDX-License-Identifier: MIT
"""Running `carillon run` from a test: its streams, its processes, and what every run must keep to.

Whatever a machine leaves behind becomes a child of the test, a subreaper, and is found there.
"""

import codecs
import ctypes
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

CARILLON = os.path.abspath(sys.argv[1])
EXAMPLES = os.path.abspath(sys.argv[2])
PIPE = os.path.join(EXAMPLES, "pipe.cfg")
TIMEOUT = 20

PR_SET_CHILD_SUBREAPER = 36
SANITIZER = re.compile(r"Sanitizer|runtime error:")


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in what))


def clean(err):
    """Every stderr goes through here."""
    text = err.decode(errors="replace") if isinstance(err, bytes) else err
    check(not SANITIZER.search(text), "a sanitizer complains:\n" + text)
    return text


def settings(*pairs):
    return [word for pair in pairs for word in ("--set", pair)]


def one_domain(example, vcpus, cmdline):
    """What to run: a file of one domain, with these."""
    return *settings("domains.[0].vcpus=%d" % vcpus, "domains.[0].cmdline=" + cmdline), example


def scratch():
    return tempfile.TemporaryDirectory(prefix="carillon-test-")


def run(*args, data=b"", **kwargs):
    """Run it to the end: status, stdout, stderr."""
    if "stdin" not in kwargs:
        kwargs["input"] = data
    kwargs.setdefault("stdout", subprocess.PIPE)
    p = subprocess.run([CARILLON, "run", *args], stderr=subprocess.PIPE, timeout=TIMEOUT,
                       check=False, **kwargs)
    return p.returncode, p.stdout, clean(p.stderr)


def start(*args, **kwargs):
    """Start it. A shell's background jobs ignore SIGINT; the machine under test shall not."""
    streams = {name: kwargs.pop(name, subprocess.PIPE) for name in ("stdin", "stdout", "stderr")}
    setup = kwargs.pop("preexec_fn", lambda: None)

    def preexec():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        setup()

    return subprocess.Popen([CARILLON, "run", *args], preexec_fn=preexec, **streams, **kwargs)


def finish(p, data=None):
    """Wait for the end of what was started: status, stdout, stderr."""
    out, err = p.communicate(data, timeout=TIMEOUT)
    return p.returncode, out, clean(err or b"")


def read_until(stream, pattern, patience=TIMEOUT):
    """What a raw stream (an fd or a file) gives until the pattern is in it."""
    fd = stream if isinstance(stream, int) else stream.fileno()
    text = b""
    deadline = time.monotonic() + patience
    while not re.search(pattern, text):
        left = deadline - time.monotonic()
        check(left > 0 and select.select([fd], [], [], left)[0], "waited in vain for", pattern, "in",
              text)
        piece = os.read(fd, 65536)
        check(piece, "it ended before", pattern, "in", text)
        text += piece
    return text


def greet(p, word=b"hello"):
    """Send a word through the pipe: when it is back, all its guests are up and well."""
    p.stdin.write(word)
    p.stdin.flush()
    got = read_until(p.stdout, b".{%d}" % len(word))
    check(got == rot13(word), got)


def children(pid):
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as f:
                found += [int(x) for x in f.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass  # that thread has ended
    return found


def domains(p, n):
    """The processes of a machine's n domains, by name; perhaps they are still starting."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        found = {}
        for pid in children(p.pid):
            try:
                with open("/proc/%d/comm" % pid, encoding="ascii") as f:
                    name = f.read().strip()
                # Until it has its own name it has the monitor's, then its executable's.
                if not name.isdigit() and not name.startswith(("carillon", "memfd:")):
                    found[name] = pid
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended
        if len(found) >= n:
            return found
        time.sleep(0.005)
    raise AssertionError("no domains")


def memory_kib(pid, kind):
    """A line of its status, as RssAnon or VmHWM; 0 of one that is just ending, which has no memory any more."""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        m = re.search(r"^%s:\s*(\d+) kB$" % kind, f.read(), re.M)
    return int(m.group(1)) if m else 0


def processor_ticks(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def nothing_left():
    """No process is left of anything this test started."""
    left = []
    for _ in range(400):
        left = children(os.getpid())
        if not left:
            return
        for pid in left:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        time.sleep(0.005)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    raise AssertionError("left behind: processes %s" % left)


def rot13(data):
    return codecs.encode(data.decode("latin-1"), "rot13").encode("latin-1")


def checked(err):
    """How many bytes the monitor says came back, all of them and right."""
    m = re.search(r"^carillon: pipe: every byte came back, rot13: (\d+) bytes", err, re.M)
    check(m, "no verdict in", err)
    return int(m.group(1))


def main(namespace):
    """Run every test_* of a module (or those named in argv) one after another."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A shell ignores some of these for what it starts in the background; here they are to end things.
    for sig in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_DFL)
    tests = [(n, f) for n, f in namespace.items()
             if n.startswith("test_") and (len(sys.argv) < 4 or n in sys.argv[3:])]
    failed = 0
    for name, test in tests:
        begin = time.monotonic()
        problems = []
        for step in (test, nothing_left):
            try:
                step()
            except (AssertionError, OSError, subprocess.TimeoutExpired) as e:
                problems.append("%s: %s" % (type(e).__name__, e))
        failed += bool(problems)
        print("%s %s (%.1f s)" % ("FAIL" if problems else "ok", name, time.monotonic() - begin))
        for problem in problems:
            print("    " + problem)
    print("%d tests, %d failed" % (len(tests), failed))
    return 1 if failed or not tests else 0
