/* pack - the messages of a batch as connections with permessage-deflate get them: packed
 * once, for all of these connections, since each message is packed by itself. Short ones
 * and those that do not get shorter stand there as they are, which RFC 7692 section 6
 * allows for each message. */
#ifndef PACK_H
#define PACK_H

struct batch;
struct batch_pool;

/* The same messages, each packed. It belongs to b and lasts as long. */
struct batch *pack_all(struct batch_pool *pool, struct batch *b);

/* Only the last message, at its place in b->packed; those that were not asked for are
 * empty there. */
void pack_last(struct batch_pool *pool, struct batch *b);

#endif
