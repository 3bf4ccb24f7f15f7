#include "opening.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base64.h"

enum {
	READ_CHUNK = 16 << 10,
	BODY_MAX = 4 << 10,  /* of a refusal's body, bytes shown */
};

static void advance(struct opening *d, int64_t now_ms);

void
opening_fail(struct opening *d, enum opening_failure failure, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_clear(&d->error);
	buf_vfmt(&d->error, fmt, ap);
	va_end(ap);
	d->failure = failure;
	d->state = OPENING_FAILED;
	dial_close(&d->net);
}

void
opening_end(struct opening *d)
{
	dial_close(&d->net);
	if (d->list)
		freeaddrinfo(d->list);
	if (d->out.p)
		OPENSSL_cleanse(d->out.p, d->out.cap);
	buf_free(&d->out);
	buf_free(&d->in);
	buf_free(&d->upgrade.extension);
	buf_free(&d->error);
	*d = (struct opening){ .net.fd = -1 };
}

/* --- connecting --- */

static void
connected(struct opening *d)
{
	const struct options *o = d->o;

	if (o->proxy.host) {
		buf_str(&d->out, "CONNECT ");
		buf_fmt(&d->out, o->url.ipv6 ? "[%s]:%u" : "%s:%u", o->url.host, o->url.port);
		buf_fmt(&d->out, " HTTP/1.1\r\nHost: ");
		buf_fmt(&d->out, o->url.ipv6 ? "[%s]:%u" : "%s:%u", o->url.host, o->url.port);
		if (o->proxy.user) {
			struct buf login = { 0 };

			buf_fmt(&login, "%s:%s", o->proxy.user, o->proxy.password);
			buf_str(&d->out, "\r\nProxy-Authorization: Basic ");
			base64_put(&d->out, buf_view(&login));
			buf_free(&login);
		}
		buf_str(&d->out, "\r\n\r\n");
		d->state = OPENING_PROXY;
	} else {
		d->state = OPENING_TLS;
	}
}

/* Begin to connect to d->address, or to the next one that can be tried. */
static void
try_addresses(struct opening *d, int64_t now_ms)
{
	int error = 0;

	for (; d->address; d->address = d->address->ai_next) {
		struct addrinfo *a = d->address;

		dial_close(&d->net);
		d->net.fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (d->net.fd < 0) {
			error = errno;
			continue;
		}
		setsockopt(d->net.fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		if (connect(d->net.fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS) {
			d->next_ms = a->ai_next ? now_ms + DIAL_ADDRESS_MS : 0;
			return;
		}
		error = errno;
	}
	opening_fail(d, OPENING_RETRY, "%s", strerror(error));
}

static void
connect_unix(struct opening *d)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(d->o->url.socket) >= sizeof(a.sun_path)) {
		opening_fail(d, OPENING_FINAL, "the socket's path is too long");
		return;
	}
	strcpy(a.sun_path, d->o->url.socket);
	d->net.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->net.fd < 0 || connect(d->net.fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		opening_fail(d, OPENING_RETRY, "%s", strerror(errno));
}

static void
connect_name(struct opening *d, int64_t now_ms)
{
	const struct url *u = d->o->proxy.host ? &d->o->proxy : &d->o->url;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
	char port[8];
	int rc;

	snprintf(port, sizeof(port), "%u", u->port);
	rc = getaddrinfo(u->host, port, &hints, &d->list);
	if (rc) {
		opening_fail(d, OPENING_RETRY, "cannot resolve %s: %s", u->host,
		    rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
		return;
	}
	d->address = d->list;
	try_addresses(d, now_ms);
}

void
opening_start(struct opening *d, const struct options *o, SSL_CTX *tls, struct slice token,
    int64_t now_ms)
{
	*d = (struct opening){ .o = o, .tls = tls, .token = token, .net.fd = -1 };
	if (o->url.socket)
		connect_unix(d);
	else
		connect_name(d, now_ms);
}

/* Poll says that connect(2) has an answer, or its time is over. */
static void
check_connect(struct opening *d, int64_t now_ms)
{
	struct pollfd p = { .fd = d->net.fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int error = 0;

	if (poll(&p, 1, 0) > 0 && getsockopt(d->net.fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0) {
		if (!error)
			connected(d);
	} else if (d->next_ms && now_ms >= d->next_ms) {
		error = ETIMEDOUT;
	}
	if (!error)
		return;
	if (d->address)
		d->address = d->address->ai_next;
	if (d->address)
		try_addresses(d, now_ms);
	else
		opening_fail(d, OPENING_RETRY, "%s", strerror(error));
}

/* --- proxy, TLS, upgrade --- */

static void
fail_io(struct opening *d)
{
	opening_fail(d, OPENING_RETRY, "%s",
	    errno == EPROTO && d->net.tls_error ? d->net.tls_error : strerror(errno));
}

/* True when all of d->out was written. */
static bool
send_out(struct opening *d)
{
	while (d->out.n) {
		ssize_t n = dial_write(&d->net, d->out.p, d->out.n);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			fail_io(d);
		if (n < 0)
			return false;
		buf_drop(&d->out, (size_t)n);
	}
	return true;
}

enum got { GOT_SOME, GOT_END, GOT_NOTHING };

/* Read once into d->in. A failure is told. */
static enum got
read_in(struct opening *d)
{
	ssize_t n = dial_read(&d->net, buf_reserve(&d->in, READ_CHUNK), READ_CHUNK);

	if (n > 0)
		d->in.n += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail_io(d);
	return n > 0 ? GOT_SOME : n == 0 ? GOT_END : GOT_NOTHING;
}

static void
begin_upgrade(struct opening *d)
{
	upgrade_key(d->key);
	upgrade_request(&d->out, d->o, d->key, d->token);
	d->state = OPENING_UPGRADE;
}

static void
step_tls(struct opening *d)
{
	struct buf why = { 0 };
	enum dial_status s = DIAL_OK;

	if (d->tls && !d->net.ssl)
		s = dial_secure(&d->net, d->o->url.socket ? "localhost" : d->o->url.host, d->tls, &why);
	if (d->tls && s == DIAL_OK)
		s = dial_handshake(&d->net, &why);
	if (s == DIAL_OK)
		begin_upgrade(d);
	else if (s != DIAL_AGAIN)
		opening_fail(d, s == DIAL_REFUSED ? OPENING_FINAL : OPENING_RETRY, "%s", buf_cstr(&why));
	buf_free(&why);
}

/* RFC 9110: what may pass by itself, and what will not. */
static enum opening_failure
verdict(unsigned status)
{
	if (status == 401)
		return OPENING_UNAUTHORIZED;
	return status == 408 || status == 425 || status == 429 || status >= 500 ? OPENING_RETRY
										: OPENING_FINAL;
}

/* Retry-After in seconds (RFC 9110 10.2.3); a date there is passed over. */
static int64_t
retry_after(const struct http_reply *r)
{
	struct slice v = http_field(r->fields, "retry-after", NULL);
	int64_t seconds = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return 0;
		seconds = seconds * 10 + (v.p[i] - '0');
		if (seconds > 86400)
			seconds = 86400;
	}
	return seconds * 1000;
}

/* What the server said, on one line: the start of the body, blanks squeezed. */
static void
fail_refused(struct opening *d, const struct http_reply *r)
{
	struct slice body = slice_trim(slice_from(buf_view(&d->in), d->head));
	struct slice location = http_field(r->fields, "location", NULL);
	struct buf text = { 0 };

	d->retry_after = retry_after(r);
	buf_fmt(&text, "refused with HTTP status %u", r->status);
	if (r->reason.n)
		buf_fmt(&text, " %.*s", (int)r->reason.n, r->reason.p);
	if (r->status / 100 == 3 && location.n)
		buf_fmt(&text, " (to %.*s; redirects are not followed)", (int)location.n, location.p);
	if (body.n) {
		bool blank = false;

		buf_str(&text, ": ");
		for (size_t i = 0; i < body.n && i < BODY_MAX; i++) {
			if (slice_blank(body.p[i])) {
				blank = true;
				continue;
			}
			if (blank)
				buf_byte(&text, ' ');
			blank = false;
			buf_byte(&text, body.p[i] ? body.p[i] : ' ');
		}
	}
	opening_fail(d, verdict(r->status), "%s", buf_cstr(&text));
	buf_free(&text);
}

/* The body is over: as long as it said, or as much as is shown. */
static bool
body_complete(const struct opening *d, const struct http_reply *r)
{
	struct slice length = http_field(r->fields, "content-length", NULL);
	size_t got = d->in.n - d->head, want = 0;

	if (got >= BODY_MAX)
		return true;
	for (size_t i = 0; i < length.n; i++) {
		if (length.p[i] < '0' || length.p[i] > '9' || want > BODY_MAX)
			break;
		want = want * 10 + (size_t)(length.p[i] - '0');
	}
	return length.n && got >= want;
}

static void
step_body(struct opening *d)
{
	struct http_reply r;
	const char *why;
	enum got got = GOT_SOME;

	http_reply(buf_view(&d->in), &r, &why);
	while (got == GOT_SOME && !body_complete(d, &r)) {
		got = read_in(d);
		http_reply(buf_view(&d->in), &r, &why);
	}
	if (got != GOT_NOTHING || d->state == OPENING_FAILED)
		fail_refused(d, &r);
}

static void
opened(struct opening *d, const struct http_reply *r)
{
	const char *why = upgrade_check(r, d->o, d->key, &d->upgrade);

	if (why) {
		opening_fail(d, OPENING_FINAL, "the server's handshake has %s", why);
		return;
	}
	d->head = r->length;
	d->state = OPENING_DONE;
}

/* A proxy's reply or the server's. */
static void
step_reply(struct opening *d, int64_t now_ms)
{
	const char *from = d->state == OPENING_PROXY ? "the proxy" : "the server";
	struct http_reply r;
	const char *why;
	enum http_parse s;

	if (!send_out(d))
		return;
	for (;;) {
		s = d->in.n ? http_reply(buf_view(&d->in), &r, &why) : HTTP_MORE;
		/* Interim replies (RFC 9110 15.2) other than the one that is asked for. */
		if (s == HTTP_WHOLE && r.status < 200 && r.status != 101) {
			buf_drop(&d->in, r.length);
			continue;
		}
		if (s != HTTP_MORE)
			break;
		enum got got = read_in(d);

		if (got == GOT_END)
			opening_fail(d, OPENING_RETRY, "%s closed the connection during the handshake", from);
		if (got != GOT_SOME)
			return;
	}
	if (s == HTTP_BAD) {
		opening_fail(d, OPENING_FINAL, "%s sent %s", from, why);
	} else if (d->state == OPENING_PROXY && r.status / 100 == 2) {
		if (d->in.n > r.length) {
			opening_fail(d, OPENING_FINAL, "the proxy sent data of its own");
			return;
		}
		buf_clear(&d->in);
		d->state = OPENING_TLS;
		advance(d, now_ms);
	} else if (d->state == OPENING_PROXY) {
		opening_fail(d, verdict(r.status) == OPENING_RETRY ? OPENING_RETRY : OPENING_FINAL,
		    "the proxy refused with HTTP status %u %.*s", r.status, (int)r.reason.n, r.reason.p);
	} else if (r.status == 101) {
		opened(d, &r);
	} else {
		d->head = r.length;
		d->state = OPENING_BODY;
		step_body(d);
	}
}

static void
advance(struct opening *d, int64_t now_ms)
{
	enum opening_state before;

	do {
		before = d->state;
		switch (d->state) {
		case OPENING_CONNECTING:
			check_connect(d, now_ms);
			break;
		case OPENING_TLS:
			step_tls(d);
			break;
		case OPENING_PROXY:
		case OPENING_UPGRADE:
			step_reply(d, now_ms);
			break;
		case OPENING_BODY:
			step_body(d);
			break;
		case OPENING_DONE:
		case OPENING_FAILED:
			break;
		}
	} while (d->state != before);
}

void
opening_step(struct opening *d, int64_t now_ms)
{
	advance(d, now_ms);
}

short
opening_events(const struct opening *d)
{
	return dial_events(&d->net, true, d->state == OPENING_CONNECTING || d->out.n);
}
