#include "http_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_private.h"
#include "mem.h"
#include "respond.h"

enum {
	READ_BYTES = 64 << 10,
	SENDFILE_BYTES = 256 << 10, /* in one go, so that others get their turn */
	LINGER_MS = 2000,           /* for the client to read the answer and leave */
};

static void
set_idle(struct http_conn *c, int ms)
{
	c->idle.repeat = ms / 1e3;
	ev_timer_again(c->http->config.loop, &c->idle);
}

/* Interest follows from the state. */
static void
set_events(struct http_conn *c)
{
	struct ev_loop *loop = c->http->config.loop;
	int events = c->state == HTTP_WRITING ? EV_WRITE : EV_READ;

	ev_io_stop(loop, &c->io);
	if (c->state == HTTP_READING && c->held)
		return;
	ev_io_set(&c->io, c->fd, events);
	ev_io_start(loop, &c->io);
}

static void
set_state(struct http_conn *c, int state)
{
	c->state = state;
	set_events(c);
	set_idle(c, state == HTTP_LINGERING ? LINGER_MS : HTTP_IDLE_MS);
}

void
http_reply(struct http_conn *c, int status, const char *type, struct slice body,
    const char *fields)
{
	respond_put(&c->out, &(struct respond){ .status = status, .type = type, .body = body,
	    .fields = fields, .head = c->head });
	c->state = HTTP_WRITING;
}

void
http_refuse(struct http_conn *c, int status, const char *reason, const char *allow)
{
	c->http->stats.refused++;
	respond_refusal(&c->out, &(struct refusal){ .status = status, .reason = reason,
	    .allow = allow, .head = c->head });
	c->state = HTTP_WRITING;
}

void
http_send_file(struct http_conn *c, const struct static_file *file, const char *fields)
{
	respond_put(&c->out, &(struct respond){ .status = 200, .type = file->type,
	    .length = file->size, .fields = fields, .head = c->head });
	c->file = file->fd;
	c->file_left = c->head ? 0 : file->size;
	c->state = HTTP_WRITING;
}

void
http_receive(struct http_conn *c, const struct http_sink *sink, void *data)
{
	c->sink = sink;
	c->data = data;
	c->state = HTTP_READING;
}

void
http_hold(struct http_conn *c, bool on)
{
	c->held = on;
	if (c->state != HTTP_READING)
		return;
	set_events(c);
	/* Held by us, it is not the client that makes no progress. */
	if (on)
		ev_timer_stop(c->http->config.loop, &c->idle);
	else
		set_idle(c, HTTP_IDLE_MS);
}

/* 1 all written, 0 the kernel is full, -1 the client is gone or the file got shorter. */
static int
write_some(struct http_conn *c)
{
	ssize_t n;

	while (c->sent < c->out.n) {
		n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL | (c->file_left ? MSG_MORE : 0));
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		c->sent += (size_t)n;
	}
	if (c->file_left) {
		n = sendfile(c->fd, c->file, NULL,
		    c->file_left < SENDFILE_BYTES ? (size_t)c->file_left : SENDFILE_BYTES);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		if (n == 0)
			return -1;
		c->file_left -= n;
	}
	return c->file_left == 0;
}

static void
write_on(struct http_conn *c)
{
	size_t sent = c->sent;
	int64_t left = c->file_left;

	switch (write_some(c)) {
	case 1:
		/* The end of the body is known by its length; half-closed first so that what
		 * the client still sends does not reset it. */
		shutdown(c->fd, SHUT_WR);
		set_state(c, HTTP_LINGERING);
		return;
	case 0:
		if (sent != c->sent || left != c->file_left)
			set_idle(c, HTTP_IDLE_MS);
		return;
	default:
		http_conn_free(c);
	}
}

/* Give the sink what came. False when the body is malformed. */
static bool
take(struct http_conn *c, struct slice in)
{
	while (in.n && c->body.state != BODY_DONE && c->state == HTTP_READING) {
		struct slice content;
		ssize_t used = body_take(&c->body, in, &content);

		if (used < 0)
			return false;
		if (content.n)
			c->sink->data(c, content);
		in = slice_from(in, (size_t)used);
	}
	return true;
}

static void
read_on(struct http_conn *c)
{
	char bytes[READ_BYTES];
	ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		http_conn_free(c);
		return;
	}
	if (c->state == HTTP_LINGERING)
		return;
	set_idle(c, HTTP_IDLE_MS);
	if (!take(c, slice_of(bytes, (size_t)n)))
		http_refuse(c, 400, "malformed chunk", NULL);
	else if (c->state == HTTP_READING && c->body.state == BODY_DONE)
		c->sink->end(c);
	if (c->state == HTTP_WRITING) {
		set_state(c, HTTP_WRITING);
		write_on(c);
	}
}

static void
on_io(struct ev_loop *loop, ev_io *io, int revents)
{
	struct http_conn *c = io->data;

	(void)loop;
	(void)revents;
	if (c->state == HTTP_WRITING)
		write_on(c);
	else
		read_on(c);
}

static void
on_idle(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	http_conn_free(timer->data);
}

struct http_conn *
http_conn_new(struct http *h, int fd)
{
	struct http_conn *c;

	if (h->count >= HTTP_CONNS) {
		struct buf b = { 0 };

		h->stats.refused++;
		respond_refusal(&b, &(struct refusal){ .status = 503,
		    .reason = "too many requests at a time", .retry_s = 1 });
		send(fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		buf_free(&b);
		close(fd);
		return NULL;
	}
	c = mem_zero(1, sizeof *c);
	c->http = h;
	c->fd = fd;
	c->file = -1;
	c->next = h->first;
	if (c->next)
		c->next->prev = c;
	h->first = c;
	h->count++;
	h->stats.requests++;
	ev_io_init(&c->io, on_io, fd, EV_READ);
	ev_timer_init(&c->idle, on_idle, 0, HTTP_IDLE_MS / 1e3);
	c->io.data = c->idle.data = c;
	return c;
}

void
http_conn_start(struct http_conn *c)
{
	if (c->state == HTTP_READING && c->body.state == BODY_DONE)
		c->sink->end(c);
	set_state(c, c->state);
	if (c->state == HTTP_WRITING)
		write_on(c);
}

void
http_conn_free(struct http_conn *c)
{
	struct http *h = c->http;

	if (c->sink)
		c->sink->gone(c);
	ev_io_stop(h->config.loop, &c->io);
	ev_timer_stop(h->config.loop, &c->idle);
	*(c->prev ? &c->prev->next : &h->first) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	h->count--;
	close(c->fd);
	if (c->file >= 0)
		close(c->file);
	buf_free(&c->out);
	free(c);
}
