/* guard - what a server sends, checked before libwebsockets sees it.
 * libwebsockets 4.1 takes masked server frames, reads past lengths that are not minimal
 * and changes close codes; so each frame is checked here against RFC 6455 section 5,
 * and only sound ones are handed on. A data frame is handed on in pieces, as fragments,
 * as it comes in: so libwebsockets never inflates more at a time than one such piece.
 * Pure; allocates only in the caller's buffer. */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "frame.h"
#include "slice.h"

struct guard {
	bool deflate;         /* permessage-deflate was agreed on: RSV1 may be set */
	uint64_t max_message; /* bytes of a message as it comes over the network */

	struct frame frame;
	uint64_t left;    /* payload of `frame` that has not passed yet */
	bool begun;       /* a piece of it has passed */
	bool fragmented;  /* within a message whose last frame has not come */
	uint64_t message; /* bytes of that message so far */

	/* The server's Close frame, once it has passed. */
	unsigned close_code; /* 0: none yet; 1005: without a code */
	char close_reason[FRAME_CONTROL_MAX];
	size_t close_reason_n;
};

/* Append to *out what may be handed on of the bytes at the beginning of `in`, and return
 * how many that are: headers when they are whole, payload as it comes, control frames
 * only whole. Ends behind a control frame, so that the reader can answer one ping before
 * the next. 0: more is needed. -1: malformed; *why says how
 * (static text) and *code is the close code to answer with. Nothing passes behind a
 * Close frame. */
ssize_t guard_pass(struct guard *g, struct slice in, struct buf *out, unsigned *code,
    const char **why);

#endif
