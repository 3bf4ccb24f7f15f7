#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "events.h"
#include "line.h"
#include "listen.h"
#include "mem.h"
#include "rec.h"
#include "send.h"
#include "server.h"
#include "watch.h"

struct control_peer {
	struct source source;
	struct event_sink sink;
	struct watcher watcher;
	struct control *control;
	unsigned events;         /* those it asked for */
	char name[32];
	int fd;
	struct line_reader in;
	struct buf out;
	size_t written;          /* of `out` */
	uint64_t gap;            /* lines lost since the last `gap` */
	bool held;               /* --slow block: no more commands for now */
	bool ended;              /* it says nothing more */
	bool broken;             /* and hears nothing more */
	struct ev_io readable, writable;
	struct control_peer *prev, *next;
};

struct control {
	struct server *server;
	struct listener listener;
	struct ev_io accepting;
	struct ev_prepare turn;
	struct ev_timer again;   /* commands that were read and wait for nothing any more */
	struct ev_timer look;    /* at peers that say nothing more: do they still listen? */
	struct ev_timer rest;    /* out of descriptors: no accepts until then */
	struct watching watching;
	struct control_peer *first;
	uint64_t number;         /* of the last peer */
	struct control_stats stats;
};

#define PEER_OF(member, p) \
	((struct control_peer *)((char *)(p) - offsetof(struct control_peer, member)))

/* --- out --- */

static size_t
pending(const struct control_peer *p)
{
	return p->out.n - p->written;
}

static void
append(struct control_peer *p, struct slice line)
{
	if (!p->broken)
		buf_slice(&p->out, line);
}

/* How many lines were lost is told before the next one, or when there is room again. */
static void
tell_gap(struct control_peer *p)
{
	if (!p->gap || pending(p) > CONTROL_PENDING / 2)
		return;
	buf_str(&p->out, "{\"event\":\"gap\"");
	rec_put_now(&p->out);
	js_put_member_int(&p->out, "dropped", (int64_t)p->gap);
	buf_add(&p->out, "}\n", 2);
	p->gap = 0;
}

/* A line that may be lost. After a gap the peer gets no lines until it has read half of
 * what waits, so that one gap stands for many lines. */
static void
put_event(struct control_peer *p, struct slice line)
{
	if (p->broken)
		return;
	tell_gap(p);
	if (p->gap || pending(p) + line.n > CONTROL_PENDING) {
		p->gap++;
		p->control->stats.dropped++;
	} else {
		append(p, line);
	}
}

static void
on_answer(struct source *source, struct slice line)
{
	append(PEER_OF(source, source), line);
}

static void
on_event(struct event_sink *sink, enum event_kind kind, struct conn *c, struct slice room,
    struct slice line)
{
	struct control_peer *p = PEER_OF(sink, sink);

	if (kind == EVENT_OPEN && c)
		watch_opened(&p->control->watching, c);
	if (p->events >> kind & 1 || watch_wants(&p->watcher, c, room))
		put_event(p, line);
}

static void
on_watched(struct watcher *w, struct slice line)
{
	put_event(PEER_OF(watcher, w), line);
}

static void
push(struct control_peer *p)
{
	struct ev_loop *loop = p->control->server->loop;

	while (pending(p)) {
		ssize_t n = send(p->fd, p->out.p + p->written, pending(p), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			ev_io_start(loop, &p->writable);
			/* What was written must not stay in front of a long stall. */
			if (p->written > p->out.n / 2) {
				buf_drop(&p->out, p->written);
				p->written = 0;
			}
			return;
		}
		if (n < 0) {
			p->broken = true;
			break;
		}
		p->written += (size_t)n;
	}
	p->written = p->out.n = 0;
	/* A burst must not be paid for forever. */
	if (p->out.cap > CONTROL_PENDING)
		buf_free(&p->out);
	ev_io_stop(loop, &p->writable);
	tell_gap(p);
}

/* --- in --- */

/* Its commands wait: for slow connections, or until it has read its answers. */
static bool
must_wait(const struct control_peer *p)
{
	return p->held || pending(p) > CONTROL_PENDING;
}

static void
take(struct control_peer *p)
{
	struct server *s = p->control->server;
	bool more = true;

	send_source(s, &p->source);
	while (more && !p->broken && !must_wait(p)) {
		struct slice line;

		switch (line_take(&p->in, &line)) {
		case LINE_OK:
			p->source.line = p->in.number;
			command_run(s, &p->source, line);
			break;
		case LINE_TOO_LONG:
			p->source.line = p->in.number;
			command_too_long(s, &p->source);
			break;
		case LINE_EOF:
			p->ended = true;
			ev_timer_again(s->loop, &p->control->look);
			more = false;
			break;
		case LINE_MORE:
			more = false;
			break;
		}
	}
	send_flush(s);
	send_source(s, NULL);
	if (more || p->ended)
		ev_io_stop(s->loop, &p->readable);
	else
		ev_io_start(s->loop, &p->readable);
}

static void
on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct control_peer *p = w->data;

	(void)loop;
	(void)revents;
	if (line_fill(&p->in) < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		p->broken = true;
	}
	take(p);
}

static void
on_writable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	push(w->data);
}

static void
on_hold(struct source *source, bool on)
{
	struct control_peer *p = PEER_OF(source, source);
	struct control *x = p->control;

	p->held = on;
	if (on)
		ev_io_stop(x->server->loop, &p->readable);
	else
		ev_timer_start(x->server->loop, &x->again);
}

/* Not out of on_hold itself, which is called from the middle of sending. */
static void
on_again(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct control *x = w->data;

	(void)loop;
	(void)revents;
	for (struct control_peer *p = x->first; p; p = p->next)
		if (!p->ended && !p->broken && !ev_is_active(&p->readable))
			take(p);
}

/* --- peers --- */

static void
peer_free(struct control_peer *p)
{
	struct control *x = p->control;
	struct server *s = x->server;

	command_source_gone(s, &p->source);
	event_sink_remove(s, &p->sink);
	watch_end(&x->watching, &p->watcher);
	ev_io_stop(s->loop, &p->readable);
	ev_io_stop(s->loop, &p->writable);
	if (p->prev)
		p->prev->next = p->next;
	else
		x->first = p->next;
	if (p->next)
		p->next->prev = p->prev;
	x->stats.peers--;
	close(p->fd);
	line_free(&p->in);
	buf_free(&p->out);
	free(p);
}

static void
peer_new(struct control *x, int fd)
{
	struct control_peer *p = mem_zero(1, sizeof(*p));

	p->control = x;
	p->fd = fd;
	snprintf(p->name, sizeof(p->name), "control peer %llu", (unsigned long long)++x->number);
	p->source = (struct source){ .name = p->name, .answer = on_answer, .errors = true,
		.hold = on_hold };
	p->sink.event = on_event;
	p->watcher.line = on_watched;
	line_init(&p->in, fd, (size_t)x->server->config->max_line);
	ev_io_init(&p->readable, on_readable, fd, EV_READ);
	ev_io_init(&p->writable, on_writable, fd, EV_WRITE);
	p->readable.data = p->writable.data = p;
	p->next = x->first;
	if (x->first)
		x->first->prev = p;
	x->first = p;
	x->stats.peers++;
	event_sink_add(x->server, &p->sink);
	ev_io_start(x->server->loop, &p->readable);
}

static void
refuse(struct control *x, int fd)
{
	static const char too_many[] =
	    "{\"event\":\"error\",\"error\":\"too many control peers\"}\n";

	x->stats.refused++;
	/* Best effort: an empty socket takes this much. */
	(void)!send(fd, too_many, sizeof(too_many) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void
on_accept(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct control *x = w->data;
	int fd;

	(void)revents;
	while ((fd = accept4(x->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (x->stats.peers < CONTROL_PEERS)
			peer_new(x, fd);
		else
			refuse(x, fd);
	}
	/* Out of descriptors: better deaf for a second than awake all the time. */
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		ev_io_stop(loop, &x->accepting);
		ev_timer_set(&x->rest, 1., 0.);
		ev_timer_start(loop, &x->rest);
	}
}

static void
on_rested(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct control *x = w->data;

	(void)revents;
	ev_io_start(loop, &x->accepting);
}

/* Closed, and not only its half. */
static bool
hung_up(const struct control_peer *p)
{
	struct pollfd fd = { .fd = p->fd };

	return poll(&fd, 1, 0) == 1 && fd.revents & (POLLHUP | POLLERR);
}

/* A peer that has said all and been told all is done, unless it still wants events. */
static bool
is_done(const struct control_peer *p)
{
	if (p->broken || (p->ended && hung_up(p)))
		return true;
	return p->ended && !pending(p) && !p->events && !p->watcher.n;
}

/* libev does not tell when a peer hangs up that is neither read nor written: one that
 * has closed its half and listens. */
static void
on_look(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct control *x = w->data;
	bool any = false;

	(void)revents;
	for (struct control_peer *p = x->first; p; p = p->next)
		any |= p->ended;
	if (!any)
		ev_timer_stop(loop, w);
	/* What has hung up is released in the turn that begins now. */
}

static void
on_turn(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct control *x = w->data;

	(void)revents;
	for (struct control_peer *p = x->first, *next; p; p = next) {
		bool waited = must_wait(p);

		next = p->next;
		if (!ev_is_active(&p->writable))
			push(p);
		if (is_done(p))
			peer_free(p);
		else if (waited && !must_wait(p))
			ev_timer_start(loop, &x->again);
	}
}

/* --- verbs --- */

/* The peer that a command comes from; NULL: it comes from elsewhere. */
static struct control_peer *
peer_of(struct source *source)
{
	return source->answer == on_answer ? PEER_OF(source, source) : NULL;
}

static void
subscribe(struct control_peer *p)
{
	p->sink.set = p->watcher.n ? EVENT_ALL : p->events;
	event_sinks_changed(p->control->server);
}

static const char *
run_events(struct server *s, struct source *source, const struct js_member *m, int n,
    struct buf *answer)
{
	struct control_peer *p = peer_of(source);
	struct slice list = js_pick(m, n, S("events")), key, item;
	unsigned set = 0;

	(void)s;
	(void)answer;
	if (!p)
		return "events is for control peers";
	if (js_type(list) != JS_ARRAY)
		return "events is not a list of names";
	for (struct js_walk w = js_walk(list); js_next(&w, &key, &item);) {
		struct buf scratch = { 0 };
		struct slice name = js_text(item, &scratch);
		int kind = name.n && slice_find(name, ',') == name.n ? event_set(name) : -1;

		buf_free(&scratch);
		if (kind < 0)
			return "events has a name that is none";
		set |= (unsigned)kind;
	}
	p->events = set;
	subscribe(p);
	return NULL;
}

static const char *
run_watch(struct server *s, struct source *source, const struct js_member *m, int n,
    struct buf *answer)
{
	struct control_peer *p = peer_of(source);
	const char *why;

	(void)s;
	(void)answer;
	if (!p)
		return "watch is for control peers";
	why = watch_add(&p->control->watching, &p->watcher, js_pick(m, n, S("watch")));
	subscribe(p);
	return why;
}

/* --- the socket --- */

int
control_new(struct server *s, const char *path, mode_t mode, const char **why)
{
	static const char *const nothing_else[] = { NULL };
	struct control *x = mem_zero(1, sizeof(*x));
	struct buf where = { 0 };
	mode_t mask;
	int opened;

	/* A name without '/' would be taken for a port. */
	buf_fmt(&where, "%s%s", strchr(path, '/') ? "" : "./", path);
	mask = umask(~mode & 0777);
	opened = listen_open(&x->listener, buf_cstr(&where), false, why);
	umask(mask);
	buf_free(&where);
	if (opened < 0) {
		free(x);
		return -1;
	}
	x->server = s;
	s->control = x;
	watching_init(&x->watching, s);
	command_verb_add(s, "events", nothing_else, run_events);
	command_verb_add(s, "watch", nothing_else, run_watch);
	ev_io_init(&x->accepting, on_accept, x->listener.fd, EV_READ);
	ev_prepare_init(&x->turn, on_turn);
	ev_timer_init(&x->again, on_again, 0., 0.);
	ev_init(&x->rest, on_rested);
	ev_timer_init(&x->look, on_look, 0., 1.);
	x->accepting.data = x->turn.data = x->again.data = x->rest.data = x->look.data = x;
	ev_io_start(s->loop, &x->accepting);
	ev_prepare_start(s->loop, &x->turn);
	return 0;
}

void
control_free(struct server *s)
{
	struct control *x = s->control;

	if (!x)
		return;
	while (x->first) {
		push(x->first);
		peer_free(x->first);
	}
	ev_io_stop(s->loop, &x->accepting);
	ev_prepare_stop(s->loop, &x->turn);
	ev_timer_stop(s->loop, &x->again);
	ev_timer_stop(s->loop, &x->rest);
	ev_timer_stop(s->loop, &x->look);
	watching_free(&x->watching);
	listen_close(&x->listener);
	free(x);
	s->control = NULL;
}

bool
control_watches_rooms(const struct server *s)
{
	return s->control && s->control->watching.rooms;
}

void
control_room_sent(struct server *s, struct slice room, const struct message *m)
{
	if (s->control)
		watch_room_sent(&s->control->watching, room, m);
}

struct control_stats
control_stats(const struct server *s)
{
	return s->control ? s->control->stats : (struct control_stats){ 0 };
}
