/* get - what the server knows about itself, as JSON members: the answers to
 * {"get":"stats"|"rooms"|"room"|"connections"|"connection"|"limits"}.
 * Lists come in pages: at most `limit` items (1000 unless given, GET_LIMIT at most) and
 * GET_BYTES; "more":true says that there is a next one, to be asked for with "after" and
 * the last item's room or conn. */
#ifndef GET_H
#define GET_H

#include <stdbool.h>
#include <stddef.h>

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

/* The first connection behind that of the id `after`, which may have gone since (empty:
 * the first of all), at *first, or NULL. False when `after` is no id. */
bool get_conns_after(const struct server *s, struct slice after, const struct conn **first);

/* The *n named rooms behind the name `after`, in the order of their names. The array is to
 * be freed. */
const struct room **get_rooms_after(const struct server *s, struct slice after, size_t *n);

#endif
