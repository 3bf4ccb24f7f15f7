#include "upgrade.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

#include "base64.h"
#include "exit.h"
#include "msg.h"

void
upgrade_key(char key[UPGRADE_KEY + 1])
{
	char bytes[16];
	struct buf b = { 0 };

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		msg_die(EXIT_HOST, "cannot get random bytes: %s", strerror(errno));
	base64_put(&b, slice_of(bytes, sizeof(bytes)));
	memcpy(key, buf_cstr(&b), UPGRADE_KEY + 1);
	buf_free(&b);
}

void
upgrade_accept(struct slice key, char accept[UPGRADE_ACCEPT + 1])
{
	unsigned char hash[SHA_DIGEST_LENGTH];
	struct buf b = { 0 };

	buf_slice(&b, key);
	buf_str(&b, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	SHA1((const unsigned char *)b.p, b.n, hash);
	buf_clear(&b);
	base64_put(&b, slice_of((const char *)hash, sizeof(hash)));
	memcpy(accept, buf_cstr(&b), UPGRADE_ACCEPT + 1);
	buf_free(&b);
}

/* True if the user gave this header with -H. */
static bool
given(const struct options *o, const char *name)
{
	for (int i = 0; i < o->headers.n; i++) {
		struct slice line = slice_str(o->headers.v[i]);

		if (http_is(slice_cut(&line, ':'), name))
			return true;
	}
	return false;
}

static void
put_target(struct buf *b, const struct options *o, struct slice token)
{
	buf_str(b, o->url.target);
	if (o->token_in == TOKEN_QUERY && token.n) {
		buf_str(b, strchr(o->url.target, '?') ? "&token=" : "?token=");
		url_encode(b, token);
	}
}

static void
put_subprotocols(struct buf *b, const struct options *o, struct slice token)
{
	const char *comma = "Sec-WebSocket-Protocol: ";

	if (o->token_in == TOKEN_PROTOCOL && token.n) {
		buf_fmt(b, "%sbearer, %.*s", comma, (int)token.n, token.p);
		comma = ", ";
	}
	for (int i = 0; i < o->subprotocols.n; i++, comma = ", ")
		buf_fmt(b, "%s%s", comma, o->subprotocols.v[i]);
	if (comma[0] == ',')
		buf_str(b, "\r\n");
}

void
upgrade_request(struct buf *b, const struct options *o, const char *key, struct slice token)
{
	buf_str(b, "GET ");
	put_target(b, o, token);
	buf_str(b, " HTTP/1.1\r\n");
	if (!given(o, "host")) {
		buf_str(b, "Host: ");
		url_put_host(b, &o->url);
		buf_str(b, "\r\n");
	}
	buf_fmt(b, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
	    "Sec-WebSocket-Version: 13\r\n", key);
	put_subprotocols(b, o, token);
	if (o->deflate)
		buf_str(b, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
	if (o->origin)
		buf_fmt(b, "Origin: %s\r\n", o->origin);
	if (o->token_in == TOKEN_HEADER && token.n)
		buf_fmt(b, "Authorization: Bearer %.*s\r\n", (int)token.n, token.p);
	if (!given(o, "user-agent"))
		buf_str(b, "User-Agent: ws-connect/" VERSION "\r\n");
	for (int i = 0; i < o->headers.n; i++)
		buf_fmt(b, "%s\r\n", o->headers.v[i]);
	buf_str(b, "\r\n");
}

static bool
offered(const struct options *o, struct slice name)
{
	if (o->token_in == TOKEN_PROTOCOL && slice_is(name, "bearer"))
		return true;
	for (int i = 0; i < o->subprotocols.n; i++)
		if (slice_is(name, o->subprotocols.v[i]))
			return true;
	return false;
}

/* 8 to 15, in decimal, perhaps in quotes (RFC 7692 7.1.2). 0 when it is not. */
static unsigned
window_bits(struct slice v)
{
	if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
		v = slice_of(v.p + 1, v.n - 2);
	if (v.n == 1 && (v.p[0] == '8' || v.p[0] == '9'))
		return (unsigned)(v.p[0] - '0');
	if (v.n == 2 && v.p[0] == '1' && v.p[1] >= '0' && v.p[1] <= '5')
		return 10 + (unsigned)(v.p[1] - '0');
	return 0;
}

/* RFC 7692 section 7.1: our offer had no parameters, so client_max_window_bits may not
 * come back. */
static const char *
check_deflate(struct slice ext, struct buf *agreed)
{
	static const char *const flags[] = { "server_no_context_takeover",
		"client_no_context_takeover" };
	struct slice param;
	unsigned seen = 0;

	http_list_next(&ext, ';', &param);
	if (!http_is(param, "permessage-deflate"))
		return "an extension that was not offered";
	buf_str(agreed, "permessage-deflate");
	while (http_list_next(&ext, ';', &param)) {
		struct slice value = param, name = slice_trim(slice_cut(&value, '='));
		unsigned bit = 4, bits = window_bits(slice_trim(value));

		for (unsigned i = 0; i < 2; i++)
			if (http_is(name, flags[i]) && name.n == param.n)
				bit = 1u << i;
		if (bit == 4 && !(http_is(name, "server_max_window_bits") && bits))
			return "a parameter of permessage-deflate that was not offered";
		if (seen & bit)
			return "a parameter of permessage-deflate twice";
		seen |= bit;
		if (bit == 4)
			buf_fmt(agreed, "; server_max_window_bits=%u", bits);
		else
			buf_fmt(agreed, "; %s", flags[bit - 1]);
	}
	return NULL;
}

const char *
upgrade_check(const struct http_reply *r, const struct options *o, const char *key,
    struct upgrade *u)
{
	char accept[UPGRADE_ACCEPT + 1];
	struct slice v;
	unsigned n;

	*u = (struct upgrade){ 0 };
	v = http_field(r->fields, "upgrade", &n);
	if (n != 1 || !http_is(v, "websocket"))
		return n ? "an Upgrade that is not websocket" : "no Upgrade header";
	v = http_field(r->fields, "connection", &n);
	if (n != 1 || !http_list_has(v, "upgrade"))
		return "no Connection: Upgrade";
	v = http_field(r->fields, "sec-websocket-accept", &n);
	upgrade_accept(slice_of(key, UPGRADE_KEY), accept);
	if (n != 1 || !slice_is(v, accept))
		return n ? "a wrong Sec-WebSocket-Accept" : "no Sec-WebSocket-Accept header";
	v = http_field(r->fields, "sec-websocket-protocol", &n);
	if (n > 1 || (n && !offered(o, v)))
		return "a subprotocol that was not asked for";
	u->subprotocol = v;
	v = http_field(r->fields, "sec-websocket-extensions", &n);
	if (n > 1 || (v.n && !o->deflate))
		return "an extension that was not offered";
	return v.n ? check_deflate(v, &u->extension) : NULL;
}
