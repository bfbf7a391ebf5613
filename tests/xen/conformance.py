# SPDX-License-Identifier: MIT
"""images/conformance as the control domain's kernel on real Xen: every check passes, or is skipped for a
reason that docs/conformance.md gives for Xen. The very file that is booted is then run by
`carillon run`, and has the same list of checks there. run.py calls this."""
import hashlib
import re
import subprocess
import sys

from xen import TOP, boot, version

sys.path.insert(0, str(TOP / "tests/vmm"))
import tap

BOOT_SECONDS = 300  # as run.py's
RUN_SECONDS = 300
LOAD_SECONDS = 5
BOOTS = [(vcpus, abi) for vcpus in (4, 2, 1) for abi in ("fifo", "2l")]
ONE_CPU = "one vCPU only"
OTHER_ABI = {"fifo": "the FIFO ABI is in use (abi=fifo)", "2l": "the 2-level ABI is in use (abi=2l)"}


class Failed(Exception):
    """In what, in some lines."""


def checksum(image):
    return hashlib.sha256(image.read_bytes()).hexdigest()


def judged(text, where):
    """The results, none of which failed."""
    lines = text.splitlines()
    if "TAP version 13" not in lines:
        raise Failed(f"{where}: no TAP")
    try:
        results = tap.results(lines[lines.index("TAP version 13"):])
    except tap.Wrong as wrong:
        raise Failed(f"{where}: {wrong}") from None
    failed = [f"  {name}: {words}" for name, passed, words in results if not passed]
    if failed or not results:
        raise Failed("\n".join([*failed[:10], f"{where}: {len(failed)} of {len(results)} failed"]))
    return results


def ours_of(text):
    """The console without what Xen says between our lines."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("(XEN) "))


def on_xen(args, name, vcpus, words):
    """(results, the console)."""
    log = args.outdir / f"{name}.log"
    # As many processors of the machine as vCPUs: CPUs that talk to each other run at the same time.
    _, text, trouble = boot(args.conformance, words, log, BOOT_SECONDS,
                            ["--vcpus", str(vcpus), "--cpus", str(vcpus)])
    # What failed is told before how it ended.
    ours = ours_of(text)
    if trouble and "\nnot ok " not in ours:
        raise Failed(trouble)
    results = judged(ours, f"on Xen (see {log})")
    if trouble:
        raise Failed(trouble)
    return results, text


def in_a_process(args, vcpus, words):
    command = [args.carillon, "run", "--set", f"domains.[0].image={args.conformance.resolve()}",
               "--set", f"domains.[0].vcpus={vcpus}", "--set", f"domains.[0].cmdline={' '.join(words)}",
               TOP / "examples/conformance.cfg"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=RUN_SECONDS)
    prefix = "conformance: "
    lines = [line[len(prefix):] for line in done.stderr.splitlines() if line.startswith(prefix)]
    results = judged("\n".join(lines), "carillon run")
    if done.returncode:
        raise Failed(f"carillon run: status {done.returncode}")
    return results


def why_skipped(results, vcpus, abi):
    allowed = tap.documented("Xen") - {other for key, other in OTHER_ABI.items() if key != abi}
    if vcpus > 1:
        allowed -= {ONE_CPU}
    why = tap.skips(results)
    unknown = [f"  {name}: skipped: {reason}" for reason in why if reason not in allowed for name in why[reason]]
    if unknown:
        raise Failed("\n".join([*unknown[:10], "docs/conformance.md does not let Xen skip that"]))
    return sum(len(names) for names in why.values())


def checks(args, vcpus, abi):
    words = [f"abi={abi}"]
    before = checksum(args.conformance)
    results, text = on_xen(args, f"conformance-{vcpus}-{abi}", vcpus, words)
    skipped = why_skipped(results, vcpus, abi)
    mine = in_a_process(args, vcpus, words)
    if [r[0] for r in mine] != [r[0] for r in results]:
        raise Failed("the list of checks is not the one of carillon run")
    if checksum(args.conformance) != before:
        raise Failed(f"{args.conformance} is another file now: it was built meanwhile")
    return (f"{len(results)} checks on Xen {version(text)}, {skipped} of them skipped; "
            f"carillon run: the same file (sha256 {before[:16]}), the same list")


def load(args):
    words = [f"load={LOAD_SECONDS}"]
    results, text = on_xen(args, "conformance-load", 2, words)
    sums = re.findall(r"^# (\w+: \d+ sent = \d+ handled \+ \d+ coalesced)", text, re.M)
    return f"{len(results)} sums agree; {'; '.join(sums)}"


def run(name, work, *arguments):
    try:
        return True, f"ok {name}: {work(*arguments)}"
    except (Failed, subprocess.TimeoutExpired) as failed:
        return False, f"{failed}\nFAIL {name}"


def jobs(args):
    """(name, arguments of run) of each."""
    for vcpus, abi in BOOTS:
        yield f"conformance-{vcpus}-{abi}", (checks, args, vcpus, abi)
    yield "conformance-load", (load, args)
