#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conn.h"
#include "js.h"
#include "mem.h"
#include "msg.h"
#include "out.h"
#include "rec.h"
#include "server.h"

static const char *const names[] = { "listen", "open", "message", "join", "leave", "denied",
	"invalid", "close", "refused", "gap" };

struct events {
	struct server *server;
	const struct event_ops *ops;
	struct out out;
	struct buf line;
	enum event_kind kind;       /* of the event in `line` */
	struct event_sink *sinks;
	unsigned wanted;            /* what anybody wants */
	unsigned waiting;           /* what sinks that are full want */
	uint64_t gap;               /* events lost since the last `gap` */
	bool full;                  /* between the high mark and the low one */
	bool closed;
	struct ev_io writable, gone;
	struct ev_timer look;       /* for a reader whose end epoll does not tell */
	struct ev_prepare flush;
};

const char *
event_name(enum event_kind kind)
{
	return names[kind];
}

int
event_set(struct slice list)
{
	int set = 0;

	if (slice_is(list, "none"))
		return 0;
	if (slice_is(list, "all"))
		return EVENT_ALL;
	while (list.n) {
		struct slice name = slice_trim(slice_cut(&list, ','));
		int i = 0;

		while (i < EVENT_KINDS && !slice_is(name, names[i]))
			i++;
		if (i == EVENT_KINDS)
			return -1;
		set |= 1 << i;
	}
	return set;
}

static void
compute_wanted(struct events *e)
{
	e->wanted = e->closed ? 0 : e->server->config->events;
	e->waiting = 0;
	for (struct event_sink *k = e->sinks; k; k = k->next) {
		e->wanted |= k->set;
		e->waiting |= k->full ? k->set : 0;
	}
}

void
event_sink_add(struct server *s, struct event_sink *sink)
{
	struct events *e = s->events;

	sink->prev = NULL;
	sink->next = e->sinks;
	if (e->sinks)
		e->sinks->prev = sink;
	e->sinks = sink;
	compute_wanted(e);
}

void
event_sink_remove(struct server *s, struct event_sink *sink)
{
	struct events *e = s->events;

	if (sink->prev)
		sink->prev->next = sink->next;
	else
		e->sinks = sink->next;
	if (sink->next)
		sink->next->prev = sink->prev;
	sink->prev = sink->next = NULL;
	compute_wanted(e);
}

void
event_sinks_changed(struct server *s)
{
	struct events *e = s->events;
	unsigned waited = e->waiting;

	compute_wanted(e);
	if (waited & ~e->waiting)
		e->ops->room(s);
}

/* The reader of stdout is gone, or it cannot be written. */
static void
stdout_failed(struct events *e)
{
	if (e->closed)
		return;
	e->closed = true;
	e->full = false;
	ev_io_stop(e->server->loop, &e->writable);
	ev_io_stop(e->server->loop, &e->gone);
	ev_timer_stop(e->server->loop, &e->look);
	if (e->out.error && e->out.error != EPIPE)
		msg_error("cannot write standard output: %s", strerror(e->out.error));
	else if (!e->server->config->acks)
		msg_error("standard output was closed by its reader");
	compute_wanted(e);
	e->ops->room(e->server);
	if (e->server->config->acks && (e->out.error == EPIPE || !e->out.error))
		e->ops->unread(e->server);
	else
		e->ops->failed(e->server);
}

/* How many were lost is told before the next event, and when there is room again. */
static void
tell_gap(struct events *e)
{
	struct buf *b = &e->out.b;

	if (!e->gap || e->full)
		return;
	buf_str(b, "{\"event\":\"gap\"");
	rec_put_now(b);
	js_put_member_int(b, "dropped", (int64_t)e->gap);
	buf_add(b, "}\n", 2);
	e->gap = 0;
}

static void
push(struct events *e)
{
	int all;

	if (e->closed || !out_pending(&e->out))
		return;
	all = out_push(&e->out);
	if (all < 0) {
		stdout_failed(e);
		return;
	}
	if (all) {
		ev_io_stop(e->server->loop, &e->writable);
		/* A burst must not be paid for forever. */
		if (e->out.b.cap > 4 * EVENTS_HIGH)
			buf_free(&e->out.b);
	} else {
		ev_io_start(e->server->loop, &e->writable);
	}
	if (e->full && out_pending(&e->out) <= EVENTS_LOW) {
		e->full = false;
		tell_gap(e);
		e->ops->room(e->server);
	} else if (out_pending(&e->out) >= EVENTS_HIGH) {
		e->full = true;
	}
}

static void
on_writable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	push(w->data);
}

static void
on_prepare(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct events *e = w->data;

	(void)loop;
	(void)revents;
	if (!ev_is_active(&e->writable))
		push(e);
}

static bool
reader_gone(struct events *e)
{
	struct pollfd p = { .fd = e->out.fd };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLERR | POLLHUP | POLLNVAL);
}

static void
on_gone(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	if (reader_gone(w->data))
		stdout_failed(w->data);
}

static void
on_look(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	if (reader_gone(w->data))
		stdout_failed(w->data);
}

void
events_new(struct server *s, const struct event_ops *ops)
{
	struct events *e = s->events = mem_zero(1, sizeof(*e));
	struct stat st;

	e->server = s;
	e->ops = ops;
	if (out_init_async(&e->out, STDOUT_FILENO) || fstat(e->out.fd, &st))
		msg_die(6, "cannot use standard output: %s", strerror(errno));
	ev_io_init(&e->writable, on_writable, e->out.fd, EV_WRITE);
	ev_io_init(&e->gone, on_gone, e->out.fd, EV_READ);
	ev_timer_init(&e->look, on_look, 1., 1.);
	ev_prepare_init(&e->flush, on_prepare);
	e->writable.data = e->gone.data = e->look.data = e->flush.data = e;
	ev_prepare_start(s->loop, &e->flush);
	/* The writing end of a pipe is readable only when its reader is gone. */
	if (S_ISFIFO(st.st_mode) && e->out.nonblocking)
		ev_io_start(s->loop, &e->gone);
	else if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		ev_timer_start(s->loop, &e->look);
	compute_wanted(e);
}

void
events_free(struct server *s)
{
	struct events *e = s->events;

	ev_io_stop(s->loop, &e->writable);
	ev_io_stop(s->loop, &e->gone);
	ev_timer_stop(s->loop, &e->look);
	ev_prepare_stop(s->loop, &e->flush);
	out_free(&e->out);
	buf_free(&e->line);
	free(e);
	s->events = NULL;
}

bool
event_wanted(const struct server *s, enum event_kind kind)
{
	return s->events->wanted >> kind & 1;
}

static bool
for_stdout(const struct events *e, enum event_kind kind)
{
	return !e->closed && e->server->config->events >> kind & 1;
}

bool
event_must_wait(const struct server *s, enum event_kind kind)
{
	const struct events *e = s->events;

	return (e->full && !s->config->stdout_drop && for_stdout(e, kind)) ||
	    e->waiting >> kind & 1;
}

struct buf *
event_begin(struct server *s, enum event_kind kind)
{
	struct events *e = s->events;

	e->kind = kind;
	buf_clear(&e->line);
	buf_str(&e->line, "{\"event\":\"");
	buf_str(&e->line, names[kind]);
	buf_byte(&e->line, '"');
	rec_put_now(&e->line);
	return &e->line;
}

void
event_end(struct server *s, struct conn *c, struct slice room)
{
	struct events *e = s->events;

	buf_add(&e->line, "}\n", 2);
	if (for_stdout(e, e->kind)) {
		bool lossy = s->config->stdout_drop || e->kind == EVENT_REFUSED;

		if (e->full && lossy) {
			e->gap++;
			s->counters.events_dropped++;
		} else {
			tell_gap(e);
			buf_slice(&e->out.b, buf_view(&e->line));
			s->counters.events++;
			if (out_pending(&e->out) >= EVENTS_HIGH && !e->full)
				push(e);
		}
	}
	for (struct event_sink *k = e->sinks; k; k = k->next)
		if (k->set >> e->kind & 1)
			k->event(k, e->kind, c, room, buf_view(&e->line));
}

void
event_answer(struct server *s, struct slice line)
{
	if (!s->events->closed)
		buf_slice(&s->events->out.b, line);
}

uint64_t
event_pending(const struct server *s)
{
	return s->events->closed ? 0 : out_pending(&s->events->out);
}

bool
event_finish(struct server *s, int ms)
{
	struct events *e = s->events;
	int64_t end = (int64_t)(ev_time() * 1000) + ms;

	e->full = false;
	tell_gap(e);
	while (!e->closed && out_pending(&e->out) && out_push(&e->out) == 0) {
		int64_t left = end - (int64_t)(ev_time() * 1000);
		struct pollfd p = { .fd = e->out.fd, .events = POLLOUT };

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			msg_warn("%zu bytes of events were not written in time",
			    out_pending(&e->out));
			return false;
		}
	}
	if (!e->out.error)
		return true;
	stdout_failed(e);
	return false;
}
