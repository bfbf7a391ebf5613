#!/usr/bin/env python3
"""Every claim of the README about speed and size, measured: each as a ratio against something measured in
the same run, because the machines this runs on are shared. Prints a table and writes it to
build/bench/results.json; asserts nothing."""
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile
import time

from counts import ENGINE, GUEST, VERSUS, counts, need_engine

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
CARILLON = str(BUILD / "carillon")
MIB = 1 << 20

rows = []


def run(*argv, **kwargs):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def report(name, values, unit, peer=None, note="", what=None, instructions=None, **more):
    """A row of both: values are the runs', peer the name of the row that it is a ratio of."""
    median = statistics.median(values)
    ratio = median / next(r["median"] for r in rows if r["name"] == peer) if peer else None
    rows.append({"name": name, "unit": unit, "median": median, "min": min(values), "max": max(values),
                 "instructions": instructions, "peer": peer, "ratio": ratio, **more})
    print(f"{what or name:<52} {median:>10.1f} {unit:<4} {note.format(ratio=ratio)}".rstrip(), flush=True)


def figures(line):
    name, unit, median, least, most, *more = line.split()
    more = {key: float(value) for key, value in (word.split("=") for word in more)}
    return name, unit, [float(least), float(median), float(most)], more


def engine():
    """The hypervisor half alone, in one process: nanoseconds against a locked operation, and instructions."""
    counted = counts("engine/", "hypercall/", "loopback")
    for line in run(ENGINE, "time").stdout.decode().splitlines():
        name, unit, values, more = figures(line)
        peer = None if name.startswith("floor/") or unit != "ns" else "floor/locked-op"
        notes = ["{ratio:.1f} x floor/locked-op"] if peer else []
        notes.append(f"min {values[0]:.1f}, max {values[2]:.1f}")
        count = counted.get(name)
        if count:
            more |= {"instructions": count[0], "locked": count[1]}
            notes.append(f"{count[0]:.0f} instructions, {count[1]:.0f} locked")
        if "last_to_first_tenth" in more:
            notes.append(f"last tenth {more['last_to_first_tenth']:.2f} x the first")
        report(name, values, unit, peer, "; ".join(notes), **more)


# What each row of the guest half's, and of both halves together, is a ratio of: by the beginning of its name.
PEERS = {
    "guest/2l/dispatch": "floor/2l-event",
    "guest/fifo/d": "floor/fifo-event",
    "guest/fifo/drain-4096-of-131071": "guest/fifo/drain-64-of-128",
    "guest/call-function": "floor/ping-pong",
    "guest/call-all": "guest/call-function",
    "guest/timer-lateness-testbed": "floor/thread-sleep-late",
    "guest/2l/storm-p99": "floor/epoll-storm-p99",
    "versus/epoll-1": "floor/epoll-1",
    "versus/epoll-64-of-10000": "floor/epoll-64-of-10000",
    "versus/priority-p99": "guest/2l/storm-p99",
}


def peer_of(name):
    return PEERS.get(max((p for p in PEERS if name.startswith(p)), key=len, default=None))


def halves():
    """The guest half on a played hypervisor, and both halves together against epoll."""
    counted = counts("guest/")
    for program, args in ((GUEST, ["time"]), (VERSUS, [])):
        for line in run(program, *args).stdout.decode().splitlines():
            name, unit, values, more = figures(line)
            peer = peer_of(name)
            notes = [f"{{ratio:.3g}} x {peer}"] if peer else []
            notes.append(f"min {values[0]:.1f}, max {values[2]:.1f}")
            if name in counted:
                more |= {"instructions": counted[name][0], "locked": counted[name][1]}
                notes.append("{:.0f} instructions, {:.0f} locked".format(*counted[name]))
            notes += [f"{key} {value:.0f}" for key, value in more.items() if re.match("p[0-9]", key)]
            report(name, values, unit, peer, "; ".join(notes), **more)


def trap():
    """A hypercall's trap against a round trip of two processes on one core, alternating."""
    pings, traps = [], []
    for _ in range(7):
        pings.append(float(run(BUILD / "bench" / "pingpong", "100000").stdout))
        text = run(CARILLON, "run", "examples/traps.cfg", cwd=TOP).stderr.decode()
        traps.append(float(re.search(r"([0-9.]+) ns per hypercall", text).group(1)))
    report("floor/eventfd-ping-pong", pings, "ns", what="eventfd ping-pong, two processes on one core")
    report("process/trap", traps, "ns", "floor/eventfd-ping-pong", "{ratio:.2f} of the ping-pong",
           "hypercall trap, process backend")


def latency():
    """From a send in one domain to the handler in another, on one core, against half of the eventfds' ping-pong; and
    how late a timer is, against what a thread's own sleep is late by. Alternating."""
    notifies, late, wakes, sleeps = [], [], [], []
    core = min(os.sched_getaffinity(0))
    for _ in range(5):
        wakes.append(float(run(BUILD / "bench" / "pingpong", "50000").stdout) / 2)
        sleeps.append(float(run(BUILD / "bench" / "guest", "sleep").stdout))
        text = run("taskset", "-c", str(core), CARILLON, "run", "examples/latency.cfg", cwd=TOP).stderr.decode()
        notifies.append(float(re.search(r"(\d+) ns one way", text).group(1)))
        late.append(float(re.search(r"late by (\d+) ns", text).group(1)))
    report("floor/eventfd-one-way", wakes, "ns", what="eventfd, one way, two processes on one core")
    report("process/notify", notifies, "ns", "floor/eventfd-one-way", "{ratio:.2f} of it",
           "event from domain to domain, one core")
    report("floor/sleep-late", sleeps, "ns", what="clock_nanosleep of 1 ms, late by")
    report("guest/timer-lateness", late, "ns", "floor/sleep-late", "{ratio:.2f} of it",
           "guest's timer of 1 ms, process backend, late by")


def boot():
    """exec to exit of a domain that prints a line and shuts down, against starting /bin/true."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        run("hyperfine", "-N", "--warmup", "5", "--runs", "50", "--export-json", out.name,
            "/bin/true", f"{CARILLON} run examples/hello.cfg", cwd=TOP)
        true, hello = ([t * 1000 for t in r["times"]] for r in json.load(open(out.name))["results"])
    report("floor/bin-true", true, "ms", what="start and end of /bin/true")
    report("process/boot", hello, "ms", "floor/bin-true",
           f"{{ratio:.0f}} x /bin/true; min {min(hello):.1f}, max {max(hello):.1f}", "boot, one line, shutdown")


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
                times.append((time.monotonic() - start) * 1000)
    report("floor/cat", cats, "ms", what="64 MiB by cat, two pipes")
    report("process/pipe-64MiB", domains, "ms", "floor/cat", "{ratio:.1f} x cat", "64 MiB through driver and worker")


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
    report("process/memory", [one / 1024], "MiB", what="monitor's own memory, one 16 MiB domain")
    report("process/memory-per-domain", [(nine - one) / 8 / 1024], "MiB",
           note="beyond the guest's own memory", what="  each further domain")


STORMS = ("send", "self", "bind", "garbage", "circle", "busy", "unmask")
PAIR = """
    on_crash = "continue";
    domains = ( { name = "bad"; image = "storm"; cmdline = "mode=%s abi=2l"; },
                { name = "ping"; image = "measure"; cmdline = "role=ping rounds=20000"; },
                { name = "pong"; image = "measure"; cmdline = "role=pong rounds=20000"; } );
    shared_memory = ( { name = "pair"; pages = 1; domains = ( "ping", "pong" ); } );
    event_channels = ( { name = "pair"; domains = ( "ping", "pong" ); },
                       { name = "flood"; domains = ( "bad", "ping" ); } );
    """


def beside(mode):
    """Two domains' round trips beside a third one: us per round by throughput, and p99."""
    with tempfile.NamedTemporaryFile("w", dir=TOP / "examples", suffix=".cfg") as cfg:
        cfg.write(PAIR % mode)
        cfg.flush()
        p = subprocess.Popen([CARILLON, "run", cfg.name], stderr=subprocess.PIPE, text=True)
        for line in p.stderr:
            m = re.search(r"p99 (\d+) ns; (\d+) rounds/s", line)
            if m:
                break
        p.send_signal(signal.SIGINT)
        p.communicate()
    return 1e6 / int(m.group(2)), int(m.group(1)) / 1000


def neighbours():
    """What a hostile domain costs two others, against a domain that only loops, alternating."""
    results = {mode: [] for mode in ("spin", *STORMS)}
    for _ in range(5):
        for mode, values in results.items():
            values.append(beside(mode))
    for i, (name, what) in enumerate((("round", "a round"), ("p99", "p99 of rounds"))):
        report(f"floor/beside-spin-{name}", [v[i] for v in results["spin"]], "us",
               what=f"{what} of two domains beside a loop")
        for mode in STORMS:
            report(f"hostile/{mode}-{name}", [v[i] for v in results[mode]], "us", f"floor/beside-spin-{name}",
                   "{ratio:.2f} x beside the loop", f"  {what} beside storm mode={mode}")


need_engine()
for measure in (engine, halves, trap, latency, boot, pipe, memory, neighbours):
    measure()
(BUILD / "bench" / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
