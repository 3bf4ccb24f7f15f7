#include "url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static const struct {
	const char *prefix;
	uint16_t port;
} schemes[] = {
	[URL_WS] = { "ws://", 80 },
	[URL_WSS] = { "wss://", 443 },
	[URL_WS_UNIX] = { "ws+unix://", 0 },
	[URL_WSS_UNIX] = { "wss+unix://", 0 },
	[URL_HTTP] = { "http://", 80 },
};

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
unreserved(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("-._~", c));
}

void
url_encode(struct buf *b, struct slice bytes)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		if (c < 0x80 && unreserved((char)c)) {
			buf_byte(b, (char)c);
		} else {
			buf_byte(b, '%');
			buf_byte(b, digits[c >> 4]);
			buf_byte(b, digits[c & 15]);
		}
	}
}

int
url_decode(struct buf *b, struct slice text)
{
	size_t before = b->n;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '%') {
			buf_byte(b, text.p[i]);
			continue;
		}
		if (text.n - i < 3 || hex(text.p[i + 1]) < 0 || hex(text.p[i + 2]) < 0) {
			b->n = before;
			return -1;
		}
		buf_byte(b, (char)(hex(text.p[i + 1]) << 4 | hex(text.p[i + 2])));
		i += 2;
	}
	return 0;
}

bool
url_secure(const struct url *u)
{
	return u->scheme == URL_WSS || u->scheme == URL_WSS_UNIX;
}

void
url_free(struct url *u)
{
	free(u->host);
	free(u->socket);
	free(u->target);
	free(u->user);
	free(u->password);
	*u = (struct url){ 0 };
}

/* Index of the first byte of `stop` in s, or s.n. */
static size_t
span(struct slice s, const char *stop)
{
	size_t n = 0;

	while (n < s.n && !strchr(stop, s.p[n]))
		n++;
	return n;
}

/* A decoded copy; NULL when malformed or when it would hold a NUL. */
static char *
decoded(struct slice s)
{
	struct buf b = { 0 };
	char *copy = NULL;

	if (url_decode(&b, s) == 0 && slice_find(buf_view(&b), '\0') == b.n)
		copy = mem_copy(b.p, b.n);
	buf_free(&b);
	return copy;
}

static const char *
parse_port(struct slice s, uint16_t *port)
{
	unsigned v = 0;

	if (s.n == 0 || s.n > 5)
		return "the port is not between 1 and 65535";
	for (size_t i = 0; i < s.n; i++) {
		if (!isdigit((unsigned char)s.p[i]))
			return "the port is not a number";
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	if (v == 0 || v > 65535)
		return "the port is not between 1 and 65535";
	*port = (uint16_t)v;
	return NULL;
}

static const char *
parse_host(struct slice s, struct url *u)
{
	struct slice host = s, port = { 0 };
	bool has_port = false;

	if (s.n && s.p[0] == '[') {
		size_t end = slice_find(s, ']');
		struct in6_addr addr;

		if (end == s.n)
			return "the bracket of the address is not closed";
		host = slice_of(s.p + 1, end - 1);
		port = slice_from(s, end + 1);
		if (port.n && port.p[0] != ':')
			return "there is something behind the address in brackets";
		has_port = port.n != 0;
		port = slice_from(port, 1);
		u->host = mem_copy(host.p, host.n);
		if (inet_pton(AF_INET6, u->host, &addr) != 1)
			return "no IPv6 address in the brackets";
		u->ipv6 = true;
	} else {
		size_t colon = slice_find(s, ':');

		has_port = colon < s.n;
		host = slice_of(s.p, colon);
		port = slice_from(s, colon + 1);
		/* Names as DNS has them, and the underscore that some have all the same. */
		for (size_t i = 0; i < host.n; i++)
			if (!isalnum((unsigned char)host.p[i]) && !strchr("-._", host.p[i]))
				return "the host has a character that is none of a name";
		if (host.n == 0 || host.n > 253)
			return host.n ? "the host is too long" : "the host is missing";
		u->host = mem_copy(host.p, host.n);
	}
	for (char *p = u->host; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	u->port = schemes[u->scheme].port;
	return has_port ? parse_port(port, &u->port) : NULL;
}

static const char *
parse_userinfo(struct slice s, struct url *u)
{
	struct slice user = slice_cut(&s, ':');

	if (u->scheme != URL_HTTP)
		return "user and password belong into a header, not into the URL";
	u->user = decoded(user);
	u->password = decoded(s);
	return u->user && u->password ? NULL : "malformed percent-encoding";
}

/* The path of the socket, then ":/path" or "?query" (the form of node's ws). */
static const char *
parse_socket(struct slice s, struct url *u, struct slice *target)
{
	size_t end = span(s, ":?");

	if (s.n == 0 || s.p[0] != '/')
		return "the socket's path does not begin with '/'";
	u->host = mem_str("");
	u->socket = decoded(slice_of(s.p, end));
	if (!u->socket)
		return "malformed percent-encoding";
	*target = slice_from(s, end);
	if (target->n && target->p[0] == ':') {
		*target = slice_from(*target, 1);
		if (target->n == 0 || target->p[0] != '/')
			return "the path behind ':' does not begin with '/'";
	}
	return NULL;
}

static const char *
parse(struct slice s, struct url *u)
{
	struct slice target;
	struct buf ignored = { 0 };
	const char *why;
	size_t i;

	if (s.n > URL_MAX)
		return "longer than 16 KiB";
	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return "a blank, a control character or one that is not ASCII";
	for (i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strlen(schemes[i].prefix) <= s.n &&
		    strncasecmp(s.p, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
			break;
	if (i == sizeof(schemes) / sizeof(*schemes))
		return "the scheme is none of ws, wss, ws+unix, wss+unix";
	u->scheme = (enum url_scheme)i;
	s = slice_from(s, strlen(schemes[i].prefix));
	if (slice_find(s, '#') < s.n)
		return "a WebSocket URL has no fragment";
	int bad = url_decode(&ignored, s);

	buf_free(&ignored);
	if (bad)
		return "malformed percent-encoding";
	if (u->scheme == URL_WS_UNIX || u->scheme == URL_WSS_UNIX) {
		why = parse_socket(s, u, &target);
	} else {
		struct slice authority = slice_of(s.p, span(s, "/?"));
		size_t at = slice_find(authority, '@');

		target = slice_from(s, authority.n);
		why = NULL;
		if (at < authority.n) {
			why = parse_userinfo(slice_of(authority.p, at), u);
			authority = slice_from(authority, at + 1);
		}
		if (!why)
			why = parse_host(authority, u);
		if (!why && u->scheme == URL_HTTP && target.n && !slice_is(target, "/"))
			why = "a proxy has no path";
	}
	if (why)
		return why;
	struct buf b = { 0 };

	if (target.n == 0 || target.p[0] != '/')
		buf_byte(&b, '/');
	buf_slice(&b, target);
	u->target = mem_copy(b.p, b.n);
	buf_free(&b);
	return NULL;
}

int
url_parse(const char *text, struct url *u, const char **why)
{
	*u = (struct url){ 0 };
	*why = parse(slice_str(text), u);
	if (!*why)
		return 0;
	url_free(u);
	return -1;
}

static void
put_name(struct buf *b, const struct url *u)
{
	buf_fmt(b, u->ipv6 ? "[%s]" : "%s", u->host);
	if (u->port != schemes[u->scheme].port)
		buf_fmt(b, ":%u", u->port);
}

void
url_put_host(struct buf *b, const struct url *u)
{
	if (u->socket)
		buf_str(b, "localhost");
	else
		put_name(b, u);
}

void
url_put_shown(struct buf *b, const struct url *u)
{
	struct slice target = slice_str(u->target);

	buf_str(b, schemes[u->scheme].prefix);
	if (u->socket)
		buf_fmt(b, "%s:", u->socket);
	else
		put_name(b, u);
	buf_slice(b, slice_cut(&target, '?'));
}
