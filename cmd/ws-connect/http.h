/* http - the head of an HTTP/1.1 message as a server or proxy sends it (RFC 9112),
 * strictly: CRLF line ends, no folded lines, names that are tokens, no control
 * characters. Pure; slices borrow from the input. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "slice.h"

enum {
	HTTP_HEAD_MAX = 64 << 10, /* longest head, bytes */
};

struct http_reply {
	unsigned status;     /* 100 to 599 */
	struct slice reason; /* phrase of the status line, may be empty */
	struct slice fields; /* the lines behind the status line */
	size_t length;       /* of the head, its empty line included */
};

enum http_parse {
	HTTP_WHOLE,   /* *r is set; the body begins r->length bytes further on */
	HTTP_MORE, /* the head is not complete */
	HTTP_BAD,  /* no HTTP/1.1, or malformed; *why says what (static text) */
};

enum http_parse http_reply(struct slice in, struct http_reply *r, const char **why);

/* The value of the only field of that name (any case), trimmed; p NULL when there is
 * none. *count, when given, is how many there are (then the first is returned). */
struct slice http_field(struct slice fields, const char *name, unsigned *count);

/* True if a comma-separated list has this element, in any case. */
bool http_list_has(struct slice list, const char *element);

/* Cut the next element off a list; false at its end. `separator` outside quotes. */
bool http_list_next(struct slice *list, char separator, struct slice *element);

/* True if every byte may stand in a token (RFC 9110 5.6.2), and there is one. */
bool http_token(struct slice s);

/* True if every byte may stand in a field's value: visible, blank, tab or above 127. */
bool http_value(struct slice s);

/* Compare with a string in any case. */
bool http_is(struct slice s, const char *text);

#endif
