/* metrics_text - all that ws-serve counts, as Prometheus text: GET /metrics and
 * --metrics-file. No label has a value that a client chose. */
#ifndef METRICS_TEXT_H
#define METRICS_TEXT_H

#include "buf.h"

struct server;

void metrics_text(struct buf *b, const struct server *s);

#endif
