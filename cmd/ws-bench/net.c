#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "dial.h"
#include "mem.h"

static int
resolve_unix(struct net *net, const char *path, const char **why)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&net->target.a;
	size_t n = strlen(path);

	if (n >= sizeof(un->sun_path)) {
		*why = "path of the socket too long";
		return -1;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n + 1);
	net->target.n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return 0;
}

/* Whether something listens there and answers in time. */
static bool
answers(const struct addrinfo *ai)
{
	/* Linux takes the time limit of sending for connect(2) too. */
	struct timeval limit = { .tv_sec = DIAL_ADDRESS_MS / 1000 };
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	    connect(fd, ai->ai_addr, ai->ai_addrlen) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

int
net_resolve(struct net *net, const struct url *url, const char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *list;
	const struct addrinfo *best;
	char port[8];
	int rc;

	if (url->socket)
		return resolve_unix(net, url->socket, why);
	snprintf(port, sizeof(port), "%u", url->port);
	if ((rc = getaddrinfo(url->host, port, &hints, &list))) {
		*why = rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc);
		return -1;
	}
	best = list;
	/* A trial costs the server a connection, so only when there is a choice. */
	for (const struct addrinfo *ai = list->ai_next ? list : NULL; ai; ai = ai->ai_next)
		if (answers(ai)) {
			best = ai;
			break;
		}
	memcpy(&net->target.a, best->ai_addr, best->ai_addrlen);
	net->target.n = best->ai_addrlen;
	freeaddrinfo(list);
	return 0;
}

static bool
parse_address(const char *text, struct net_address *a)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a->a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->a;

	*a = (struct net_address){ 0 };
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		a->n = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		a->n = sizeof(*v6);
	}
	return a->n != 0;
}

static const char *
add_source(struct net *net, const struct net_address *a)
{
	if (net->nsources == NET_SOURCES_MAX)
		return "too many source addresses";
	net->sources = mem_resize(net->sources, (size_t)net->nsources + 1, sizeof(*net->sources));
	net->sources[net->nsources++] = *a;
	return NULL;
}

static const char *
add_range(struct net *net, const char *from, const char *to)
{
	struct net_address a, b;
	struct sockaddr_in *first = (struct sockaddr_in *)&a.a, *last = (struct sockaddr_in *)&b.a;
	const char *why = NULL;

	if (!parse_address(from, &a) || !parse_address(to, &b) ||
	    first->sin_family != AF_INET || last->sin_family != AF_INET ||
	    ntohl(first->sin_addr.s_addr) > ntohl(last->sin_addr.s_addr))
		return "not a range of IPv4 addresses";
	while (!(why = add_source(net, &a)) && first->sin_addr.s_addr != last->sin_addr.s_addr)
		first->sin_addr.s_addr = htonl(ntohl(first->sin_addr.s_addr) + 1);
	return why;
}

const char *
net_add_sources(struct net *net, const char *list)
{
	char *copy = mem_str(list), *save = NULL;
	const char *why = NULL;

	for (char *s = strtok_r(copy, ",", &save); s && !why; s = strtok_r(NULL, ",", &save)) {
		char *dash = strchr(s, '-');
		struct net_address a;

		if (dash) {
			*dash = '\0';
			why = add_range(net, s, dash + 1);
		} else {
			why = parse_address(s, &a) ? add_source(net, &a) : "not an address";
		}
	}
	free(copy);
	return why;
}

int
net_connect(const struct net *net, uint32_t n, int receive)
{
	int family = net->target.a.ss_family, one = 1, saved;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (receive)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	if (net->nsources) {
		const struct net_address *a = &net->sources[n % (uint32_t)net->nsources];

		/* The port is chosen at connect(2), which knows the target: so each source
		 * address has all its ports for each target. */
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (bind(fd, (const struct sockaddr *)&a->a, a->n))
			goto fail;
	}
	if (connect(fd, (const struct sockaddr *)&net->target.a, net->target.n) == 0 ||
	    errno == EINPROGRESS)
		return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

void
net_free(struct net *net)
{
	free(net->sources);
	*net = (struct net){ 0 };
}
