/* edge - where ws-serve meets the network, made from the options: listeners, TLS, the
 * doors of the public port and of administration, HTTP, files and metrics. */
#ifndef EDGE_H
#define EDGE_H

#include <stdbool.h>

struct http_stats;
struct listener;
struct server;
struct tls_stats;

/* Bind everything, load certificate and token; what is wrong ends the program. Nothing
 * is accepted yet. */
void edge_new(struct server *s);

/* Begin to accept. */
void edge_open(struct server *s);

/* The public listeners, and those of administration. Return their number. */
int edge_listeners(const struct server *s, const struct listener **list);
int edge_admin_listeners(const struct server *s, const struct listener **list);

/* What the TLS side has counted (NULL without TLS), and the HTTP sides together. */
const struct tls_stats *edge_tls_stats(const struct server *s);
void edge_http_stats(const struct server *s, struct http_stats *sum);

/* Reload certificate and token in two steps: load them beside those in use (NULL, or why
 * not, valid until the next call), then take them or drop them. */
const char *edge_load(struct server *s);
void edge_take(struct server *s, bool take);

/* Write the metrics a last time, and close: nobody is in the door any more, and what
 * connections over TLS were sent has been passed on. Connections may still be there. */
void edge_close(struct server *s);

/* Release the rest, when connections are gone. */
void edge_free(struct server *s);

#endif
