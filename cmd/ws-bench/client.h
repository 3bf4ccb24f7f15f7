/* client - many WebSocket connections on one epoll.
 *
 * Own code for RFC 6455 and not libwebsockets: that one takes 1.5 to 2.5 KiB and a
 * sorted timer list for each connection and calls back through its protocol for each
 * frame, so that the load would cost more than the server it is meant to measure. Here
 * an idle connection is one struct conn; buffers exist only while part of a frame is
 * waiting to be read or written.
 *
 * Times are nanoseconds of the client's own clock, which begins near 0. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "config.h"
#include "dial.h"
#include "frame.h"
#include "net.h"
#include "track.h"

enum conn_state {
	CONN_OFF,
	CONN_CONNECTING, /* TCP */
	CONN_TLS,
	CONN_UPGRADING,  /* the request is out */
	CONN_UP,
	CONN_CLOSING,    /* our Close frame is out */
};

struct conn {
	struct io *io;    /* what is half read or written; usually NULL */
	uint64_t due;     /* when it was to be opened */
	uint64_t started; /* when it was */
	int fd;           /* -1 when CONN_OFF */
	uint8_t state;    /* enum conn_state */
	bool want_write, deaf;

	/* The run's. */
	bool ready;       /* set up: authenticated, subscribed */
	bool pending;     /* to be opened, it stands on the agenda */
	uint16_t awaited; /* answers that setting up still waits for */
	uint32_t seq;     /* messages sent */
	uint32_t got;     /* of them answered or given up */
	uint64_t slot;    /* of the schedule, at which it sends next */
	struct track track; /* of the answers */
};

struct client;

struct client_ops {
	/* The handshake is done. */
	void (*up)(void *ctx, struct conn *c);
	/* A whole text or binary message. It lasts until this returns. */
	void (*message)(void *ctx, struct conn *c, struct slice message);
	/* All of what came in at once has been handled. */
	void (*handled)(void *ctx, struct conn *c);
	/* All that was to be written has been taken by the kernel. */
	void (*drained)(void *ctx, struct conn *c);
	/* The connection has ended by itself; it is CONN_OFF by now. `was` is what it was
	 * before, `kind` says why ("HTTP 503", "closed 1008"), and lasts until this returns. */
	void (*gone)(void *ctx, struct conn *c, enum conn_state was, const char *kind);
	/* A descriptor of client_watch is ready for `events` (of epoll). */
	void (*watched)(void *ctx, int fd, uint32_t events);
};

struct client {
	const struct config *config;
	const struct net *net;
	SSL_CTX *tls; /* NULL without TLS */
	struct client_ops ops;
	void *ctx;

	struct conn *conns; /* config->connections of them */
	uint32_t n, opening, up; /* how many are to be, are on their way, are CONN_UP */
	uint64_t now;       /* read at each poll and each arrival */
	uint64_t bytes_in, bytes_out;
	bool refused;       /* the last one that is gone will never be let in; set to false again */

	/* Private. */
	int epoll;
	uint64_t random;
	char *in;           /* what is read now, of any connection */
	struct buf scratch, request;
};

/* 0, or -1 with errno. The pointers must outlive the client. */
int client_init(struct client *k, const struct config *config, const struct net *net,
    SSL_CTX *tls, const struct client_ops *ops, void *ctx);

/* End all connections at once, by reset, and release. */
void client_free(struct client *k);

static inline uint32_t
conn_number(const struct client *k, const struct conn *c)
{
	return (uint32_t)(c - k->conns);
}

/* The clock, read now. */
uint64_t client_clock(struct client *k);

/* A random number, for masks and delays. */
uint32_t client_random(struct client *k);

/* Open a connection that is CONN_OFF. `due`: when that was to happen. A failure comes
 * as ops.gone. False: the system cannot take it at the moment, try again. */
bool client_open(struct client *k, struct conn *c, uint64_t due);

/* Append a whole message as a masked frame. */
void client_frame(struct client *k, struct buf *b, enum frame_opcode opcode,
    struct slice payload);

/* Send frames; what the kernel does not take now is kept. It may end the connection
 * (ops.gone). */
void client_send(struct client *k, struct conn *c, struct slice frames);

/* Something is waiting to be written: better send no more. */
bool conn_blocked(const struct conn *c);

/* Send Close 1000; the server's end of it comes as ops.gone. */
void client_close(struct client *k, struct conn *c);

/* End it now, by reset, so that the port is free at once. ops.gone is not called. */
void client_abort(struct client *k, struct conn *c);

/* Stop reading (or go on). The end of the connection is noticed all the same. */
void client_deafen(struct client *k, struct conn *c, bool deaf);

/* Read at most n bytes of a deaf connection. */
void client_trickle(struct client *k, struct conn *c, size_t n);

/* End connections that have been opening for longer than config->timeout. */
void client_expire(struct client *k);

/* Watch another descriptor; events 0: no more. 0, or -1 with errno (EPERM: a regular
 * file, which is always ready). */
int client_watch(struct client *k, int fd, uint32_t events);

/* Wait for something to happen, at most until `until`, and handle it. */
void client_poll(struct client *k, uint64_t until);

/* --- between client.c and wire.c --- */

struct io {
	struct dial net;    /* the descriptor once more, and its TLS; without TLS not used */
	struct buf out;     /* to be written, from `sent` on */
	size_t sent;
	struct buf in;      /* the beginning of a header or frame */
	struct buf message; /* the fragments of a message */
	bool fragmented;
	unsigned char key[HANDSHAKE_KEY];
};

/* Its io, made when it has none. */
struct io *conn_io(struct conn *c);

/* Release the io if nothing is in it. */
void conn_tidy(struct conn *c);

/* End and report it. */
void client_gone(struct client *k, struct conn *c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Tell epoll what it waits for now. */
void client_interest(struct client *k, struct conn *c, bool want_write);

/* Take what has come in: handshake and frames. `limit`: bytes of one read. */
void wire_read(struct client *k, struct conn *c, size_t limit);

/* Write what is waiting. */
void wire_write(struct client *k, struct conn *c);

/* Make the request of connection c, and check the answer. */
void wire_request(struct client *k, struct conn *c, struct handshake *h);

enum { CLIENT_CHUNK = 256 << 10 };

#endif
