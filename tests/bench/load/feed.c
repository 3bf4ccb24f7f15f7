#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exit.h"
#include "io.h"
#include "load.h"
#include "msg.h"

enum {
	BATCH = 64 << 10,  /* bytes that are written at once, at most */
	PIPE = 1 << 20,
	ANSWERS = 64 << 10,
};

static struct feeder {
	int fd;
	bool busy;    /* FEED_HTTP: waits for its answer */
	bool blocked; /* epoll tells when it can be written */
	struct buf out;
} feeders[FEEDERS];
static int count;
static uint32_t random_state = 12345; /* every run asks for the same rooms */

static void
fail(const struct load *l, const char *what)
{
	msg_die(EXIT_NETWORK, "feeding %s: %s", l->wire->name, what);
}

static int
dial(const struct load *l)
{
	long port = l->feed ? strtol(l->feed, NULL, 10) : l->port;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		fail(l, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* Say something and wait for an answer; the socket blocks still. */
static void
converse(const struct load *l, int fd, struct slice say, const char *until)
{
	char answer[4096];
	size_t n = 0;
	ssize_t r;

	if (send(fd, say.p, say.n, MSG_NOSIGNAL) != (ssize_t)say.n)
		fail(l, strerror(errno));
	while (n < sizeof(answer) && (r = recv(fd, answer + n, sizeof(answer) - n, 0)) > 0) {
		n += (size_t)r;
		if (memmem(answer, n, until, strlen(until)))
			return;
	}
	fail(l, "no answer to the greeting");
}

static void
greet(const struct load *l, int fd)
{
	const struct wire *w = l->wire;
	struct buf b = {0};

	if (w->feed == FEED_WEBSOCKET) {
		buf_fmt(&b, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		    "Sec-WebSocket-Version: 13\r\n\r\n", w->feed_target);
		converse(l, fd, buf_view(&b), "\r\n\r\n");
		buf_clear(&b);
	}
	if (w->feed_greet) {
		struct buf say = {0};

		w->feed_greet(&say);
		if (w->feed == FEED_WEBSOCKET)
			load_frame(&b, w->opcode, buf_view(&say));
		converse(l, fd, buf_view(w->feed == FEED_WEBSOCKET ? &b : &say), w->feed_until);
		buf_free(&say);
	}
	buf_free(&b);
}

static void
add(struct load *l, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u32 = FEEDER_ID + (uint32_t)count };

	if (fd < 0)
		fail(l, strerror(errno));
	if (io_own(fd) || epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e))
		fail(l, strerror(errno));
	feeders[count++] = (struct feeder){ .fd = fd };
}

void
feed_open(struct load *l)
{
	int fd;

	if (l->mode == MODE_RELAY) {
		add(l, member_writer(l, 0), 0);
	} else if (l->feed && l->feed[0] == '/') {
		fd = open(l->feed, O_WRONLY | O_CLOEXEC);
		if (fd >= 0)
			fcntl(fd, F_SETPIPE_SZ, PIPE);
		add(l, fd, 0);
	} else {
		while (count < (l->wire->feed == FEED_HTTP ? FEEDERS : 1)) {
			fd = dial(l);
			greet(l, fd);
			add(l, fd, EPOLLIN);
		}
	}
}

static void
want_out(struct load *l, struct feeder *f, bool blocked)
{
	bool answers = l->mode == MODE_FEED && !(l->feed && l->feed[0] == '/');
	struct epoll_event e = { .events = (blocked ? EPOLLOUT : 0u) | (answers ? EPOLLIN : 0u),
		.data.u32 = FEEDER_ID + (uint32_t)(f - feeders) };

	if (f->blocked != blocked)
		epoll_ctl(l->epoll, EPOLL_CTL_MOD, f->fd, &e);
	f->blocked = blocked;
}

static void
flush(struct load *l, struct feeder *f)
{
	ssize_t n = f->out.n ? write(f->fd, f->out.p, f->out.n) : 0;

	if (n < 0 && errno != EAGAIN)
		fail(l, strerror(errno));
	if (n > 0)
		buf_drop(&f->out, (size_t)n);
	want_out(l, f, f->out.n > 0);
}

/* Saturated, rooms in an order that no cache foresees; paced, too. */
static uint32_t
any_room(const struct load *l)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % (uint32_t)l->rooms;
}

static void
publish(struct load *l, struct feeder *f, uint64_t stamp)
{
	static struct buf message, payload;
	uint32_t room = l->mode == MODE_RELAY ? 0 : any_room(l);
	struct who w = { .id = 0, .room = room, .mode = l->mode };

	load_message(l, &message, room, stamp);
	buf_clear(&payload);
	if (l->mode == MODE_RELAY)
		l->wire->relay(&payload, &w, buf_view(&message));
	else
		l->wire->publish(&payload, room, buf_view(&message));
	if (l->mode == MODE_RELAY || l->wire->feed == FEED_WEBSOCKET)
		load_frame(&f->out, l->wire->opcode, buf_view(&payload));
	else
		buf_slice(&f->out, buf_view(&payload));
}

uint64_t
feed_publish(struct load *l, uint64_t n, uint64_t due)
{
	bool http = l->wire->feed == FEED_HTTP && l->mode != MODE_RELAY;
	uint64_t stamp = due ? due : load_now(), done = 0;

	for (struct feeder *f = feeders; f < feeders + count && done < n; f++) {
		if (f->busy || f->out.n)
			continue;
		do {
			publish(l, f, stamp);
			done++;
		} while (!http && done < n && f->out.n < BATCH);
		f->busy = http;
		flush(l, f);
	}
	return done;
}

static void
answered(struct load *l, struct feeder *f)
{
	static char answer[ANSWERS];
	ssize_t n = recv(f->fd, answer, sizeof(answer), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		fail(l, "the server closed the connection");
	if (n > 0 && f->busy) {
		if (!slice_starts(slice_of(answer, (size_t)n), S("HTTP/1.1 20")))
			fail(l, "a request was refused");
		f->busy = false;
	}
}

void
feed_ready(struct load *l, uint32_t feeder, uint32_t events)
{
	struct feeder *f = &feeders[feeder];

	if (events & EPOLLIN)
		answered(l, f);
	if (events & (EPOLLOUT | EPOLLERR))
		flush(l, f);
}
