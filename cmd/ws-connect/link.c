#include "link.h"

#include <errno.h>
#include <string.h>

enum {
	CHUNK = 16 << 10,
	CLOSE_MS = 3000, /* for the closing handshake */
	FAULT_MS = 1000, /* to get our Close frame to a peer that broke the protocol */
};

int
link_open(struct link *l, const struct options *o, struct wire *w, struct opening *d, int64_t now)
{
	*l = (struct link){ .o = o, .wire = w, .net = d->net, .opened = now,
		.ping_due = -1, .pong_end = -1, .close_end = -1 };
	d->net = (struct dial){ .fd = -1 };
	l->guard.deflate = d->upgrade.extension.n != 0;
	l->guard.max_message = (uint64_t)o->max_message;
	buf_slice(&l->rx, slice_from(buf_view(&d->in), d->head));
	if (o->ping_interval)
		l->ping_due = now + o->ping_interval;
	return wire_open(w, buf_view(&d->upgrade.extension));
}

void
link_end(struct link *l, struct outq *queue)
{
	if (l->wire)
		wire_abandon(l->wire, queue);
	dial_close(&l->net);
	buf_free(&l->rx);
	buf_free(&l->sound);
	buf_free(&l->why);
	buf_free(&l->close_reason);
	*l = (struct link){ .net.fd = -1 };
}

static void
over(struct link *l, unsigned code, const char *why)
{
	if (l->over)
		return;
	l->over = true;
	l->code = code;
	if (why && !l->why.n)
		buf_str(&l->why, why);
	buf_cstr(&l->why);
}

/* The peer broke the protocol: tell it and end. */
static void
fault(struct link *l, unsigned code, const char *why, int64_t now)
{
	if (l->fault)
		return;
	l->fault = true;
	l->code = code;
	buf_clear(&l->why);
	buf_fmt(&l->why, "%s%s", code == 1009 ? "" : "protocol error: ", why);
	l->closing = false;
	link_close(l, code, S(""), true, now);
	l->close_end = now + FAULT_MS;
}

void
link_close(struct link *l, unsigned code, struct slice reason, bool at_once, int64_t now)
{
	if (l->closing)
		return;
	l->closing = true;
	l->at_once = at_once;
	l->close_code = code;
	buf_clear(&l->close_reason);
	buf_slice(&l->close_reason, reason);
	if (at_once)
		l->close_end = now + CLOSE_MS;
}

void
link_ping(struct link *l)
{
	l->ping_asked = true;
}

/* --- from the network --- */

/* A read or write has failed: for good? */
static bool
failed(struct link *l)
{
	if (errno == EAGAIN || errno == EINTR)
		return false;
	if (!l->why.n)
		buf_str(&l->why, errno == EPROTO && l->net.tls_error ? l->net.tls_error
								     : strerror(errno));
	l->lost = true;
	return true;
}

static void
receive(struct link *l)
{
	ssize_t n;

	if (l->eof || l->rx.n >= CHUNK)
		return;
	n = dial_read(&l->net, buf_reserve(&l->rx, CHUNK), CHUNK);
	if (n > 0) {
		l->rx.n += (size_t)n;
		l->pong_end = -1;
	} else if (n == 0 || failed(l)) {
		l->eof = true;
	}
}

/* Hand sound frames on to libwebsockets. True if there were some, or none that is sound. */
static bool
pass_on(struct link *l, int64_t now)
{
	struct slice some = slice_of(l->rx.p, l->rx.n < WIRE_PIECE_MAX ? l->rx.n : WIRE_PIECE_MAX);
	unsigned code = 0;
	const char *why;
	ssize_t n;

	if (l->fault || wire_done(l->wire) || !some.n)
		return false;
	buf_clear(&l->sound);
	n = guard_pass(&l->guard, some, &l->sound, &code, &why);
	if (n < 0)
		fault(l, code, why, now);
	if (n <= 0)
		return n < 0;
	if (l->guard.close_code)
		wire_peer_closes(l->wire, l->guard.close_code);
	if (l->sound.n)
		l->lost |= !wire_input(l->wire, buf_view(&l->sound));
	buf_drop(&l->rx, (size_t)n);
	if ((code = wire_fault(l->wire, &why)))
		fault(l, code, why, now);
	return true;
}

/* --- to the network --- */

static bool
transmit(struct link *l)
{
	struct slice out = wire_output(l->wire);
	ssize_t n;

	if (l->lost || !out.n)
		return false;
	n = dial_write(&l->net, out.p, out.n);
	if (n < 0) {
		failed(l);
		return false;
	}
	wire_sent(l->wire, (size_t)n);
	wire_pump(l->wire);
	return true;
}

/* Give libwebsockets the next thing to send. */
static bool
hand_over(struct link *l, struct outq *queue, int64_t now)
{
	if (!wire_ready(l->wire) || l->close_given)
		return false;
	if (l->ping_asked || (l->ping_due >= 0 && now >= l->ping_due)) {
		wire_ping(l->wire, S("ws-connect"));
		l->ping_asked = false;
		if (l->ping_due >= 0)
			l->ping_due = now + l->o->ping_interval;
		if (l->pong_end < 0)
			l->pong_end = now + l->o->ping_timeout;
	} else if (queue->first && !(l->closing && l->at_once)) {
		wire_send(l->wire, outq_pop(queue));
	} else if (l->closing) {
		wire_close(l->wire, l->close_code, buf_view(&l->close_reason));
		l->close_given = true;
		if (l->close_end < 0)
			l->close_end = now + CLOSE_MS;
	} else {
		return false;
	}
	wire_pump(l->wire);
	return true;
}

/* Has it ended, and how? */
static void
look(struct link *l, bool paused, int64_t now)
{
	bool flushed = l->lost || !wire_output(l->wire).n;

	if (l->fault) {
		/* The peer is not waited for once it could know. */
		if ((l->close_given && wire_done(l->wire) && flushed) || l->lost || l->eof ||
		    (l->close_given && flushed && wire_idle(l->wire)) || now >= l->close_end)
			over(l, l->code, NULL);
	} else if (l->guard.close_code && (wire_done(l->wire) || l->lost) && flushed) {
		buf_clear(&l->why); /* a write that failed later does not matter */
		l->reason = slice_of(l->guard.close_reason, l->guard.close_reason_n);
		over(l, l->guard.close_code, NULL);
	} else if (wire_done(l->wire) && flushed) {
		l->fault = !l->eof;
		over(l, l->eof ? 1006 : 1007, "the server sent data that cannot be inflated");
	} else if (l->lost || (l->eof && !(paused && l->rx.n))) {
		over(l, 1006, "the connection was closed without a closing handshake");
	} else if (l->close_end >= 0 && now >= l->close_end) {
		over(l, 1006, "the server did not answer the closing handshake");
	} else if (l->pong_end >= 0 && now >= l->pong_end) {
		over(l, 1006, "ping timeout");
	}
}

void
link_step(struct link *l, struct outq *queue, bool paused, int64_t now)
{
	/* While nothing is received nothing can be heard either. */
	if (paused)
		l->pong_end = -1;
	else
		receive(l);
	/* Small messages are gathered before they go out. */
	while (hand_over(l, queue, now) || (!paused && pass_on(l, now)) || transmit(l))
		;
	look(l, paused, now);
}

/* --- for the loop --- */

short
link_events(const struct link *l, bool paused)
{
	return dial_events(&l->net, !paused && !l->eof && l->rx.n < CHUNK,
	    wire_output(l->wire).n != 0);
}

int64_t
link_due(const struct link *l)
{
	int64_t due = -1, times[] = { l->ping_due, l->pong_end, l->close_end };

	for (unsigned i = 0; i < 3; i++)
		if (times[i] >= 0 && (due < 0 || times[i] < due))
			due = times[i];
	return due;
}

bool
link_busy(const struct link *l, bool paused)
{
	return !paused && !l->eof && l->rx.n < CHUNK && dial_pending(&l->net);
}
