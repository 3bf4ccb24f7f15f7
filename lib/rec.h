/* rec - the record: what the members of a line of the stream are (ws-stream(5)).
 * A message body stands in exactly one of
 *   data    the body, when it is valid JSON
 *   text    the body as a string, when it is UTF-8 but not JSON
 *   base64  the body in base64, when it is neither; a binary message always */
#ifndef REC_H
#define REC_H

#include <time.h>

#include "buf.h"
#include "js.h"

enum { REC_MEMBERS = 64 }; /* members of a line that the tools look into, at most */

enum rec_form { REC_AUTO, REC_TEXT, REC_BASE64 };

/* The names of the forms, for an option table: --payload auto|text|base64. */
extern const char *const rec_forms[];

enum rec_kind { REC_NONE, REC_DATA, REC_IS_TEXT, REC_BINARY };

struct rec_payload {
	enum rec_kind kind; /* REC_NONE: the record carries no body */
	struct slice bytes;
};

/* Append the payload member for `body` ("data":…), with the comma of js_put_key. With
 * REC_TEXT a body that is not UTF-8 is base64 all the same; `binary` forces base64. */
void rec_put_payload(struct buf *b, struct slice body, enum rec_form form, bool binary);

/* The payload of a record whose members were split by js_object. Decoded bytes go
 * behind what *scratch holds. 0, or -1 with *why set (static text): two of them, a text
 * or base64 that is no string, bad base64. */
int rec_payload(const struct js_member *m, int n, struct buf *scratch,
    struct rec_payload *payload, const char **why);

/* Append t as RFC 3339, UTC, microseconds, in quotes: "2026-12-10T10:30:00.000000Z".
 * Years beyond 0 to 9999, which RFC 3339 cannot write, become the nearest that it can. */
void rec_put_time(struct buf *b, struct timespec t);

/* Append a "time" member for now. */
void rec_put_now(struct buf *b);

/* An RFC 3339 time stamp (any offset, up to nine digits of fraction; without quotes).
 * 0, or -1 when it is none. */
int rec_time(struct slice text, struct timespec *t);

#endif
