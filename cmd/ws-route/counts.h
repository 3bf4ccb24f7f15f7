/* counts - what ws-route has done so far, for people and for Prometheus. */
#ifndef COUNTS_H
#define COUNTS_H

#include "pass.h"

/* Show the counts, and for each route its runs, outputs, errors and time, on stderr. */
void counts_report(struct pass *p);

/* Append the same as metrics; `ctx` is a struct pass. Counts of routes begin again when
 * they are loaded again. */
void counts_metrics(struct buf *b, void *ctx);

#endif
