#include "bucket.h"

/* A token more becomes available every so many microseconds. Rates are counted in whole
 * batches of tokens, so that 3/1s does not lose a microsecond each time. */
static int64_t
span_us(const struct num_rate *rate, int64_t tokens)
{
	__int128 us = (__int128)tokens * rate->per_ms * 1000 / rate->count;

	return us > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)us;
}

int64_t
bucket_wait(const struct bucket *b, const struct num_rate *rate, int64_t n, int64_t now_us)
{
	int64_t room, full = b->full_us > now_us ? b->full_us : now_us;

	if (!rate->count)
		return 0;
	if (n > rate->burst)
		return full - now_us;
	/* Taking n puts the time at which it is full that much off, and it may be no
	 * further off than an empty bucket's. */
	room = span_us(rate, rate->burst) - span_us(rate, n);
	return full - now_us > room ? full - now_us - room : 0;
}

bool
bucket_take(struct bucket *b, const struct num_rate *rate, int64_t n, int64_t now_us)
{
	if (!rate->count)
		return true;
	if (n > rate->burst || bucket_wait(b, rate, n, now_us))
		return false;
	if (b->full_us < now_us)
		b->full_us = now_us;
	b->full_us += span_us(rate, n);
	return true;
}
