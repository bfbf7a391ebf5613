/* SPDX-License-Identifier: MIT */
/*
 * Everything that a running machine writes on stderr goes through here, a whole line in one write.
 * Guests' bytes are made harmless: no escape sequence of a guest reaches the terminal.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

#define ERASE "\r\033[K"

void console_init(struct console *c)
{
	*c = (struct console){ 0 };
	pthread_mutex_init(&c->lock, NULL);
}

static void write_all(const char *text, size_t n)
{
	while (n) {
		ssize_t done = write(STDERR_FILENO, text, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* nobody listens: nothing better to do */
		text += done;
		n -= (size_t)done;
	}
}

/* Called with the lock held. */
static void put_line(struct console *c, const char *prefix, const char *text, size_t n)
{
	char buffer[2048];
	int len = snprintf(buffer, sizeof(buffer), "%s%s: %.*s\n", c->progress_shown ? ERASE : "",
			   prefix, (int)n, text);

	c->progress_shown = false;
	if (len >= (int)sizeof(buffer)) {
		len = sizeof(buffer) - 1;
		buffer[len - 1] = '\n';
	}
	write_all(buffer, (size_t)len);
}

/*
 * Is this byte text to a terminal that speaks UTF-8? Of 0x80 to 0x9f only what continues a letter:
 * alone, and behind c2, they are control characters, CSI among them.
 */
static bool is_text(const struct console_line *line, unsigned char ch)
{
	unsigned char before = line->n ? (unsigned char)line->text[line->n - 1] : 0;

	if (ch >= 0x80 && ch < 0xa0)
		return before >= 0x80 && before != 0xc2;
	return (ch >= ' ' && ch != 127) || ch == '\t';
}

static void put_guest_line(struct console *c, const char *name, struct console_line *line)
{
	put_line(c, name, line->text, line->n);
	line->n = 0;
}

void console_guest(struct console *c, const char *name, struct console_line *line, const char *text,
		   size_t n)
{
	size_t i;

	pthread_mutex_lock(&c->lock);
	for (i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)text[i];

		if (ch == '\n') {
			put_guest_line(c, name, line);
			continue;
		}
		if (ch == '\r')
			continue;
		if (line->n == sizeof(line->text))
			put_guest_line(c, name, line); /* too long: it goes on in the next */
		line->text[line->n] = is_text(line, ch) ? (char)ch : '?';
		line->n++;
	}
	pthread_mutex_unlock(&c->lock);
}

void console_guest_end(struct console *c, const char *name, struct console_line *line)
{
	pthread_mutex_lock(&c->lock);
	if (line->n)
		put_guest_line(c, name, line);
	pthread_mutex_unlock(&c->lock);
}

void console_say(struct console *c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&c->lock);
	put_line(c, "carillon", text, strlen(text));
	pthread_mutex_unlock(&c->lock);
}

void console_progress(struct console *c, const char *text)
{
	char buffer[256];
	int len;

	pthread_mutex_lock(&c->lock);
	if (*text || c->progress_shown) {
		len = snprintf(buffer, sizeof(buffer), ERASE "%s", text);
		write_all(buffer, (size_t)len);
	}
	c->progress_shown = *text;
	pthread_mutex_unlock(&c->lock);
}
