/* buf - a growing byte buffer. {0} is a valid empty one. Owns its memory; slices of
 * it last until the next call that may grow it. Growth fails as mem.h says. */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "slice.h"

struct buf {
	char *p;
	size_t n;   /* bytes used */
	size_t cap; /* bytes allocated */
};

/* Room for `more` bytes behind b->n; returns where they go. The caller adds to b->n. */
char *buf_reserve(struct buf *b, size_t more);

void buf_add(struct buf *b, const char *p, size_t n);
void buf_slice(struct buf *b, struct slice s);
void buf_str(struct buf *b, const char *s);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* A number in decimal. */
void buf_u64(struct buf *b, unsigned long long v);
void buf_i64(struct buf *b, long long v);

/* One byte. Inline: the writers of JSON call it most. */
static inline void
buf_byte(struct buf *b, char c)
{
	if (b->n == b->cap)
		buf_reserve(b, 1);
	b->p[b->n++] = c;
}

/* Drop the first n bytes (what was written out); the rest moves to the front. */
void buf_drop(struct buf *b, size_t n);

/* Forget the content, keep the memory. */
static inline void
buf_clear(struct buf *b)
{
	b->n = 0;
}

static inline struct slice
buf_view(const struct buf *b)
{
	return (struct slice){ b->p, b->n };
}

/* The content terminated by a NUL that does not count in b->n. */
char *buf_cstr(struct buf *b);

/* Release the memory; the buffer is an empty one again. */
void buf_free(struct buf *b);

#endif
