/* listen - the sockets that ws-serve accepts on: TCP, Unix, or inherited. */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

struct tls;

struct listener {
	int fd;
	bool local;       /* a Unix socket */
	bool inherited;   /* passed to us: somebody else accepts on it after us */
	struct tls *tls;  /* accepts are TLS (tls.h); NULL: plain. The caller's. */
	char *url;        /* "ws://127.0.0.1:3000", "ws+unix:///run/ws.sock:"; a path such as
	                   * "/ws" goes behind it */
	char *host;       /* "127.0.0.1:3000": what a Host header must say; NULL for Unix */
	char *path;       /* a Unix socket of ours, removed by listen_close; else NULL */
	dev_t dev;        /* and which file that is: another server's may be there by then */
	ino_t ino;
	bool loopback;    /* reached from this host only (Unix counts) */
};

/* Listen at "[[ADDRESS:]PORT | PATH]": PORT alone is 127.0.0.1, "*:PORT" every address,
 * "[::1]:PORT" IPv6, something with a '/' a Unix socket; port 0 a free one. A dead
 * socket file is replaced, a live one is an error (EADDRINUSE). `reuse_port` sets
 * SO_REUSEPORT. 0, or -1 with *why set to the reason (static or strerror text). */
int listen_open(struct listener *l, const char *where, bool reuse_port, const char **why);

/* The sockets given by LISTEN_FDS (sd_listen_fds(3)); `admin` are those that
 * LISTEN_FDNAMES calls "admin", otherwise the others are listed. The environment is left
 * alone. *list is allocated. Returns their number, 0 when there are none, -1 with *why
 * when a descriptor is no listening stream socket. */
int listen_inherited(bool admin, struct listener **list, const char **why);

/* Accept TLS from now on; the url then begins with wss. */
void listen_secure(struct listener *l, struct tls *tls);

/* It is for HTTP only: the url then begins with http. */
void listen_http(struct listener *l);

/* Close and release; the file of a Unix socket of ours is removed. */
void listen_close(struct listener *l);

#endif
