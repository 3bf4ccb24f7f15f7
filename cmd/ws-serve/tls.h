/* tls - TLS in front of the door: a relay between the client's socket, where it speaks
 * TLS, and a socket pair, whose other end the door treats as any connection. Each
 * direction has one buffer of TLS_BUFFER bytes; who reads slowly slows the sender down.
 * A side that ends its half ends it on the other side too. TLS 1.2 and later. */
#ifndef TLS_H
#define TLS_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

enum {
	TLS_BUFFER = 16 << 10,
	TLS_HANDSHAKE_MS = 10000, /* for the TLS handshake; then the connection is cut */
	TLS_CLOSE_MS = 5000,      /* for the client to end its side once ours has ended */
	TLS_REST_MS = 30000,      /* for it to take the rest when the server has closed; it
	                           * must take some in each TLS_CLOSE_MS */
};

struct tls;

struct tls_stats {
	uint64_t accepted, failed; /* connections; handshakes that failed */
	int64_t relays;            /* now */
	int64_t expires;           /* the certificate, in seconds since 1970 */
};

/* Load certificate chain and key (PEM). NULL with *why (valid until the next call). */
struct tls *tls_new(struct ev_loop *loop, const char *cert, const char *key,
    const char **why);

/* Reload in two steps, so that other things can be reloaded with it or not at all: load
 * both files beside those in use (-1 with *why), then take what was loaded, or drop it.
 * Connections that exist are left alone. */
int tls_load(struct tls *t, const char **why);
void tls_take(struct tls *t, bool take);

/* Take over an accepted, non-blocking socket and relay it. Returns the plain end, which
 * is the caller's, or -1 when no descriptors are left (fd is closed then). */
int tls_accept(struct tls *t, int fd);

const struct tls_stats *tls_stats(const struct tls *t);

/* Cut all relays and release. NULL is fine. */
void tls_free(struct tls *t);

#endif
