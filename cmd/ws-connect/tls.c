#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "exit.h"
#include "msg.h"

void
tls_reason(struct buf *why, const char *otherwise)
{
	const char *reason = ERR_reason_error_string(ERR_get_error());

	buf_str(why, reason ? reason : otherwise);
	ERR_clear_error();
}

_Noreturn static void
bad_file(const char *option, const char *file)
{
	struct buf why = { 0 };

	tls_reason(&why, "no PEM in it");
	msg_die(EXIT_USAGE, "--%s %s: %s", option, file, buf_cstr(&why));
}

/* Without this OpenSSL would ask on the terminal. */
static int
no_password(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return 0;
}

SSL_CTX *
tls_context(const struct options *o)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	const char *key = o->key ? o->key : o->cert;

	if (!ctx)
		msg_die(EXIT_HOST, "cannot set up TLS");
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1);
	SSL_CTX_set_verify(ctx, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (!o->cacert)
		SSL_CTX_set_default_verify_paths(ctx);
	else if (SSL_CTX_load_verify_locations(ctx, o->cacert, NULL) != 1)
		bad_file("cacert", o->cacert);
	if (o->cert && SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1)
		bad_file("cert", o->cert);
	if (o->cert && SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		bad_file(o->key ? "key" : "cert", key);
	ERR_clear_error();
	return ctx;
}

void
tls_start(struct net *n, SSL_CTX *ctx, const struct options *o)
{
	const char *host = o->url.socket ? "localhost" : o->url.host;
	struct in6_addr address;
	bool numeric = inet_pton(AF_INET, host, &address) == 1 ||
	    inet_pton(AF_INET6, host, &address) == 1;

	n->ssl = SSL_new(ctx);
	if (!n->ssl || SSL_set_fd(n->ssl, n->fd) != 1)
		msg_die(EXIT_HOST, "cannot set up TLS");
	/* RFC 6066 section 3: no addresses in SNI. */
	if (numeric) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(n->ssl), host);
	} else {
		SSL_set_tlsext_host_name(n->ssl, host);
		SSL_set1_host(n->ssl, host);
	}
	SSL_set_connect_state(n->ssl);
}

/* Alerts by which a server refuses our certificate, or the lack of it. */
static bool
refused(unsigned long e)
{
	switch (ERR_GET_REASON(e)) {
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
		return true;
	default:
		return false;
	}
}

enum tls_status
tls_step(struct net *n, struct buf *why)
{
	int rc, saved;

	ERR_clear_error();
	errno = 0;
	n->wants_write = false;
	rc = SSL_do_handshake(n->ssl);
	saved = errno;
	if (rc == 1)
		return TLS_DONE;
	switch (SSL_get_error(n->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		n->wants_write = true;
		return TLS_AGAIN;
	case SSL_ERROR_SYSCALL:
		buf_fmt(why, "TLS: %s", saved ? strerror(saved) : "connection closed");
		return TLS_FAILED;
	default:
		break;
	}
	unsigned long e = ERR_peek_error();
	long verify = SSL_get_verify_result(n->ssl);

	if (ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED && verify != X509_V_OK) {
		buf_fmt(why, "the server's certificate is not trusted: %s",
		    X509_verify_cert_error_string(verify));
		ERR_clear_error();
		return TLS_UNTRUSTED;
	}
	buf_str(why, "TLS: ");
	tls_reason(why, "handshake failed");
	return refused(e) ? TLS_UNTRUSTED : TLS_FAILED;
}
