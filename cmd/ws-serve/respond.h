/* respond - HTTP responses as bytes. Pure. */
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

/* Append a refusal: {"status":401,"error":"expired"}, with what RFC 9110 and RFC 6455
 * 4.4 demand beside the status (426: Upgrade and the version; 405: Allow, `allow` or
 * GET; 401: WWW-Authenticate), and Retry-After when retry_s is above 0. */
void respond_refusal(struct buf *b, int status, const char *reason, int retry_s,
    const char *allow);

#endif
