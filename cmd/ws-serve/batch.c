#include "batch.h"

#include <stdlib.h>

#include "frame.h"
#include "mem.h"

enum {
	POOL_BATCHES = 4096,     /* kept for the next turn */
	POOL_BYTES = 64 << 10,   /* a larger blob is released instead */
};

void
blob_drop(struct blob *b)
{
	if (--b->refs)
		return;
	free(b->p);
	free(b);
}

struct blob *
blob_new(void)
{
	struct blob *b = mem_zero(1, sizeof(*b));

	b->refs = 1;
	return b;
}

struct batch *
batch_take(struct batch_pool *pool)
{
	struct batch *b = pool->free;

	if (b) {
		pool->free = b->next;
		pool->kept--;
	} else {
		b = mem_zero(1, sizeof(*b));
	}
	if (!b->blob)
		b->blob = blob_new();
	b->count = 0;
	b->excepts = false;
	b->blob->n = 0;
	return b;
}

void
batch_give(struct batch_pool *pool, struct batch *b)
{
	if (b->packed) {
		batch_give(pool, b->packed);
		b->packed = NULL;
	}
	if (b->blob->refs > 1 || b->blob->cap > POOL_BYTES) {
		blob_drop(b->blob);
		b->blob = NULL;
	}
	if (pool->kept == POOL_BATCHES) {
		if (b->blob)
			blob_drop(b->blob);
		free(b->marks);
		free(b);
		return;
	}
	b->next = pool->free;
	pool->free = b;
	pool->kept++;
}

void
batch_pool_free(struct batch_pool *pool)
{
	while (pool->free) {
		struct batch *b = pool->free;

		pool->free = b->next;
		if (b->blob)
			blob_drop(b->blob);
		free(b->marks);
		free(b);
	}
	pool->kept = 0;
}

/* Room for n bytes more; grown by half, since batches of one room repeat in size. */
static char *
reserve(struct blob *b, size_t n)
{
	if (b->cap - b->n < n) {
		b->cap = b->n + n + b->cap / 2;
		if (b->cap < 512)
			b->cap = 512;
		b->p = mem_resize(b->p, b->cap, 1);
	}
	return b->p + b->n;
}

void
blob_add(struct blob *b, struct slice bytes)
{
	memcpy(reserve(b, bytes.n), bytes.p, bytes.n);
	b->n += bytes.n;
}

static void
mark(struct batch *b, uint32_t order)
{
	if (b->count == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 8;
		b->marks = mem_resize(b->marks, b->cap, sizeof(*b->marks));
	}
	b->marks[b->count++] = (struct mark){ order, (uint32_t)b->blob->n, NULL };
}

static void
add(struct batch *b, uint32_t order, struct slice body, bool packed, bool binary,
    size_t fragment)
{
	enum frame_opcode opcode = binary ? FRAME_BINARY : FRAME_TEXT;

	mark(b, order);
	do {
		size_t n = body.n > fragment ? fragment : body.n;
		char *p = reserve(b->blob, FRAME_SERVER_MAX + n);
		size_t h = frame_header_bits((unsigned char *)p, &(struct frame){
			.opcode = opcode, .rsv1 = packed, .fin = n == body.n, .length = n });

		if (n)
			memcpy(p + h, body.p, n);
		b->blob->n += h + n;
		body = slice_from(body, n);
		opcode = FRAME_CONTINUATION;
		packed = false;
	} while (body.n);
}

void
batch_add(struct batch *b, uint32_t order, struct slice body, bool binary, size_t fragment)
{
	add(b, order, body, false, binary, fragment);
}

void
batch_add_packed(struct batch *b, uint32_t order, struct slice body, bool binary,
    size_t fragment)
{
	add(b, order, body, true, binary, fragment);
}

void
batch_except(struct batch *b, struct conn *c)
{
	b->marks[b->count - 1].except = c;
	b->excepts = true;
}

void
batch_copy(struct batch *b, uint32_t order, struct slice frames)
{
	mark(b, order);
	blob_add(b->blob, frames);
}

struct slice
batch_message(const struct batch *b, uint32_t i)
{
	size_t end = i + 1 < b->count ? b->marks[i + 1].at : b->blob->n;

	return slice_of(b->blob->p + b->marks[i].at, end - b->marks[i].at);
}

size_t
batch_piece(const char *p, size_t n, size_t most)
{
	size_t at = 0;

	if (n <= most)
		return n;
	while (at < n) {
		struct frame f;
		size_t length;

		if (frame_decode(slice_of(p + at, n - at), false, true, &f, NULL) != FRAME_OK)
			return n;
		length = f.header + (size_t)f.length;
		if (at && at + length > most)
			break;
		at += length;
	}
	return at;
}
