/* get - what the server knows about itself, as JSON members: the answers to
 * {"get":"stats"|"rooms"|"room"|"connections"|"connection"|"limits"}.
 * Lists come in pages: at most `limit` items (1000 unless given, GET_LIMIT at most) and
 * GET_BYTES; "more":true says that there is a next one, to be asked for with "after" and
 * the last item's room or conn. */
#ifndef GET_H
#define GET_H

#include "buf.h"

struct conn;
struct room;
struct server;

enum {
	GET_LIMIT = 10000,    /* items of a page */
	GET_BYTES = 4 << 20,  /* of a page; the item that reaches it is the last */
};

/* Register the verb. */
void get_new(struct server *s);

/* Append the members of one connection: conn, user, remote, path, seconds, rooms,
 * patterns, received, sent, dropped, queued. */
void get_put_connection(struct buf *b, const struct conn *c);

#endif
