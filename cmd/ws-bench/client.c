#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"
#include "now.h"

enum {
	EVENTS = 1024,
	SLOW_BUFFER = 4096,  /* a slow reader is not to hide behind megabytes of the kernel */
	WATCHED = 1 << 30, /* with a descriptor: not a connection's number */
};

uint64_t
client_clock(struct client *k)
{
	/* From the first call on: small numbers keep their digits in a double. */
	static uint64_t origin;

	if (!origin)
		origin = (uint64_t)now_ns() - 1;
	return k->now = (uint64_t)now_ns() - origin;
}

int
client_init(struct client *k, const struct config *config, const struct net *net,
    SSL_CTX *tls, const struct client_ops *ops, void *ctx)
{
	*k = (struct client){ .config = config, .net = net, .tls = tls, .ops = *ops, .ctx = ctx };
	k->n = (uint32_t)config->connections;
	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (k->epoll < 0 || getrandom(&k->random, sizeof(k->random), 0) < 0)
		return -1;
	k->conns = mem_zero(k->n, sizeof(*k->conns));
	for (uint32_t i = 0; i < k->n; i++)
		k->conns[i].fd = -1;
	k->in = mem_alloc(CLIENT_CHUNK);
	client_clock(k);
	return 0;
}

void
client_free(struct client *k)
{
	for (uint32_t i = 0; i < k->n; i++)
		client_abort(k, &k->conns[i]);
	if (k->epoll >= 0)
		close(k->epoll);
	free(k->conns);
	free(k->in);
	buf_free(&k->scratch);
	buf_free(&k->request);
	*k = (struct client){ .epoll = -1 };
}

/* splitmix64, from a seed of the kernel's. */
uint32_t
client_random(struct client *k)
{
	uint64_t z = k->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)(z >> 32);
}

/* --- buffers of a connection --- */

struct io *
conn_io(struct conn *c)
{
	if (!c->io)
		c->io = mem_zero(1, sizeof(*c->io));
	return c->io;
}

static void
free_io(struct conn *c)
{
	if (!c->io)
		return;
	c->io->net.fd = -1; /* which is closed with the connection */
	dial_close(&c->io->net);
	buf_free(&c->io->out);
	buf_free(&c->io->in);
	buf_free(&c->io->message);
	free(c->io);
	c->io = NULL;
}

void
conn_tidy(struct conn *c)
{
	struct io *io = c->io;

	if (!io || c->state < CONN_UP || io->out.n || io->in.n || io->fragmented)
		return;
	if (io->net.ssl) {
		buf_free(&io->out);
		buf_free(&io->in);
		buf_free(&io->message);
	} else {
		free_io(c);
	}
}

bool
conn_blocked(const struct conn *c)
{
	return c->io && c->io->out.n;
}

/* --- opening and ending --- */

void
client_interest(struct client *k, struct conn *c, bool want_write)
{
	struct epoll_event e = { .events = EPOLLRDHUP | (c->deaf ? 0u : EPOLLIN) |
	    (want_write ? EPOLLOUT : 0u), .data.u32 = conn_number(k, c) };

	c->want_write = want_write;
	epoll_ctl(k->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

bool
client_open(struct client *k, struct conn *c, uint64_t due)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP };
	uint32_t number = conn_number(k, c);
	int fd = net_connect(k->net, number, config_is_slow(k->config, number) ? SLOW_BUFFER : 0);

	if (fd < 0 && errno == EAGAIN)
		return false;
	k->opening++;
	c->state = CONN_CONNECTING;
	c->due = due;
	c->started = k->now;
	c->fd = fd;
	c->deaf = false;
	c->want_write = true;
	e.data.u32 = number;
	if (fd < 0)
		client_gone(k, c, "cannot connect: %s", strerror(errno));
	else if (epoll_ctl(k->epoll, EPOLL_CTL_ADD, fd, &e))
		client_gone(k, c, "cannot watch a socket: %s", strerror(errno));
	return true;
}

static void
end(struct client *k, struct conn *c, bool reset)
{
	struct linger none = { .l_onoff = 1 };

	k->opening -= c->state > CONN_OFF && c->state < CONN_UP;
	k->up -= c->state == CONN_UP;
	c->state = CONN_OFF;
	free_io(c);
	if (c->fd < 0)
		return;
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(c->fd);
	c->fd = -1;
}

void
client_gone(struct client *k, struct conn *c, const char *fmt, ...)
{
	enum conn_state was = c->state;
	char kind[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(kind, sizeof(kind), fmt, ap);
	va_end(ap);
	end(k, c, false);
	k->ops.gone(k->ctx, c, was, kind);
}

void
client_abort(struct client *k, struct conn *c)
{
	end(k, c, true);
}

void
client_close(struct client *k, struct conn *c)
{
	static const char code[] = { 1000 >> 8, 1000 & 255 };
	struct buf b = { 0 };

	client_frame(k, &b, FRAME_CLOSE, slice_of(code, 2));
	if (c->deaf)
		client_deafen(k, c, false);
	k->up--;
	c->state = CONN_CLOSING;
	client_send(k, c, buf_view(&b));
	buf_free(&b);
}

void
client_deafen(struct client *k, struct conn *c, bool deaf)
{
	c->deaf = deaf;
	client_interest(k, c, c->want_write);
}

void
client_trickle(struct client *k, struct conn *c, size_t n)
{
	wire_read(k, c, n < CLIENT_CHUNK ? n : CLIENT_CHUNK);
}

void
client_expire(struct client *k)
{
	uint64_t limit = (uint64_t)k->config->timeout;

	for (uint32_t i = 0; i < k->n && k->opening; i++) {
		struct conn *c = &k->conns[i];

		if (c->state > CONN_OFF && c->state < CONN_UP && k->now - c->started > limit)
			client_gone(k, c, "timed out while %s", c->state == CONN_CONNECTING
			    ? "connecting" : c->state == CONN_TLS ? "starting TLS" : "upgrading");
	}
}

/* --- opening, step by step --- */

static void
send_request(struct client *k, struct conn *c)
{
	struct io *io = conn_io(c);
	struct handshake h = { 0 };

	/* Section 4.1: a key drawn at random for each connection. */
	for (unsigned i = 0; i < HANDSHAKE_KEY; i++)
		io->key[i] = (unsigned char)client_random(k);
	c->state = CONN_UPGRADING;
	wire_request(k, c, &h);
	buf_clear(&k->scratch);
	handshake_request(&k->scratch, &h, io->key);
	client_interest(k, c, false);
	client_send(k, c, buf_view(&k->scratch));
}

static void
tls_failed(struct client *k, struct conn *c, enum dial_status status, struct buf *why)
{
	k->refused = status == DIAL_REFUSED;
	client_gone(k, c, "%s", buf_cstr(why));
	buf_free(why);
}

static void
go_on_with_tls(struct client *k, struct conn *c)
{
	struct buf why = { 0 };
	enum dial_status status = dial_handshake(&c->io->net, &why);

	if (status == DIAL_OK)
		send_request(k, c);
	else if (status != DIAL_AGAIN)
		tls_failed(k, c, status, &why);
	else if (c->io->net.read_wants_out != c->want_write)
		client_interest(k, c, c->io->net.read_wants_out);
}

static void
connected(struct client *k, struct conn *c)
{
	const struct url *url = &k->config->url;
	enum dial_status status;
	struct buf why = { 0 };
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) || error) {
		client_gone(k, c, "cannot connect: %s", strerror(error ? error : errno));
		return;
	}
	if (!k->tls) {
		send_request(k, c);
		return;
	}
	c->state = CONN_TLS;
	conn_io(c)->net.fd = c->fd;
	status = dial_secure(&c->io->net, url->socket ? "localhost" : url->host, k->tls, &why);
	if (status == DIAL_OK)
		go_on_with_tls(k, c);
	else
		tls_failed(k, c, status, &why);
}

static void
handle(struct client *k, struct conn *c, uint32_t events)
{
	int fd = c->fd;

	switch (c->state) {
	case CONN_OFF:
		return; /* ended by an event before this one */
	case CONN_CONNECTING:
		connected(k, c);
		return;
	case CONN_TLS:
		go_on_with_tls(k, c);
		return;
	default:
		break;
	}
	if (c->deaf && events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		client_gone(k, c, "ended while it was not read");
		return;
	}
	if (events & EPOLLOUT)
		wire_write(k, c);
	if (c->fd == fd && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		wire_read(k, c, CLIENT_CHUNK);
}

int
client_watch(struct client *k, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u32 = WATCHED | (uint32_t)fd };

	if (!events)
		return epoll_ctl(k->epoll, EPOLL_CTL_DEL, fd, NULL);
	if (epoll_ctl(k->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
		return 0;
	return errno == EEXIST ? epoll_ctl(k->epoll, EPOLL_CTL_MOD, fd, &e) : -1;
}

/* epoll_wait(2) counts milliseconds, which is too coarse for a schedule. */
static int
wait_events(struct client *k, struct epoll_event *e, uint64_t ns)
{
	struct timespec t = { (time_t)(ns / SECOND), (long)(ns % SECOND) };
	int n = epoll_pwait2(k->epoll, e, EVENTS, &t, NULL);

	if (n < 0 && errno == ENOSYS) /* before Linux 5.11 */
		n = epoll_wait(k->epoll, e, EVENTS, (int)((ns + MS - 1) / MS));
	return n;
}

void
client_poll(struct client *k, uint64_t until)
{
	static struct epoll_event e[EVENTS];
	uint64_t now = client_clock(k);
	int n = wait_events(k, e, until > now ? until - now : 0);

	client_clock(k);
	for (int i = 0; i < n; i++) {
		uint32_t id = e[i].data.u32;

		if (id & WATCHED)
			k->ops.watched(k->ctx, (int)(id & ~(uint32_t)WATCHED), e[i].events);
		else
			handle(k, &k->conns[id], e[i].events);
	}
}

void
client_frame(struct client *k, struct buf *b, enum frame_opcode opcode, struct slice payload)
{
	uint32_t random = client_random(k);
	unsigned char mask[4];
	char *p = buf_reserve(b, FRAME_HEADER_MAX + payload.n);
	size_t header;

	memcpy(mask, &random, 4);
	header = frame_header((unsigned char *)p, opcode, payload.n, mask);
	if (payload.n)
		memcpy(p + header, payload.p, payload.n);
	frame_mask(p + header, payload.n, mask, 0);
	b->n += header + payload.n;
}
