/* inbox - messages on their way in: put together from pieces, checked, kept back while
 * they have to wait. A connection is parked when what it says must become an event and
 * stdout is full, or while the authenticator thinks about its token: its reading stops,
 * what lws has read already is kept, and its ping timer rests. Others go on. */
#ifndef INBOX_H
#define INBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "slice.h"

struct conn;
struct server;

void inboxes_new(struct server *s);
void inboxes_free(struct server *s);

/* A piece of a message from lws. Returns what the callback must return. */
int inbox_piece(struct conn *c, const char *p, size_t n);

/* The message in hand has to wait. Called from within the handling of a message, which
 * then comes again. */
void inbox_park(struct conn *c);

/* c need not wait any more (the authenticator has answered). */
void inbox_unpark(struct conn *c);

/* There is room in stdout again: parked connections go on, as far as it reaches. */
void inbox_resume(struct server *s);

/* Release what is kept for c. */
void inbox_forget(struct conn *c);

#endif
