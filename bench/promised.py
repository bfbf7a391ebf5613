"""What a run must have left in build/bench/: the rows that were promised, each with its figures, and plots that are
well formed. Figures themselves are not judged."""
import json
import math
import xml.etree.ElementTree as xml

from plots import HISTOGRAMS
from table import OUT

ROWS = """
    engine/2l/send engine/2l/send-pending engine/2l/send-masked
    engine/fifo/send engine/fifo/send-pending engine/fifo/send-masked
    engine/fifo/burst-4096-send engine/fifo/burst-4096-drain
    hypercall/2l/send hypercall/fifo/send
    engine/fifo/allocate-131071 engine/bytes-per-port engine/2l/loopback-pair engine/fifo/loopback-pair
    guest/2l/dispatch guest/fifo/dispatch guest/fifo/drain-4096-of-131071
    process/trap process/notify process/pipe-64MiB
    versus/epoll-1 versus/epoll-64-of-10000 versus/priority-p99
    """.split()
# These need two processors.
PAIRS = """
    engine/fifo/two-senders-one-queue engine/2l/two-senders engine/2l/round-trip engine/fifo/round-trip
    guest/call-function
    """.split()
FLOORS = "floor/locked-op floor/eventfd-ping-pong".split()
PAIR_FLOORS = ["floor/cache-line-round-trip"]
PLOTS = [*HISTOGRAMS, "scaling-ports", "scaling-pending"]
PAIR_PLOTS = ["scaling-senders"]
SVG = "{http://www.w3.org/2000/svg}svg"


def wrong_with(row, needs_peer):
    figures = [row[key] for key in ("median", "min", "max")]
    if not all(isinstance(f, (int, float)) and math.isfinite(f) for f in figures):
        return f"figures {figures}"
    if not row["min"] <= row["median"] <= row["max"]:
        return f"a median that is not between the least and the most: {figures}"
    if needs_peer and not (row["peer"] and row["ratio"] and math.isfinite(row["ratio"])):
        return "no ratio"
    return None


def wrong_plot(name):
    try:
        return None if xml.parse(OUT / f"{name}.svg").getroot().tag == SVG else "is no SVG"
    except (OSError, xml.ParseError) as e:
        return str(e)


def complaints(processors):
    """A line for each thing that is missing or not as promised."""
    rows = {row["name"]: row for row in json.loads((OUT / "results.json").read_text())}
    two = processors > 1
    wanted = [(name, True) for name in ROWS + PAIRS * two] + [(name, False) for name in FLOORS + PAIR_FLOORS * two]
    for name, needs_peer in wanted:
        why = wrong_with(rows[name], needs_peer) if name in rows else "is missing"
        if why:
            yield f"{name}: {why}"
    for name in PLOTS + PAIR_PLOTS * two:
        why = wrong_plot(name)
        if why:
            yield f"{name}.svg: {why}"
