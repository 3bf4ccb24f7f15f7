/* hist - a log-linear histogram: values of any unit, counted in buckets that are never
 * wider than a thousandth of the value, so that three significant digits are right
 * (the layout of HdrHistogram). Pure. {0} is a valid empty one; it takes about 270 KiB
 * from the first value on, however many there are. */
#ifndef HIST_H
#define HIST_H

#include <stdint.h>

enum {
	HIST_SUB_BITS = 10, /* buckets to each power of two: 1 << HIST_SUB_BITS */
	HIST_MAX_BITS = 42, /* values from 1 << HIST_MAX_BITS on share the last bucket:
			     * in nanoseconds, 73 minutes */
	HIST_BUCKETS = (HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS,
};

struct hist {
	uint64_t *bucket; /* HIST_BUCKETS of them, or NULL while empty */
	uint64_t count;
	uint64_t min, max; /* exact; min is 0 while empty */
	double sum;
};

void hist_add(struct hist *h, uint64_t value);

/* Add all of `from` to `h`. */
void hist_merge(struct hist *h, const struct hist *from);

/* The value that `percent` (0 to 100) of the values do not exceed, by nearest rank: the
 * upper edge of its bucket, never above the greatest value. 100 is the greatest value
 * itself, 0 the least. 0 when there is no value. */
uint64_t hist_percentile(const struct hist *h, double percent);

/* 0 when there is no value. */
double hist_mean(const struct hist *h);

/* Forget the values, keep the memory. */
void hist_reset(struct hist *h);

void hist_free(struct hist *h);

#endif
