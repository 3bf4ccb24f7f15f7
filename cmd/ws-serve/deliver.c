#include "deliver.h"

#include <errno.h>
#include <libwebsockets.h>

#include "batch.h"
#include "conn.h"
#include "queue.h"
#include "send.h"

enum {
	FEW = 3,   /* so many sends cost less than one call of the ring with them */
	PIECE = SEND_EARLY + 2 * SEND_FRAGMENT, /* bytes that go to the kernel in one piece */
};

void
deliver_init(struct delivery *d, struct queue_ctl *queues, struct ring *ring)
{
	d->queues = queues;
	d->ring = ring;
	d->n = 0;
}

void
deliver_free(struct delivery *d)
{
	ring_free(d->ring);
	d->ring = NULL;
}

/* By lws's rules writing belongs into WRITEABLE. A RAW write to a plain connection from
 * the thread that serves it takes the same path, when nothing is buffered. lws keeps what
 * the kernel does not take, and its own pongs and close frames wait behind that. */
static void
write_now(struct delivery *d, struct conn *c, struct blob *blob, size_t at, size_t n)
{
	while (n) {
		const char *p = blob->p + at;
		size_t piece = n <= PIECE ? n : batch_piece(p, n, SEND_EARLY);

		if (lws_write(c->wsi, (unsigned char *)p, piece, LWS_WRITE_RAW) < 0) {
			queue_doom(d->queues, c, QUEUE_BROKEN);
			return;
		}
		at += piece;
		n -= piece;
		if (lws_partial_buffered(c->wsi)) {
			queue_in_lws(d->queues, c, piece);
			if (n)
				queue_add(d->queues, c, blob, at, n);
			return;
		}
	}
}

void
deliver(struct delivery *d, struct conn *c, struct blob *blob, size_t at, size_t n)
{
	if (c->first || c->in_lws) {
		queue_add(d->queues, c, blob, at, n);
	} else if (d->ring && n <= PIECE && !lws_partial_buffered(c->wsi)) {
		d->waiting[d->n] = (struct deliverable){ c, blob, at };
		d->sends[d->n++] = (struct ring_send){ .fd = c->fd, .p = blob->p + at, .n = n };
		if (d->n == RING_DEPTH)
			deliver_flush(d);
	} else {
		write_now(d, c, blob, at, n);
	}
}

/* What the kernel made of a send by the ring. */
static void
sent(struct delivery *d, const struct deliverable *w, const struct ring_send *send)
{
	size_t taken = send->result > 0 ? (size_t)send->result : 0;

	if (send->result == -EAGAIN)
		queue_add(d->queues, w->conn, w->blob, w->at, send->n);
	else if (send->result < 0)
		queue_doom(d->queues, w->conn, QUEUE_BROKEN);
	else if (taken < send->n)
		/* The rest of a frame that was begun is for lws to keep. */
		write_now(d, w->conn, w->blob, w->at + taken, send->n - taken);
}

void
deliver_flush(struct delivery *d)
{
	uint32_t n = d->n;

	d->n = 0;
	if (n <= FEW) {
		for (uint32_t i = 0; i < n; i++)
			write_now(d, d->waiting[i].conn, d->waiting[i].blob, d->waiting[i].at, d->sends[i].n);
		return;
	}
	if (!ring_run(d->ring, d->sends, n)) {
		ring_free(d->ring);
		d->ring = NULL;
	}
	for (uint32_t i = 0; i < n; i++)
		sent(d, &d->waiting[i], &d->sends[i]);
}
