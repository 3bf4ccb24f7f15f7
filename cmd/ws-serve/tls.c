#include "tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "mem.h"
#include "msg.h"
#include "tls_relay.h"

struct tls {
	struct ev_loop *loop;
	SSL_CTX *ctx, *next; /* next: loaded, not yet taken */
	char *cert, *key;
	struct relays relays;
	struct tls_stats stats;
	char why[256];
};

/* HTTP/1.1 is all we speak; a client that offers other things only is told so now. */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *n,
    const unsigned char *in, unsigned int in_n, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, n, ours, sizeof ours - 1, in, in_n)
	    != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* No passphrase: a server that asks on a terminal does not start by itself. */
static int
no_passphrase(char *p, int n, int writing, void *arg)
{
	(void)p;
	(void)n;
	(void)writing;
	(void)arg;
	return -1;
}

static SSL_CTX *
fail(SSL_CTX *ctx, char why[256], const char *what, const char *path)
{
	/* The first tells most: "no such file", where the last says "system lib". */
	unsigned long e = ERR_peek_error();
	const char *reason = ERR_GET_LIB(e) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(e))
	    : ERR_reason_error_string(e);

	snprintf(why, 256, "%s \"%s\": %s", what, path, reason ? reason : "unknown error");
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

/* When the certificate of a context expires, in seconds since 1970. */
static int64_t
expiry(const SSL_CTX *ctx)
{
	struct tm tm = { 0 };

	return ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx)), &tm)
	    ? (int64_t)timegm(&tm) : 0;
}

/* A certificate that has expired is used all the same: clients decide what they trust,
 * and to end, or to stay with an older one, would help nobody. */
static void
use(struct tls *t, SSL_CTX *ctx)
{
	t->ctx = ctx;
	t->stats.expires = expiry(ctx);
	if (t->stats.expires < (int64_t)time(NULL))
		msg_warn("the certificate \"%s\" has expired", t->cert);
}

/* A context of these files, or NULL with why. */
static SSL_CTX *
load(const char *cert, const char *key, char why[256])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	ERR_clear_error();
	if (!ctx)
		return fail(ctx, why, "cannot set up TLS for", cert);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION
	    | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
	    | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return fail(ctx, why, "cannot load certificate", cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return fail(ctx, why, "cannot load key", key);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return fail(ctx, why, "the certificate does not belong to key", key);
	return ctx;
}

struct tls *
tls_new(struct ev_loop *loop, const char *cert, const char *key, const char **why)
{
	static char reason[256];
	SSL_CTX *ctx = load(cert, key, reason);
	struct tls *t;

	*why = reason;
	if (!ctx)
		return NULL;
	t = mem_zero(1, sizeof *t);
	t->loop = loop;
	t->cert = mem_str(cert);
	t->key = mem_str(key);
	use(t, ctx);
	return t;
}

int
tls_load(struct tls *t, const char **why)
{
	SSL_CTX_free(t->next);
	t->next = load(t->cert, t->key, t->why);
	*why = t->why;
	return t->next ? 0 : -1;
}

void
tls_take(struct tls *t, bool take)
{
	/* Connections hold on to the context they began with. */
	if (t->next) {
		SSL_CTX_free(take ? t->ctx : t->next);
		if (take)
			use(t, t->next);
	}
	t->next = NULL;
}

int
tls_accept(struct tls *t, int fd)
{
	int pair[2];
	SSL *ssl;

	t->stats.accepted++;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) {
		close(fd);
		return -1;
	}
	ssl = SSL_new(t->ctx);
	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		close(fd);
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	SSL_set_accept_state(ssl);
	relay_start(&t->relays, t->loop, ssl, fd, pair[0], &t->stats);
	return pair[1];
}

const struct tls_stats *
tls_stats(const struct tls *t)
{
	return &t->stats;
}

void
tls_free(struct tls *t)
{
	if (!t)
		return;
	relays_free(&t->relays);
	SSL_CTX_free(t->ctx);
	SSL_CTX_free(t->next);
	free(t->cert);
	free(t->key);
	free(t);
}
