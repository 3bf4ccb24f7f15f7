/* send_write - the end of a turn: to each connection all that is for it, with one call. */
#include "send_private.h"

#include "mem.h"
#include "pack.h"
#include "room.h"
#include "server.h"

/* A room's batch while messages are merged, and the next one of it. */
struct merging {
	const struct batch *batch;
	const struct batch *form; /* the same messages as the connection takes them */
	uint32_t i;
};

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

	/* None: nothing in the batch was for it. */
	if (!count || c->closing || c->doomed)
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

	send_visit(x, c);
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
			send_visit(x, r->members[k].conn);
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
