/* control - the Unix socket of --control: peers that write commands and read answers and
 * events. The code is that of stdin and stdout, the policy is not: a peer that does not
 * read loses lines (CONTROL_PENDING, counted, told by a `gap`) and holds up nobody. */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "slice.h"

struct message;
struct server;

enum {
	CONTROL_PEERS = 64,        /* more are told so and closed */
	CONTROL_PENDING = 1 << 20, /* bytes that wait for a peer; more events are lost, and
	                            * no more commands of that peer are read */
};

/* Listen at `path`, a socket with exactly this mode from the start, and register the
 * verbs `events` and `watch`. A dead socket file is replaced. -1 with *why (static or
 * strerror text) when something else is there or it cannot be made. */
int control_new(struct server *s, const char *path, mode_t mode, const char **why);

/* Give the peers what their sockets take of what waits for them, close all and remove the
 * socket file. Fine without a control socket. */
void control_free(struct server *s);

/* True if somebody watches a room. */
bool control_watches_rooms(const struct server *s);

/* `m` goes to the room of this name: for those that watch it. */
void control_room_sent(struct server *s, struct slice room, const struct message *m);

/* For the counters. */
struct control_stats {
	uint64_t peers;   /* that are there */
	uint64_t dropped; /* lines lost by those that did not read, since the start */
	uint64_t refused; /* peers over CONTROL_PEERS */
};
struct control_stats control_stats(const struct server *s);

#endif
