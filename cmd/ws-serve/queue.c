#include "queue.h"

#include <libwebsockets.h>
#include <stdlib.h>

#include "batch.h"
#include "command.h"
#include "conn.h"
#include "conn_end.h"
#include "conn_timer.h"
#include "frame.h"
#include "mem.h"
#include "send.h"
#include "server.h"

enum {
	BLOCK_SLACK = 4 << 20, /* bytes over the limit that come before a source is held */
	COPIES_MOST = 64 << 10, /* bytes of small messages that are copied into one blob */
};

struct queued {
	struct queued *next;
	struct blob *blob;
	size_t at, n;
};

void
queue_init(struct queue_ctl *q, struct server *s)
{
	*q = (struct queue_ctl){ .server = s };
}

void
queue_free(struct queue_ctl *q)
{
	free(q->doomed);
}

void
queue_doom(struct queue_ctl *q, struct conn *c, enum queue_doom why)
{
	if (c->doomed || c->closing)
		return;
	c->doomed = true;
	if (q->doomed_n == q->doomed_cap) {
		q->doomed_cap = q->doomed_cap ? q->doomed_cap * 2 : 16;
		q->doomed = mem_resize(q->doomed, q->doomed_cap, sizeof(*q->doomed));
	}
	q->doomed[q->doomed_n++] = (struct doomed){ c, why };
}

void
queue_spare(struct queue_ctl *q, struct conn *c)
{
	if (!c->doomed)
		return;
	c->doomed = false;
	for (uint32_t i = 0; i < q->doomed_n; i++)
		if (q->doomed[i].conn == c) {
			q->doomed[i] = q->doomed[--q->doomed_n];
			return;
		}
}

void
queue_settle(struct queue_ctl *q)
{
	while (q->doomed_n) {
		struct doomed d = q->doomed[--q->doomed_n];

		d.conn->doomed = false;
		if (d.why == QUEUE_SLOW) {
			q->server->counters.slow++;
			conn_abandon(d.conn, 4013, S("too slow"));
		} else {
			conn_cut(d.conn, "connection lost");
		}
	}
}

static void
hold(struct queue_ctl *q)
{
	struct source *source = q->source;

	if (!source || source->held || !source->hold)
		return;
	q->server->counters.held++;
	source->held = true;
	source->held_next = q->held;
	q->held = source;
	source->hold(source, true);
}

void
queue_source_gone(struct queue_ctl *q, struct source *source)
{
	if (q->source == source)
		q->source = NULL;
	for (struct source **p = &q->held; *p; p = &(*p)->held_next)
		if (*p == source) {
			*p = source->held_next;
			source->held = false;
			return;
		}
}

static void
block(struct queue_ctl *q, struct conn *c)
{
	if (!c->blocking) {
		c->blocking = true;
		c->block_us = server_now_us(q->server) + q->server->config->block_ms * 1000;
		q->blocking++;
		conn_set_timer(c);
	}
	hold(q);
}

void
queue_unblock(struct queue_ctl *q, struct conn *c)
{
	if (!c->blocking)
		return;
	c->blocking = false;
	c->block_us = 0;
	if (--q->blocking)
		return;
	while (q->held) {
		struct source *source = q->held;

		q->held = source->held_next;
		source->held = false;
		source->hold(source, false);
	}
}

/* What is no longer queued, or more of it. */
static void
account(struct queue_ctl *q, struct conn *c, size_t gone)
{
	c->queued -= gone;
	q->bytes -= gone;
	if (c->blocking && c->queued <= (size_t)q->server->config->client_queue / 2)
		queue_unblock(q, c);
}

/* Length of the whole frames at p that make up one message, or the rest of one. */
static size_t
message_length(const char *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		struct frame f;

		if (frame_decode(slice_of(p + at, n - at), false, true, &f, NULL) != FRAME_OK)
			return n;
		at += f.header + (size_t)f.length;
		if (f.fin)
			break;
	}
	return at;
}

/* Add to what the last node has, if that stands in a blob of its own. */
static bool
extend(struct conn *c, struct slice frames)
{
	struct queued *last = c->last;

	if (!last || last->blob->refs > 1 || last->at + last->n != last->blob->n ||
	    last->blob->n + frames.n > COPIES_MOST)
		return false;
	blob_add(last->blob, frames);
	last->n += frames.n;
	return true;
}

static void
append(struct queue_ctl *q, struct conn *c, struct blob *blob, size_t at, size_t n)
{
	/* A small part would keep a whole blob that nobody counts. */
	bool copy = n < blob->cap / 4;
	struct slice frames = slice_of(blob->p + at, n);
	struct queued *node;

	if (copy && extend(c, frames)) {
		c->queued += n;
		q->bytes += n;
		return;
	}
	node = mem_alloc(sizeof(*node));
	if (copy) {
		blob = blob_new();
		blob_add(blob, frames);
		at = 0;
	} else {
		blob_hold(blob);
	}
	*node = (struct queued){ NULL, blob, at, n };
	if (c->last)
		c->last->next = node;
	else
		c->first = node;
	c->last = node;
	c->queued += n;
	q->bytes += n;
}

/* Take out the node behind `before` (NULL: the first one). */
static void
take_out(struct conn *c, struct queued *before)
{
	struct queued *node = before ? before->next : c->first;

	if (before)
		before->next = node->next;
	else
		c->first = node->next;
	if (c->last == node)
		c->last = before;
	blob_drop(node->blob);
	free(node);
}

/* Drop the oldest message that has not been begun. False when there is none. */
static bool
drop_oldest(struct queue_ctl *q, struct conn *c)
{
	struct queued *before = NULL, *node = c->first;
	size_t n;

	if (!node)
		return false;
	if (((unsigned char)node->blob->p[node->at] & 0x0f) == FRAME_CONTINUATION) {
		/* The rest of a message whose beginning was sent has to follow. */
		n = message_length(node->blob->p + node->at, node->n);
		if (n < node->n) {
			struct queued *rest = mem_alloc(sizeof(*rest));

			*rest = *node;
			rest->at += n;
			rest->n -= n;
			blob_hold(rest->blob);
			node->n = n;
			node->next = rest;
			if (c->last == node)
				c->last = rest;
		}
		before = node;
		node = node->next;
		if (!node)
			return false;
	}
	n = message_length(node->blob->p + node->at, node->n);
	node->at += n;
	node->n -= n;
	if (!node->n)
		take_out(c, before);
	account(q, c, n);
	c->dropped++;
	q->server->counters.dropped++;
	return true;
}

/* What of c's queue could be given up. */
static size_t
sheddable(const struct conn *c)
{
	return c->doomed || c->closing ? 0 : c->queued - c->in_lws;
}

static void
shed_one(struct queue_ctl *q, struct conn *c)
{
	size_t half = c->queued - sheddable(c) / 2;

	if (q->server->config->slow == SLOW_DROP) {
		while (c->queued > half && drop_oldest(q, c))
			;
	} else {
		queue_doom(q, c, QUEUE_SLOW);
		queue_forget(q, c);
	}
}

/* Too much is queued in all: the longest queues pay, each that is more than half as long
 * as the longest, until a sixteenth of the total is free. With many slow connections a
 * walk over all of them for each message would hold up the others. */
static void
shed(struct queue_ctl *q)
{
	uint64_t most = (uint64_t)q->server->config->queue_total, before;

	most -= most / 16;
	do {
		size_t longest = 0;

		before = q->bytes;
		for (const struct conn *c = conn_first(q->server); c; c = c->next)
			if (sheddable(c) > longest)
				longest = sheddable(c);
		for (struct conn *c = conn_first(q->server); c && q->bytes > most; c = c->next)
			if (sheddable(c) > longest / 2)
				shed_one(q, c);
	} while (q->bytes > most && q->bytes < before);
}

void
queue_add(struct queue_ctl *q, struct conn *c, struct blob *blob, size_t at, size_t n)
{
	const struct config *config = q->server->config;
	size_t limit = (size_t)config->client_queue;

	if (c->doomed)
		return;
	if (c->first && c->queued + n > limit) {
		switch (config->slow) {
		case SLOW_CLOSE:
			queue_doom(q, c, QUEUE_SLOW);
			return;
		case SLOW_DROP:
			/* The newest stays, like one for an empty queue. */
			while (c->queued + n > limit && drop_oldest(q, c))
				;
			break;
		case SLOW_BLOCK:
			if (c->queued > limit + BLOCK_SLACK) {
				queue_doom(q, c, QUEUE_SLOW);
				return;
			}
			block(q, c);
			break;
		}
	}
	append(q, c, blob, at, n);
	lws_callback_on_writable(c->wsi);
	if (q->bytes > (uint64_t)config->queue_total)
		shed(q);
}

void
queue_in_lws(struct queue_ctl *q, struct conn *c, size_t n)
{
	c->in_lws += (uint32_t)n;
	c->queued += n;
	q->bytes += n;
}

void
queue_forget(struct queue_ctl *q, struct conn *c)
{
	while (c->first)
		take_out(c, NULL);
	q->bytes -= c->queued;
	c->queued = 0;
	if (c->in_lws) {
		/* lws keeps its copy until it can be written or the connection ends. */
		c->queued = c->in_lws;
		q->bytes += c->in_lws;
	}
	queue_unblock(q, c);
}

/* n bytes at the beginning of the first node have gone out. */
static void
consume(struct queue_ctl *q, struct conn *c, size_t n)
{
	struct queued *node = c->first;

	node->at += n;
	node->n -= n;
	if (!node->n)
		take_out(c, NULL);
	account(q, c, n);
}

static int
write_raw(struct queue_ctl *q, struct conn *c, const char *p, size_t n)
{
	if (lws_write(c->wsi, (unsigned char *)p, n, LWS_WRITE_RAW) < 0)
		return -1;
	if (lws_partial_buffered(c->wsi))
		queue_in_lws(q, c, n);
	return 0;
}

/* Join small pieces, so that a queue of them costs one write; a large one goes from
 * where it stands. */
static int
write_joined(struct queue_ctl *q, struct conn *c)
{
	static char joined[SEND_JOIN];
	size_t n = 0;

	if (!c->first->next || c->first->n >= SEND_JOIN) {
		struct queued *node = c->first;
		struct blob *blob = node->blob;
		const char *p = blob->p + node->at;
		int result;

		n = batch_piece(p, node->n, SEND_JOIN);
		blob_hold(blob);
		consume(q, c, n);
		result = write_raw(q, c, p, n);
		blob_drop(blob);
		return result;
	}
	while (c->first && n + c->first->n <= sizeof(joined)) {
		size_t piece = c->first->n;

		memcpy(joined + n, c->first->blob->p + c->first->at, piece);
		n += piece;
		consume(q, c, piece);
	}
	return write_raw(q, c, joined, n);
}

int
queue_writable(struct queue_ctl *q, struct conn *c)
{
	int result;

	if (c->in_lws) {
		size_t gone = c->in_lws;

		c->in_lws = 0;
		account(q, c, gone);
	}
	if (!c->first)
		return 0;
	result = write_joined(q, c);
	if (result == 0)
		lws_callback_on_writable(c->wsi);
	return result;
}
