#include "pace.h"

void
pace_begin(struct pace *p, uint64_t moved, int64_t now_us)
{
	*p = (struct pace){ moved, now_us + PACE_SLACK_US };
}

int64_t
pace_left(struct pace *p, uint64_t moved, int64_t now_us)
{
	uint64_t n = moved > p->moved ? moved - p->moved : 0;
	int64_t most_us = now_us + PACE_SLACK_US;

	p->moved += n;
	/* So many bytes fill it whatever it was. */
	if (n / PACE_RATE > PACE_SLACK_US / 1000000)
		p->due_us = most_us;
	else
		p->due_us += (int64_t)(n * 1000000 / PACE_RATE);
	if (p->due_us > most_us)
		p->due_us = most_us;
	return p->due_us > now_us ? p->due_us - now_us : 0;
}
