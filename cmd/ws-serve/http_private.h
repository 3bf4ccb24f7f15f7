/* http_private - the HTTP side's own state and its endpoints. */
#ifndef HTTP_PRIVATE_H
#define HTTP_PRIVATE_H

#include "http_conn.h"

struct http {
	struct http_config config;
	struct http_conn *first;
	int count;
	bool has_token;
	unsigned char token_hash[32]; /* SHA-256 of the token */
	struct http_stats stats;
};

/* True when there is a place for the newcomer, perhaps since another has lost its own. */
bool http_make_place(struct http *h, const struct http_conn *newcomer);

/* The endpoints; the request has been allowed, its method checked. `rest` is what is
 * behind "/rooms/" or "/connections/", percent-decoded; p is NULL without such. */
void http_health(struct http_conn *c);
void http_ready(struct http_conn *c);
void http_stats(struct http_conn *c);
void http_metrics(struct http_conn *c);
void http_rooms(struct http_conn *c, struct slice rest, struct slice query);
void http_connections(struct http_conn *c, struct slice rest, struct slice query);
void http_disconnect(struct http_conn *c, struct slice id);

/* A body of JSON values: one (application/json), or one a line (application/x-ndjson). */
void http_broadcast(struct http_conn *c, bool lines);
void http_commands(struct http_conn *c, bool lines);

#endif
