#include "handler.h"

#include <stdbool.h>
#include <stdlib.h>

#include "command.h"
#include "coproc.h"
#include "events.h"
#include "js.h"
#include "mem.h"
#include "rec.h"
#include "send.h"
#include "server.h"

struct handler {
	struct server *server;
	struct coproc *process;
	struct source source;
	struct event_sink sink;
	struct ev_prepare turn;
	uint64_t gap;  /* events and answers lost since the last `gap` */
	uint64_t lost; /* in all */
	bool ending;   /* its commands do not count any more */
	bool over;
};

static struct slice
without_end(struct slice line)
{
	return slice_of(line.p, line.n - 1);
}

static void
tell_gap(struct handler *h)
{
	struct buf b = { 0 };

	if (!h->gap || !coproc_up(h->process))
		return;
	buf_str(&b, "{\"event\":\"gap\"");
	rec_put_now(&b);
	js_put_member_int(&b, "dropped", (int64_t)h->gap);
	buf_byte(&b, '}');
	if (coproc_put(h->process, buf_view(&b)))
		h->gap = 0;
	buf_free(&b);
}

static void
on_event(struct event_sink *sink, enum event_kind kind, struct conn *c, struct slice room,
    struct slice line)
{
	struct handler *h = (struct handler *)((char *)sink - offsetof(struct handler, sink));

	(void)c;
	(void)room;
	tell_gap(h);
	/* Strangers cause `refused`, without end: it does not fill the memory. */
	if (h->gap || (sink->full && kind == EVENT_REFUSED) ||
	    !coproc_put(h->process, without_end(line))) {
		h->gap++;
		h->lost++;
	}
}

static void
on_answer(struct source *source, struct slice line)
{
	struct handler *h = (struct handler *)((char *)source - offsetof(struct handler, source));

	/* One that cannot be put has nobody to read it: the handler has just ended, or it
	 * gives commands and does not read what they are answered. To wait for it could be
	 * for ever, since it may wait for us. */
	tell_gap(h);
	if (h->gap || !coproc_put(h->process, without_end(line))) {
		h->gap++;
		h->lost++;
	}
}

static void
on_hold(struct source *source, bool on)
{
	struct handler *h = (struct handler *)((char *)source - offsetof(struct handler, source));

	coproc_pause(h->process, on);
}

static void
on_line(void *ctx, struct slice line)
{
	struct handler *h = ctx;

	if (h->ending)
		return;
	h->source.line++;
	send_source(h->server, &h->source);
	command_run(h->server, &h->source, line);
	send_source(h->server, NULL);
}

static void
on_rest(void *ctx)
{
	struct handler *h = ctx;

	if (h->ending)
		return;
	send_source(h->server, &h->source);
	send_flush(h->server);
	send_source(h->server, NULL);
}

static void
on_down(void *ctx, uint64_t lost)
{
	struct handler *h = ctx;

	h->gap += lost;
	h->lost += lost;
	h->source.line = 0;
	h->over = true;
}

/* Is it slow, or not any more? */
static void
on_turn(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct handler *h = w->data;
	size_t pending = coproc_pending(h->process);

	(void)loop;
	(void)revents;
	tell_gap(h);
	if (h->sink.full ? pending > EVENTS_LOW : pending < EVENTS_HIGH)
		return;
	h->sink.full = !h->sink.full;
	event_sinks_changed(h->server);
}

void
handler_new(struct server *s)
{
	static struct coproc_ops ops = { .mute = true, .line = on_line, .rest = on_rest,
		.down = on_down };
	struct handler *h;

	if (!s->config->handler)
		return;
	ops.max_line = (size_t)s->config->max_line;
	h = s->handler = mem_zero(1, sizeof(*h));
	h->server = s;
	h->source = (struct source){ .name = "handler", .answer = on_answer, .hold = on_hold };
	h->sink = (struct event_sink){ .set = EVENT_ALL, .event = on_event };
	h->process = coproc_new(s->loop, "handler", s->config->handler, &ops, h);
	ev_prepare_init(&h->turn, on_turn);
	h->turn.data = h;
	ev_prepare_start(s->loop, &h->turn);
	event_sink_add(s, &h->sink);
}

static void
on_late(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	*(bool *)w->data = true;
}

void
handler_free(struct server *s, int ms)
{
	struct handler *h = s->handler;
	struct ev_timer timer;
	bool late = false;

	if (!h)
		return;
	h->ending = true;
	command_source_gone(s, &h->source);
	event_sink_remove(s, &h->sink);
	ev_prepare_stop(s->loop, &h->turn);
	h->over = false;
	coproc_retire(h->process);
	ev_timer_init(&timer, on_late, ms / 1e3, 0.);
	timer.data = &late;
	ev_timer_start(s->loop, &timer);
	while (!h->over && !late)
		ev_run(s->loop, EVRUN_ONCE);
	ev_timer_stop(s->loop, &timer);
	if (!h->over)
		coproc_free(h->process);
	free(h);
	s->handler = NULL;
}

uint64_t
handler_lost(const struct server *s)
{
	return s->handler ? s->handler->lost : 0;
}
