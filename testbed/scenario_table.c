/* SPDX-License-Identifier: MIT */
/*
 * The operations of the scenario format and the fields that each takes.
 */
#include <xen/event_channel.h>
#include <xen/physdev.h>

#include "scenario_private.h"

#define CALL	    OP_HYPERCALL
#define EVENT(op)   run_event, CALL, EVTCHNOP_##op
#define PHYSDEV(op) run_physdev, CALL, PHYSDEVOP_##op

const struct op ops[] = {
	{ "bind_interdomain", "remote_dom remote_port local_port.in arg via",
	  EVENT(bind_interdomain) },
	{ "bind_virq", "virq vcpu port.in arg via", EVENT(bind_virq) },
	{ "bind_pirq", "pirq flags port.in arg via", EVENT(bind_pirq) },
	{ "close", "port arg via", EVENT(close) },
	{ "send", "port arg via", EVENT(send) },
	{ "status", "dom port status.in vcpu.in u.dom.in u.port.in u.pirq.in u.virq.in arg via",
	  EVENT(status) },
	{ "alloc_unbound", "dom remote_dom port.in arg via", EVENT(alloc_unbound) },
	{ "bind_ipi", "vcpu port.in arg via", EVENT(bind_ipi) },
	{ "bind_vcpu", "port vcpu arg via", EVENT(bind_vcpu) },
	{ "unmask", "port arg via", EVENT(unmask) },
	{ "reset", "dom arg via", EVENT(reset) },
	{ "init_control", "control_gfn offset vcpu link_bits.in arg via", EVENT(init_control) },
	{ "expand_array", "array_gfn arg via", EVENT(expand_array) },
	{ "set_priority", "port priority arg via", EVENT(set_priority) },
	{ "reset_cont", "dom arg via", EVENT(reset_cont) },
	{ "raw", "nr w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 arg via", run_raw, CALL,
	  0 },

	{ "physdev.eoi", "irq arg", PHYSDEV(eoi) },
	{ "physdev.pirq_eoi_gmfn_v1", "gmfn arg", PHYSDEV(pirq_eoi_gmfn_v1) },
	{ "physdev.pirq_eoi_gmfn_v2", "gmfn arg", PHYSDEV(pirq_eoi_gmfn_v2) },
	{ "physdev.irq_status_query", "irq arg via", PHYSDEV(irq_status_query) },
	{ "physdev.map_pirq", "domid type index pirq table_base arg", PHYSDEV(map_pirq) },
	{ "physdev.unmap_pirq", "domid pirq arg", PHYSDEV(unmap_pirq) },
	{ "physdev.get_free_pirq", "type arg", PHYSDEV(get_free_pirq) },
	{ "physdev.set_iopl", "iopl arg via", PHYSDEV(set_iopl) },
	{ "physdev.set_iobitmap", "bitmap nr_ports arg via", PHYSDEV(set_iobitmap) },
	{ "physdev.alloc_irq_vector", "irq arg via", PHYSDEV(alloc_irq_vector) },
	{ "physdev.setup_gsi", "gsi triggering polarity arg", PHYSDEV(setup_gsi) },
	{ "physdev.raw", "nr w0 w1 arg via", run_physdev, CALL, 0 },

	{ "poll", "ports timeout_ms fill nr_ports arg ports_arg", run_poll, CALL | OP_BLOCKS, 0 },
	{ "join", "wait_ms", run_join, 0, 0 },
	{ "set_timer", "in_ms", run_set_timer, CALL, 0 },
	{ "vcpu_op", "op vcpu in_ms period_ms flags mfn offset arg", run_vcpu_op, CALL, 0 },
	{ "sleep", "ms", run_sleep, 0, 0 },
	{ "show", "port", run_show, 0, 0 },

	{ "mem.port", "port dom", run_mem_port, 0, 0 },
	{ "mem.shared", "port dom", run_mem_shared, 0, 0 },
	{ "mem.set", "port pending masked linked busy dom", run_mem_set, 0, 0 },
	{ "mem.upcall", "vcpu dom", run_mem_upcall, 0, 0 },
	{ "mem.clear_upcall", "vcpu keep_sel dom", run_mem_clear_upcall, 0, 0 },
	{ "mem.queue", "vcpu prio dom", run_mem_queue, 0, 0 },
	{ "mem.take_ready", "vcpu dom", run_mem_take_ready, 0, 0 },
	{ "mem.pop", "vcpu prio dom", run_mem_pop, 0, 0 },

	{ "mem.bit", "page bit", run_mem_bit, 0, 0 },

	{ "env.domain_create", "id vcpus max_evtchn_port bits", run_domain_create, 0, 0 },
	{ "env.domain_start", "id vcpus max_evtchn_port bits", run_domain_start, 0, 0 },
	{ "env.domain_pause", "id", run_domain_pause, 0, 0 },
	{ "env.domain_unpause", "id", run_domain_unpause, 0, 0 },
	{ "env.domain_destroy", "id", run_domain_destroy, 0, 0 },
	{ "env.map_gsi", "gsi pirq", run_map_gsi, CALL, 0 },
	{ "env.line", "gsi level", run_line, 0, 0 },
	{ "env.debug_key", "key", run_debug_key, 0, 0 },
	{ "env.set_virq_handler", "id virq", run_virq_handler, 0, 0 },

	{ "lx.bind_unbound", "remote_dom", NULL, 0, 0 },
	{ "lx.bind_interdomain", "remote_dom remote_port", NULL, 0, 0 },
	{ "lx.bind_virq", "virq vcpu", NULL, 0, 0 },
	{ "lx.notify", "port", NULL, 0, 0 },
	{ "lx.unbind", "port", NULL, 0, 0 },
	{ "lx.rearm", "port", NULL, 0, 0 },
	{ "lx.read", "wait_ms", NULL, 0, 0 },
	{ 0 },
};
