/* knock - what becomes of a request: an upgrade to be decided on, something for http, or a
 * refusal. */
#include "guest.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "http.h"
#include "now.h"
#include "proxy.h"

static bool
origin_allowed(const struct door *d, struct slice origin)
{
	/* Whoever has no Origin is no browser, and needs no protection from pages. */
	if (d->config.origin_count == 0 || origin.n == 0)
		return true;
	for (int i = 0; i < d->config.origin_count; i++) {
		if (request_same(origin, slice_str(d->config.origins[i])))
			return true;
	}
	return false;
}

/* Behind a trusted proxy the client is who the proxy says it is. */
static bool
find_client(struct guest *g, const struct request *r)
{
	const struct proxy *proxy = g->door->config.proxy;
	struct request_list at = { 0 };
	struct buf joined = { 0 };
	struct slice element, text;
	bool ok = true;

	if (!proxy || !(g->has_address ? proxy_trusts(proxy, &g->address) : proxy->local))
		return true;
	while (request_list(r, "x-forwarded-for", &at, &element)) {
		if (joined.n)
			buf_byte(&joined, ',');
		buf_slice(&joined, element);
	}
	if (joined.n) {
		ok = proxy_client(proxy, buf_view(&joined), &g->address, &text);
		if (ok) {
			g->has_address = true;
			snprintf(g->remote, sizeof g->remote, "%.*s", (int)text.n, text.p);
		}
	}
	buf_free(&joined);
	return ok;
}

/* Whatever it asks for counts, malformed requests too; but for those that a proxy passed
 * on, since nobody knows from whom they are. */
static bool
within_rate(const struct guest *g, bool understood, int64_t *retry_us)
{
	const struct door_config *config = &g->door->config;

	if (!config->peers || !g->has_address
	    || (!understood && config->proxy && proxy_trusts(config->proxy, &g->address)))
		return true;
	return peers_ask(config->peers, &g->address, now_us(), retry_us);
}

/* The header fields that the owner asked for. False when one is there twice: which of
 * them is the proxy's and which the client's, nobody can tell. */
static bool
pass_fields(const struct door *d, const struct request *r, struct door_request *q)
{
	for (int i = 0; i < d->config.field_count; i++) {
		struct door_field *f = &q->fields[q->field_count];
		int n = request_field(r, d->config.fields[i], &f->value);

		if (n > 1)
			return false;
		f->name = slice_str(d->config.fields[i]);
		q->field_count += n;
	}
	return true;
}

static void
knock(struct guest *g, const struct request *r, const struct handshake *h, int endpoint)
{
	struct door *d = g->door;
	struct door_request q = {
		.path = r->path,
		.endpoint = endpoint,
		.token = h->token,
		.source = h->source,
		.remote = slice_str(g->remote),
		.address = slice_str(g->remote),
		.origin = h->origin,
		.subprotocol_count = h->subprotocol_count,
		.deflate = h->deflate && d->config.deflate,
	};
	struct peer_address unused;

	if (g->has_address)
		proxy_address(q.remote, &unused, &q.address);
	memcpy(q.subprotocols, h->subprotocols, sizeof q.subprotocols);
	if (!pass_fields(d, r, &q)) {
		guest_refuse(g, 400, "repeated header for the authenticator", 0);
		return;
	}
	memcpy(g->key, h->key.p, sizeof g->key);
	g->bearer = h->source == DOOR_TOKEN_PROTOCOL;
	g->deflate = q.deflate;
	guest_move(g, GUEST_KNOCKED);
	d->ops->knock(d->ctx, g, &q);
	/* Answered at once, as most are without an authenticator, it never was in the epoll. */
	if (g->state == GUEST_KNOCKED && !guest_watch(g)) {
		d->ops->gone(d->ctx, g);
		guest_free(g);
	}
}

static void
try_upgrade(struct guest *g, const struct request *r)
{
	struct door *d = g->door;
	struct handshake h;
	const char *why;
	bool exact;
	int endpoint, status;

	if (d->config.peers && g->has_address) {
		g->peer = peers_enter(d->config.peers, &g->address);
		if (!g->peer) {
			guest_refuse(g, 429, "too many connections of this address", PEERS_RETRY_S);
			return;
		}
	}
	buf_clear(&d->token);
	if ((endpoint = d->ops->endpoint(d->ctx, r->path, &exact)) < 0)
		guest_refuse(g, 404, "no such endpoint", 0);
	else if ((status = handshake_check(r, d->config.cookie, &d->token, &h, &why)))
		guest_refuse(g, status, why, 0);
	else if (!origin_allowed(d, h.origin))
		guest_refuse(g, 403, "origin not allowed", 0);
	else
		knock(g, r, &h, endpoint);
}

/* A request that does not ask for a WebSocket. */
static void
serve_plain(struct guest *g, const struct request *r)
{
	struct door *d = g->door;
	bool exact = false;
	int endpoint = d->config.vhost ? d->ops->endpoint(d->ctx, r->path, &exact) : -1;
	int fd;

	if (!(endpoint >= 0 && exact) && d->config.http && http_has(d->config.http, r)) {
		guest_unwatch(g);
		fd = g->fd;
		if (guest_consume(fd, g->seen)) {
			g->fd = -1;
			http_take(d->config.http, fd, g->from, g->address, r);
		}
		guest_free(g);
	} else if (endpoint < 0) {
		guest_refuse(g, 404, "not found", 0);
	} else if (!slice_is(r->method, "GET")) {
		guest_refuse(g, 405, "a WebSocket is opened with GET", 0);
	} else {
		guest_refuse(g, 426, "this is a WebSocket endpoint", 0);
	}
}

static void
header_whole(struct guest *g)
{
	struct door *d = g->door;
	struct request r;
	const char *why;
	int64_t retry_us = 0;
	int status = request_parse(slice_of(d->peeked, g->seen), &r, &why);

	if (status == 0) {
		g->head = slice_is(r.method, "HEAD");
		g->upgrade = d->config.vhost && handshake_wanted(&r);
		if (!find_client(g, &r)) {
			guest_refuse(g, 400, "malformed X-Forwarded-For", 0);
			return;
		}
	}
	if (!within_rate(g, status == 0, &retry_us))
		guest_refuse(g, 429, "too many requests of this address",
		    (int)((retry_us + 999999) / 1000000));
	else if (status)
		guest_refuse(g, status, why, 0);
	else if (g->upgrade)
		try_upgrade(g, &r);
	else
		serve_plain(g, &r);
}

void
guest_look(struct guest *g, bool ended)
{
	struct door *d = g->door;
	ssize_t n = recv(g->fd, d->peeked, sizeof d->peeked, MSG_PEEK | MSG_DONTWAIT);
	size_t end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		n = 0;
	} else if (n <= 0) {
		d->stats.left++;
		guest_free(g);
		return;
	}
	end = request_end(slice_of(d->peeked, (size_t)n), g->seen);
	if (end || !request_begun(slice_of(d->peeked, (size_t)n))) {
		/* Who speaks something else waits for an answer of its kind, not for the deadline. */
		g->seen = end ? end : (size_t)n;
		header_whole(g);
	} else if ((size_t)n == sizeof d->peeked) {
		guest_refuse(g, 431, "the header is too large", 0);
	} else if (ended || !guest_watch(g)) {
		d->stats.left++;
		guest_free(g);
	} else {
		g->seen = (size_t)n;
	}
}
