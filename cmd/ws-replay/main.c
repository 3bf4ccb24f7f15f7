/* ws-replay - write a recording out again at its own pace. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"
#include "io.h"
#include "metrics.h"
#include "msg.h"
#include "now.h"
#include "num.h"
#include "opt.h"
#include "out.h"
#include "pace.h"
#include "rec.h"
#include "sig.h"
#include "source.h"

enum {
	FILES_MAX = 256,
	REPORTS_MAX = 20, /* reports of one kind; from then on they are only counted */
	SECOND = 1000000000,
};

/* A point of the recording: a time, or so much behind its first line. */
struct point {
	bool set, relative;
	int64_t us;
};

static struct {
	double speed;
	bool restamp;
	int64_t loop; /* rounds; 0: without end */
	int64_t count, duration, drain, pause, max_gap, disorder, max_line;
	struct point from, to;
	const char *metrics_file;
} opts = {
	.speed = 1, .loop = 1, .drain = 5000, .disorder = 1000, .max_line = LINE_MAX_DEFAULT,
};

static struct source sources[FILES_MAX];
static bool at_head[FILES_MAX]; /* the source has a line at its head */
static int nsources;
static struct pace pace;
static struct out out;
static uint64_t written, bad, untimed, backwards;
static int64_t end_at = INT64_MAX, latest_late;
static struct metrics_file metrics;
static bool first_round = true;

/* --- options --- */

static const char *
set_speed(const struct opt *opt, const char *value)
{
	const char *unit;
	double v;

	(void)opt;
	if (strcmp(value, "max") == 0) {
		opts.speed = 0;
		return NULL;
	}
	unit = num_decimal(value, &v);
	if (!unit || (*unit && strcmp(unit, "x") != 0) || v < 0.001 || v > 1e6)
		return "not a factor such as 2x or 0.5x (0.001 to 1000000), or max";
	opts.speed = v;
	return NULL;
}

static const char *
set_loop(const struct opt *opt, const char *value)
{
	(void)opt;
	opts.loop = 0;
	if (value && (num_int(value, &opts.loop) || opts.loop < 1 || opts.loop > INT32_MAX))
		return "not a number of rounds";
	return NULL;
}

static const char *
set_point(const struct opt *opt, const char *value)
{
	struct point *p = opt->var;
	struct timespec t;
	int64_t ms;

	p->set = true;
	if (num_duration(value, &ms) == 0) {
		p->relative = true;
		p->us = ms * 1000;
	} else if (rec_time(slice_str(value), &t) == 0) {
		p->relative = false;
		p->us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
	} else {
		return "neither a time such as 2026-12-10T10:30:00Z nor a duration such as 90s";
	}
	return NULL;
}

static const struct opt options[] = {
	{ .name = "count", .letter = 'n', .kind = OPT_INT, .var = &opts.count, .arg = "COUNT",
	  .min = 1, .max = INT64_MAX, .help = "end after COUNT lines" },
	{ .name = "disorder", .kind = OPT_DURATION, .var = &opts.disorder, .arg = "TIME",
	  .max = INT64_MAX / SECOND,
	  .help = "a time that runs back further is a clock that was set (1s)" },
	{ .name = "drain", .kind = OPT_DURATION, .var = &opts.drain, .arg = "TIME",
	  .max = INT64_MAX / SECOND, .help = "at the end wait so long for a slow reader (5s)" },
	{ .name = "duration", .letter = 'd', .kind = OPT_DURATION, .var = &opts.duration,
	  .arg = "TIME", .min = 1, .max = INT64_MAX / SECOND, .help = "end after this time" },
	{ .name = "from", .kind = OPT_CALL, .call = set_point, .var = &opts.from, .arg = "TIME",
	  .help = "begin at this time of the recording" },
	{ .name = "loop", .letter = 'l', .kind = OPT_CALL, .call = set_loop, .arg = "N",
	  .flags = OPT_OPTIONAL, .help = "begin again at the end, N rounds in all or for ever" },
	{ .name = "max-gap", .kind = OPT_DURATION, .var = &opts.max_gap, .arg = "TIME",
	  .min = 1, .max = INT64_MAX / SECOND, .help = "cut longer silences to this" },
	{ .name = "max-line", .kind = OPT_SIZE, .var = &opts.max_line, .arg = "SIZE",
	  .min = 64, .max = 1 << 30, .help = "longest line (16M)" },
	{ .name = "metrics-file", .kind = OPT_STRING, .var = &opts.metrics_file, .arg = "FILE",
	  .help = "write counters there every 10 s, as Prometheus text" },
	{ .name = "pause", .kind = OPT_DURATION, .var = &opts.pause, .arg = "TIME",
	  .max = INT64_MAX / SECOND, .help = "between two rounds of --loop wait so long (0)" },
	{ .name = "restamp", .kind = OPT_FLAG, .var = &opts.restamp,
	  .help = "put the present time into the lines" },
	{ .name = "speed", .letter = 's', .kind = OPT_CALL, .call = set_speed, .arg = "FACTOR",
	  .help = "2x is twice as fast; max: do not wait (1x)" },
	{ .name = "to", .kind = OPT_CALL, .call = set_point, .var = &opts.to, .arg = "TIME",
	  .help = "end before this time of the recording" },
	{ 0 },
};

/* --- reports --- */

/* What is odd about a line, told in the first round only. */
static void
report_line(const struct source *s)
{
	if (!first_round)
		return;
	if (!s->stamp.n) {
		if (++untimed <= REPORTS_MAX)
			msg_warn("%s:%" PRIu64 ": no time, written at once", s->name, s->in.number);
	} else if (s->back) {
		if (++backwards <= REPORTS_MAX)
			msg_warn("%s:%" PRIu64 ": time runs back by %.6f s%s", s->name, s->in.number,
			    (double)s->back / 1e6,
			    s->back > opts.disorder * 1000 ? ", the clock was set" : "");
	}
}

static void
report_end(void)
{
	if (untimed > REPORTS_MAX)
		msg_warn("%" PRIu64 " lines without time", untimed);
	if (backwards > REPORTS_MAX)
		msg_warn("%" PRIu64 " times ran back", backwards);
	msg_info("%" PRIu64 " lines written, at most %.3f ms late", written,
	    (double)latest_late / 1e6);
}

static const struct metric counters[] = {
	{ "ws_replay_lines_total", METRICS_COUNTER, "Lines written", &written },
	{ "ws_replay_bad_lines_total", METRICS_COUNTER, "Lines skipped", &bad },
	{ "ws_replay_untimed_lines_total", METRICS_COUNTER, "Lines without a time", &untimed },
	{ "ws_replay_backwards_total", METRICS_COUNTER, "Times that ran back", &backwards },
	{ 0 },
};

static void
render_metrics(struct buf *b, void *ctx)
{
	(void)ctx;
	metrics_value(b, "ws_replay_late_max_seconds", METRICS_GAUGE,
	    "How late the latest line was written", (double)latest_late / SECOND);
}

/* --- the end --- */

static void
flush(void)
{
	if (out_flush(&out) && !sig_drained())
		out_die(&out, "standard output");
}

static _Noreturn void
finish(void)
{
	flush();
	if (out_pending(&out))
		msg_warn("the reader did not take the last %zu bytes in time", out_pending(&out));
	report_end();
	metrics_file_finish(&metrics);
	exit(bad ? EXIT_PARTIAL : EXIT_DONE);
}

/* --- waiting --- */

/* Wait until `deadline`, or until fd (-1: none) can be read. Ends the program when that
 * is asked for, when the time is over, or when nobody reads the output any more. */
static void
wait_until(int64_t deadline, int fd)
{
	for (;;) {
		bool skip_tty = fd >= 0 && io_background_tty(fd);
		struct pollfd p[3] = {
			{ .fd = skip_tty ? -1 : fd, .events = POLLIN },
			{ .fd = out.fd },
			{ .fd = sig_fd(), .events = POLLIN },
		};
		int64_t until = deadline < end_at ? deadline : end_at, now = now_ns(), left;

		metrics_file_tick(&metrics);
		if (sig_stopping() || now >= end_at)
			finish();
		if (now >= deadline)
			return;
		left = until - now;
		/* Look at the terminal again each second: we may come to the foreground. */
		if (skip_tty && left > SECOND)
			left = SECOND;
		if (opts.metrics_file && left > metrics_file_wait(&metrics) * (SECOND / 1000LL))
			left = metrics_file_wait(&metrics) * (SECOND / 1000LL);
		struct timespec t = { left / SECOND, left % SECOND };

		if (ppoll(p, 3, &t, NULL) < 0 && errno != EINTR)
			msg_die(EXIT_HOST, "cannot poll: %s", strerror(errno));
		if (p[1].revents & (POLLERR | POLLHUP))
			out_sigpipe();
		if (p[2].revents & POLLIN)
			sig_clear();
		if (p[0].revents)
			return;
	}
}

/* --- lines --- */

/* Bring the next line of source i to its head. */
static void
advance(int i)
{
	struct source *s = &sources[i];

	for (;;) {
		switch (source_next(s, opts.disorder * 1000)) {
		case SOURCE_LINE:
			at_head[i] = true;
			return;
		case SOURCE_END:
			at_head[i] = false;
			return;
		case SOURCE_BAD:
			if (first_round) {
				bad++;
				msg_warn("%s:%" PRIu64 ": %s, skipped", s->name, s->in.number, s->why);
			}
			break;
		case SOURCE_WAIT:
			if (!s->regular) {
				flush();
				wait_until(INT64_MAX, s->in.fd);
			}
			if (source_fill(s) && errno != EINTR && errno != EAGAIN)
				msg_die(EXIT_HOST, "cannot read %s: %s", s->name, strerror(errno));
			break;
		}
	}
}

/* The source whose head is due first, of equal ones the first; -1 when all have ended.
 * A line without any time before it is due at once. */
static int
earliest(void)
{
	int best = -1;

	for (int i = 0; i < nsources; i++) {
		if (!at_head[i])
			continue;
		if (!sources[i].timed)
			return i;
		if (best < 0 || sources[i].due < sources[best].due)
			best = i;
	}
	return best;
}

static void
write_line(const struct source *s)
{
	struct slice l = s->line;
	struct timespec now;

	if (opts.restamp && s->stamp.n) {
		size_t before = (size_t)(s->stamp.p - l.p) - 1;

		clock_gettime(CLOCK_REALTIME, &now);
		buf_add(&out.b, l.p, before);
		rec_put_time(&out.b, now);
		l = slice_from(l, before + s->stamp.n + 2);
	}
	buf_slice(&out.b, l);
	if (out_line(&out) && !sig_drained())
		out_die(&out, "standard output");
	written++;
	if (opts.count && written == (uint64_t)opts.count)
		finish();
}

enum where { BEFORE, INSIDE, BEHIND };

static enum where
place(const struct source *s, int64_t origin)
{
	int64_t from = opts.from.us + (opts.from.relative ? origin : 0);
	int64_t to = opts.to.us + (opts.to.relative ? origin : 0);

	if (opts.from.set && (!s->timed || s->time < from))
		return BEFORE;
	return opts.to.set && s->timed && s->time >= to ? BEHIND : INSIDE;
}

/* One line, at its time. */
static void
replay_line(struct source *s)
{
	if (s->timed) {
		int64_t deadline, late;

		/* Time begins with the first line, however long it took to come. */
		if (first_round && !pace.begun)
			pace_begin(&pace, now_ns());
		deadline = pace_deadline(&pace, s->due);
		if (now_ns() < deadline) {
			flush();
			wait_until(deadline, -1);
		}
		late = now_ns() - deadline;
		if (opts.speed > 0 && late > latest_late)
			latest_late = late;
	}
	if (sig_stopping() || now_ns() >= end_at)
		finish();
	metrics_file_tick(&metrics);
	report_line(s);
	write_line(s);
}

/* All sources once. */
static void
replay_round(void)
{
	bool have_origin = false;
	int64_t origin = 0;
	int i;

	for (i = 0; i < nsources; i++)
		advance(i);
	while ((i = earliest()) >= 0) {
		struct source *s = &sources[i];

		if (s->timed && !have_origin) {
			have_origin = true;
			origin = s->time;
		}
		switch (place(s, origin)) {
		case BEFORE:
			break;
		case INSIDE:
			replay_line(s);
			break;
		case BEHIND:
			/* What is out of order may still belong here; beyond that, nothing does. */
			if (s->time - opts.disorder * 1000 >=
			    opts.to.us + (opts.to.relative ? origin : 0)) {
				at_head[i] = false;
				continue;
			}
			break;
		}
		advance(i);
	}
}

static void
rewind_sources(void)
{
	for (int i = 0; i < nsources; i++)
		if (source_rewind(&sources[i]))
			msg_die(EXIT_HOST, "cannot read %s again: %s", sources[i].name,
			    strerror(errno));
}

static void
open_sources(int n, char **files)
{
	static char *only_stdin[] = { "-" };

	if (n == 0) {
		n = 1;
		files = only_stdin;
	}
	if (n > FILES_MAX)
		opt_fail("more than %d files", FILES_MAX);
	for (int i = 0; i < n; i++) {
		struct source *s = &sources[nsources++];

		for (int k = 0; k < i; k++)
			if (!strcmp(files[i], "-") && !strcmp(files[k], "-"))
				opt_fail("standard input is named twice");
		if (source_open(s, files[i], (size_t)opts.max_line))
			msg_die(EXIT_HOST, "cannot open %s: %s", s->name, strerror(errno));
		if (opts.loop != 1 && !s->regular)
			opt_fail("--loop needs files that can be read twice: %s", s->name);
	}
}

/* The next round begins with the deadline of the last line, so that rounds do not drift
 * either. */
static void
begin_next_round(void)
{
	bool paced = pace.begun && opts.speed > 0;
	int64_t start = (paced ? pace.deadline : now_ns()) + opts.pause * (SECOND / 1000);

	pace_begin(&pace, start);
	if (opts.pause) {
		flush();
		wait_until(start, -1);
	}
}

int
main(int argc, char **argv)
{
	static const struct opt_table table = { "ws-replay", "[options] [FILE...]",
		"Writes a recording out again at its own pace.", options };
	int n = opt_parse(&table, argc, argv);
	int64_t rounds = opts.loop;

	if (opts.from.set && opts.to.set && opts.from.relative == opts.to.relative &&
	    opts.from.us >= opts.to.us)
		opt_fail("--from is not before --to");
	open_sources(n, argv);
	out_init(&out, STDOUT_FILENO);
	sig_init(opts.drain);
	/* The kernel may let a sleeper oversleep by this much; by default it is 50 us. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	pace = (struct pace){ .speed = opts.speed, .max_gap = opts.max_gap * 1000 };
	metrics_file_init(&metrics, opts.metrics_file, counters, render_metrics, NULL);
	if (opts.duration)
		end_at = now_ns() + opts.duration * (SECOND / 1000);
	for (;;) {
		uint64_t before = written;

		replay_round();
		/* A round without a line would turn for ever in vain. */
		if (--rounds == 0 || written == before)
			break;
		first_round = false;
		rewind_sources();
		begin_next_round();
	}
	finish();
}
