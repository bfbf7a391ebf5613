# SPDX-License-Identifier: MIT
"""Tiny Xen PV kernels as ELF files, right or wrong in one chosen way. Only what the tests of bad
images need; the kernels that run are in images/."""

import struct

BASE = 0x100000000
PAGE = 4096
PT_LOAD, PT_INTERP, PT_NOTE = 1, 3, 4
R, W, X = 4, 2, 1


def note(kind, value, name=b"Xen\0"):
    desc = value if isinstance(value, bytes) else struct.pack("<Q", value)
    pad = -len(desc) % 4
    return struct.pack("<III", len(name), len(desc), kind) + name + desc + b"\0" * pad


def notes(**change):
    """The usual notes; change by name, None leaves one out."""
    kinds = dict(entry=1, hypercall_page=2, virt_base=3, paddr_offset=4, xen_version=5, loader=8,
                 features=10)
    values = dict(entry=BASE + PAGE, hypercall_page=BASE + 2 * PAGE, virt_base=BASE, paddr_offset=0,
                  xen_version=b"xen-3.0\0", loader=b"generic\0", features=None)
    values.update(change)
    return b"".join(note(kinds[k], v) for k, v in values.items() if v is not None)


def segment(va, data=b"", mem=None, flags=R | W | X, kind=PT_LOAD, pa=None, claim=None):
    return dict(va=va, data=data, mem=len(data) if mem is None else mem, flags=flags, kind=kind,
                pa=max(va - BASE, 0) if pa is None else pa, claim=len(data) if claim is None else claim)


# Never run: these images are only looked at.
TEXT = b"\xf4" * (2 * PAGE)


def image(segments=None, note_bytes=None, machine=62, elf_class=2, data=1, kind=2, entry=BASE + PAGE,
          cut=None, extra=()):
    if segments is None:
        segments = [segment(BASE + PAGE, TEXT, mem=4 * PAGE)]
    if note_bytes is None:
        note_bytes = notes()
    segments = list(segments) + list(extra)
    if note_bytes:
        segments.append(segment(0, note_bytes, kind=PT_NOTE, flags=R, pa=0))
    offset = 64 + 56 * len(segments)
    offset += -offset % PAGE
    headers, body = b"", b""
    for s in segments:
        headers += struct.pack("<IIQQQQQQ", s["kind"], s["flags"], offset + len(body), s["va"], s["pa"],
                               s["claim"], max(s["mem"], s["claim"]), PAGE if s["kind"] == PT_LOAD else 4)
        body += s["data"] + b"\0" * (-len(s["data"]) % PAGE)
    ident = b"\x7fELF" + bytes([elf_class, data, 1]) + b"\0" * 9
    head = ident + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, entry, 64, 0, 0, 64, 56,
                               len(segments), 64, 0, 0)
    whole = head + headers
    whole += b"\0" * (offset - len(whole)) + body
    return whole[:cut] if cut is not None else whole
