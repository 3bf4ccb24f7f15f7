/* dial - the way to an open WebSocket: name, TCP or Unix socket, proxy, TLS, the HTTP
 * upgrade. A state machine; the caller polls and calls dial_step. */
#ifndef DIAL_H
#define DIAL_H

#include <netdb.h>

#include "buf.h"
#include "net.h"
#include "options.h"
#include "upgrade.h"

enum dial_state {
	DIAL_CONNECTING,
	DIAL_PROXY,   /* CONNECT was sent */
	DIAL_TLS,
	DIAL_UPGRADE, /* the request was sent */
	DIAL_BODY,    /* refused: reading what the server has to say */
	DIAL_OPEN,    /* done: net, in and upgrade are set */
	DIAL_FAILED,  /* error is set */
};

enum dial_failure {
	DIAL_RETRY,        /* may work later */
	DIAL_FINAL,        /* no use in trying again as it is */
	DIAL_UNAUTHORIZED, /* HTTP 401: may work with another token */
};

struct dial {
	const struct options *o;
	SSL_CTX *tls;
	enum dial_state state;
	struct net net;
	struct addrinfo *list, *address; /* of the name / the one being tried */
	int64_t next_ms;                 /* when the next address is tried; 0: this is the last */
	struct slice token;              /* the caller's, until the dial ends */
	char key[UPGRADE_KEY + 1];
	struct buf out;                  /* what is to be sent */
	struct buf in;                   /* what came in; behind the head when open */
	size_t head;                     /* bytes of `in` that are a refusal's head */
	struct upgrade upgrade;
	unsigned status;                 /* of HTTP, 0: none came */
	enum dial_failure failure;
	struct buf error;
};

/* Begin. The token (empty: none) stays the caller's. `tls` is NULL for plain URLs. */
void dial_start(struct dial *d, const struct options *o, SSL_CTX *tls, struct slice token,
    int64_t now_ms);

/* Do what can be done now. */
void dial_step(struct dial *d, int64_t now_ms);

/* What to poll d->net.fd for. */
short dial_events(const struct dial *d);

/* Give up, with this as the reason. */
void dial_fail(struct dial *d, enum dial_failure failure, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Release everything; d is as new. */
void dial_end(struct dial *d);

#endif
