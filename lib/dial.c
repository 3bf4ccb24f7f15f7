#include "dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "now.h"
#include "sig.h"

/* OpenSSL's own words for what went wrong first; what follows is that this was so. */
static void
put_tls_error(struct buf *why, const char *otherwise)
{
	unsigned long e = ERR_peek_error();
	const char *text = !e ? NULL : ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e))
		: ERR_reason_error_string(e);

	buf_str(why, text ? text : otherwise);
	ERR_clear_error();
}

/* Without this OpenSSL would ask for it on the terminal. */
static int
no_password(char *p, int size, int writing, void *asked)
{
	(void)p;
	(void)size;
	(void)writing;
	if (asked)
		*(bool *)asked = true;
	return 0;
}

SSL_CTX *
dial_context(const struct dial_tls *tls, struct buf *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	const char *key = tls->key ? tls->key : tls->cert, *file, *what = NULL;
	bool locked = false;

	/* SSL_write knows no MSG_NOSIGNAL. Outputs notice EPIPE all the same. */
	signal(SIGPIPE, SIG_IGN);
	ERR_clear_error();
	if (!ctx) {
		put_tls_error(why, "no TLS");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* AMQP says itself where it ends; many peers just close. */
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Idle connections, of which there may be thousands, keep no buffers. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
		| SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &locked);
	SSL_CTX_set_verify(ctx, tls->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (tls->cacert ? !SSL_CTX_load_verify_locations(ctx, tls->cacert, NULL)
		: !SSL_CTX_set_default_verify_paths(ctx)) {
		file = tls->cacert ? tls->cacert : "authorities of the system";
	} else if (tls->cert && !SSL_CTX_use_certificate_chain_file(ctx, tls->cert)) {
		file = tls->cert;
		what = "no certificate";
	} else if (key && !SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM)) {
		file = key;
		what = locked ? "an encrypted key" : "no private key for the certificate";
	} else if (tls->cert && !SSL_CTX_check_private_key(ctx)) {
		file = key;
	} else {
		SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
		return ctx;
	}
	buf_fmt(why, "%s: ", file);
	if (what && !ERR_SYSTEM_ERROR(ERR_peek_error()))
		buf_fmt(why, "%s: ", what);
	put_tls_error(why, "cannot be used");
	SSL_CTX_free(ctx);
	return NULL;
}

void
dial_context_free(SSL_CTX *ctx)
{
	SSL_CTX_free(ctx);
}

void
dial_close(struct dial *d)
{
	SSL_free(d->ssl);
	if (d->fd >= 0)
		close(d->fd);
	*d = (struct dial){ .fd = -1 };
}

/* How long an attempt may take. */
struct limit {
	int64_t deadline;
	bool (*stop)(void);
};

/* Until the socket is ready. DIAL_FAILED when the time is over. */
static enum dial_status
wait_ready(const struct dial *d, short events, const struct limit *limit)
{
	for (;;) {
		struct pollfd p[2] = {
			{ .fd = d->fd, .events = events }, { .fd = sig_fd(), .events = POLLIN },
		};
		int64_t left = limit->deadline - now_ms();

		if (limit->stop())
			return DIAL_STOPPED;
		if (left <= 0)
			return DIAL_FAILED;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return DIAL_FAILED;
		if (p[1].revents)
			sig_clear();
		if (p[0].revents)
			return DIAL_OK;
	}
}

static enum dial_status
connect_to(struct dial *d, const struct addrinfo *a, const struct limit *limit,
    struct buf *why)
{
	int one = 1, error = 0;
	socklen_t size = sizeof(error);
	enum dial_status s = DIAL_OK;

	d->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (d->fd < 0) {
		buf_str(why, strerror(errno));
		return DIAL_FAILED;
	}
	setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(d->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (connect(d->fd, a->ai_addr, a->ai_addrlen) < 0) {
		error = errno;
		if (error == EINPROGRESS) {
			error = ETIMEDOUT;
			s = wait_ready(d, POLLOUT, limit);
			if (s == DIAL_OK)
				getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		}
	}
	if (s == DIAL_OK && !error)
		return DIAL_OK;
	buf_str(why, strerror(error));
	dial_close(d);
	return s == DIAL_STOPPED ? s : DIAL_FAILED;
}

/* What the certificate must be for, and the name that the server may choose it by. */
static bool
expect_host(SSL *ssl, const char *host)
{
	unsigned char address[16];
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, host) && X509_VERIFY_PARAM_set1_host(param, host, 0);
}

enum dial_status
dial_secure(struct dial *d, const char *host, SSL_CTX *ctx, struct buf *why)
{
	ERR_clear_error();
	d->ssl = SSL_new(ctx);
	if (d->ssl && SSL_set_fd(d->ssl, d->fd) && expect_host(d->ssl, host))
		return DIAL_OK;
	put_tls_error(why, "TLS cannot begin");
	return DIAL_FAILED;
}

/* Alerts by which a server refuses our certificate, or that there is none. */
static bool
refuses_us(unsigned long e)
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

enum dial_status
dial_handshake(struct dial *d, struct buf *why)
{
	enum dial_status failed;
	long verdict;
	int r, e;

	ERR_clear_error();
	errno = 0;
	r = SSL_connect(d->ssl);
	if (r == 1) {
		d->read_wants_out = false;
		return DIAL_OK;
	}
	e = SSL_get_error(d->ssl, r);
	d->read_wants_out = e == SSL_ERROR_WANT_WRITE;
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return DIAL_AGAIN;
	verdict = SSL_get_verify_result(d->ssl);
	buf_str(why, "TLS: ");
	if (verdict != X509_V_OK) {
		buf_str(why, X509_verify_cert_error_string(verdict));
		return DIAL_REFUSED;
	}
	failed = refuses_us(ERR_peek_last_error()) ? DIAL_REFUSED : DIAL_FAILED;
	put_tls_error(why, errno ? strerror(errno) : "the peer ended the handshake");
	return failed;
}

static enum dial_status
handshake(struct dial *d, const char *host, SSL_CTX *ctx, const struct limit *limit,
    struct buf *why)
{
	enum dial_status s = dial_secure(d, host, ctx, why);

	while (s == DIAL_OK && (s = dial_handshake(d, why)) == DIAL_AGAIN) {
		s = wait_ready(d, d->read_wants_out ? POLLOUT : POLLIN, limit);
		if (s == DIAL_FAILED)
			buf_str(why, "the TLS handshake took too long");
		else if (s == DIAL_OK)
			continue;
		return s;
	}
	return s;
}

enum dial_status
dial_open(struct dial *d, const char *host, uint16_t port, SSL_CTX *ctx, int64_t limit_ms,
    bool (*stop)(void), struct buf *why)
{
	struct limit limit = { .deadline = now_ms() + limit_ms, .stop = stop };
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM }, *list, *a;
	enum dial_status s = DIAL_FAILED;
	char service[8];
	int e;

	*d = (struct dial){ .fd = -1 };
	snprintf(service, sizeof(service), "%u", port);
	e = getaddrinfo(host, service, &hint, &list);
	if (e) {
		buf_str(why, e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
		return DIAL_FAILED;
	}
	for (a = list; a && s == DIAL_FAILED; a = a->ai_next) {
		struct limit each = limit;
		int64_t next = now_ms() + DIAL_ADDRESS_MS;

		/* An address that answers nothing must not take the time of the others. */
		if (a->ai_next && next < limit.deadline)
			each.deadline = next;
		buf_clear(why);
		s = connect_to(d, a, &each, why);
	}
	freeaddrinfo(list);
	if (s == DIAL_OK && ctx)
		s = handshake(d, host, ctx, &limit, why);
	if (s != DIAL_OK)
		dial_close(d);
	return s;
}

/* The result of SSL_read or SSL_write as read(2) would have it. */
static ssize_t
tls_result(struct dial *d, int r, bool *other_way, int want_other)
{
	int e = SSL_get_error(d->ssl, r);

	*other_way = e == want_other;
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		errno = EAGAIN;
		return -1;
	}
	if (e == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (e != SSL_ERROR_SYSCALL || !errno) {
		d->tls_error = ERR_reason_error_string(ERR_peek_last_error());
		errno = EPROTO;
	}
	ERR_clear_error();
	return -1;
}

ssize_t
dial_read(struct dial *d, void *p, size_t n)
{
	int r;

	if (!d->ssl)
		return recv(d->fd, p, n, 0);
	ERR_clear_error();
	errno = 0;
	r = SSL_read(d->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
	d->read_wants_out = false;
	return r > 0 ? r : tls_result(d, r, &d->read_wants_out, SSL_ERROR_WANT_WRITE);
}

ssize_t
dial_write(struct dial *d, const void *p, size_t n)
{
	ssize_t r;
	int w;

	if (!d->ssl)
		return send(d->fd, p, n, MSG_NOSIGNAL);
	ERR_clear_error();
	errno = 0;
	w = SSL_write(d->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
	d->write_wants_in = false;
	if (w > 0)
		return w;
	r = tls_result(d, w, &d->write_wants_in, SSL_ERROR_WANT_READ);
	if (!r) {
		errno = EPIPE;
		return -1;
	}
	return r;
}

bool
dial_pending(const struct dial *d)
{
	return d->ssl && SSL_pending(d->ssl) > 0;
}

short
dial_events(const struct dial *d, bool reading, bool writing)
{
	bool in = (reading && !d->read_wants_out) || (writing && d->write_wants_in);
	bool out = (writing && !d->write_wants_in) || (reading && d->read_wants_out);

	return (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
}
