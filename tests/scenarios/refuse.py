#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What carillon replay must not let pass: wrong expectations (exit 1, the line marked, what was
expected below it), files that cannot be parsed (exit 2, one line with file:line, nothing run),
scenarios that it cannot run (named; exit 0, or 1 with --all), and usage.

usage: refuse.py CARILLON
"""

import os
import re
import subprocess
import sys
import tempfile

ENV = "@env platform=bare\n"

# name, lines after @env, what the marked line and the one below must match
WRONG = [
    ("rc", "close port=1 -> rc=0", r"close port=1 -> rc=-EINVAL", r"rc=0 .*rc is -EINVAL"),
    ("errno", "close port=1 -> rc=-ESRCH", r"-> rc=-EINVAL", r"-> rc=-ESRCH"),
    ("port", "bind_ipi vcpu=0 -> rc=0 port=2", r"-> rc=0 port=1", r"rc=0 port=2"),
    ("missing", "bind_ipi vcpu=0 -> rc=0", r"rc=0 port=1", r"port is not expected"),
    ("too-much", "close port=1 -> rc=-EINVAL port=1", r"rc=-EINVAL$", r"port is missing"),
    ("name", "bind_ipi vcpu=0 -> rc=0 port=$a\nbind_ipi vcpu=0 -> rc=0 port=$a", r"port=2",
     r"port is 2, \$a is 1"),
    ("sum", "bind_ipi vcpu=0 -> rc=0 port=$a\nbind_ipi vcpu=0 -> rc=0 port=$a+2", r"port=2",
     r"port is 2, \$a\+2 is 3"),
    ("word", "status dom=SELF port=1 -> rc=0 status=unbound vcpu=0", r"status=closed", r"status=unbound"),
    ("symbol", "alloc_unbound dom=SELF remote_dom=IO -> rc=0 port=1\n"
     "status dom=SELF port=1 -> rc=0 status=unbound vcpu=0 u.dom=XEN", r"u\.dom=IO", r"u\.dom=XEN"),
    ("bare-word", "mem.set port=1 masked=1 -> empty", r"-> ok", r"-> empty"),
    ("bits", "mem.port port=1 -> pending=1 masked=0", r"pending=0 masked=0", r"pending is 0"),
    ("end", "bind_ipi vcpu=0 -> rc=0 port=1\npoll ports=1 timeout_ms=100 -> rc=0 end=woken",
     r"end=timeout", r"end is timeout"),
    ("count", "repeat=3 bind_ipi vcpu=0 -> count=4 first=1 last=3 rc=0", r"count=3", r"count=4"),
    ("modified", "close port=1 -> rc=-EINVAL in=modified", r"rc=-EINVAL$", r"in is missing"),
    ("no-domain", "d1: send port=1 -> rc=0", r"-> not-run", r"no domain 1"),
    ("not-started", "env.domain_create id=1 -> rc=0\nd1: send port=1 -> rc=-EINVAL", r"-> not-run",
     r"not started"),
    ("no-vcpu", "v7: send port=1 -> rc=-EINVAL", r"-> not-run", r"has 2 vCPUs"),
    ("no-poll", "join -> rc=0 end=woken", r"-> not-run", r"no poll"),
    ("polls", "d0& poll ports=none -> started\nsend port=1 -> rc=-EINVAL", r"-> not-run", r"does not run"),
    ("paused", "env.domain_start id=1 -> rc=0\nenv.domain_pause id=1 -> rc=0\n"
     "d1: send port=1 -> rc=-EINVAL", r"-> not-run", r"does not run"),
    ("no-value", "close port=1 -> rc=0 port=$a\nclose port=$a -> rc=0", r"-> not-run", r"\$a has no value"),
    ("no-priority", "init_control control_gfn=page:a -> rc=0 link_bits=17\nmem.pop prio=16 -> empty",
     r"-> not-run|no-block", r"0 to 15|empty is missing"),
]

# name, the whole file, what the one line on stderr must match after "carillon: replay: FILE"
BROKEN = [
    ("no-result", ENV + "close port=1\n", r":2: no result; write"),
    ("empty-result", ENV + "close port=1 -> \n", r':2: nothing after "->"'),
    ("no-op", ENV + "-> rc=0\n", r":2: no operation; write"),
    ("op", ENV + "# x\nopen port=1 -> rc=0\n", r':3: there is no operation "open"; FORMAT.md'),
    ("field", ENV + "close prot=1 -> rc=0\n", r':2: close has no field "prot"; it takes: port'),
    ("no-equals", ENV + "close 1 -> rc=0\n", r':2: "1": write FIELD=VALUE'),
    ("twice", ENV + "close port=1 port=2 -> rc=0\n", r':2: "port" is given twice'),
    ("number", ENV + "close port=1x -> rc=0\n", r':2: "1x" is no value; write'),
    ("big", ENV + "close port=0x10000000000000000 -> rc=0\n", r":2: .* is no value"),
    ("empty", ENV + "close port= -> rc=0\n", r':2: "" is no value'),
    ("list", ENV + "poll ports=1,,2 -> rc=0\n", r':2: "" is no value'),
    ("unbound", ENV + "close port=$a -> rc=0\n", r":2: \$a has no value yet; a result above"),
    ("unbound-sum", ENV + "bind_ipi vcpu=0 -> rc=0 port=$a+1\n", r":2: \$a has no value yet"),
    ("name", ENV + "bind_ipi vcpu=0 -> rc=0 port=$a.b\n", r':2: "\$a.b" is no name; letters'),
    ("sum", ENV + "bind_ipi vcpu=0 -> rc=0 port=$a\nclose port=$a+b -> rc=0\n", r":3: .*write \$NAME"),
    ("page", ENV + "expand_array array_gfn=page: -> rc=0\n", r":2: page: has no name"),
    ("place", ENV + "close port=1 arg=NOWHERE -> rc=0\n", r':2: "NOWHERE" is not known here; NULL'),
    ("entry", ENV + "close port=1 via=old -> rc=0\n", r':2: "old" is not known here'),
    ("errno", ENV + "close port=1 -> rc=-EWHAT\n", r':2: "-EWHAT" is no error; write'),
    ("caller", ENV + "x1: close port=1 -> rc=0\n", r':2: "x1" is no caller; write d0'),
    ("background", ENV + "v1& close port=1 -> rc=0\n", r":2: close does not wait"),
    ("repeat", ENV + "repeat=0 close port=1 -> rc=0\n", r":2: repeat=0: a number from 1"),
    ("env-twice", ENV + ENV, r":2: a second @env"),
    ("env-late", "close port=1 -> rc=-EINVAL\n" + ENV, r":2: @env after the first action"),
    ("env-word", "@env bare\n", r':1: "bare": write @env KEY=VALUE'),
    ("env-vcpus", "@env platform=bare vcpus=999\n", r":1: vcpus=999: 1 to 128"),
    ("env-bits", "@env platform=bare bits=16\n", r":1: bits=16: 32 and 64 are"),
    ("platform", "@env platform=hvm\n", r":1: platform=hvm is not known; bare"),
    ("at", "@end\n", r":1: only @env begins with @"),
    ("linux-op", ENV + "lx.read -> none\n", r":2: lx.read is Linux's; it needs @env platform=linux"),
    ("key", ENV + "env.debug_key key=qq -> rc=0\n", r":2: key=qq: write one letter"),
    ("binary", ENV + "close port=1\0 -> rc=0\n", r":2: a zero byte"),
    ("linux-broken", "@env platform=linux\nlx.raed -> none\n", r':2: there is no operation "lx.raed"'),
]

failed = []


def check(name, condition, run):
    if not condition:
        failed.append(name)
        print("FAIL %s: exit %d\n%s%s" % (name, run.returncode, run.stdout, run.stderr))


def replay(*args):
    return subprocess.run([sys.argv[1], "replay", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)


def wrong(path, name, lines, marked, below):
    with open(path, "w", encoding="ascii") as f:
        f.write(ENV + lines + "\n")
    for args in (), ("-q",):
        run = replay(*args, path)
        out = run.stdout.splitlines()
        at = [i for i, line in enumerate(out) if line.startswith("!")]
        # The last is the one that is meant: earlier ones may differ for its sake
        good = (run.returncode == 1 and not run.stderr and at and re.search(marked, out[at[-1]])
                and re.search("expected -> .*" + below + "|" + below, out[at[-1] + 1]))
        check("wrong-" + name, good, run)


def broken(path, name, text, message):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    run = replay("-q", path)
    good = (run.returncode == 2 and run.stdout == "" and run.stderr.count("\n") == 1
            and re.match("carillon: replay: " + re.escape(path) + message, run.stderr))
    check("broken-" + name, good, run)


def others(path):
    def write(name, text):
        with open(os.path.join(path, name), "w", encoding="ascii") as f:
            f.write(text)
        return os.path.join(path, name)

    good = write("good", ENV + "bind_ipi vcpu=0 -> rc=0 port=1\n")
    bad = write("bad", ENV + "bind_ipi vcpu=0 -> rc=0 port=2\n")
    torn = write("torn", "bind_ipi\n")
    linux = write("linux", "@env platform=linuxfifo\nlx.read -> none\n")
    for args, status, out, err in [
            ((good,), 0, r"good: 1 lines agree, 0 differ", r"^$"),
            ((good, good), 0, r"2 scenarios: 2 lines agree, 0 differ; 0 scenarios not run", r"^$"),
            ((good, bad), 1, r"2 scenarios: 1 lines agree, 1 differ", r"^$"),
            ((good, torn, bad), 2, r"1 broken", r"torn:1: "),
            ((linux,), 0, r"^$", r"linux: not run: platform=linux needs"),
            ((linux, good), 0, r"1 scenarios not run", r"linux: not run"),
            ((linux, bad), 1, r"1 scenarios not run", r"linux: not run"),
            (("--all", linux, good), 1, r"1 scenarios not run", r"linux: not run"),
            ((path + "/none",), 2, r"^$", r"none: No such file"),
            ((path,), 2, r"^$", r"Is a directory"),
            ((), 2, r"^$", r"no file; try"),
            (("--fast", good), 2, r"^$", r'"--fast" is not known; try'),
            (("--help",), 0, r"usage: carillon replay", r"^$"),
    ]:
        run = replay("-q", *args)
        check("other-" + " ".join(os.path.basename(a) for a in args),
              run.returncode == status and re.search(out, run.stdout) and re.search(err, run.stderr), run)
    # All lines are shown, comments too, and a full disk is no success.
    run = replay(good)
    check("shown", "     1  @env platform=bare" in run.stdout
          and "     2  bind_ipi vcpu=0 -> rc=0 port=1" in run.stdout, run)
    with open("/dev/full", "w", encoding="ascii") as full:
        run = subprocess.run([sys.argv[1], "replay", good], stdout=full, stderr=subprocess.PIPE, text=True,
                             check=False)
    check("full-disk", run.returncode == 1 and "cannot be written" in run.stderr, run)


def main():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "scenario.txt")
        for case in WRONG:
            wrong(path, *case)
        for case in BROKEN:
            broken(path, *case)
        others(directory)
    print("%d failed" % len(failed))
    return bool(failed)


sys.exit(main())
