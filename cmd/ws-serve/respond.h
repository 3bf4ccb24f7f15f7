/* respond - HTTP responses as bytes. Pure but for the clock (Date). */
#ifndef RESPOND_H
#define RESPOND_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct respond {
	int status;
	const char *type;     /* Content-Type; NULL: no body */
	struct slice body;
	int64_t length;       /* of a body that is sent apart from this; used when body.p is NULL */
	const char *fields;   /* further fields, each with its CRLF; NULL: none */
	bool head;            /* HEAD: the length is told, the body is left out */
};

/* Append a response; the connection ends with it ("Connection: close"). */
void respond_put(struct buf *b, const struct respond *r);

struct refusal {
	int status;
	const char *reason;   /* fixed text */
	int retry_s;          /* Retry-After; 0: none */
	const char *allow;    /* 405: the methods; NULL: GET */
	bool head;            /* as above */
};

/* Append a refusal: {"status":401,"error":"expired"}, with what RFC 9110 and RFC 6455
 * 4.4 demand beside the status (426: Upgrade and the version; 405: Allow; 401:
 * WWW-Authenticate). */
void respond_refusal(struct buf *b, const struct refusal *r);

#endif
