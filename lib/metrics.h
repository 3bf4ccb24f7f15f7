/* metrics - a tool's counters as Prometheus text (version 0.0.4), for GET /metrics and
 * for --metrics-file, which a textfile collector reads. */
#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

enum { METRICS_EVERY_MS = 10000 }; /* how often --metrics-file is written */

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE };

/* Begin a family: HELP and TYPE. Names are those of Prometheus: [a-z0-9_], the tool
 * first ("ws_serve_…"), base units (seconds, bytes), counters end in _total. `help` is
 * one sentence without a full stop. */
void metrics_family(struct buf *b, const char *name, enum metrics_type type,
    const char *help);

/* A sample of the family begun last. `labels` is NULL or as in "code=\"401\"" (use
 * metrics_label for values that are not fixed text). */
void metrics_sample(struct buf *b, const char *name, const char *labels, double value);

/* Append NAME="VALUE" with the value escaped, and a comma before it unless *b is empty. */
void metrics_label(struct buf *b, const char *name, struct slice value);

/* A family with one sample and no labels. */
void metrics_value(struct buf *b, const char *name, enum metrics_type type,
    const char *help, double value);

/* A family of the type summary: how often something was measured, and the sum. */
void metrics_summary(struct buf *b, const char *name, const char *help, double sum,
    double count);

/* A table of a tool's plain counters. The array ends with {0}. */
struct metric {
	const char *name;
	enum metrics_type type;
	const char *help;
	const uint64_t *value;
};
void metrics_table(struct buf *b, const struct metric *m);

/* The file of --metrics-file, replaced whole every METRICS_EVERY_MS and at the end. A
 * failure to write is told on stderr once, until it works again. With a NULL path all of
 * these do nothing. The text is that of `table`, and what `render` appends; either may be
 * NULL. filter.h drives one by itself when f->metrics is set; others call
 * metrics_file_tick when metrics_file_wait says so. */
struct metrics_file {
	const char *path;
	const struct metric *table;
	void (*render)(struct buf *b, void *ctx);
	void *ctx;
	struct buf text;
	int64_t next_ms; /* CLOCK_MONOTONIC */
	bool failed;
};
void metrics_file_init(struct metrics_file *f, const char *path, const struct metric *table,
    void (*render)(struct buf *b, void *ctx), void *ctx);

/* Milliseconds until it is due, for poll(2); -1 without a path. */
int metrics_file_wait(const struct metrics_file *f);

/* Write when it is due. */
void metrics_file_tick(struct metrics_file *f);

/* Write now, and release. */
void metrics_file_finish(struct metrics_file *f);

#endif
