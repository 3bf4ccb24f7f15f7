/* peers - limits per client address: connections at a time (--max-connections-per-ip)
 * and requests in a time (--connect-rate). IPv4 addresses count by themselves, IPv6
 * addresses by /64, which is what one client commonly has. A table entry lives while it
 * has connections, or requests that wait, or its bucket is not full again. */
#ifndef PEERS_H
#define PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "num.h"

struct peers;
struct peer;

enum {
	PEERS_SHARES = 1024,
	PEERS_RETRY_S = 10, /* when all connections are taken, nobody knows better */
	PEERS_WAITING = 16,        /* requests that may wait beside `most`: a browser sends many */
};

struct peer_address {
	unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

/* What an address counts as: an IPv6 address as its /64. */
struct peer_address peers_key(const struct peer_address *a);

/* The share of an address (not its key) among PEERS_SHARES: for counting what addresses
 * hold without a table. Two in one share are rare, and only somewhat unfair. */
unsigned peers_share(const struct peer_address *a);

/* most: connections at a time, 0: no limit. rate->count 0: no limit. */
struct peers *peers_new(int64_t most, const struct num_rate *rate);
void peers_free(struct peers *p);

/* A request at now_us (any monotonic clock). False when it is over the rate; *retry_us
 * then says when to try again. */
bool peers_ask(struct peers *p, const struct peer_address *a, int64_t now_us, int64_t *retry_us);

/* A connection more, until peers_left. NULL when all of the address's are taken. */
struct peer *peers_enter(struct peers *p, const struct peer_address *a);

/* A connection of this peer has ended. NULL is fine. */
void peers_left(struct peers *p, struct peer *peer);

/* A connection that has not said yet what it wants. NULL when PEERS_WAITING more than
 * `most` of this address wait already, so that nobody can hold all places of the door.
 * Counts until peers_waited. */
struct peer *peers_wait(struct peers *p, const struct peer_address *a);
void peers_waited(struct peers *p, struct peer *peer);

#endif
