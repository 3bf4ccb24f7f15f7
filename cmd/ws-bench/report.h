/* report - a run's result for people and for programs, and how it is getting on. */
#ifndef REPORT_H
#define REPORT_H

#include "buf.h"
#include "require.h"
#include "run.h"

struct verdicts {
	struct requirement *v;
	int n;
};

/* The whole report as text of several lines. */
void report_text(struct buf *b, const struct config *o, const struct stats *s,
    const struct verdicts *q);

/* The same as one JSON object, without the line end. */
void report_json(struct buf *b, const struct config *o, const struct stats *s,
    const struct verdicts *q);

/* One interval as a JSON object, without the line end: what was added in `seconds`. */
void report_interval(struct buf *b, const struct run *r, double seconds);

/* One line on how the run is getting on, without the line end, at most `width` bytes. */
void report_progress(struct buf *b, const struct run *r, size_t width);

/* "1,234,567". */
void report_count(struct buf *b, uint64_t n);

/* A latency as people read it, three digits: "412us", "1.52ms", "12.3s". */
void report_latency(struct buf *b, double ms);

/* "rtt.p99 12.3ms", or "rtt.p99 not measured". */
void report_number(struct buf *b, const struct requirement *q, double value, bool known);

#endif
