#include "table.h"

#include <stdlib.h>

#include "mem.h"

void *
table_find(const struct table *t, uint64_t hash, bool (*is)(const void *item, const void *key),
    const void *key)
{
	if (!t->cap)
		return NULL;
	for (size_t i = hash & (t->cap - 1); t->slots[i].item; i = (i + 1) & (t->cap - 1))
		if (t->slots[i].hash == hash && is(t->slots[i].item, key))
			return t->slots[i].item;
	return NULL;
}

static void
place(struct table *t, uint64_t hash, void *item)
{
	size_t i = hash & (t->cap - 1);

	while (t->slots[i].item)
		i = (i + 1) & (t->cap - 1);
	t->slots[i].hash = hash;
	t->slots[i].item = item;
}

/* Make it `cap` slots wide. */
static void
resize(struct table *t, size_t cap)
{
	struct table old = *t;

	t->slots = mem_zero(cap, sizeof(*t->slots));
	t->cap = cap;
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].item)
			place(t, old.slots[i].hash, old.slots[i].item);
	free(old.slots);
}

void
table_add(struct table *t, uint64_t hash, void *item)
{
	if (t->n + 1 > t->cap / 4 * 3)
		resize(t, t->cap ? t->cap * 2 : 16);
	place(t, hash, item);
	t->n++;
}

bool
table_remove(struct table *t, uint64_t hash, const void *item)
{
	size_t mask = t->cap - 1, i, hole;

	if (!t->cap)
		return false;
	for (i = hash & mask; t->slots[i].item != item; i = (i + 1) & mask)
		if (!t->slots[i].item)
			return false;
	/* Move back those behind it that a search would not find across the hole (Knuth,
	 * The Art of Computer Programming 3, 6.4, algorithm R). */
	for (hole = i;;) {
		size_t home;

		i = (i + 1) & mask;
		if (!t->slots[i].item)
			break;
		home = t->slots[i].hash & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole].item = NULL;
	t->n--;
	/* Memory follows the number down: a storm of rooms must not be paid for forever. */
	if (t->cap > 1024 && t->n < t->cap / 8)
		resize(t, t->cap / 2);
	return true;
}

void
table_free(struct table *t)
{
	free(t->slots);
	*t = (struct table){ 0 };
}
