/* inflight - the deliveries that are not yet acknowledged: our tags, counted over the
 * whole life of a program, and the broker's, which begin anew with each connection. The
 * broker closes the channel for a tag that it does not wait for; so each acknowledgement
 * from outside is checked here first. Pure. */
#ifndef INFLIGHT_H
#define INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inflight {
	uint64_t last;   /* our tag given last; 0: none */
	uint64_t begin;  /* the broker's tag is ours less this */
	uint64_t done;   /* all tags up to here are settled (or of an older connection) */
	uint64_t out;    /* not settled */
	bool *rejected;  /* ring, by tag: settled out of turn */
	size_t size;     /* of the ring */
};

/* At most `most` deliveries are out at a time (the prefetch count). Free with
 * inflight_free. */
void inflight_init(struct inflight *f, size_t most);
void inflight_free(struct inflight *f);

/* A delivery has come; returns our tag for it, 0 when the broker sent more than `most`. */
uint64_t inflight_add(struct inflight *f);

/* A new connection: what was out is stale, and will come again with new tags. */
void inflight_restart(struct inflight *f);

enum inflight_answer {
	INFLIGHT_OK,      /* *tag is what to tell the broker */
	INFLIGHT_STALE,   /* settled before, or of an older connection: nothing to tell */
	INFLIGHT_UNKNOWN, /* never given */
};

/* Our tag `t` and all before it are done: *tag for an ack with "multiple". */
enum inflight_answer inflight_ack(struct inflight *f, uint64_t t, uint64_t *tag);

/* This one is refused: *tag for a reject. */
enum inflight_answer inflight_reject(struct inflight *f, uint64_t t, uint64_t *tag);

#endif
