/* dial - a TCP connection of our own, with TLS when asked for: connected within a time
 * limit, then read and written without ever blocking. The peer's certificate is checked
 * against the given or the system's authorities, and against the name or IP address that
 * was dialled (RFC 6125, RFC 5280). */
#ifndef DIAL_H
#define DIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

enum { DIAL_ADDRESS_MS = 3000 }; /* for one address of a name, unless it is the last */

struct dial {
	int fd; /* -1: none. Close-on-exec, non-blocking, without Nagle's delay */
	SSL *ssl;
	bool read_wants_out; /* TLS: reading goes on when the socket can be written */
	bool write_wants_in;
	const char *tls_error; /* what OpenSSL says of the last EPROTO; static text or NULL */
};

/* What TLS needs; all of them may be NULL. */
struct dial_tls {
	const char *cacert, *cert, *key; /* PEM files; the key may stand in `cert` */
	bool insecure;                   /* no check of the peer's certificate */
};

/* Read the files once. NULL with *why filled: a mistake of the caller's. Release with
 * dial_context_free. SIGPIPE is ignored from then on. */
SSL_CTX *dial_context(const struct dial_tls *tls, struct buf *why);
void dial_context_free(SSL_CTX *ctx);

enum dial_status {
	DIAL_OK,
	DIAL_FAILED,  /* worth retrying */
	DIAL_REFUSED, /* the peer's certificate is not what it should be, or ours is refused */
	DIAL_STOPPED, /* `stop` said so */
	DIAL_AGAIN,   /* dial_handshake: poll for dial_events, reading, and call it again */
};

/* Connect to host (a name, an IPv4 or IPv6 address) within limit_ms, all its addresses
 * in turn, DIAL_ADDRESS_MS for each but the last; blocks, but looks up at each signal and
 * gives up when `stop` says so (sig_stopping, sig_drained). ctx NULL: no TLS. With another
 * status than DIAL_OK *why says why and d is closed. */
enum dial_status dial_open(struct dial *d, const char *host, uint16_t port, SSL_CTX *ctx,
    int64_t limit_ms, bool (*stop)(void), struct buf *why);

/* TLS in an event loop: begin it on d->fd, a connected socket that does not block; then
 * call dial_handshake until it does not answer DIAL_AGAIN. `host` is the name or address
 * that the certificate must be for. Else as dial_open, but d stays open. */
enum dial_status dial_secure(struct dial *d, const char *host, SSL_CTX *ctx, struct buf *why);
enum dial_status dial_handshake(struct dial *d, struct buf *why);

/* Bytes read or written; 0 at the end of the stream (reading); -1 with errno, EAGAIN when
 * poll must say first (for dial_events). EPROTO is an error of TLS. */
ssize_t dial_read(struct dial *d, void *p, size_t n);
ssize_t dial_write(struct dial *d, const void *p, size_t n);

/* True when bytes can be read though poll does not say so. */
bool dial_pending(const struct dial *d);

/* What to poll for when one wants to read, write or both. */
short dial_events(const struct dial *d, bool reading, bool writing);

void dial_close(struct dial *d);

#endif
