/* stamp - a mark in a message by which it is known again: which run and connection sent
 * it, as which message, and when it was due. So the program remembers nothing of a
 * message on its way, however many there are. It is a word of small letters and '~', fit
 * for JSON strings and identifiers. Pure. */
#ifndef STAMP_H
#define STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum {
	STAMP_SIZE = 40,
	STAMP_FEED = 0x7fffffff, /* the sender of a message that went by way of --feed */
};

struct stamp {
	uint32_t sender; /* number of the connection */
	uint32_t seq;    /* the sender's messages counted, from 0 */
	uint64_t due;    /* nanoseconds of the client's clock */
};

/* Write the stamp to out[STAMP_SIZE]. `run` (its lower 24 bits) tells this run from
 * others. */
void stamp_put(char *out, uint32_t run, const struct stamp *s);

/* Find the first stamp of this run. False when there is none. */
bool stamp_find(struct slice message, uint32_t run, struct stamp *s);

#endif
