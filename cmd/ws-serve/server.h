/* server - what the parts of ws-serve share. main.c makes it; each part has a pointer
 * here to its own state, which only its own file looks into. */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <ev.h>
#include <libwebsockets.h>

#include "config.h"
#include "counters.h"

struct auth;
struct commands;
struct conn_timers;
struct conns;
struct control;
struct door;
struct edge;
struct endpoint;
struct events;
struct handler;
struct http;
struct inboxes;
struct input;
struct life;
struct listener;
struct peers;
struct proxy;
struct report;
struct rooms;
struct rules;
struct sender;
struct tls;

struct server {
	const struct config *config;
	struct ev_loop *loop;
	struct lws_context *lws;
	struct lws_vhost *vhost;
	struct counters counters;
	char node[13];           /* 12 random base32 characters, new at each start */
	struct timespec started; /* CLOCK_REALTIME */
	int64_t started_us;      /* the loop's clock at the start */
	struct endpoint *endpoints;
	int endpoint_count;
	int64_t max_connections; /* --max-connections, or what descriptors allow */

	struct auth *auth;       /* NULL without --auth */
	struct commands *commands;
	struct conns *conns;
	struct conn_timers *timers;
	struct control *control; /* NULL without --control */
	struct door *door;       /* of the public port; edge.c */
	struct edge *edge;
	struct events *events;
	struct handler *handler; /* NULL without --handler */
	struct inboxes *inboxes;
	struct input *input;     /* stdin */
	struct life *life;
	struct report *report;   /* rates */
	struct peers *peers;     /* limits per address; NULL: none */
	struct rooms *rooms;
	struct rules *rules;     /* never NULL */
	struct sender *sender;
};

/* Monotonic time in microseconds, as of the loop's last look. */
static inline int64_t
server_now_us(const struct server *s)
{
	return (int64_t)(ev_now(s->loop) * 1e6) - s->started_us;
}

/* Load the rooms file, certificates and authenticator again. On failure the old ones
 * stay and *why (static or valid until the next call) says what is wrong. `done` is
 * called when the verdict is known, perhaps before this returns; why NULL is success. */
void server_reload(struct server *s, void (*done)(void *ctx, const char *why), void *ctx);

/* The current second's time stamp of ISO 8601 with milliseconds, as replies have it:
 * 2026-12-10T10:30:00.000Z, without quotes. */
void server_timestamp(char out[25]);

#endif
