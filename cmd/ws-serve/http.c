#include "http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "http_private.h"
#include "mem.h"
#include "url.h"

static const char *const names[HTTP_ENDPOINTS] = {
	[HTTP_HEALTH] = "health",
	[HTTP_READY] = "ready",
	[HTTP_STATS] = "stats",
	[HTTP_METRICS] = "metrics",
	[HTTP_ROOMS] = "rooms",
	[HTTP_CONNECTIONS] = "connections",
	[HTTP_BROADCAST] = "broadcast",
	[HTTP_COMMANDS] = "commands",
};

int
http_expose(struct slice list)
{
	int set = 0;

	while (list.n) {
		struct slice name = slice_trim(slice_cut(&list, ','));
		int e = 0;

		while (e < HTTP_ENDPOINTS && !slice_is(name, names[e]))
			e++;
		if (e == HTTP_ENDPOINTS || !(HTTP_PUBLIC & 1 << e))
			return -1;
		set |= 1 << e;
	}
	return set;
}

/* The endpoint that the path names, -1: none; *rest is what is behind "/rooms/" or
 * "/connections/", p NULL without such. */
static int
find_endpoint(const struct http *h, struct slice path, struct slice *rest)
{
	struct slice name;

	*rest = slice_from(path, 1);
	name = slice_cut(rest, '/');
	if (path.n == name.n + 1)
		rest->p = NULL;
	for (int e = 0; e < HTTP_ENDPOINTS; e++) {
		if (!slice_is(name, names[e]) || !(h->config.endpoints & 1u << e))
			continue;
		return rest->p && e != HTTP_ROOMS && e != HTTP_CONNECTIONS ? -1 : e;
	}
	return -1;
}

bool
http_has(struct http *h, const struct request *r)
{
	struct slice rest;

	return h->config.files >= 0 || find_endpoint(h, r->path, &rest) >= 0;
}

/* --- files --- */

static void
serve_file(struct http_conn *c, const struct request *r)
{
	struct static_file file;
	struct slice since = { 0 };
	struct tm tm;
	char modified[64], fields[96], *location;
	int status;

	if (!slice_is(r->method, "GET") && !slice_is(r->method, "HEAD")) {
		http_refuse(c, 405, "files are for GET and HEAD", "GET, HEAD");
		return;
	}
	status = static_find(c->http->config.files, r->path, &file);
	if (status == 301) {
		struct buf b = { 0 };

		buf_fmt(&b, "Location: %.*s/\r\n", (int)r->path.n, r->path.p);
		location = buf_cstr(&b);
		http_reply(c, 301, NULL, slice_of("", 0), location);
		buf_free(&b);
		return;
	}
	if (status != 200) {
		http_refuse(c, status, status == 404 ? "not found" : "no descriptors left", NULL);
		return;
	}
	gmtime_r(&(time_t){ file.modified }, &tm);
	strftime(modified, sizeof modified, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	snprintf(fields, sizeof fields, "Last-Modified: %s\r\n", modified);
	/* The same text comes back from a client that has this version. */
	if (request_field(r, "if-modified-since", &since) == 1 && slice_is(since, modified)) {
		http_reply(c, 304, NULL, slice_of("", 0), fields);
		c->file = file.fd;
		return;
	}
	http_send_file(c, &file, fields);
}

/* --- who may use the endpoints --- */

/* True if `host` is "ADDRESS:PORT", or localhost with that port where it leads here. The
 * port of the scheme may be left out. */
static bool
names_address(struct slice host, const char *address, const struct listener *from)
{
	struct slice ip = slice_of(address, (size_t)(strrchr(address, ':') - address));
	struct slice port = slice_str(address + ip.n);
	bool usual = slice_is(port, from->tls ? ":443" : ":80");
	char name[16];

	if (slice_is(host, address) || (usual && slice_eq(host, ip)))
		return true;
	/* No name that somebody's DNS answers for. */
	snprintf(name, sizeof name, "localhost%.*s", (int)port.n, port.p);
	return from->loopback
	    && (request_same(host, slice_str(name)) || (usual && request_same(host, S("localhost"))));
}

/* The Host that a client of this very socket would send: the address it is bound to. */
static bool
is_bound_address(int fd, const struct listener *from, struct slice host)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { 0 };
	socklen_t n = sizeof a;
	char ip[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 16];

	/* Whoever can open a Unix socket is no page in a browser. */
	if (from->local)
		return true;
	/* What we have of a TLS connection is one end of a socket pair. */
	if (from->tls)
		return names_address(host, from->host, from);
	if (getsockname(fd, &a.sa, &n))
		return false;
	if (a.sa.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr)) {
		inet_ntop(AF_INET6, &a.v6.sin6_addr, ip, sizeof ip);
		snprintf(text, sizeof text, "[%s]:%u", ip, ntohs(a.v6.sin6_port));
	} else {
		inet_ntop(AF_INET, a.sa.sa_family == AF_INET ? (void *)&a.v4.sin_addr
		    : (void *)(a.v6.sin6_addr.s6_addr + 12), ip, sizeof ip);
		/* The port stands at the same place in both. */
		snprintf(text, sizeof text, "%s:%u", ip, ntohs(a.v4.sin_port));
	}
	return names_address(host, text, from);
}

static bool
host_allowed(const struct http_conn *c, const struct listener *from, struct slice host,
    enum http_endpoint e)
{
	const struct http_config *config = &c->http->config;

	/* A page of a name that leads here by now has no token, so a token will do. */
	if (!config->check_host && (c->http->has_token || HTTP_OPEN & 1u << e))
		return true;
	for (int i = 0; i < config->host_count; i++) {
		if (request_same(host, slice_str(config->hosts[i])))
			return true;
	}
	return is_bound_address(c->fd, from, host);
}

/* Compared by their hashes, in constant time, so that neither length nor prefix shows. */
static bool
token_fits(const struct http *h, const struct request *r)
{
	struct slice value = { 0 };
	unsigned char hash[32];

	if (request_field(r, "authorization", &value) != 1
	    || !request_same(slice_cut(&value, ' '), S("bearer")))
		return false;
	value = slice_trim(value);
	SHA256((const unsigned char *)value.p, value.n, hash);
	return CRYPTO_memcmp(hash, h->token_hash, sizeof hash) == 0;
}

/* True if the request may use endpoint e; else it has been refused. */
static bool
allowed(struct http_conn *c, const struct listener *from, const struct request *r,
    enum http_endpoint e)
{
	const struct http_config *config = &c->http->config;
	struct slice origin;

	/* A name that an attacker's DNS points here (rebinding) is not ours. */
	if (!host_allowed(c, from, r->host, e)) {
		http_refuse(c, 421, "this Host is not served here", NULL);
		return false;
	}
	/* Browsers send it with every request that crosses sites, and every POST. */
	if (request_field(r, "origin", &origin)) {
		http_refuse(c, 403, "not for browsers", NULL);
		return false;
	}
	if (HTTP_OPEN & 1u << e)
		return true;
	if (!c->http->has_token && !config->open) {
		http_refuse(c, 403, "no token is set up", NULL);
		return false;
	}
	if (c->http->has_token && !token_fits(c->http, r)) {
		http_refuse(c, 401, "wrong or missing token", NULL);
		return false;
	}
	return true;
}

/* --- endpoints --- */

static void
post(struct http_conn *c, const struct request *r, enum http_endpoint e)
{
	struct slice type = { 0 }, expect = { 0 };
	int64_t length;
	const char *why;
	bool lines;
	int status = request_body(r, &length, &why);

	if (status) {
		http_refuse(c, status, why, NULL);
		return;
	}
	/* A form cannot have these types; so a page of another site would have to ask first. */
	request_field(r, "content-type", &type);
	type = slice_trim(slice_cut(&type, ';'));
	lines = request_same(type, S("application/x-ndjson"));
	if (!lines && !request_same(type, S("application/json"))) {
		http_refuse(c, 415, "the body must be application/json or application/x-ndjson", NULL);
		return;
	}
	if (!lines && length > c->http->config.max_body) {
		http_refuse(c, 413, "the body is too large", NULL);
		return;
	}
	if (request_field(r, "expect", &expect)) {
		if (!request_same(expect, S("100-continue"))) {
			http_refuse(c, 417, "unknown expectation", NULL);
			return;
		}
		send(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	body_init(&c->body, length);
	(e == HTTP_BROADCAST ? http_broadcast : http_commands)(c, lines);
}

static void
get(struct http_conn *c, const struct request *r, enum http_endpoint e, struct slice rest)
{
	switch (e) {
	case HTTP_HEALTH:
		http_health(c);
		break;
	case HTTP_READY:
		http_ready(c);
		break;
	case HTTP_STATS:
		http_stats(c);
		break;
	case HTTP_METRICS:
		http_metrics(c);
		break;
	case HTTP_ROOMS:
		http_rooms(c, rest, r->query);
		break;
	default:
		http_connections(c, rest, r->query);
	}
}

static void
serve_endpoint(struct http_conn *c, const struct listener *from, const struct request *r,
    enum http_endpoint e, struct slice rest)
{
	bool posts = e == HTTP_BROADCAST || e == HTTP_COMMANDS;
	bool deletes = e == HTTP_CONNECTIONS && rest.p;
	const char *allow = posts ? "POST" : deletes ? "GET, HEAD, DELETE" : "GET, HEAD";
	struct buf name = { 0 };

	if (!allowed(c, from, r, e))
		return;
	if (rest.p) {
		if (url_decode(&name, rest)) {
			http_refuse(c, 400, "malformed path", NULL);
			buf_free(&name);
			return;
		}
		rest = slice_of(name.p ? name.p : "", name.n);
	}
	if (posts && slice_is(r->method, "POST"))
		post(c, r, e);
	else if (deletes && slice_is(r->method, "DELETE"))
		http_disconnect(c, rest);
	else if (!posts && (slice_is(r->method, "GET") || c->head))
		get(c, r, e, rest);
	else
		http_refuse(c, 405, "the endpoint has no such method", allow);
	buf_free(&name);
}

void
http_take(struct http *h, int fd, const struct listener *from, struct peer_address who,
    const struct request *r)
{
	struct http_conn *c = http_conn_new(h, fd, who);
	struct slice rest;
	int e;

	if (!c)
		return;
	c->head = slice_is(r->method, "HEAD");
	if ((e = find_endpoint(h, r->path, &rest)) >= 0)
		serve_endpoint(c, from, r, (enum http_endpoint)e, rest);
	else
		serve_file(c, r);
	http_conn_start(c);
}

struct http *
http_new(const struct http_config *config)
{
	struct http *h = mem_zero(1, sizeof *h);

	h->config = *config;
	return h;
}

void
http_count(const struct http *h, struct http_stats *sum)
{
	if (!h)
		return;
	sum->requests += h->stats.requests;
	sum->refused += h->stats.refused;
	sum->slow += h->stats.slow;
	sum->displaced += h->stats.displaced;
}

void
http_set_token(struct http *h, struct slice token)
{
	SHA256((const unsigned char *)token.p, token.n, h->token_hash);
	h->has_token = true;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	while (h->first)
		http_conn_free(h->first);
	free(h);
}
