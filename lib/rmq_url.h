/* rmq_url - the URLs of AMQP brokers (RabbitMQ URI specification), strictly:
 *
 *     amqp://[USER[:PASSWORD]@]HOST[:PORT][/VHOST]     TCP, port 5672
 *     amqps://…                                        TLS, port 5671
 *
 * HOST is a name, an IPv4 address or [IPv6]. User, password and virtual host are
 * percent-decoded; a '/' in one must be written %2F. Without a virtual host, or with an
 * empty one, it is "/". Blanks, control characters, NUL, a query and a fragment are errors.
 * Pure. */
#ifndef RMQ_URL_H
#define RMQ_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

enum { RMQ_URL_MAX = 4096 }; /* longest URL, bytes */

struct rmq_url {
	bool tls;
	char *host;     /* without brackets */
	uint16_t port;
	char *user;     /* NULL when there is none; "" is one */
	char *password; /* likewise */
	char *vhost;
	char *shown;    /* for people: without user and password */
};

/* 0, or -1 with *why set (static text) and *u empty. Release with rmq_url_free. */
int rmq_url_parse(struct slice text, struct rmq_url *u, const char **why);
void rmq_url_free(struct rmq_url *u);

#endif
