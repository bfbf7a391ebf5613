"""What is measured inside one process: the engine beside the conventional design, the guest half, both halves against
epoll. The programs are build/bench/engine, guest, versus."""
import re

from counts import ENGINE, ENTRIES, GUEST, VERSUS, counts
import table
from table import measured, report

# What a row is a ratio of, by the longest beginning of its name that is here.
PEERS = {
    "engine/": "floor/locked-op",
    "hypercall/": "floor/locked-op",
    "baseline/": "floor/locked-op",
    "floor/2l-send": "floor/locked-op",
    "floor/fifo-send": "floor/locked-op",
    "engine/2l/round-trip": "floor/cache-line-round-trip",
    "engine/fifo/round-trip": "floor/cache-line-round-trip",
    "engine/bytes-per-port": "baseline/bytes-per-port",
    "baseline/bytes-per-port": "",
    "engine/2l/send-each": "floor/timestamp-each",
    "engine/fifo/send-each": "floor/timestamp-each",
    "guest/2l/dispatch": "floor/2l-event",
    "guest/fifo/dispatch": "floor/fifo-event-of-131071",
    "guest/fifo/drain-64-of-128": "floor/fifo-event",
    "guest/2l/dispatch-each": "floor/timestamp-each",
    "guest/fifo/dispatch-each": "floor/timestamp-each",
    "guest/fifo/drain-4096-of-131071": "guest/fifo/drain-64-of-128",
    "guest/call-function": "floor/ping-pong",
    "guest/call-all": "guest/call-function",
    "guest/timer-lateness-testbed": "floor/thread-sleep-late",
    "guest/2l/storm-p99": "floor/epoll-storm-p99",
    "versus/epoll-1": "floor/epoll-1",
    "versus/epoll-64-of-10000": "floor/epoll-64-of-10000",
    "versus/priority-p99": "guest/2l/storm-p99",
}
# Sends are a ratio of the bare ABI's, too, and an event from end to end of what Linux has for it.
BESIDE = {
    "engine/2l/send": ["floor/2l-send"],
    "engine/fifo/send": ["floor/fifo-send"],
    "hypercall/2l/send": ["floor/2l-send"],
    "hypercall/fifo/send": ["floor/fifo-send"],
    "versus/epoll-1": ["floor/fifo-send-and-event",
                       *(f"peer/{p}/send-take" for p in ("eventfd-epoll", "pipe", "seqpacket", "rt-signal"))],
    "versus/priority-p99": ["floor/epoll-storm-p99"],
}
TWO_CORES = "floor/cache-line-round-trip"


def peer_of(name):
    return PEERS.get(max((p for p in PEERS if name.startswith(p)), key=len, default=None)) or None


def rates(name, values, more, **kwargs):
    """Of two senders: how many millions a second in all."""
    note = f"{values[1]:.1f} ns a send; one alone {more['alone']:.1f}"
    report(name, [1000 / v for v in values], "M/s", TWO_CORES, note, better="more", **kwargs, **more)


def one_row(name, unit, values, more, counted):
    kwargs = {"baseline": re.sub("^engine/", "baseline/", name) if name.startswith("engine/") else None,
              "beside": BESIDE.get(name, ()), "count": counted.get(name)}
    if "two-senders" in name:
        rates(name, values, more, **kwargs)
        return
    notes = []
    if "last_to_first_tenth" in more:
        notes.append(f"last tenth {more['last_to_first_tenth']:.2f} x the first")
    notes += [f"{key} {value:.0f}" for key, value in more.items() if re.match("p[0-9]", key)]
    report(name, values, unit, peer_of(name), "; ".join(notes), **kwargs, **more)


def in_order(line):
    """What others are ratios of comes first."""
    name = line[0]
    return 0 if name.startswith("floor/") else 1 if name.startswith("baseline/") else 2


def engine():
    """The hypervisor half alone: nanoseconds against a locked operation and the conventional design; instructions."""
    counted = counts(*(group for group in ENTRIES if group not in ("guest/", "versus/")))
    for line in sorted(measured(ENGINE, "time"), key=in_order):
        one_row(*line, counted)


def halves():
    """The guest half on a played hypervisor."""
    counted = {} if table.quick else counts("guest/")  # with all the ports, that takes a minute
    for line in measured(GUEST, "time"):
        one_row(*line, counted)


def peers():
    """What Linux has for telling somebody something."""
    for name, unit, values, more in measured(ENGINE.with_name("peers")):
        report(name, values, unit, "floor/locked-op", **more)


def versus():
    """Both halves together against epoll."""
    counted = counts("versus/")
    for line in measured(VERSUS, "time"):
        one_row(*line, counted)
