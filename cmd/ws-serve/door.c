#include "door.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "guest.h"
#include "mem.h"
#include "now.h"

enum {
	EVENT_BATCH = 256,
	HEADER_MAX = 512, /* the canonical header */
};

/* The door_admit that is on the stack. */
static struct {
	void *conn;
	struct slice subprotocol;
} admitting;

void
door_set_data(struct guest *g, void *data)
{
	g->data = data;
}

void *
door_data(const struct guest *g)
{
	return g->data;
}

void *
door_admitting(void)
{
	return admitting.conn;
}

int
door_add_headers(struct lws_process_html_args *args)
{
	if (admitting.subprotocol.n) {
		size_t room = (size_t)args->max_len;
		int n = snprintf(args->p, room, "Sec-WebSocket-Protocol: %.*s\r\n",
		    (int)admitting.subprotocol.n, admitting.subprotocol.p);

		if (n < 0 || (size_t)n >= room)
			return -1;
		args->p += n;
	}
	return 0;
}

/* The header that libwebsockets gets in place of the client's: what it must have to
 * compute its answer, and nothing else. It need not know the path. */
static size_t
canonical(const struct guest *g, char header[HEADER_MAX])
{
	return (size_t)snprintf(header, HEADER_MAX,
	    "GET / HTTP/1.1\r\n"
	    "Host: a\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: %.*s\r\n"
	    "%s"
	    "\r\n",
	    HANDSHAKE_KEY, g->key,
	    /* lws echoes these; a server may add both by itself (RFC 7692 7.1.1). */
	    g->deflate ? "Sec-WebSocket-Extensions: permessage-deflate; "
	    "server_no_context_takeover; client_no_context_takeover\r\n" : "");
}

struct lws *
door_admit(struct guest *g, struct slice subprotocol, void *conn, struct peer **peer)
{
	struct door *d = g->door;
	char header[HEADER_MAX];
	size_t n = canonical(g, header);
	struct lws *wsi = NULL;
	int fd = g->fd;

	guest_unwatch(g);
	*peer = g->peer;
	g->peer = NULL;
	if (!guest_consume(fd, g->seen)) {
		d->stats.left++;
	} else {
		d->stats.admitted++;
		g->fd = -1;
		admitting.conn = conn;
		admitting.subprotocol = g->bearer ? S("bearer") : subprotocol;
		wsi = lws_adopt_socket_vhost_readbuf(d->config.vhost, fd, header, n);
		admitting.conn = NULL;
		admitting.subprotocol = slice_of(NULL, 0);
	}
	guest_free(g);
	return wsi;
}

void
door_refuse(struct guest *g, int status, const char *reason, int retry_s)
{
	guest_refuse(g, status, reason, retry_s);
}

const struct door_stats *
door_stats(const struct door *d)
{
	return &d->stats;
}

static void
on_guests(struct ev_loop *loop, ev_io *io, int revents)
{
	struct door *d = io->data;
	struct epoll_event events[EVENT_BATCH];
	int n = epoll_wait(d->epoll, events, EVENT_BATCH, 0);

	(void)loop;
	(void)revents;
	guest_enter(d);
	for (int i = 0; i < n; i++) {
		struct guest *g = events[i].data.ptr;
		bool ended = events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);

		switch (g->state) {
		case GUEST_READING:
			guest_look(g, ended);
			/* The end may have come with the last of the header, in one edge. */
			if (g->state != GUEST_KNOCKED)
				break;
			/* fall through */
		case GUEST_KNOCKED:
			if (ended) {
				d->stats.left++;
				d->ops->gone(d->ctx, g);
				guest_free(g);
			}
			break;
		case GUEST_LINGERING:
			if (!guest_discard(g->fd) || (events[i].events & (EPOLLHUP | EPOLLERR)))
				guest_free(g);
			break;
		case GUEST_GONE:
			break;
		}
	}
	guest_leave(d);
}

static void
on_deadline(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct door *d = timer->data;
	struct guest_list *reading = &d->list[GUEST_READING], *lingering = &d->list[GUEST_LINGERING];
	int64_t now = now_us();

	(void)loop;
	(void)revents;
	guest_enter(d);
	while (reading->first && reading->first->due_us <= now) {
		d->stats.timeouts++;
		guest_refuse(reading->first, 408, "the request did not come in time", 0);
	}
	while (lingering->first && lingering->first->due_us <= now)
		guest_free(lingering->first);
	guest_arm(d);
	guest_leave(d);
}

struct door *
door_new(struct ev_loop *loop, const struct door_config *config, const struct door_ops *ops,
    void *ctx)
{
	struct door *d;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return NULL;
	d = mem_zero(1, sizeof *d);
	d->loop = loop;
	d->config = *config;
	d->ops = ops;
	d->ctx = ctx;
	d->epoll = fd;
	ev_io_init(&d->io, on_guests, fd, EV_READ);
	ev_timer_init(&d->deadline, on_deadline, 0, 0);
	d->io.data = d->deadline.data = d;
	ev_io_start(loop, &d->io);
	gate_start(d);
	return d;
}

void
door_stop(struct door *d)
{
	if (!d->stopped)
		gate_stop(d);
	d->stopped = true;
}

void
door_free(struct door *d)
{
	if (!d)
		return;
	door_stop(d);
	for (int i = 0; i < GUEST_STATES; i++) {
		while (d->list[i].first)
			guest_free(d->list[i].first);
	}
	ev_io_stop(d->loop, &d->io);
	ev_timer_stop(d->loop, &d->deadline);
	close(d->epoll);
	buf_free(&d->token);
	buf_free(&d->answer);
	free(d);
}
