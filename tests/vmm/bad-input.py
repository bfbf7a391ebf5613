#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad machine files and bad images: each must be refused with exit status 2 and one line on stderr
that names the place and what is wrong, and nothing may have been started.

usage: bad-input.py CARILLON
"""

import os
import re
import subprocess
import sys
import tempfile

import elf
from elf import BASE, PAGE, R, W, image, notes, segment

GOOD_DOMAIN = '{ name = "a"; image = "./good"; }'
TWO = '( { name = "a"; image = "./good"; }, { name = "b"; image = "./good"; } )'
TIMER = 'type = "timer"; period_us = 1000;'


def one(text):
    """A file with one good domain and what is given."""
    return "domains = ( %s );\n%s\n" % (GOOD_DOMAIN, text)


def two(text):
    return "domains = %s;\n%s\n" % (TWO, text)


def domain(text):
    return "domains = ( { %s } );\n" % text


CHARDEV = 'type = "chardev"; name = "c"; domain = "a"; input = "/dev/null"; output = "/dev/null"; '

# name, the file, what the line must match (after "carillon: "), %f is the file's path
FILES = [
    ("empty", "", r'%f: "domains" is missing'),
    ("syntax", "domains = (\n{ name = \"a\" \n", r"%f:\d+: syntax error"),
    ("no-domains", "domains = ();", r"%f:1: 0 domains"),
    ("unknown-top-key", one("\nspeed = 3;"), r'%f:3: unknown key "speed"; the keys here are on_crash'),
    ("domains-no-list", "domains = 3;", r"%f:1: domains is a number; write a list"),
    ("domain-no-group", 'domains = ( "a" );', r"%f:1: a domain is a string"),
    ("unknown-domain-key", domain('name = "a"; image = "./good"; cpus = 2;'),
     r'%f:1: unknown key "cpus"; .*vcpus'),
    ("module-type", domain('name = "a"; image = "./good"; module = 3;'), r"%f:1: module is a number; write a string"),
    ("no-module", domain('name = "a"; image = "./good";\nmodule = "absent";'),
     r'%f:2: domain "a": there is no file "absent" for its module; paths'),
    ("module-directory", domain('name = "a"; image = "./good"; module = "/";'),
     r'%f:1: domain "a": its module /.* is not a file'),
    ("module-big", domain('name = "a"; image = "./good"; module = "much"; memory = 8;'),
     r'%f:1: domain "a": .*good with its module does not fit into 8 MiB; give it memory = 12;'),
    ("no-name", domain('image = "./good";'), r'%f:1: "name" is missing'),
    ("no-image-key", domain('name = "a";'), r'%f:1: "image" is missing'),
    ("name-type", domain('name = 3; image = "./good";'), r"%f:1: name is a number; write a string"),
    ("name-blank", domain('name = "a b"; image = "./good";'), r'%f:1: "a b" is no name'),
    ("name-long", domain('name = "%s"; image = "./good";' % ("x" * 32)), r"%f:1: .* is no name"),
    ("vcpus-type", domain('name = "a"; image = "./good"; vcpus = "2";'),
     r"%f:1: vcpus is a string; write a whole number"),
    ("vcpus-float", domain('name = "a"; image = "./good"; vcpus = 1.5;'),
     r"%f:1: vcpus is a fraction"),
    ("too-many-vcpus", domain('name = "a"; image = "./good";\nvcpus = 129;'),
     r"%f:2: vcpus = 129 is out of range; use 1 to 128"),
    ("no-vcpus", domain('name = "a"; image = "./good"; vcpus = 0;'), r"%f:1: vcpus = 0 is out of range"),
    ("negative-vcpus", domain('name = "a"; image = "./good"; vcpus = -1;'), r"%f:1: vcpus = -1 is out"),
    ("memory-small", domain('name = "a"; image = "./good"; memory = 3;'),
     r"%f:1: memory = 3 is out of range; use 4 to 16384"),
    ("memory-big", domain('name = "a"; image = "./good"; memory = 16385;'), r"%f:1: memory = 16385 is out"),
    ("memory-huge", domain('name = "a"; image = "./good"; memory = 99999999999L;'), r"%f:1: memory = 99999999999 is out of range"),
    ("cmdline-long", domain('name = "a"; image = "./good"; cmdline = "%s";' % ("x" * 1024)),
     r"%f:1: cmdline has 1024 bytes"),
    ("no-event-channels", domain('name = "a"; image = "./good"; max_event_channels = 0;'),
     r"%f:1: max_event_channels = 0 is out of range; use 1 to 131071"),
    ("privileged-type", domain('name = "a"; image = "./good"; privileged = 1;'),
     r"%f:1: privileged is a number; write true or false"),
    ("image-missing", domain('name = "a"; image = "./nowhere";'),
     r'%f:1: domain "a": there is no image "./nowhere"'),
    ("image-missing-name", domain('name = "a"; image = "nowhere";'),
     r'%f:1: domain "a": there is no image "nowhere" beside'),
    ("duplicate-domain", 'domains = (\n%s,\n%s );' % (GOOD_DOMAIN, GOOD_DOMAIN),
     r'%f:3: another domain is named "a" \(line 2\)'),
    ("foreground", one('foreground = "nobody";'), r'%f:2: no domain is named "nobody"; use a name from domains'),
    ("on-crash", one('on_crash = "burn";'), r'%f:2: on_crash = "burn" is unknown; use "end" or "continue"'),
    ("device-no-type", one('devices = ( { name = "t"; } );'), r"%f:2: a device without a type"),
    ("device-type", one('devices = ( { type = "disk"; name = "t"; } );'),
     r'%f:2: there is no device type "disk"; the types are "chardev", "timer", "line"'),
    ("device-key", one('devices = ( { %s name = "t"; domain = "a"; line = 3; speed = 1; } );' % TIMER),
     r'%f:2: unknown key "speed"'),
    ("device-no-owner", one('devices = ( { %s name = "t"; line = 3; } );' % TIMER),
     r'%f:2: device "t" needs an owner'),
    ("device-unknown-owner", one('devices = ( { %s name = "t"; domain = "z"; line = 3; } );' % TIMER),
     r'%f:2: no domain is named "z"'),
    ("device-line-0", one('devices = ( { %s name = "t"; domain = "a"; line = 0; } );' % TIMER),
     r"%f:2: line = 0 is out of range; use 1 to 1023"),
    ("device-line-type", one('devices = ( { %s name = "t"; domain = "a"; line = "3"; } );' % TIMER),
     r"%f:2: line is a string"),
    ("device-no-line", one('devices = ( { %s name = "t"; domain = "a"; } );' % TIMER),
     r'%f:2: "line" is missing'),
    ("device-same-name", one('devices = ( { %s name = "t"; domain = "a"; line = 3; },\n'
                             '{ %s name = "t"; domain = "a"; line = 4; } );' % (TIMER, TIMER)),
     r'%f:3: another device is named "t" \(line 2\)'),
    ("device-same-line", one('devices = ( { %s name = "t"; domain = "a"; line = 3; },\n'
                             '{ %s name = "u"; domain = "a"; line = 3; } );' % (TIMER, TIMER)),
     r'%f:3: device "u": line 3 is device "t"\'s \(line 2 of the file\)'),
    ("two-owners", two('devices = ( { %s name = "t"; domains = ( "a", "b" ); line = 3; } );' % TIMER),
     r'%f:2: line 3 has two owners, "a" and "b", but cannot be shared'),
    ("two-owners-pirqs",
     'domains = ( { name = "a"; image = "./good"; },\n{ name = "b"; image = "./good"; pirqs = [ 3 ]; } );'
     'devices = ( { %s name = "t"; domain = "a"; line = 3; } );' % TIMER,
     r'%f:2: line 3 has two owners, "a" \(by device "t"\) and "b", but cannot be shared'),
    ("pirqs-nobody", domain('name = "a"; image = "./good"; pirqs = [ 9 ];'),
     r"%f:1: no device has line 9"),
    ("cpuid-type", domain('name = "a"; image = "./good"; cpuid = 9;'), r"%f:1: cpuid is a number; write a list"),
    ("cpuid-no-leaf", domain('name = "a"; image = "./good"; cpuid = ( { reg = "eax"; } );'),
     r'%f:1: "leaf" is missing'),
    ("cpuid-reg", domain('name = "a"; image = "./good"; cpuid = ( { leaf = 1; reg = "esi"; } );'),
     r'%f:1: reg = "esi" is unknown; use "eax" or'),
    ("cpuid-range", domain('name = "a"; image = "./good"; cpuid = ( { leaf = 0x100000000L; reg = "eax"; } );'),
     r"%f:1: leaf = 4294967296 is out of range"),
    ("cpuid-both", domain('name = "a"; image = "./good"; '
                          'cpuid = ( { leaf = 1; reg = "eax"; clear = 6; set = 3; } );'),
     r"%f:1: clear and set have bits 0x2 both"),
    ("pirqs-type", domain('name = "a"; image = "./good"; pirqs = 9;'), r"%f:1: pirqs is no array"),
    ("chardev-pages", one("devices = ( { %s input_line = 1; output_line = 2; pages = 6; } );" % CHARDEV),
     r'%f:2: device "c": pages is not 1 \+ 2 \* a power of two'),
    ("chardev-lines", one("devices = ( { %s input_line = 2; output_line = 2; } );" % CHARDEV),
     r'%f:2: device "c" uses line 2 twice'),
    ("chardev-check", one('devices = ( { %s input_line = 1; output_line = 2; check = "md5"; } );' % CHARDEV),
     r'%f:2: check = "md5" is unknown; use "none" or "same" or "rot13"'),
    ("chardev-input", one('devices = ( { type = "chardev"; name = "c"; domain = "a"; input = "/no/file"; '
                          'output = "/dev/null"; input_line = 1; output_line = 2; } );'),
     r'%f:2: device "c": input "/no/file": No such file'),
    ("chardev-shared", one("devices = ( { %s input_line = 1; output_line = 2; shared = true; } );" % CHARDEV),
     r'%f:2: unknown key "shared"'),
    ("shm-no-domains", one('shared_memory = ( { name = "s"; pages = 1; } );'), r'%f:2: "domains" is missing'),
    ("shm-pages", one('shared_memory = ( { name = "s"; pages = 0; domains = ( "a" ); } );'),
     r"%f:2: pages = 0 is out of range"),
    ("shm-unknown", one('shared_memory = ( { name = "s"; pages = 1; domains = ( "q" ); } );'),
     r'%f:2: no domain is named "q"'),
    ("shm-twice", one('shared_memory = ( { name = "s"; pages = 1; domains = ( "a", "a" ); } );'),
     r'%f:2: "a" is here twice'),
    ("shm-same-name", one('shared_memory = ( { name = "s"; pages = 1; domains = ( "a" ); },\n'
                          '{ name = "s"; pages = 1; domains = ( "a" ); } );'),
     r'%f:3: another region is named "s"'),
    ("channel-one-end", one('event_channels = ( { name = "s"; domains = ( "a" ); } );'),
     r"%f:2: 1 domains here; name exactly 2"),
    ("channel-numbers", one('event_channels = ( { name = "s"; domains = ( 1, 2 ); } );'),
     r"%f:2: domains has something else than strings"),
    ("channel-same-name", two('event_channels = ( { name = "s"; domains = ( "a", "b" ); },\n'
                              '{ name = "s"; domains = ( "a", "b" ); } );'),
     r'%f:3: another event channel is named "s"'),
    ("access-short", two('shared_memory = ( { name = "s"; pages = 1; domains = ( "a", "b" );\n'
                         'access = ( "rw" ); } );'), r"%f:3: access is no list of 2, as domains is"),
    ("access-long", one('shared_memory = ( { name = "s"; pages = 1; domains = ( "a" ); '
                        'access = ( "rw", "ro" ); } );'), r"%f:2: access is no list of 1"),
    ("access-string", one('shared_memory = ( { name = "s"; pages = 1; domains = ( "a" ); '
                          'access = "ro"; } );'), r"%f:2: access is no list of 1"),
    ("access-word", one('shared_memory = ( { name = "s"; pages = 1; domains = ( "a" ); '
                        'access = ( "wo" ); } );'), r'%f:2: access has something else than "rw" and'),
    ("access-number", one('shared_memory = ( { name = "s"; pages = 1; domains = ( "a" ); '
                          'access = ( 1 ); } );'), r'%f:2: access has something else than "rw" and'),
    ("ports-one", two('event_channels = ( { name = "s"; domains = ( "a", "b" ); ports = ( 3 ); } );'),
     r"%f:2: ports is no list of two"),
    ("ports-number", two('event_channels = ( { name = "s"; domains = ( "a", "b" ); ports = 3; } );'),
     r"%f:2: ports is no list of two"),
    ("ports-strings", two('event_channels = ( { name = "s"; domains = ( "a", "b" );\n'
                          'ports = ( "3", "4" ); } );'),
     r"%f:3: ports has something else than numbers from 1 to 4095"),
    ("ports-zero", two('event_channels = ( { name = "s"; domains = ( "a", "b" ); ports = ( 3, 0 ); } );'),
     r"%f:2: ports has something else than numbers from 1 to 4095"),
    ("ports-negative", two('event_channels = ( { name = "s"; domains = ( "a", "b" ); '
                           'ports = ( -1, 3 ); } );'),
     r"%f:2: ports has something else than numbers from 1 to 4095"),
    ("ports-high", two('event_channels = ( { name = "s"; domains = ( "a", "b" ); '
                       'ports = ( 3, 4096 ); } );'),
     r"%f:2: ports has something else than numbers from 1 to 4095"),
    ("ports-huge", two('event_channels = ( { name = "s"; domains = ( "a", "b" ); '
                       'ports = ( 4294967299L, 4 ); } );'),
     r"%f:2: ports has something else than numbers from 1 to 4095"),
    ("ports-taken", two('event_channels = ( { name = "s"; domains = ( "a", "b" ); ports = ( 3, 4 ); },\n'
                        '{ name = "t"; domains = ( "b", "a" ); ports = ( 4, 5 ); } );'),
     r'%f:3: port 4 of "b" is event channel "s"\'s \(line 2\)'),
    ("ports-same", one('event_channels = ( { name = "s"; domains = ( "a", "a" ); ports = ( 3, 3 ); } );'),
     r'%f:2: port 3 of "a" is event channel "s"\'s \(line 2\)'),
    ("port-counters-type", one("port_counters = 1;"),
     r"%f:2: port_counters is a number; write true or false"),
    ("words-too-long",
     'domains = ( { name = "a"; image = "./good"; cmdline = "%s"; } );\n'
     'devices = ( { %s name = "t"; domain = "a"; line = 3; } );' % ("x" * 1020, TIMER),
     r'%f:1: domain "a": its command line .* is longer than 1023 bytes'),
    ("too-little-memory", domain('name = "a"; image = "./big"; memory = 8;'),
     r'%f:1: domain "a": .*/big does not fit into 8 MiB; give it memory = 16;'),
]

# name, the image, what the line must match; %f is the image's path
IMAGES = [
    ("empty", b"", r"%f: is no ELF file"),
    ("text", b"hello\n" * 100, r"%f: is no ELF file"),
    ("only-magic", b"\x7fELF", r"%f: is no ELF file"),
    ("elf32", image(elf_class=1), r"%f: is not for x86-64 \(class 1"),
    ("arm64", image(machine=183), r"%f: is not for x86-64 \(class 2, machine 183\)"),
    ("big-endian", image(data=2), r"%f: is not for x86-64"),
    ("shared-object", image(kind=3), r"%f: is no static executable \(ELF type 3\)"),
    ("object", image(kind=1), r"%f: is no static executable \(ELF type 1\)"),
    ("no-notes", image(note_bytes=b""), r"%f: has no Xen notes"),
    ("other-notes", image(note_bytes=elf.note(1, 7, b"GNU\0")), r"%f: has no Xen notes"),
    ("no-virt-base", image(note_bytes=notes(virt_base=None)), r"%f: has no Xen note VIRT_BASE"),
    ("no-hypercall-page", image(note_bytes=notes(hypercall_page=None)),
     r"%f: has no Xen note HYPERCALL_PAGE"),
    ("note-size", image(note_bytes=notes(entry=b"abc")), r"%f: Xen note 1 has 3 bytes; make it 4 or 8"),
    ("xen-version", image(note_bytes=notes(xen_version=b"xen-2.0\0")),
     r'%f: its Xen note for the Xen version says "xen-2.0"; only "xen-3.0"'),
    ("loader", image(note_bytes=notes(loader=b"grub\0")), r'%f: its Xen note for the loader says "grub"'),
    ("feature", image(note_bytes=notes(features=b"!auto_translated_physmap|x\0")),
     r'%f: needs the Xen feature "auto_translated_physmap"'),
    ("base-zero", image(note_bytes=notes(virt_base=0)), r"%f: VIRT_BASE 0x0 is not between"),
    ("base-high", image(note_bytes=notes(virt_base=0xffffffff80000000)),
     r"%f: VIRT_BASE 0xffffffff80000000 is not between"),
    ("base-unaligned", image(note_bytes=notes(virt_base=BASE + 8)),
     r"%f: VIRT_BASE 0x100000008 is not the start of a page"),
    ("no-segments", image(segments=[]), r"%f: has no segment to load"),
    ("interpreter", image(extra=[segment(0, b"/lib/ld.so\0", kind=elf.PT_INTERP)]),
     r"%f: wants a dynamic linker"),
    ("overlap", image(extra=[segment(BASE + 2 * PAGE, b"x" * PAGE)]),
     r"%f: its segments at 0x100001000 and 0x100002000 overlap"),
    ("truncated", image(cut=PAGE + 100, note_bytes=notes()), r"%f: (is truncated|has no Xen notes)"),
    ("truncated-segment", image(segments=[segment(BASE + PAGE, elf.TEXT, mem=4 * PAGE, claim=1 << 20)]),
     r"%f: is truncated: segment 0 needs bytes"),
    ("truncated-headers", image(cut=100), r"%f: (is truncated|is no ELF file|has no Xen notes)"),
    ("segment-far", image(extra=[segment(BASE, b"x", pa=1 << 62)]), r"%f: segment 1 .* is not in the low half"),
    ("segment-huge", image(segments=[segment(BASE + PAGE, elf.TEXT, mem=1 << 60)]),
     r"%f: segment 0 .* is not in the low half"),
    ("segment-elsewhere", image(extra=[segment(BASE + 0x100000, b"x", pa=0x200000)]),
     r"%f: segment 1 is linked for 0x100100000 but"),
    ("entry-outside", image(note_bytes=notes(entry=BASE + (1 << 30))),
     r"%f: its entry 0x140000000 is in no executable segment"),
    ("entry-null", image(note_bytes=notes(entry=0)), r"%f: its entry 0x0 is in no executable segment"),
    ("entry-no-exec", image(segments=[segment(BASE + PAGE, elf.TEXT, mem=4 * PAGE, flags=R | W)]),
     r"%f: its entry 0x100001000 is in no executable segment"),
    ("hypercall-unaligned", image(note_bytes=notes(hypercall_page=BASE + PAGE + 32)),
     r"%f: its hypercall page 0x100001020 is not the start of a page"),
    ("hypercall-outside", image(note_bytes=notes(hypercall_page=BASE + 64 * PAGE)),
     r"%f: its hypercall page 0x100040000 is in no executable segment"),
    ("hypercall-half-outside", image(segments=[segment(BASE + PAGE, elf.TEXT[:PAGE], mem=PAGE + 100)]),
     r"%f: its hypercall page 0x100002000 is in no executable segment"),
]

# arguments, what the line must match
USAGES = [
    ([], r"no command; try: carillon help"),
    (["dance"], r'there is no command "dance"'),
    (["help", "dance"], r'there is no command "dance"'),
    (["run"], r"run: no machine file"),
    (["run", "--fast", "x.cfg"], r'run: "--fast" is not expected here'),
    (["run", "a.cfg", "b.cfg"], r'run: "b.cfg" is not expected here'),
    (["run", "nowhere.cfg"], r"nowhere.cfg: No such file or directory; give the path"),
    (["run", "--set", "x", "%g"], r"--set x: no PATH=VALUE"),
    (["run", "--set", "domains.[7].memory=3", "%g"], r"--set domains.\[7\].memory=3: %g has no place"),
    (["run", "--set", "domains.[0].memory=3", "%g"],
     r"--set domains.\[0\].memory=3: memory = 3 is out of range"),
    (["run", "--set", "domains.[0].cpus=3", "%g"], r'--set domains.\[0\].cpus=3: unknown key "cpus"'),
    (["run", "--set", "domains.[0].name=true story", "%g"],
     r'--set domains.\[0\].name=true story: "true story" is no name'),
    (["run", "--set", "domains=3", "%g"], r"--set domains=3: the setting there is a list"),
]


class Tester:
    def __init__(self, carillon):
        self.carillon = carillon
        self.failures = self.count = 0

    def expect(self, name, args, pattern):
        self.count += 1
        run = subprocess.run([self.carillon] + args, stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=20)
        text = run.stderr.decode(errors="replace")
        why = None
        if run.returncode != 2:
            why = "exit status %d, not 2" % run.returncode
        elif text.count("\n") != 1 or not text.endswith("\n"):
            why = "not one line"
        elif not re.match("carillon: " + pattern, text):
            why = "does not match %s" % pattern
        elif ";" not in text:
            why = "does not say what to do"
        if why:
            self.failures += 1
            print("FAIL %s: %s\n%s" % (name, why, text.rstrip()))


def write(path, data):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def main():
    tester = Tester(os.path.abspath(sys.argv[1]))
    with tempfile.TemporaryDirectory(prefix="carillon-test-") as tmp:
        os.chdir(tmp)
        write("good", image())
        write("much", bytes(8 << 20))
        write("big", image(segments=[segment(BASE + PAGE, elf.TEXT, mem=12 << 20)]))
        good = os.path.join(tmp, "good.cfg")
        write(good, one(""))
        for name, text, pattern in FILES:
            path = os.path.join(tmp, name + ".cfg")
            write(path, text)
            tester.expect("file " + name, ["run", path], pattern.replace("%f", re.escape(path)))
        for name, data, pattern in IMAGES:
            path = os.path.join(tmp, "image-" + name)
            write(path, data)
            write("image.cfg", domain('name = "a"; image = "%s";' % path))
            tester.expect("image " + name, ["run", "image.cfg"], pattern.replace("%f", re.escape(path)))
        for args, pattern in USAGES:
            tester.expect("usage " + " ".join(args), [a.replace("%g", good) for a in args],
                          pattern.replace("%g", re.escape(good)))
    print("%d cases, %d failed" % (tester.count, tester.failures))
    return 1 if tester.failures else 0


if __name__ == "__main__":
    sys.exit(main())
