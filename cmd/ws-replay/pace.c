#include "pace.h"

void
pace_begin(struct pace *p, int64_t start)
{
	p->begun = false;
	p->start = p->deadline = start;
	p->cut = 0;
}

int64_t
pace_deadline(struct pace *p, int64_t due)
{
	double ns;

	if (!p->begun) {
		p->begun = true;
		p->first = p->last = due;
	}
	if (due > p->last) {
		if (p->max_gap && due - p->last > p->max_gap)
			p->cut += due - p->last - p->max_gap;
		p->last = due;
	}
	if (p->speed > 0) {
		/* A double holds a year of microseconds to the nanosecond. */
		ns = (double)(p->last - p->first - p->cut) * 1000 / p->speed;
		p->deadline = ns < 9e18 - (double)p->start ? p->start + (int64_t)ns : INT64_MAX;
	}
	return p->deadline;
}
