/* tls_relay - bytes between a TLS connection and a plain socket, both ways. What is watched
 * follows from the two buffers: an empty one is filled, a full one is emptied, an end is
 * passed on when the buffer before it is empty, and it is over when both ends were. */
#ifndef TLS_RELAY_H
#define TLS_RELAY_H

#include <ev.h>
#include <openssl/ssl.h>

#include "tls.h"

struct relay;

struct relays {
	struct relay *first;
};

/* Relay between `ssl` on net_fd and plain_fd until both are closed; owns all three. The
 * handshake is part of it. Counts in *stats, which must outlive it. */
void relay_start(struct relays *all, struct ev_loop *loop, SSL *ssl, int net_fd,
    int plain_fd, struct tls_stats *stats);

/* Cut all of them. */
void relays_free(struct relays *all);

#endif
