"""The rows of a run: what was measured, as what it is printed, and what it is a ratio of. Who measures is elsewhere."""
import os
import pathlib
import statistics
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
OUT = BUILD / "bench"
CARILLON = str(BUILD / "carillon")

rows = []
samples = {}  # by name: single measurements, for the histograms
quick = False


def set_quick():
    """All is measured less often: for a look, and to see that all works. The C programs do so by the variable."""
    global quick
    quick = True
    os.environ["BENCH_QUICK"] = "1"


def times(full, in_quick):
    return in_quick if quick else full


def run(*argv, **kwargs):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def median_of(name):
    """Of a row that has been reported; None if there is none (some need two processors)."""
    return next((r["median"] for r in rows if r["name"] == name), None)


def unit_of(name):
    return next(r["unit"] for r in rows if r["name"] == name)


def ratio_of(median, unit, name):
    """Of two times or two rates; of a rate and a time: how many in that time."""
    other = median_of(name)
    if not other:
        return None
    return median * other / 1000 if (unit, unit_of(name)) == ("M/s", "ns") else median / other


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def sentence(row):
    words = [f"{number(row['min'])} .. {number(row['max'])}"]
    if row["ratio"] is not None:
        words.append(f"{number(row['ratio'])} x {row['peer']}")
    if row.get("baseline_ratio") is not None:
        words.append(f"{number(row['baseline_ratio'])} x baseline")
    if row["instructions"] is not None:
        words.append(f"{row['instructions']:.0f} instructions, {row['locked']:.0f} locked")
    words += [f"{number(ratio)} x {name}" for name, ratio in row.get("beside", {}).items()]
    return words


def report(name, values, unit, peer=None, note="", baseline=None, beside=(), count=None, **more):
    """A row: values are the runs', peer, baseline and beside the names of rows that it is a ratio of, count its
    instructions and locked operations, note what is to be said besides."""
    median = statistics.median(values)
    row = {"name": name, "unit": unit, "median": median, "min": min(values), "max": max(values),
           "instructions": count[0] if count else None, "peer": peer,
           "ratio": ratio_of(median, unit, peer) if peer else None, **more}
    if count:
        row["locked"] = count[1]
    if baseline and median_of(baseline):
        row |= {"baseline": baseline, "baseline_ratio": ratio_of(median, unit, baseline)}
    if beside:
        row["beside"] = {b: ratio_of(median, unit, b) for b in beside if median_of(b)}
    rows.append(row)
    words = sentence(row) + ([note] if note else [])
    print(f"{name:<38} {median:>10.1f} {unit:<5} {'; '.join(words)}", flush=True)


def measured(*argv):
    """What a program of bench/ prints: (name, unit, [min, median, max], more) for each row; samples are kept."""
    lines = []
    for line in run(*argv).stdout.decode().splitlines():
        if line.startswith("samples "):
            _, name, *values = line.split()
            samples[name] = [float(v) for v in values]
            continue
        name, unit, median, least, most, *more = line.split()
        more = {key: float(value) for key, value in (word.split("=") for word in more)}
        values = [float(least), float(median), float(most)]
        if values[0] == values[2] and len(samples.get(name, [])) > 1:  # a quantile: the spread is that of all
            values = [min(samples[name]), float(median), max(samples[name])]
        lines.append((name, unit, values, more))
    return lines
