#include "session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "exit.h"
#include "io.h"
#include "msg.h"
#include "now.h"
#include "sig.h"

enum {
	TTY_LOOK_MS = 1000, /* how often a terminal in the background is looked at */
};

/* --- what libwebsockets tells --- */

static void
on_message(void *ctx, struct slice body, bool binary)
{
	struct session *s = ctx;

	s->received++;
	s->totals.received++;
	s->active = s->last_in = s->now;
	session_settled(s);
	if (session_incomplete(s) || !s->o->count)
		output_message(&s->output, body, binary);
}

static void
on_pong(void *ctx, struct slice payload)
{
	struct session *s = ctx;

	(void)payload;
	if (s->ping_sent)
		session_inform(s, "pong after %.1f ms", (double)(now_us() - s->ping_sent) / 1000);
	s->ping_sent = 0;
}

/* --- the times --- */

static int64_t
idle_end(const struct session *s)
{
	return s->o->idle_timeout ? s->last_in + s->o->idle_timeout : -1;
}

static int64_t
linger_end(const struct session *s)
{
	if (s->o->linger < 0 || s->phase != PHASE_OPEN || !feed_done(s))
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
	if (s->leaving) {
		if (due(s, s->leave_end))
			session_finish(s, s->exit_code);
		return;
	}
	if (due(s, s->total_end)) {
		msg_error("--timeout has run out");
		session_leave(s, EXIT_TIMEOUT, true);
	} else if (due(s, idle_end(s))) {
		bool failed = s->o->count || s->phase != PHASE_OPEN;

		if (failed)
			msg_error("--idle-timeout has run out");
		session_leave(s, failed ? EXIT_TIMEOUT : EXIT_DONE, true);
	} else if (due(s, linger_end(s))) {
		if (session_incomplete(s))
			msg_error("--linger has run out");
		session_leave(s, session_incomplete(s) ? EXIT_TIMEOUT : EXIT_DONE, false);
	} else if (s->close_asked && (s->phase == PHASE_OPEN || s->tty)) {
		session_leave_with(s, EXIT_DONE, &s->close);
	} else if (due(s, s->attempt_end) && s->phase == PHASE_OPENING) {
		opening_fail(&s->opening, OPENING_RETRY, "timed out");
		session_step(s);
	} else if (due(s, s->attempt_end) && s->phase == PHASE_TOKEN) {
		session_attempt_failed(s, "the token command takes too long");
	} else if (due(s, s->retry) && s->phase == PHASE_WAIT) {
		session_attempt(s);
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
	if (isatty(STDIN_FILENO) && !s->input.ended) {
		s->input.ended = true;
		tty_free(s->tty);
		s->tty = s->output.tty = NULL;
	}
	if (sig_drained())
		session_finish(s, EXIT_DONE);
}

/* After a signal: the end, as soon as all input has been sent. */
static void
stop_when_done(struct session *s)
{
	if (s->phase == PHASE_ENDED || s->leaving || !sig_stopping() || !feed_done(s))
		return;
	session_leave(s, EXIT_DONE, false);
	session_step(s);
}

/* Milliseconds until the first of the times, for poll. */
static int
poll_ms(const struct session *s, bool background)
{
	int metrics_ms = metrics_file_wait(&s->metrics);
	int64_t first = -1, times[] = {
		s->leaving ? s->leave_end : s->total_end,
		s->leaving ? -1 : idle_end(s), s->leaving ? -1 : linger_end(s),
		s->phase == PHASE_WAIT ? s->retry : -1,
		s->phase == PHASE_OPENING || s->phase == PHASE_TOKEN ? s->attempt_end : -1,
		s->phase == PHASE_OPENING && s->opening.next_ms ? s->opening.next_ms : -1,
		s->phase == PHASE_TOKEN && s->token.command.out < 0 ? s->now + TOKEN_POLL_MS : -1,
		s->phase == PHASE_OPEN ? link_due(&s->link) : -1,
		background ? s->now + TTY_LOOK_MS : -1,
		metrics_ms < 0 ? -1 : s->now + metrics_ms };

	if (s->phase == PHASE_OPEN && link_busy(&s->link, session_paused(s)))
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
	bool wants = feed_wanted(s), foreground = !wants || !io_background_tty(STDIN_FILENO);
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
			.events = link_events(&s->link, session_paused(s)) };
	if (poll(p, 4, poll_ms(s, wants && !foreground)) < 0 && errno != EINTR)
		msg_die(EXIT_HOST, "cannot poll: %s", strerror(errno));
	s->now = now_ms();
	if (s->tty)
		tty_signals(s->tty);
	if (p[0].revents)
		sig_clear();
	if (p[1].revents)
		feed_read(s);
	if (p[2].revents & (POLLERR | POLLHUP) && !(p[2].revents & POLLOUT))
		out_sigpipe();
}

static void
step(struct session *s)
{
	check_signals(s);
	if (s->phase != PHASE_ENDED)
		feed_take(s);
	if (s->phase != PHASE_ENDED)
		check_times(s);
	session_step(s);
	stop_when_done(s);
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
	tty_free(s->tty);
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
	s.now = s.last_in = now_ms();
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
	if (!o->records && !o->raw && !o->json_seq && tty_possible())
		s.tty = s.output.tty = tty_new();
	token_init(&s.token, o);
	s.wire = wire_new((size_t)o->max_message,
	    (struct wire_events){ .ctx = &s, .message = on_message, .pong = on_pong });
	metrics_file_init(&s.metrics, o->metrics, NULL, put_metrics, &s);
	session_attempt(&s);
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
