/* queue - what the kernel did not take: references to encoded messages, for each
 * connection in order, bounded for each (--client-queue) and in all (--queue-total).
 * At the bound --slow decides: end the connection, drop the oldest messages, or hold
 * the sources of commands until it has drained. One message is always taken, whatever
 * its size, when nothing is queued. */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;
struct conn;
struct server;
struct source;

enum queue_doom { QUEUE_SLOW, QUEUE_BROKEN };

struct queue_ctl {
	struct server *server;
	uint64_t bytes;        /* queued in all */
	struct doomed {
		struct conn *conn;
		enum queue_doom why;
	} *doomed;             /* to be ended by queue_settle */
	uint32_t doomed_n, doomed_cap;
	uint32_t blocking;     /* connections that sources wait for */
	struct source *source; /* whose commands run now */
	struct source *held;   /* those that wait */
};

void queue_init(struct queue_ctl *q, struct server *s);
void queue_free(struct queue_ctl *q);

/* Queue the whole frames [at, at + n) of the blob. */
void queue_add(struct queue_ctl *q, struct conn *c, struct blob *blob, size_t at, size_t n);

/* lws was given n bytes and keeps some of them. */
void queue_in_lws(struct queue_ctl *q, struct conn *c, size_t n);

/* c can be written to: write once, what fits into one write. -1: the connection is
 * broken. */
int queue_writable(struct queue_ctl *q, struct conn *c);

/* Release all that is queued for c. */
void queue_forget(struct queue_ctl *q, struct conn *c);

/* Note that c has to end, or forget that; queue_settle ends those that were noted. */
void queue_doom(struct queue_ctl *q, struct conn *c, enum queue_doom why);
void queue_spare(struct queue_ctl *q, struct conn *c);
void queue_settle(struct queue_ctl *q);

void queue_unblock(struct queue_ctl *q, struct conn *c);
void queue_source_gone(struct queue_ctl *q, struct source *source);

#endif
