/* handshake - the client's side of the opening handshake, RFC 6455 section 4: the
 * request, and a strict look at the answer. Pure. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include "buf.h"
#include "slice.h"

enum {
	HANDSHAKE_KEY = 16,         /* bytes of the random key */
	HANDSHAKE_MAX = 16 << 10,   /* longest answer, bytes */
};

/* What is asked for; empty slices and NULL are left out. */
struct handshake {
	struct slice target, host, origin;
	struct slice bearer;              /* token for an Authorization header */
	struct slice protocol;            /* offered */
	struct slice secret_protocol;     /* offered behind it, never to be chosen: a token */
	const char *const *headers;       /* further lines, "Name: value" */
	int nheaders;
};

/* Append the request. */
void handshake_request(struct buf *b, const struct handshake *h,
    const unsigned char key[HANDSHAKE_KEY]);

enum handshake_status {
	HANDSHAKE_OK,      /* answer->size bytes are the header, frames follow */
	HANDSHAKE_MORE,    /* not complete: try again with more */
	HANDSHAKE_REFUSED, /* the server answered with answer->status */
	HANDSHAKE_BAD,     /* answer->why says what is wrong with it */
};

struct handshake_answer {
	size_t size;
	int status;
	const char *why; /* static text */
};

/* Look at what has come in by now. The server must speak HTTP/1.1, answer 101, upgrade
 * to websocket, prove that it has read the key, choose no protocol that was not offered
 * and no extension at all (section 4.2.2; none was offered). */
enum handshake_status handshake_check(struct slice bytes, const struct handshake *h,
    const unsigned char key[HANDSHAKE_KEY], struct handshake_answer *answer);

#endif
