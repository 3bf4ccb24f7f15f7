/* access_private - what both ways in share: a request with a token, and an auth message. */
#ifndef ACCESS_PRIVATE_H
#define ACCESS_PRIVATE_H

#include "access.h"

struct identity;

/* True when its token has run out already. */
bool access_over(const struct identity *id);

/* When c's token runs out, on the loop's clock. */
void access_set_expiry(struct conn *c);

/* All is known about c: it counts from now on, and is in its rooms. */
void access_open(struct conn *c);

/* Refuse c after the upgrade: close with this code, and a `refused` event with this HTTP
 * status if it had not been admitted. `reason` is fixed text. */
void access_turn_away(struct conn *c, int status, unsigned code, const char *reason);

#endif
