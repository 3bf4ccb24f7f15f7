/* opt - a tool's options: one table from which argv, the environment, --config files and
 * --help are served. Our own parser and not getopt_long, which takes abbreviated long
 * options and cannot be told not to.
 *
 * Sources, later ones win: the environment (WS_SERVE_PING_INTERVAL for --ping-interval
 * of ws-serve; options with OPT_ORDERED excepted), --config FILE ("option value" lines,
 * '#' comments), argv. Operands and options may be mixed; "--" ends the options. Every
 * table gets -h -V -v --quiet --log-json --config by itself.
 *
 * A mistake ends the program with one line and exit code 2. */
#ifndef OPT_H
#define OPT_H

#include <stdbool.h>
#include <stdint.h>

enum opt_kind {
	OPT_FLAG,     /* bool *var = true; from elsewhere than argv: true/false, yes/no, 1/0 */
	OPT_STRING,   /* const char **var */
	OPT_INT,      /* int64_t *var, min to max */
	OPT_DURATION, /* int64_t *var in milliseconds, min to max */
	OPT_SIZE,     /* int64_t *var in bytes, min to max */
	OPT_CHOICE,   /* int *var = index in `choices` */
	OPT_CALL,     /* call(opt, value): NULL, or a static reason why value is wrong */
	OPT_TITLE,    /* no option: `help` is a heading for what follows in --help */
};

enum opt_flags {
	OPT_OPTIONAL = 1, /* the argument may be missing (value NULL): --name or --name=value;
	                   * for OPT_STRING and OPT_CALL */
	OPT_ORDERED = 2,  /* repeatable, and the order counts: not from the environment */
	OPT_HIDDEN = 4,   /* not in --help */
	OPT_PAIR = 8,     /* on argv two words, --name NAME VALUE; elsewhere, and for `call`, one:
	                   * NAME=VALUE */
};

struct opt {
	const char *name; /* long name, without dashes */
	char letter;      /* 0: none */
	enum opt_kind kind;
	void *var;
	const char *arg;  /* the argument's name in --help; NULL for a flag */
	const char *help; /* one line; begin no sentence, end no full stop */
	int64_t min, max; /* both 0: any number that is not negative */
	const char *const *choices; /* ends with NULL; of other kinds: values worth completing */
	const char *(*call)(const struct opt *opt, const char *value);
	unsigned flags;
};

/* An array of these ends with {0}. */
struct opt_table {
	const char *program;  /* "ws-serve" */
	const char *synopsis; /* "[options] [[ADDRESS:]PORT | PATH]" */
	const char *about;    /* one sentence */
	const struct opt *options;
};

/* Serve all sources, set up msg (verbosity, JSON) and descriptors 0 to 2 (io_fill_standard); to
 * be called before anything is opened. The operands end up in argv[0] to
 * argv[n - 1] in their order; returns n. --help and --version end the program with 0. */
int opt_parse(const struct opt_table *table, int argc, char **argv);

/* A usage mistake found later: the message, "see NAME --help", exit code 2. */
_Noreturn void opt_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Repeatable strings: OPT_CALL with opt_append and a struct opt_list as var. */
struct opt_list {
	const char **v;
	int n;
};
const char *opt_append(const struct opt *opt, const char *value);

#endif
