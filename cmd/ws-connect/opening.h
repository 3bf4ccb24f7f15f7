/* opening - the way to an open WebSocket: name, TCP or Unix socket, proxy, TLS, the HTTP
 * upgrade. A state machine; the caller polls and calls opening_step. */
#ifndef OPENING_H
#define OPENING_H

#include <netdb.h>
#include <openssl/ssl.h>

#include "buf.h"
#include "dial.h"
#include "options.h"
#include "upgrade.h"

enum opening_state {
	OPENING_CONNECTING,
	OPENING_PROXY,   /* CONNECT was sent */
	OPENING_TLS,
	OPENING_UPGRADE, /* the request was sent */
	OPENING_BODY,    /* refused: reading what the server has to say */
	OPENING_DONE,    /* net, in and upgrade are set */
	OPENING_FAILED,  /* error is set */
};

enum opening_failure {
	OPENING_RETRY,        /* may work later */
	OPENING_FINAL,        /* no use in trying again as it is */
	OPENING_UNAUTHORIZED, /* HTTP 401: may work with another token */
};

struct opening {
	const struct options *o;
	SSL_CTX *tls;
	enum opening_state state;
	struct dial net;
	struct addrinfo *list, *address; /* of the name / the one being tried */
	int64_t next_ms;                 /* when the next address is tried; 0: this is the last */
	struct slice token;              /* the caller's, until the opening ends */
	char key[UPGRADE_KEY + 1];
	struct buf out;                  /* what is to be sent */
	struct buf in;                   /* what came in; behind the head when open */
	size_t head;                     /* bytes of `in` that are a refusal's head */
	struct upgrade upgrade;
	int64_t retry_after;             /* ms, of a refusal that says so; a day at most */
	enum opening_failure failure;
	struct buf error;
};

/* Begin. The token (empty: none) stays the caller's. `tls` is NULL for plain URLs. */
void opening_start(struct opening *d, const struct options *o, SSL_CTX *tls, struct slice token,
    int64_t now_ms);

/* Do what can be done now. */
void opening_step(struct opening *d, int64_t now_ms);

/* What to poll d->net.fd for. */
short opening_events(const struct opening *d);

/* Give up, with this as the reason. */
void opening_fail(struct opening *d, enum opening_failure failure, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Release everything; d is as new. */
void opening_end(struct opening *d);

#endif
