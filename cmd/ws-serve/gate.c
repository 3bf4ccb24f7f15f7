/* gate - connections that arrive: accepted in batches, shed when there is no room. */
#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flood.h"
#include "listen.h"
#include "mem.h"
#include "proxy.h"
#include "tls.h"

enum {
	ACCEPT_BATCH = 64, /* connections taken in a row before others get their turn */
	PLACES_SEEN = 2048, /* guests that are looked at for one to give up its place */
	PAUSE_MS = 100,    /* no accepts after the kernel ran out of something */
	BACKLOG_MAX = 65536, /* connections that wait when a listener is closed */
};

struct gate { /* a listener and its watcher */
	ev_io io;
	struct door *door;
	const struct listener *listener;
};

/* False when it comes from a Unix socket, which has none: *a is {0}. */
static bool
address_of(const struct sockaddr_storage *from, struct peer_address *a, unsigned *port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	*a = (struct peer_address){ 0 };
	if (from->ss_family == AF_INET) {
		memset(a->bytes + 10, 0xff, 2);
		memcpy(a->bytes + 12, &v4->sin_addr, 4);
		*port = ntohs(v4->sin_port);
	} else if (from->ss_family == AF_INET6) {
		memcpy(a->bytes, &v6->sin6_addr, 16);
		*port = ntohs(v6->sin6_port);
	} else {
		return false;
	}
	return true;
}

static void
name_remote(struct guest *g, const struct sockaddr_storage *from)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	char host[INET6_ADDRSTRLEN] = "";
	unsigned port;

	if (!address_of(from, &g->address, &port)) {
		strcpy(g->remote, "unix");
		return;
	}
	g->has_address = true;
	if (from->ss_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		inet_ntop(AF_INET, g->address.bytes + 12, host, sizeof host);
		snprintf(g->remote, sizeof g->remote, "%s:%u", host, port);
	} else {
		inet_ntop(AF_INET6, g->address.bytes, host, sizeof host);
		snprintf(g->remote, sizeof g->remote, "[%s]:%u", host, port);
	}
}

/* A place among those that this address may have in the door. A proxy's is everybody's. */
static bool
take_place(struct guest *g)
{
	const struct door_config *config = &g->door->config;

	if (!config->peers || !g->has_address
	    || (config->proxy && proxy_trusts(config->proxy, &g->address)))
		return true;
	g->waiting = peers_wait(config->peers, &g->address);
	return g->waiting;
}

/* Somebody was sent away, for which people may have to do something. */
static void
no_descriptors(struct door *d)
{
	static struct flood shed;

	d->stats.shed++;
	flood_warn(&shed, "out of descriptors: a connection was sent away");
}

/* All places are taken. The address that holds most of those whose requests are not whole
 * gives up its oldest one, if the newcomer's holds fewer, so that half requests of one do
 * not keep all others out. False: there is no place. */
static bool
make_place(struct door *d, const struct sockaddr_storage *from)
{
	uint16_t held[PEERS_SHARES] = { 0 };
	struct peer_address a;
	struct guest *g = d->list[GUEST_READING].first;
	unsigned port, own, most;

	address_of(from, &a, &port);
	most = own = peers_share(&a);
	for (int i = 0; g && i < PLACES_SEEN; i++, g = g->next) {
		unsigned share = peers_share(&g->address);

		if (++held[share] > held[most])
			most = share;
	}
	if (held[most] < held[own] + 2)
		return false;
	g = d->list[GUEST_READING].first;
	while (peers_share(&g->address) != most)
		g = g->next;
	guest_refuse(g, 503, "too many handshakes at a time", 1);
	return true;
}

static void
arrive(struct door *d, const struct listener *l, int fd, const struct sockaddr_storage *from)
{
	struct guest *g;

	d->stats.accepted++;
	if (d->stats.guests >= d->config.max_guests && !make_place(d, from)) {
		guest_shed(d, fd, "too many handshakes at a time", !l->tls);
		return;
	}
	/* A connection over TLS needs descriptors of its own behind it. */
	if (l->tls && (fd = tls_accept(l->tls, fd)) < 0) {
		no_descriptors(d);
		guest_count_refusal(d, 503, "no descriptors left");
		return;
	}
	g = guest_new(d, l, fd);
	name_remote(g, from);
	if (!take_place(g)) {
		guest_refuse(g, 429, "too many requests of this address wait", 1);
		return;
	}
	/* The request often came with the connection. */
	guest_look(g, false);
}

static void
pause_accepting(struct door *d)
{
	for (int i = 0; i < d->config.listener_count; i++)
		ev_io_stop(d->loop, &d->gates[i].io);
	if (!ev_is_active(&d->pause)) {
		ev_timer_set(&d->pause, PAUSE_MS / 1e3, 0);
		ev_timer_start(d->loop, &d->pause);
	}
}

/* No descriptor is left: give up the reserve, take the newcomer with it and send it
 * away, so that the listening socket does not stay readable for ever. */
static void
shed_one(struct door *d, const struct listener *l)
{
	int fd;

	close(d->reserve);
	fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		d->stats.accepted++;
		no_descriptors(d);
		guest_shed(d, fd, "no descriptors left", !l->tls);
	}
	d->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
on_arrival(struct ev_loop *loop, ev_io *io, int revents)
{
	struct gate *gate = io->data;
	struct door *d = gate->door;

	(void)loop;
	(void)revents;
	guest_enter(d);
	for (int i = 0; i < ACCEPT_BATCH && !d->stopped; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t n = sizeof from;
		int fd = accept4(gate->listener->fd, (struct sockaddr *)&from, &n,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			arrive(d, gate->listener, fd, &from);
		} else if ((errno == EMFILE || errno == ENFILE) && d->reserve >= 0) {
			shed_one(d, gate->listener);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			if (d->reserve < 0)
				d->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
			pause_accepting(d);
			break;
		} else if (errno == EAGAIN) {
			break;
		}
		/* Anything else is the fate of that one connection (accept(2), "Error handling"). */
	}
	guest_leave(d);
}

static void
on_resume(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct door *d = timer->data;

	(void)revents;
	for (int i = 0; i < d->config.listener_count; i++)
		ev_io_start(loop, &d->gates[i].io);
}

void
gate_start(struct door *d)
{
	d->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_timer_init(&d->pause, on_resume, 0, 0);
	d->pause.data = d;
	d->gates = mem_zero((size_t)d->config.listener_count + 1, sizeof *d->gates);
	for (int i = 0; i < d->config.listener_count; i++) {
		struct gate *gate = &d->gates[i];

		gate->door = d;
		gate->listener = &d->config.listeners[i];
		ev_io_init(&gate->io, on_arrival, gate->listener->fd, EV_READ);
		gate->io.data = gate;
		ev_io_start(d->loop, &gate->io);
	}
}

/* Those that the kernel has let in already would be reset when the socket is closed.
 * Somebody who keeps on coming does not keep us here. */
static void
turn_away(struct door *d, const struct listener *l)
{
	for (int i = 0, fd; i < BACKLOG_MAX; i++) {
		fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			d->stats.accepted++;
			guest_shed(d, fd, "shutting down", !l->tls);
		} else if (errno != ECONNABORTED && errno != EINTR) {
			break;
		}
	}
}

void
gate_stop(struct door *d)
{
	ev_timer_stop(d->loop, &d->pause);
	for (int i = 0; i < d->config.listener_count; i++) {
		struct listener *l = &d->config.listeners[i];

		ev_io_stop(d->loop, &d->gates[i].io);
		if (!l->inherited)
			turn_away(d, l);
		listen_close(l);
	}
	free(d->gates);
	d->gates = NULL;
	if (d->reserve >= 0)
		close(d->reserve);
	d->reserve = -1;
}
