/* bytes - big-endian numbers in binary data (network byte order): a reader that cannot
 * run over the end, and writers. Pure. */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

/* Reads behind the end give 0 or an empty slice and set `bad`, so that a parser may read
 * a whole structure and ask once. */
struct bytes_reader {
	struct slice left;
	bool bad;
};

static inline struct bytes_reader
bytes_reader(struct slice s)
{
	return (struct bytes_reader){ .left = s };
}

/* The next n bytes, borrowed. */
static inline struct slice
bytes_take(struct bytes_reader *r, size_t n)
{
	struct slice s = { r->left.p, n };

	if (r->bad || n > r->left.n) {
		r->bad = true;
		r->left.n = 0;
		return (struct slice){ "", 0 };
	}
	r->left = slice_from(r->left, n);
	return s;
}

static inline uint64_t
bytes_uint(struct bytes_reader *r, unsigned size)
{
	struct slice s = bytes_take(r, size);
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | (unsigned char)s.p[i];
	return v;
}

static inline uint8_t
bytes_u8(struct bytes_reader *r)
{
	return (uint8_t)bytes_uint(r, 1);
}

static inline uint16_t
bytes_u16(struct bytes_reader *r)
{
	return (uint16_t)bytes_uint(r, 2);
}

static inline uint32_t
bytes_u32(struct bytes_reader *r)
{
	return (uint32_t)bytes_uint(r, 4);
}

static inline uint64_t
bytes_u64(struct bytes_reader *r)
{
	return bytes_uint(r, 8);
}

static inline void
bytes_put(struct buf *b, uint64_t v, unsigned size)
{
	while (size--)
		buf_byte(b, (char)(v >> 8 * size));
}

static inline void
bytes_put_u16(struct buf *b, uint16_t v)
{
	bytes_put(b, v, 2);
}

static inline void
bytes_put_u32(struct buf *b, uint32_t v)
{
	bytes_put(b, v, 4);
}

static inline void
bytes_put_u64(struct buf *b, uint64_t v)
{
	bytes_put(b, v, 8);
}

/* Into the four bytes at `at`, which are there: a length that is known only behind it. */
static inline void
bytes_set_u32(struct buf *b, size_t at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		b->p[at + (size_t)i] = (char)(v >> (24 - 8 * i));
}

#endif
