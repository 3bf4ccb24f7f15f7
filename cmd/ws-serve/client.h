/* client - what a client says, ws-protocol(7). What it is answered: reply.h; how it gets
 * into rooms: member.h. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>

#include "slice.h"

struct conn;

/* A whole message. May park the connection (inbox.h); then it comes again. */
void client_message(struct conn *c, struct slice text, bool binary);

#endif
