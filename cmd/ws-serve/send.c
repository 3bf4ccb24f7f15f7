#include "send_private.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#include "conn_end.h"
#include "frame.h"
#include "mem.h"
#include "msg.h"
#include "pack.h"
#include "room.h"
#include "server.h"

enum {
	MANY = 16,      /* addressees for whom it pays to wait for more */
	WAIT_US = 1000, /* but not longer */
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

/* The last message of `singles` is for c. */
static void
add_single(struct sender *x, struct conn *c)
{
	send_visit(x, c);
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
