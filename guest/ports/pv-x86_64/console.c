/* SPDX-License-Identifier: MIT */
/*
 * Where text goes. Xen's emergency console takes it by hypercall, before anything else works; on a
 * Xen host that drops it for ordinary domains the PV console ring would be written here, too. How
 * text is made is format.c's.
 */
#include "internal.h"

#define LINE 256

void pv_console_write(const char *text, size_t n)
{
	pv_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, n, pv_arg(text), 0, 0);
}

int pv_snprintf(char *out, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = pv_vsnprintf(out, size, format, args);
	va_end(args);
	return n;
}

static void vprint(const char *format, va_list args)
{
	char line[LINE];
	int n = pv_vsnprintf(line, sizeof(line), format, args);

	pv_console_write(line, n < LINE ? (size_t)n : LINE - 1);
}

void pv_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint(format, args);
	va_end(args);
}

void pv_panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint(format, args);
	va_end(args);
	pv_console_write("\n", 1);
	pv_shutdown(SHUTDOWN_crash);
}

void pv_emit_line(void *arg, const char *line)
{
	(void)arg;
	pv_printf("%s\n", line);
}
