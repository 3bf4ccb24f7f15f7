#include "window.h"

#include <stdlib.h>

#include "mem.h"

void
window_init(struct window *w, size_t cap)
{
	*w = (struct window){ .cap = cap, .v = mem_zero(cap, sizeof(*w->v)) };
}

void
window_free(struct window *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(window_at(w, i)->line);
	free(w->v);
	*w = (struct window){ 0 };
}

struct entry *
window_at(struct window *w, size_t i)
{
	return &w->v[(w->first + i) % w->cap];
}

void
window_add(struct window *w, struct slice line, uint64_t number)
{
	*window_at(w, w->n++) = (struct entry){ .line = mem_copy(line.p, line.n), .n = line.n,
		.number = number };
	w->bytes += line.n;
}

struct entry *
window_next(struct window *w)
{
	while (w->sent < w->n && window_at(w, w->sent)->state != ENTRY_WAITING)
		w->sent++;
	return w->sent < w->n ? window_at(w, w->sent) : NULL;
}

void
window_sent(struct window *w, struct entry *e)
{
	e->state = ENTRY_SENT;
	e->seq = ++w->seq;
}

struct entry *
window_find(struct window *w, uint64_t seq, size_t *i)
{
	uint64_t oldest = 0;

	/* Tags rise along the ring; between two of them are only entries without one, so the
	 * search can begin as far from the oldest as the tags are apart. */
	for (*i = 0; *i < w->n && !oldest; ++*i)
		oldest = window_at(w, *i)->seq;
	if (!oldest || seq < oldest)
		return NULL;
	for (*i += (size_t)(seq - oldest) - 1; *i < w->n; ++*i)
		if (window_at(w, *i)->seq == seq)
			return window_at(w, *i);
	return NULL;
}

bool
window_release(struct window *w, struct entry *e)
{
	if (!w->n || w->v[w->first].state != ENTRY_DONE)
		return false;
	*e = w->v[w->first];
	w->first = (w->first + 1) % w->cap;
	w->n--;
	w->bytes -= e->n;
	if (w->sent)
		w->sent--;
	return true;
}

void
window_restart(struct window *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct entry *e = window_at(w, i);

		e->seq = 0;
		if (e->state == ENTRY_SENT) {
			e->state = ENTRY_WAITING;
			e->returned = 0;
		}
	}
	w->sent = 0;
	w->seq = 0;
}

size_t
window_open(struct window *w)
{
	size_t open = 0;

	for (size_t i = 0; i < w->n; i++)
		open += window_at(w, i)->state != ENTRY_DONE;
	return open;
}
