# SPDX-License-Identifier: MIT
"""A boot of an image on real Xen by tools/xen-qemu, for whoever reads what it printed. What the image
is, and what its words mean, is not here."""
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]


def boot(image, words, log, seconds, options):
    """Boot it; (status, console, trouble): the status is xen-qemu's, trouble is its last line or None."""
    command = [TOP / "tools/xen-qemu", "--quiet", "--log", log, "--timeout", str(seconds), *options, image, *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    trouble = (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1] if done.returncode else None
    text = log.read_text(errors="replace") if log.is_file() else ""
    return done.returncode, text, trouble


def version(text):
    found = re.search(r"^\(XEN\) Xen version (\S+) \((.*?)\)", text, re.M)
    return f"{found[1]} ({found[2]})" if found else "?"
