#include "jqx.h"

#include <dlfcn.h>
#include <errno.h>
#include <jq.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "jqfun.h"
#include "jqval.h"
#include "js.h"
#include "mem.h"

/* libjq 1.6 takes no functions in C. But it has `debug`, which hands a value to a
 * callback, and `input`, which gets one from another. A function of ours (jqfun.h) is
 * that: hand over its arguments, get the result. */

/* The builtin in C behind libjq 1.6's `input`, which is a function in jq and would cost a
 * call more. Newer ones have `input` in C. */
#define INPUT "_input"
static bool input_in_c;

static const char prelude[] =
	"def __raise: error; "
	/* The number of values handed over tells jqfun_call which one is meant. */
	"def drop_nulls: debug | " INPUT "; "
	"def last_word: debug | debug | " INPUT "; "
	"def now_iso: (null | debug | debug | debug) | " INPUT "; "
	"def word($n): debug | ($n | debug | debug | debug) as $n | " INPUT "; "
	/* What acts on the process or reads beside the event. */
	"def __no(f): \"\\(f) is not available in routes\" | __raise; "
	"def input: __no(\"input\"); def inputs: __no(\"inputs\"); "
	"def debug: __no(\"debug\"); def debug(f): __no(\"debug\"); "
	"def stderr: __no(\"stderr\"); def halt: __no(\"halt\"); "
	"def halt_error: __no(\"halt_error\"); def halt_error(f): __no(\"halt_error\"); "
	"def env: __no(\"env\"); def input_filename: __no(\"input_filename\"); "
	"def input_line_number: __no(\"input_line_number\"); "
	"def get_search_list: __no(\"get_search_list\"); def modulemeta: __no(\"modulemeta\"); "
	/* error(null) would end a program as if it had come to its end. */
	"def error: if . == null then \"null (null) was raised\" else . end | __raise; "
	"def error(f): f | error; "
	/* Runs in each state at start: proves that numbers keep their digits. */
	"def __test: [\"\\(.id)\", \"\\([.])\", (.id | tostring), (.id | @text), tojson, "
	"([.id, 1] | join(\"-\")), {id, copy: .}, \"\\(.same)\", .id == .near, "
	"([.id, .near, .id] | unique | length), (.id | . + 0 | . == 9007199254740992)]; ";

static const char test_in[] = "{\"id\":9007199254740993,\"near\":9007199254740992,\"same\":1e400}";
#define TEST_ID "9007199254740993"
#define TEST_ALL "{\\\"id\\\":9007199254740993,\\\"near\\\":9007199254740992,\\\"same\\\":1e400}"
static const char test_out[] = "[\"" TEST_ID "\",\"[" TEST_ALL "]\",\"" TEST_ID "\",\"" TEST_ID
	"\",\"" TEST_ALL "\",\"" TEST_ID "-1\",{\"id\":" TEST_ID ",\"copy\":"
	"{\"id\":9007199254740993,\"near\":9007199254740992,\"same\":1e400}},\"1e400\",false,2,true]";

struct jqx {
	jq_state *jq;
	unsigned depth;        /* bits of an entry's number */
	unsigned choice, left; /* the entry asked for, and the bits of it not yet handed out */
	jv value[JQFUN_VALUES]; /* handed over by `debug` */
	unsigned values;
	const struct jqx_setup *setup; /* while compiling */
	unsigned errors;
};

#ifdef __SANITIZE_ADDRESS__
/* libjq holds an interpreter's stack by its end only, which the leak checker does not take
 * for a pointer: it would call a stack lost when the program ends in the middle. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:jv_mem_realloc";
}

const char *__lsan_default_options(void);
const char *
__lsan_default_options(void)
{
	return "print_suppressions=0";
}
#endif

/* Shared with the signal handler. */
static jq_state *volatile running;
static volatile sig_atomic_t reading, ticks, timed_out;
static sig_atomic_t limit_ticks;
static void (*stuck)(const char *what);

enum {
	TICK_MS = 10,
	STACK = 120 << 20, /* the kernel leaves a gap of 128 MiB for the stack of a process */
};

/* --- functions of ours --- */

/* `debug`: a value is handed over. */
static void
take_value(void *ctx, jv v)
{
	struct jqx *x = ctx;

	if (x->values < JQFUN_VALUES)
		x->value[x->values++] = v;
	else
		jv_free(v);
}

static void
drop_values(struct jqx *x)
{
	while (x->values)
		jv_free(x->value[--x->values]);
}

/* `input`: the result, or the next bit of the choice. */
static jv
give_value(jq_state *jq, void *ctx)
{
	struct jqx *x = ctx;
	jv result;

	(void)jq;
	if (x->values) {
		result = jqfun_call(x->value, x->values);
		x->values = 0;
		return result;
	}
	if (!x->left)
		return jv_invalid_with_msg(jv_string("input is not available in routes"));
	x->left--;
	return jv_bool(x->choice >> x->left & 1);
}

/* --- source --- */

void
jqx_put_prelude(struct buf *source)
{
	if (input_in_c)
		buf_str(source, "def " INPUT ": input; ");
	buf_str(source, prelude);
}

void
jqx_put_entry(struct buf *source, unsigned entry)
{
	buf_fmt(source, "def __entry%u: (", entry);
}

void
jqx_put_end(struct buf *source)
{
	buf_str(source, ");");
}

/* Bits that tell `n` things apart. */
static unsigned
bits(unsigned n)
{
	unsigned b = 0;

	while (1u << b < n)
		b++;
	return b;
}

/* A tree of questions, the highest bit first; `first` to first + 2^depth - 1 are below. */
static void
put_tree(struct buf *source, unsigned first, unsigned depth, unsigned n)
{
	if (first >= n) {
		buf_str(source, "empty");
	} else if (!depth) {
		if (first + 1 == n)
			buf_str(source, "__test");
		else
			buf_fmt(source, "__entry%u", first);
	} else {
		unsigned half = 1u << (depth - 1);

		buf_str(source, "if " INPUT " then ");
		put_tree(source, first + half, depth - 1, n);
		buf_str(source, " else ");
		put_tree(source, first, depth - 1, n);
		buf_str(source, " end");
	}
}

void
jqx_put_choice(struct buf *source, unsigned entries)
{
	/* One more than there are: the test is the last. */
	put_tree(source, 0, bits(entries + 1), entries + 1);
}

/* --- compiling --- */

/* libjq's message: "jq: error: WHAT at FILE, line N:\nTEXT OF THE LINE" and as many blanks
 * as there are columns before the error. */
static void
compile_error(void *ctx, jv message)
{
	struct jqx *x = ctx;
	struct slice text, file = { "", 0 };
	unsigned line = 0, column = 0;
	const char *at = NULL;

	x->errors++;
	message = jq_format_error(message);
	if (jv_get_kind(message) != JV_KIND_STRING) {
		jv_free(message);
		message = jv_string("out of memory");
	}
	text = jqval_string(message);
	if (slice_starts(text, S("jq: error: ")))
		text = slice_from(text, 11);
	else if (slice_starts(text, S("jq: error ")))
		text = slice_from(text, 10);
	else if (slice_starts(text, S("jq: "))) /* "jq: 2 compile errors" */
		goto out;
	struct slice head = text, first = slice_cut(&head, '\n');

	if (first.n && first.p[first.n - 1] == ':')
		first.n--;
	/* The last " at FILE, line N". */
	for (size_t i = 0; i + 4 < first.n; i++)
		if (!memcmp(first.p + i, " at ", 4))
			at = first.p + i;
	if (at) {
		struct slice place = slice_of(at + 4, (size_t)(first.p + first.n - at - 4));
		size_t comma = slice_find(place, ',');

		if (slice_starts(slice_from(place, comma), S(", line "))) {
			line = (unsigned)strtoul(place.p + comma + 7, NULL, 10);
			file = slice_of(place.p, comma);
			first.n = (size_t)(at - first.p);
		}
	}
	if (slice_is(file, "<top-level>"))
		file = slice_of("", 0);
	if (line && !file.n && head.p) {
		/* Our own source has the line: what is longer is the column. */
		struct slice rest = x->setup->source, l = { "", 0 };

		for (unsigned i = 0; i < line; i++)
			l = slice_cut(&rest, '\n');
		if (head.n >= l.n)
			column = (unsigned)(head.n - l.n) + 1;
	}
	struct slice shell = S(" (Unix shell quoting issues?)");

	if (first.n > shell.n && slice_eq(slice_from(first, first.n - shell.n), shell))
		first.n -= shell.n;
	x->setup->report(x->setup->ctx, file, line, column, slice_trim(first));
out:
	jv_free(message);
}

static jv
add_folder(jv list, const char *folder)
{
	char path[PATH_MAX];

	return jv_array_append(list, jv_string(realpath(folder, path) ? path : folder));
}

/* libjq looks into the current folder first, whatever stands here. */
static jv
folders(const struct jqx_setup *setup)
{
	jv list = add_folder(jv_array(), setup->origin);

	for (const char *const *l = setup->library; l && *l; l++)
		list = add_folder(list, *l);
	return list;
}

static bool
test_passed(void *ctx, jv v)
{
	struct buf b = { 0 };

	*(bool *)ctx = jqval_put(&b, v) && slice_is(buf_view(&b), test_out);
	buf_free(&b);
	jv_free(v);
	return true;
}

static void
out_of_memory(void *ctx)
{
	(void)ctx;
	if (stuck)
		stuck("is out of memory");
}

struct jqx *
jqx_compile(const struct jqx_setup *setup)
{
	struct jqx *x = mem_zero(1, sizeof(*x));
	struct buf why = { 0 };
	char *source = mem_copy(setup->source.p, setup->source.n);
	bool passed = false;
	int ok;

	x->setup = setup;
	x->depth = bits(setup->entries + 1);
	x->jq = jq_init();
	if (!x->jq) {
		setup->report(setup->ctx, slice_of("", 0), 0, 0, S("out of memory"));
		free(source);
		free(x);
		return NULL;
	}
	jq_set_error_cb(x->jq, compile_error, x);
	jq_set_nomem_handler(x->jq, out_of_memory, NULL);
	jq_set_debug_cb(x->jq, take_value, x);
	jq_set_input_cb(x->jq, give_value, x);
	jq_set_attr(x->jq, jv_string("JQ_ORIGIN"), jv_string("/nonexistent"));
	jq_set_attr(x->jq, jv_string("PROGRAM_ORIGIN"), jv_string(setup->origin));
	jq_set_attr(x->jq, jv_string("JQ_LIBRARY_PATH"), folders(setup));
	ok = jq_compile_args(x->jq, source, jv_copy(setup->args));
	free(source);
	if (ok && !x->errors) {
		jqx_run(x, setup->entries, jqval_read(slice_str(test_in)), test_passed, &passed, &why);
		jqval_release();
		if (!passed) {
			x->errors++;
			setup->report(setup->ctx, slice_of("", 0), 0, 0,
			    S("this libjq does not keep the digits of numbers"));
		}
	}
	buf_free(&why);
	x->setup = NULL;
	if (!ok || x->errors) {
		jqx_free(x);
		return NULL;
	}
	return x;
}

void
jqx_free(struct jqx *x)
{
	if (!x)
		return;
	drop_values(x);
	jq_teardown(&x->jq);
	free(x);
}

/* --- running --- */

static void
put_reason(struct buf *why, jv message)
{
	if (jv_get_kind(message) == JV_KIND_STRING)
		buf_slice(why, jqval_string(message));
	else
		jqval_put(why, message);
}

enum jqx_end
jqx_run(struct jqx *x, unsigned entry, jv input, bool (*emit)(void *ctx, jv v), void *ctx,
    struct buf *why)
{
	bool more = true;
	jv v;

	drop_values(x);
	x->choice = entry;
	x->left = x->depth;
	jq_start(x->jq, input, 0);
	ticks = timed_out = 0;
	running = x->jq;
	while (more && jv_is_valid(v = jq_next(x->jq))) {
		running = NULL;
		more = emit(ctx, v);
		running = x->jq;
	}
	running = NULL;
	if (!more)
		return JQX_STOPPED;
	if (timed_out) {
		jv_free(v);
		return JQX_TIMEOUT;
	}
	if (jq_halted(x->jq)) {
		jv_free(v);
		buf_str(why, "halt is not available in routes");
		return JQX_ERROR;
	}
	if (!jv_invalid_has_msg(jv_copy(v))) {
		jv_free(v);
		return JQX_DONE;
	}
	v = jv_invalid_get_msg(v);
	put_reason(why, v);
	jv_free(v);
	return JQX_ERROR;
}

jv
jqx_read(struct slice text)
{
	jv v;

	ticks = 0;
	reading = 1;
	v = jqval_read(text);
	reading = 0;
	jqval_stop = 0;
	return v;
}

/* jq_halt sets a flag that the interpreter looks at before each instruction. */
static void
tick(int signo)
{
	jq_state *jq = running;
	int saved = errno;

	(void)signo;
	if ((!jq && !reading) || !limit_ticks)
		return;
	ticks++;
	if (reading)
		jqval_stop = ticks >= limit_ticks;
	else if (ticks == limit_ticks && !timed_out) {
		timed_out = 1;
		jq_halt(jq, jv_invalid(), jv_invalid());
	} else if (ticks >= 10 * limit_ticks) {
		stuck("cannot be interrupted");
	}
	errno = saved;
}

/* As far as the hard limit allows. */
static void
soft_limit(int resource, rlim_t bytes)
{
	struct rlimit l;

	if (getrlimit(resource, &l) == 0) {
		l.rlim_cur = l.rlim_max == RLIM_INFINITY || bytes < l.rlim_max ? bytes : l.rlim_max;
		setrlimit(resource, &l);
	}
}

void
jqx_limit(int64_t ms, int64_t memory, void (*is_stuck)(const char *what))
{
	struct sigaction sa = { .sa_handler = tick, .sa_flags = SA_RESTART };
	/* Processor time: an idle process is never woken. */
	struct itimerval every = { .it_interval.tv_usec = TICK_MS * 1000,
		.it_value.tv_usec = TICK_MS * 1000 };

	stuck = is_stuck;
	/* The first tick may come at once. */
	limit_ticks = ms ? (sig_atomic_t)((ms + TICK_MS - 1) / TICK_MS + 1) : 0;
	if (ms) {
		sigemptyset(&sa.sa_mask);
		sigaction(SIGPROF, &sa, NULL);
		setitimer(ITIMER_PROF, &every, NULL);
	}
	/* libjq frees values recursively: one nested a million deep takes so much. */
	soft_limit(RLIMIT_STACK, STACK);
#ifndef __SANITIZE_ADDRESS__ /* its shadow memory takes terabytes of addresses */
	if (memory)
		soft_limit(RLIMIT_AS, (rlim_t)memory);
#else
	(void)memory;
#endif
}

const char *
jqx_init(void)
{
	const char *tz = getenv("TZ");
	char *copy = tz ? mem_str(tz) : NULL;

	clearenv();
	/* An empty environment, and not none at all: libjq walks over it unasked. */
	setenv("TZ", "", 1);
	if (copy)
		setenv("TZ", copy, 1);
	else
		unsetenv("TZ");
	free(copy);
	input_in_c = dlsym(RTLD_DEFAULT, "jv_number_with_literal") != NULL; /* came with 1.7 */
	return jqval_init();
}
