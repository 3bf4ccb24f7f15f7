/* upgrade - the opening handshake of RFC 6455 section 4, client side. Pure but for the
 * random key. */
#ifndef UPGRADE_H
#define UPGRADE_H

#include "buf.h"
#include "http.h"
#include "options.h"

enum {
	UPGRADE_KEY = 24,    /* length of Sec-WebSocket-Key */
	UPGRADE_ACCEPT = 28, /* length of Sec-WebSocket-Accept */
};

/* A fresh random key, terminated. Ends the program when there is no randomness. */
void upgrade_key(char key[UPGRADE_KEY + 1]);

/* What the server must answer to that key, terminated. */
void upgrade_accept(struct slice key, char accept[UPGRADE_ACCEPT + 1]);

/* The request. The token (empty: none) goes where o->token_in says; not for
 * TOKEN_MESSAGE. */
void upgrade_request(struct buf *b, const struct options *o, const char *key,
    struct slice token);

/* What was agreed on. */
struct upgrade {
	struct slice subprotocol; /* borrowed from the reply; empty when none */
	struct buf extension;     /* permessage-deflate and its parameters, or empty */
};

/* Check a reply with status 101. NULL, or what is wrong with it (static text). Release
 * with buf_free(&u->extension). */
const char *upgrade_check(const struct http_reply *r, const struct options *o,
    const char *key, struct upgrade *u);

#endif
