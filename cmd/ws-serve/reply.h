/* reply - what is said to a client, and reported about it. The values that a request wants
 * back, `correlation` and `id`, may be empty. */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "events.h"
#include "slice.h"
#include "spell.h"

struct conn;

/* The first message to a connection that has been let in. */
void reply_welcome(struct conn *c);

/* It is authenticated now. */
void reply_authenticated(struct conn *c, struct slice correlation, struct slice id);

/* room may be empty. */
void reply_error(struct conn *c, enum code code, struct slice message, struct slice room,
    struct slice correlation, struct slice id);

/* subscribed or unsubscribed; several: the request named a list. */
void reply_rooms(struct conn *c, const char *type, const struct slice *rooms, uint32_t n,
    bool several, struct slice correlation, struct slice id);

void reply_pong(struct conn *c, struct slice correlation, struct slice id);

/* An event about c; room may be empty, code and reason NULL. */
void reply_report(struct conn *c, enum event_kind kind, struct slice room, const char *code,
    const char *reason);

#endif
