#include "rmq_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "url.h"

/* A decoded, terminated copy; NULL when malformed or with a NUL in it. */
static char *
decoded(struct slice text)
{
	struct buf b = { 0 };

	if (url_decode(&b, text) || slice_find(buf_view(&b), '\0') < b.n) {
		buf_free(&b);
		return NULL;
	}
	return buf_cstr(&b);
}

static int
parse_port(struct slice text, uint16_t *port)
{
	unsigned v = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || i >= 5)
			return -1;
		v = v * 10 + (unsigned)(text.p[i] - '0');
	}
	if (!v || v > UINT16_MAX)
		return -1;
	*port = (uint16_t)v;
	return 0;
}

/* "HOST[:PORT]" or "[IPv6][:PORT]" */
static const char *
parse_host(struct slice text, struct rmq_url *u)
{
	struct slice host;

	if (text.n && text.p[0] == '[') {
		size_t end = slice_find(text, ']');

		if (end == text.n)
			return "a '[' without a ']'";
		host = slice_of(text.p + 1, end - 1);
		text = slice_from(text, end + 1);
		for (size_t i = 0; i < host.n; i++)
			if (!isxdigit((unsigned char)host.p[i]) && host.p[i] != ':' && host.p[i] != '.')
				return "not an IPv6 address";
	} else {
		host = slice_of(text.p, slice_find(text, ':'));
		text = slice_from(text, host.n);
		for (size_t i = 0; i < host.n; i++)
			if (!isalnum((unsigned char)host.p[i]) && !strchr("-._", host.p[i]))
				return "not a host name";
	}
	if (!host.n)
		return "no host";
	if (text.n && (text.p[0] != ':' || parse_port(slice_from(text, 1), &u->port)))
		return "not a port";
	u->host = mem_copy(host.p, host.n);
	return NULL;
}

static const char *
parse(struct slice rest, struct rmq_url *u)
{
	struct slice authority, vhost, login;
	const char *why;
	size_t at;
	struct buf shown = { 0 };

	for (size_t i = 0; i < rest.n; i++)
		if ((unsigned char)rest.p[i] <= ' ' || (unsigned char)rest.p[i] >= 0x7f)
			return "a blank, a control character or a byte that is not ASCII";
	if (rest.n > RMQ_URL_MAX)
		return "too long";
	u->tls = slice_starts(rest, S("amqps://"));
	if (!u->tls && !slice_starts(rest, S("amqp://")))
		return "not amqp:// or amqps://";
	u->port = u->tls ? 5671 : 5672;
	rest = slice_from(rest, u->tls ? 8 : 7);
	if (slice_find(rest, '?') < rest.n || slice_find(rest, '#') < rest.n)
		return "a query or a fragment; use options";
	vhost = slice_from(rest, slice_find(rest, '/'));
	authority = slice_of(rest.p, rest.n - vhost.n);
	at = slice_find(authority, '@');
	if (at < authority.n) {
		bool password;

		login = slice_of(authority.p, at);
		authority = slice_from(authority, at + 1);
		password = slice_find(login, ':') < login.n;
		u->user = decoded(slice_cut(&login, ':'));
		u->password = password ? decoded(login) : NULL;
		if (!u->user || (password && !u->password))
			return "a '%' in the user or password that is not followed by two digits";
	}
	why = parse_host(authority, u);
	if (why)
		return why;
	vhost = slice_from(vhost, 1);
	if (slice_find(vhost, '/') < vhost.n)
		return "a '/' in the virtual host; write %2F";
	/* Most likely the end of a password with a '/' in it, which must not be shown. */
	if (slice_find(vhost, '@') < vhost.n)
		return "an '@' in the virtual host, or a '/' before it; write %40 and %2F";
	u->vhost = vhost.n ? decoded(vhost) : mem_str("/");
	if (!u->vhost)
		return "a '%' in the virtual host that is not followed by two digits";
	buf_fmt(&shown, "amqp%s://%.*s%s%.*s", u->tls ? "s" : "", (int)authority.n, authority.p,
	    vhost.n ? "/" : "", (int)vhost.n, vhost.p);
	u->shown = buf_cstr(&shown);
	return NULL;
}

int
rmq_url_parse(struct slice text, struct rmq_url *u, const char **why)
{
	*u = (struct rmq_url){ 0 };
	*why = parse(text, u);
	if (!*why)
		return 0;
	rmq_url_free(u);
	return -1;
}

void
rmq_url_free(struct rmq_url *u)
{
	free(u->host);
	free(u->user);
	free(u->password);
	free(u->vhost);
	free(u->shown);
	*u = (struct rmq_url){ 0 };
}
