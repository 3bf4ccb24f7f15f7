/* bucket - a token bucket, kept as the time at which it will be full again (the generic
 * cell rate algorithm), so it is one number. Pure: the clock comes in, in microseconds
 * of any monotonic clock. */
#ifndef BUCKET_H
#define BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "num.h"

struct bucket {
	int64_t full_us; /* {0} is a full bucket */
};

/* Take n tokens from a bucket of rate->burst tokens that gains rate->count in
 * rate->per_ms. False, and nothing is taken, when there are fewer. A rate whose count is
 * 0 has no limit. */
bool bucket_take(struct bucket *b, const struct num_rate *rate, int64_t n, int64_t now_us);

/* Microseconds until n tokens are there; 0 when they are. More than rate->burst never
 * are: then the time for a full bucket. */
int64_t bucket_wait(const struct bucket *b, const struct num_rate *rate, int64_t n,
    int64_t now_us);

#endif
