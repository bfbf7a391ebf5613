#!/usr/bin/env python3
"""Nothing in include/xen may be missing from list.h (or stand there without being in include/xen).

Usage: complete.py INCLUDE_XEN LIST_H [HEADER...] [--print]
Reads the headers as text, not through the compiler: what a conditional hides is found too. With
--print, writes the entries that list.h should have, in the headers' order, for pasting.
"""
import pathlib
import re
import sys

# Not compared, and why.
ALLOWED = {
    'CARILLON_XEN_*': 'ours: include guards and helpers',
    'XEN_ERRNO_LIST': 'ours: the list itself; its members are compared',
    'TYPE(vcpu_info_t)': 'hidden by the oracle under __XEN__; struct vcpu_info is compared',
    'TYPE(shared_info_t)': 'hidden by the oracle under __XEN__; struct shared_info is compared',
    'XEN_EMULATE_PREFIX': 'text for an assembler, no number; images/exceptions runs it',
    'XEN_CPUID': 'the same',
    'COMPAT_EVTCHN_2L_NR_CHANNELS': 'a name of ours; i386.c compares the number',
    'COMPAT_FLAT_KERNEL_CS': 'the same',
    'COMPAT_FLAT_KERNEL_DS': 'the same',
    'COMPAT_FLAT_KERNEL_SS': 'the same',
    'COMPAT_HYPERVISOR_VIRT_START': 'the same',
}


def fail(text):
    sys.exit(f'complete.py: {text}')


def matching(text, start):
    """The position of the brace that closes the one at start."""
    depth = 0
    for at in range(start, len(text)):
        depth += {'{': 1, '}': -1}.get(text[at], 0)
        if depth == 0:
            return at
    fail('unbalanced braces')


def members(body, prefix=''):
    """All members of a structure's body, nested ones too: (dotted name, is a flexible array)."""
    found = []
    while body.strip():
        semicolon, brace = body.find(';'), body.find('{')
        if semicolon < 0:
            fail(f'cannot read: {body!r}')
        if 0 <= brace < semicolon:                      # nested struct or union
            close = matching(body, brace)
            semicolon = body.index(';', close)
            name = body[close + 1:semicolon].strip()
            if name and not re.fullmatch(r'\w+(\[[^]]*\])?', name):
                fail(f'cannot read: {body[:semicolon]!r}')
            name = re.sub(r'\[.*', '', name)
            if name:
                found.append((prefix + name, False))
            found += members(body[brace + 1:close], prefix + name + '.' if name else prefix)
        else:
            for one in body[:semicolon].split(','):
                one = re.match(r'(?:.*?[\s*])?(\w+)\s*((?:\[[^]]*\])*)\s*$', one.strip(), re.S)
                if not one:
                    fail(f'cannot read: {body[:semicolon]!r}')
                found.append((prefix + one[1], one[2] == '[]'))
        body = body[semicolon + 1:]
    return found


def entries(text):
    """What one header defines, as (list.h entry, name that ALLOWED may have)."""
    text = re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)
    text = re.sub(r'\\\n', ' ', text)
    found = []
    for name, args in re.findall(r'^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)]*\))?', text, re.M):
        found.append((f'CALL({name}' if args else f'CONST({name})', name))
    for name in re.findall(r'\bX\((\w+),\s*\d+\)', text):
        found.append((f'CONST(XEN_{name})', 'XEN_' + name))
    code = re.sub(r'^[ \t]*#.*$', '', text, flags=re.M)
    for enum in re.finditer(r'\benum\b[^;{]*{([^}]*)}', code):
        for name in re.findall(r'^\s*(\w+)\s*(?:[,=]|$)', enum[1], re.M):
            found.append((f'CONST({name})', name))
    for name in re.findall(r'\btypedef\b[^;{}]*?\b(\w+)\s*(?:\[[^]]*\])?\s*;', code):
        found.append((f'TYPE({name})', f'TYPE({name})'))
    for typedef in re.finditer(r'\btypedef\s+(struct|union)\s*(\w*)\s*{', code):
        fail(f'{typedef[0]!r}: declare the tag first, then the typedef')
    at = 0
    while True:
        struct = re.compile(r'\b(struct|union)\s+(\w+)\s*{').search(code, at)
        if not struct:
            return found
        close = matching(code, struct.end() - 1)
        kind, name = struct[1].upper(), struct[2]
        compat = name.startswith('compat_')
        short = name[len('compat_'):] if compat else name
        prefix = 'COMPAT_' if compat else ''
        found.append((f'{prefix}{kind}({short})', name))
        if kind == 'STRUCT':
            for member, flexible in members(code[struct.end():close]):
                what = 'FLEX' if flexible else 'FIELD'
                found.append((f'{prefix}{what}({short}, {member})', name))
        at = struct.end()


def allowed(name):
    return name in ALLOWED or name.startswith('CARILLON_XEN_')


def main():
    include, list_h = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    headers = sorted(include.rglob('*.h'))
    if not headers:
        fail(f'no headers in {include}')
    headers += [pathlib.Path(name) for name in sys.argv[3:] if name != '--print']
    wanted = {}
    for header in headers:
        where = header.relative_to(include) if header.is_relative_to(include) else header.name
        if '--print' in sys.argv:
            print(f'\n/* {where} */')
        for entry, name in entries(header.read_text()):
            if allowed(name) or entry in wanted:
                continue
            wanted[entry] = where
            if '--print' in sys.argv:
                print(entry)
    if '--print' in sys.argv:
        return
    text = re.sub(r'/\*.*?\*/', ' ', list_h.read_text(), flags=re.S)
    lines = [line.strip() for line in text.splitlines() if re.match(r'[A-Z_]+\(', line)]
    listed = {re.sub(r'^(CALL\(\w+).*', r'\1', line) for line in lines}
    bad = [f'{where}: {entry} is not in {list_h.name}' for entry, where in wanted.items()
           if entry not in listed]
    bad += [f'{list_h.name}: {entry} is in no header' for entry in sorted(listed - set(wanted))]
    print('\n'.join(bad + [f'{len(wanted)} names in {len(headers)} headers, {len(bad)} wrong']))
    sys.exit(1 if bad else 0)


main()
