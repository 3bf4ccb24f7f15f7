/* tls - the client side of TLS, on OpenSSL. */
#ifndef TLS_H
#define TLS_H

#include "net.h"
#include "options.h"

/* A context as the options ask: the system's certificate authorities or --cacert, the
 * client's certificate, TLS 1.2 at least. A file that cannot be used ends the program
 * with exit code 2. Release with SSL_CTX_free. */
SSL_CTX *tls_context(const struct options *o);

/* Begin on a connected socket; the server's name is that of the URL. */
void tls_start(struct net *n, SSL_CTX *ctx, const struct options *o);

enum tls_status {
	TLS_DONE,
	TLS_AGAIN,
	TLS_UNTRUSTED, /* the certificate was refused, or ours was: no use in trying again */
	TLS_FAILED,
};

/* Go on with the handshake; on failure the reason is appended to *why. */
enum tls_status tls_step(struct net *n, struct buf *why);

/* The reason of OpenSSL's last error, or `otherwise`; empties its queue. */
void tls_reason(struct buf *why, const char *otherwise);

#endif
