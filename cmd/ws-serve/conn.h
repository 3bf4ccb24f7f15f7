/* conn - one WebSocket connection: what libwebsockets tells of it, its messages put
 * together, its end. */
#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "bucket.h"
#include "buf.h"
#include "rules.h"
#include "slice.h"
#include "wheel.h"

struct endpoint;
struct lws;
struct peer;
struct queued;
struct room;
struct server;

/* Who somebody is, as the authenticator said it. Owned by its connection. */
struct identity {
	bool authenticated;
	char *user;      /* NULL: none */
	char *claims;    /* a JSON object, NULL: none */
	int64_t expires; /* Unix time in milliseconds, 0: never */
};

/* A place in a room: the room and the index of our entry in its list of members. */
struct seat {
	struct room *room;
	uint32_t at;
};

struct conn {
	/* What sending looks at comes first, in one cache line. */
	struct lws *wsi;
	struct queued *first, *last; /* messages that the kernel did not take yet */
	uint32_t turn;               /* send.c: the turn `dirty` belongs to */
	uint32_t dirty;              /* send.c: rooms and single messages of this turn */
	uint32_t direct;             /* send.c: first single message of this turn, from 1 */
	bool closing;                /* on its way out: in no room, gets and says nothing */
	bool deflate;                /* compressed: every message goes through lws */
	bool watched;                /* somebody wants to see what is sent to it */
	bool partial;                /* lws holds the rest of a short write */
	uint64_t sent;

	size_t queued;               /* bytes in the queue and in lws */
	uint64_t number;             /* its id is NODE-NUMBER */
	struct server *server;
	const struct endpoint *endpoint;
	struct peer *peer;           /* of the door's limits; may be NULL */
	struct identity id;
	char *remote;                /* "10.0.0.7:51234" */
	char *path;
	struct seat *seats;          /* its rooms, user and patterns */
	uint32_t seat_count, seat_cap;
	uint16_t rooms, patterns;    /* of those: what counts for --max-rooms, --max-patterns */
	uint16_t invalid;            /* messages that were invalid */

	bool admitted;               /* open was reported: it counts, has rooms */
	bool waiting_auth;           /* its first message must be an auth message */
	bool parked;                 /* its messages wait for room in stdout */
	bool ping_out;               /* a ping was sent, no byte came in since */
	bool binary;                 /* the message that is being put together */
	bool blocking;               /* --slow block: a source waits for it */
	struct buf *message;         /* the pieces of a message; NULL between messages */
	struct parked *kept;         /* messages kept while parked */
	void *ask;                   /* a question to the authenticator that is out */
	int64_t seen_us;             /* last byte in, or progress of its queue */
	int64_t ping_us;             /* when the last ping went out */
	int64_t opened_us;
	int64_t end_us;              /* the hard end of a close, 0: none */
	int64_t block_us;            /* --slow block: until when */
	int64_t expires_us;          /* when the token runs out, 0: never */
	struct wheel_node timer;
	struct bucket rate;
	uint64_t received, dropped;
	uint16_t close_code;         /* 0 while open */
	char *close_reason;          /* NULL: none */
	struct conn *prev, *next;    /* all connections, in the order they came */
};

/* All connections: start with conn_first, then c->next, until NULL. Only those with
 * c->admitted have been reported as open. */
struct conn *conn_first(const struct server *s);

/* Connections that are open (admitted and not closing). */
uint64_t conn_count(const struct server *s);

/* A connection that is open by its id ("k7f3m2q9x4ta-17"); NULL: none. */
struct conn *conn_find(const struct server *s, struct slice id);

/* Append the id, without quotes. */
void conn_put_id(struct buf *b, const struct conn *c);

static inline struct slice
conn_user(const struct conn *c)
{
	return c->id.user ? slice_str(c->id.user) : slice_of("", 0);
}

/* Its identity as the rules ask for it; borrowed from c. */
struct rules_identity conn_rules_identity(const struct conn *c);

/* End it: what is queued goes out first, then a close frame with `code` (1000, 1001,
 * 1007 to 1014, 3000 to 4999) and `reason` (at most 123 bytes are used). It leaves its
 * rooms at once, and is cut when the peer does not answer in CONN_CLOSE_MS. */
void conn_close(struct conn *c, unsigned code, struct slice reason);

/* The same without what is queued: for one that does not read. */
void conn_abandon(struct conn *c, unsigned code, struct slice reason);

/* Cut it without a close frame; reported as 1006 with `reason`. */
void conn_cut(struct conn *c, const char *reason);

enum { CONN_CLOSE_MS = 5000 };

#endif
