/* flood - a message that may repeat by the thousand is said ten times in ten seconds;
 * then how many more there were, at the end of the program at the latest. One struct for
 * each message, static, {0} at first. */
#ifndef FLOOD_H
#define FLOOD_H

#include <stdint.h>

struct flood {
	int64_t since_ms;   /* beginning of the ten seconds */
	unsigned said;
	uint64_t held;      /* not said since then */
	char *last;         /* the last that was said before others were held */
	struct flood *next; /* of those with a last */
};

/* msg_warn, unless there were too many of these. */
void flood_warn(struct flood *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
