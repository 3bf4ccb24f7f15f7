/* ws-bench - load for WebSocket servers, and what they make of it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config.h"
#include "exit.h"
#include "find.h"
#include "io.h"
#include "js.h"
#include "mem.h"
#include "msg.h"
#include "out.h"
#include "rec.h"
#include "report.h"
#include "run.h"
#include "sig.h"

enum { SPARE_FILES = 16 }; /* descriptors besides those of the connections */

static struct bench_options opts;
static struct verdicts verdicts;
static struct net net;
static SSL_CTX *tls;
static struct out out;
static bool progress_shown;

static void
end_line(void)
{
	if (out_line(&out) || out_flush(&out))
		out_die(&out, "standard output");
}

/* --- the line on the terminal --- */

/* The one thing beside messages that goes to stderr, and only to a terminal. */
static void
terminal(struct slice text)
{
	/* A terminal that went away is no reason to end the run. */
	if (io_write_all(STDERR_FILENO, text.p, text.n))
		progress_shown = false;
}

static void
show_progress(const struct run *r)
{
	struct winsize w = { 0 };
	struct buf b = { 0 };

	ioctl(STDERR_FILENO, TIOCGWINSZ, &w);
	buf_str(&b, "\r");
	report_progress(&b, r, w.ws_col > 1 ? w.ws_col - 1u : 79);
	buf_str(&b, "\033[K");
	progress_shown = true;
	terminal(buf_view(&b));
	buf_free(&b);
}

static void
clear_progress(void)
{
	if (progress_shown)
		terminal(S("\r\033[K"));
	progress_shown = false;
}

static void
write_interval(const struct run *r, double seconds)
{
	report_interval(&out.b, r, seconds);
	end_line();
}

static const struct run_hooks *
hooks(void)
{
	static struct run_hooks h = { .interval = write_interval };

	if (isatty(STDERR_FILENO) && msg_shown(MSG_WARNING) && !io_background_tty(STDERR_FILENO))
		h.progress = show_progress;
	return &h;
}

/* --- one run --- */

/* Run it and judge it. */
static bool
run_and_judge(struct run *r)
{
	bool met = true, known;
	double value;

	if (run_bench(r, &opts.config, &net, tls, hooks()))
		msg_die(EXIT_HOST, "cannot begin: %s", strerror(errno));
	clear_progress();
	for (int i = 0; i < verdicts.n; i++)
		met = require_met(&verdicts.v[i], &r->stats, &value, &known) && met;
	return met;
}

static int
bench_once(void)
{
	struct run r;
	bool met = run_and_judge(&r);
	int code = !met ? EXIT_NO : r.stats.skipped ? EXIT_PARTIAL : EXIT_DONE;

	if (opts.config.json || opts.config.every) {
		report_json(&out.b, &opts.config, &r.stats, &verdicts);
		end_line();
	} else {
		report_text(&out.b, &opts.config, &r.stats, &verdicts);
		if (out_flush(&out))
			out_die(&out, "standard output");
	}
	if (!r.stats.ready_once && r.stats.nkinds) {
		msg_error("no connection could be set up: %s", r.stats.kinds[0].name);
		code = r.stats.refused ? EXIT_REFUSED : EXIT_NETWORK;
	}
	run_free(&r);
	return code;
}

/* --- searching --- */

static const char *
unit(void)
{
	return opts.find == FIND_RATE ? "messages/s" : "connections";
}

/* A run counts only if the load was really put on: otherwise the client, or the sockets,
 * were at their limit. */
static bool
load_was_real(const struct stats *s)
{
	if (opts.find == FIND_CONNECTIONS && (s->all.failed || s->all.dropped))
		return false;
	return s->all.unsent * 100 <= s->all.sent;
}

static void
report_trial(const struct stats *s, double load, bool met, bool real)
{
	if (opts.config.json) {
		buf_byte(&out.b, '{');
		js_put_member(&out.b, "event", S("trial"));
		rec_put_now(&out.b);
		js_put_key(&out.b, opts.find == FIND_RATE ? "rate" : "connections");
		buf_fmt(&out.b, "%.6g", load);
		js_put_member_raw(&out.b, "met", met ? S("true") : S("false"));
		js_put_key(&out.b, "report");
		report_json(&out.b, &opts.config, s, &verdicts);
		buf_byte(&out.b, '}');
		end_line();
		return;
	}
	buf_fmt(&out.b, "%-8s %12.6g %s ", met ? "met" : "not met", load, unit());
	for (int i = 0; i < verdicts.n; i++) {
		double value;
		bool known;

		require_met(&verdicts.v[i], s, &value, &known);
		buf_str(&out.b, i ? ", " : " ");
		report_number(&out.b, &verdicts.v[i], value, known);
	}
	if (!real)
		buf_fmt(&out.b, ", %" PRIu64 " failed, %" PRIu64 " dropped, %" PRIu64 " not sent",
		    s->all.failed, s->all.dropped, s->all.unsent);
	end_line();
}

static enum trial
try_load(void *ctx, double load)
{
	struct run r;
	bool met, real;

	(void)ctx;
	if (opts.find == FIND_RATE)
		opts.config.rate = load;
	else
		config_resize(&opts.config, (int64_t)load);
	met = run_and_judge(&r);
	real = load_was_real(&r.stats);
	if (sig_stopping()) {
		run_free(&r);
		return TRIAL_STOP;
	}
	report_trial(&r.stats, load, met && real, real);
	run_free(&r);
	return met && real ? TRIAL_MET : TRIAL_NOT_MET;
}

static int
search(int64_t most_connections)
{
	bool rate = opts.find == FIND_RATE;
	struct find_range range = {
		.start = rate ? opts.config.rate : (double)opts.config.connections,
		.least = rate ? 0.1 : (double)(opts.config.slow + opts.config.rooms),
		.most = rate ? 1e9 : (double)most_connections, .whole = !rate,
	};
	double best = find_max(&range, try_load, NULL);

	if (opts.config.json) {
		buf_byte(&out.b, '{');
		js_put_member(&out.b, "event", S("found"));
		rec_put_now(&out.b);
		js_put_key(&out.b, rate ? "max_rate" : "max_connections");
		buf_fmt(&out.b, "%.6g", best);
		buf_byte(&out.b, '}');
	} else if (best > 0) {
		buf_fmt(&out.b, "at most %.6g %s meet what is required", best, unit());
	} else {
		buf_str(&out.b, "no load meets what is required");
	}
	end_line();
	return best > 0 ? EXIT_DONE : EXIT_NO;
}

/* --- main --- */

static void
parse_requirements(void)
{
	const struct opt_list *l = &opts.require;

	verdicts = (struct verdicts){ mem_zero((size_t)l->n, sizeof(*verdicts.v)), l->n };
	for (int i = 0; i < l->n; i++) {
		const char *why = require_parse(l->v[i], &verdicts.v[i]);

		if (why)
			opt_fail("--require: %s: %s", why, l->v[i]);
	}
}

static void
prepare_network(void)
{
	const struct config *o = &opts.config;
	struct dial_tls t = { .cacert = o->cacert, .cert = o->cert, .key = o->key,
		.insecure = o->insecure };
	struct buf reason = { 0 };
	const char *why;

	if (net_resolve(&net, &o->url, &why))
		msg_die(EXIT_NETWORK, "cannot find %s: %s", o->url.host, why);
	if (o->source && (why = net_add_sources(&net, o->source)))
		opt_fail("--source: %s: %s", why, o->source);
	if (url_secure(&o->url) && !(tls = dial_context(&t, &reason)))
		msg_die(EXIT_USAGE, "cannot set up TLS: %s", buf_cstr(&reason));
}

int
main(int argc, char **argv)
{
	int64_t files;

	options_parse(&opts, argc, argv);
	parse_requirements();
	out_init(&out, STDOUT_FILENO);
	sig_init(0);
	/* A peer that is gone is an error of its connection; OpenSSL writes without
	 * MSG_NOSIGNAL. out_die raises it where it is meant. */
	signal(SIGPIPE, SIG_IGN);
	files = io_want_files((long)opts.config.connections + SPARE_FILES) - SPARE_FILES;
	if (opts.config.connections > files)
		msg_die(EXIT_HOST, "%" PRId64 " connections need more open files than %" PRId64
		    " (ulimit -n)", opts.config.connections, files + SPARE_FILES);
	prepare_network();
	if (opts.find)
		return search(files < CONNECTIONS_MAX ? files : CONNECTIONS_MAX);
	return bench_once();
}
