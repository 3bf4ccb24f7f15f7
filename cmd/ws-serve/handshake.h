/* handshake - the opening handshake of RFC 6455 4.2.1 as a server must check it, and the
 * token a client brings with it. Pure, but for what is decoded into a buffer. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>

#include "buf.h"
#include "door.h"
#include "request.h"

enum { HANDSHAKE_KEY = 24 }; /* a Sec-WebSocket-Key: 16 bytes in base64 */

struct handshake {
	struct slice key;
	struct slice origin;
	struct slice token;
	enum door_token_source source;
	struct slice subprotocols[DOOR_SUBPROTOCOLS]; /* without bearer and its token */
	int subprotocol_count;
	bool deflate;              /* an offer of permessage-deflate that needs no window size */
};

/* True if this request asks to become a WebSocket: then nothing else may serve it. */
bool handshake_wanted(const struct request *r);

/* True for what may be a token: visible ASCII. So it can stand in a log of the
 * authenticator's, and no NUL or line end gets into anything. */
bool handshake_token(struct slice s);

/* Check everything. `cookie` names the cookie that may hold the token, or is NULL.
 * Slices point into the request, or behind what *scratch holds. 0, or the HTTP status
 * to refuse it with (400, 405, 426) and *why (static text, nothing of the client's). */
int handshake_check(const struct request *r, const char *cookie, struct buf *scratch,
    struct handshake *h, const char **why);

#endif
