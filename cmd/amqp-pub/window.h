/* window - the lines that are not yet settled, in their order: what waits to be sent,
 * what was sent and waits for its confirm, and what is settled but stands behind a line
 * that is not. Pure; the caller bounds how much is in it. */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

enum entry_state {
	ENTRY_WAITING, /* to be sent on this connection */
	ENTRY_SENT,    /* confirm awaited, with delivery tag `seq` */
	ENTRY_DONE,    /* confirmed, or given up with a report */
};

struct entry {
	char *line;
	size_t n;
	uint64_t number; /* of the line in the input */
	uint64_t seq;
	uint64_t tag;    /* of the line, 0: none; known when it was sent */
	enum entry_state state;
	bool refused;    /* done, but neither confirmed nor kept elsewhere */
	uint16_t returned; /* reply code of a return, 0: none */
};

struct window {
	struct entry *v; /* ring */
	size_t cap, first, n, sent; /* entries before `sent` are not WAITING */
	size_t bytes;    /* of the lines */
	uint64_t seq;    /* delivery tags given on this connection */
};

void window_init(struct window *w, size_t cap);
void window_free(struct window *w);

/* Add a line (copied); there is room (n < cap). */
void window_add(struct window *w, struct slice line, uint64_t number);

/* Entry i, from 0 the oldest. */
struct entry *window_at(struct window *w, size_t i);

/* The next that waits to be sent, NULL when there is none. Afterwards it must be marked
 * by window_sent, or be done. */
struct entry *window_next(struct window *w);
void window_sent(struct window *w, struct entry *e);

/* The entry that waits for the confirm of delivery tag `seq`, NULL when there is none.
 * *i is its index. */
struct entry *window_find(struct window *w, uint64_t seq, size_t *i);

/* Take the oldest entry out, if it is done: true, and the caller frees e->line. */
bool window_release(struct window *w, struct entry *e);

/* A new connection: all that is not done waits again. */
void window_restart(struct window *w);

/* How many are not done. */
size_t window_open(struct window *w);

#endif
