/* handler - the co-process of --handler: it gets all events and writes commands, as a
 * filter between stdout and stdin would. When it is slow, what would cause more events
 * waits, as for stdout. When it ends it is started again, with back-off; events until
 * then are lost, counted, and told by a `gap`. */
#ifndef HANDLER_H
#define HANDLER_H

#include <stdint.h>

struct server;

/* Start server->config->handler; nothing without one. */
void handler_new(struct server *s);

/* The end: no more events. It gets ms milliseconds to end by itself. */
void handler_free(struct server *s, int ms);

/* Events that were lost while it did not run, since the start. */
uint64_t handler_lost(const struct server *s);

#endif
