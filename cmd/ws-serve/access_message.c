/* Auth messages, and the end of a token's life. */
#include "access_private.h"

#include <stdlib.h>

#include "auth.h"
#include "command.h"
#include "conn.h"
#include "conn_end.h"
#include "conn_timer.h"
#include "handshake.h"
#include "inbox.h"
#include "mem.h"
#include "member.h"
#include "reply.h"
#include "room.h"
#include "server.h"

enum { TOKEN_MOST = 16 << 10 }; /* bytes; no token is longer */

/* An auth message that waits for it. */
struct renewal {
	struct conn *conn;
	struct ask *ask;
	char *correlation, *id; /* JSON values, NULL: none */
};

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
	reply_error(c, code, slice_str(reason), slice_of("", 0),
	    n->correlation ? slice_str(n->correlation) : slice_of("", 0),
	    n->id ? slice_str(n->id) : slice_of("", 0));
	if (c->waiting_auth) {
		if (code == CODE_CONNECTION_ERROR)
			access_turn_away(c, 503, 1013, reason);
		else if (code == CODE_AUTHORIZATION_FAILED)
			access_turn_away(c, 403, 4003, reason);
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
	access_set_expiry(c);
	conn_set_timer(c);
	if (first)
		access_open(c);
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
	} else if (access_over(&answer->id)) {
		fail(c, n, CODE_AUTHENTICATION_FAILED, "expired");
	} else if (c->id.authenticated &&
	    !slice_eq(conn_user(c), answer->id.user ? slice_str(answer->id.user) : slice_of("", 0))) {
		fail(c, n, CODE_AUTHENTICATION_FAILED, "the token is another user's");
	} else if (command_blocked(c->server,
	    answer->id.user ? slice_str(answer->id.user) : slice_of("", 0), slice_str(c->remote))) {
		fail(c, n, CODE_AUTHORIZATION_FAILED, "blocked");
	} else {
		renew(c, &answer->id);
		reply_authenticated(c, n->correlation ? slice_str(n->correlation) : slice_of("", 0),
		    n->id ? slice_str(n->id) : slice_of("", 0));
		if (first)
			reply_welcome(c);
		else
			member_recheck(c);
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
	reply_error(c, CODE_AUTHENTICATION_FAILED, S("no auth message in time"), slice_of("", 0),
	    slice_of("", 0), slice_of("", 0));
	access_turned_away(c, "no auth message in time");
}

void
access_expired(struct conn *c)
{
	c->server->counters.expired++;
	conn_close(c, 4001, S("token expired"));
}
