/* wheel - many timers, cheaply: a ring of slots, each a list of those due about then.
 * Adding, moving and removing take constant time. Pure: the clock comes in, in
 * microseconds. A timer fires late by WHEEL_TICK_US at most, never early. */
#ifndef WHEEL_H
#define WHEEL_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_SLOTS = 512, WHEEL_TICK_US = 50000 };

/* Embedded by its owner; {0} is one that is not set. */
struct wheel_node {
	struct wheel_node *prev, *next; /* NULL: not set */
	int64_t due_us;
};

struct wheel {
	struct wheel_node slot[WHEEL_SLOTS];
	int64_t done; /* the last tick that was looked at */
};

void wheel_init(struct wheel *w, int64_t now_us);

/* Set or move a timer. */
void wheel_set(struct wheel *w, struct wheel_node *n, int64_t due_us);
void wheel_clear(struct wheel_node *n);

/* Call fire(ctx, node) for each timer that is due; the node is not set any more then
 * and may be set again, and others may be set or cleared. */
void wheel_run(struct wheel *w, int64_t now_us, void (*fire)(void *ctx, struct wheel_node *n),
    void *ctx);

/* When wheel_run should be called next; -1: nothing is set. It may be early (a timer
 * further away than the ring is long), never late. */
int64_t wheel_next(const struct wheel *w);

#endif
