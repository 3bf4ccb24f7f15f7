/* topology - what amqp-tap listens to: exchanges with their bindings, a queue, and how to
 * have them on a fresh connection. Filled from options, then read-only but for what a
 * connection finds out. */
#ifndef TOPOLOGY_H
#define TOPOLOGY_H

#include "opt.h"
#include "rmq.h"

struct source {
	const char *exchange;
	struct opt_list keys;
	struct buf match;          /* JSON object of header arguments, without its end */
	char *declare;             /* type, to declare the exchange; NULL: it must exist */
	bool declare_durable;
};

struct topology {
	struct source *sources;
	size_t n;
	const char *queue;         /* NULL: a queue of our own, for the time of the tap */
	bool declare, durable, no_ack;
	struct buf arguments;      /* of the queue: JSON object without its end */
	int64_t tap_limit;         /* bytes the own queue may hold */
	int64_t prefetch;
	const char *offset;        /* of a stream, as given; NULL: none */
	/* found out */
	char name[256];            /* of the queue */
	bool seen;                 /* of a stream: some message, the last at last_offset */
	int64_t last_offset;
};

/* Options, in the order given. NULL, or a static reason why the value is wrong. */
const char *topology_exchange(struct topology *t, const char *name);
const char *topology_key(struct topology *t, const char *key);
const char *topology_match(struct topology *t, const char *header);
const char *topology_declare(struct topology *t, const char *type);
const char *topology_argument(struct topology *t, const char *argument);

/* NULL, or why the options do not go together (static text). */
const char *topology_check(const struct topology *t);

/* Declare, bind and consume on an open connection. RMQ_OK or r->status; a reason of our
 * own is in r->why as well. */
enum rmq_status topology_set_up(struct topology *t, struct rmq *r);

void topology_free(struct topology *t);

#endif
