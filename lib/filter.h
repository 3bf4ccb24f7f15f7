/* filter - the loop of a tool that reads lines on stdin and writes lines on stdout.
 * It decides for every filter what the table "life and death" of wsutils(7) says:
 * output is flushed before the tool waits; a reader that went away ends it as SIGPIPE
 * does, also while idle; after the first SIGINT or SIGTERM the input is read on to its
 * end, for drain_ms at most, and a terminal no further; a terminal is not read from the
 * background. */
#ifndef FILTER_H
#define FILTER_H

#include <stdint.h>

#include "line.h"
#include "metrics.h"
#include "out.h"

struct filter {
	struct line_reader in;
	struct out out;
	void (*before_flush)(void *ctx); /* may be NULL: called before `out` is flushed to wait */
	void *ctx;
	int watch; /* one more descriptor to wait for, -1: none */
	struct metrics_file metrics; /* metrics_file_init it for --metrics-file; {0}: none */
};

enum filter_event {
	FILTER_LINE,     /* *line is a line, with number f->in.number */
	FILTER_TOO_LONG, /* line f->in.number is longer than allowed and was skipped */
	FILTER_END,      /* end of input, or the time to drain is over: finish and exit */
	FILTER_RELOAD,   /* SIGHUP */
	FILTER_REPORT,   /* SIGUSR1, after sig_want_report */
	FILTER_WATCH,    /* f->watch can be read; told only when there is no whole line */
};

/* Set up stdin, stdout and the signals; no hook, no watch and no metrics. max_line in
 * bytes, drain_ms 0: no limit. */
void filter_init(struct filter *f, size_t max_line, int64_t drain_ms);

/* The next event; blocks. The line lasts until the next call. Output that fails ends
 * the program (out_die); input that fails ends it with exit code 6. */
enum filter_event filter_next(struct filter *f, struct slice *line);

/* Flush what is left at the end and write the metrics once more; output that fails ends
 * the program. */
void filter_finish(struct filter *f);

#endif
