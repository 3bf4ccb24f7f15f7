#include "conn_timer.h"

#include <stdlib.h>

#include "access.h"
#include "conn.h"
#include "conn_end.h"
#include "mem.h"
#include "send.h"
#include "server.h"

struct conn_timers {
	struct server *server;
	struct wheel wheel;
	struct ev_timer tick;
	struct ev_prepare turn;
	int64_t armed_us;        /* what `tick` is set to */
	bool kicked;             /* lws was told to look at its timers */
};

void
conn_set_timer(struct conn *c)
{
	const struct config *config = c->server->config;
	struct wheel *w = &c->server->timers->wheel;
	int64_t due = INT64_MAX;

	if (c->end_us)
		due = c->end_us;
	if (!c->closing) {
		if (c->expires_us && !c->ask && c->expires_us < due)
			due = c->expires_us;
		if (c->block_us && c->block_us < due)
			due = c->block_us;
		if (c->later_us && c->later_us < due)
			due = c->later_us;
		if (config->ping_interval_ms && !c->parked) {
			int64_t ping = c->ping_us + (c->ping_out ? config->ping_timeout_ms
				: config->ping_interval_ms) * 1000;

			if (ping < due)
				due = ping;
		}
	}
	if (due == INT64_MAX) {
		wheel_clear(&c->timer);
		return;
	}
	wheel_set(w, &c->timer, due);
	if (due < c->server->timers->armed_us)
		c->server->timers->armed_us = 0;
}

/* Time for a ping, or a ping's time is over. */
static void
ping(struct conn *c, int64_t now)
{
	const struct config *config = c->server->config;

	if (!config->ping_interval_ms || c->parked)
		return;
	if (c->ping_out) {
		if (now < c->ping_us + config->ping_timeout_ms * 1000)
			return;
		if (c->seen_us < c->ping_us) {
			c->server->counters.ping_timeouts++;
			conn_cut(c, "ping timeout");
			return;
		}
		c->ping_out = false;
	}
	if (now >= c->ping_us + config->ping_interval_ms * 1000) {
		c->ping_us = now;
		c->ping_out = true;
		send_ping(c);
	}
}

static void
fire(void *ctx, struct wheel_node *n)
{
	struct conn_timers *x = ctx;
	struct conn *c = (struct conn *)((char *)n - offsetof(struct conn, timer));
	int64_t now = server_now_us(x->server);

	if (c->end_us && now >= c->end_us) {
		c->end_us = 0;
		if (!c->closing)
			access_late(c);
		else
			conn_kill(c);
	} else if (!c->closing && c->expires_us && !c->ask && now >= c->expires_us) {
		access_expired(c);
	} else if (!c->closing && c->block_us && now >= c->block_us) {
		x->server->counters.slow++;
		conn_abandon(c, 4013, S("too slow"));
	} else if (!c->closing && c->later_us && now >= c->later_us) {
		/* How was noted when it was decided, and counts from now on. */
		c->later_us = 0;
		conn_close(c, c->close_code, slice_of("", 0));
	} else if (!c->closing) {
		ping(c, now);
	}
	if (c->wsi)
		conn_set_timer(c);
}

static void
arm(struct conn_timers *x)
{
	int64_t next = wheel_next(&x->wheel), now = server_now_us(x->server);

	ev_timer_stop(x->server->loop, &x->tick);
	x->armed_us = next < 0 ? INT64_MAX : next;
	if (next >= 0) {
		ev_timer_set(&x->tick, next > now ? (double)(next - now) / 1e6 : 0.0001, 0.);
		ev_timer_start(x->server->loop, &x->tick);
	}
}

static void
on_tick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct conn_timers *x = w->data;

	(void)loop;
	(void)revents;
	wheel_run(&x->wheel, server_now_us(x->server), fire, x);
	x->armed_us = 0;
}

void
conn_kick(struct server *s)
{
	s->timers->kicked = true;
}

static void
on_turn(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct conn_timers *x = w->data;

	(void)loop;
	(void)revents;
	send_turn(x->server);
	if (x->kicked) {
		x->kicked = false;
		lws_cancel_service(x->server->lws);
	}
	if (!x->armed_us)
		arm(x);
}

void
conn_parked(struct conn *c, bool on)
{
	if (!on) {
		/* Nobody is ended for silence while it was not listened to. */
		c->ping_out = false;
		c->ping_us = c->seen_us = server_now_us(c->server);
	}
	if (!c->closing)
		conn_set_timer(c);
}

void
conn_timers_new(struct server *s)
{
	struct conn_timers *x = s->timers = mem_zero(1, sizeof(*x));

	x->server = s;
	wheel_init(&x->wheel, server_now_us(s));
	ev_timer_init(&x->tick, on_tick, 0., 0.);
	ev_prepare_init(&x->turn, on_turn);
	/* Before the flush of stdout, for which this may make events. */
	ev_set_priority(&x->turn, EV_MAXPRI);
	x->tick.data = x->turn.data = x;
	ev_prepare_start(s->loop, &x->turn);
}

void
conn_timers_free(struct server *s)
{
	ev_timer_stop(s->loop, &s->timers->tick);
	ev_prepare_stop(s->loop, &s->timers->turn);
	free(s->timers);
	s->timers = NULL;
}
