#include "inflight.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

void
inflight_init(struct inflight *f, size_t most)
{
	*f = (struct inflight){ .size = most, .rejected = mem_zero(most, sizeof(bool)) };
}

void
inflight_free(struct inflight *f)
{
	free(f->rejected);
	*f = (struct inflight){ 0 };
}

static bool *
slot(struct inflight *f, uint64_t t)
{
	return &f->rejected[t % f->size];
}

uint64_t
inflight_add(struct inflight *f)
{
	if (f->last - f->done == f->size)
		return 0;
	f->last++;
	f->out++;
	*slot(f, f->last) = false;
	return f->last;
}

void
inflight_restart(struct inflight *f)
{
	f->begin = f->done = f->last;
	f->out = 0;
}

enum inflight_answer
inflight_ack(struct inflight *f, uint64_t t, uint64_t *tag)
{
	uint64_t highest = 0;

	if (t > f->last || !t)
		return INFLIGHT_UNKNOWN;
	if (t <= f->done)
		return INFLIGHT_STALE;
	/* The broker must still wait for the tag it is told, also with "multiple". */
	for (uint64_t i = f->done + 1; i <= t; i++)
		if (!*slot(f, i)) {
			highest = i;
			f->out--;
		}
	f->done = t;
	*tag = highest - f->begin;
	return highest ? INFLIGHT_OK : INFLIGHT_STALE;
}

enum inflight_answer
inflight_reject(struct inflight *f, uint64_t t, uint64_t *tag)
{
	if (t > f->last || !t)
		return INFLIGHT_UNKNOWN;
	if (t <= f->done || *slot(f, t))
		return INFLIGHT_STALE;
	*slot(f, t) = true;
	f->out--;
	*tag = t - f->begin;
	while (f->done < f->last && *slot(f, f->done + 1))
		f->done++;
	return INFLIGHT_OK;
}
