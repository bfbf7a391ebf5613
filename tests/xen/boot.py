#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/xen-qemu when something is in the way: one line that says what and, if there is one, names the log;
the exit status that it promises; no hang. A played QEMU says what Xen would; there is no network here.

usage: boot.py XEN_QEMU"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

TOOL = os.path.abspath(sys.argv[1])
XEN = "(XEN) "

# name, what the played QEMU does after it has checked its arguments, exit status, stderr
ENDS = [
    ("poweroff", f"echo hello; echo '{XEN}Hardware Dom0 halted: halting machine'; exec sleep 1000", 0, ""),
    # with the serial port's line ends, alone in a write
    ("line-ends", f"printf 'a'; sleep 0.3; printf '\\r'; sleep 0.3; printf '\\n{XEN}Hardware Dom0 halted: x\\r\\n'; exec sleep 1000",
     0, ""),
    ("crash", f"echo '{XEN}Hardware Dom0 crashed: noreboot set - not rebooting.'; exec sleep 1000", 1,
     r"xen-qemu: the kernel crashed: see \S*log\n"),
    ("reboot", f"echo '{XEN}Hardware Dom0 shutdown: rebooting machine'; exec sleep 1000", 1,
     r"xen-qemu: the kernel asked for a reboot: see \S*log\n"),
    ("refused", f"echo '{XEN}Panic on CPU 0:'; echo '{XEN}Could not construct domain 0'; exec sleep 1000", 3,
     r"xen-qemu: Xen stopped: Could not construct domain 0: see \S*log\n"),
    ("panic", f"echo '{XEN}Panic on CPU 0:'; echo '{XEN}FATAL TRAP: vector = 6'; exec sleep 1000", 3,
     r"xen-qemu: Xen stopped: FATAL TRAP: vector = 6: see \S*log\n"),
    ("timeout", "echo hello; exec sleep 1000", 4, r"xen-qemu: no end after 2 seconds: see \S*log\n"),
    ("talks", "while :; do echo hello; sleep 0.1; done", 4, r"xen-qemu: no end after 2 seconds: see \S*log\n"),
    ("qemu-fails", "echo no such machine >&2; exit 7", 3, r"xen-qemu: QEMU ended with status 7: see \S*log\n"),
    ("silent", "exec >/dev/null 2>&1; exec sleep 1000", 3, r"xen-qemu: QEMU closed its output: see \S*log\n"),
]


def main():
    failures = []

    def expect(name, args, status, pattern, environment=None):
        began = time.monotonic()
        run = subprocess.run([TOOL, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                             check=False, env=environment)
        if run.returncode != status or not re.fullmatch(pattern, run.stderr):
            failures.append(f"{name}: status {run.returncode}, not {status}; {run.stderr!r} after "
                            f"{time.monotonic() - began:.1f} s")
        return run

    with tempfile.TemporaryDirectory() as directory:
        tmp = pathlib.Path(directory)
        image, log = tmp / "image", tmp / "the.log"
        image.touch()
        common = ["--xen", str(image), "--log", str(log), "--timeout", "2"]
        for name, script, status, pattern in ENDS:
            qemu = tmp / f"qemu-{name}"
            qemu.write_text(f"#!/bin/sh\necho \"$*\"\n{script}\n")
            qemu.chmod(0o755)
            run = expect(name, [*common, "--qemu", str(qemu), "--module", str(image), str(image), "a=1,b", "c"],
                         status, pattern)
            if name == "poweroff":
                # The arguments, commas doubled; the console on stdout and in the log.
                for text in (run.stdout, log.read_text()):
                    if f"-initrd {image} a=1,,b c,{image}" not in text or "hello\n" not in text:
                        failures.append(f"{name}: arguments or console are not in {text!r}")
        expect("no-image", [*common, str(tmp / "absent")], 3, r"xen-qemu: \S*absent: no such image\n")
        expect("no-module", [*common, "--module", str(tmp / "absent"), str(image)], 3,
               r"xen-qemu: \S*absent: no such module\n")
        expect("no-xen", ["--qemu", "true", "--xen", str(tmp / "absent"), str(image)], 3,
               r"xen-qemu: \S*absent: no such Xen\n")
        expect("no-qemu", [*common, "--qemu", "no-such-qemu", str(image)], 3,
               r"xen-qemu: there is no no-such-qemu: Debian has it in qemu-system-x86\n")
        expect("no-log", ["--xen", str(image), "--log", str(image / "log"), "--qemu", "true", str(image)], 3,
               r"xen-qemu: \S+: (Not a directory|File exists)\n")
        expect("usage", ["--vcpus", "0", str(image)], 2, r"(?s)usage: .*error: .*")
        expect("nothing", [], 2, r"(?s)usage: .*error: .*")
    print("\n".join(failures) or f"{len(ENDS) + 7} cases")
    sys.exit(1 if failures else 0)


main()
