#include "http_conn.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_private.h"
#include "mem.h"
#include "respond.h"

enum {
	READ_BYTES = 64 << 10,
	SENDFILE_BYTES = 256 << 10, /* in one go, so that others get their turn */
	LINGER_US = 2000000,        /* for the client to read the answer and leave */
};

static int64_t
now_us(const struct http_conn *c)
{
	return (int64_t)(ev_now(c->http->config.loop) * 1e6);
}

static void
set_timer(struct http_conn *c, int64_t us)
{
	c->timer.repeat = (double)us / 1e6;
	ev_timer_again(c->http->config.loop, &c->timer);
}

size_t
http_conn_untaken(const struct http_conn *c)
{
	int held = 0;

	return ioctl(c->fd, SIOCOUTQ, &held) || held < 0 ? 0 : (size_t)held;
}

/* Bytes that the client has sent and taken. */
static uint64_t
moved(const struct http_conn *c)
{
	size_t untaken = http_conn_untaken(c);

	return untaken < c->moved ? c->moved - untaken : 0;
}

static void
begin_pace(struct http_conn *c)
{
	pace_begin(&c->pace, moved(c), now_us(c));
	set_timer(c, PACE_SLACK_US);
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
	if (state == HTTP_LINGERING)
		set_timer(c, LINGER_US);
	else
		begin_pace(c);
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
	    .allow = allow, .retry_s = status == 503 ? 1 : 0, .head = c->head });
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
		ev_timer_stop(c->http->config.loop, &c->timer);
	else
		begin_pace(c);
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
		c->moved += (size_t)n;
	}
	if (c->file_left) {
		n = sendfile(c->fd, c->file, NULL,
		    c->file_left < SENDFILE_BYTES ? (size_t)c->file_left : SENDFILE_BYTES);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		if (n == 0)
			return -1;
		c->file_left -= n;
		c->moved += (size_t)n;
	}
	return c->file_left == 0;
}

static void
write_on(struct http_conn *c)
{
	switch (write_some(c)) {
	case 1:
		/* The end of the body is known by its length; half-closed first so that what
		 * the client still sends does not reset it. */
		shutdown(c->fd, SHUT_WR);
		set_state(c, HTTP_LINGERING);
		return;
	case 0:
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
	c->moved += (size_t)n;
	if (c->leisurely)
		begin_pace(c);
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
on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct http_conn *c = timer->data;
	int64_t left_us;

	(void)loop;
	(void)revents;
	/* As long as the kernel holds some of the answer the client is still at it; closed now
	 * it could lose the rest. */
	if (c->state == HTTP_LINGERING && http_conn_untaken(c) == 0) {
		http_conn_free(c);
		return;
	}
	left_us = pace_left(&c->pace, moved(c), now_us(c));
	if (left_us) {
		if (c->state == HTTP_LINGERING && left_us > LINGER_US)
			left_us = LINGER_US;
		set_timer(c, left_us);
	} else {
		c->http->stats.slow++;
		http_conn_cut(c);
	}
}

struct http_conn *
http_conn_new(struct http *h, int fd, struct peer_address who)
{
	struct http_conn *c = mem_zero(1, sizeof *c);

	c->who = who;
	if (!http_make_place(h, c)) {
		struct buf b = { 0 };

		h->stats.refused++;
		respond_refusal(&b, &(struct refusal){ .status = 503,
		    .reason = "too many requests at a time", .retry_s = 1 });
		send(fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		buf_free(&b);
		close(fd);
		free(c);
		return NULL;
	}
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
	ev_init(&c->timer, on_timer);
	c->io.data = c->timer.data = c;
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
http_conn_cut(struct http_conn *c)
{
	static const struct linger none = { .l_onoff = 1 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	http_conn_free(c);
}

void
http_conn_free(struct http_conn *c)
{
	struct http *h = c->http;

	if (c->sink)
		c->sink->gone(c);
	ev_io_stop(h->config.loop, &c->io);
	ev_timer_stop(h->config.loop, &c->timer);
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
