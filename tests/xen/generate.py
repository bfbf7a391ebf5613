#!/usr/bin/env python3
"""Writes a random scenario of one domain: event channel operations of every kind on a few ports, the
guest's side of both ABIs, bad arguments; at the end the state of all. No answers: those of two
hypervisors are compared. usage: generate.py SEED LINES"""
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
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.lines = ["@env platform=bare abi=2l vcpus=2"]

    def port(self):
        return self.r.choice(EDGES) if self.r.random() < 0.12 else self.r.randint(1, 30)

    def vcpu(self):
        return self.r.choice([2, 3, 0x80000000, 0xffffffff]) if self.r.random() < 0.08 else self.r.randint(0, 1)

    def dom(self):
        return self.r.choice(DOMIDS) if self.r.random() < 0.3 else "SELF"

    def say(self, line):
        self.lines.append(line + " -> ?")

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
            (10, lambda: self.call(f"alloc_unbound dom={self.dom()} remote_dom={self.dom()}")),
            (10, lambda: self.call(f"bind_interdomain remote_dom={self.dom()} remote_port={self.port()}")),
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
            (2, lambda: self.call(f"init_control control_gfn=page:c{r.randint(0, 9)} "
                                  f"offset={r.choice([0, 0, 8, 512, 1024, 4024, 4025, 4, 4032, 4096])} "
                                  f"vcpu={self.vcpu()}")),
            (1.5, lambda: self.call(f"expand_array array_gfn=page:a{len(self.lines) // 400}x{r.randint(0, 3)}")),
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

    def end(self):
        for port in range(1, 66):
            self.say(f"status dom=SELF port={port}")
            self.say(f"mem.port port={port}")
            self.say(f"mem.shared port={port}")
        for vcpu in (0, 1):
            self.say(f"mem.upcall vcpu={vcpu}")
            for prio in range(16):
                self.say(f"mem.queue vcpu={vcpu} prio={prio}")


def generate(seed, lines):
    s = Script(seed)
    for line in LINES[::2]:
        s.say(f"env.map_gsi gsi={line} pirq={line}")
    while len(s.lines) < lines:
        s.step()
    s.end()
    return "\n".join(s.lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(generate(int(sys.argv[1]), int(sys.argv[2])))
