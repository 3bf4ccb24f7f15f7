/* outq - messages on their way out, in order. */
#ifndef OUTQ_H
#define OUTQ_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

struct outmsg {
	struct outmsg *next;
	bool binary;
	bool ours;    /* made by ws-connect itself: made again for each connection */
	uint64_t end; /* wire.c: offset in the connection's output behind this message */
	size_t n;
	char p[];
};

/* {0} is an empty queue. It owns its messages. */
struct outq {
	struct outmsg *first, *last;
	size_t count, bytes; /* bytes: the messages' payload and bookkeeping */
};

/* A message with a copy of `body`. Release with free(3). */
struct outmsg *outmsg_new(struct slice body, bool binary, bool ours);

void outq_push(struct outq *q, struct outmsg *m);

/* The oldest message, now the caller's; NULL when there is none. */
struct outmsg *outq_pop(struct outq *q);

/* Put all of `head` before what is in q; head is empty then. */
void outq_prepend(struct outq *q, struct outq *head);

/* Release the oldest message of the user's. False when there is none. */
bool outq_drop_oldest(struct outq *q);

/* Release the messages that are ours, or all. */
void outq_drop_ours(struct outq *q);
void outq_free(struct outq *q);

#endif
