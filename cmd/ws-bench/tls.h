/* tls - the thin front of OpenSSL: non-blocking reads and writes that fail as read(2)
 * and write(2) do. */
#ifndef TLS_H
#define TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <openssl/ssl.h>

struct tls_options {
	bool insecure;                  /* do not check the server's certificate */
	const char *cacert, *cert, *key; /* PEM files; NULL: the system's CAs, no certificate */
};

/* NULL with *why set: the file and the reason, valid until the next call. */
SSL_CTX *tls_context(const struct tls_options *o, const char **why);

/* TLS on a connected socket, which stays the caller's. NULL when memory is out. */
SSL *tls_new(SSL_CTX *ctx, int fd, const char *host);

/* Go on with the handshake: 1 done, 0 not yet (*want_write: wait until the socket can be
 * written), -1 failed with *why set (static text). */
int tls_handshake(SSL *ssl, bool *want_write, const char **why);

/* As read(2) and write(2) on a non-blocking socket: -1 with EAGAIN, or EPROTO for what
 * only TLS can fail with; a read gives 0 at an orderly end. *want_write is set when a
 * call that gave EAGAIN waits for room to write. */
ssize_t tls_read(SSL *ssl, void *p, size_t n, bool *want_write);
ssize_t tls_write(SSL *ssl, const void *p, size_t n);

#endif
