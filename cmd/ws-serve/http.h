/* http - requests that are no WebSocket: files, exposed endpoints, administration.
 *
 * Our own few hundred lines and not libwebsockets, though that could: the request is
 * already parsed, and strictly; each connection carries one request, so that nothing can
 * be smuggled behind it; and no socket that speaks HTTP is ever within reach of the code
 * that upgrades. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "listen.h"
#include "peers.h"
#include "request.h"

struct http;
struct server;

/* The endpoints, as `1 << HTTP_…` in a set. */
enum http_endpoint {
	HTTP_HEALTH,
	HTTP_READY,
	HTTP_STATS,
	HTTP_METRICS,
	HTTP_ROOMS,
	HTTP_CONNECTIONS,
	HTTP_BROADCAST,
	HTTP_COMMANDS,
	HTTP_ENDPOINTS,
};

enum {
	HTTP_ALL = (1 << HTTP_ENDPOINTS) - 1,
	/* What --expose can put on the public port. */
	HTTP_PUBLIC = 1 << HTTP_HEALTH | 1 << HTTP_READY | 1 << HTTP_STATS | 1 << HTTP_METRICS
	    | 1 << HTTP_BROADCAST,
	/* What answers without a token. */
	HTTP_OPEN = 1 << HTTP_HEALTH | 1 << HTTP_READY | 1 << HTTP_METRICS,
};

/* Everything pointed to stays the caller's. */
struct http_config {
	struct server *server;
	struct ev_loop *loop;
	unsigned endpoints;       /* served here */
	int files;                /* of static_open; -1: none */
	bool check_host;          /* Host must be the bound address or one of `hosts`; if not
	                           * set, only where a token would be needed and there is none */
	const char *const *hosts;
	int host_count;
	bool open;                /* all endpoints answer without a token; else, until
	                           * http_set_token, only HTTP_OPEN do */
	int64_t max_body;         /* bytes of a line, or of a body that is one value */
};

struct http *http_new(const struct http_config *config);

struct http_stats {
	uint64_t requests, refused; /* refused are requests, too */
	uint64_t slow;              /* cut, since the client did not keep pace */
	uint64_t displaced;         /* cut, since another address needed the place */
};

/* Add what has been counted since http_new. NULL h adds nothing. */
void http_count(const struct http *h, struct http_stats *sum);

/* Another token from now on; the slice is not kept. */
void http_set_token(struct http *h, struct slice token);

/* Cut what is under way and release. NULL is fine. */
void http_free(struct http *h);

/* "health,metrics" to a set; -1 when a name is not one of HTTP_PUBLIC. */
int http_expose(struct slice list);

/* True if there is something at this path, whatever the method. */
bool http_has(struct http *h, const struct request *r);

/* Serve a request whose header has been taken from the socket: `fd` is http's to answer
 * and to close from now on. `who` is the client's address, {0} when it has none. The
 * request's slices last for the call. */
void http_take(struct http *h, int fd, const struct listener *from, struct peer_address who,
    const struct request *r);

#endif
