/* client - what a client says, ws-protocol(7), and what it is answered. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>

#include "slice.h"
#include "spell.h"

struct conn;
struct identity;

/* A whole message. May park the connection (inbox.h); then it comes again. */
void client_message(struct conn *c, struct slice text, bool binary);

/* The first message to a connection that has been let in. */
void client_welcome(struct conn *c);

/* Say that it is authenticated now, or why it is not; the values that its request wants
 * back may be empty. */
void client_authenticated(struct conn *c, struct slice correlation, struct slice id);
void client_error(struct conn *c, enum code code, struct slice message, struct slice room,
    struct slice correlation, struct slice id);

/* Put it into the rooms of the `auto` rules. tell: report and say each new one. */
void client_join_auto(struct conn *c, bool tell);

/* The rules or its identity have changed: it leaves what is refused now and joins what
 * is new, told and reported. */
void client_recheck(struct conn *c);

/* Join and leave for others (commands): as if it had asked, but without a reply when
 * nothing changes. NULL, or a static reason why it may not. */
const char *client_join(struct conn *c, struct slice room);
void client_leave(struct conn *c, struct slice room);

#endif
