"""What is measured from outside, of whole machines by `carillon run`: traps, events between domains, the start, a file,
memory, and what a hostile neighbour costs. Each alternates with what it is a ratio of."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import table
from table import BUILD, CARILLON, OUT, TOP, report, run, samples, times

MIB = 1 << 20
EVENTFD = "floor/eventfd-ping-pong"
ONE_WAY = "floor/eventfd-one-way"


def on_one_core(*argv):
    return run("taskset", "-c", str(min(os.sched_getaffinity(0))), *argv, cwd=TOP).stderr.decode()


def trap():
    """A hypercall's trap against a round trip of two processes on one core."""
    pings, traps = [], []
    for _ in range(times(7, 3)):
        pings.append(float(run(OUT / "pingpong", str(times(100000, 20000))).stdout))
        text = run(CARILLON, "run", "examples/traps.cfg", cwd=TOP).stderr.decode()
        traps.append(float(re.search(r"([0-9.]+) ns per hypercall", text).group(1)))
    report(EVENTFD, pings, "ns", "floor/locked-op", "two processes on one core, there and back")
    report("process/trap", traps, "ns", EVENTFD, "a hypercall's trap")


def latency():
    """From a send in one domain to the handler in another, on one core, against half of the eventfds' ping-pong; and
    how late a timer is, against what a thread's own sleep is late by."""
    notifies, late, wakes, sleeps = [], [], [], []
    for _ in range(times(5, 3)):
        wakes.append(float(run(OUT / "pingpong", str(times(50000, 10000))).stdout) / 2)
        sleeps.append(float(run(OUT / "guest", "sleep").stdout))
        text = on_one_core(CARILLON, "run", "examples/latency.cfg")
        notifies.append(float(re.search(r"(\d+) ns one way", text).group(1)))
        late.append(float(re.search(r"late by (\d+) ns", text).group(1)))
    report(ONE_WAY, wakes, "ns", "floor/locked-op", "two processes on one core")
    report("process/notify", notifies, "ns", ONE_WAY, "from domain to domain, one core",
           beside=[r["name"] for r in table.rows if re.fullmatch("peer/.*/one-way", r["name"])])
    report("floor/sleep-late", sleeps, "ns", None, "clock_nanosleep of 1 ms is late by")
    report("guest/timer-lateness", late, "ns", "floor/sleep-late", "a guest's timer of 1 ms is late by")


def boot():
    """exec to exit of a domain that prints a line and shuts down, against starting /bin/true."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        run("hyperfine", "-N", "--warmup", "5", "--runs", str(times(50, 10)), "--export-json", out.name,
            "/bin/true", f"{CARILLON} run examples/hello.cfg", cwd=TOP)
        true, hello = ([t * 1000 for t in r["times"]] for r in json.load(open(out.name))["results"])
    report("floor/bin-true", true, "ms", None, "start and end of /bin/true")
    report("process/boot", hello, "ms", "floor/bin-true", "boot, one line, shutdown")


def pipe():
    """64 MiB through the two domains, against two processes and two pipes that do the same to it, and against cat. As
    throughput: more is better."""
    ways = (("peer/pipe-64MiB", "{peer} <{data} | cat >/dev/null", None, "two processes, two pipes, rot13, crc32"),
            ("floor/cat", "cat {data} | cat | cat >/dev/null", "peer/pipe-64MiB", "by cat, two pipes"),
            ("process/pipe-64MiB", "{carillon} run examples/pipe.cfg <{data} | cat >/dev/null", "peer/pipe-64MiB",
             "through driver and worker"))
    took = {way[0]: [] for way in ways}
    with tempfile.NamedTemporaryFile(dir=BUILD) as data:
        with open("/dev/urandom", "rb") as random:
            data.write(random.read(64 * MIB))
        data.flush()
        for _ in range(times(5, 3)):
            for name, command, _, _ in ways:
                command = command.format(peer=OUT / "pipe-peer", carillon=CARILLON, data=data.name)
                start = time.monotonic()
                run("sh", "-c", command, cwd=TOP)
                took[name].append(time.monotonic() - start)
    for name, _, peer, what in ways:
        report(name, [64 / t for t in took[name]], "MiB/s", peer, what, better="more",
               beside=["floor/cat"] if name.startswith("process/") else ())


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
    report("floor/guest-memory", [16], "MiB", None, "one domain's own")
    report("process/memory", [one / 1024], "MiB", "floor/guest-memory", "monitor's own, one domain")
    report("process/memory-per-domain", [(nine - one) / 8 / 1024], "MiB", "floor/guest-memory",
           "each further domain, beyond the guest's own")


STORMS = ("send", "self", "bind", "garbage", "circle", "busy", "unmask")
HOSTILE = """{ name = "bad"; image = "storm"; cmdline = "mode=%s abi=2l"; },"""
PAIR = """
    on_crash = "continue";
    domains = ( %s
                { name = "ping"; image = "measure"; cmdline = "role=ping rounds=%d quantiles=%d"; },
                { name = "pong"; image = "measure"; cmdline = "role=pong rounds=%d"; } );
    shared_memory = ( { name = "pair"; pages = 1; domains = ( "ping", "pong" ); } );
    event_channels = ( { name = "pair"; domains = ( "ping", "pong" ); } %s );
    """
FLOOD = """, { name = "flood"; domains = ( "bad", "ping" ); }"""
QUANTILES = 500


def two_domains(hostile="", flood="", quantiles=1):
    rounds = times(20000, 4000)
    cfg = tempfile.NamedTemporaryFile("w", dir=TOP / "examples", suffix=".cfg")
    cfg.write(PAIR % (hostile, rounds, quantiles, rounds, flood))
    cfg.flush()
    return cfg


def notify_each():
    """Single events from domain to domain, for the histogram: half of there and back, one core."""
    with two_domains(quantiles=QUANTILES) as cfg:
        text = on_one_core(CARILLON, "run", cfg.name)
    one_way = [int(ns) / 2 for ns in re.findall(r"took (\d+) ns", text)]
    samples["process/notify-each"] = one_way
    report("process/notify-each", one_way, "ns", ONE_WAY, f"{len(one_way)} quantiles of single ones")


def beside(mode):
    """Two domains' round trips beside a third one: us per round by throughput, and p99."""
    with two_domains(HOSTILE % mode, FLOOD) as cfg:
        p = subprocess.Popen([CARILLON, "run", cfg.name], stderr=subprocess.PIPE, text=True)
        for line in p.stderr:
            m = re.search(r"p99 (\d+) ns; (\d+) rounds/s", line)
            if m:
                break
        p.send_signal(signal.SIGINT)
        p.communicate()
    return 1e6 / int(m.group(2)), int(m.group(1)) / 1000


def neighbours():
    """What a hostile domain costs two others, against a domain that only loops."""
    results = {mode: [] for mode in ("spin", *STORMS)}
    for _ in range(times(5, 3)):
        for mode, values in results.items():
            values.append(beside(mode))
    for i, (name, what) in enumerate((("round", "a round"), ("p99", "p99 of rounds"))):
        loop = f"floor/beside-spin-{name}"
        report(loop, [v[i] for v in results["spin"]], "us", None, f"{what} of two domains beside a loop")
        for mode in STORMS:
            report(f"hostile/{mode}-{name}", [v[i] for v in results[mode]], "us", loop,
                   f"{what} beside storm mode={mode}")
