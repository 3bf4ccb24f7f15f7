/* pass - one line through the routes: what comes of it goes to stdout, what cannot be
 * dealt with is reported and goes to the dead letters.
 *
 * Per event: each route that takes it runs; its outputs count only when it ends without
 * an error. The event's `time` goes on every output that has none, its `tag` on the last
 * output of all, or on a line of its own when there is none. */
#ifndef PASS_H
#define PASS_H

#include <stdint.h>

#include "event.h"
#include "out.h"
#include "router.h"
#include "side.h"

struct pass {
	/* Set by the caller. */
	struct router *router;
	struct out *out;
	const char *subject;   /* --subject, or NULL */
	size_t max_line;       /* longest output line, bytes */
	size_t max_output;     /* most output of one event, bytes */
	size_t max_event;      /* most memory that the values of one event may take, bytes */
	bool explain;
	struct side dead, unmatched;
	struct buf *reasons;   /* when set: reasons go here, a line each, not to stderr, and
	                        * output stays in out->b */

	/* Counted. */
	uint64_t lines, events, rejected, unrouted, written;

	/* Of the event at hand. */
	struct event event;
	uint64_t number;       /* of its line */
	struct route *route;   /* that runs; NULL between runs */
	size_t begin;          /* where the event's output begins in out->b */
	uint64_t outputs;      /* of this route */
	struct buf why;
};

/* Take line `number`. The output is in p->out->b, written when that grows large. */
void pass_line(struct pass *p, struct slice line, uint64_t number);

/* Line `number` was longer than `max` bytes and is lost. */
void pass_too_long(struct pass *p, uint64_t number, size_t max);

#endif
