/* send - messages on their way to connections.
 *
 * A message is encoded once, and packed once if somebody with permessage-deflate gets it.
 * Within a turn of the loop (or one chunk of stdin) messages collect in one batch per
 * room; send_flush then writes each member all that is for it with one call, in the order
 * of the commands. Only what the kernel does not take is queued: references to the batch,
 * counted in bytes, bounded by --client-queue and --queue-total; what happens beyond is
 * --slow.
 *
 * A message over SEND_FRAGMENT is sent as several frames (RFC 6455 section 5.4), since
 * libwebsockets copies what is left of a frame that was begun: so the copy is small. */
#ifndef SEND_H
#define SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

struct conn;
struct room;
struct server;
struct source;
struct spelling;

enum {
	SEND_FRAGMENT = 64 << 10, /* longest payload of one frame, bytes */
	SEND_EARLY = 256 << 10,   /* bytes of a batch at which it is sent before the turn ends */
	SEND_SINGLES = 1 << 20,   /* the same for addressees of messages that go to no one room */
	SEND_JOIN = 128 << 10,    /* bytes of queued frames that are joined for one write */
};

struct message {
	struct slice body;
	bool binary;
};

void sender_new(struct server *s);
void sender_free(struct server *s);

/* To a room's own members, patterns not considered (ROOM_ALL and ROOM_USER have none), but
 * for `except` (NULL: to all). Returns how many it goes to. */
uint64_t send_room(struct server *s, struct room *r, struct conn *except,
    const struct message *m);

/* To one connection. */
void send_conn(struct conn *c, const struct message *m);

/* To the union of n rooms, each connection once, but for those in `except`, and with
 * `only` not NULL only those whose endpoint is spelled so. Returns how many it goes to. */
uint64_t send_union(struct server *s, struct room *const *rooms, uint32_t n,
    struct conn *const *except, uint32_t excepts, const struct spelling *only,
    const struct message *m);

/* Write what has collected. Called by whoever changes rooms that have a batch. Ends no
 * connection, so that rooms and members stay as they are: those that are too slow or
 * broken get nothing more and are noted. */
void send_write(struct server *s);

/* The same, and end those that were noted. Called at the end of a chunk of stdin. */
void send_flush(struct server *s);

/* The end of a turn of the loop: flush. What goes to many waits until the loop has
 * nothing else to do, a millisecond at most: a client's messages to a room come a few in
 * each turn, and many of them cost hardly more sends than one. */
void send_turn(struct server *s);

/* libwebsockets says that c can be written to. -1: it has ended, close it now. */
int send_writable(struct conn *c);

/* Forget what is queued and what this turn has for c, and that it was to end. */
void send_forget(struct conn *c);

/* A ping with the time in it; nothing when messages are queued (their progress shows
 * as well that the peer lives). */
void send_ping(struct conn *c);

/* Bytes queued in all. */
uint64_t send_queued(const struct server *s);

/* A tap on what is sent to connections with c->watched: called with whole frames as a
 * server sends them (frame.h). NULL: none. */
void send_tap(struct server *s, void (*tap)(void *ctx, struct conn *c, struct slice frames),
    void *ctx);

/* The source whose commands run now (NULL: none). With --slow block it is held when a
 * connection's queue is full. */
void send_source(struct server *s, struct source *source);

/* A connection that sources waited for does not block any more (drained, gone). */
void send_unblock(struct conn *c);

/* A source is going away. */
void send_source_gone(struct server *s, struct source *source);

#endif
