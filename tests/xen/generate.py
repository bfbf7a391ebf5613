#!/usr/bin/env python3
"""Writes a random scenario: event channel operations of every kind on a few ports, the guest's side of
both ABIs, bad arguments; at the end the state of all. Of one domain, or of more that connect to each
other, are paused, reset, destroyed and made anew. No answers: those of two hypervisors are compared.
usage: generate.py SEED LINES [DOMAINS]"""
import random
import sys

# Not CON_RING: Xen raises it when it prints.
VIRQS = ["TIMER", "DEBUG", "CONSOLE", "DOM_EXC", "TBUF", "DEBUGGER", "XENOPROF", "PCPU_STATE",
         "MEM_EVENT", "ARGO", "ENOMEM", "XENPMU", "ARCH_1", "ARCH_3", "ARCH_5", 5, 14, 15, 24, "0xffffffff"]
DOMIDS = ["SELF", "SELF", "SELF", 0, "IO", "XEN", "INVALID", "IDLE", "COW", 5, 32752, 65535]
LINES = (3, 5, 6, 7, 10, 11, 12, 14, 15)  # of devices that make no noise
ARGUMENTS = ["NULL", "UNMAPPED", "NONCANON", "XEN", "TOP", "STRADDLE", "EDGE", "UNALIGNED", "RO"]
EDGES = [0, 31, 60, 63, 64, 65, 100, 127, 128, 1023, 1024, 1025, 4095, 4096, 131071, 131072,
         0x7fffffff, 0x80000000, 0xffffffff]
MARKS = ["masked=1", "masked=0", "pending=0", "pending=1", "masked=1 pending=0"]


class Script:
    def __init__(self, seed, domains):
        self.r = random.Random(seed)
        self.lines = ["@env platform=bare abi=2l vcpus=2"]
        self.domains = domains
        self.by = 0  # whose line the next is
        self.lives = [0] * domains  # how often each has been made: its pages' names
        self.arrays = [0] * domains

    def port(self):
        return self.r.choice(EDGES) if self.r.random() < 0.12 else self.r.randint(1, 30)

    def vcpu(self):
        return self.r.choice([2, 3, 0x80000000, 0xffffffff]) if self.r.random() < 0.08 else self.r.randint(0, 1)

    def dom(self):
        if self.domains > 1 and self.r.random() < 0.4:
            return self.r.randrange(self.domains)
        return self.r.choice(DOMIDS) if self.r.random() < 0.3 else "SELF"

    def remote(self):
        """Who may connect: with several domains mostly another one."""
        return self.r.randrange(self.domains) if self.domains > 1 and self.r.random() < 0.7 else self.dom()

    def say(self, line):
        by = f"d{self.by}: " if self.by else ""
        self.lines.append(by + line + " -> ?")

    def page(self, kind, n):
        return f"page:{kind}{self.lives[self.by]}x{n}"

    def call(self, line):
        if self.r.random() < 0.04:
            line += " arg=" + self.r.choice(ARGUMENTS)
        if self.r.random() < 0.06:
            line += " via=compat"
        self.say(line)

    def look(self):
        port, vcpu = self.r.randint(1, 30), self.r.randint(0, 1)
        self.say(f"mem.port port={port}")
        self.say(f"mem.shared port={port}")
        self.say(f"mem.upcall vcpu={vcpu}")
        self.say(f"mem.queue vcpu={vcpu} prio={self.r.choice([0, 3, 7, 7, 15])}")

    def raw(self):
        number = self.r.choice([0, 1, 4, 5, 6, 9, 14, 15, 16, 100, 0x80000001, 0xffffffff])
        self.say(f"raw nr={number} w0={self.r.randint(0, 40)} w1={self.r.randint(0, 3)}")

    def step(self):
        r = self.r
        some = r.randint(1, 30)
        choices = [
            (10, lambda: self.call(f"alloc_unbound dom={self.dom()} remote_dom={self.remote()}")),
            (10, lambda: self.call(f"bind_interdomain remote_dom={self.remote()} remote_port={self.port()}")),
            (6, lambda: self.call(f"bind_ipi vcpu={self.vcpu()}")),
            (5, lambda: self.call(f"bind_virq virq={r.choice(VIRQS)} vcpu={self.vcpu()}")),
            (3, lambda: self.call(f"bind_pirq pirq={r.choice(LINES + (0, 1, 16, 17, 1000, 0xffffffff))} "
                                  f"flags={r.randint(0, 3)}")),
            (1, lambda: self.say(f"env.map_gsi gsi={r.choice(LINES)} "
                                 f"pirq={r.choice(LINES + (16, 17, 18, 2000))}")),
            (10, lambda: self.call(f"close port={self.port()}")),
            (16, lambda: self.call(f"send port={self.port()}")),
            (6, lambda: self.call(f"status dom={self.dom()} port={self.port()}")),
            (6, lambda: self.call(f"bind_vcpu port={self.port()} vcpu={self.vcpu()}")),
            (6, lambda: self.call(f"unmask port={self.port()}")),
            (0.5, lambda: self.call(f"reset dom={r.choice(['SELF', 'SELF', 0, 5, 'IO', 'IDLE'])}")),
            (0.5, lambda: self.call("reset_cont dom=SELF")),
            (2, lambda: self.call(f"init_control control_gfn={self.page('c', r.randint(0, 9))} "
                                  f"offset={r.choice([0, 0, 8, 512, 1024, 4024, 4025, 4, 4032, 4096])} "
                                  f"vcpu={self.vcpu()}")),
            (1.5, lambda: self.call(f"expand_array array_gfn={self.new_array()}")),
            (4, lambda: self.call(f"set_priority port={self.port()} "
                                  f"priority={r.choice([0, 1, 3, 6, 7, 8, 14, 15, 16, 0xffffffff])}")),
            (4, lambda: self.say(f"mem.set port={some} {r.choice(MARKS)}")),
            (4, lambda: self.say(f"mem.pop vcpu={r.randint(0, 1)} prio={r.choice([0, 1, 3, 6, 7, 7, 7, 8, 15])}")),
            (1, lambda: self.say(f"mem.take_ready vcpu={r.randint(0, 1)}")),
            (1, lambda: self.say(f"mem.clear_upcall vcpu={r.randint(0, 1)}{r.choice(['', ' keep_sel=1'])}")),
            (0.5, self.raw),
            (0.2, lambda: self.say(f"poll ports={some},{r.randint(1, 30)} timeout_ms=60")),
            (3, self.look),
        ]
        r.choices([f for _, f in choices], [w for w, _ in choices])[0]()

    def new_array(self):
        """Now and then a page that is none yet; a domain that was made has few."""
        if self.r.random() < 0.3 and self.arrays[self.by] < 30:
            self.arrays[self.by] += 1
        return self.page("a", self.arrays[self.by])

    def start(self, dom):
        self.by = 0
        self.lives[dom] += 1
        self.arrays[dom] = 0
        self.say(f"env.domain_start id={dom} vcpus=2")

    def connect(self):
        """A channel between two domains, made as guests do. Now and then one end sleeps until the other sends."""
        one, other = self.r.sample(range(self.domains), 2)
        name = f"$c{len(self.lines)}"
        self.by = one
        self.lines.append(f"d{one}: alloc_unbound dom=SELF remote_dom={other} -> rc=0 port={name}")
        self.lines.append(f"d{other}: bind_interdomain remote_dom={one} remote_port={name} -> rc=0 local_port={name}o")
        if one and self.r.random() < 0.5:
            self.lines.append(f"d{one}& poll ports={name} timeout_ms=1500 -> ?")
            self.by = other
            self.say(f"send port={name}o")
            self.by = one
            self.say("join")
        self.by = self.r.choice([one, other])
        self.say(f"send port={name}")
        self.by = 0
        self.say(f"status dom={one} port={name}")

    def domain_event(self):
        dom = self.r.randrange(1, self.domains)
        what = self.r.random()
        self.by = 0
        if what < 0.15:
            self.say(f"env.domain_destroy id={dom}")
            self.say(f"alloc_unbound dom=SELF remote_dom={dom}")
            self.say(f"bind_interdomain remote_dom={dom} remote_port={self.port()}")
            self.start(dom)
        elif what < 0.5:
            self.say(f"env.domain_pause id={dom}")
            self.say(f"reset dom={dom}")
            self.say(f"alloc_unbound dom={dom} remote_dom={self.remote()}")
            self.say(f"mem.port dom={dom} port={self.r.randint(1, 30)}")
            self.say(f"env.domain_unpause id={dom}")
        elif what < 0.6:
            self.say(f"reset dom={dom}")
        else:
            self.connect()

    def next(self):
        if self.domains > 1 and self.r.random() < 0.04:
            self.domain_event()
            return
        self.by = self.r.randrange(self.domains)
        self.step()

    def end(self):
        for self.by in range(self.domains):
            self.look_at_all()

    def look_at_all(self):
        for port in range(1, 66):
            self.say(f"status dom=SELF port={port}")
            self.say(f"mem.port port={port}")
            self.say(f"mem.shared port={port}")
        for vcpu in (0, 1):
            self.say(f"mem.upcall vcpu={vcpu}")
            for prio in range(16):
                self.say(f"mem.queue vcpu={vcpu} prio={prio}")


def generate(seed, lines, domains=1):
    s = Script(seed, domains)
    for line in LINES[::2]:
        s.say(f"env.map_gsi gsi={line} pirq={line}")
    for dom in range(1, domains):
        s.start(dom)
    while len(s.lines) < lines:
        s.next()
    s.end()
    return "\n".join(s.lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(generate(*map(int, sys.argv[1:])))
