/* net - a stream over a socket, with TLS or without. Nothing blocks. */
#ifndef NET_H
#define NET_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"

/* {.fd = -1} is a closed one. */
struct net {
	int fd;    /* ours, non-blocking */
	SSL *ssl;  /* NULL: plain */
	bool wants_write; /* TLS wants to write before it can go on */
};

enum { NET_AGAIN = -1, NET_FAILED = -2 };

/* As read(2) and write(2): bytes, 0 at the end (of reading), NET_AGAIN, or NET_FAILED
 * with the reason appended to *why. */
ssize_t net_read(struct net *n, void *p, size_t size, struct buf *why);
ssize_t net_write(struct net *n, const void *p, size_t size, struct buf *why);

void net_close(struct net *n);

#endif
