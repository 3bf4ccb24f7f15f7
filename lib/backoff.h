/* backoff - how long to wait before the next attempt: doubled each time between two
 * bounds, with jitter. Pure: randomness comes in. */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t min_ms, max_ms; /* bounds; min at least 1 */
	unsigned jitter;        /* per cent taken off at random, 0 to 100 */
	unsigned tries;         /* attempts since the last success */
};

/* The next delay, and one try more. `random` is any random number. */
int64_t backoff_next(struct backoff *b, uint32_t random);

/* An attempt has succeeded for good: begin again at min_ms. */
void backoff_reset(struct backoff *b);

#endif
