#include "peers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bucket.h"
#include "hash.h"
#include "mem.h"
#include "table.h"

/* Addresses without a connection that are remembered at most; the one that left first
 * is forgotten then. About 10 MB. */
enum { IDLE_MAX = 100000 };

struct peer {
	unsigned char key[16];
	uint64_t hash;
	int64_t connections, waiting;
	struct bucket bucket;
	struct peer *prev, *next; /* in the ring of idle ones, when it has nothing */
};

struct peers {
	int64_t most;
	struct num_rate rate;
	struct table table;
	struct peer idle; /* head of the ring; idle.next left first */
	size_t idle_count;
};

struct peers *
peers_new(int64_t most, const struct num_rate *rate)
{
	struct peers *p = mem_zero(1, sizeof *p);

	p->most = most;
	p->rate = *rate;
	p->idle.prev = p->idle.next = &p->idle;
	return p;
}

static bool
is_peer(const void *item, const void *key)
{
	return memcmp(((const struct peer *)item)->key, key, 16) == 0;
}

static void
idle_remove(struct peers *p, struct peer *peer)
{
	peer->prev->next = peer->next;
	peer->next->prev = peer->prev;
	p->idle_count--;
}

static void
forget(struct peers *p, struct peer *peer)
{
	idle_remove(p, peer);
	table_remove(&p->table, peer->hash, peer);
	free(peer);
}

static void
idle_add(struct peers *p, struct peer *peer)
{
	peer->prev = p->idle.prev;
	peer->next = &p->idle;
	peer->prev->next = peer->next->prev = peer;
	if (++p->idle_count > IDLE_MAX)
		forget(p, p->idle.next);
}

/* Two old ones for each new one, so the table shrinks without a timer. */
static void
sweep(struct peers *p, int64_t now_us)
{
	for (int i = 0; i < 2 && p->idle_count; i++) {
		struct peer *oldest = p->idle.next;

		if (bucket_wait(&oldest->bucket, &p->rate, p->rate.burst, now_us) == 0) {
			forget(p, oldest);
		} else {
			idle_remove(p, oldest);
			idle_add(p, oldest);
		}
	}
}

static bool
is_ipv4(const struct peer_address *a)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->bytes, mapped, sizeof mapped) == 0;
}

struct peer_address
peers_key(const struct peer_address *a)
{
	struct peer_address key = *a;

	if (!is_ipv4(a))
		memset(key.bytes + 8, 0, 8);
	return key;
}

unsigned
peers_share(const struct peer_address *a)
{
	struct peer_address key = peers_key(a);

	return hash_bytes(slice_of((const char *)key.bytes, sizeof key.bytes)) % PEERS_SHARES;
}

static struct peer *
find(struct peers *p, const struct peer_address *a)
{
	struct peer_address key = peers_key(a);
	struct peer *peer;
	uint64_t hash;

	hash = hash_bytes(slice_of((const char *)key.bytes, sizeof key.bytes));
	peer = table_find(&p->table, hash, is_peer, key.bytes);
	if (!peer) {
		peer = mem_zero(1, sizeof *peer);
		memcpy(peer->key, key.bytes, sizeof peer->key);
		peer->hash = hash;
		table_add(&p->table, hash, peer);
		idle_add(p, peer);
	}
	return peer;
}

static bool
is_idle(const struct peer *peer)
{
	return peer->connections == 0 && peer->waiting == 0;
}

bool
peers_ask(struct peers *p, const struct peer_address *a, int64_t now_us, int64_t *retry_us)
{
	struct peer *peer;

	sweep(p, now_us);
	if (!p->rate.count)
		return true;
	peer = find(p, a);
	if (bucket_take(&peer->bucket, &p->rate, 1, now_us))
		return true;
	*retry_us = bucket_wait(&peer->bucket, &p->rate, 1, now_us);
	return false;
}

struct peer *
peers_enter(struct peers *p, const struct peer_address *a)
{
	struct peer *peer = find(p, a);

	if (p->most && peer->connections >= p->most)
		return NULL;
	if (is_idle(peer))
		idle_remove(p, peer);
	peer->connections++;
	return peer;
}

void
peers_left(struct peers *p, struct peer *peer)
{
	if (!peer)
		return;
	peer->connections--;
	if (is_idle(peer))
		idle_add(p, peer);
}

struct peer *
peers_wait(struct peers *p, const struct peer_address *a)
{
	struct peer *peer = find(p, a);

	if (p->most && peer->waiting >= p->most + PEERS_WAITING)
		return NULL;
	if (is_idle(peer))
		idle_remove(p, peer);
	peer->waiting++;
	return peer;
}

void
peers_waited(struct peers *p, struct peer *peer)
{
	peer->waiting--;
	if (is_idle(peer))
		idle_add(p, peer);
}

void
peers_free(struct peers *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->table.cap; i++)
		free(p->table.slots[i].item);
	table_free(&p->table);
	free(p);
}
