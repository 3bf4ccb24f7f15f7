/* wire - how each server wants to be spoken to: its handshake, how a connection gets into
 * a room, how a message is published, what a member says to be heard by itself or by
 * others. Pure: everything is appended to a buffer. Rooms are r0, r1, ... */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "frame.h"

enum mode {
	MODE_IDLE,  /* connect only */
	MODE_FEED,  /* fan-out of what the feed publishes */
	MODE_RELAY, /* fan-out of what member 0 says */
	MODE_ECHO,  /* each member gets what it says */
};

enum feed_kind {
	FEED_STREAM,    /* a FIFO or a TCP connection */
	FEED_WEBSOCKET, /* each message in a frame */
	FEED_HTTP,      /* requests on several connections, one at a time on each */
};

struct who {
	uint32_t id, room;
	enum mode mode;
};

struct wire {
	const char *name;
	const char *subprotocol;   /* NULL: none is asked for */
	enum frame_opcode opcode;  /* of what members and a WebSocket feed send */
	bool packed;               /* several messages may come in one frame */
	bool to_sender;            /* MODE_RELAY: the sender gets its message, too */
	enum feed_kind feed;

	void (*target)(struct buf *b, const struct who *w); /* what is asked for with GET */
	/* Said after the upgrade; NULL: the target made us a member. */
	void (*greet)(struct buf *b, const struct who *w);
	/* A message from the server before we are a member; true: now we are. May answer. */
	bool (*hears)(struct slice message, const struct who *w, struct buf *answer);

	const char *feed_target;   /* FEED_WEBSOCKET: what is asked for with GET */
	/* What a feed says first, and what is in the answer; NULL: nothing. */
	void (*feed_greet)(struct buf *b);
	const char *feed_until;
	void (*publish)(struct buf *b, uint32_t room, struct slice message);

	/* NULL: this server has no such thing. */
	void (*echo)(struct buf *b, const struct who *w, struct slice message);
	void (*relay)(struct buf *b, const struct who *w, struct slice message);
};

/* NULL when there is none of that name. */
const struct wire *wire_find(const char *name);

#endif
