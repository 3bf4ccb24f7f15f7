/* pace - whether a peer is too slow to hold its place. It has PACE_SLACK_US to begin
 * with; time uses that up, and each byte that moves brings 1/PACE_RATE of a second back.
 * So it may rest for that long, and in the long run must do PACE_RATE. Pure: the clock
 * comes in, in microseconds of any monotonic clock. */
#ifndef PACE_H
#define PACE_H

#include <stdint.h>

enum {
	PACE_SLACK_US = 30000000,
	PACE_RATE = 1024, /* bytes a second */
};

struct pace {
	uint64_t moved;
	int64_t due_us;
};

/* Begin to watch a peer that has moved so many bytes by now. */
void pace_begin(struct pace *p, uint64_t moved, int64_t now_us);

/* It has moved so many bytes by now; fewer than before count as none. Returns how many
 * microseconds it may go on without moving any: look again then. 0: it is too slow. */
int64_t pace_left(struct pace *p, uint64_t moved, int64_t now_us);

#endif
