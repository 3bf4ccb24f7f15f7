#include "agenda.h"

#include <stdlib.h>

#include "mem.h"

static void
swap(struct entry *a, struct entry *b)
{
	struct entry t = *a;

	*a = *b;
	*b = t;
}

void
agenda_add(struct agenda *a, uint64_t due, uint32_t conn)
{
	size_t i = a->n;

	if (a->n == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 256;
		a->entries = mem_resize(a->entries, a->cap, sizeof(*a->entries));
	}
	a->entries[a->n++] = (struct entry){ due, conn };
	for (; i && a->entries[i].due < a->entries[(i - 1) / 2].due; i = (i - 1) / 2)
		swap(&a->entries[i], &a->entries[(i - 1) / 2]);
}

const struct entry *
agenda_first(const struct agenda *a)
{
	return a->n ? &a->entries[0] : NULL;
}

void
agenda_drop(struct agenda *a)
{
	size_t i = 0;

	a->entries[0] = a->entries[--a->n];
	for (;;) {
		size_t least = i, left = 2 * i + 1;

		for (size_t child = left; child < left + 2 && child < a->n; child++)
			if (a->entries[child].due < a->entries[least].due)
				least = child;
		if (least == i)
			return;
		swap(&a->entries[i], &a->entries[least]);
		i = least;
	}
}

void
agenda_free(struct agenda *a)
{
	free(a->entries);
	*a = (struct agenda){ 0 };
}
