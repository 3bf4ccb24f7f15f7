#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "exit.h"
#include "mem.h"
#include "msg.h"
#include "now.h"
#include "out.h"
#include "sig.h"

enum {
	TICK = 50 * MS,
	PROGRESS = 200 * MS,
	OPENS_TURN = 64,        /* connections begun before arrivals are looked at again */
	CLOSE_WAIT = 3,         /* seconds for servers to answer a Close */
};

/* --- connections come and go --- */

static void
leave_room(struct run *r, struct conn *c)
{
	uint32_t i = conn_number(&r->client, c);

	if (c->ready && !config_is_slow(r->config, i)) {
		r->rooms[run_room(r, i)].listeners--;
		r->listeners--;
	}
	c->ready = false;
}

static void
open_later(struct run *r, struct conn *c, uint64_t due)
{
	c->pending = true;
	r->waiting++;
	agenda_add(&r->agenda, due, conn_number(&r->client, c));
}

/* One fewer to wait for. */
static void
settled(struct run *r)
{
	uint64_t took = r->client.now - r->storm_began;

	if (--r->waiting || !r->storm_began)
		return;
	if (took > r->stats.max_recovery)
		r->stats.max_recovery = took;
	r->storm_began = 0;
}

void
run_ready(struct run *r, struct conn *c)
{
	uint32_t i = conn_number(&r->client, c);

	c->ready = r->stats.ready_once = true;
	if (config_is_slow(r->config, i)) {
		client_deafen(&r->client, c, true);
	} else {
		r->rooms[run_room(r, i)].listeners++;
		r->listeners++;
	}
	arrival_begin(r, c);
	settled(r);
	schedule_join(r, c);
}

/* Delay before a lost connection is made again: all clients of a dead server must not
 * come back at the same moment. */
static uint64_t
reconnect_at(struct run *r)
{
	double half = (double)r->config->reconnect_delay / 2;

	return r->client.now + (uint64_t)(half + half * client_random(&r->client) / UINT32_MAX);
}

/* It has ended: count it, and try again where that was asked for. */
static void
ended(struct run *r, struct conn *c, bool was_up, const char *kind)
{
	bool was_ready = c->ready;

	leave_room(r, c);
	stats_error(&r->stats, kind);
	if (was_up)
		r->stats.all.dropped++;
	else
		r->stats.all.failed++;
	if (!was_ready)
		settled(r);
	if (r->config->reconnect && r->phase == PHASE_WORK)
		open_later(r, c, reconnect_at(r));
}

void
run_refused(struct run *r, struct conn *c, const char *kind)
{
	r->stats.refused = true;
	run_fail(r, c, kind);
}

void
run_fail(struct run *r, struct conn *c, const char *kind)
{
	client_abort(&r->client, c);
	ended(r, c, false, kind);
}

static void
on_up(void *ctx, struct conn *c)
{
	struct run *r = ctx;

	r->stats.all.opened++;
	hist_add(&r->stats.fresh.connect, r->client.now - c->due);
	setup_begin(r, c);
}

static void
on_message(void *ctx, struct conn *c, struct slice message)
{
	arrival_message(ctx, c, message);
}

static void
on_handled(void *ctx, struct conn *c)
{
	schedule_flush(ctx, c);
}

static void
on_drained(void *ctx, struct conn *c)
{
	struct run *r = ctx;

	if (c->ready && r->phase == PHASE_WORK)
		schedule_resume(r, c);
}

static void
on_gone(void *ctx, struct conn *c, enum conn_state was, const char *kind)
{
	struct run *r = ctx;

	buf_clear(&r->batch); /* which was collected for this one */
	if (was == CONN_CLOSING || r->phase == PHASE_CLOSE) {
		leave_room(r, c);
		r->closing -= was == CONN_CLOSING;
		return;
	}
	r->stats.refused = r->stats.refused || r->client.refused;
	r->client.refused = false;
	ended(r, c, was == CONN_UP, kind);
}

static void
feed_ready(struct run *r, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !feed_drain(&r->feed))
		msg_die(EXIT_NETWORK, "cannot write %s: it was closed", r->config->feed);
	if (events & EPOLLOUT)
		schedule_push(r);
}

static void
on_watched(void *ctx, int fd, uint32_t events)
{
	struct run *r = ctx;

	if (fd == sig_fd())
		sig_clear();
	else if (fd == STDIN_FILENO)
		schedule_input(r, true);
	else if (fd == STDOUT_FILENO)
		out_sigpipe();
	else if (fd == r->feed.fd)
		feed_ready(r, events);
}

/* --- what is done from time to time --- */

/* Open the connections that are due. Returns when to do so again. */
static uint64_t
open_due(struct run *r)
{
	const struct entry *e;
	int n = 0;

	while ((e = agenda_first(&r->agenda))) {
		struct conn *c = &r->client.conns[e->conn];
		uint64_t due = e->due;

		if (r->client.opening >= r->config->in_flight)
			return UINT64_MAX; /* the end of an attempt wakes us */
		if (due > r->client.now)
			return due;
		if (n++ == OPENS_TURN)
			return r->client.now;
		agenda_drop(&r->agenda);
		c->pending = false;
		/* Due 0: as soon as may be; then the wait for others is not its own. */
		if (!client_open(&r->client, c, due ? due : r->client.now)) {
			agenda_add(&r->agenda, r->client.now + MS, conn_number(&r->client, c));
			return r->client.now + MS;
		}
	}
	return UINT64_MAX;
}

static void
drop_for_storm(struct run *r, struct conn *c, uint64_t due)
{
	arrival_give_up(r, c);
	leave_room(r, c);
	client_abort(&r->client, c);
	open_later(r, c, due);
}

/* Drop part of the connections at once; all of them want to come back. */
static void
storm(struct run *r)
{
	const struct config *o = r->config;
	uint64_t share = ((uint64_t)r->client.n * (uint64_t)o->storm_share + 99) / 100, n = 0;
	double step = o->ramp > 0 ? SECOND / o->ramp : 0;

	r->stats.all.storms++;
	if (!r->storm_began)
		r->storm_began = r->client.now;
	for (uint32_t i = 0; i < r->client.n && n < share; i++) {
		struct conn *c = &r->client.conns[r->storm_next++ % r->client.n];

		if (c->ready)
			drop_for_storm(r, c, r->client.now + (uint64_t)((double)n++ * step));
	}
	r->storm_at += (uint64_t)o->storm;
}

/* Let slow readers read what they may in the time since the last tick. */
static void
trickle(struct run *r)
{
	uint64_t since = r->client.now - r->trickled_at;
	size_t n = (size_t)((double)r->config->slow_rate * (double)since / SECOND);

	if (!r->config->slow_rate || !n)
		return;
	r->trickled_at = r->client.now;
	for (uint32_t i = r->client.n - (uint32_t)r->config->slow; i < r->client.n; i++)
		if (r->client.conns[i].deaf)
			client_trickle(&r->client, &r->client.conns[i], n);
}

static void
expire_setups(struct run *r)
{
	uint64_t limit = (uint64_t)r->config->timeout;

	for (uint32_t i = 0; i < r->client.n && r->waiting; i++) {
		struct conn *c = &r->client.conns[i];

		if (c->state == CONN_UP && !c->ready && r->client.now - c->started > limit)
			run_fail(r, c, "timed out while subscribing");
	}
}

static void
render_metrics(struct buf *b, void *ctx)
{
	const struct run *r = ctx;
	char name[64];

	metrics_value(b, "ws_bench_connections_open", METRICS_GAUGE, "Connections open now",
	    r->client.up);
	metrics_value(b, "ws_bench_outstanding", METRICS_GAUGE,
	    "Answers and deliveries that have not come", (double)stats_missing(&r->stats.all));
	for (const struct counter_name *c = counter_names; c->name; c++) {
		if (c->offset < 0)
			continue; /* what is missing may yet come: the gauge above */
		snprintf(name, sizeof(name), "ws_bench_%s_total", c->name);
		metrics_value(b, name, METRICS_COUNTER, "As in the report, ws-bench(1)",
		    (double)stats_counter(&r->stats.all, c));
	}
}

static void
tick(struct run *r)
{
	uint64_t now = r->client.now;

	r->tick_at = now + TICK;
	metrics_file_tick(&r->metrics);
	client_expire(&r->client);
	expire_setups(r);
	trickle(r);
	if (r->input_paused && r->config->work == WORK_STREAM)
		schedule_input(r, false);
	if (r->phase == PHASE_WORK && r->storm_at && now >= r->storm_at && now < r->end)
		storm(r);
	if (r->hooks->progress && now >= r->progress_at) {
		r->hooks->progress(r);
		r->progress_at = now + PROGRESS;
	}
	if (r->config->every && now >= r->interval_at) {
		if (r->hooks->interval)
			r->hooks->interval(r, (double)(now - r->interval_from) / SECOND);
		stats_interval(&r->stats);
		r->interval_from = now;
		r->interval_at += (uint64_t)r->config->every;
	}
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* One turn of the loop, which waits until `until` at most. */
static void
turn(struct run *r, uint64_t until)
{
	until = least(until, open_due(r));
	if (r->phase == PHASE_WORK)
		until = least(until, schedule_send(r));
	if (r->client.now >= r->tick_at)
		tick(r);
	client_poll(&r->client, least(until, r->tick_at));
}

/* --- the phases --- */

static void
open_all(struct run *r)
{
	double step = r->config->ramp > 0 ? SECOND / r->config->ramp : 0;
	uint64_t begin = client_clock(&r->client);

	r->phase = PHASE_OPEN;
	for (uint32_t i = 0; i < r->client.n; i++)
		open_later(r, &r->client.conns[i],
		    step > 0 ? begin + (uint64_t)((double)i * step) : 0);
	while (r->waiting && !sig_stopping())
		turn(r, UINT64_MAX);
	r->stats.ready_seconds = (double)(client_clock(&r->client) - begin) / SECOND;
}

static double
cpu_seconds(void)
{
	return (double)now_cpu_ns() / 1e9;
}

static void
work(struct run *r)
{
	struct stats *s = &r->stats;
	uint64_t in = r->client.bytes_in, out = r->client.bytes_out;
	uint64_t sent = s->all.sent, received = s->all.received;
	double cpu = cpu_seconds();

	r->phase = PHASE_WORK;
	schedule_begin(r);
	if (r->config->storm)
		r->storm_at = r->begin + (uint64_t)r->config->storm;
	while (client_clock(&r->client) < r->end && !sig_stopping() && !s->starved)
		turn(r, r->end);
	if (!sig_stopping())
		schedule_send(r); /* what came due just before the end */
	schedule_end(r);
	s->interrupted = sig_stopping();
	s->seconds = (double)(least(r->client.now, r->end) - r->begin) / SECOND;
	s->cpu_seconds = cpu_seconds() - cpu;
	s->bytes_in = r->client.bytes_in - in;
	s->bytes_out = r->client.bytes_out - out;
	s->sent_in_time = s->all.sent - sent;
	s->received_in_time = s->all.received - received;
	if (r->storm_began && r->client.now - r->storm_began > s->max_recovery)
		s->max_recovery = r->client.now - r->storm_began;
}

static bool
something_queued(const struct run *r)
{
	for (uint32_t i = 0; i < r->client.n; i++)
		if (r->client.conns[i].state == CONN_UP && conn_blocked(&r->client.conns[i]))
			return true;
	return r->feeding && r->feed.out.n;
}

/* Wait for what is still on its way. */
static void
linger(struct run *r)
{
	uint64_t until = r->client.now + (uint64_t)r->config->linger;

	r->phase = PHASE_LINGER;
	while (client_clock(&r->client) < until &&
	    (stats_missing(&r->stats.all) || something_queued(r)))
		turn(r, until);
}

static void
close_all(struct run *r)
{
	uint64_t until = client_clock(&r->client) + CLOSE_WAIT * (uint64_t)SECOND;

	r->phase = PHASE_CLOSE;
	for (uint32_t i = 0; i < r->client.n; i++) {
		struct conn *c = &r->client.conns[i];

		if (c->state != CONN_UP)
			continue;
		r->closing++;
		client_close(&r->client, c);
	}
	while (r->closing && client_clock(&r->client) < until)
		client_poll(&r->client, until);
}

static int
begin(struct run *r, const struct config *o, const struct net *net, SSL_CTX *tls)
{
	static const struct client_ops ops = { on_up, on_message, on_handled, on_drained, on_gone,
		on_watched };
	uint32_t rooms = (uint32_t)o->rooms;

	if (getrandom(&r->id, sizeof(r->id), 0) < 0 ||
	    client_init(&r->client, o, net, tls, &ops, r) ||
	    client_watch(&r->client, sig_fd(), EPOLLIN))
		return -1;
	r->id &= 0xffffff;
	/* Nobody reads the report any more: epoll tells EPOLLERR of its own accord. What is
	 * no pipe and no socket, it does not take. */
	client_watch(&r->client, STDOUT_FILENO, EPOLLPRI);
	r->feeding = o->feed != NULL;
	r->senders = r->feeding ? 1 : (uint32_t)o->senders;
	r->rooms = mem_zero(rooms, sizeof(*r->rooms));
	if (o->work == WORK_FANOUT) {
		r->per_room = (r->senders + rooms - 1) / rooms;
		r->tracks = mem_zero((size_t)r->client.n * r->per_room, sizeof(*r->tracks));
	}
	r->interval_from = r->trickled_at = r->client.now;
	r->interval_at = r->client.now + (uint64_t)o->every;
	metrics_file_init(&r->metrics, o->metrics_file, NULL, render_metrics, r);
	if (r->feeding && feed_open(&r->feed, o->feed))
		msg_die(EXIT_HOST, "cannot open %s: %s", o->feed, strerror(errno));
	if (r->feed.socket)
		client_watch(&r->client, r->feed.fd, EPOLLIN);
	return 0;
}

int
run_bench(struct run *r, const struct config *config, const struct net *net, SSL_CTX *tls,
    const struct run_hooks *hooks)
{
	*r = (struct run){ .config = config, .hooks = hooks, .feed.fd = -1 };
	if (begin(r, config, net, tls))
		return -1;
	open_all(r);
	if (r->stats.ready_once && !sig_stopping()) {
		work(r);
		linger(r);
	}
	close_all(r);
	stats_interval(&r->stats);
	metrics_file_finish(&r->metrics);
	return 0;
}

void
run_free(struct run *r)
{
	client_free(&r->client);
	agenda_free(&r->agenda);
	feed_close(&r->feed);
	line_free(&r->input);
	stats_free(&r->stats);
	buf_free(&r->batch);
	buf_free(&r->body);
	free(r->rooms);
	free(r->tracks);
}
