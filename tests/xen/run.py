#!/usr/bin/env python3
"""The hypervisor half against real Xen: the same scenarios are replayed by `carillon replay` and run by
images/scenario as the control domain of Debian's Xen 4.17 in QEMU (no hardware virtualisation). Every
line's answer must be the same. Recorded scenarios of one domain, and random ones (generate.py).

usage: run.py XEN CARILLON IMAGE OUTDIR [--seeds N] [--lines N] [--first-seed N]"""
import argparse
import pathlib
import re
import subprocess
import sys
import time

from generate import generate

TOP = pathlib.Path(__file__).resolve().parents[2]
BOOT_SECONDS = 300  # never reached by a boot that works: seconds on an idle machine
# What takes another domain, another running vCPU or somebody at the console.
NOT_HERE = re.compile(r"^(v1|d[1-9]\d*)[:&]|^d0&|^join|env\.(domain|debug|set_virq)|^@env.*platform=linux|"
                      r"dom=[1-9]\b|slow=|is_up|op=up|nr_pirqs=", re.M)
STATUSES = ["closed", "unbound", "interdomain", "pirq", "virq", "ipi"]  # EVTCHNSTAT_*, from 0


def header_numbers(path, pattern):
    return {m[1]: int(m[2], 0) for m in re.finditer(pattern, pathlib.Path(TOP, path).read_text())}


ERRNOS = header_numbers("include/xen/errno.h", r"X\((\w+), (\d+)\)")
VIRQS = header_numbers("include/xen/xen.h", r"#define VIRQ_(\w+)\s+(\d+)")
DOMIDS = header_numbers("include/xen/xen.h", r"#define DOMID_(\w+)\s+\D*(0x[0-9a-fA-F]+)")


def plain(answer):
    """Names as the numbers that they are: the image prints only those."""
    words = []
    for word in answer.split():
        key, equals, value = word.partition("=")
        if value.startswith("-E"):
            value = str(-ERRNOS[value[1:]])
        elif key == "status" and value in STATUSES:
            value = str(STATUSES.index(value))
        elif key == "u.virq":
            value = str(VIRQS.get(value, value))
        elif key == "u.dom":
            value = str(DOMIDS.get(value, value))
        words.append(key + equals + value)
    return " ".join(words)


def replayed(carillon, script):
    out = subprocess.run([carillon, "replay", script], capture_output=True, text=True, check=False).stdout
    found = re.finditer(r"^[! ]\s*(\d+)  .* -> (.*?)(?:\s+#.*)?$", out, re.M)
    return {int(m[1]): plain(m[2]) for m in found}


def on_xen(xen, image, script, serial):
    """Boot it; the answers by line, or a word on what went wrong."""
    serial.unlink(missing_ok=True)
    command = ["qemu-system-x86_64", "-accel", "tcg", "-smp", "2", "-m", "1024", "-display", "none",
               "-no-reboot", "-serial", f"file:{serial}", "-kernel", xen,
               "-append", "console=com1 com1=115200,8n1 dom0_mem=64M dom0_max_vcpus=2 loglvl=none",
               "-initrd", f"{image} abi=2l,{script}"]
    with open(serial.with_suffix(".qemu"), "wb") as log, \
         subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as qemu:
        until = time.monotonic() + BOOT_SECONDS
        text = ""
        while time.monotonic() < until and qemu.poll() is None:
            time.sleep(0.2)
            text = serial.read_text(errors="replace") if serial.exists() else ""
            if re.search(r"^end\s*$|^\(XEN\) Panic|domain ends|halting machine", text, re.M):
                break
        over = qemu.poll()
        qemu.kill()
    if not re.search(r"^end\s*$", text, re.M):
        why = f"QEMU ended with status {over}" if over is not None else "no end of the scenario"
        return None, f"{why}: see {serial}"
    return {int(m[1]): m[2].strip() for m in re.finditer(r"^(\d+) (.*)$", text, re.M)}, None


def compare(name, script, mine, theirs):
    lines = script.read_text().splitlines()
    bad = [n for n in theirs if theirs[n] != "?" and mine.get(n) != theirs[n]]
    unknown = sum(answer == "?" for answer in theirs.values())
    for n in bad[:5]:
        print(f"  {script}:{n}: {lines[n - 1].split(' -> ')[0]}\n    Xen: {theirs[n]}\n    here: {mine.get(n)}")
    told = sum(" -> " in line and not line.startswith("#") for line in lines)
    if unknown or len(theirs) != told:
        print(f"  {script}: {len(theirs)} answers of {told}, {unknown} of them unknown")
        bad.append(0)
    print(f"{'FAIL' if bad else 'ok'} {name}: {len(theirs)} answers", flush=True)
    return not bad


def scenarios(args):
    for path in sorted(pathlib.Path(TOP, "tests/scenarios").glob("*.txt")):
        if not NOT_HERE.search(path.read_text()):
            yield path.stem, path
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        path = args.outdir / f"random-{seed}.txt"
        path.write_text(generate(seed, args.lines))
        yield path.stem, path


def main():
    parser = argparse.ArgumentParser()
    for name in ("xen", "carillon", "image"):
        parser.add_argument(name)
    parser.add_argument("outdir", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=3000)
    args = parser.parse_args()
    args.outdir.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    for name, script in scenarios(args):
        theirs, trouble = on_xen(args.xen, args.image, script, args.outdir / f"{name}.serial")
        if trouble:
            print(f"FAIL {name}: {trouble}", flush=True)
            failed += 1
        elif compare(name, script, replayed(args.carillon, script), theirs):
            passed += 1
        else:
            failed += 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
