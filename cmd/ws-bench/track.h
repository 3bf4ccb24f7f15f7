/* track - what one receiver has got of one sender's numbered messages: new ones, ones
 * that come a second time, ones that were overtaken. Pure. */
#ifndef TRACK_H
#define TRACK_H

#include <stdint.h>

enum { TRACK_WINDOW = 64 }; /* messages behind the newest that are known one by one */

struct track {
	uint32_t base; /* the first message that counts */
	uint32_t next; /* the highest number seen, plus one */
	uint64_t seen; /* bit i: message next - 1 - i was received */
};

enum track_result {
	TRACK_NEW,     /* in order, perhaps behind a gap */
	TRACK_LATE,    /* overtaken by one sent after it; the first time it comes */
	TRACK_AGAIN,   /* received before. So is counted what is more than TRACK_WINDOW
			* messages late, since it cannot be told apart: a loss is rather
			* reported than hidden */
	TRACK_FOREIGN, /* sent before `base`: does not count */
};

/* Begin at message `base`: earlier ones do not count. */
void track_begin(struct track *t, uint32_t base);

enum track_result track_add(struct track *t, uint32_t seq);

#endif
