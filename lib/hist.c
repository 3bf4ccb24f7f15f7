#include "hist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* Values below 2 << HIST_SUB_BITS have a bucket each. Above, a value is cut to its
 * HIST_SUB_BITS + 1 leading bits; the first of them is always set, and is added to the
 * exponent, so that buckets follow each other without a hole. */
static unsigned
bucket_of(uint64_t v)
{
	unsigned shift;

	if (v >> HIST_MAX_BITS)
		return HIST_BUCKETS - 1;
	if (v < 2u << HIST_SUB_BITS)
		return (unsigned)v;
	shift = 63 - (unsigned)__builtin_clzll(v) - HIST_SUB_BITS;
	return (shift << HIST_SUB_BITS) + (unsigned)(v >> shift);
}

/* The greatest value that falls into a bucket. */
static uint64_t
upper_edge(unsigned bucket)
{
	unsigned shift;
	uint64_t lead;

	if (bucket < 2u << HIST_SUB_BITS)
		return bucket;
	shift = (bucket >> HIST_SUB_BITS) - 1;
	lead = bucket - (shift << HIST_SUB_BITS);
	return ((lead + 1) << shift) - 1;
}

static void
allocate(struct hist *h)
{
	if (!h->bucket)
		h->bucket = mem_zero(HIST_BUCKETS, sizeof(*h->bucket));
}

void
hist_add(struct hist *h, uint64_t value)
{
	allocate(h);
	h->bucket[bucket_of(value)]++;
	if (h->count++ == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->sum += (double)value;
}

void
hist_merge(struct hist *h, const struct hist *from)
{
	if (!from->count)
		return;
	allocate(h);
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		h->bucket[i] += from->bucket[i];
	if (h->count == 0 || from->min < h->min)
		h->min = from->min;
	if (from->max > h->max)
		h->max = from->max;
	h->count += from->count;
	h->sum += from->sum;
}

uint64_t
hist_percentile(const struct hist *h, double percent)
{
	uint64_t rank, seen = 0, edge;

	if (!h->count || percent <= 0)
		return h->min;
	/* 99.9 % of 1000 is the 999th value, although 99.9 is a little more in binary. */
	rank = (uint64_t)ceil(percent / 100 * (double)h->count - 1e-6);
	if (rank >= h->count)
		return h->max;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank && h->bucket[i]) {
			edge = i == HIST_BUCKETS - 1 ? h->max : upper_edge(i);
			return edge < h->max ? edge : h->max;
		}
	}
	return h->max;
}

double
hist_mean(const struct hist *h)
{
	return h->count ? h->sum / (double)h->count : 0;
}

void
hist_reset(struct hist *h)
{
	if (h->bucket)
		memset(h->bucket, 0, HIST_BUCKETS * sizeof(*h->bucket));
	h->count = h->min = h->max = 0;
	h->sum = 0;
}

void
hist_free(struct hist *h)
{
	free(h->bucket);
	*h = (struct hist){ 0 };
}
