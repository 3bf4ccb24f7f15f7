#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exit.h"
#include "load.h"
#include "mem.h"
#include "msg.h"

enum {
	CHUNK = 256 << 10,   /* bytes of one recv */
	REST_MAX = 1 << 20,  /* longest frame, for what is left of it is kept in front of a chunk */
	LOOKED_AT = 8,       /* saturated, the messages of every so many members are looked at */
};

enum state { CONNECTING, UPGRADING, JOINING, JOINED, DEAD };

struct member {
	int fd;
	enum state state;
	bool sequenced; /* `sequence` is that of the last message */
	uint32_t sequence;
	struct buf rest; /* bytes of a frame that is not whole */
};

static char space[REST_MAX + CHUNK], *const chunk = space + REST_MAX;

static struct who
who(const struct load *l, uint32_t id)
{
	return (struct who){ .id = id, .room = id % (uint32_t)l->rooms, .mode = l->mode };
}

static void
drop(struct load *l, struct member *m)
{
	if (m->state == JOINED)
		l->joined--;
	m->state = DEAD;
	l->lost_members++;
	close(m->fd);
}

/* Some hundred bytes: a socket that does not take them is no use. */
static void
say(struct load *l, struct member *m, struct slice bytes)
{
	if (m->state != DEAD && send(m->fd, bytes.p, bytes.n, MSG_NOSIGNAL) != (ssize_t)bytes.n)
		drop(l, m);
}

static void
say_frame(struct load *l, struct member *m, struct slice payload)
{
	static struct buf frame;

	buf_clear(&frame);
	load_frame(&frame, l->wire->opcode, payload);
	say(l, m, buf_view(&frame));
}

/* --- connecting --- */

struct member *
member_array(size_t n)
{
	return mem_zero(n, sizeof(struct member));
}

void
member_open(struct load *l)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)l->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint32_t id = (uint32_t)l->opened++;
	struct member *m = &l->member[id];
	struct epoll_event e = { .events = EPOLLOUT, .data.u32 = id };
	int one = 1;

	m->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (m->fd < 0)
		msg_die(EXIT_HOST, "cannot open connection %u: %s", id, strerror(errno));
	setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(m->fd, (struct sockaddr *)&a, sizeof(a)) && errno != EINPROGRESS)
		drop(l, m);
	else if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, m->fd, &e))
		msg_die(EXIT_HOST, "epoll: %s", strerror(errno));
}

static void
ask_upgrade(struct load *l, uint32_t id)
{
	static struct buf request;
	struct member *m = &l->member[id];
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = id };
	struct who w = who(l, id);

	buf_clear(&request);
	buf_str(&request, "GET ");
	if (l->target)
		buf_str(&request, l->target);
	else
		l->wire->target(&request, &w);
	buf_str(&request, " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Version: 13\r\n");
	if (l->wire->subprotocol)
		buf_fmt(&request, "Sec-WebSocket-Protocol: %s\r\n", l->wire->subprotocol);
	if (l->tokens.n)
		buf_fmt(&request, "Authorization: Bearer %s\r\n", l->tokens.v[id % (uint32_t)l->tokens.n]);
	buf_str(&request, "\r\n");
	m->state = UPGRADING;
	epoll_ctl(l->epoll, EPOLL_CTL_MOD, m->fd, &e);
	say(l, m, buf_view(&request));
}

static void
joined(struct load *l, struct member *m)
{
	m->state = JOINED;
	l->joined++;
}

/* The answer to our request, at the beginning of `bytes`: returns what is behind it. */
static struct slice
upgraded(struct load *l, uint32_t id, struct slice bytes)
{
	static struct buf greeting;
	struct member *m = &l->member[id];
	const char *end = memmem(bytes.p, bytes.n, "\r\n\r\n", 4);
	struct who w = who(l, id);

	if (!end)
		return bytes;
	if (!slice_starts(bytes, S("HTTP/1.1 101"))) {
		if (!l->lost_members)
			msg_warn("refused: %.*s", (int)slice_find(bytes, '\r'), bytes.p);
		drop(l, m);
		return bytes;
	}
	if (!l->wire->greet || l->target) {
		joined(l, m);
	} else {
		m->state = JOINING;
		buf_clear(&greeting);
		l->wire->greet(&greeting, &w);
		say_frame(l, m, buf_view(&greeting));
	}
	return slice_from(bytes, (size_t)(end + 4 - bytes.p));
}

/* --- what comes --- */

static uint64_t
unhex(const char *p, int digits)
{
	uint64_t v = 0;

	while (digits--) {
		v = v << 4 | (uint64_t)((*p & 15) + (*p >> 6) * 9);
		p++;
	}
	return v;
}

static void
look_at(struct load *l, struct member *m, const char *stamp, uint64_t now)
{
	uint32_t sequence = (uint32_t)unhex(stamp + 1 + STAMP_DIGITS + 1, SEQUENCE_DIGITS);

	if (m->sequenced && sequence != m->sequence + 1)
		l->disordered++;
	m->sequenced = true;
	m->sequence = sequence;
	if (l->measuring)
		hist_add(&l->latency, now - unhex(stamp + 1, STAMP_DIGITS));
}

/* Count the messages in a frame's payload. Returns how many. */
static unsigned
count(struct load *l, uint32_t id, struct slice payload, uint64_t now)
{
	bool looked_at = l->rate || l->mode == MODE_ECHO || id % LOOKED_AT == 0;
	const char *p = payload.p, *end = p + payload.n;
	unsigned n = 0;

	if (!l->wire->packed) {
		p = memchr(p, '~', payload.n);
		if (p && looked_at && end - p >= STAMPED)
			look_at(l, &l->member[id], p, now);
		n = p != NULL;
	} else {
		while ((p = memchr(p, '~', (size_t)(end - p)))) {
			n++;
			if (looked_at && end - p >= STAMPED)
				look_at(l, &l->member[id], p, now);
			else
				l->member[id].sequenced = false; /* cut in two by the frame's end */
			p++;
		}
	}
	l->delivered += n;
	return n;
}

/* Echo: n new messages in one send. */
static void
send_echoes(struct load *l, uint32_t id, unsigned n)
{
	static struct buf message, said, frames;
	struct who w = who(l, id);

	buf_clear(&frames);
	while (n--) {
		buf_clear(&message);
		buf_clear(&said);
		load_message(l, &message, w.room, load_now());
		l->wire->echo(&said, &w, buf_view(&message));
		load_frame(&frames, l->wire->opcode, buf_view(&said));
	}
	say(l, &l->member[id], buf_view(&frames));
}

static void
hear(struct load *l, uint32_t id, struct slice message)
{
	static struct buf answer;
	struct member *m = &l->member[id];
	struct who w = who(l, id);
	bool now_in;

	buf_clear(&answer);
	now_in = l->wire->hears(message, &w, &answer);
	if (answer.n)
		say_frame(l, m, buf_view(&answer));
	if (now_in && m->state == JOINING)
		joined(l, m);
}

/* All whole frames of `bytes`; returns what is left. */
static struct slice
frames(struct load *l, uint32_t id, struct slice bytes)
{
	struct member *m = &l->member[id];
	uint64_t now = load_now();
	unsigned messages = 0;
	struct frame f;
	const char *why;
	enum frame_status status = FRAME_MORE;

	while (m->state != DEAD &&
	    (status = frame_decode(bytes, false, false, &f, &why)) == FRAME_OK &&
	    bytes.n - f.header >= f.length) {
		struct slice payload = slice_of(bytes.p + f.header, f.length);

		bytes = slice_from(bytes, f.header + f.length);
		if (f.opcode == FRAME_CLOSE)
			drop(l, m);
		else if (f.opcode > FRAME_BINARY)
			continue; /* a ping; no run is as long as a server's patience */
		else if (m->state == JOINING)
			hear(l, id, payload);
		else
			messages += count(l, id, payload, now);
	}
	if (status == FRAME_BAD) {
		msg_warn("%s: %s", l->wire->name, why);
		drop(l, m);
	}
	if (messages && l->mode == MODE_ECHO)
		send_echoes(l, id, messages);
	return bytes;
}

static void
received(struct load *l, uint32_t id)
{
	struct member *m = &l->member[id];
	char *begin = chunk - m->rest.n;
	ssize_t n = recv(m->fd, chunk, CHUNK, 0);
	struct slice bytes;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(l, m);
		return;
	}
	if (m->rest.n)
		memcpy(begin, m->rest.p, m->rest.n);
	bytes = slice_of(begin, m->rest.n + (size_t)n);
	if (m->state == UPGRADING)
		bytes = upgraded(l, id, bytes);
	if (m->state == JOINING || m->state == JOINED)
		bytes = frames(l, id, bytes);
	if (bytes.n > REST_MAX)
		msg_die(EXIT_HOST, "%s: a frame is longer than %d bytes", l->wire->name, REST_MAX);
	buf_clear(&m->rest);
	if (bytes.n)
		buf_slice(&m->rest, bytes);
}

void
member_ready(struct load *l, uint32_t id)
{
	struct member *m = &l->member[id];
	socklen_t size = sizeof(int);
	int error = 0;

	if (m->state == DEAD)
		return;
	if (m->state != CONNECTING) {
		received(l, id);
		return;
	}
	getsockopt(m->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error)
		drop(l, m);
	else
		ask_upgrade(l, id);
}

void
member_begin_echo(struct load *l)
{
	for (uint32_t id = 0; id < l->members; id++)
		send_echoes(l, id, (unsigned)l->pipelined);
}

int
member_writer(const struct load *l, uint32_t id)
{
	return fcntl(l->member[id].fd, F_DUPFD_CLOEXEC, 0);
}

void
member_close_all(struct load *l)
{
	struct linger reset = { .l_onoff = 1 };

	for (uint64_t i = 0; i < l->opened; i++)
		if (l->member[i].state != DEAD) {
			setsockopt(l->member[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			close(l->member[i].fd);
		}
}
