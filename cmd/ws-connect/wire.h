/* wire - libwebsockets as the maker and reader of frames.
 * The network side (connecting, proxy, TLS, the HTTP handshake and its checks) is ours,
 * see dial.h; libwebsockets gets one end of a local stream whose other end is here. It
 * masks, splits, joins, compresses, answers pings and does the closing handshake. Its
 * own upgrade request is answered here, in memory, once the real server has agreed.
 *
 * Nothing blocks. One connection at a time. */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "outq.h"
#include "slice.h"

/* What comes in. Messages are whole; the slice lasts for the call. */
struct wire_events {
	void *ctx;
	void (*message)(void *ctx, struct slice body, bool binary);
	void (*pong)(void *ctx, struct slice payload);
};

struct wire;

/* Set up libwebsockets. max_message: longest message in bytes, either way, after
 * inflating. Ends the program when it cannot be set up. */
struct wire *wire_new(size_t max_message, struct wire_events events);
void wire_free(struct wire *w);

/* A new connection, open at once. `extension` is the Sec-WebSocket-Extensions line the
 * server agreed to, or empty. 0, or -1 with errno. */
int wire_open(struct wire *w, struct slice extension);

/* Forget the connection; what the server has not been sent in full (see wire_sent) is
 * put back before what is in *q. */
void wire_abandon(struct wire *w, struct outq *q);

/* Give it sound frames from the server, and let it work. None has a payload of more than
 * WIRE_PIECE_MAX bytes. False when it does not take them any more. */
enum { WIRE_PIECE_MAX = 16 << 10 };
bool wire_input(struct wire *w, struct slice bytes);

/* Let it work until it has nothing more to do for now. */
void wire_pump(struct wire *w);

/* Bytes for the network, and that n of them were sent. The slice lasts until the next
 * call of anything here. */
struct slice wire_output(const struct wire *w);
void wire_sent(struct wire *w, size_t n);

/* True when the next message, ping or close may be handed over. */
bool wire_ready(const struct wire *w);

/* True when all that was handed over has gone to the network. */
bool wire_idle(const struct wire *w);

/* Send a message (now the wire's), a ping (125 bytes at most), or begin the closing
 * handshake (a code that may be sent, a reason of 123 bytes at most).
 * Only when wire_ready. */
void wire_send(struct wire *w, struct outmsg *m);
void wire_ping(struct wire *w, struct slice payload);
void wire_close(struct wire *w, unsigned code, struct slice reason);

/* The server's Close frame has this code: libwebsockets answers some codes with 1002,
 * and is made to answer with the code itself. Before the frame is given to wire_input. */
void wire_peer_closes(struct wire *w, unsigned code);

/* libwebsockets is done with the connection: both Close frames have passed, or it could
 * not inflate what came. */
bool wire_done(const struct wire *w);

/* What was wrong with the data itself, with the close code for it; 0 when nothing:
 * 1007 for a text that is not UTF-8, 1009 for a message that is too long. */
unsigned wire_fault(const struct wire *w, const char **why);

/* Messages of the user that have gone to the network in full, in all connections. */
uint64_t wire_count(const struct wire *w);

#endif
