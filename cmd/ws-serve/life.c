#include "life.h"

#include <stdlib.h>
#include <sys/random.h>

#include "auth.h"
#include "conn.h"
#include "conn_end.h"
#include "door.h"
#include "events.h"
#include "exit.h"
#include "handler.h"
#include "input.h"
#include "mem.h"
#include "msg.h"
#include "notify.h"
#include "send.h"
#include "server.h"
#include "sig.h"

enum { SPREAD_MS = 10, CUT_MS = 500 };

struct life {
	struct server *server;
	struct ev_signal term, interrupt, hangup;
	struct ev_timer patience; /* for commands that still come */
	struct ev_timer end;      /* of --drain */
	bool draining, closing;
	bool input_ended; /* that is why it drains */
	bool acks_unread; /* likewise, and stdin has not ended yet */
	bool stdin_gone;  /* with --stay: nobody gives commands any more */
	bool reloading;   /* by SIGHUP */
	bool reload_again;
	int status;
	double since;             /* beginning of the drain */
	int signo;                /* the second signal, 0: none */
};

/* Nothing is left to wait for. */
static void
finish(struct life *l)
{
	ev_break(l->server->loop, EVBREAK_ALL);
}

static void
check_over(struct life *l)
{
	if (l->closing && !conn_total(l->server))
		finish(l);
}

/* Close them all, with jitter, so that they do not come back all at once. */
static void
close_all(struct life *l)
{
	struct server *s = l->server;
	uint64_t n = conn_total(s);
	int64_t left_ms = s->config->drain_ms - (int64_t)((ev_now(s->loop) - l->since) * 1000);
	int64_t window_ms = (int64_t)n * SPREAD_MS;

	if (l->closing)
		return;
	l->closing = true;
	ev_timer_stop(s->loop, &l->patience);
	input_stop(s);
	send_flush(s);
	/* What is closed last needs time to answer. */
	left_ms = left_ms * 3 / 4;
	if (window_ms > left_ms)
		window_ms = left_ms > 0 ? left_ms : 0;
	for (struct conn *c = conn_first(s), *next; c; c = next) {
		next = c->next;
		if (n == 1 || !window_ms)
			conn_close(c, 1001, S("server is going away"));
		else
			conn_close_later(c, window_ms, 1001, S("server is going away"));
	}
	check_over(l);
}

static void
drain(struct life *l)
{
	struct server *s = l->server;

	if (l->draining)
		return;
	l->draining = true;
	l->since = ev_now(s->loop);
	notify("STOPPING=1");
	msg_info("draining %llu connections", (unsigned long long)conn_total(s));
	if (s->door)
		door_stop(s->door);
	ev_timer_set(&l->end, (double)s->config->drain_ms / 1000, 0.);
	ev_timer_start(s->loop, &l->end);
	if (input_open(s) && s->config->drain_ms) {
		ev_timer_set(&l->patience, (double)s->config->drain_ms / 2000, 0.);
		ev_timer_start(s->loop, &l->patience);
	} else {
		close_all(l);
	}
}

static void
on_patience(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	close_all(w->data);
}

/* The time is over: those that are left are cut. */
static void
on_end(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct life *l = w->data;

	(void)loop;
	(void)revents;
	if (l->closing && ev_now(l->server->loop) - l->since >
	    (double)(l->server->config->drain_ms + CUT_MS) / 1000) {
		finish(l);
		return;
	}
	close_all(l);
	/* Those that are closing go with the loop: to end each by itself takes long. */
	for (struct conn *c = conn_first(l->server), *next; c; c = next) {
		next = c->next;
		if (!c->closing)
			conn_cut(c, "server is going away");
	}
	ev_timer_set(&l->end, CUT_MS / 1000. + 0.1, 0.);
	ev_timer_start(l->server->loop, &l->end);
}

static void
on_end_signal(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	struct life *l = w->data;

	(void)loop;
	(void)revents;
	if (l->draining && (l->input_ended || l->acks_unread)) {
		/* The end of stdin or stdout began it; this is the first signal. */
		l->input_ended = l->acks_unread = false;
		return;
	}
	if (l->draining) {
		l->signo = w->signum;
		finish(l);
		return;
	}
	drain(l);
}

static void reload(struct life *l);

static void
reload_done(void *ctx, const char *why)
{
	struct life *l = ctx;

	if (why)
		msg_error("reload failed, the old state stays: %s", why);
	else
		msg_info("reloaded");
	l->reloading = false;
	if (l->reload_again) {
		l->reload_again = false;
		reload(l);
	}
}

/* Files may have changed since a reload that is still under way read them. */
static void
reload(struct life *l)
{
	if (l->draining)
		return;
	l->reload_again = l->reloading;
	if (l->reloading)
		return;
	l->reloading = true;
	server_reload(l->server, reload_done, l);
}

static void
on_hangup(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	struct life *l = w->data;

	if (sig_hup() == SIG_HUP_ENDS) {
		on_end_signal(loop, w, revents);
		return;
	}
	reload(l);
}

void
life_input_ended(struct server *s)
{
	struct life *l = s->life;

	if (s->config->stay) {
		msg_info("standard input has ended; staying");
		l->stdin_gone = true;
		return;
	}
	if (l->draining) {
		l->input_ended = l->input_ended || l->acks_unread;
		l->acks_unread = false;
		close_all(l);
		return;
	}
	l->input_ended = true;
	drain(l);
}

void
life_fail(struct server *s)
{
	struct life *l = s->life;

	l->status = EXIT_HOST;
	drain(l);
}

void
life_acks_unread(struct server *s)
{
	struct life *l = s->life;

	l->acks_unread = !l->draining;
	drain(l);
}

void
life_conn_gone(struct server *s)
{
	if (s->life)
		check_over(s->life);
}

bool
life_draining(const struct server *s)
{
	return s->life->draining;
}

bool
life_ready(const struct server *s)
{
	return !s->life->draining && !s->life->stdin_gone && auth_ready(s);
}

void
life_new(struct server *s)
{
	struct life *l = s->life = mem_zero(1, sizeof(*l));

	l->server = s;
	ev_signal_init(&l->term, on_end_signal, SIGTERM);
	ev_signal_init(&l->interrupt, on_end_signal, SIGINT);
	ev_signal_init(&l->hangup, on_hangup, SIGHUP);
	ev_timer_init(&l->patience, on_patience, 0., 0.);
	ev_timer_init(&l->end, on_end, 0., 0.);
	l->term.data = l->interrupt.data = l->hangup.data = l->patience.data = l->end.data = l;
	signal(SIGPIPE, SIG_IGN);
	ev_signal_start(s->loop, &l->term);
	ev_signal_start(s->loop, &l->interrupt);
	if (sig_hup() != SIG_HUP_IGNORED)
		ev_signal_start(s->loop, &l->hangup);
}

void
life_free(struct server *s)
{
	struct life *l = s->life;

	ev_signal_stop(s->loop, &l->term);
	ev_signal_stop(s->loop, &l->interrupt);
	ev_signal_stop(s->loop, &l->hangup);
	ev_timer_stop(s->loop, &l->patience);
	ev_timer_stop(s->loop, &l->end);
	free(l);
	s->life = NULL;
}

int
life_run(struct server *s)
{
	struct life *l = s->life;
	int signo;

	ev_run(s->loop, 0);
	if (s->counters.command_errors)
		msg_warn("%llu commands were wrong", (unsigned long long)s->counters.command_errors);
	if (l->acks_unread) {
		msg_error("standard output was closed by its reader");
		l->status = EXIT_HOST;
	}
	signo = l->signo;
	if (signo) {
		/* At once; but no process of ours is left behind. */
		auth_free(s);
		handler_free(s, 0);
		sig_die(signo);
	}
	return l->status;
}
