/* net - where to connect to and from. */
#ifndef NET_H
#define NET_H

#include <stdint.h>
#include <sys/socket.h>

#include "url.h"

enum { NET_SOURCES_MAX = 4096 };

struct net_address {
	struct sockaddr_storage a;
	socklen_t n;
};

struct net {
	struct net_address target;
	struct net_address *sources; /* taken in turn; none: the kernel chooses */
	int nsources;
};

/* Find the address of the URL's host. Of several the first that takes a connection now,
 * else the first. 0, or -1 with *why set. */
int net_resolve(struct net *net, const struct url *url, const char **why);

/* Add source addresses: "A", "A,B,C" or "A-B" (IPv4, last included). NULL, or why it
 * cannot be. */
const char *net_add_sources(struct net *net, const char *list);

/* A non-blocking socket that connects to the target, from source number `n` modulo their
 * number. `receive`: bytes of its receive buffer, 0 as the kernel likes. -1 with errno;
 * EAGAIN: the queue of a Unix socket is full, try again. */
int net_connect(const struct net *net, uint32_t n, int receive);

void net_free(struct net *net);

#endif
