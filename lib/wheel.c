#include "wheel.h"

#include <stddef.h>

static int64_t
tick_of(int64_t us)
{
	return us / WHEEL_TICK_US;
}

void
wheel_init(struct wheel *w, int64_t now_us)
{
	for (int i = 0; i < WHEEL_SLOTS; i++)
		w->slot[i].prev = w->slot[i].next = &w->slot[i];
	w->done = tick_of(now_us);
}

void
wheel_clear(struct wheel_node *n)
{
	if (!n->next)
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = NULL;
}

void
wheel_set(struct wheel *w, struct wheel_node *n, int64_t due_us)
{
	/* One tick later than it falls into, so that it is not early. */
	int64_t tick = tick_of(due_us) + 1;
	struct wheel_node *head;

	if (tick <= w->done)
		tick = w->done + 1;
	wheel_clear(n);
	n->due_us = due_us;
	head = &w->slot[tick % WHEEL_SLOTS];
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

void
wheel_run(struct wheel *w, int64_t now_us, void (*fire)(void *ctx, struct wheel_node *n),
    void *ctx)
{
	int64_t now = tick_of(now_us);

	/* After a long sleep one look at each slot is enough. */
	if (now - w->done > WHEEL_SLOTS)
		w->done = now - WHEEL_SLOTS;
	while (w->done < now) {
		struct wheel_node *head, list;

		w->done++;
		head = &w->slot[w->done % WHEEL_SLOTS];
		if (head->next == head)
			continue;
		/* A list of its own: those that are not due go back to the same slot. */
		list = *head;
		list.prev->next = list.next->prev = &list;
		head->prev = head->next = head;
		while (list.next != &list) {
			struct wheel_node *n = list.next;

			if (n->due_us <= now_us) {
				wheel_clear(n);
				fire(ctx, n);
			} else {
				wheel_set(w, n, n->due_us);
			}
		}
	}
}

int64_t
wheel_next(const struct wheel *w)
{
	for (int64_t tick = w->done + 1; tick <= w->done + WHEEL_SLOTS; tick++) {
		const struct wheel_node *head = &w->slot[tick % WHEEL_SLOTS];

		if (head->next != head)
			return tick * WHEEL_TICK_US;
	}
	return -1;
}
