#include "track.h"

void
track_begin(struct track *t, uint32_t base)
{
	*t = (struct track){ .base = base, .next = base };
}

enum track_result
track_add(struct track *t, uint32_t seq)
{
	uint32_t behind;

	if (seq < t->base)
		return TRACK_FOREIGN;
	if (seq >= t->next) {
		uint32_t step = seq - t->next + 1;

		t->seen = step < TRACK_WINDOW ? t->seen << step | 1 : 1;
		t->next = seq + 1;
		return TRACK_NEW;
	}
	behind = t->next - 1 - seq;
	if (behind >= TRACK_WINDOW || t->seen >> behind & 1)
		return TRACK_AGAIN;
	t->seen |= 1ull << behind;
	return TRACK_LATE;
}
