#include "access_private.h"

#include <stdlib.h>

#include "auth.h"
#include "command.h"
#include "conn.h"
#include "conn_end.h"
#include "conn_timer.h"
#include "deflate.h"
#include "events.h"
#include "js.h"
#include "life.h"
#include "mem.h"
#include "member.h"
#include "now.h"
#include "reply.h"
#include "room.h"
#include "send.h"
#include "server.h"
#include "spell.h"

/* A request that waits for the authenticator. */
struct entrant {
	struct server *server;
	struct guest *guest;
	struct ask *ask;
	char *remote, *path;
	int endpoint;
	char *subprotocol; /* NULL: none */
};

void
access_set_expiry(struct conn *c)
{
	int64_t left_ms;

	c->expires_us = 0;
	if (!c->id.expires)
		return;
	left_ms = c->id.expires - now_unix_ms();
	c->expires_us = server_now_us(c->server) + (left_ms > 0 ? left_ms * 1000 : 0) + 1;
}

bool
access_over(const struct identity *id)
{
	return id->expires && id->expires <= now_unix_ms();
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

void
access_open(struct conn *c)
{
	c->waiting_auth = false;
	c->end_us = 0;
	member_join_auto(c, false);
	room_join(c, ROOM_ALL, slice_of("", 0), NULL);
	if (c->id.user)
		room_join(c, ROOM_USER, conn_user(c), NULL);
	access_set_expiry(c);
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

void
access_turn_away(struct conn *c, int status, unsigned code, const char *reason)
{
	if (!c->admitted)
		report_refused(c->server, slice_str(c->remote), status, reason);
	conn_close(c, code, slice_str(reason));
}

void
access_turned_away(struct conn *c, const char *reason)
{
	access_turn_away(c, 401, 4001, reason);
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
	reply_error(c, CODE_AUTHENTICATION_FAILED, slice_str(reason), slice_of("", 0),
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
	} else if (access_over(&answer->id)) {
		refuse(e->server, e->guest, e->endpoint, remote, path, subprotocol, "expired");
	} else if (command_blocked(e->server,
	    answer->id.user ? slice_str(answer->id.user) : slice_of("", 0), remote)) {
		door_refuse(e->guest, 403, "blocked", 0);
	} else {
		c = admit(e->server, e->guest, e->endpoint, remote, path, subprotocol);
		if (c) {
			c->id = answer->id;
			answer->id = (struct identity){ 0 };
			access_open(c);
			reply_welcome(c);
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
	access_open(c);
	reply_welcome(c);
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
