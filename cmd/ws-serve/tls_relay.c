#include "tls_relay.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "mem.h"

/* One direction. */
struct half {
	char *p;           /* TLS_BUFFER bytes while there is something in it, else NULL */
	size_t start, end;
	bool eof;          /* its source has ended */
	bool done;         /* and its destination was told */
};

struct relay {
	struct relays *all;
	struct relay *prev, *next;
	struct ev_loop *loop;
	struct tls_stats *stats;
	SSL *ssl;
	int net_fd, plain_fd;
	ev_io net, plain;
	ev_timer timer;
	struct half in, out; /* in: from the net */
	int in_wants, out_wants; /* what TLS waits for on the net to go on: EV_READ, EV_WRITE */
	bool open;           /* the handshake is over */
	bool deaf;           /* the plain side takes no more: what comes in is dropped */
	bool moved;          /* the client took something since the timer last looked */
	int looks;           /* of the timer, since the server has closed */
};

static void
relay_free(struct relay *r)
{
	*(r->prev ? &r->prev->next : &r->all->first) = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->stats->relays--;
	ev_io_stop(r->loop, &r->net);
	ev_io_stop(r->loop, &r->plain);
	ev_timer_stop(r->loop, &r->timer);
	SSL_free(r->ssl);
	close(r->net_fd);
	close(r->plain_fd);
	free(r->in.p);
	free(r->out.p);
	free(r);
}

static void
start_timer(struct relay *r, int ms)
{
	ev_timer_stop(r->loop, &r->timer);
	ev_timer_set(&r->timer, ms / 1e3, 0);
	ev_timer_start(r->loop, &r->timer);
}

static size_t
half_used(const struct half *h)
{
	return h->end - h->start;
}

/* Buffers are for what is under way; an idle connection has none. */
static void
half_take(struct half *h, size_t n)
{
	h->start += n;
	if (h->start < h->end)
		return;
	h->start = h->end = 0;
	free(h->p);
	h->p = NULL;
}

/* What an SSL call that did not succeed means: EV_READ or EV_WRITE to wait for, 0 at the
 * orderly end, -1 when the connection is broken. */
static int
ssl_wants(struct relay *r, int result)
{
	switch (SSL_get_error(r->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return EV_READ;
	case SSL_ERROR_WANT_WRITE:
		return EV_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		return -1;
	}
}

/* The four steps below return 1 when they moved something, 0 when there is nothing to
 * do for them now, -1 when the relay is broken. */

static int
read_net(struct relay *r)
{
	struct half *h = &r->in;
	int n;

	if (h->eof || half_used(h))
		return 0;
	if (!h->p)
		h->p = mem_alloc(TLS_BUFFER);
	ERR_clear_error();
	n = SSL_read(r->ssl, h->p, TLS_BUFFER);
	if (n > 0) {
		h->end = (size_t)n;
		if (!r->deaf)
			return 1;
		/* One record a turn: nothing else would stop one who sends without end. */
		half_take(h, h->end);
		r->in_wants = EV_READ;
		return 0;
	}
	half_take(h, 0);
	r->in_wants = ssl_wants(r, n);
	h->eof = r->in_wants == 0;
	return r->in_wants < 0 ? -1 : h->eof;
}

static int
write_plain(struct relay *r)
{
	struct half *h = &r->in;
	ssize_t n;

	if (half_used(h) == 0) {
		if (!h->eof || h->done)
			return 0;
		shutdown(r->plain_fd, SHUT_WR);
		h->done = true;
		return 1;
	}
	n = send(r->plain_fd, h->p + h->start, half_used(h), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		/* The server has closed; what it said last still goes out. */
		r->deaf = true;
		n = (ssize_t)half_used(h);
	}
	half_take(h, (size_t)n);
	return 1;
}

static int
read_plain(struct relay *r)
{
	struct half *h = &r->out;
	ssize_t n;

	if (h->eof || half_used(h))
		return 0;
	if (!h->p)
		h->p = mem_alloc(TLS_BUFFER);
	n = recv(r->plain_fd, h->p, TLS_BUFFER, MSG_DONTWAIT);
	if (n > 0) {
		h->end = (size_t)n;
		return 1;
	}
	half_take(h, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	h->eof = true;
	return 1;
}

static int
write_net(struct relay *r)
{
	struct half *h = &r->out;
	int n;

	r->out_wants = 0;
	if (half_used(h) == 0) {
		if (!h->eof || h->done)
			return 0;
		/* close_notify, which is short and best effort, then the TCP half. */
		ERR_clear_error();
		SSL_shutdown(r->ssl);
		shutdown(r->net_fd, SHUT_WR);
		h->done = true;
		start_timer(r, TLS_CLOSE_MS);
		return 1;
	}
	ERR_clear_error();
	n = SSL_write(r->ssl, h->p + h->start, (int)half_used(h));
	if (n > 0) {
		half_take(h, (size_t)n);
		r->moved = true;
		return 1;
	}
	r->out_wants = ssl_wants(r, n);
	return r->out_wants <= 0 ? -1 : 0;
}

/* The handshake; afterwards as the steps. */
static int
shake_hands(struct relay *r)
{
	int n;

	ERR_clear_error();
	n = SSL_do_handshake(r->ssl);
	if (n == 1) {
		r->open = true;
		ev_timer_stop(r->loop, &r->timer);
		return 1;
	}
	r->in_wants = ssl_wants(r, n);
	return r->in_wants <= 0 ? -1 : 0;
}

/* True while the relay lives. */
static bool
move(struct relay *r)
{
	int step[4], sum;

	if (!r->open) {
		int shaken = shake_hands(r);

		if (shaken < 0)
			r->stats->failed++;
		if (shaken <= 0)
			return shaken == 0;
	}
	/* This ends: nobody else runs meanwhile, so the socket pair is full or empty soon
	 * (read_net sees to it that a deaf one ends too). */
	do {
		step[0] = read_net(r);
		step[1] = step[0] < 0 ? -1 : write_plain(r);
		step[2] = read_plain(r);
		step[3] = write_net(r);
		for (int i = sum = 0; i < 4; i++) {
			if (step[i] < 0)
				return false;
			sum += step[i];
		}
	} while (sum);
	return !(r->in.done && r->out.done);
}

static void
watch(struct relay *r, ev_io *io, int fd, int events)
{
	if ((io->events & (EV_READ | EV_WRITE)) == events && ev_is_active(io) == !!events)
		return;
	ev_io_stop(r->loop, io);
	ev_io_set(io, fd, events);
	if (events)
		ev_io_start(r->loop, io);
}

static void
go_on(struct relay *r)
{
	int net = 0, plain = 0;

	if (!move(r)) {
		relay_free(r);
		return;
	}
	if (!r->open || (!r->in.eof && half_used(&r->in) == 0))
		net |= r->in_wants;
	net |= r->out_wants;
	if (half_used(&r->in))
		plain |= EV_WRITE;
	/* Before the handshake is over the server has nothing to say but that it gave up. */
	if (!r->out.eof && half_used(&r->out) == 0)
		plain |= EV_READ;
	watch(r, &r->net, r->net_fd, net);
	watch(r, &r->plain, r->plain_fd, plain);
	/* A client that does not read keeps us from reading, so from the end of it, too. */
	if (r->open && half_used(&r->out) && !ev_is_active(&r->timer))
		start_timer(r, TLS_CLOSE_MS);
}

static void
on_net(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	go_on(io->data);
}

static void
on_plain(struct ev_loop *loop, ev_io *io, int revents)
{
	struct relay *r = io->data;

	(void)loop;
	(void)revents;
	/* The door has lost patience; there is no way to tell the client in TLS yet. */
	if (!r->open)
		relay_free(r);
	else
		go_on(r);
}

/* The server has closed its end of the pair, and the client does not take what is left:
 * nothing in TLS_CLOSE_MS, or not all in TLS_REST_MS. */
static bool
abandoned(struct relay *r)
{
	struct pollfd plain = { .fd = r->plain_fd };
	bool moved = r->moved;

	r->moved = false;
	if (poll(&plain, 1, 0) <= 0 || !(plain.revents & POLLHUP))
		return false;
	/* The first look tells nothing of the time since it closed. */
	return r->looks++ && (!moved || r->looks > TLS_REST_MS / TLS_CLOSE_MS);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct relay *r = timer->data;

	(void)loop;
	(void)revents;
	if (r->open && !r->out.done && !abandoned(r)) {
		if (half_used(&r->out))
			start_timer(r, TLS_CLOSE_MS);
		return;
	}
	if (!r->open)
		r->stats->failed++;
	relay_free(r);
}

void
relay_start(struct relays *all, struct ev_loop *loop, SSL *ssl, int net_fd, int plain_fd,
    struct tls_stats *stats)
{
	struct relay *r = mem_zero(1, sizeof *r);

	r->all = all;
	r->loop = loop;
	r->stats = stats;
	r->ssl = ssl;
	r->net_fd = net_fd;
	r->plain_fd = plain_fd;
	r->next = all->first;
	if (r->next)
		r->next->prev = r;
	all->first = r;
	stats->relays++;
	ev_io_init(&r->net, on_net, net_fd, EV_READ);
	ev_io_init(&r->plain, on_plain, plain_fd, EV_READ);
	ev_timer_init(&r->timer, on_timer, TLS_HANDSHAKE_MS / 1e3, 0);
	r->net.data = r->plain.data = r->timer.data = r;
	ev_io_start(loop, &r->net);
	ev_io_start(loop, &r->plain);
	ev_timer_start(loop, &r->timer);
}

void
relays_free(struct relays *all)
{
	while (all->first)
		relay_free(all->first);
}
