/* ws-route - a jq program for each pattern of events, as awk has one for each pattern of
 * lines. */
#include <errno.h>
#include <jv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counts.h"
#include "exit.h"
#include "filter.h"
#include "fixture.h"
#include "io.h"
#include "jqval.h"
#include "jqx.h"
#include "mem.h"
#include "msg.h"
#include "opt.h"
#include "pass.h"
#include "router.h"
#include "routes.h"
#include "sig.h"
#include "watch.h"

enum { SLURP_SIZE = 256 << 20 }; /* longest file of --slurpfile, bytes */

static struct {
	const char *routes; /* NULL: from -m and -x */
	struct opt_list library;
	const char *test, *metrics_file;
	bool check, watch, colour;
	int64_t drain, max_line, max_memory, max_ms, max_output;
} opts = {
	.drain = 5000, .max_line = LINE_MAX_DEFAULT, .max_memory = 1ll << 30, .max_ms = 1000,
	.max_output = 64 << 20,
};

static struct filter filter;
static struct watch watch;
static struct pass pass = {
	.dead.name = "dead-letter", .unmatched.name = "unmatched",
};
static jv args;           /* $names of the programs */
static struct buf inlined; /* a routes file made of -m and -x */
static bool pattern_waits; /* a -m that no -x has followed yet */

/* --- options --- */

static const char *
add_pattern(const struct opt *opt, const char *value)
{
	(void)opt;
	js_put_string(&inlined, slice_str(value));
	buf_byte(&inlined, '\n');
	pattern_waits = true;
	return NULL;
}

static const char *
add_program(const struct opt *opt, const char *value)
{
	struct slice rest = slice_str(value);

	(void)opt;
	if (!pattern_waits)
		return "needs a pattern, -m, before it";
	do {
		struct slice line = slice_cut(&rest, '\n');

		buf_byte(&inlined, '\t');
		buf_slice(&inlined, line);
		buf_byte(&inlined, '\n');
	} while (rest.n);
	pattern_waits = false;
	return NULL;
}

/* The names that a program can ask for. */
static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] == '_' || (s.p[i] >= 'a' && s.p[i] <= 'z') ||
		    (s.p[i] >= 'A' && s.p[i] <= 'Z') || (i && s.p[i] >= '0' && s.p[i] <= '9')))
			return false;
	return s.n > 0;
}

/* "NAME=VALUE"; returns VALUE. NULL: what stands before it is no name. */
static const char *
split_pair(const char *pair, jv *name)
{
	struct slice rest = slice_str(pair), n = slice_cut(&rest, '=');

	if (!is_name(n))
		return NULL;
	*name = jv_string_sized(n.p, (int)n.n);
	return pair + n.n + 1;
}

static const char not_a_name[] = "not a name and a value";

static const char *
add_arg(const struct opt *opt, const char *value)
{
	jv name;
	const char *text = split_pair(value, &name);

	(void)opt;
	if (!text)
		return not_a_name;
	args = jv_object_set(args, name, jv_string(text));
	return NULL;
}

static const char *
add_argjson(const struct opt *opt, const char *value)
{
	jv name;
	const char *text = split_pair(value, &name);

	(void)opt;
	if (!text)
		return not_a_name;
	if (!js_valid(slice_str(text), NULL)) {
		jv_free(name);
		return "not JSON";
	}
	args = jv_object_set(args, name, jqval_constant(slice_str(text)));
	return NULL;
}

/* The JSON values of a file, as an array. */
static const char *
add_slurpfile(const struct opt *opt, const char *value)
{
	const char *why = NULL;
	struct buf b = { 0 };
	struct slice rest, v;
	jv name, list = jv_array();
	const char *path = split_pair(value, &name);

	(void)opt;
	if (!path)
		why = not_a_name;
	else if (io_read_file(path, SLURP_SIZE, &b))
		why = strerror(errno);
	for (rest = slice_trim(buf_view(&b)); rest.n && !why;) {
		size_t n = js_first(rest, &v, NULL);

		if (n)
			list = jv_array_append(list, jqval_constant(v));
		else
			why = "not JSON";
		rest = slice_from(rest, n);
	}
	if (why)
		jv_free(list);
	else
		args = jv_object_set(args, jv_copy(name), list);
	if (path)
		jv_free(name);
	buf_free(&b);
	return why;
}

static const struct opt options[] = {
	{ .name = "arg", .kind = OPT_CALL, .call = add_arg, .arg = "NAME VALUE",
	  .flags = OPT_ORDERED | OPT_PAIR, .help = "$NAME is the string VALUE in all programs" },
	{ .name = "argjson", .kind = OPT_CALL, .call = add_argjson, .arg = "NAME JSON",
	  .flags = OPT_ORDERED | OPT_PAIR, .help = "$NAME is the value JSON in all programs" },
	{ .name = "check", .kind = OPT_FLAG, .var = &opts.check,
	  .help = "compile the routes, show all mistakes, and exit" },
	{ .name = "dead-letter", .kind = OPT_STRING, .var = &pass.dead.path, .arg = "FILE",
	  .help = "append what was rejected to FILE, with the reason" },
	{ .name = "drain", .kind = OPT_DURATION, .var = &opts.drain, .arg = "TIME", .max = 86400000,
	  .help = "read on for so long after a signal to end; 0: without limit (5s)" },
	{ .name = "explain", .kind = OPT_FLAG, .var = &pass.explain,
	  .help = "say on stderr which routes take which line" },
	{ .name = "library-path", .letter = 'L', .kind = OPT_CALL, .call = opt_append,
	  .var = &opts.library, .arg = "DIR", .flags = OPT_ORDERED,
	  .help = "look for modules in DIR (repeatable)" },
	{ .name = "match", .letter = 'm', .kind = OPT_CALL, .call = add_pattern, .arg = "PATTERN",
	  .flags = OPT_ORDERED, .help = "a pattern for the -x that follows, without a routes file" },
	{ .name = "max-line", .kind = OPT_SIZE, .var = &opts.max_line, .arg = "SIZE", .min = 64,
	  .max = 1 << 30, .help = "longest line, read or written (16M)" },
	{ .name = "max-memory", .kind = OPT_SIZE, .var = &opts.max_memory, .arg = "SIZE",
	  .min = 0, .max = INT64_MAX, .help = "memory of the process; 0: no limit (1G)" },
	{ .name = "max-ms", .kind = OPT_INT, .var = &opts.max_ms, .arg = "N", .max = 3600000,
	  .help = "processor time of one program for one event, in ms; 0: no limit (1000)" },
	{ .name = "max-output", .kind = OPT_SIZE, .var = &opts.max_output, .arg = "SIZE", .min = 64,
	  .max = 1 << 30, .help = "most output of one event (64M)" },
	{ .name = "metrics-file", .kind = OPT_STRING, .var = &opts.metrics_file, .arg = "FILE",
	  .help = "write counters there every 10 s, as Prometheus text" },
	{ .name = "program", .letter = 'x', .kind = OPT_CALL, .call = add_program, .arg = "PROGRAM",
	  .flags = OPT_ORDERED, .help = "the jq program for the -m before it" },
	{ .name = "slurpfile", .kind = OPT_CALL, .call = add_slurpfile, .arg = "NAME FILE",
	  .flags = OPT_ORDERED | OPT_PAIR, .help = "$NAME is the array of the JSON values in FILE" },
	{ .name = "subject", .kind = OPT_STRING, .var = &pass.subject, .arg = "PATH",
	  .help = "match the member at PATH (key, else channel, else event)" },
	{ .name = "test", .kind = OPT_STRING, .var = &opts.test, .arg = "DIR|FILE",
	  .help = "run the tests in FILE, or in the *.test files of DIR, and exit" },
	{ .name = "unmatched", .kind = OPT_STRING, .var = &pass.unmatched.path, .arg = "FILE",
	  .help = "append events that no route takes to FILE" },
	{ .name = "watch", .kind = OPT_FLAG, .var = &opts.watch,
	  .help = "load ROUTES again whenever it changes" },
	{ 0 },
};

static const struct opt_table table = {
	.program = "ws-route",
	.synopsis = "[options] ROUTES | -m PATTERN -x PROGRAM...",
	.about = "Run a jq program for each pattern that an event's subject fits.",
	.options = options,
};

/* --- routes --- */

static struct router *
load(void)
{
	struct router_setup setup = { .args = args, .library = opts.library.v };
	struct buf text = { 0 };

	if (opts.routes && io_read_file(opts.routes, ROUTES_SIZE, &text)) {
		msg_error("cannot read %s: %s", opts.routes, strerror(errno));
		return NULL;
	}
	if (!opts.routes)
		buf_slice(&text, buf_view(&inlined));
	return router_new(opts.routes ? opts.routes : "-x", &text, &setup);
}

/* All lines read before go by the old routes, all behind by the new ones. */
static void
reload(void)
{
	struct router *fresh;

	if (!opts.routes)
		return;
	fresh = load();
	if (!fresh) {
		msg_error("going on with the routes as they were");
		return;
	}
	router_free(pass.router);
	pass.router = fresh;
	msg_info("%s: %zu routes loaded again", opts.routes, router_count(fresh));
}

/* A program that cannot be stopped, or no more memory: what was done before this event is
 * written, then it is over. Also called in a signal handler, while libjq runs. */
static void
stuck(const char *what)
{
	if (pass.route)
		pass.out->b.n = pass.begin;
	side_flush(&pass.dead);
	side_flush(&pass.unmatched);
	if (pass.out)
		out_flush(pass.out);
	if (pass.route)
		msg_error("%s:%u: %s: line %llu: the program %s", router_name(pass.router),
		    pass.route->line, pass.route->patterns, (unsigned long long)pass.number, what);
	else
		msg_error("%s: the program %s", opts.routes ? opts.routes : "-x", what);
	_exit(EXIT_HOST);
}

/* --- main --- */

static void
before_flush(void *ctx)
{
	(void)ctx;
	side_flush(&pass.dead);
	side_flush(&pass.unmatched);
}

static void
set_up(int argc, char **argv)
{
	const char *why;
	int n;

	args = jv_object();
	n = opt_parse(&table, argc, argv);
	if (pattern_waits)
		opt_fail("-m needs a program, -x, behind it");
	if (inlined.n ? n != 0 : n != 1)
		opt_fail(inlined.n ? "both ROUTES and -m" : n ? "more than one ROUTES" : "no ROUTES");
	opts.routes = n ? argv[0] : NULL;
	if (opts.watch && !opts.routes)
		opt_fail("--watch needs ROUTES");
	opts.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	opt_append(&(struct opt){ .var = &opts.library }, NULL); /* the list's end */
	args = jv_object_set(args, jv_string("ARGS"), JV_OBJECT(jv_string("positional"), jv_array(),
	    jv_string("named"), jv_copy(args)));
	if ((why = jqx_init()))
		msg_die(EXIT_HOST, "%s", why);
	pass.max_line = (size_t)opts.max_line;
	pass.max_output = (size_t)opts.max_output;
	/* The other half is for what a program makes of it. */
	pass.max_event = opts.max_memory ? (size_t)opts.max_memory / 2 : SIZE_MAX;
	jqx_limit(opts.max_ms, opts.max_memory, stuck);
}

static void
filter_events(void)
{
	struct slice line;

	for (;;) {
		switch (filter_next(&filter, &line)) {
		case FILTER_LINE:
			pass_line(&pass, line, filter.in.number);
			break;
		case FILTER_TOO_LONG:
			pass_too_long(&pass, filter.in.number, filter.in.max);
			break;
		case FILTER_RELOAD:
			side_reopen(&pass.dead);
			side_reopen(&pass.unmatched);
			reload();
			break;
		case FILTER_REPORT:
			counts_report(&pass);
			break;
		case FILTER_WATCH:
			if (watch_changed(&watch))
				reload();
			break;
		case FILTER_END:
			before_flush(NULL);
			filter_finish(&filter);
			return;
		}
	}
}

static int
test(void)
{
	int failed = fixture_run(opts.test, &pass, opts.colour);

	return failed < 0 ? EXIT_USAGE : failed ? EXIT_NO : EXIT_DONE;
}

/* Before the routes are compiled, which may take a second: from now on signals are heeded. */
static void
open_streams(void)
{
	filter_init(&filter, (size_t)opts.max_line, opts.drain);
	filter.before_flush = before_flush;
	sig_want_report();
	pass.out = &filter.out;
	/* Before the file is read, so that no change is missed. */
	if (!opts.watch)
		return;
	if (watch_init(&watch, opts.routes, opts.library.v))
		msg_die(EXIT_HOST, "cannot watch %s: %s", opts.routes, strerror(errno));
	filter.watch = watch.fd;
}

static int
route(void)
{
	side_open(&pass.dead);
	side_open(&pass.unmatched);
	metrics_file_init(&filter.metrics, opts.metrics_file, NULL, counts_metrics, &pass);
	filter_events();
	return pass.rejected ? EXIT_PARTIAL : EXIT_DONE;
}

int
main(int argc, char **argv)
{
	int status = EXIT_DONE;

	msg_init("ws-route");
	set_up(argc, argv);
	if (!opts.test && !opts.check)
		open_streams();
	pass.router = load();
	if (!pass.router)
		status = EXIT_USAGE;
	else if (opts.test)
		status = test();
	else if (!opts.check)
		status = route();
	router_free(pass.router);
	jv_free(args);
	return status;
}
