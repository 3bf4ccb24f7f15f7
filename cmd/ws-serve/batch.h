/* batch - encoded messages of one turn, one behind the other, with the place of each in
 * the order of all. The bytes stand in a counted blob, so that a connection whose kernel
 * buffer is full can keep a reference instead of a copy. */
#ifndef BATCH_H
#define BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

struct blob {
	uint32_t refs;
	size_t n, cap;
	char *p;
};

struct conn;

/* One message of a batch. */
struct mark {
	uint32_t order;      /* among all messages of the turn */
	uint32_t at;         /* offset of its first frame */
	struct conn *except; /* send.c: who does not get it, NULL: all do */
};

struct batch {
	struct blob *blob;
	struct mark *marks;
	uint32_t count, cap;
	bool excepts;         /* a mark has an `except` */
	struct batch *packed; /* pack.h; NULL: not made */
	struct batch *next;   /* pool */
};

/* Batches that are not used now; {0} is an empty one. */
struct batch_pool {
	struct batch *free;
	uint32_t kept;
};

/* An empty batch. */
struct batch *batch_take(struct batch_pool *pool);

/* Give it back, and what is packed of it. References to blobs stay good. */
void batch_give(struct batch_pool *pool, struct batch *b);
void batch_pool_free(struct batch_pool *pool);

/* Append a message, as frames of at most `fragment` bytes of payload. */
void batch_add(struct batch *b, uint32_t order, struct slice body, bool binary,
    size_t fragment);

/* The same with a body that is packed: RSV1 marks the message (RFC 7692 section 6). */
void batch_add_packed(struct batch *b, uint32_t order, struct slice body, bool binary,
    size_t fragment);

/* The last message is not for c. */
void batch_except(struct batch *b, struct conn *c);

/* Append a message that is encoded already; an empty one keeps the place of one that is
 * left out. */
void batch_copy(struct batch *b, uint32_t order, struct slice frames);

/* The frames of message i. */
struct slice batch_message(const struct batch *b, uint32_t i);

/* Length of the whole frames, of the n bytes of them at p, that fit into `most` bytes;
 * one at least. */
size_t batch_piece(const char *p, size_t n, size_t most);

static inline void
blob_hold(struct blob *b)
{
	b->refs++;
}

void blob_drop(struct blob *b);

/* An empty blob with one reference; and more bytes behind those in b. */
struct blob *blob_new(void);
void blob_add(struct blob *b, struct slice bytes);

#endif
