/* conn - one WebSocket connection, and finding it. What libwebsockets tells of it:
 * conn_lws.h; what becomes due for it: conn_timer.h; how it ends: conn_end.h. */
#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <libwebsockets.h>

#include "bucket.h"
#include "buf.h"
#include "identity.h"
#include "rules.h"
#include "slice.h"
#include "wheel.h"

struct endpoint;
struct peer;
struct queued;
struct parked;
struct renewal;
struct room;
struct server;
struct spelling;

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
	bool deflate;                /* permessage-deflate was agreed on */
	bool watched;                /* somebody wants to see what is sent to it */
	bool doomed;                 /* queue.c: will be ended when the turn is over */
	int fd;
	uint32_t stamp;              /* send.c: the last walk over members that met it */
	uint32_t in_lws;             /* lws holds some of these bytes, a short write's rest */
	uint64_t sent;

	size_t queued;               /* bytes in the queue and in lws */
	uint64_t number;             /* its id is NODE-NUMBER */
	struct server *server;
	const struct endpoint *endpoint;
	struct peer *peer;           /* of the door's limits; may be NULL */
	struct identity id;
	const char *path;            /* behind `remote` */
	struct seat *seats;          /* its rooms, user and patterns */
	uint32_t seat_count, seat_cap;
	uint16_t rooms, patterns;    /* of those: what counts for --max-rooms, --max-patterns */
	uint16_t invalid;            /* messages that were invalid */

	bool entering;               /* the door is handing it over */
	bool admitted;               /* open was reported: it counts, has rooms */
	bool waiting_auth;           /* its first message must be an auth message */
	bool parked;                 /* its messages wait for room in stdout */
	bool ping_out;               /* a ping was sent, no byte came in since */
	/* Of the message that is being put together; midway: in a frame, not between two. */
	bool binary : 1, packed : 1, midway : 1;
	bool parting : 1;            /* a close frame is out, or on its way: nothing follows */
	bool heard : 1;              /* the peer has sent a close frame, if a wrong one */
	bool blocking;               /* --slow block: a source waits for it */
	uint16_t close_code;         /* 0 while open */
	struct buf *message;         /* the pieces of a message; NULL between messages */
	struct parked *kept;         /* messages kept while parked */
	struct renewal *ask;         /* a question to the authenticator that is out */
	int64_t seen_us;             /* last byte in, or progress of its queue */
	int64_t ping_us;             /* when the last ping went out */
	int64_t opened_us;
	int64_t end_us;              /* end of waiting: for an auth message, or, closing, for
	                              * the peer; 0: none */
	int64_t later_us;            /* conn_close_later: when, 0: never */
	int64_t block_us;            /* --slow block: until when */
	int64_t expires_us;          /* when the token runs out, 0: never */
	struct wheel_node timer;
	struct bucket rate;
	uint64_t received, dropped;
	char *close_reason;          /* NULL: none */
	struct conn *prev, *next;    /* all connections, in the order they came */
	uint32_t rtt_us;             /* the last ping's round trip, 0: none yet */
	char remote[];               /* "10.0.0.7:51234" */
};

void conns_new(struct server *s);
void conns_free(struct server *s);

/* A connection about to be admitted; conn_opened when it counts; conn_free only before
 * lws knows of it (later, its end does that). */
struct conn *conn_new(struct server *s, const struct endpoint *endpoint, struct slice remote,
    struct slice path);
void conn_opened(struct conn *c);
void conn_free(struct conn *c);

/* All connections: start with conn_first, then c->next, until NULL. Only those with
 * c->admitted have been reported as open. */
struct conn *conn_first(const struct server *s);

/* Connections that are open (admitted and not closing). */
uint64_t conn_count(const struct server *s);

/* All that there are: waiting for an auth message and closing ones too. */
uint64_t conn_total(const struct server *s);

/* A connection that is open by its id ("k7f3m2q9x4ta-17"); NULL: none. */
struct conn *conn_find(const struct server *s, struct slice id);

/* Append the id, without quotes. */
void conn_put_id(struct buf *b, const struct conn *c);

/* Append "conn":… and "user":… (if it has one). */
void conn_put_who(struct buf *b, const struct conn *c);

static inline struct slice
conn_user(const struct conn *c)
{
	return c->id.user ? slice_str(c->id.user) : slice_of("", 0);
}

/* How its endpoint spells replies. */
const struct spelling *conn_spelling(const struct conn *c);

/* Its identity as the rules ask for it; borrowed from c. */
struct rules_identity conn_rules_identity(const struct conn *c);

/* It is on its way out, and its close frame may be out: nothing reaches it any more, and
 * what it says is not heard. */
void conn_retire(struct conn *c);

#endif
