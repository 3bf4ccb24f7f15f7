#include "handshake.h"

#include "base64.h"
#include "url.h"

bool
handshake_wanted(const struct request *r)
{
	return request_lists(r, "upgrade", "websocket");
}

/* RFC 6455 4.1: 16 bytes, base64-encoded; strictly, so that a key has one spelling. */
static bool
is_key(struct slice key)
{
	char bytes[HANDSHAKE_KEY];
	struct buf b = { .p = bytes, .cap = sizeof bytes };

	return key.n == HANDSHAKE_KEY && base64_get(&b, key) == 0 && b.n == 16;
}

bool
handshake_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	}
	return s.n > 0;
}

static int
take_token(struct handshake *h, struct slice token, enum door_token_source source,
    const char **why)
{
	if (h->source != DOOR_TOKEN_NONE) {
		*why = "repeated token";
		return 400;
	}
	/* An empty one is none, and none is the owner's to refuse. */
	if (token.n == 0)
		return 0;
	if (!handshake_token(token)) {
		*why = "malformed token";
		return 400;
	}
	h->token = token;
	h->source = source;
	return 0;
}

/* ?token=…, with '&' as the only separator. */
static int
token_in_query(const struct request *r, struct buf *scratch, struct handshake *h,
    const char **why)
{
	struct slice query = r->query, found = { 0 };
	size_t start = scratch->n;
	int n = 0;

	while (query.n) {
		struct slice value = slice_cut(&query, '&'), name = slice_cut(&value, '=');

		if (slice_is(name, "token") && n++ == 0)
			found = value;
	}
	if (n == 0)
		return 0;
	if (n > 1) {
		*why = "repeated token";
		return 400;
	}
	if (url_decode(scratch, found)) {
		*why = "malformed token";
		return 400;
	}
	return take_token(h, slice_of(scratch->p + start, scratch->n - start), DOOR_TOKEN_QUERY,
	    why);
}

/* Authorization: Bearer (RFC 6750 2.1). Another scheme is none of ours: a proxy in front
 * may have asked for it. */
static int
token_in_authorization(const struct request *r, struct handshake *h, const char **why)
{
	struct slice value = { 0 };
	int n = request_field(r, "authorization", &value);

	if (n > 1) {
		*why = "repeated Authorization";
		return 400;
	}
	if (n == 0 || !request_same(slice_cut(&value, ' '), S("bearer")))
		return 0;
	return take_token(h, slice_trim(value), DOOR_TOKEN_BEARER, why);
}

/* The list of subprotocols, with "bearer, TOKEN" taken out of it. */
static int
take_subprotocols(const struct request *r, struct handshake *h, const char **why)
{
	struct request_list at = { 0 };
	struct slice name, bearer;
	int status;

	while (request_list(r, "sec-websocket-protocol", &at, &name)) {
		if (!request_token(name)) {
			*why = "malformed Sec-WebSocket-Protocol";
			return 400;
		}
		if (slice_is(name, "bearer")) {
			if (!request_list(r, "sec-websocket-protocol", &at, &bearer)) {
				*why = "bearer without a token";
				return 400;
			}
			if ((status = take_token(h, bearer, DOOR_TOKEN_PROTOCOL, why)))
				return status;
			continue;
		}
		/* RFC 6455 4.1: the elements must be unique. */
		for (int i = 0; i < h->subprotocol_count; i++) {
			if (slice_eq(h->subprotocols[i], name)) {
				*why = "repeated subprotocol";
				return 400;
			}
		}
		if (h->subprotocol_count == DOOR_SUBPROTOCOLS) {
			*why = "too many subprotocols";
			return 400;
		}
		h->subprotocols[h->subprotocol_count++] = name;
	}
	return 0;
}

/* A cookie goes with every request that a browser makes, so any other token that a
 * client chose to send stands before it. */
static int
token_in_cookie(const struct request *r, const char *cookie, struct handshake *h,
    const char **why)
{
	struct slice found = { 0 };
	int n = 0;

	if (!cookie || h->source != DOOR_TOKEN_NONE)
		return 0;
	for (int i = 0; i < r->fields; i++) {
		struct slice pairs = r->field[i].value;

		if (!request_same(r->field[i].name, S("cookie")))
			continue;
		while (pairs.n) {
			struct slice value = slice_trim(slice_cut(&pairs, ';'));
			struct slice name = slice_cut(&value, '=');

			if (slice_is(name, cookie) && n++ == 0)
				found = value;
		}
	}
	if (n > 1) {
		*why = "repeated token";
		return 400;
	}
	/* RFC 6265 4.1.1: the value may stand in quotes. */
	if (found.n >= 2 && found.p[0] == '"' && found.p[found.n - 1] == '"')
		found = slice_of(found.p + 1, found.n - 2);
	return n ? take_token(h, found, DOOR_TOKEN_COOKIE, why) : 0;
}

/* One offer of an extension, "name; parameter; parameter=value". True if it is
 * permessage-deflate (RFC 7692 7.1) with parameters that can be met. Both sides begin
 * each message anew whether the client asked for it or not; the server's window is the
 * largest, so an offer that demands a smaller one is not taken. */
static bool
can_deflate(struct slice offer)
{
	bool server = false, client = false, window = false;

	if (!slice_is(slice_trim(slice_cut(&offer, ';')), "permessage-deflate"))
		return false;
	while (offer.n) {
		struct slice parameter = slice_trim(slice_cut(&offer, ';'));
		bool *seen;

		if (slice_is(parameter, "server_no_context_takeover"))
			seen = &server;
		else if (slice_is(parameter, "client_no_context_takeover"))
			seen = &client;
		else if (slice_is(slice_cut(&parameter, '='), "client_max_window_bits"))
			seen = &window;
		else
			return false;
		if (*seen)
			return false;
		*seen = true;
	}
	return true;
}

/* Fields that stand once, or not at all. */
static int
check_single(const struct request *r, const char **why)
{
	static const char *const single[][2] = {
		{ "sec-websocket-key", "repeated Sec-WebSocket-Key" },
		{ "sec-websocket-version", "repeated Sec-WebSocket-Version" },
		{ "origin", "repeated Origin" },
	};
	struct slice value;

	for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
		if (request_field(r, single[i][0], &value) > 1) {
			*why = single[i][1];
			return 400;
		}
	}
	return 0;
}

int
handshake_check(const struct request *r, const char *cookie, struct buf *scratch,
    struct handshake *h, const char **why)
{
	struct request_list at = { 0 };
	struct slice version = { 0 }, offer;
	int64_t length;
	int status;

	*h = (struct handshake){ 0 };
	if (!slice_is(r->method, "GET")) {
		*why = "a WebSocket is opened with GET";
		return 405;
	}
	*why = "HTTP/1.1 is needed";
	if (r->minor == 0)
		return 400;
	*why = "no Connection: Upgrade";
	if (!request_lists(r, "connection", "upgrade"))
		return 400;
	/* What follows a body would be read as frames. */
	if ((status = request_body(r, &length, why)))
		return status;
	*why = "a handshake has no body";
	if (length)
		return 400;
	if ((status = check_single(r, why)))
		return status;
	*why = "WebSocket version 13 is needed";
	if (!request_field(r, "sec-websocket-version", &version) || !slice_is(version, "13"))
		return 426;
	*why = "malformed Sec-WebSocket-Key";
	if (!request_field(r, "sec-websocket-key", &h->key) || !is_key(h->key))
		return 400;
	request_field(r, "origin", &h->origin);
	if ((status = token_in_query(r, scratch, h, why))
	    || (status = token_in_authorization(r, h, why))
	    || (status = take_subprotocols(r, h, why))
	    || (status = token_in_cookie(r, cookie, h, why)))
		return status;
	while (!h->deflate && request_list(r, "sec-websocket-extensions", &at, &offer))
		h->deflate = can_deflate(offer);
	*why = NULL;
	return 0;
}
