/* send_private - what a turn has collected: send.c fills it, send_write.c empties it. */
#ifndef SEND_PRIVATE_H
#define SEND_PRIVATE_H

#include <ev.h>

#include "batch.h"
#include "conn.h"
#include "deliver.h"
#include "queue.h"
#include "send.h"

/* A message for one connection: number `message` of `singles`. Nodes are numbered from
 * 1; those of one connection are linked, the newest first. */
struct single {
	struct conn *conn;
	uint32_t message, next;
};

struct sender {
	uint32_t turn, order; /* both counted from 1 */
	struct room **dirty;  /* rooms with a batch */
	uint32_t dirty_n, dirty_cap;
	struct batch *singles; /* messages for single connections, in their order */
	struct single *single;
	uint32_t single_n, single_cap;
	struct conn **touched; /* connections with singles, each once */
	uint32_t touched_n, touched_cap;
	struct merging *from;  /* send_write.c */
	uint32_t from_cap;
	struct batch_pool pool;
	struct batch *merged;  /* what was merged and may not have been sent yet */
	size_t merged_bytes;
	uint32_t stamp;        /* of the last walk over members */
	bool flushing;
	uint64_t addressees;   /* of all that has collected */
	ev_idle rest;          /* active while it waits for more */
	int64_t waiting_us;    /* since when */
	struct queue_ctl queues;
	struct delivery delivery;
	void (*tap)(void *ctx, struct conn *c, struct slice frames);
	void *tap_ctx;
};

/* First look at c in this turn: what it knows of another one is old. */
static inline void
send_visit(struct sender *x, struct conn *c)
{
	if (c->turn != x->turn) {
		c->turn = x->turn;
		c->dirty = c->direct = 0;
	}
}

#endif
