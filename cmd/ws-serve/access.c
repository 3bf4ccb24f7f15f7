#include "access.h"

#include <stdlib.h>
#include <time.h>

#include "auth.h"
#include "client.h"
#include "command.h"
#include "conn.h"
#include "conn_end.h"
#include "conn_timer.h"
#include "deflate.h"
#include "events.h"
#include "handshake.h"
#include "inbox.h"
#include "js.h"
#include "life.h"
#include "mem.h"
#include "room.h"
#include "send.h"
#include "server.h"

enum { TOKEN_MOST = 16 << 10 }; /* bytes; no token is longer */

/* A request that waits for the authenticator. */
struct entrant {
	struct server *server;
	struct guest *guest;
	struct ask *ask;
	char *remote, *path;
	int endpoint;
	char *subprotocol; /* NULL: none */
};

/* An auth message that waits for it. */
struct renewal {
	struct conn *conn;
	struct ask *ask;
	char *correlation, *id; /* JSON values, NULL: none */
};

/* --- in --- */

/* When its token runs out, on the loop's clock. */
static void
set_expiry(struct conn *c)
{
	struct timespec now;
	int64_t left_ms;

	c->expires_us = 0;
	if (!c->id.expires)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	left_ms = c->id.expires - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	c->expires_us = server_now_us(c->server) + (left_ms > 0 ? left_ms * 1000 : 0) + 1;
}

static bool
expired(const struct identity *id)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return id->expires && id->expires <= (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
put_claims(struct buf *b, const struct conn *c)
{
	const struct opt_list *names = &c->server->config->claims;
	bool first = true;

	if (!names->n || !c->id.claims)
		return;
	js_put_key(b, "claims");
	buf_byte(b, '{');
	for (int i = 0; i < names->n; i++) {
		struct slice value = js_path(slice_str(c->id.claims), slice_str(names->v[i]));

		if (!value.n)
			continue;
		if (!first)
			buf_byte(b, ',');
		first = false;
		js_put_string(b, slice_str(names->v[i]));
		buf_byte(b, ':');
		js_put_flat(b, value);
	}
	buf_byte(b, '}');
}

static void
report_open(struct conn *c)
{
	struct server *s = c->server;
	struct buf *b;

	if (!event_wanted(s, EVENT_OPEN))
		return;
	b = event_begin(s, EVENT_OPEN);
	js_put_key(b, "conn");
	buf_byte(b, '"');
	conn_put_id(b, c);
	buf_byte(b, '"');
	js_put_member(b, "remote", slice_str(c->remote));
	js_put_member(b, "path", slice_str(c->path));
	if (c->id.user)
		js_put_member(b, "user", conn_user(c));
	room_put_names(b, c);
	put_claims(b, c);
	event_end(s, c, slice_of("", 0));
}

/* All is known about it: it counts from now on. */
static void
open_conn(struct conn *c)
{
	c->waiting_auth = false;
	c->end_us = 0;
	client_join_auto(c, false);
	room_join(c, ROOM_ALL, slice_of("", 0), NULL);
	if (c->id.user)
		room_join(c, ROOM_USER, conn_user(c), NULL);
	set_expiry(c);
	conn_opened(c);
	report_open(c);
}

/* Let the guest in. NULL when it has gone meanwhile. */
static struct conn *
admit(struct server *s, struct guest *g, int endpoint, struct slice remote, struct slice path,
    struct slice subprotocol)
{
	struct conn *c = conn_new(s, &s->endpoints[endpoint], remote, path);
	struct peer *peer = NULL;
	struct lws *wsi;

	deflate_wsi = NULL;
	c->entering = true;
	wsi = door_admit(g, subprotocol, c, &peer);
	c->entering = false;
	if (!wsi || !c->wsi) {
		conn_free(c);
		return NULL;
	}
	c->peer = peer;
	c->deflate = deflate_wsi == wsi;
	return c;
}

static void
report_refused(struct server *s, struct slice remote, int status, const char *reason)
{
	s->counters.refused++;
	if (event_wanted(s, EVENT_REFUSED)) {
		struct buf *b = event_begin(s, EVENT_REFUSED);

		js_put_member(b, "remote", remote);
		js_put_member_int(b, "status", status);
		js_put_member(b, "reason", slice_str(reason));
		event_end(s, NULL, slice_of("", 0));
	}
}

static void
turn_away(struct conn *c, int status, unsigned code, const char *reason)
{
	if (!c->admitted)
		report_refused(c->server, slice_str(c->remote), status, reason);
	conn_close(c, code, slice_str(reason));
}

void
access_turned_away(struct conn *c, const char *reason)
{
	turn_away(c, 401, 4001, reason);
}

/* Refuse the guest: before the upgrade, or after it so that a browser sees why. */
static void
refuse(struct server *s, struct guest *g, int endpoint, struct slice remote, struct slice path,
    struct slice subprotocol, const char *reason)
{
	struct conn *c;

	if (!s->config->refuse_close) {
		door_refuse(g, 401, reason, 0);
		return;
	}
	c = admit(s, g, endpoint, remote, path, subprotocol);
	if (!c)
		return;
	client_error(c, CODE_AUTHENTICATION_FAILED, slice_str(reason), slice_of("", 0),
	    slice_of("", 0), slice_of("", 0));
	access_turned_away(c, reason);
}

static void
entrant_free(struct entrant *e)
{
	free(e->remote);
	free(e->path);
	free(e->subprotocol);
	free(e);
}

static void
entrant_answered(void *ctx, struct auth_answer *answer)
{
	struct entrant *e = ctx;
	struct slice remote = slice_str(e->remote), path = slice_str(e->path);
	struct slice subprotocol = e->subprotocol ? slice_str(e->subprotocol) : slice_of("", 0);
	struct conn *c;

	e->ask = NULL;
	if (answer->result == AUTH_UNAVAILABLE) {
		door_refuse(e->guest, 503, "no authenticator", 1);
	} else if (life_draining(e->server)) {
		door_refuse(e->guest, 503, "shutting down", 1);
	} else if (conn_total(e->server) >= (uint64_t)e->server->max_connections) {
		/* Others came while the authenticator thought. */
		door_refuse(e->guest, 503, "too many connections", 5);
	} else if (answer->result == AUTH_REFUSED) {
		refuse(e->server, e->guest, e->endpoint, remote, path, subprotocol, answer->reason);
	} else if (expired(&answer->id)) {
		refuse(e->server, e->guest, e->endpoint, remote, path, subprotocol, "expired");
	} else if (command_blocked(e->server,
	    answer->id.user ? slice_str(answer->id.user) : slice_of("", 0), remote)) {
		door_refuse(e->guest, 403, "blocked", 0);
	} else {
		c = admit(e->server, e->guest, e->endpoint, remote, path, subprotocol);
		if (c) {
			c->id = answer->id;
			answer->id = (struct identity){ 0 };
			open_conn(c);
			client_welcome(c);
		}
	}
	entrant_free(e);
}

static void
ask_about(struct server *s, struct guest *g, const struct door_request *r, struct slice subprotocol)
{
	struct entrant *e = mem_zero(1, sizeof(*e));

	e->server = s;
	e->guest = g;
	e->remote = mem_copy(r->remote.p, r->remote.n);
	e->path = mem_copy(r->path.p, r->path.n);
	e->endpoint = r->endpoint;
	e->subprotocol = subprotocol.n ? mem_copy(subprotocol.p, subprotocol.n) : NULL;
	e->ask = auth_ask(s, &(struct auth_question){ .token = r->token, .remote = r->remote,
		.path = r->path, .fields = r->fields, .field_count = r->field_count },
	    entrant_answered, e);
	if (!e->ask) {
		entrant_free(e);
		door_refuse(g, 503, "no authenticator", 1);
		return;
	}
	door_set_data(g, e);
}

static void
knock(void *ctx, struct guest *g, const struct door_request *r)
{
	struct server *s = ctx;
	const struct config *config = s->config;
	struct slice subprotocol = slice_of("", 0);
	struct conn *c;

	if (life_draining(s)) {
		door_refuse(g, 503, "shutting down", 1);
		return;
	}
	if (conn_total(s) >= (uint64_t)s->max_connections) {
		door_refuse(g, 503, "too many connections", 5);
		return;
	}
	if (command_blocked(s, slice_of("", 0), r->remote)) {
		door_refuse(g, 403, "blocked", 0);
		return;
	}
	if (event_must_wait(s, EVENT_OPEN)) {
		door_refuse(g, 503, "busy", 1);
		return;
	}
	if (r->source != DOOR_TOKEN_PROTOCOL && r->subprotocol_count)
		subprotocol = r->subprotocols[0];
	if (s->auth && r->token.n) {
		ask_about(s, g, r, subprotocol);
		return;
	}
	if (s->auth && !config->guests && !config->auth_message_ms) {
		refuse(s, g, r->endpoint, r->remote, r->path, subprotocol, "missing token");
		return;
	}
	c = admit(s, g, r->endpoint, r->remote, r->path, subprotocol);
	if (!c)
		return;
	if (s->auth && !config->guests) {
		c->waiting_auth = true;
		c->end_us = server_now_us(s) + config->auth_message_ms * 1000;
		conn_set_timer(c);
		return;
	}
	open_conn(c);
	client_welcome(c);
}

static void
gone(void *ctx, struct guest *g)
{
	struct entrant *e = door_data(g);

	(void)ctx;
	if (e) {
		auth_cancel(e->ask);
		entrant_free(e);
	}
}

static void
refused(void *ctx, struct slice remote, int status, const char *reason)
{
	report_refused(ctx, remote, status, reason);
}

static int
endpoint(void *ctx, struct slice path, bool *exact)
{
	const struct server *s = ctx;
	int any = -1;

	*exact = true;
	for (int i = 0; i < s->endpoint_count; i++) {
		if (slice_is(path, s->endpoints[i].path))
			return i;
		if (any < 0 && s->endpoints[i].path[0] == '*')
			any = i;
	}
	*exact = false;
	return any;
}

const struct door_ops access_door_ops = {
	.endpoint = endpoint,
	.knock = knock,
	.gone = gone,
	.refused = refused,
};

/* --- auth messages --- */

static void
renewal_free(struct renewal *n)
{
	free(n->correlation);
	free(n->id);
	free(n);
}

void
access_forget(struct conn *c)
{
	struct renewal *n = c->ask;

	if (n) {
		c->ask = NULL;
		auth_cancel(n->ask);
		renewal_free(n);
	}
}

static void
fail(struct conn *c, const struct renewal *n, enum code code, const char *reason)
{
	client_error(c, code, slice_str(reason), slice_of("", 0),
	    n->correlation ? slice_str(n->correlation) : slice_of("", 0),
	    n->id ? slice_str(n->id) : slice_of("", 0));
	if (c->waiting_auth) {
		if (code == CODE_CONNECTION_ERROR)
			turn_away(c, 503, 1013, reason);
		else if (code == CODE_AUTHORIZATION_FAILED)
			turn_away(c, 403, 4003, reason);
		else
			access_turned_away(c, reason);
	} else if (c->expires_us && server_now_us(c->server) >= c->expires_us) {
		/* Now, before another auth message buys more time. */
		access_expired(c);
	} else {
		conn_set_timer(c);
	}
}

/* A new identity takes the place of the old one. */
static void
renew(struct conn *c, struct identity *id)
{
	bool first = c->waiting_auth;

	if (!first && !c->id.user && id->user)
		room_join(c, ROOM_USER, slice_str(id->user), NULL);
	identity_free(&c->id);
	c->id = *id;
	*id = (struct identity){ 0 };
	set_expiry(c);
	conn_set_timer(c);
	if (first)
		open_conn(c);
}

static void
renewal_answered(void *ctx, struct auth_answer *answer)
{
	struct renewal *n = ctx;
	struct conn *c = n->conn;
	bool first = c->waiting_auth;

	n->ask = NULL;
	c->ask = NULL;
	if (answer->result == AUTH_UNAVAILABLE) {
		fail(c, n, CODE_CONNECTION_ERROR, "no authenticator");
	} else if (answer->result == AUTH_REFUSED) {
		fail(c, n, CODE_AUTHENTICATION_FAILED, answer->reason);
	} else if (expired(&answer->id)) {
		fail(c, n, CODE_AUTHENTICATION_FAILED, "expired");
	} else if (c->id.authenticated &&
	    !slice_eq(conn_user(c), answer->id.user ? slice_str(answer->id.user) : slice_of("", 0))) {
		fail(c, n, CODE_AUTHENTICATION_FAILED, "the token is another user's");
	} else if (command_blocked(c->server,
	    answer->id.user ? slice_str(answer->id.user) : slice_of("", 0), slice_str(c->remote))) {
		fail(c, n, CODE_AUTHORIZATION_FAILED, "blocked");
	} else {
		renew(c, &answer->id);
		client_authenticated(c, n->correlation ? slice_str(n->correlation) : slice_of("", 0),
		    n->id ? slice_str(n->id) : slice_of("", 0));
		if (first)
			client_welcome(c);
		else
			client_recheck(c);
	}
	renewal_free(n);
	if (!c->closing)
		inbox_unpark(c);
}

void
access_auth_message(struct conn *c, struct slice token, struct slice correlation, struct slice id)
{
	struct server *s = c->server;
	struct renewal *n = mem_zero(1, sizeof(*n));

	n->conn = c;
	n->correlation = correlation.n ? mem_copy(correlation.p, correlation.n) : NULL;
	n->id = id.n ? mem_copy(id.p, id.n) : NULL;
	if (!s->auth) {
		fail(c, n, CODE_AUTHENTICATION_FAILED, "there is no authentication here");
	} else if (!token.n || token.n > TOKEN_MOST) {
		fail(c, n, CODE_AUTHENTICATION_FAILED, token.n ? "too long" : "empty token");
	} else if (!handshake_token(token)) {
		fail(c, n, CODE_AUTHENTICATION_FAILED, "malformed");
	} else {
		n->ask = auth_ask(s, &(struct auth_question){ .token = token,
			.remote = slice_str(c->remote), .path = slice_str(c->path) },
		    renewal_answered, n);
		if (n->ask) {
			/* It came in time: no deadline of the client's runs while the
			 * authenticator thinks. */
			c->ask = n;
			c->end_us = 0;
			conn_set_timer(c);
			return;
		}
		fail(c, n, CODE_CONNECTION_ERROR, "no authenticator");
	}
	renewal_free(n);
}

void
access_late(struct conn *c)
{
	client_error(c, CODE_AUTHENTICATION_FAILED, S("no auth message in time"), slice_of("", 0),
	    slice_of("", 0), slice_of("", 0));
	access_turned_away(c, "no auth message in time");
}

void
access_expired(struct conn *c)
{
	c->server->counters.expired++;
	conn_close(c, 4001, S("token expired"));
}

void
access_rate_limited(struct conn *c, struct slice correlation, struct slice id)
{
	c->server->counters.rate_limited++;
	client_error(c, CODE_RATE_LIMIT_EXCEEDED, S("too many messages"), slice_of("", 0),
	    correlation, id);
	conn_close(c, 4008, S("rate limit exceeded"));
}
