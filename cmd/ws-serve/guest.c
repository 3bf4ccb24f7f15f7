#include "guest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "now.h"
#include "respond.h"

enum {
	LINGER_MS = 2000,   /* how long a refused client may take to read and leave */
	DISCARD_MAX = 1 << 20, /* and how much it may still send in one go */
};

static void
list_add(struct guest *g)
{
	struct guest_list *l = &g->door->list[g->state];

	g->prev = l->last;
	g->next = NULL;
	*(l->last ? &l->last->next : &l->first) = g;
	l->last = g;
}

static void
list_remove(struct guest *g)
{
	struct guest_list *l = &g->door->list[g->state];

	*(g->prev ? &g->prev->next : &l->first) = g->next;
	*(g->next ? &g->next->prev : &l->last) = g->prev;
}

void
guest_arm(struct door *d)
{
	const struct guest *a = d->list[GUEST_READING].first, *b = d->list[GUEST_LINGERING].first;
	int64_t due_us = a && (!b || a->due_us <= b->due_us) ? a->due_us : b ? b->due_us : 0;

	if (!a && !b) {
		ev_timer_stop(d->loop, &d->deadline);
	} else if (!ev_is_active(&d->deadline)) {
		int64_t left_us = due_us - now_us();

		ev_timer_set(&d->deadline, left_us > 0 ? (double)left_us / 1e6 : 0, 0);
		ev_timer_start(d->loop, &d->deadline);
	}
}

struct guest *
guest_new(struct door *d, const struct listener *from, int fd)
{
	struct guest *g = mem_zero(1, sizeof *g);

	g->door = d;
	g->fd = fd;
	g->from = from;
	g->state = GUEST_READING;
	g->due_us = now_us() + d->config.timeout_ms * 1000;
	d->stats.guests++;
	list_add(g);
	guest_arm(d);
	return g;
}

void
guest_move(struct guest *g, enum guest_state state)
{
	list_remove(g);
	g->state = state;
	if (state == GUEST_LINGERING)
		g->due_us = now_us() + LINGER_MS * 1000;
	list_add(g);
	guest_arm(g->door);
}

void
guest_enter(struct door *d)
{
	d->busy++;
}

void
guest_leave(struct door *d)
{
	if (--d->busy)
		return;
	while (d->dead) {
		struct guest *g = d->dead;

		d->dead = g->next;
		free(g);
	}
}

static void
leave_peer(struct guest *g)
{
	if (g->peer)
		peers_left(g->door->config.peers, g->peer);
	if (g->waiting)
		peers_waited(g->door->config.peers, g->waiting);
	g->peer = g->waiting = NULL;
}

void
guest_free(struct guest *g)
{
	struct door *d = g->door;

	guest_enter(d);
	list_remove(g);
	g->state = GUEST_GONE;
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
	leave_peer(g);
	d->stats.guests--;
	g->next = d->dead;
	d->dead = g;
	guest_leave(d);
}

bool
guest_watch(struct guest *g)
{
	/* Edge-triggered, since SO_RCVLOWAT holds neither for Unix sockets nor after a
	 * half-close, and an incomplete header would wake us without end. */
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = g };

	if (!g->polled && epoll_ctl(g->door->epoll, EPOLL_CTL_ADD, g->fd, &e) == 0)
		g->polled = true;
	return g->polled;
}

void
guest_unwatch(struct guest *g)
{
	if (g->polled)
		epoll_ctl(g->door->epoll, EPOLL_CTL_DEL, g->fd, NULL);
	g->polled = false;
}

bool
guest_discard(int fd)
{
	char dropped[4096];
	ssize_t n;

	for (size_t sum = 0; sum < DISCARD_MAX; sum += (size_t)n) {
		n = recv(fd, dropped, sizeof dropped, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
	}
	return false;
}

bool
guest_consume(int fd, size_t n)
{
	char taken[REQUEST_MAX];

	while (n) {
		ssize_t got = recv(fd, taken, n, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		n -= (size_t)got;
	}
	return true;
}

/* Send a refusal. The socket's buffer is empty and this is short: either it goes out
 * whole, or the client is gone. */
static void
say(struct door *d, int fd, const struct refusal *r)
{
	buf_clear(&d->answer);
	respond_refusal(&d->answer, r);
	send(fd, d->answer.p, d->answer.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
}

void
guest_count_refusal(struct door *d, int status, const char *reason)
{
	struct door_stats *s = &d->stats;
	int i = 0;

	while (i < s->refused_n && (s->refused[i].status != status ||
	    strcmp(s->refused[i].reason, reason)))
		i++;
	if (i == DOOR_REASONS)
		return;
	if (i == s->refused_n)
		s->refused[s->refused_n++] = (struct door_refusal){ .status = status, .reason = reason };
	s->refused[i].n++;
}

void
guest_refuse(struct guest *g, int status, const char *reason, int retry_s)
{
	struct door *d = g->door;

	leave_peer(g);
	guest_count_refusal(d, status, reason);
	if (g->upgrade && d->ops->refused)
		d->ops->refused(d->ctx, slice_str(g->remote), status, reason);
	say(d, g->fd, &(struct refusal){ .status = status, .reason = reason, .retry_s = retry_s,
	    .head = g->head });
	/* Closing now, with bytes of the client's unread or on their way, would reset the
	 * connection and might take the answer with it (RFC 9112 9.6). In a crowd the
	 * places count for more. */
	if (guest_discard(g->fd) && d->stats.guests <= d->config.max_guests / 2 && guest_watch(g))
		guest_move(g, GUEST_LINGERING);
	else
		guest_free(g);
}

void
guest_shed(struct door *d, int fd, const char *reason, bool plain)
{
	guest_count_refusal(d, 503, reason);
	if (plain) {
		say(d, fd, &(struct refusal){ .status = 503, .reason = reason, .retry_s = 1 });
		guest_discard(fd);
	}
	close(fd);
}
