/* rmq - a connection to an AMQP 0-9-1 broker, with one channel, that never blocks once
 * it is open. librabbitmq encodes and decodes the methods; sockets, frames and messages
 * are read and written here, since the library's own input and output block in a send,
 * send heartbeats only while reading, and copy each message several times.
 *
 * A program connects (rmq_connect, which blocks with a limit and looks up at signals),
 * sets up its topology with rmq_call, then polls rmq_fd for rmq_events; when it is
 * readable calls rmq_fill and takes events with rmq_next until RMQ_NONE; when it is
 * writable calls rmq_push; and calls rmq_tick whenever rmq_tick's answer says so. To slow
 * the broker down it does not poll for input: heartbeats still go out (rmq_tick).
 *
 * Errors are of two kinds. RMQ_RETRY: the network, a restarting broker, a lost node.
 * RMQ_FINAL: the broker refuses (access, no such object, other arguments), and would
 * again. r->why is the reason for people, r->code the reply code or 0. */
#ifndef RMQ_H
#define RMQ_H

#include <amqp.h>
#include <amqp_framing.h>

#include "buf.h"
#include "dial.h"
#include "rmq_url.h"

enum {
	RMQ_CHANNEL = 1,
	RMQ_FRAME_MAX = 128 << 10, /* largest frame we take or send, bytes */
	RMQ_CONNECT_MS = 10000,    /* for connecting, and for each answer of the broker */
};

enum rmq_status { RMQ_OK, RMQ_RETRY, RMQ_FINAL, RMQ_STOPPED };

enum rmq_event {
	RMQ_NONE,      /* nothing whole is in the buffer */
	RMQ_REPLY,     /* an answer: r->reply */
	RMQ_MESSAGE,   /* a delivery: r->message */
	RMQ_RETURN,    /* a message of ours that could not be routed: r->message */
	RMQ_ACK,       /* a confirm: r->tag, r->multiple */
	RMQ_NACK,      /* a refused one, likewise */
	RMQ_CANCEL,    /* the broker has ended our consumer (its queue went, or moved) */
	RMQ_BLOCKED,   /* the broker takes no messages for now; r->why says why */
	RMQ_UNBLOCKED,
	RMQ_CLOSED,    /* the end of the connection or channel: r->status, r->why, r->code */
};

/* The slices last until the next rmq_next or rmq_fill. */
struct rmq_message {
	struct slice exchange, key;
	struct slice props;   /* property flags and list, amqpprops.h */
	struct slice body;    /* empty when too_large */
	uint64_t size;        /* of the body */
	bool too_large;       /* over max_body: the body was skipped */
	bool redelivered;     /* of a delivery */
	uint64_t tag;         /* of a delivery */
	uint16_t code;        /* of a return, with reason */
	struct slice reason;
};

#define RMQ_INIT { .io = { .fd = -1 } }

struct rmq_config {
	const char *name;         /* of the connection, as operators see it */
	const char *user, *password; /* instead of the URL's; NULL: the URL's, else guest */
	SSL_CTX *tls;             /* for amqps:// */
	bool external;            /* log in by client certificate (SASL EXTERNAL) */
	int heartbeat_s;          /* 0: none */
	size_t max_body;          /* bytes */
	bool (*stop)(void);       /* attempts are given up when it says so: sig_stopping */
};

struct rmq {
	struct dial io;
	enum rmq_status status;
	uint16_t code;
	struct buf why;
	bool channel_closed;      /* what was closed is the channel only */
	struct rmq_message message;
	amqp_method_t reply;      /* lasts until the next rmq_call */
	uint64_t tag;
	bool multiple;
	/* --- private --- */
	struct buf in, out, body, head;
	size_t in_start, out_done;
	amqp_pool_t pool;
	uint32_t frame_max;
	size_t max_body;
	int heartbeat_s;
	bool (*stop)(void);
	int64_t received_ms, sent_ms;
	bool paused;
	enum { RMQ_IDLE, RMQ_WANT_HEADER, RMQ_WANT_BODY } state;
	enum rmq_event content; /* RMQ_MESSAGE or RMQ_RETURN, whose content comes */
	size_t exchange_n, key_n, reason_n, props_n, body_got;
};

/* Connect, log in and open the channel. r->status, with r->why, unless RMQ_OK; then
 * nothing is open, and rmq_close does no harm. *r must be RMQ_INIT or closed. */
enum rmq_status rmq_connect(struct rmq *r, const struct rmq_url *u, const struct rmq_config *c);

/* Send a method and wait for `answer`; its decoded form is r->reply. RMQ_OK or r->status.
 * Only while nothing else is going on. */
enum rmq_status rmq_call(struct rmq *r, amqp_method_number_t id, void *method,
    amqp_method_number_t answer);

/* Queue a method that has no answer, or whose answer comes as RMQ_REPLY. */
void rmq_send(struct rmq *r, amqp_method_number_t id, void *method);

/* Queue a message: method, header with `props` (flags and list, see rmq_fits) and body
 * frames. exchange and key are of 255 bytes at most. */
void rmq_publish(struct rmq *r, struct slice exchange, struct slice key, bool mandatory,
    struct slice props, struct slice body);

/* True when properties of this size fit in a header frame. */
bool rmq_fits(const struct rmq *r, struct slice props);

/* Queue basic.ack or basic.reject for a delivery. */
void rmq_ack(struct rmq *r, uint64_t tag, bool multiple);
void rmq_reject(struct rmq *r, uint64_t tag, bool requeue);

int rmq_fd(const struct rmq *r);
short rmq_events(const struct rmq *r, bool reading);

/* Bytes queued and not yet taken by the socket. */
size_t rmq_pending(const struct rmq *r);

/* Read what is there, once. False: RMQ_CLOSED (r->status is set). */
bool rmq_fill(struct rmq *r);

/* More is at hand though poll does not say so. */
bool rmq_more(const struct rmq *r);

/* Write what the socket takes. False: RMQ_CLOSED. */
bool rmq_push(struct rmq *r);

/* The next event in what was read. */
enum rmq_event rmq_next(struct rmq *r);

/* Send a heartbeat when one is due, and notice a silent peer: after two intervals without
 * a sign of life while `reading` (false sets *ok and r->status). Returns milliseconds
 * until it must be called again, -1: never. */
int rmq_tick(struct rmq *r, bool reading, bool *ok);

/* Say good-bye in order (connection.close; waits for the answer, one second at most, and
 * for what is queued), then release all. */
void rmq_finish(struct rmq *r);

/* Drop the connection as it is. r->status, r->code and r->why stay. */
void rmq_close(struct rmq *r);

/* After the channel was closed (r->channel_closed): open it again and go on. RMQ_OK or
 * r->status. */
enum rmq_status rmq_reopen(struct rmq *r);

/* A table for a method's arguments from a JSON object (amqptable.h), in r's memory until
 * the next rmq_call returns. 0, or -1 with *why set (static text). */
int rmq_table(struct rmq *r, struct slice json, amqp_table_t *table, const char **why);

static inline amqp_bytes_t
rmq_bytes(struct slice s)
{
	return (amqp_bytes_t){ .len = s.n, .bytes = (void *)(size_t)s.p };
}

#endif
