/* deliver - encoded messages into the sockets of connections: to the kernel when nothing
 * is before them, with one system call for many connections where it has io_uring; else,
 * and what the kernel does not take, into the connection's queue. */
#ifndef DELIVER_H
#define DELIVER_H

#include <stddef.h>
#include <stdint.h>

#include "ring.h"

struct blob;
struct conn;
struct queue_ctl;

struct delivery {
	struct queue_ctl *queues;
	struct ring *ring; /* NULL: each send is a call of its own */
	uint32_t n;        /* for the ring, not sent yet */
	struct deliverable {
		struct conn *conn;
		struct blob *blob;
		size_t at;
	} waiting[RING_DEPTH];
	struct ring_send sends[RING_DEPTH]; /* of those */
};

void deliver_init(struct delivery *d, struct queue_ctl *queues, struct ring *ring);
void deliver_free(struct delivery *d);

/* The whole frames [at, at + n) of the blob for c, which is not closing; until
 * deliver_flush nothing more for it, and the blob stays as it is. Ends no connection: a
 * broken one is noted (queue_doom). */
void deliver(struct delivery *d, struct conn *c, struct blob *blob, size_t at, size_t n);

/* Send what waits. */
void deliver_flush(struct delivery *d);

#endif
