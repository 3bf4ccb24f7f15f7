#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static const char *
failed(const char *file)
{
	static char text[512];
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	snprintf(text, sizeof(text), "%s: %s", file, reason ? reason : "cannot be used");
	ERR_clear_error();
	return text;
}

static bool
is_address(const char *host)
{
	unsigned char a[16];

	return inet_pton(AF_INET, host, a) == 1 || inet_pton(AF_INET6, host, a) == 1;
}

SSL_CTX *
tls_context(const struct tls_options *o, const char **why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx) {
		*why = failed("TLS");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* Thousands of idle connections: keep no read and write buffers for them. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	*why = NULL;
	if (o->cacert) {
		if (!SSL_CTX_load_verify_locations(ctx, o->cacert, NULL))
			*why = failed(o->cacert);
	} else {
		SSL_CTX_set_default_verify_paths(ctx);
	}
	if (!*why && o->cert && SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1)
		*why = failed(o->cert);
	if (!*why && o->key && (SSL_CTX_use_PrivateKey_file(ctx, o->key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1))
		*why = failed(o->key);
	if (*why) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

SSL *
tls_new(SSL_CTX *ctx, int fd, const char *host)
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl)
		return NULL;
	SSL_set_connect_state(ssl);
	if (*host && is_address(host)) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	} else if (*host) {
		SSL_set_tlsext_host_name(ssl, host);
		SSL_set1_host(ssl, host);
	}
	if (!SSL_set_fd(ssl, fd)) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

int
tls_handshake(SSL *ssl, bool *want_write, const char **why)
{
	int rc, error;
	long verify;

	*want_write = false;
	ERR_clear_error();
	rc = SSL_do_handshake(ssl);
	if (rc == 1)
		return 1;
	error = SSL_get_error(ssl, rc);
	*want_write = error == SSL_ERROR_WANT_WRITE;
	if (*want_write || error == SSL_ERROR_WANT_READ)
		return 0;
	verify = SSL_get_verify_result(ssl);
	if (verify != X509_V_OK)
		*why = X509_verify_cert_error_string(verify);
	else
		*why = ERR_reason_error_string(ERR_peek_error());
	if (!*why)
		*why = "connection closed";
	ERR_clear_error();
	return -1;
}

static ssize_t
failure(SSL *ssl, int rc, bool *want_write)
{
	int saved = errno, error = SSL_get_error(ssl, rc);

	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		if (want_write)
			*want_write = error == SSL_ERROR_WANT_WRITE;
		errno = EAGAIN;
	} else {
		errno = error == SSL_ERROR_SYSCALL && saved ? saved : EPROTO;
	}
	ERR_clear_error();
	return -1;
}

ssize_t
tls_read(SSL *ssl, void *p, size_t n, bool *want_write)
{
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_read(ssl, p, n > 1 << 30 ? 1 << 30 : (int)n);
	return rc > 0 ? rc : failure(ssl, rc, want_write);
}

ssize_t
tls_write(SSL *ssl, const void *p, size_t n)
{
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_write(ssl, p, n > 1 << 30 ? 1 << 30 : (int)n);
	return rc > 0 ? rc : failure(ssl, rc, NULL);
}
