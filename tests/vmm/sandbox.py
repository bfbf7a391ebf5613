#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the kernel says of a domain's process, and of the monitor while it runs: docs/sandbox.md, line
by line. As root, everything also as an ordinary user.

usage: sandbox.py CARILLON IMAGES [TEST]...
"""

import ctypes
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from running import CARILLON, check, clean, domains, finish, main, read_until, start

IMAGES = os.path.abspath(sys.argv[2])
NOBODY = 65534
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapAmb")
VCPUS = 2
NAMESPACES = {"user": 0x10000000, "pid": 0x20000000, "net": 0x40000000, "ipc": 0x8000000,
              "uts": 0x4000000}


def machine(image="misbehave", words="mode=spin"):
    f = tempfile.NamedTemporaryFile("w", suffix=".cfg")
    os.chmod(f.name, 0o644)
    f.write('on_crash = "continue"; domains = ( { name = "one"; image = "%s"; vcpus = %d; '
            'cmdline = "%s"; }, { name = "two"; image = "misbehave"; cmdline = "mode=deadlock"; } );\n'
            'shared_memory = ( { name = "both"; pages = 4; domains = ( "one", "two" ); } );\n'
            % (image, VCPUS, words))
    f.flush()
    return f


def become(user):
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


def in_child(user, what):
    """The exit status of a child that does this as that user."""
    pid = os.fork()
    if not pid:
        become(user)
        os._exit(what())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def refuse_namespaces():
    """A container's policy: clone with CLONE_NEWUSER answers EPERM."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(struct.pack("HBBI", *i) for i in (
        (0x20, 0, 0, 0),                    # load nr
        (0x15, 0, 3, 56),                   # clone?
        (0x20, 0, 0, 16),                   # load its flags
        (0x45, 0, 1, NAMESPACES["user"]),   # any of those?
        (0x06, 0, 0, 0x50001),
        (0x06, 0, 0, 0x7fff0000)))
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", 6, ctypes.addressof(buffer))
    libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0):
        os._exit(99)


class Running:
    """A machine whose first domain loops; its processes. As somebody else: a copy that he may read."""

    def __init__(self, user=None, setup=lambda: None):
        self.user, self.setup = user, setup

    def __enter__(self):
        self.file = machine()
        self.room = None
        kwargs, path = {}, self.file.name
        if self.user is not None:
            self.room = tempfile.mkdtemp()
            os.chmod(self.room, 0o755)
            shutil.copy(CARILLON, self.room + "/carillon")
            shutil.copytree(IMAGES, self.room + "/images", ignore=shutil.ignore_patterns("*.p"))
            kwargs = {"preexec_fn": lambda: (become(self.user), self.setup())}
            # By its own path: images/ is beside the program.
            self.p = subprocess.Popen([self.room + "/carillon", "run", path], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
        else:
            self.p = start(path, preexec_fn=self.setup)
        read_until(self.p.stderr, rb"one: misbehave spin: spinning")
        self.domain = domains(self.p, 2)["one"]
        return self

    def __exit__(self, *args):
        self.p.send_signal(signal.SIGINT)
        self.code, _, err = finish(self.p)
        clean(err)
        if self.room:
            shutil.rmtree(self.room)
        self.file.close()


def users():
    return (None, NOBODY) if os.getuid() == 0 else (None,)


def statuses(pid):
    """The status of each of its threads."""
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        # Of domain two's threads in the monitor some may just be ending.
        try:
            text = pathlib.Path("/proc/%d/task/%s/status" % (pid, task)).read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append(dict(re.findall(r"^(\w+):\s*(.*)$", text, re.M)))
    check(found, "no thread of", pid)
    return found


def limits(pid):
    text = pathlib.Path("/proc/%d/limits" % pid).read_text()
    return {name.strip(): soft for name, soft in re.findall(r"^(Max .{21})\s*(\S+)", text, re.M)}


def check_given_up(pid, who):
    for status in statuses(pid):
        for name in CAPABILITIES:
            check(int(status[name], 16) == 0, who, name, status[name])
        check(status["NoNewPrivs"] == "1", who, "may get new privileges")
        check(status["Seccomp"] == "2", who, "has a thread without a filter")
    check(limits(pid)["Max core file size"] == "0", who, limits(pid))


def check_not_dumpable(pid, who):
    """Then its files in /proc are root's, whoever it runs as."""
    check(os.stat("/proc/%d/maps" % pid).st_uid == 0, who, "can be traced by its user")


def test_privileges():
    """No capability, none to be had, no dump; a filter on every thread."""
    for user in users():
        with Running(user) as r:
            check_given_up(r.domain, "the domain")
            check_given_up(r.p.pid, "the monitor")
            if user or os.getuid():
                check_not_dumpable(r.domain, "the domain")
                check_not_dumpable(r.p.pid, "the monitor")
        check(r.code == 128 + signal.SIGINT, r.code)


def namespaces(pid):
    return {name: os.readlink("/proc/%d/ns/%s" % (pid, name)) for name in NAMESPACES}


def test_namespaces():
    """Of its own, all of them, where the host allows it; else it runs without, and is no less shut in."""
    libc = ctypes.CDLL(None)
    for user in users():
        allowed = in_child(user, lambda: bool(libc.unshare(sum(NAMESPACES.values())))) == 0
        for setup, own in ((lambda: None, allowed), (refuse_namespaces, False)):
            with Running(user, setup) as r:
                domain, monitor = namespaces(r.domain), namespaces(r.p.pid)
                for name in NAMESPACES:
                    check((domain[name] != monitor[name]) == own, name, "of its own:", own)
                check_given_up(r.domain, "the domain")
            check(r.code == 128 + signal.SIGINT, r.code)


def test_nobody_traces_it():
    """Not even a process of its own user, which also made its user namespace."""
    libc = ctypes.CDLL(None, use_errno=True)

    def attach(pid):
        """0: refused."""
        if not libc.ptrace(0x4206, pid, None, None):  # PTRACE_SEIZE
            return 1
        try:
            os.close(os.open("/proc/%d/mem" % pid, os.O_RDWR))
        except PermissionError:
            return 0
        return 2

    if os.getuid() == 0:
        for setup in (lambda: None, refuse_namespaces):
            with Running(NOBODY, setup) as r:
                for pid in (r.domain, r.p.pid):
                    check(in_child(NOBODY, lambda pid=pid: attach(pid)) == 0, "it can be traced")


def test_threads():
    """A domain has its vCPUs' threads and no other, and no child."""
    with Running() as r:
        tasks = os.listdir("/proc/%d/task" % r.domain)
        check(len(tasks) == VCPUS, tasks)
        for task in tasks:
            children = pathlib.Path("/proc/%d/task/%s/children" % (r.domain, task)).read_text()
            check(not children.strip(), children)


def test_descriptors():
    """Those of its own memory, which it may map already; nothing else."""
    with Running() as r:
        room = "/proc/%d/fd/" % r.domain
        names = sorted(re.sub(r" \(deleted\)$", "", os.readlink(room + fd)) for fd in os.listdir(room))
        for name in names:
            check(name.startswith("/memfd:"), "it has", name, "open")
        check(len(names) == 2, "its memory and the region:", names)


def test_mappings():
    """Its memory, the shim, its control and scratch pages: nothing of the monitor, no stack, no heap."""
    with Running() as r:
        for line in pathlib.Path("/proc/%d/maps" % r.domain).read_text().splitlines():
            name = line[73:].replace(" (deleted)", "")
            perms = line.split()[1]
            # Where a kernel seals the vDSO it stays; the vsyscall page is no mapping of its own.
            if name in ("[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue
            check(name.startswith("/memfd:") or not name, "mapped:", line)
            if name == "/memfd:carillon-control":
                check("w" not in perms, "it can write what the monitor trusts:", line)


def test_dies_with_its_monitor():
    for sig in (signal.SIGKILL, signal.SIGXCPU):
        with Running() as r:
            pid = r.domain
            r.p.send_signal(sig)
            r.p.wait()
            for _ in range(400):
                try:
                    if os.waitpid(pid, os.WNOHANG)[0] == pid:
                        break
                except ChildProcessError:
                    break
                time.sleep(0.005)
            check(not os.path.exists("/proc/%d" % pid), "it lives on")


def test_nothing_to_be_had():
    """No program that the monitor might become could get a capability again: the bounding set is empty."""
    with Running() as r:
        for status in statuses(r.p.pid):
            check(int(status["CapBnd"], 16) == 0 or os.getuid(), status["CapBnd"])


def test_memory_files_cannot_change_size():
    """The monitor maps them too, and would die of SIGBUS."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Running() as r:
        room = "/proc/%d/fd/" % r.domain
        for fd in os.listdir(room):
            try:
                f = os.open(room + fd, os.O_RDWR)
            except PermissionError:
                continue
            seals = libc.fcntl(f, 1034)  # F_GET_SEALS
            os.close(f)
            check(seals & 6 == 6, os.readlink(room + fd), "can shrink or grow:", seals)  # SHRINK, GROW


if __name__ == "__main__":
    sys.exit(main(globals()))
