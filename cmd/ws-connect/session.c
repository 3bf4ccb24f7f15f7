#include "session.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

#include "closecode.h"
#include "exit.h"
#include "msg.h"

enum {
	STABLE_MS = 10000, /* open that long, a connection counts as a success */
};

/* How an attempt or a connection has ended. */
enum ending { END_ORDERLY, END_RETRY, END_TOKEN, END_FINAL };

/* --- the end --- */

void
session_finish(struct session *s, int code)
{
	s->phase = PHASE_ENDED;
	s->exit_code = code;
}

bool
session_incomplete(const struct session *s)
{
	return s->o->count && s->output.written < (uint64_t)s->o->count;
}

static void
leave(struct session *s, int exit_code, unsigned code, struct slice reason, bool at_once)
{
	if (s->leaving)
		return;
	s->leaving = true;
	s->exit_code = exit_code;
	s->leave_end = s->o->drain ? s->now + s->o->drain : -1;
	if (s->phase == PHASE_OPEN)
		link_close(&s->link, code, reason, at_once, s->now);
	else
		session_finish(s, exit_code);
}

void
session_leave(struct session *s, int exit_code, bool at_once)
{
	leave(s, exit_code, 1000, S(""), at_once);
}

void
session_leave_with(struct session *s, int exit_code, const struct input_close *c)
{
	leave(s, exit_code, c->code, c->reason, false);
}

void
session_inform(struct session *s, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	if (s->tty)
		tty_show(s->tty, '*', buf_view(&b));
	else
		msg_info("%s", buf_cstr(&b));
	buf_free(&b);
}

/* --- attempts --- */

static uint32_t
random_number(void)
{
	uint32_t r = 0;

	/* Without randomness there is no jitter, and that is all. */
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) < 0)
		r = 0;
	return r;
}

static int
exit_of(enum ending how)
{
	return how == END_ORDERLY ? EXIT_DONE : how == END_RETRY ? EXIT_NETWORK : EXIT_REFUSED;
}

/* Will there be another attempt after this? */
static bool
will_retry(const struct session *s, enum ending how)
{
	bool token_source = s->o->token_file || s->o->token_command;

	return (how == END_RETRY || (how == END_TOKEN && token_source)) &&
	    s->retries < (uint64_t)s->o->reconnect;
}

void
session_settled(struct session *s)
{
	backoff_reset(&s->backoff);
	s->attempt = s->retries = 0;
}

/* What ends has ended: try again, or give up with the exit code for it. */
static void
retry_or_finish(struct session *s, enum ending how)
{
	s->needs_new_token = how == END_TOKEN;
	if (s->leaving) {
		session_finish(s, s->exit_code);
	} else if (s->renewing) {
		s->renewing = false;
		session_settled(s);
		session_attempt(s);
	} else if (!will_retry(s, how)) {
		if (s->o->reconnect && how == END_RETRY)
			msg_error("giving up after %llu attempts", (unsigned long long)s->attempt);
		session_finish(s, how == END_ORDERLY && session_incomplete(s) ? EXIT_NETWORK : exit_of(how));
	} else {
		int64_t delay = backoff_next(&s->backoff, random_number());

		if (delay < s->retry_after)
			delay = s->retry_after;
		s->retries++;
		s->retry_after = 0;
		s->phase = PHASE_WAIT;
		s->retry = s->now + delay;
		output_reconnecting(&s->output, s->attempt + 1, delay);
		session_inform(s, "connecting again in %lld.%03lld s", (long long)(delay / 1000),
		    (long long)(delay % 1000));
	}
}

static void
attempt_failed(struct session *s, enum ending how, const char *why)
{
	/* While attempts are left this is no error yet. */
	if (will_retry(s, how))
		msg_warn("cannot connect to %s: %s", s->o->shown.p, why);
	else
		msg_error("cannot connect to %s: %s", s->o->shown.p, why);
	output_error(&s->output, slice_str(why));
	token_stop(&s->token);
	retry_or_finish(s, how);
}

static void
got_token(struct session *s)
{
	struct slice token = buf_view(&s->token.value);

	if (s->needs_new_token && !token_is_new(&s->token)) {
		attempt_failed(s, END_TOKEN, "the token was refused, and there is no new one");
		return;
	}
	opening_start(&s->opening, s->o, s->tls, s->o->token_in == TOKEN_MESSAGE ? S("") : token, s->now);
	s->phase = PHASE_OPENING;
}

static void
token_result(struct session *s, enum token_status t)
{
	if (t == TOKEN_READY)
		got_token(s);
	else if (t == TOKEN_FAILED)
		attempt_failed(s, END_RETRY, s->token.why);
}

void
session_attempt(struct session *s)
{
	s->retry = -1;
	s->attempt++;
	s->totals.attempts++;
	s->attempt_end = s->now + s->o->connect_timeout;
	s->phase = PHASE_TOKEN;
	output_connecting(&s->output, s->attempt);
	session_inform(s, "connecting to %s", s->o->shown.p);
	token_result(s, token_start(&s->token));
}

static void
opened(struct session *s)
{
	struct outq prelude = { 0 };

	session_inform(s, "connected to %s", s->o->shown.p);
	output_connected(&s->output, s->opening.upgrade.subprotocol, s->opening.upgrade.extension.n != 0);
	s->totals.connections++;
	s->received = 0;
	s->sent_before = wire_count(s->wire);
	s->active = s->now;
	s->needs_new_token = false;
	prelude_put(&s->prelude, s->o,
	    s->o->token_in == TOKEN_MESSAGE ? buf_view(&s->token.value) : S(""), &prelude);
	outq_prepend(&s->queue, &prelude);
	s->phase = PHASE_OPEN;
	if (link_open(&s->link, s->o, s->wire, &s->opening, s->now))
		msg_die(EXIT_HOST, "cannot use libwebsockets: %s", strerror(errno));
	opening_end(&s->opening);
}

static void
step_opening(struct session *s)
{
	static const enum ending endings[] = { [OPENING_RETRY] = END_RETRY,
		[OPENING_FINAL] = END_FINAL, [OPENING_UNAUTHORIZED] = END_TOKEN };

	opening_step(&s->opening, s->now);
	if (s->opening.state == OPENING_DONE) {
		opened(s);
	} else if (s->opening.state == OPENING_FAILED) {
		enum ending how = endings[s->opening.failure];
		char *why = buf_cstr(&s->opening.error);

		s->retry_after = s->opening.retry_after;
		attempt_failed(s, how, why);
		opening_end(&s->opening);
	}
}

/* --- the connection --- */

static enum ending
ending_of(const struct link *l)
{
	if (l->fault)
		return END_FINAL;
	switch (closecode_means(l->code)) {
	case CLOSE_ORDERLY:
		return END_ORDERLY;
	case CLOSE_TOKEN:
		return END_TOKEN;
	case CLOSE_FINAL:
		return END_FINAL;
	case CLOSE_RETRY:
		break;
	}
	return END_RETRY;
}

static void
say_closed(struct session *s, const struct link *l, enum ending how)
{
	const char *name = closecode_name(l->code);
	struct buf b = { 0 };

	if (l->why.n)
		buf_slice(&b, buf_view(&l->why));
	else
		buf_fmt(&b, "closed with code %u%s%s%s%s%.*s", l->code, name ? " (" : "",
		    name ? name : "", name ? ")" : "", l->reason.n ? ": " : "", (int)l->reason.n,
		    l->reason.p);
	if (how == END_ORDERLY || s->leaving)
		session_inform(s, "%s: %s", s->o->shown.p, buf_cstr(&b));
	else if (will_retry(s, how))
		msg_warn("%s: %s", s->o->shown.p, buf_cstr(&b));
	else
		msg_error("%s: %s", s->o->shown.p, buf_cstr(&b));
	buf_free(&b);
}

static void
closed(struct session *s)
{
	struct link *l = &s->link;
	enum ending how = ending_of(l);
	struct output_close c = { .code = l->code, .open_ms = s->now - l->opened,
		.reason = l->why.n ? buf_view(&l->why) : l->reason, .received = s->received,
		.sent = wire_count(s->wire) - s->sent_before };

	say_closed(s, l, how);
	output_closed(&s->output, &c);
	if (s->now - l->opened >= STABLE_MS)
		session_settled(s);
	link_end(l, &s->queue);
	outq_drop_ours(&s->queue);
	retry_or_finish(s, how);
}

bool
session_paused(const struct session *s)
{
	return output_full(&s->output);
}

static void
step_link(struct session *s)
{
	uint64_t before = wire_count(s->wire);
	bool was_leaving = s->leaving;

	link_step(&s->link, &s->queue, session_paused(s), s->now);
	if (wire_count(s->wire) != before)
		s->active = s->now;
	if (s->o->count && !session_incomplete(s))
		session_leave(s, EXIT_DONE, false);
	if (s->leaving && !was_leaving)
		link_step(&s->link, &s->queue, session_paused(s), s->now);
	if (s->link.over)
		closed(s);
}

void
session_attempt_failed(struct session *s, const char *why)
{
	attempt_failed(s, END_RETRY, why);
}

void
session_step(struct session *s)
{
	/* In this order, so that what one step has begun the next goes on with. */
	if (s->phase == PHASE_TOKEN)
		token_result(s, token_step(&s->token));
	if (s->phase == PHASE_OPENING)
		step_opening(s);
	if (s->phase == PHASE_OPEN)
		step_link(s);
}
