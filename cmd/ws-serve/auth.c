#include "auth.h"

#include <stdlib.h>

#include "auth_line.h"
#include "coproc.h"
#include "flood.h"
#include "js.h"
#include "mem.h"
#include "rec.h"
#include "server.h"
#include "table.h"

struct ask {
	uint64_t id;
	struct auth *auth;
	struct worker *worker;
	void (*done)(void *ctx, struct auth_answer *answer);
	void *ctx;
	int64_t due_us;
	struct ask *prev, *next; /* in the order of their time */
};

/* One authenticator process. Two run during a reload. */
struct worker {
	struct auth *auth;
	struct coproc *process;
	bool probing; /* has not answered its first question */
	bool retired;
	struct worker *next;
};

struct auth {
	struct server *server;
	struct worker *current, *coming, *old;
	struct table asks;
	struct ask *first, *last;
	uint64_t id;
	struct ev_timer timeout, probe;
	struct buf line, scratch;
	void (*reloaded)(void *ctx, const char *why);
	void *reloaded_ctx;
};

static uint64_t
hash_of(uint64_t id)
{
	return id * 0x9e3779b97f4a7c15u ^ id >> 11;
}

static bool
is_id(const void *item, const void *key)
{
	return ((const struct ask *)item)->id == *(const uint64_t *)key;
}

static void
arm(struct auth *a)
{
	struct ev_loop *loop = a->server->loop;

	ev_timer_stop(loop, &a->timeout);
	if (a->first) {
		int64_t left = a->first->due_us - server_now_us(a->server);

		ev_timer_set(&a->timeout, left > 0 ? (double)left / 1e6 : 0., 0.);
		ev_timer_start(loop, &a->timeout);
	}
}

static void
forget(struct ask *ask)
{
	struct auth *a = ask->auth;
	bool was_first = a->first == ask;

	if (ask->prev)
		ask->prev->next = ask->next;
	else
		a->first = ask->next;
	if (ask->next)
		ask->next->prev = ask->prev;
	else
		a->last = ask->prev;
	table_remove(&a->asks, hash_of(ask->id), ask);
	free(ask);
	if (was_first)
		arm(a);
}

void
auth_cancel(struct ask *ask)
{
	if (ask)
		forget(ask);
}

static void
answer(struct ask *ask, struct auth_answer *result)
{
	void (*done)(void *, struct auth_answer *) = ask->done;
	void *ctx = ask->ctx;

	forget(ask);
	done(ctx, result);
	identity_free(&result->id);
}

static void
unavailable(struct ask *ask)
{
	answer(ask, &(struct auth_answer){ .result = AUTH_UNAVAILABLE });
}

static void
on_timeout(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	static struct flood slow;
	struct auth *a = w->data;

	(void)loop;
	(void)revents;
	while (a->first && a->first->due_us <= server_now_us(a->server)) {
		a->server->counters.auth_timeouts++;
		flood_warn(&slow, "the authenticator did not answer within %lld ms",
		    (long long)a->server->config->auth_timeout_ms);
		unavailable(a->first);
	}
	arm(a);
}

static void
end_reload(struct auth *a, const char *why)
{
	void (*done)(void *, const char *) = a->reloaded;

	a->reloaded = NULL;
	ev_timer_stop(a->server->loop, &a->probe);
	if (done)
		done(a->reloaded_ctx, why);
}

/* The new one works: it takes over, the old one ends when it has answered. */
static void
take_over(struct auth *a)
{
	struct worker *old = a->current;

	a->coming->probing = false;
	a->current = a->coming;
	a->coming = NULL;
	old->retired = true;
	old->next = a->old;
	a->old = old;
	coproc_retire(old->process);
	end_reload(a, NULL);
}

static void
on_line(void *ctx, struct slice line)
{
	static struct flood bad;
	struct worker *w = ctx;
	struct auth *a = w->auth;
	struct js_member m[REC_MEMBERS];
	struct js_error e;
	struct auth_answer result;
	struct ask *ask;
	const char *why;
	uint64_t key;
	int64_t id;
	int n = js_object(line, m, REC_MEMBERS, &e);

	buf_clear(&a->scratch);
	if (n < 0) {
		flood_warn(&bad, "the authenticator wrote a line that is no JSON object: %s", e.why);
		return;
	}
	if (!js_int(js_pick(m, n, S("id")), &id) || id < 0) {
		flood_warn(&bad, "the authenticator wrote a line without the id of a question");
		return;
	}
	if (id == 0) {
		if (w->probing)
			take_over(a);
		return;
	}
	key = (uint64_t)id;
	ask = table_find(&a->asks, hash_of(key), is_id, &key);
	/* Late, or the client has left: nobody waits for it. One process cannot answer
	 * what another was asked. */
	if (!ask || ask->worker != w)
		return;
	why = auth_line_answer(m, n, &a->scratch, &result);
	if (why)
		flood_warn(&bad, "the authenticator's answer is refused: %s", why);
	if (result.result == AUTH_REFUSED)
		a->server->counters.auth_refused++;
	answer(ask, &result);
}

static void
on_down(void *ctx, uint64_t lost)
{
	struct worker *w = ctx;
	struct auth *a = w->auth;

	(void)lost; /* each question knows by itself that it has no answer */
	for (struct ask *ask = a->first, *next; ask; ask = next) {
		next = ask->next;
		if (ask->worker == w) {
			unavailable(ask);
			/* What was called may have asked or cancelled: from the start. */
			next = a->first;
		}
	}
	if (w == a->coming) {
		/* It is not restarted: a new one that dies at once is no success. */
		a->coming = NULL;
		w->retired = true;
		w->next = a->old;
		a->old = w;
		coproc_retire(w->process);
		end_reload(a, "the new authenticator ended at once");
		return;
	}
	if (!w->retired) {
		a->server->counters.auth_restarts++;
		return;
	}
	for (struct worker **p = &a->old; *p; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			break;
		}
	free(w);
}

static const struct coproc_ops ops = { .line = on_line, .down = on_down };

static struct worker *
worker_new(struct auth *a)
{
	struct worker *w = mem_zero(1, sizeof(*w));

	w->auth = a;
	w->process = coproc_new(a->server->loop, "authenticator", a->server->config->auth, &ops, w);
	return w;
}

static void
on_probe(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct auth *a = timer->data;
	struct worker *w = a->coming;

	(void)loop;
	(void)revents;
	if (!w)
		return;
	a->coming = NULL;
	w->retired = true;
	w->next = a->old;
	a->old = w;
	coproc_retire(w->process);
	end_reload(a, "the new authenticator did not answer");
}

void
auth_new(struct server *s)
{
	struct auth *a;

	if (!s->config->auth)
		return;
	a = s->auth = mem_zero(1, sizeof(*a));
	a->server = s;
	ev_timer_init(&a->timeout, on_timeout, 0., 0.);
	ev_timer_init(&a->probe, on_probe, 0., 0.);
	a->timeout.data = a->probe.data = a;
	a->current = worker_new(a);
}

static void
worker_free(struct worker *w)
{
	if (w) {
		coproc_free(w->process);
		free(w);
	}
}

void
auth_free(struct server *s)
{
	struct auth *a = s->auth;

	if (!a)
		return;
	ev_timer_stop(s->loop, &a->timeout);
	ev_timer_stop(s->loop, &a->probe);
	/* Those who wait are told, so that nothing of theirs is left. */
	while (a->first)
		unavailable(a->first);
	ev_timer_stop(s->loop, &a->timeout);
	worker_free(a->current);
	worker_free(a->coming);
	while (a->old) {
		struct worker *w = a->old;

		a->old = w->next;
		worker_free(w);
	}
	table_free(&a->asks);
	buf_free(&a->line);
	buf_free(&a->scratch);
	free(a);
	s->auth = NULL;
}

bool
auth_ready(const struct server *s)
{
	return !s->auth || coproc_up(s->auth->current->process);
}

struct ask *
auth_ask(struct server *s, const struct auth_question *q,
    void (*done)(void *ctx, struct auth_answer *answer), void *ctx)
{
	struct auth *a = s->auth;
	struct ask *ask;
	bool sent;

	auth_line_put(&a->line, a->id + 1, q);
	sent = coproc_put(a->current->process, buf_view(&a->line));
	/* The token stays nowhere longer than it must. */
	explicit_bzero(a->line.p, a->line.n);
	if (!sent)
		return NULL;
	s->counters.auth_asked++;
	ask = mem_zero(1, sizeof(*ask));
	ask->id = ++a->id;
	ask->auth = a;
	ask->worker = a->current;
	ask->done = done;
	ask->ctx = ctx;
	ask->due_us = server_now_us(s) + s->config->auth_timeout_ms * 1000;
	ask->prev = a->last;
	if (a->last)
		a->last->next = ask;
	else
		a->first = ask;
	a->last = ask;
	table_add(&a->asks, hash_of(ask->id), ask);
	if (a->first == ask)
		arm(a);
	return ask;
}

void
auth_reload(struct server *s, void (*done)(void *ctx, const char *why), void *ctx)
{
	struct auth *a = s->auth;
	struct auth_question probe = { .token = S(""), .remote = S(""), .path = S("") };

	if (!a) {
		done(ctx, NULL);
		return;
	}
	if (a->coming) {
		done(ctx, "a reload is under way");
		return;
	}
	a->reloaded = done;
	a->reloaded_ctx = ctx;
	a->coming = worker_new(a);
	a->coming->probing = true;
	/* A question about no token: whatever the answer, it shows that it works. */
	auth_line_put(&a->line, 0, &probe);
	if (!coproc_put(a->coming->process, buf_view(&a->line))) {
		ev_timer_set(&a->probe, 0., 0.);
	} else {
		ev_timer_set(&a->probe, (double)s->config->auth_timeout_ms / 1000, 0.);
	}
	ev_timer_start(s->loop, &a->probe);
}
