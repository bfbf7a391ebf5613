/* SPDX-License-Identifier: MIT */
/*
 * The kernel's printf: what is told of it in pv.h and no more. Where the text goes is console.c's.
 */
#include "internal.h"

struct text {
	char *out;
	size_t size, length;
};

static void put(struct text *t, char c)
{
	if (t->length + 1 < t->size)
		t->out[t->length] = c;
	t->length++;
}

struct spec {
	size_t width;
	bool left, zero, alternate, wide;
};

/* sign: what goes before the digits, at most two characters. */
static void put_field(struct text *t, const struct spec *s, const char *sign, const char *body,
		      size_t n)
{
	size_t used = n, pad;

	for (const char *c = sign; *c; c++)
		used++;
	pad = s->width > used ? s->width - used : 0;
	if (!s->left && !s->zero)
		for (; pad; pad--)
			put(t, ' ');
	while (*sign)
		put(t, *sign++);
	if (!s->left)
		for (; pad; pad--)
			put(t, '0');
	for (size_t i = 0; i < n; i++)
		put(t, body[i]);
	for (; pad; pad--)
		put(t, ' ');
}

static void put_number(struct text *t, const struct spec *s, const char *sign, uint64_t v,
		       unsigned base, bool capital)
{
	const char *digits = capital ? "0123456789ABCDEF" : "0123456789abcdef";
	char body[20];
	size_t at = sizeof(body);

	do {
		body[--at] = digits[v % base];
		v /= base;
	} while (v);
	put_field(t, s, sign, body + at, sizeof(body) - at);
}

static const char *parse_spec(struct spec *s, const char *f)
{
	*s = (struct spec){ 0 };
	for (;; f++) {
		if (*f == '-')
			s->left = true;
		else if (*f == '0')
			s->zero = true;
		else if (*f == '#')
			s->alternate = true;
		else
			break;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		s->width = s->width * 10 + (size_t)(*f - '0');
	for (; *f == 'l' || *f == 'z'; f++)
		s->wide = true;
	return f;
}

int pv_vsnprintf(char *out, size_t size, const char *f, va_list args)
{
	struct text t = { .out = out, .size = size };
	struct spec s;

	for (; *f; f++) {
		if (*f != '%') {
			put(&t, *f);
			continue;
		}
		f = parse_spec(&s, f + 1);
		if (*f == 'd' || *f == 'i') {
			int64_t v = s.wide ? va_arg(args, long) : va_arg(args, int);

			put_number(&t, &s, v < 0 ? "-" : "", v < 0 ? -(uint64_t)v : (uint64_t)v, 10,
				   false);
		} else if (*f == 'u' || *f == 'x' || *f == 'X') {
			uint64_t v = s.wide ? va_arg(args, unsigned long) : va_arg(args, unsigned);

			put_number(&t, &s, s.alternate && v ? "0x" : "", v, *f == 'u' ? 10 : 16,
				   *f == 'X');
		} else if (*f == 'p') {
			put_number(&t, &s, "0x", (uintptr_t)va_arg(args, void *), 16, false);
		} else if (*f == 's') {
			const char *text = va_arg(args, const char *);
			size_t n = 0;

			if (!text)
				text = "(null)";
			while (text[n])
				n++;
			s.zero = false;
			put_field(&t, &s, "", text, n);
		} else if (*f == 'c') {
			char c = (char)va_arg(args, int);

			s.zero = false;
			put_field(&t, &s, "", &c, 1);
		} else if (*f) {
			put(&t, *f);
		} else {
			break;
		}
	}
	if (size)
		out[t.length < size ? t.length : size - 1] = '\0';
	return (int)t.length;
}
