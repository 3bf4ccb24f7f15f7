#include "session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "backoff.h"
#include "closecode.h"
#include "opening.h"
#include "exit.h"
#include "input.h"
#include "io.h"
#include "link.h"
#include "metrics.h"
#include "msg.h"
#include "output.h"
#include "prelude.h"
#include "sig.h"
#include "token.h"

enum {
	STABLE_MS = 10000,  /* open that long, a connection counts as a success */
	TTY_LOOK_MS = 1000, /* how often a terminal in the background is looked at */
};

enum phase {
	PHASE_WAIT,  /* until `retry` */
	PHASE_TOKEN,
	PHASE_OPENING,
	PHASE_OPEN,
	PHASE_ENDED, /* exit_code is set */
};

/* How an attempt or a connection has ended. */
enum ending { END_ORDERLY, END_RETRY, END_TOKEN, END_FINAL };

struct session {
	const struct options *o;
	SSL_CTX *tls;
	struct input input;
	struct output output;
	struct prelude prelude;
	struct token token;
	struct wire *wire;
	struct outq queue; /* to be sent, in order */
	uint64_t dropped;  /* messages that a full queue lost */

	enum phase phase;
	struct opening opening;
	struct link link;
	struct backoff backoff;
	uint64_t attempt;     /* in this row, from 1 */
	bool needs_new_token; /* the last one ended with 401 or 4001 */
	bool leaving;         /* the end was begun: no more reconnecting */
	bool renewing;        /* closed in order to connect anew at once */
	bool close_asked;     /* a record has asked for the end, with: */
	struct input_close close;
	int exit_code;        /* when `leaving`: of that end */
	uint64_t received;    /* messages of this connection */
	uint64_t sent_before; /* messages sent in earlier ones */
	struct metrics_file metrics;
	struct totals {
		uint64_t attempts, connections, received, sent;
	} totals;

	/* ms of CLOCK_MONOTONIC; -1: does not run */
	int64_t now, retry, attempt_end, total_end;
	int64_t active;       /* when the last message was sent or received */
	int64_t last_in;      /* when the last one was received; at first, the start */
};

static int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the end --- */

static void
finish(struct session *s, int code)
{
	s->phase = PHASE_ENDED;
	s->exit_code = code;
}

/* With -n: fewer messages have come than were asked for. */
static bool
incomplete(const struct session *s)
{
	return s->o->count && s->output.written < (uint64_t)s->o->count;
}

/* End for a reason of our own. An open connection is closed first (close->code), with
 * what is queued sent before, unless `at_once`. */
static void
leave_with(struct session *s, int exit_code, const struct input_close *close, bool at_once)
{
	if (s->leaving)
		return;
	s->leaving = true;
	s->exit_code = exit_code;
	if (s->phase == PHASE_OPEN)
		link_close(&s->link, close->code, close->reason, at_once, s->now);
	else
		finish(s, exit_code);
}

static void
leave(struct session *s, int exit_code, bool at_once)
{
	leave_with(s, exit_code, &(struct input_close){ .code = 1000 }, at_once);
}

/* --- attempts --- */

static void begin_attempt(struct session *s);

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

/* What ends has ended: try again, or give up with the exit code for it. */
static void
retry_or_finish(struct session *s, enum ending how)
{
	bool token_source = s->o->token_file || s->o->token_command;

	s->needs_new_token = how == END_TOKEN;
	if (s->leaving) {
		finish(s, s->exit_code);
	} else if (s->renewing) {
		s->renewing = false;
		s->attempt = 0;
		backoff_reset(&s->backoff);
		begin_attempt(s);
	} else if (how == END_ORDERLY || how == END_FINAL || (how == END_TOKEN && !token_source) ||
	    s->attempt > (uint64_t)s->o->reconnect) {
		if (s->o->reconnect && how == END_RETRY)
			msg_error("giving up after %llu attempts", (unsigned long long)s->attempt);
		finish(s, how == END_ORDERLY && incomplete(s) ? EXIT_NETWORK : exit_of(how));
	} else {
		int64_t delay = backoff_next(&s->backoff, random_number());

		s->phase = PHASE_WAIT;
		s->retry = s->now + delay;
		output_reconnecting(&s->output, s->attempt + 1, delay);
		msg_info("connecting again in %lld.%03lld s", (long long)(delay / 1000),
		    (long long)(delay % 1000));
	}
}

static void
attempt_failed(struct session *s, enum ending how, const char *why)
{
	/* While attempts are left this is no error yet. */
	if (s->attempt <= (uint64_t)s->o->reconnect && how != END_FINAL)
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
		attempt_failed(s, END_FINAL, "the token was refused, and there is no new one");
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

static void
begin_attempt(struct session *s)
{
	s->retry = -1;
	s->attempt++;
	s->totals.attempts++;
	s->attempt_end = s->now + s->o->connect_timeout;
	s->phase = PHASE_TOKEN;
	output_connecting(&s->output, s->attempt);
	msg_info("connecting to %s", s->o->shown.p);
	token_result(s, token_start(&s->token));
}

static void
opened(struct session *s)
{
	struct outq prelude = { 0 };

	msg_info("connected to %s", s->o->shown.p);
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

		attempt_failed(s, how, why);
		opening_end(&s->opening);
	}
}

/* --- the connection --- */

static void
on_message(void *ctx, struct slice body, bool binary)
{
	struct session *s = ctx;

	s->received++;
	s->totals.received++;
	s->active = s->last_in = s->now;
	s->backoff.tries = 0;
	s->attempt = 0;
	if (incomplete(s) || !s->o->count)
		output_message(&s->output, body, binary);
}

static void
on_pong(void *ctx, struct slice payload)
{
	(void)ctx;
	(void)payload;
}

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
say_closed(const struct session *s, const struct link *l, enum ending how)
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
		msg_info("%s: %s", s->o->shown.p, buf_cstr(&b));
	else if (how != END_FINAL && s->attempt < (uint64_t)s->o->reconnect)
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
	if (s->now - l->opened >= STABLE_MS) {
		backoff_reset(&s->backoff);
		s->attempt = 0;
	}
	link_end(l, &s->queue);
	outq_drop_ours(&s->queue);
	retry_or_finish(s, how);
}

static bool
paused(const struct session *s)
{
	return output_full(&s->output);
}

static void
step_link(struct session *s)
{
	uint64_t before = wire_count(s->wire);
	bool was_leaving = s->leaving;

	link_step(&s->link, &s->queue, paused(s), s->now);
	if (wire_count(s->wire) != before)
		s->active = s->now;
	if (s->o->count && !incomplete(s))
		leave(s, EXIT_DONE, false);
	if (s->leaving && !was_leaving)
		link_step(&s->link, &s->queue, paused(s), s->now);
	if (s->link.over)
		closed(s);
}

/* --- standard input --- */

static bool
queue_full(const struct session *s)
{
	return s->queue.bytes >= (size_t)s->o->queue;
}

/* Should more be read? The queue is what may be read ahead. */
static bool
wants_input(const struct session *s)
{
	return !s->input.ended && !s->leaving && (!queue_full(s) || s->o->queue_drop);
}

static void
enqueue(struct session *s, struct outmsg *m)
{
	outq_push(&s->queue, m);
	while (s->o->queue_drop && s->queue.bytes > (size_t)s->o->queue && s->queue.count > 1) {
		if (!s->dropped++)
			msg_warn("the queue is full: the oldest messages are dropped");
		free(outq_pop(&s->queue));
	}
}

static void
take_input(struct session *s)
{
	struct input_close c;
	struct outmsg *m;

	while (wants_input(s)) {
		switch (input_take(&s->input, &m, &c)) {
		case INPUT_MESSAGE:
			enqueue(s, m);
			break;
		case INPUT_CLOSE:
			/* The reason lasts, since nothing more is taken. */
			s->input.ended = s->close_asked = true;
			s->close = c;
			return;
		case INPUT_MORE:
		case INPUT_END:
			return;
		}
	}
}

/* A terminal is read only in the foreground; to be asked again TTY_LOOK_MS later. */
static bool
may_read(void)
{
	return !io_background_tty(STDIN_FILENO);
}

/* --- the loop --- */

static int64_t
idle_end(const struct session *s)
{
	return s->o->idle_timeout ? s->last_in + s->o->idle_timeout : -1;
}

/* All that was to be said is said, as far as we know. */
static bool
said_all(const struct session *s)
{
	return s->input.ended && !s->queue.count && (s->phase != PHASE_OPEN || wire_idle(s->wire));
}

static int64_t
linger_end(const struct session *s)
{
	if (s->o->linger < 0 || s->phase != PHASE_OPEN || !said_all(s))
		return -1;
	return s->active + s->o->linger;
}

static bool
due(const struct session *s, int64_t when)
{
	return when >= 0 && s->now >= when;
}

static void
check_times(struct session *s)
{
	if (s->leaving)
		return;
	if (due(s, s->total_end)) {
		msg_error("--timeout has run out");
		leave(s, EXIT_TIMEOUT, true);
	} else if (due(s, idle_end(s))) {
		bool failed = s->o->count || s->phase != PHASE_OPEN;

		if (failed)
			msg_error("--idle-timeout has run out");
		leave(s, failed ? EXIT_TIMEOUT : EXIT_DONE, true);
	} else if (due(s, linger_end(s))) {
		if (incomplete(s))
			msg_error("--linger has run out");
		leave(s, incomplete(s) ? EXIT_TIMEOUT : EXIT_DONE, false);
	} else if (s->close_asked && s->phase == PHASE_OPEN) {
		leave_with(s, EXIT_DONE, &s->close, false);
	} else if (due(s, s->attempt_end) && s->phase == PHASE_OPENING) {
		opening_fail(&s->opening, OPENING_RETRY, "timed out");
		step_opening(s);
	} else if (due(s, s->attempt_end) && s->phase == PHASE_TOKEN) {
		attempt_failed(s, END_RETRY, "the token command takes too long");
	} else if (due(s, s->retry) && s->phase == PHASE_WAIT) {
		begin_attempt(s);
	}
}

/* The table of life and death in wsutils(7). */
static void
check_signals(struct session *s)
{
	if (sig_reload() && !s->leaving) {
		if (prelude_load(&s->prelude, s->o))
			msg_warn("--on-open %s: %s: the old lines are kept", s->o->on_open, strerror(errno));
		if (s->phase == PHASE_OPEN) {
			s->renewing = true;
			link_close(&s->link, 1000, S(""), false, s->now);
		} else if (s->phase == PHASE_WAIT) {
			s->retry = s->now;
		}
	}
	if (!sig_stopping())
		return;
	/* Nobody will end what is typed at a terminal. */
	if (isatty(STDIN_FILENO))
		s->input.ended = true;
	if (sig_drained())
		finish(s, EXIT_DONE);
	else if (said_all(s))
		leave(s, EXIT_DONE, false);
}

/* Milliseconds until the first of the times, for poll. */
static int
poll_ms(const struct session *s, bool background)
{
	int metrics_ms = metrics_file_wait(&s->metrics);
	int64_t first = -1, times[] = { s->total_end, idle_end(s), linger_end(s),
		s->phase == PHASE_WAIT ? s->retry : -1,
		s->phase == PHASE_OPENING || s->phase == PHASE_TOKEN ? s->attempt_end : -1,
		s->phase == PHASE_OPENING && s->opening.next_ms ? s->opening.next_ms : -1,
		s->phase == PHASE_TOKEN && s->token.command.out < 0 ? s->now + TOKEN_POLL_MS : -1,
		s->phase == PHASE_OPEN ? link_due(&s->link) : -1,
		background ? s->now + TTY_LOOK_MS : -1,
		metrics_ms < 0 ? -1 : s->now + metrics_ms };

	if (s->phase == PHASE_OPEN && link_busy(&s->link, paused(s)))
		return 0;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		if (times[i] >= 0 && (first < 0 || times[i] < first))
			first = times[i];
	if (first < 0)
		return -1;
	if (first <= s->now)
		return 0;
	return first - s->now > 60000 ? 60000 : (int)(first - s->now);
}

static void
wait_events(struct session *s)
{
	bool foreground = may_read(), wants = wants_input(s);
	struct pollfd p[4] = {
		{ .fd = sig_fd(), .events = POLLIN },
		{ .fd = wants && foreground ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = s->output.out.fd, .events = out_pending(&s->output.out) ? POLLOUT : 0 },
		{ .fd = -1 },
	};

	if (s->phase == PHASE_TOKEN)
		p[3] = (struct pollfd){ .fd = s->token.command.out, .events = POLLIN };
	else if (s->phase == PHASE_OPENING)
		p[3] = (struct pollfd){ .fd = s->opening.net.fd, .events = opening_events(&s->opening) };
	else if (s->phase == PHASE_OPEN)
		p[3] = (struct pollfd){ .fd = s->link.net.fd,
			.events = link_events(&s->link, paused(s)) };
	if (poll(p, 4, poll_ms(s, wants && !foreground)) < 0 && errno != EINTR)
		msg_die(EXIT_HOST, "cannot poll: %s", strerror(errno));
	s->now = clock_ms();
	if (p[0].revents)
		sig_clear();
	if (p[1].revents)
		input_fill(&s->input);
	if (p[2].revents & (POLLERR | POLLHUP) && !(p[2].revents & POLLOUT))
		out_sigpipe();
}

static void
step(struct session *s)
{
	check_signals(s);
	if (s->phase != PHASE_ENDED)
		check_times(s);
	take_input(s);
	/* In this order, so that what one step has begun the next goes on with. */
	if (s->phase == PHASE_TOKEN)
		token_result(s, token_step(&s->token));
	if (s->phase == PHASE_OPENING)
		step_opening(s);
	if (s->phase == PHASE_OPEN)
		step_link(s);
	output_push(&s->output);
	metrics_file_tick(&s->metrics);
}

static void
put_metrics(struct buf *b, void *ctx)
{
	struct session *s = ctx;
	const struct metric m[] = {
		{ "ws_connect_attempts_total", METRICS_COUNTER, "Attempts to connect",
		  &s->totals.attempts },
		{ "ws_connect_connections_total", METRICS_COUNTER, "Connections that were opened",
		  &s->totals.connections },
		{ "ws_connect_received_total", METRICS_COUNTER, "Messages received",
		  &s->totals.received },
		{ "ws_connect_written_total", METRICS_COUNTER, "Messages written to standard output",
		  &s->output.written },
		{ "ws_connect_unwritable_total", METRICS_COUNTER, "Messages that could not be written",
		  &s->output.skipped },
		{ "ws_connect_sent_total", METRICS_COUNTER, "Messages of the input that were sent",
		  &s->totals.sent },
		{ "ws_connect_rejected_total", METRICS_COUNTER, "Lines of the input that were no messages",
		  &s->input.rejected },
		{ "ws_connect_dropped_total", METRICS_COUNTER, "Messages that a full queue lost",
		  &s->dropped },
		{ 0 },
	};

	s->totals.sent = wire_count(s->wire);
	metrics_table(b, m);
}

/* What was not done of what was asked for, told; and the exit code. */
static int
result(struct session *s)
{
	uint64_t unsent = s->queue.count + s->dropped;
	bool unread = s->exit_code == EXIT_DONE && !s->leaving && input_waits(&s->input);

	if (unsent)
		msg_warn("%llu message%s not sent", (unsigned long long)unsent,
		    unsent == 1 ? " was" : "s were");
	if (unread)
		msg_warn("standard input was not read to its end");
	if (s->exit_code == EXIT_DONE && (unsent || unread || s->input.rejected || s->output.skipped))
		return EXIT_PARTIAL;
	return s->exit_code;
}

static void
session_free(struct session *s)
{
	link_end(&s->link, NULL);
	opening_end(&s->opening);
	wire_free(s->wire);
	outq_free(&s->queue);
	token_free(&s->token);
	prelude_free(&s->prelude);
	input_free(&s->input);
	output_free(&s->output);
	dial_context_free(s->tls);
}

int
session_run(const struct options *o)
{
	struct session s = { .o = o, .retry = -1, .link.net.fd = -1, .opening.net.fd = -1 };
	int code;

	s.backoff = (struct backoff){ .min_ms = o->delay_min, .max_ms = o->delay_max,
		.jitter = (unsigned)o->jitter };
	s.now = s.last_in = clock_ms();
	s.total_end = o->timeout ? s.now + o->timeout : -1;
	if (url_secure(&o->url)) {
		struct buf why = { 0 };

		s.tls = dial_context(&(struct dial_tls){ .cacert = o->cacert, .cert = o->cert,
			.key = o->key, .insecure = o->insecure }, &why);
		if (!s.tls)
			msg_die(EXIT_USAGE, "%s", buf_cstr(&why));
	}
	if (prelude_load(&s.prelude, o))
		msg_die(EXIT_USAGE, "--on-open %s: %s", o->on_open, strerror(errno));
	sig_init(o->drain);
	input_init(&s.input, o);
	output_init(&s.output, o);
	token_init(&s.token, o);
	s.wire = wire_new((size_t)o->max_message,
	    (struct wire_events){ .ctx = &s, .message = on_message, .pong = on_pong });
	metrics_file_init(&s.metrics, o->metrics, put_metrics, &s);
	begin_attempt(&s);
	while (s.phase != PHASE_ENDED) {
		step(&s);
		if (s.phase != PHASE_ENDED)
			wait_events(&s);
	}
	code = result(&s);
	metrics_file_finish(&s.metrics);
	output_finish(&s.output);
	session_free(&s);
	return code;
}
