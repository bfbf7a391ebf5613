"""SVG plots of a run, by gnuplot: histograms of single latencies, and how costs grow with ports and senders."""
import math
import re
import subprocess

from table import OUT, rows, samples

STYLE = """
set terminal svg size 900,520 enhanced font 'sans,13' background 'white'
set key outside bottom center horizontal noenhanced
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
"""
PER_DECADE = 24
NONE = 0.001  # percent: below what is drawn
HISTOGRAMS = {
    "latency-send": ("one send", ["floor/timestamp-each", "engine/2l/send-each", "engine/fifo/send-each"]),
    "latency-dispatch": ("one event, from upcall to return",
                         ["floor/timestamp-each", "guest/2l/dispatch-each", "guest/fifo/dispatch-each"]),
    "latency-notify": ("one event from domain to domain, or process to process, one way",
                       ["process/notify-each", "peer/eventfd-epoll/one-way", "peer/pipe/one-way",
                        "peer/futex/one-way"]),
    "latency-priority": ("an urgent event amid 4,096 others",
                         ["versus/priority-p99", "guest/2l/storm-p99", "floor/epoll-storm-p99"]),
}


def histogram(values):
    """(ns, percent) for each bin from the first that is not empty to the last; a bin is a part of a decade."""
    share = {}
    for v in values:
        at = math.floor(math.log10(max(v, 1)) * PER_DECADE)
        share[at] = share.get(at, 0) + 100 / len(values)
    return [(10 ** (at / PER_DECADE), share.get(at, NONE)) for at in range(min(share) - 1, max(share) + 2)]


def draw(name, title, settings, series, style):
    """series: (label, [(x, y)]). Nothing to draw: no file."""
    series = [(label, points) for label, points in series if points]
    if not series:
        return
    data = "".join(f"$d{i} << end\n" + "".join(f"{x} {y}\n" for x, y in points) + "end\n"
                   for i, (_, points) in enumerate(series))
    plots = ", ".join(f"$d{i} using 1:2 with {style} title '{label}'" for i, (label, _) in enumerate(series))
    script = f"{STYLE}set output '{OUT / name}.svg'\nset title '{title}'\n{settings}\n{data}plot {plots}\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def histograms():
    for name, (title, of) in HISTOGRAMS.items():
        draw(name, title, "set logscale x\nset xlabel 'ns'\nset ylabel 'percent'\nset logscale y\nset yrange [0.01:100]",
             [(n, histogram(samples[n])) for n in of if samples.get(n)], "steps lw 2")


def by_ports():
    curves = {}
    for row in rows:
        m = re.fullmatch(r"((?:engine|baseline)/fifo/(?:allocate|bind|close))-(\d+)", row["name"])
        if m:
            curves.setdefault(m.group(1), []).append((int(m.group(2)), row["median"]))
    draw("scaling-ports", "cost of a port by the number of ports",
         "set logscale xy\nset xlabel 'ports'\nset ylabel 'ns for each'",
         [(label, sorted(points)) for label, points in curves.items()], "linespoints lw 2 pt 7")


def by_senders():
    curves = [(row["name"].removesuffix("-one-queue").removesuffix("/two-senders"),
               [(1, 1000 / row["alone"]), (2, row["median"])]) for row in rows if "two-senders" in row["name"]]
    draw("scaling-senders", "sends to one vCPU by all senders together",
         "set xlabel 'senders, each on its own processor'\nset ylabel 'millions a second'\n"
         "set yrange [0:]\nset xrange [0.8:2.2]\nset xtics 1", curves, "linespoints lw 2 pt 7")


def by_pending():
    curves = {}
    for row in rows:
        m = re.fullmatch(r"(guest/\w+)/dispatch(-\d+)?", row["name"])
        if m:
            curves.setdefault(m.group(1), []).append((int((m.group(2) or "-64")[1:]), row["median"]))
    draw("scaling-pending", "dispatch by the number of events pending",
         "set logscale x\nset xlabel 'pending'\nset ylabel 'ns for each'\nset yrange [0:]",
         [(label, sorted(points)) for label, points in curves.items()], "linespoints lw 2 pt 7")


def draw_all():
    histograms()
    by_ports()
    by_senders()
    by_pending()
