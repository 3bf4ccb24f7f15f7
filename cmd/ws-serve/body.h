/* body - where the body of an HTTP/1.1 request ends: by its length, or in chunks (RFC
 * 9112 7.1). Pure; nothing is copied. */
#ifndef BODY_H
#define BODY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "slice.h"

enum { BODY_LINE_MAX = 1024, BODY_TRAILER_MAX = 8192 }; /* of a chunk's size line; of all trailers */

enum body_state {
	BODY_DONE,
	BODY_DATA,     /* `left` bytes of content come next */
	BODY_SIZE,     /* digits of a chunk's size */
	BODY_EXTENSION,
	BODY_SIZE_LF,
	BODY_DATA_CR,
	BODY_DATA_LF,
	BODY_TRAILER,  /* at the start of a line behind the last chunk */
	BODY_TRAILER_LINE,
	BODY_TRAILER_LF,
	BODY_LAST_LF,
};

struct body {
	enum body_state state;
	bool chunked;
	int64_t left;
	unsigned digits, line; /* of the size, of the line or the trailers */
};

/* `length` in bytes; -1: chunked. */
void body_init(struct body *b, int64_t length);

/* Take from `in`: returns the bytes used (less than in.n when content was found or the
 * body has ended; call again with the rest), or -1 when malformed. *data is the content
 * among them, empty when there was none. */
ssize_t body_take(struct body *b, struct slice in, struct slice *data);

#endif
