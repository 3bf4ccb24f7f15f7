/* door - everything that happens to a connection before it is a WebSocket.
 *
 * The door accepts, looks at the request without taking it (MSG_PEEK), checks the
 * handshake strictly (request.h) and tells its owner of each sound upgrade request. The
 * owner answers at once or later with door_admit or door_refuse. What may enter is
 * handed to libwebsockets with a header that the door wrote itself, so no byte of the
 * client's request ever gets there; what the client sent behind its request stays in
 * the socket. Requests that are no upgrade go to config.http or are refused.
 *
 * Waiting is bounded: `max_guests` requests at a time (503 beyond), `timeout_ms` from
 * the first byte expected to the last one of the header (408), REQUEST_MAX bytes (431).
 * Running out of descriptors sheds the newcomer with 503 and never spins.
 *
 * All of it runs in the loop's thread. Nothing in here blocks. */
#ifndef DOOR_H
#define DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>
#include <libwebsockets.h>

#include "slice.h"

struct door;
struct guest; /* a connection that is still in the door */
struct http;
struct listener;
struct peers;
struct peer;
struct proxy;

enum {
	DOOR_GUESTS = 1024,        /* default of max_guests */
	DOOR_TIMEOUT_MS = 10000,   /* default of timeout_ms */
	DOOR_SUBPROTOCOLS = 16,    /* subprotocols looked at; more are a 400 */
	DOOR_FIELDS = 16,          /* most `fields` that can be asked for */
	DOOR_REASONS = 128,        /* of refusals, counted apart; there are fewer */
};

enum door_token_source {
	DOOR_TOKEN_NONE,
	DOOR_TOKEN_QUERY,    /* ?token=… */
	DOOR_TOKEN_BEARER,   /* Authorization: Bearer … */
	DOOR_TOKEN_PROTOCOL, /* Sec-WebSocket-Protocol: bearer, … */
	DOOR_TOKEN_COOKIE,   /* Cookie: NAME=…, only with config.cookie */
};

/* A header field that was asked for by config.fields; name as it was asked for. One that
 * is there twice was refused (400). */
struct door_field {
	struct slice name, value;
};

/* An upgrade request that has passed every check. The slices last as long as the call
 * that brings them. A token in two places, or twice in one, was refused (400); a cookie
 * counts only when there is no other token. */
struct door_request {
	struct slice path;    /* as the client wrote it, without its query; begins with '/' */
	int endpoint;         /* what ops->endpoint said */
	struct slice token;   /* empty and DOOR_TOKEN_NONE when there is none */
	enum door_token_source source;
	struct slice remote;  /* "10.0.0.7:51234", "[::1]:4711", "unix"; behind a trusted
	                       * proxy the client's address as the proxy gave it */
	struct slice address; /* the same without the port */
	struct slice origin;  /* empty when there is none */
	struct slice subprotocols[DOOR_SUBPROTOCOLS]; /* without bearer and its token */
	int subprotocol_count;
	struct door_field fields[DOOR_FIELDS];
	int field_count;
	bool deflate;         /* permessage-deflate was offered in a form that we can take */
};

struct door_ops {
	/* The endpoint `path` belongs to, 0 or above; -1: none (404). *exact is false when
	 * only a catch-all takes it: then GET requests may go to config.http. */
	int (*endpoint)(void *ctx, struct slice path, bool *exact);

	/* A sound upgrade request. Answer with door_admit or door_refuse, now or later;
	 * the time until then is the owner's to bound. */
	void (*knock)(void *ctx, struct guest *g, const struct door_request *r);

	/* A guest that knocked has left before it was answered; g is gone after this call. */
	void (*gone)(void *ctx, struct guest *g);

	/* A request was refused, by door_refuse or by the door itself (for the `refused`
	 * event). `reason` is fixed text, never the client's. Requests that are no upgrade
	 * and never were one for an endpoint are not told. May be NULL. */
	void (*refused)(void *ctx, struct slice remote, int status, const char *reason);
};

/* Everything pointed to stays the caller's and must outlive the door. */
struct door_config {
	struct listener *listeners; /* listen.h; descriptors stay open until door_stop */
	int listener_count;
	struct lws_vhost *vhost;    /* adopts what is admitted; NULL: no upgrades (admin) */
	int64_t max_guests;
	int64_t timeout_ms;
	struct peers *peers;        /* limits per address (peers.h); NULL: none */
	const struct proxy *proxy;  /* trusted proxies (proxy.h); NULL: none */
	struct http *http;          /* takes requests that are no upgrade; NULL: 426 or 404 */
	const char *const *origins; /* browser origins allowed; count 0: every one */
	int origin_count;
	const char *cookie;         /* name of the cookie with the token, or NULL */
	const char *const *fields;  /* header fields to pass on, DOOR_FIELDS at most */
	int field_count;
	bool deflate;               /* offer permessage-deflate to lws when the client did */
};

/* Counted since door_new; read-only for others. */
struct door_stats {
	uint64_t accepted;  /* connections */
	uint64_t admitted;
	struct door_refusal {
		int status;         /* of HTTP */
		const char *reason; /* fixed text */
		uint64_t n;
	} refused[DOOR_REASONS];    /* those that there were */
	int refused_n;
	uint64_t timeouts;  /* headers that did not come in time */
	uint64_t shed;      /* for want of descriptors */
	uint64_t left;      /* clients gone before an answer */
	int64_t guests;     /* in the door now */
};

/* Start to accept. NULL with errno when the kernel refuses an epoll descriptor. */
struct door *door_new(struct ev_loop *loop, const struct door_config *config,
    const struct door_ops *ops, void *ctx);

/* Stop accepting and close the listeners; guests already here are still served. */
void door_stop(struct door *d);

/* Free the door, its listeners and its guests (without a call of gone). NULL is fine. */
void door_free(struct door *d);

const struct door_stats *door_stats(const struct door *d);

/* A pointer of the owner's, NULL at first. */
void door_set_data(struct guest *g, void *data);
void *door_data(const struct guest *g);

/* Let the guest in. `subprotocol` is one that was offered, or empty; a token taken from
 * the subprotocols is answered with `bearer` by itself (then `subprotocol` must be
 * empty). The callback of the vhost's first protocol runs inside this call, up to and
 * with LWS_CALLBACK_ESTABLISHED, and finds `conn` with door_admitting. The guest is gone
 * afterwards. Returns the wsi, or NULL when the client is gone: then, if ESTABLISHED ran,
 * so has CLOSED. *peer, which may lie in conn, is set before all that to what the owner
 * gives to peers_left when it drops conn, whatever was returned (it may be NULL). */
struct lws *door_admit(struct guest *g, struct slice subprotocol, void *conn,
    struct peer **peer);

/* Refuse: `status` with a short JSON body that holds `reason` (fixed text), and
 * Retry-After when retry_s is above 0. The guest is gone afterwards. */
void door_refuse(struct guest *g, int status, const char *reason, int retry_s);

/* The `conn` of the door_admit on the stack, or NULL. FILTER_PROTOCOL_CONNECTION and
 * FILTER_HTTP_CONNECTION must return -1 when it is NULL: nothing but the door lets in. */
void *door_admitting(void);

/* For LWS_CALLBACK_ADD_HEADERS: writes Sec-WebSocket-Protocol when one was chosen.
 * Returns what the callback must return. */
int door_add_headers(struct lws_process_html_args *args);

#endif
