#include "opt.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "exit.h"
#include "io.h"
#include "mem.h"
#include "msg.h"
#include "num.h"

#ifndef VERSION
#error "VERSION comes from the Makefile"
#endif

enum { CONFIG_MAX = 1 << 20 };

/* argv is walked three times: --help and --version answer even when something else is
 * wrong, and --config files come before the rest, which wins over them. */
static enum pass { PASS_HELP, PASS_CONFIG, PASS_REST } pass;
static const struct opt_table *table;
static bool quiet, log_json, want_help, want_table, want_version;
static int verbose;

static const char *
more_verbose(const struct opt *opt, const char *value)
{
	(void)opt;
	(void)value;
	verbose++;
	return NULL;
}

static const char *read_config(const struct opt *opt, const char *path);

static const struct opt common[] = {
	{ .kind = OPT_TITLE, .help = "Common:" },
	{ .name = "config", .kind = OPT_CALL, .call = read_config, .arg = "FILE",
	  .help = "read options from FILE, one \"option value\" a line" },
	{ .name = "help", .letter = 'h', .kind = OPT_FLAG, .var = &want_help,
	  .help = "show this help" },
	{ .name = "help-table", .kind = OPT_FLAG, .var = &want_table, .flags = OPT_HIDDEN,
	  .help = "show the options for programs, as completions/generate reads them" },
	{ .name = "log-json", .kind = OPT_FLAG, .var = &log_json,
	  .help = "write messages as JSON lines" },
	{ .name = "quiet", .kind = OPT_FLAG, .var = &quiet, .help = "say errors only" },
	{ .name = "verbose", .letter = 'v', .kind = OPT_CALL, .call = more_verbose,
	  .help = "say more; twice: for debugging" },
	{ .name = "version", .letter = 'V', .kind = OPT_FLAG, .var = &want_version,
	  .help = "show the version" },
	{ 0 },
};

static bool
last(const struct opt *o)
{
	return !o->name && o->kind != OPT_TITLE;
}

void
opt_fail(const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	msg_die(EXIT_USAGE, "%s; see %s --help", buf_cstr(&b), msg_program());
}

const char *
opt_append(const struct opt *opt, const char *value)
{
	struct opt_list *l = opt->var;

	l->v = mem_resize(l->v, (size_t)l->n + 1, sizeof(*l->v));
	l->v[l->n++] = value;
	return NULL;
}

static const struct opt *
find_in(const struct opt *o, const char *name, size_t n, char letter)
{
	for (; !last(o); o++)
		if (o->name && (letter ? o->letter == letter
			: strlen(o->name) == n && !memcmp(o->name, name, n)))
			return o;
	return NULL;
}

static const struct opt *
find(const char *name, size_t n, char letter)
{
	const struct opt *o = find_in(table->options, name, n, letter);

	return o ? o : find_in(common, name, n, letter);
}

/* "yes", "true" and "1" or their opposites; -1 for anything else. */
static int
truth(const char *v)
{
	static const char *const words[] = { "0", "1", "no", "yes", "false", "true" };

	for (int i = 0; i < 6; i++)
		if (strcasecmp(v, words[i]) == 0)
			return i & 1;
	return -1;
}

static void
number_text(enum opt_kind kind, int64_t v, char *out, size_t size)
{
	if (kind == OPT_DURATION)
		snprintf(out, size, v % 1000 || !v ? "%lldms" : "%llds",
		    (long long)(v % 1000 || !v ? v : v / 1000));
	else
		snprintf(out, size, "%lld", (long long)v);
}

static enum pass
pass_of(const struct opt *o)
{
	if (o->var == &want_help || o->var == &want_table || o->var == &want_version)
		return PASS_HELP;
	return o->call == read_config ? PASS_CONFIG : PASS_REST;
}

/* Give `o` its value; `where` names the source for messages ("--port", "WS_SERVE_PORT",
 * "serve.conf:3: port"). */
static void
set(const struct opt *o, const char *value, const char *where)
{
	int64_t v = 0;
	const char *why = NULL;

	switch (o->kind) {
	case OPT_FLAG: {
		int yes = value ? truth(value) : 1;

		if (yes < 0)
			opt_fail("%s: not yes or no: %s", where, value);
		*(bool *)o->var = yes;
		return;
	}
	case OPT_STRING:
		*(const char **)o->var = value;
		return;
	case OPT_CHOICE: {
		struct buf all = { 0 };

		for (int i = 0; o->choices[i]; i++) {
			if (strcmp(value, o->choices[i]) == 0) {
				*(int *)o->var = i;
				buf_free(&all);
				return;
			}
			buf_fmt(&all, "%s%s", i ? ", " : "", o->choices[i]);
		}
		opt_fail("%s: not one of %s: %s", where, buf_cstr(&all), value);
	}
	case OPT_CALL:
		if ((why = o->call(o, value)))
			opt_fail("%s: %s%s%s", where, why, value ? ": " : "", value ? value : "");
		return;
	case OPT_INT:
		if (num_int(value, &v))
			why = "not a whole number";
		break;
	case OPT_DURATION:
		if (num_duration(value, &v))
			why = "not a duration such as 500ms, 30s or 5m";
		break;
	case OPT_SIZE:
		if (num_size(value, &v))
			why = "not a size such as 4096, 64k or 1M";
		break;
	case OPT_TITLE:
		return;
	}
	if (why)
		opt_fail("%s: %s: %s", where, why, value);
	int64_t max = o->min || o->max ? o->max : INT64_MAX;

	if (v < o->min || v > max) {
		char lo[32], hi[32];

		number_text(o->kind, o->min, lo, sizeof(lo));
		number_text(o->kind, max, hi, sizeof(hi));
		if (max == INT64_MAX)
			opt_fail("%s: less than %s: %s", where, lo, value);
		opt_fail("%s: not between %s and %s: %s", where, lo, hi, value);
	}
	*(int64_t *)o->var = v;
}

static const char *
read_config(const struct opt *opt, const char *path)
{
	struct buf text = { 0 };
	struct slice rest;
	unsigned line = 0;

	(void)opt;
	if (io_read_file(path, CONFIG_MAX, &text))
		return strerror(errno);
	/* The text is never freed: string options point into it. */
	buf_cstr(&text);
	rest = buf_view(&text);
	while (rest.n) {
		struct slice l = slice_trim(slice_cut(&rest, '\n')), name, value;
		const struct opt *o;
		char *where;

		line++;
		if (!l.n || l.p[0] == '#')
			continue;
		size_t n = 0;

		while (n < l.n && !slice_blank(l.p[n]))
			n++;
		name = slice_of(l.p, n);
		value = slice_trim(slice_from(l, n));
		if (name.n > 2 && name.p[0] == '-' && name.p[1] == '-')
			name = slice_from(name, 2);
		struct buf w = { 0 };

		buf_fmt(&w, "%s:%u: %.*s", path, line, (int)name.n, name.p);
		where = buf_cstr(&w);
		o = find(name.p, name.n, 0);
		if (!o || pass_of(o) != PASS_REST)
			opt_fail("%s: unknown option", where);
		if (!value.n && o->arg && !(o->flags & OPT_OPTIONAL))
			opt_fail("%s: needs a value", where);
		if (value.n && !o->arg && o->kind != OPT_FLAG)
			opt_fail("%s: takes no value", where);
		set(o, value.n ? mem_copy(value.p, value.n) : NULL, where);
		buf_free(&w);
	}
	return NULL;
}

static void
from_environment(const struct opt *o)
{
	for (; !last(o); o++) {
		struct buf name = { 0 };
		const char *value;

		if (!o->name || o->flags & OPT_ORDERED || pass_of(o) == PASS_HELP)
			continue;
		buf_fmt(&name, "%s_%s", table->program, o->name);
		for (char *p = buf_cstr(&name); *p; p++)
			*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
		value = getenv(name.p);
		if (value && (*value || o->kind == OPT_STRING))
			set(o, o->arg || o->kind == OPT_FLAG ? value : NULL, name.p);
		buf_free(&name);
	}
}

static void
show_options(const struct opt *o)
{
	for (; !last(o); o++) {
		char left[80];
		const char *open = "", *close = "";

		if (o->flags & OPT_HIDDEN)
			continue;
		if (o->kind == OPT_TITLE) {
			printf("\n%s\n", o->help);
			continue;
		}
		if (o->flags & OPT_OPTIONAL) {
			open = "[=";
			close = "]";
		} else if (o->arg) {
			open = " ";
		}
		int n = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s%s", o->letter ? '-' : ' ',
		    o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, open,
		    o->arg ? o->arg : "", close);
		if (n > 33)
			printf("%s\n%35s%s\n", left, "", o->help);
		else
			printf("%-34s %s\n", left, o->help);
	}
}

static _Noreturn void
end_of_help(void)
{
	if (fflush(stdout) || ferror(stdout))
		msg_die(EXIT_HOST, "cannot write standard output: %s", strerror(errno));
	exit(EXIT_DONE);
}

/* One line an option: name, letter, argument ("[ARG]" when it may be missing), values to
 * choose from, help; separated by tabs. */
static void
show_table(const struct opt *o)
{
	for (; !last(o); o++) {
		bool optional = o->flags & OPT_OPTIONAL;

		if (o->kind == OPT_TITLE || o->flags & OPT_HIDDEN)
			continue;
		printf("%s\t%.*s\t%s%s%s\t", o->name, o->letter ? 1 : 0, &o->letter, optional ? "[" : "",
		    o->arg ? o->arg : "", optional ? "]" : "");
		for (int i = 0; o->choices && o->choices[i]; i++)
			printf("%s%s", i ? " " : "", o->choices[i]);
		printf("\t%s\n", o->help);
	}
}

static _Noreturn void
show_help(void)
{
	printf("usage: %s %s\n%s\n", table->program, table->synopsis, table->about);
	if (table->options->kind != OPT_TITLE && !last(table->options))
		printf("\nOptions:\n");
	show_options(table->options);
	show_options(common);
	printf("\nSee %s(1).\n", table->program);
	end_of_help();
}

/* Set in the pass that `o` belongs to. */
static void
set_in_pass(const struct opt *o, const char *value, const char *where)
{
	if (pass_of(o) == pass)
		set(o, value, where);
}

/* "-abc", "-oVALUE", "-o VALUE"; returns how many words of argv it took. */
static int
short_options(char **argv, int left)
{
	for (const char *p = argv[0] + 1; *p; p++) {
		const struct opt *o = find(NULL, 0, *p);
		char where[3] = { '-', *p, '\0' };

		if (!o) {
			if (pass != PASS_HELP)
				opt_fail("unknown option -%c", *p);
			continue;
		}
		if (!o->arg || o->flags & OPT_OPTIONAL) {
			set_in_pass(o, NULL, where);
			continue;
		}
		if (p[1]) {
			set_in_pass(o, p + 1, where);
			return 1;
		}
		if (left >= 2)
			set_in_pass(o, argv[1], where);
		else if (pass != PASS_HELP)
			opt_fail("-%c needs %s", *p, o->arg);
		return 2;
	}
	return 1;
}

static int
long_option(char **argv, int left)
{
	const char *name = argv[0] + 2, *eq = strchr(name, '=');
	size_t n = eq ? (size_t)(eq - name) : strlen(name);
	const struct opt *o = find(name, n, 0);
	bool takes_next = o && o->arg && !eq && !(o->flags & OPT_OPTIONAL);
	int words = !takes_next ? 1 : o->flags & OPT_PAIR ? 3 : 2;

	if (pass == PASS_HELP && (!o || left < words || (eq && !o->arg)))
		return words;
	if (!o)
		opt_fail("unknown option --%.*s", (int)n, name);
	if (eq && !o->arg)
		opt_fail("--%s takes no value", o->name);
	if (left < words)
		opt_fail("--%s needs %s", o->name, o->arg);
	struct buf where = { 0 }, pair = { 0 };

	buf_fmt(&where, "--%s", o->name);
	if (words == 3)
		buf_fmt(&pair, "%s=%s", argv[1], argv[2]);
	set_in_pass(o, words == 3 ? buf_cstr(&pair) : takes_next ? argv[1] : eq ? eq + 1 : NULL,
	    buf_cstr(&where));
	buf_free(&where);
	buf_free(&pair);
	return words;
}

/* One pass over argv. Operands, and all behind "--", are collected in `operands`. */
static int
walk(int argc, char **argv, char **operands)
{
	int n = 0, i = 1;

	while (i < argc && strcmp(argv[i], "--") != 0) {
		if (argv[i][0] != '-' || !argv[i][1])
			operands[n++] = argv[i++];
		else if (argv[i][1] == '-')
			i += long_option(argv + i, argc - i);
		else
			i += short_options(argv + i, argc - i);
	}
	for (i++; i < argc; i++)
		operands[n++] = argv[i];
	return n;
}

int
opt_parse(const struct opt_table *t, int argc, char **argv)
{
	/* Static, so that leak checkers still see it when --help ends the program. */
	static char **operands;
	int n;

	operands = mem_zero((size_t)argc + 1, sizeof(*operands));
	table = t;
	msg_init(t->program);
	if (io_fill_standard())
		msg_die(EXIT_HOST, "cannot open /dev/null: %s", strerror(errno));
	pass = PASS_HELP;
	walk(argc, argv, operands);
	if (want_help)
		show_help();
	if (want_version) {
		printf("%s %s\n", t->program, VERSION);
		end_of_help();
	}
	if (want_table) {
		show_table(t->options);
		show_table(common);
		end_of_help();
	}
	from_environment(t->options);
	from_environment(common);
	pass = PASS_CONFIG;
	walk(argc, argv, operands);
	pass = PASS_REST;
	n = walk(argc, argv, operands);
	memcpy(argv, operands, (size_t)n * sizeof(*argv));
	argv[n] = NULL;
	free(operands);
	msg_setup(quiet ? MSG_ERROR : verbose > 1 ? MSG_DEBUG : verbose ? MSG_INFO : MSG_WARNING,
	    log_json);
	return n;
}
