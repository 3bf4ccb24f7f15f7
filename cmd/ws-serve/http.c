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
		http_refuse(c, status, status == 404 ? "not found" : "cannot open the file", NULL);
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

/* --- endpoints --- */

static void
take(struct http_conn *c, const struct listener *from, const struct request *r)
{
	(void)from;
	serve_file(c, r);
}

void
http_take(struct http *h, int fd, const struct listener *from, const struct request *r)
{
	struct http_conn *c = http_conn_new(h, fd);

	if (!c)
		return;
	c->head = slice_is(r->method, "HEAD");
	take(c, from, r);
	http_conn_start(c);
}

struct http *
http_new(const struct http_config *config)
{
	struct http *h = mem_zero(1, sizeof *h);

	h->config = *config;
	SHA256((const unsigned char *)config->token.p, config->token.n, h->token_hash);
	return h;
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
