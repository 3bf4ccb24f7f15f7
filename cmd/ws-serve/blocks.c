#include "blocks.h"

#include <stdlib.h>

#include "hash.h"
#include "mem.h"
#include "proxy.h"

struct block {
	int64_t until_us;
	enum block_kind kind;
	size_t n;
	char name[];
};

struct key {
	enum block_kind kind;
	struct slice name;
};

static bool
is_key(const void *item, const void *key)
{
	const struct block *b = item;
	const struct key *k = key;

	return b->kind == k->kind && slice_eq(slice_of(b->name, b->n), k->name);
}

static struct block *
find(const struct blocks *b, enum block_kind kind, struct slice name)
{
	return table_find(&b->table, hash_bytes(name), is_key, &(struct key){ kind, name });
}

/* Take out what has ended, or else the one that ends first. */
static void
make_room(struct blocks *b, int64_t now_us)
{
	struct block *first = NULL;
	size_t before = b->table.n;

	for (size_t i = 0; i < b->table.cap; i++) {
		struct block *e = b->table.slots[i].item;

		if (e && (!first || e->until_us < first->until_us))
			first = e;
	}
	while (first && (b->table.n == before || first->until_us <= now_us)) {
		struct block *next = NULL;

		table_remove(&b->table, hash_bytes(slice_of(first->name, first->n)), first);
		free(first);
		for (size_t i = 0; i < b->table.cap && !next; i++) {
			struct block *e = b->table.slots[i].item;

			if (e && e->until_us <= now_us)
				next = e;
		}
		first = next;
	}
}

void
blocks_add(struct blocks *b, enum block_kind kind, struct slice name, int64_t until_us,
    int64_t now_us)
{
	struct block *e = find(b, kind, name);

	if (e) {
		if (e->until_us < until_us)
			e->until_us = until_us;
		return;
	}
	if (b->table.n >= BLOCKS_MOST)
		make_room(b, now_us);
	e = mem_alloc(sizeof(*e) + name.n);
	*e = (struct block){ .until_us = until_us, .kind = kind, .n = name.n };
	memcpy(e->name, name.p, name.n);
	table_add(&b->table, hash_bytes(name), e);
}

bool
blocks_has(const struct blocks *b, enum block_kind kind, struct slice name, int64_t now_us)
{
	const struct block *e = find(b, kind, name);

	return e && e->until_us > now_us;
}

void
blocks_free(struct blocks *b)
{
	for (size_t i = 0; i < b->table.cap; i++)
		free(b->table.slots[i].item);
	table_free(&b->table);
}

struct slice
blocks_address(struct slice remote, struct peer_address *key)
{
	struct slice bare;

	if (!proxy_address(remote, key, &bare))
		return slice_of("", 0);
	*key = peers_key(key);
	return slice_of((const char *)key->bytes, sizeof key->bytes);
}
