#include "buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

char *
buf_reserve(struct buf *b, size_t more)
{
	size_t want = b->n + more;

	if (want < b->n)
		want = SIZE_MAX; /* refused by mem_resize */
	if (want > b->cap) {
		size_t cap = b->cap > SIZE_MAX / 2 ? want : b->cap * 2;

		if (cap < want)
			cap = want;
		if (cap < 64)
			cap = 64;
		b->p = mem_resize(b->p, cap, 1);
		b->cap = cap;
	}
	return b->p + b->n;
}

void
buf_add(struct buf *b, const char *p, size_t n)
{
	if (n) {
		memcpy(buf_reserve(b, n), p, n);
		b->n += n;
	}
}

void
buf_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.n);
}

void
buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	buf_reserve(b, 64);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	if (n > 0) {
		if ((size_t)n >= b->cap - b->n)
			vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void
buf_u64(struct buf *b, unsigned long long v)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

void
buf_i64(struct buf *b, long long v)
{
	if (v < 0)
		buf_byte(b, '-');
	buf_u64(b, v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v);
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	if (n) {
		memmove(b->p, b->p + n, b->n - n);
		b->n -= n;
	}
}

char *
buf_cstr(struct buf *b)
{
	*buf_reserve(b, 1) = '\0';
	return b->p;
}

void
buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}
