#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mem.h"
#include "num.h"
#include "proxy.h"
#include "url.h"

enum { LISTEN_FIRST = 3 }; /* SD_LISTEN_FDS_START of sd_listen_fds(3) */

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *
format(const char *fmt, ...)
{
	char text[512]; /* a Unix path with every byte percent-encoded */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return mem_str(text);
}

/* "ws+unix://PATH:", as ws-connect takes it with a path behind. */
static int
describe_unix(struct listener *l, struct sockaddr_un *un, socklen_t n)
{
	struct buf url = { 0 };
	char *path;

	l->local = l->loopback = true;
	un->sun_path[sizeof un->sun_path - 1] = '\0';
	/* An abstract or nameless socket has no URL that a client could use. */
	path = n > sizeof un->sun_family && un->sun_path[0] ? realpath(un->sun_path, NULL) : NULL;
	buf_str(&url, "ws+unix://");
	for (const char *p = path ? path : ""; *p; p++) {
		if (*p == '/')
			buf_byte(&url, '/');
		else
			url_encode(&url, slice_of(p, 1));
	}
	buf_byte(&url, ':');
	free(path);
	l->url = buf_cstr(&url);
	return 0;
}

/* Messages are written whole, so nothing is won by waiting for more (Nagle). Accepted
 * sockets inherit it, which saves a system call for each. */
static void
set_nodelay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Fill in what follows from the address that l->fd is bound to. */
static int
describe(struct listener *l)
{
	char host[INET6_ADDRSTRLEN];
	union address a;
	socklen_t n = sizeof a;

	memset(&a, 0, sizeof a);
	if (getsockname(l->fd, &a.sa, &n))
		return -1;
	switch (a.sa.sa_family) {
	case AF_UNIX:
		l->local = l->loopback = true;
		return describe_unix(l, &a.un, n);
	case AF_INET:
		inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host);
		l->loopback = ntohl(a.v4.sin_addr.s_addr) >> 24 == 127;
		l->host = format("%s:%u", host, ntohs(a.v4.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host);
		l->loopback = IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr);
		l->host = format("[%s]:%u", host, ntohs(a.v6.sin6_port));
		break;
	default:
		errno = EAFNOSUPPORT;
		return -1;
	}
	l->url = format("ws://%s", l->host);
	set_nodelay(l->fd);
	return 0;
}

/* A socket file that nobody listens at any more may go; any other file stays. */
static int
remove_dead(const struct sockaddr_un *un)
{
	struct stat st;
	int fd, connected, e;

	if (lstat(un->sun_path, &st))
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	connected = connect(fd, (const struct sockaddr *)un, sizeof *un);
	e = errno;
	close(fd);
	if (connected == 0 || e == EAGAIN) {
		errno = EADDRINUSE;
		return -1;
	}
	if (e != ECONNREFUSED) {
		errno = e;
		return -1;
	}
	return unlink(un->sun_path);
}

static int
bind_and_listen(struct listener *l, const union address *a, socklen_t n, bool reuse_port)
{
	int on = 1, off = 0;

	l->fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -1;
	if (a->sa.sa_family != AF_UNIX)
		setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->sa.sa_family == AF_INET6)
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY,
		    IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr) ? &off : &on, sizeof on);
	if (reuse_port && setsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on))
		return -1;
	if (bind(l->fd, &a->sa, n))
		return -1;
	/* The kernel cuts this to net.core.somaxconn. */
	return listen(l->fd, 65535);
}

static int
open_unix(struct listener *l, const char *path, const char **why)
{
	union address a = { .un = { .sun_family = AF_UNIX } };
	struct stat st;

	if (strlen(path) >= sizeof a.un.sun_path) {
		*why = "the path is too long for a socket";
		return -1;
	}
	strcpy(a.un.sun_path, path);
	if (remove_dead(&a.un) || bind_and_listen(l, &a, sizeof a.un, false)) {
		*why = strerror(errno);
		return -1;
	}
	l->path = mem_str(path);
	if (lstat(path, &st) == 0) {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	return 0;
}

/* "[ADDRESS:]PORT" to socket addresses: for "*" the one of IPv6, which takes IPv4 too,
 * and the one of IPv4 for hosts without IPv6. Returns their number, 0 with *why. */
static int
parse_where(const char *where, union address a[2], const char **why)
{
	const char *colon = strrchr(where, ':');
	struct slice host = slice_of(where, colon ? (size_t)(colon - where) : 0), bare;
	struct peer_address ip;
	int64_t port;

	memset(a, 0, 2 * sizeof *a);
	*why = "not a port";
	if (num_int(colon ? colon + 1 : where, &port) || port < 0 || port > 65535)
		return 0;
	a[0].v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	a[1].v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (slice_is(host, "*"))
		return 2;
	if (!colon)
		host = S("127.0.0.1");
	else if (slice_is(host, "localhost"))
		host = S("127.0.0.1");
	*why = "not an address";
	if (!proxy_address(host, &ip, &bare) || bare.n + (host.p[0] == '[' ? 2 : 0) != host.n)
		return 0;
	if (slice_find(bare, ':') < bare.n) {
		*why = "an IPv6 address stands in brackets";
		if (host.p[0] != '[')
			return 0;
		memcpy(&a[0].v6.sin6_addr, ip.bytes, 16);
	} else {
		a[0] = a[1];
		memcpy(&a[0].v4.sin_addr, ip.bytes + 12, 4);
	}
	return 1;
}

static void
drop(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static int
open_tcp(struct listener *l, const char *where, bool reuse_port, const char **why)
{
	union address a[2];
	int n = parse_where(where, a, why);

	if (n == 0)
		return -1;
	for (int i = 0; i < n; i++) {
		socklen_t size = a[i].sa.sa_family == AF_INET6 ? sizeof a[i].v6 : sizeof a[i].v4;

		if (bind_and_listen(l, &a[i], size, reuse_port) == 0)
			return 0;
		*why = strerror(errno);
		drop(l);
		if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
			break;
	}
	return -1;
}

int
listen_open(struct listener *l, const char *where, bool reuse_port, const char **why)
{
	*l = (struct listener){ .fd = -1 };
	if (strchr(where, '/') ? open_unix(l, where, why) : open_tcp(l, where, reuse_port, why)) {
		drop(l);
		return -1;
	}
	if (describe(l)) {
		*why = strerror(errno);
		listen_close(l);
		return -1;
	}
	return 0;
}

/* The name of inherited descriptor i in LISTEN_FDNAMES, which separates them by ':'. */
static struct slice
inherited_name(int i)
{
	const char *names = getenv("LISTEN_FDNAMES");
	struct slice rest = slice_str(names ? names : ""), name = slice_cut(&rest, ':');

	while (i-- > 0)
		name = slice_cut(&rest, ':');
	return name;
}

static int
inherit(struct listener *l, int fd, const char **why)
{
	int type = 0, listening = 0, flags = fcntl(fd, F_GETFL);
	socklen_t n = sizeof type;

	*l = (struct listener){ .fd = fd, .inherited = true };
	*why = "an inherited descriptor is no listening stream socket";
	if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) || type != SOCK_STREAM
	    || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) || !listening)
		return -1;
	/* sd_listen_fds(3): the descriptors are for this process alone. */
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, flags | O_NONBLOCK)
	    || describe(l)) {
		*why = strerror(errno);
		return -1;
	}
	return 0;
}

int
listen_inherited(bool admin, struct listener **list, const char **why)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int64_t want_pid, count;
	int n = 0;

	*list = NULL;
	if (!pid || !fds || num_int(pid, &want_pid) || want_pid != getpid())
		return 0;
	if (num_int(fds, &count) || count < 0 || count > 1024) {
		*why = "LISTEN_FDS is out of range";
		return -1;
	}
	*list = mem_zero((size_t)count + 1, sizeof **list);
	for (int i = 0; i < count; i++) {
		if (slice_is(inherited_name(i), "admin") != admin)
			continue;
		if (inherit(*list + n, LISTEN_FIRST + i, why)) {
			listen_close(*list + n);
			while (n > 0)
				listen_close(*list + --n);
			free(*list);
			*list = NULL;
			return -1;
		}
		n++;
	}
	return n;
}

/* Put another scheme before the url. */
static void
set_scheme(struct listener *l, const char *scheme)
{
	char *url = format("%s%s", scheme, l->url + strlen("ws"));

	free(l->url);
	l->url = url;
}

void
listen_secure(struct listener *l, struct tls *tls)
{
	l->tls = tls;
	set_scheme(l, "wss");
}

void
listen_http(struct listener *l)
{
	set_scheme(l, "http");
}

void
listen_close(struct listener *l)
{
	struct stat st;

	/* While we still listen nobody takes the file for a dead one and replaces it. */
	if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	drop(l);
	free(l->url);
	free(l->host);
	free(l->path);
	*l = (struct listener){ .fd = -1 };
}
