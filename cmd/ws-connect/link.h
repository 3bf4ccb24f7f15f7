/* link - the open connection: network, guard and wire together, with the heartbeat and
 * the closing handshake. Nothing blocks. Times are ms of CLOCK_MONOTONIC. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "dial.h"
#include "guard.h"
#include "opening.h"
#include "options.h"
#include "outq.h"
#include "wire.h"

struct link {
	const struct options *o;
	struct wire *wire;
	struct dial net;
	struct guard guard;
	struct buf rx;       /* from the network, not yet passed on */
	struct buf sound;    /* what the guard lets pass of it */
	bool eof, lost;      /* nothing more comes from the network / nor can be sent */
	struct buf why;      /* of the end, for people; empty when the code says it all */

	int64_t opened;        /* when */
	int64_t ping_due;      /* -1: none */
	int64_t pong_end;      /* when the peer counts as dead; -1: nothing is awaited */
	bool ping_asked;       /* the user wants a ping */

	bool closing;        /* we end it: after what is queued, or at once */
	bool at_once;
	bool close_given;    /* our Close frame is on its way */
	unsigned close_code;
	struct buf close_reason;
	int64_t close_end;   /* the peer has until then; -1: nothing is awaited */

	bool over;           /* the connection has ended, and: */
	unsigned code;       /* the peer's close code, ours for a fault of the peer, or 1006 */
	bool fault;          /* the peer broke the protocol */
	struct slice reason; /* the peer's; lasts until link_end */
};

/* Take over what `d` has opened. 0, or -1 with errno when libwebsockets cannot. */
int link_open(struct link *l, const struct options *o, struct wire *w, struct opening *d,
    int64_t now);

/* Move what can be moved, in both directions; messages are taken from *queue. `paused`:
 * nothing is received, but the heartbeat goes on. */
void link_step(struct link *l, struct outq *queue, bool paused, int64_t now);

/* End it. What is queued is sent first, unless at_once. */
void link_close(struct link *l, unsigned code, struct slice reason, bool at_once, int64_t now);

/* Send a ping soon. */
void link_ping(struct link *l);

/* What to poll l->net.fd for, and when to call link_step at the latest (-1: never). */
short link_events(const struct link *l, bool paused);
int64_t link_due(const struct link *l);

/* True if link_step has something to do at once, whatever poll says. */
bool link_busy(const struct link *l, bool paused);

/* Release it; what was not sent in full goes back to the head of *queue. */
void link_end(struct link *l, struct outq *queue);

#endif
