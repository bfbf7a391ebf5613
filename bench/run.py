#!/usr/bin/env python3
"""Every claim of the README about speed and size, measured: each as a ratio against something measured in
the same run, because the machines this runs on are shared. Prints a table; asserts nothing."""
import json
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
CARILLON = str(BUILD / "carillon")
MIB = 1 << 20


def run(*argv, **kwargs):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def report(what, value, unit, ratio=""):
    print(f"{what:<52} {value:>10.1f} {unit:<4} {ratio}", flush=True)


def trap():
    """A hypercall's trap against a round trip of two processes on one core, alternating."""
    pings, traps = [], []
    for _ in range(7):
        pings.append(float(run(BUILD / "bench" / "pingpong", "100000").stdout))
        text = run(CARILLON, "run", "examples/traps.cfg", cwd=TOP).stderr.decode()
        traps.append(float(re.search(r"([0-9.]+) ns per hypercall", text).group(1)))
    ping, cost = statistics.median(pings), statistics.median(traps)
    report("eventfd ping-pong, two processes on one core", ping, "ns")
    report("hypercall trap, process backend", cost, "ns", f"{cost / ping:.2f} of the ping-pong")


def boot():
    """exec to exit of a domain that prints a line and shuts down, against starting /bin/true."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        run("hyperfine", "-N", "--warmup", "5", "--runs", "50", "--export-json", out.name,
            "/bin/true", f"{CARILLON} run examples/hello.cfg", cwd=TOP)
        true, hello = json.load(open(out.name))["results"]
    report("start and end of /bin/true", true["median"] * 1000, "ms")
    report("boot, one line, shutdown", hello["median"] * 1000, "ms",
           f"{hello['median'] / true['median']:.0f} x /bin/true; min {hello['min'] * 1000:.1f}, "
           f"max {hello['max'] * 1000:.1f}")


def pipe():
    """64 MiB through the two domains against cat through two pipes and two processes."""
    with tempfile.NamedTemporaryFile(dir=BUILD) as data:
        with open("/dev/urandom", "rb") as random:
            data.write(random.read(64 * MIB))
        data.flush()
        cats, domains = [], []
        for _ in range(5):
            for times, command in ((cats, f"cat {data.name} | cat | cat >/dev/null"),
                                   (domains, f"{CARILLON} run examples/pipe.cfg <{data.name} | cat >/dev/null")):
                start = time.monotonic()
                run("sh", "-c", command, cwd=TOP)
                times.append(time.monotonic() - start)
    cat, domain = statistics.median(cats), statistics.median(domains)
    report("64 MiB by cat, two pipes", cat * 1000, "ms")
    report("64 MiB through driver and worker", domain * 1000, "ms", f"{domain / cat:.1f} x cat")


def own_memory(domains):
    """Memory of the monitor's own (not the guests') with that many idle 16 MiB domains, in KiB."""
    names = [f"d{i}" for i in range(domains)]
    with tempfile.NamedTemporaryFile("w", dir=TOP / "examples", suffix=".cfg") as cfg:
        cfg.write("domains = (" + ", ".join(
            f'{{ name = "{n}"; image = "misbehave"; memory = 16; vcpus = 1; cmdline = "mode=deadlock"; }}'
            for n in names) + ");\n")
        cfg.flush()
        p = subprocess.Popen([CARILLON, "run", cfg.name], stderr=subprocess.DEVNULL)
        time.sleep(1)
        status = pathlib.Path(f"/proc/{p.pid}/status").read_text()
        p.send_signal(signal.SIGINT)
        p.wait()
    value = {k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+) kB", status, re.M)}
    return value["RssAnon"] + value["VmPTE"]


def memory():
    one, nine = own_memory(1), own_memory(9)
    report("monitor's own memory, one 16 MiB domain", one / 1024, "MiB")
    report("  each further domain", (nine - one) / 8 / 1024, "MiB", "beyond the guest's own memory")


for measure in (trap, boot, pipe, memory):
    measure()
