/* What goes over a connection: the handshake, frames, close. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"

/* --- out --- */

static ssize_t
push(struct conn *c, const char *p, size_t n)
{
	if (c->io && c->io->net.ssl)
		return dial_write(&c->io->net, p, n);
	return send(c->fd, p, n, MSG_NOSIGNAL);
}

void
client_send(struct client *k, struct conn *c, struct slice frames)
{
	while (frames.n && !conn_blocked(c)) {
		ssize_t n = push(c, frames.p, frames.n);

		if (n > 0) {
			k->bytes_out += (uint64_t)n;
			frames = slice_from(frames, (size_t)n);
		} else if (n < 0 && errno == EAGAIN) {
			break;
		} else if (n < 0 && errno != EINTR) {
			client_gone(k, c, "cannot send: %s", strerror(errno));
			return;
		}
	}
	if (!frames.n)
		return;
	buf_slice(&conn_io(c)->out, frames);
	if (!c->want_write)
		client_interest(k, c, true);
}

void
wire_write(struct client *k, struct conn *c)
{
	struct io *io = conn_io(c);

	while (io->sent < io->out.n) {
		ssize_t n = push(c, io->out.p + io->sent, io->out.n - io->sent);

		if (n > 0) {
			k->bytes_out += (uint64_t)n;
			io->sent += (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			return;
		} else if (n < 0 && errno != EINTR) {
			client_gone(k, c, "cannot send: %s", strerror(errno));
			return;
		}
	}
	io->sent = io->out.n = 0;
	client_interest(k, c, false);
	conn_tidy(c);
	if (c->state == CONN_UP)
		k->ops.drained(k->ctx, c);
}

/* --- the handshake --- */

void
wire_request(struct client *k, struct conn *c, struct handshake *h)
{
	const struct config *o = k->config;
	struct slice token = { 0 };

	if (o->ntokens)
		token = o->tokens[conn_number(k, c) % o->ntokens];
	buf_clear(&k->request);
	url_put_host(&k->request, &o->url);
	*h = (struct handshake){ .headers = o->headers.v, .nheaders = o->headers.n };
	size_t host = k->request.n;

	buf_str(&k->request, o->url.target);
	if (token.n && o->token_in == TOKEN_QUERY) {
		buf_str(&k->request, strchr(o->url.target, '?') ? "&token=" : "?token=");
		url_encode(&k->request, token);
	}
	h->host = slice_of(k->request.p, host);
	h->target = slice_from(buf_view(&k->request), host);
	if (o->origin)
		h->origin = slice_str(o->origin);
	if (o->protocol)
		h->protocol = slice_str(o->protocol);
	if (token.n && o->token_in == TOKEN_HEADER)
		h->bearer = token;
	if (token.n && o->token_in == TOKEN_PROTOCOL) {
		h->protocol = S("bearer");
		h->secret_protocol = token;
	}
}

/* No retry will change these; 408, 425, 429 and what is wrong with the server may pass. */
static bool
refused_for_good(int status)
{
	return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

/* The answer to the upgrade. Returns how many bytes of it were taken; on 0 it is not
 * complete or the connection is gone. */
static size_t
take_answer(struct client *k, struct conn *c, struct slice in)
{
	struct handshake_answer answer;
	struct handshake h;

	wire_request(k, c, &h);
	switch (handshake_check(in, &h, c->io->key, &answer)) {
	case HANDSHAKE_MORE:
		break;
	case HANDSHAKE_REFUSED:
		k->refused = refused_for_good(answer.status);
		client_gone(k, c, "HTTP %d", answer.status);
		break;
	case HANDSHAKE_BAD:
		client_gone(k, c, "bad handshake: %s", answer.why);
		break;
	case HANDSHAKE_OK:
		c->state = CONN_UP;
		k->opening--;
		k->up++;
		k->ops.up(k->ctx, c);
		return answer.size;
	}
	return 0;
}

/* --- frames --- */

static void
send_frame(struct client *k, struct conn *c, enum frame_opcode opcode, struct slice payload)
{
	struct buf b = { 0 };

	client_frame(k, &b, opcode, payload);
	client_send(k, c, buf_view(&b));
	buf_free(&b);
}

static void
bad_frame(struct client *k, struct conn *c, unsigned code, const char *why)
{
	char payload[2] = { (char)(code >> 8), (char)code };
	int fd = c->fd;

	send_frame(k, c, FRAME_CLOSE, slice_of(payload, 2));
	if (c->fd == fd)
		client_gone(k, c, "bad frame: %s", why);
}

static void
take_close(struct client *k, struct conn *c, struct slice payload)
{
	struct slice reason;
	unsigned code = frame_close(payload, &reason);
	int fd = c->fd;

	if (!code) {
		bad_frame(k, c, 1002, "malformed close");
		return;
	}
	/* Ours was first: this is the answer, and the server ends the connection. */
	if (c->state == CONN_CLOSING)
		return;
	send_frame(k, c, FRAME_CLOSE, slice_of(payload.p, payload.n < 2 ? 0 : 2));
	if (c->fd == fd)
		client_gone(k, c, "closed %u", code);
}

static void
take_data(struct client *k, struct conn *c, const struct frame *f, struct slice payload)
{
	struct io *io = c->io;
	bool fragmented = io && io->fragmented;

	if (fragmented != (f->opcode == FRAME_CONTINUATION)) {
		bad_frame(k, c, 1002, fragmented ? "message within a message"
		    : "continuation of nothing");
		return;
	}
	if (c->state != CONN_UP)
		return;
	if (f->fin && !fragmented) {
		k->ops.message(k->ctx, c, payload);
		return;
	}
	io = conn_io(c);
	if (io->message.n + payload.n > (uint64_t)k->config->max_message) {
		bad_frame(k, c, 1009, "message too long");
		return;
	}
	io->fragmented = true;
	buf_slice(&io->message, payload);
	if (!f->fin)
		return;
	io->fragmented = false;
	/* Taken out of the io, which the callback may release. */
	struct buf whole = io->message;

	io->message = (struct buf){ 0 };
	k->ops.message(k->ctx, c, buf_view(&whole));
	buf_free(&whole);
}

static void
take_frame(struct client *k, struct conn *c, const struct frame *f, struct slice payload)
{
	switch (f->opcode) {
	case FRAME_PING:
		/* Who pings and does not read gets no pong: they would pile up here. Section
		 * 5.5.3 lets us answer later pings only. */
		if (c->state == CONN_UP && !conn_blocked(c))
			send_frame(k, c, FRAME_PONG, payload);
		break;
	case FRAME_PONG:
		break;
	case FRAME_CLOSE:
		take_close(k, c, payload);
		break;
	default:
		take_data(k, c, f, payload);
		break;
	}
}

/* Take all whole frames; returns what is left. */
static struct slice
take_frames(struct client *k, struct conn *c, struct slice in)
{
	int fd = c->fd;

	while (in.n && c->fd == fd) {
		const char *why;
		struct frame f;
		enum frame_status status = frame_decode(in, false, false, &f, &why);

		if (status == FRAME_MORE)
			break;
		if (status == FRAME_BAD) {
			bad_frame(k, c, 1002, why);
			break;
		}
		if (f.length > (uint64_t)k->config->max_message) {
			bad_frame(k, c, 1009, "message too long");
			break;
		}
		if (in.n - f.header < f.length)
			break;
		take_frame(k, c, &f, slice_of(in.p + f.header, (size_t)f.length));
		in = slice_from(in, f.header + (size_t)f.length);
	}
	return in;
}

/* --- in --- */

static void
take(struct client *k, struct conn *c, struct slice in)
{
	int fd = c->fd;

	if (c->state == CONN_UPGRADING) {
		size_t n = take_answer(k, c, in);

		if (c->fd != fd)
			return;
		in = slice_from(in, n);
	}
	if (c->state >= CONN_UP)
		in = take_frames(k, c, in);
	if (c->fd == fd && c->state == CONN_UP)
		k->ops.handled(k->ctx, c);
	if (c->fd != fd)
		return;
	/* Keep the rest; it may stand in the very buffer that keeps it. */
	if (c->io && c->io->in.n) {
		buf_drop(&c->io->in, c->io->in.n - in.n);
		conn_tidy(c);
	} else if (in.n) {
		buf_slice(&conn_io(c)->in, in);
	} else {
		conn_tidy(c);
	}
}

static ssize_t
pull(struct client *k, struct conn *c, size_t limit)
{
	ssize_t n;

	if (!c->io || !c->io->net.ssl)
		return recv(c->fd, k->in, limit, 0);
	n = dial_read(&c->io->net, k->in, limit);
	if (n < 0 && c->io->net.read_wants_out && !c->want_write)
		client_interest(k, c, true);
	return n;
}

void
wire_read(struct client *k, struct conn *c, size_t limit)
{
	int fd = c->fd;
	bool again = true;

	/* OpenSSL may hold back bytes of which epoll knows nothing: read on until it has
	 * none. A plain socket tells again by itself. */
	while (again && c->fd == fd) {
		ssize_t n = pull(k, c, limit);

		client_clock(k);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			if (c->state == CONN_CLOSING)
				client_gone(k, c, "closed");
			else
				client_gone(k, c, "%s", n < 0 ? strerror(errno)
				    : c->state == CONN_UP ? "connection lost" : "connection lost while upgrading");
			return;
		}
		k->bytes_in += (uint64_t)n;
		again = c->io && !c->deaf && dial_pending(&c->io->net);
		if (c->io && c->io->in.n) {
			buf_add(&c->io->in, k->in, (size_t)n);
			take(k, c, buf_view(&c->io->in));
		} else {
			take(k, c, slice_of(k->in, (size_t)n));
		}
	}
}
