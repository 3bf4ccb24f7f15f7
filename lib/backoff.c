#include "backoff.h"

int64_t
backoff_next(struct backoff *b, uint32_t random)
{
	int64_t delay = b->min_ms < 1 ? 1 : b->min_ms;

	for (unsigned i = 0; i < b->tries && delay < b->max_ms; i++)
		delay *= 2;
	if (delay > b->max_ms)
		delay = b->max_ms;
	if (b->tries < 63)
		b->tries++;
	if (b->jitter) {
		unsigned share = b->jitter > 100 ? 100 : b->jitter;

		delay -= (int64_t)((__int128)delay * share * random / 100 / UINT32_MAX);
	}
	return delay < 1 ? 1 : delay;
}

void
backoff_reset(struct backoff *b)
{
	b->tries = 0;
}
