/* url - the URLs of WebSocket clients (RFC 6455 section 3, RFC 3986), strictly, and
 * percent-encoding.
 *
 *     ws://HOST[:PORT][/PATH][?QUERY]         TCP, port 80
 *     wss://HOST[:PORT][/PATH][?QUERY]        TLS, port 443
 *     ws+unix:///SOCKET[:/PATH][?QUERY]       a Unix socket; wss+unix the same with TLS
 *     http://[USER:PASSWORD@]HOST[:PORT][/]   a proxy, port 80
 *
 * HOST is a name, an IPv4 address or [IPv6]. Blanks, control characters and bytes that
 * are not ASCII are errors everywhere, as are a fragment, port 0 and a '%' without two
 * hexadecimal digits. A name and a password are decoded; path and query are kept as
 * they are written, since they are sent so. Pure. */
#ifndef URL_H
#define URL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "slice.h"

enum {
	URL_MAX = 16 << 10, /* longest URL, bytes */
};

enum url_scheme { URL_WS, URL_WSS, URL_WS_UNIX, URL_WSS_UNIX, URL_HTTP };

struct url {
	enum url_scheme scheme;
	char *host;     /* to connect to, lower case, without brackets; "" for a Unix socket */
	bool ipv6;      /* host is an IPv6 address: it stands in brackets in a Host header */
	uint16_t port;  /* 0 for a Unix socket */
	char *socket;   /* path of the Unix socket, decoded; NULL for TCP */
	char *target;   /* path and query, as the request line has them; at least "/" */
	char *user;     /* decoded; NULL when there is none */
	char *password; /* likewise */
};

/* Parse a URL. 0, or -1 with *why set (static text) and *u empty. Release with
 * url_free, which does nothing to an empty one. */
int url_parse(const char *text, struct url *u, const char **why);
void url_free(struct url *u);

/* True for wss and wss+unix. */
bool url_secure(const struct url *u);

/* The value of a Host header: with the port unless it is the scheme's own, "localhost"
 * for a Unix socket. */
void url_put_host(struct buf *b, const struct url *u);

/* The URL for people: without user, password and query, which may hold secrets. */
void url_put_shown(struct buf *b, const struct url *u);

/* Append `bytes` with all but letters, digits and "-._~" percent-encoded. */
void url_encode(struct buf *b, struct slice bytes);

/* Append the decoded text. 0, or -1 when a '%' has no two hexadecimal digits behind it
 * (then nothing was appended). '+' is no blank. */
int url_decode(struct buf *b, struct slice text);

#endif
