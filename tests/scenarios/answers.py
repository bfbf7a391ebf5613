"""Answers to a scenario: those of `carillon replay`, those that images/scenario prints, and what differs.
Who runs the image where is not here."""
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
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
        elif value.isdecimal() and int(value) >= 1 << 63:
            value = str(int(value) - (1 << 64))
        elif key == "status" and value in STATUSES:
            value = str(STATUSES.index(value))
        elif key == "u.virq":
            value = str(VIRQS.get(value, value))
        elif key == "u.dom":
            value = str(DOMIDS.get(value, value))
        words.append(key + equals + value)
    return " ".join(words)


def replayed(carillon, script):
    """The answers by line, and whether they are all as the file says."""
    done = subprocess.run([carillon, "replay", script], capture_output=True, text=True, check=False)
    found = re.finditer(r"^[! ]\s*(\d+)  .* -> (.*?)(?:\s+#.*)?$", done.stdout, re.M)
    return {int(m[1]): plain(m[2]) for m in found}, done.returncode == 0


def printed(text):
    """What the image said, by line; None if it did not come to the end."""
    if not re.search(r"^end\s*$", text, re.M):
        return None
    return {int(m[1]): m[2].strip() for m in re.finditer(r"^(\d+) (.*)$", text, re.M)}


def env(script, key, otherwise):
    found = re.search(rf"^@env.*\b{key}=(\S+)", script.read_text(), re.M)
    return found[1] if found else otherwise


def compare(script, mine, theirs, who):
    """What is not there or not the same, as (line, text)."""
    lines = script.read_text().splitlines()
    found = []
    for n, line in enumerate(lines, 1):
        if " -> " not in line or line.startswith("#"):
            continue
        said = f"  {script}:{n}: {line.split(' -> ')[0]}\n"
        if n not in theirs:
            found.append((n, said + f"    {who}: no answer"))
        elif theirs[n] == "?":
            found.append((n, said + "    the image cannot do that"))
        elif theirs[n] != mine.get(n):
            found.append((n, said + f"    {who}: {theirs[n]}\n    replay: {mine.get(n)}"))
    return found
