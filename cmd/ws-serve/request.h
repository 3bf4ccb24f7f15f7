/* request - the header of an HTTP/1.x request, strictly (RFC 9112): lines end in CRLF, a
 * field name is a token with its colon right behind it, no folded lines, no control
 * characters, one Host. What two servers might read in two ways is malformed here.
 * Pure; nothing is allocated, slices point into the caller's bytes. */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum {
	REQUEST_MAX = 16 << 10, /* longest header, bytes, the blank line included */
	REQUEST_FIELDS = 100,   /* most fields */
};

struct request_field {
	struct slice name, value; /* value without the blanks around it */
};

struct request {
	struct slice method;
	struct slice path;  /* begins with '/'; not decoded */
	struct slice query; /* behind the '?'; empty when there is none */
	struct slice host;  /* of the Host field, or of an absolute target (RFC 9112 3.2.2) */
	int minor;          /* HTTP/1.minor: 0 or 1 */
	struct request_field field[REQUEST_FIELDS];
	int fields;
};

/* Length of the header at the start of `bytes`, its blank line included; 0 when the
 * blank line is not there yet. `seen` bytes were looked at by an earlier call that gave
 * 0 for the same bytes, so a slow sender costs no more than a fast one. */
size_t request_end(struct slice bytes, size_t seen);

/* False when `bytes` cannot be the beginning of a request, since no method stands there:
 * TLS, or another protocol. request_parse says 400 to them, whole or not. */
bool request_begun(struct slice bytes);

/* Parse a whole header, as request_end measured it. 0, or the HTTP status to refuse it
 * with (400, 431, 505) and *why (static text). */
int request_parse(struct slice header, struct request *r, const char **why);

/* The field `name` (any case): the number of times it is there; *value is the first. */
int request_field(const struct request *r, const char *name, struct slice *value);

/* Walk over a comma-separated list (RFC 9110 5.6.1) that may be spread over several
 * fields of that name: the next element that is not empty, without blanks around it.
 * Commas within quoted strings do not separate. Start with {0}. */
struct request_list {
	int field;
	struct slice rest;
};
bool request_list(const struct request *r, const char *name, struct request_list *at,
    struct slice *element);

/* True if the list `name` holds `word`, in any case. */
bool request_lists(const struct request *r, const char *name, const char *word);

/* Comparison without regard to ASCII case. */
bool request_same(struct slice a, struct slice b);

/* True for a token of RFC 9110 5.6.2. */
bool request_token(struct slice s);

/* What stands between the request's header and the next byte that is not its own:
 * 0 and *length (-1: chunked), or the HTTP status to refuse it with. Content-Length and
 * Transfer-Encoding in one request, repeated or other than plain digits are a 400. */
int request_body(const struct request *r, int64_t *length, const char **why);

#endif
