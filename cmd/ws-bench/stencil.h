/* stencil - a template of messages to fill in:
 *   {n}     number of the message, from 0, over all connections
 *   {conn}  number of the connection, from 0
 *   {user}  who the connection is
 *   {room}  number of its room, from 0
 *   {time}  the present time, as RFC 3339
 *   {id}    the stamp by which an answer or a delivery is known again
 *   {pad}   as many 'x' as bring the message to the size that was asked for
 * Anything else in braces stands for itself. Pure but for the clock. */
#ifndef STENCIL_H
#define STENCIL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "slice.h"

enum stencil_part {
	PART_TEXT, PART_N, PART_CONN, PART_USER, PART_ROOM, PART_TIME, PART_ID, PART_PAD,
};

struct stencil {
	struct piece {
		enum stencil_part part;
		struct slice text; /* of PART_TEXT; borrowed */
	} *pieces;
	int n;
};

struct stencil_values {
	uint64_t n;
	uint32_t conn, room;
	struct slice user, id;
	size_t size; /* bytes of the message, if {pad} can make them up */
};

/* Split `text`, which must outlive the template. */
void stencil_init(struct stencil *t, struct slice text);

bool stencil_has(const struct stencil *t, enum stencil_part part);

/* A word in braces that is none of ours, such as "{usr}": probably a slip. An empty
 * slice when there is none. */
struct slice stencil_unknown(struct slice text);

/* Append the message. */
void stencil_put(struct buf *b, const struct stencil *t, const struct stencil_values *v);

void stencil_free(struct stencil *t);

#endif
