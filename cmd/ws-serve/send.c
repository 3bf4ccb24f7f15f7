#include "send.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "command.h"
#include "conn.h"
#include "conn_end.h"
#include "deliver.h"
#include "frame.h"
#include "mem.h"
#include "msg.h"
#include "pack.h"
#include "queue.h"
#include "room.h"
#include "server.h"

enum {
	MANY = 16,      /* addressees for whom it pays to wait for more */
	WAIT_US = 1000, /* but not longer */
};

/* A message for one connection: number `message` of `singles`. Nodes are numbered from
 * 1; those of one connection are linked, the newest first. */
struct single {
	struct conn *conn;
	uint32_t message, next;
};

/* A room's batch while messages are merged, and the next one of it. */
struct merging {
	const struct batch *batch;
	const struct batch *form; /* the same messages as the connection takes them */
	uint32_t i;
};

struct sender {
	uint32_t turn, order; /* both counted from 1 */
	struct room **dirty;  /* rooms with a batch */
	uint32_t dirty_n, dirty_cap;
	struct batch *singles; /* messages for single connections, in their order */
	struct single *single;
	uint32_t single_n, single_cap;
	struct conn **touched; /* connections with singles, each once */
	uint32_t touched_n, touched_cap;
	struct merging *from;  /* hand_over_merged */
	uint32_t from_cap;
	struct batch_pool pool;
	struct batch *merged;  /* what was merged and may not have been sent yet */
	size_t merged_bytes;
	uint32_t stamp;       /* of the walk over a union */
	bool flushing;
	uint64_t addressees;   /* of all that has collected */
	ev_idle rest;          /* active while it waits for more */
	int64_t waiting_us;    /* since when */
	struct queue_ctl queues;
	struct delivery delivery;
	void (*tap)(void *ctx, struct conn *c, struct slice frames);
	void *tap_ctx;
};

static void
on_rest(struct ev_loop *loop, struct ev_idle *w, int revents)
{
	(void)loop;
	(void)revents;
	send_flush(w->data);
}

void
sender_new(struct server *s)
{
	struct sender *x = s->sender = mem_zero(1, sizeof(*x));
	struct ring *ring = s->config->no_io_uring ? NULL : ring_new();

	if (!ring && !s->config->no_io_uring)
		msg_info("sending without io_uring: %s", strerror(errno));
	x->turn = x->order = 1;
	queue_init(&x->queues, s);
	deliver_init(&x->delivery, &x->queues, ring);
	ev_idle_init(&x->rest, on_rest);
	x->rest.data = s;
}

void
sender_free(struct server *s)
{
	struct sender *x = s->sender;

	if (x->singles)
		batch_give(&x->pool, x->singles);
	batch_pool_free(&x->pool);
	deliver_free(&x->delivery);
	ev_idle_stop(s->loop, &x->rest);
	queue_free(&x->queues);
	free(x->dirty);
	free(x->single);
	free(x->touched);
	free(x->from);
	free(x);
	s->sender = NULL;
}

static struct batch *
room_batch(struct sender *x, struct room *r)
{
	if (!r->batch) {
		r->batch = batch_take(&x->pool);
		if (x->dirty_n == x->dirty_cap) {
			x->dirty_cap = x->dirty_cap ? x->dirty_cap * 2 : 64;
			x->dirty = mem_resize(x->dirty, x->dirty_cap, sizeof(*x->dirty));
		}
		x->dirty[x->dirty_n++] = r;
	}
	return r->batch;
}

uint64_t
send_room(struct server *s, struct room *r, struct conn *except, const struct message *m)
{
	struct sender *x = s->sender;
	uint64_t reached = r->count;
	struct batch *b;

	/* One that is no member may be gone when this is sent; a member leaves after that. */
	if (except && !room_has(r, except))
		except = NULL;
	reached -= except != NULL;
	if (!reached)
		return 0;
	x->addressees += reached;
	b = room_batch(x, r);
	batch_add(b, x->order++, m->body, m->binary, SEND_FRAGMENT);
	if (except)
		batch_except(b, except);
	if (b->blob->n >= SEND_EARLY)
		send_write(s);
	return reached;
}

/* First look at c in this turn: what it knows of another one is old. */
static void
visit(struct sender *x, struct conn *c)
{
	if (c->turn != x->turn) {
		c->turn = x->turn;
		c->dirty = c->direct = 0;
	}
}

/* The last message of `singles` is for c. */
static void
add_single(struct sender *x, struct conn *c)
{
	visit(x, c);
	x->addressees++;
	if (!c->direct) {
		if (x->touched_n == x->touched_cap) {
			x->touched_cap = x->touched_cap ? x->touched_cap * 2 : 64;
			x->touched = mem_resize(x->touched, x->touched_cap, sizeof(*x->touched));
		}
		x->touched[x->touched_n++] = c;
	}
	if (x->single_n == x->single_cap) {
		x->single_cap = x->single_cap ? x->single_cap * 2 : 64;
		x->single = mem_resize(x->single, x->single_cap, sizeof(*x->single));
	}
	if (c->deflate)
		pack_last(&x->pool, x->singles);
	x->single[x->single_n++] = (struct single){ c, x->singles->count - 1, c->direct };
	c->direct = x->single_n;
}

/* A message for single connections, to be named by add_single. */
static void
begin_single(struct sender *x, const struct message *m)
{
	if (!x->singles)
		x->singles = batch_take(&x->pool);
	batch_add(x->singles, x->order++, m->body, m->binary, SEND_FRAGMENT);
}

void
send_conn(struct conn *c, const struct message *m)
{
	struct sender *x = c->server->sender;

	if (c->closing)
		return;
	begin_single(x, m);
	add_single(x, c);
	if (x->singles->blob->n >= SEND_EARLY)
		send_write(c->server);
}

static bool
listed(struct conn *const *list, uint32_t n, const struct conn *c)
{
	while (n--)
		if (list[n] == c)
			return true;
	return false;
}

uint64_t
send_union(struct server *s, struct room *const *rooms, uint32_t n,
    struct conn *const *except, uint32_t excepts, const struct spelling *only,
    const struct message *m)
{
	struct sender *x = s->sender;
	uint64_t reached = 0;

	if (n == 1 && excepts <= 1 && !only)
		return send_room(s, rooms[0], excepts ? except[0] : NULL, m);
	x->stamp++;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < rooms[i]->count; k++) {
			struct conn *c = rooms[i]->members[k].conn;

			if (c->stamp == x->stamp)
				continue;
			c->stamp = x->stamp;
			if ((excepts && listed(except, excepts, c)) ||
			    (only && conn_spelling(c) != only))
				continue;
			if (!reached++)
				begin_single(x, m);
			add_single(x, c);
		}
	if (x->singles && (x->singles->blob->n >= SEND_EARLY || x->single_n >= SEND_SINGLES))
		send_write(s);
	return reached;
}

/* The messages of a room's batch as c takes them. */
static struct batch *
form(struct sender *x, const struct conn *c, struct batch *b)
{
	return c->deflate ? pack_all(&x->pool, b) : b;
}

/* The same of `singles`, for one of its addressees. */
static struct batch *
singles_form(const struct sender *x, const struct conn *c)
{
	return c->deflate ? x->singles->packed : x->singles;
}

/* For those that watch c: what it is sent, not packed. */
static void
show(struct sender *x, struct conn *c, struct slice frames)
{
	if (c->watched && x->tap && !c->closing && !c->doomed)
		x->tap(x->tap_ctx, c, frames);
}

/* Hand `count` messages to c, as they stand in b until deliver_flush. */
static void
hand_over(struct sender *x, struct conn *c, struct batch *b, size_t at, size_t n, uint32_t count)
{
	struct counters *counters = &c->server->counters;

	if (c->closing || c->doomed)
		return;
	c->sent += count;
	counters->sent += count;
	counters->sent_bytes += n;
	deliver(&x->delivery, c, b->blob, at, n);
}

/* Everything that was handed over is in the sockets or in queues now. */
static void
flush_deliveries(struct sender *x)
{
	deliver_flush(&x->delivery);
	while (x->merged) {
		struct batch *b = x->merged;

		x->merged = b->next;
		batch_give(&x->pool, b);
	}
	x->merged_bytes = 0;
}

/* Messages from several rooms, and single ones, in the order of the commands, without
 * those that are not for c. */
static void
hand_over_merged(struct sender *x, struct conn *c)
{
	struct batch *all = batch_take(&x->pool);
	struct merging *from;
	uint32_t n = 0, first = 0;

	visit(x, c);
	if (x->from_cap < c->seat_count) {
		x->from_cap = c->seat_count * 2;
		x->from = mem_resize(x->from, x->from_cap, sizeof(*x->from));
	}
	from = x->from;
	for (uint32_t i = 0; i < c->seat_count; i++)
		if (c->seats[i].room->batch)
			from[n++] = (struct merging){ c->seats[i].room->batch,
				form(x, c, c->seats[i].room->batch), 0 };
	/* The newest single is first in the list: turn it round. */
	for (uint32_t i = c->direct, next; i; i = next) {
		next = x->single[i - 1].next;
		x->single[i - 1].next = first;
		first = i;
	}
	for (;;) {
		struct merging *best = NULL;
		uint32_t order = UINT32_MAX;

		for (uint32_t i = 0; i < n; i++) {
			const struct batch *b = from[i].batch;

			while (from[i].i < b->count && b->marks[from[i].i].except == c)
				from[i].i++;
			if (from[i].i < b->count && b->marks[from[i].i].order < order) {
				order = b->marks[from[i].i].order;
				best = &from[i];
			}
		}
		if (first && x->singles->marks[x->single[first - 1].message].order < order) {
			const struct single *one = &x->single[first - 1];

			show(x, c, batch_message(x->singles, one->message));
			batch_copy(all, 0, batch_message(singles_form(x, c), one->message));
			first = one->next;
		} else if (best) {
			show(x, c, batch_message(best->batch, best->i));
			batch_copy(all, 0, batch_message(best->form, best->i++));
		} else {
			break;
		}
	}
	c->direct = 0;
	hand_over(x, c, all, 0, all->blob->n, all->count);
	all->next = x->merged;
	x->merged = all;
	x->merged_bytes += all->blob->n;
	if (x->merged_bytes >= SEND_EARLY)
		flush_deliveries(x);
}

/* Count for each connection how many rooms and lists have something for it. This also
 * brings it into the cache for what follows. */
static void
count_dirty(struct sender *x)
{
	for (uint32_t i = 0; i < x->dirty_n; i++) {
		const struct room *r = x->dirty[i];

		for (uint32_t k = 0; k < r->count; k++) {
			if (k + 8 < r->count)
				__builtin_prefetch(r->members[k + 8].conn, 1);
			visit(x, r->members[k].conn);
			r->members[k].conn->dirty++;
		}
	}
	for (uint32_t i = 0; i < x->touched_n; i++)
		x->touched[i]->dirty++;
}

/* Those that do not get all of this batch have the stamp. */
static void
stamp_excepts(struct sender *x, const struct batch *b)
{
	x->stamp++;
	for (uint32_t i = 0; i < b->count; i++)
		if (b->marks[i].except)
			b->marks[i].except->stamp = x->stamp;
}

void
send_write(struct server *s)
{
	struct sender *x = s->sender;
	bool mixed = x->dirty_n > 1 || (x->dirty_n && x->touched_n);

	if (x->flushing || (!x->dirty_n && !x->touched_n))
		return;
	x->flushing = true;
	if (mixed)
		count_dirty(x);
	for (uint32_t i = 0; i < x->dirty_n; i++) {
		struct room *r = x->dirty[i];
		bool excepts = r->batch->excepts;

		if (excepts)
			stamp_excepts(x, r->batch);
		for (uint32_t k = 0; k < r->count; k++) {
			struct conn *c = r->members[k].conn;

			if ((!mixed || c->dirty == 1) && !(excepts && c->stamp == x->stamp)) {
				struct batch *b = form(x, c, r->batch);

				show(x, c, slice_of(r->batch->blob->p, r->batch->blob->n));
				hand_over(x, c, b, 0, b->blob->n, b->count);
			} else if (!mixed || c->dirty) {
				c->dirty = 0;
				hand_over_merged(x, c);
			}
		}
	}
	for (uint32_t i = 0; i < x->touched_n; i++) {
		struct conn *c = x->touched[i];

		if (c->direct && !x->single[c->direct - 1].next) {
			uint32_t message = x->single[c->direct - 1].message;
			struct batch *b = singles_form(x, c);
			struct slice m = batch_message(b, message);

			show(x, c, batch_message(x->singles, message));
			hand_over(x, c, b, (size_t)(m.p - b->blob->p), m.n, 1);
		} else if (c->direct) {
			hand_over_merged(x, c);
		}
	}
	flush_deliveries(x);
	for (uint32_t i = 0; i < x->dirty_n; i++) {
		batch_give(&x->pool, x->dirty[i]->batch);
		x->dirty[i]->batch = NULL;
	}
	if (x->singles)
		batch_give(&x->pool, x->singles);
	x->singles = NULL;
	x->dirty_n = x->touched_n = x->single_n = 0;
	x->addressees = 0;
	x->order = 1;
	if (++x->turn == 0)
		x->turn = 1;
	x->flushing = false;
}

void
send_flush(struct server *s)
{
	send_write(s);
	ev_idle_stop(s->loop, &s->sender->rest);
	queue_settle(&s->sender->queues);
}

void
send_turn(struct server *s)
{
	struct sender *x = s->sender;
	int64_t now = server_now_us(s);

	if (x->addressees < MANY) {
		send_flush(s);
	} else if (!ev_is_active(&x->rest)) {
		x->waiting_us = now;
		ev_idle_start(s->loop, &x->rest);
	} else if (now - x->waiting_us >= WAIT_US) {
		send_flush(s);
	}
}

int
send_writable(struct conn *c)
{
	return queue_writable(&c->server->sender->queues, c);
}

void
send_forget(struct conn *c)
{
	struct sender *x = c->server->sender;

	if (c->turn == x->turn && c->direct)
		for (uint32_t i = 0; i < x->touched_n; i++)
			if (x->touched[i] == c) {
				x->touched[i] = x->touched[--x->touched_n];
				break;
			}
	c->direct = 0;
	queue_spare(&x->queues, c);
	queue_forget(&x->queues, c);
}

void
send_ping(struct conn *c)
{
	unsigned char ping[2 + 4] = { 0x80 | FRAME_PING, 4 };
	uint32_t ms = (uint32_t)(server_now_us(c->server) / 1000);

	/* With a payload: lws does not tell of an empty pong. */
	memcpy(ping + 2, &ms, 4);
	if (c->first || c->in_lws)
		return;
	if (lws_write(c->wsi, ping, sizeof(ping), LWS_WRITE_RAW) < 0)
		conn_cut(c, "connection lost");
	else if (lws_partial_buffered(c->wsi))
		queue_in_lws(&c->server->sender->queues, c, sizeof(ping));
}

uint64_t
send_queued(const struct server *s)
{
	return s->sender->queues.bytes;
}

void
send_tap(struct server *s, void (*tap)(void *ctx, struct conn *c, struct slice frames), void *ctx)
{
	s->sender->tap = tap;
	s->sender->tap_ctx = ctx;
}

void
send_source(struct server *s, struct source *source)
{
	s->sender->queues.source = source;
}

void
send_unblock(struct conn *c)
{
	queue_unblock(&c->server->sender->queues, c);
}

void
send_source_gone(struct server *s, struct source *source)
{
	queue_source_gone(&s->sender->queues, source);
}
