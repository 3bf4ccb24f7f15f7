/* conn_timer - what becomes due for connections: pings, the end of a token's life, of a
 * wait and of a close; and what has collected in a turn of the loop, before it waits. */
#ifndef CONN_TIMER_H
#define CONN_TIMER_H

#include <stdbool.h>

struct conn;
struct server;

void conn_timers_new(struct server *s);
void conn_timers_free(struct server *s);

/* Set c's timer for what comes next; after each change of one of its times. */
void conn_set_timer(struct conn *c);

/* c is parked, or is not any more: its ping timer rests. */
void conn_parked(struct conn *c, bool on);

/* Make lws look at its own timers, which it does by itself only when one of its
 * descriptors has an event. */
void conn_kick(struct server *s);

#endif
