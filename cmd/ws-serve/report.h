/* report - what is, as the JSON of the HTTP interface: our members and, beside them,
 * those that services of other gateways expect. Each function appends one value (an
 * object, a list) to *b. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct conn;
struct room;
struct server;

enum {
	REPORT_LIMIT = 1000,       /* entries of a list unless a limit is given */
	REPORT_LIMIT_MAX = 100000,
	REPORT_CHANNELS = 100,     /* rooms of by_channel, the largest */
	REPORT_MEMBERS = 1000,     /* members of a room that are listed */
};

/* {"total":5,"by_channel":{"jobs":3}}, without rooms of `auto` rules, as members of an
 * object that has been begun. */
void report_channels(struct buf *b, const struct server *s);

/* Numbers of the whole server: messagesPerSecond is the mean of the last ten seconds,
 * averageLatency (of pings, in milliseconds) and errorRate (errors of clients per message
 * received) that of its whole life. */
void report_stats(struct buf *b, const struct server *s);

/* One connection: the members of get_put_connection, socketId, userId (null when it has
 * none), connectedAt, metadata (remote and path) and latency (of the last ping, in
 * milliseconds, once there was one). */
void report_conn(struct buf *b, const struct conn *c);

/* One room; its members are listed with `members`. */
void report_room(struct buf *b, const struct server *s, const struct room *r, bool members);

/* Which entries of a list. */
struct report_page {
	struct slice user;  /* connections of this user only; empty: all */
	struct slice after; /* those behind the one with this id or name; empty: from the first */
	int64_t limit;
};

/* A list of connections in the order in which they came, or of rooms in that of their
 * names, as members of an object that has been begun: "connections" or "rooms", and
 * "more":true when there are more. What `after` names may have gone since; false when it
 * is no id. */
bool report_conns(struct buf *b, const struct server *s, const struct report_page *page);
bool report_rooms(struct buf *b, const struct server *s, const struct report_page *page);

/* Begin to measure the rates that the stats show. */
void report_new(struct server *s);
void report_free(struct server *s);

#endif
