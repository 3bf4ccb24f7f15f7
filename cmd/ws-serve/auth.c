#include "auth.h"

#include <math.h>
#include <stdlib.h>

#include "coproc.h"
#include "flood.h"
#include "js.h"
#include "mem.h"
#include "rec.h"
#include "server.h"
#include "table.h"
#include "utf8.h"

enum { USER_MOST = 1024, CLAIMS_MOST = 64 << 10 };

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

/* Reasons that an authenticator may give, those of jwt-check(1) among them. Whatever else
 * it writes is "refused": a token must not come out here. */
static const char *const reasons[] = {
	"expired", "not yet valid", "issued in the future", "bad signature", "empty signature",
	"wrong algorithm", "algorithm none", "no algorithm", "unknown key", "wrong issuer",
	"no issuer", "wrong audience", "no audience", "unknown critical header", "not three parts",
	"malformed", "no user", "user is not a name", "missing claim", "wrong claim", "revoked",
	"unknown user", "missing token", "empty token", "too long", NULL,
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

/* A granting answer's members. NULL, or what is wrong with them. */
static const char *
read_identity(struct auth *a, const struct js_member *m, int n, struct identity *id)
{
	struct slice user = js_pick(m, n, S("user")), claims = js_pick(m, n, S("claims"));
	struct slice expires = js_pick(m, n, S("expires"));

	id->authenticated = true;
	if (user.n && js_type(user) != JS_NULL) {
		struct slice text = js_text(user, &a->scratch);
		int64_t number;

		/* Users may be numbered: then its digits are the name. */
		if (js_int(user, &number))
			text = user;
		if (!text.p || !text.n || text.n > USER_MOST)
			return "user is neither a string of 1 to 1024 bytes nor an integer";
		for (size_t i = 0; i < text.n; i++)
			if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
				return "user has control characters";
		id->user = mem_copy(text.p, text.n);
	}
	if (claims.n && js_type(claims) != JS_NULL) {
		struct buf flat = { 0 };

		if (js_type(claims) != JS_OBJECT || claims.n > CLAIMS_MOST)
			return "claims is not an object of at most 64 KiB";
		js_put_flat(&flat, claims);
		id->claims = mem_copy(flat.p, flat.n);
		buf_free(&flat);
	}
	if (expires.n && js_type(expires) != JS_NULL) {
		double seconds;

		if (!js_double(expires, &seconds) || !(seconds > 0))
			return "expires is not a time in seconds";
		/* Nothing expires later than the clock can say. */
		id->expires = seconds > 9e12 ? 0 : (int64_t)(seconds * 1000);
	}
	return NULL;
}

/* The first of several reasons ("expired; wrong audience") that is a known one; what
 * follows it ("missing claim role") is not repeated. */
static const char *
fixed_reason(struct auth *a, struct slice error)
{
	struct slice text = js_text(error, &a->scratch);

	while (text.n) {
		struct slice one = slice_trim(slice_cut(&text, ';'));

		for (int i = 0; reasons[i]; i++) {
			struct slice known = slice_str(reasons[i]);

			if (slice_starts(one, known) && (one.n == known.n || one.p[known.n] == ' '))
				return reasons[i];
		}
	}
	return "refused";
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
	struct auth_answer result = { .result = AUTH_REFUSED };
	struct slice ok;
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
	ok = js_pick(m, n, S("ok"));
	if (js_type(ok) == JS_TRUE) {
		why = read_identity(a, m, n, &result.id);
		if (why) {
			flood_warn(&bad, "the authenticator's answer is refused: %s", why);
			identity_free(&result.id);
			result.reason = "refused";
		} else {
			result.result = AUTH_GRANTED;
		}
	} else if (js_type(ok) == JS_FALSE) {
		result.reason = fixed_reason(a, js_pick(m, n, S("error")));
	} else {
		flood_warn(&bad, "the authenticator's answer has no ok that is true or false");
		result.reason = "refused";
	}
	if (result.result == AUTH_REFUSED)
		a->server->counters.auth_refused++;
	answer(ask, &result);
}

static void
on_down(void *ctx)
{
	struct worker *w = ctx;
	struct auth *a = w->auth;

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

static void
put_question(struct buf *b, uint64_t id, const struct auth_question *q)
{
	buf_clear(b);
	buf_byte(b, '{');
	js_put_member_int(b, "id", (int64_t)id);
	js_put_member(b, "token", q->token);
	js_put_member(b, "remote", q->remote);
	js_put_member(b, "path", q->path);
	if (q->field_count) {
		js_put_key(b, "headers");
		buf_byte(b, '{');
		for (int i = 0; i < q->field_count; i++) {
			if (i)
				buf_byte(b, ',');
			js_put_string(b, q->fields[i].name);
			buf_byte(b, ':');
			js_put_string(b, q->fields[i].value);
		}
		buf_byte(b, '}');
	}
	buf_byte(b, '}');
}

struct ask *
auth_ask(struct server *s, const struct auth_question *q,
    void (*done)(void *ctx, struct auth_answer *answer), void *ctx)
{
	struct auth *a = s->auth;
	struct ask *ask;
	bool sent;

	put_question(&a->line, a->id + 1, q);
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
	put_question(&a->line, 0, &probe);
	if (!coproc_put(a->coming->process, buf_view(&a->line))) {
		ev_timer_set(&a->probe, 0., 0.);
	} else {
		ev_timer_set(&a->probe, (double)s->config->auth_timeout_ms / 1000, 0.);
	}
	ev_timer_start(s->loop, &a->probe);
}
