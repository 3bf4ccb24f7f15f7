/* access - who is let in: requests from the door, the authenticator's answers, auth
 * messages, the end of a token's life. */
#ifndef ACCESS_H
#define ACCESS_H

#include "door.h"
#include "slice.h"

struct conn;
struct server;

/* The operations of the door; their ctx is the server. */
extern const struct door_ops access_door_ops;

/* An auth message with this token; what its request wants back comes with the answer. */
void access_auth_message(struct conn *c, struct slice token, struct slice correlation,
    struct slice id);

/* Its first message did not come in time. */
void access_late(struct conn *c);

/* Its token has run out, and no new one is being looked at: close 4001. */
void access_expired(struct conn *c);

/* It was refused after the upgrade: close 4001, and a `refused` event if it had not been
 * admitted. `reason` is fixed text. */
void access_turned_away(struct conn *c, const char *reason);

/* Nobody waits for the authenticator's answer about c any more. */
void access_forget(struct conn *c);

#endif
