/* send - messages on their way to connections.
 *
 * A message is encoded once. Within a turn of the loop (or one chunk of stdin) messages
 * collect in one batch per room; send_flush then writes each member all that is for it
 * with one call, in the order of the commands. Only what the kernel does not take is
 * queued: references to the batch, counted in bytes, bounded by --client-queue and
 * --queue-total; what happens beyond is --slow. */
#ifndef SEND_H
#define SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

struct conn;
struct room;
struct server;
struct source;

/* A message: at most 4 GiB. */
struct message {
	struct slice body;
	bool binary;
};

/* To a room's own members, patterns not considered (ROOM_ALL and ROOM_USER have none). */
void send_room(struct server *s, struct room *r, const struct message *m);

/* To one connection. */
void send_conn(struct conn *c, const struct message *m);

/* The union of up to SEND_ROOMS rooms, each connection once, but for those in `except`.
 * Returns how many connections it goes to. */
enum { SEND_ROOMS = 1024 };
uint64_t send_union(struct server *s, struct room *const *rooms, uint32_t n,
    struct conn *const *except, uint32_t excepts, const struct message *m);

/* Write what has collected. Called before the loop waits, and by whoever changes rooms
 * that have a batch. */
void send_flush(struct server *s);

/* libwebsockets says that c can be written to. -1: close it now. */
int send_writable(struct conn *c);

/* Forget what is queued (the connection has ended or will). */
void send_forget(struct conn *c);

/* A ping with the time in it, when nothing is queued. */
void send_ping(struct conn *c);

/* Bytes queued in all. */
uint64_t send_queued(const struct server *s);

/* A tap on what is sent to connections with c->watched: called with whole frames as a
 * server sends them (frame.h). NULL: none. */
void send_tap(struct server *s, void (*tap)(void *ctx, struct conn *c, struct slice frames),
    void *ctx);

/* The source whose commands run now; it is held when --slow block says so. */
void send_source(struct server *s, struct source *source);

#endif
