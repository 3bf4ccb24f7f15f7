#include "broker.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "exit.h"
#include "io.h"
#include "mem.h"
#include "msg.h"
#include "now.h"
#include "num.h"

enum { URL_FILE_MAX = 64 << 10, URLS_MAX = 64, JITTER = 25 };

const char *
broker_set_reconnect(const struct opt *opt, const char *value)
{
	struct broker_options *o = opt->var;

	o->reconnect = -1;
	if (value && strcmp(value, "forever") != 0
		&& (num_int(value, &o->reconnect) || o->reconnect < 0 || o->reconnect > INT32_MAX))
		return "neither a number of attempts nor forever";
	return NULL;
}

const char *
broker_set_delay(const struct opt *opt, const char *value)
{
	struct broker_options *o = opt->var;

	return num_delays(value, &o->delay_min_ms, &o->delay_max_ms)
		? "not a range of durations such as 1s..30s, from 1ms to a day" : NULL;
}

/* Add the URLs of a text. `where` names it for messages; a URL itself is never shown
 * before it is parsed, since it may hold a password. */
static void
add_urls(struct broker *b, struct slice text, const char *where)
{
	while (text.n) {
		struct slice one;
		const char *why;
		size_t n = 0;

		while (n < text.n && !slice_blank(text.p[n]) && text.p[n] != ',')
			n++;
		one = slice_of(text.p, n);
		text = slice_from(text, n + 1);
		if (!one.n)
			continue;
		if (b->n == URLS_MAX)
			opt_fail("%s: more than %d URLs", where, URLS_MAX);
		b->urls = mem_resize(b->urls, b->n + 1, sizeof(*b->urls));
		if (rmq_url_parse(one, &b->urls[b->n], &why))
			opt_fail("%s: not the URL of a broker: %s", where, why);
		b->n++;
	}
}

static void
find_urls(struct broker *b, const struct broker_options *o)
{
	struct buf name = { 0 }, text = { 0 };
	const char *value;

	for (int i = 0; i < o->urls.n; i++)
		add_urls(b, slice_str(o->urls.v[i]), "--url");
	if (!b->n && o->url_file) {
		if (io_read_file(o->url_file, URL_FILE_MAX, &text))
			msg_die(EXIT_USAGE, "cannot read %s: %s", o->url_file, strerror(errno));
		add_urls(b, buf_view(&text), o->url_file);
		if (!b->n)
			opt_fail("%s: no URL in it", o->url_file);
	}
	buf_fmt(&name, "%s_URL", msg_program());
	for (char *p = buf_cstr(&name); *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
	if (!b->n && (value = getenv(name.p)))
		add_urls(b, slice_str(value), name.p);
	if (!b->n && (value = getenv("AMQP_URL")))
		add_urls(b, slice_str(value), "AMQP_URL");
	if (!b->n)
		add_urls(b, S("amqp://localhost"), "default");
	buf_free(&name);
	buf_free(&text);
}

static void
find_password(struct broker *b, const struct broker_options *o)
{
	if (o->password_file && io_secret_file(o->password_file, &b->password))
		msg_die(EXIT_USAGE, "cannot read the password in %s: %s", o->password_file,
		    errno == ENODATA ? "it is empty" : strerror(errno));
	if (!o->password_file && getenv("AMQP_PASSWORD"))
		io_secret_env("AMQP_PASSWORD", &b->password);
	if (b->password.n && memchr(b->password.p, '\0', b->password.n))
		opt_fail("the password has a NUL in it");
	if (b->password.n)
		b->config.password = buf_cstr(&b->password);
}

static uint32_t
next_random(struct broker *b)
{
	b->random = b->random * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)(b->random >> 32);
}

void
broker_init(struct broker *b, const struct broker_options *o, size_t max_body,
    bool (*stop)(void))
{
	struct dial_tls tls = { .cacert = o->cacert, .cert = o->cert, .key = o->key,
		.insecure = o->insecure };
	bool any_tls = false, any_plain = false;
	struct buf why = { 0 };

	*b = (struct broker){ .attempts = o->reconnect, .attempts_left = o->reconnect,
		.backoff = { .min_ms = o->delay_min_ms, .max_ms = o->delay_max_ms, .jitter = JITTER },
		.config = { .name = msg_program(), .user = o->user, .external = o->external,
			.heartbeat_s = (int)(o->heartbeat_ms / 1000), .max_body = max_body,
			.stop = stop } };
	if (o->heartbeat_ms % 1000)
		opt_fail("--heartbeat: not a whole number of seconds");
	if (o->key && !o->cert)
		opt_fail("--key needs --cert");
	if (o->external && !o->cert)
		opt_fail("--external needs --cert");
	/* Not being able to draw lots is no reason not to connect. */
	if (getrandom(&b->random, sizeof(b->random), GRND_NONBLOCK) < 0)
		b->random = (uint64_t)now_ms();
	find_urls(b, o);
	find_password(b, o);
	for (size_t i = 0; i < b->n; i++) {
		any_tls = any_tls || b->urls[i].tls;
		any_plain = any_plain || !b->urls[i].tls;
	}
	if (any_plain && (o->cacert || o->cert || o->insecure || o->external))
		opt_fail("--cacert, --cert, --external and --insecure are for amqps:// only");
	if (any_tls) {
		b->config.tls = dial_context(&tls, &why);
		if (!b->config.tls)
			msg_die(EXIT_USAGE, "cannot set up TLS: %s", buf_cstr(&why));
	}
}

enum rmq_status
broker_connect(struct broker *b, struct rmq *r, const struct rmq_url **which)
{
	enum rmq_status s = RMQ_RETRY;

	for (size_t i = 0; i < b->n && s == RMQ_RETRY; i++) {
		const struct rmq_url *u = &b->urls[b->next];

		*which = u;
		s = rmq_connect(r, u, &b->config);
		if (s == RMQ_OK || s == RMQ_STOPPED)
			return s;
		if (s == RMQ_FINAL || !b->told)
			(s == RMQ_FINAL ? msg_error : msg_warn)("cannot connect to %s: %s", u->shown,
			    r->why.p);
		else
			msg_info("cannot connect to %s: %s", u->shown, r->why.p);
		b->next = (b->next + 1) % b->n;
	}
	b->told = true;
	return s;
}

int64_t
broker_delay(struct broker *b)
{
	if (!b->attempts_left)
		return -1;
	if (b->attempts_left > 0)
		b->attempts_left--;
	return backoff_next(&b->backoff, next_random(b));
}

void
broker_settled(struct broker *b)
{
	b->attempts_left = b->attempts;
	b->told = false;
	backoff_reset(&b->backoff);
}

void
broker_free(struct broker *b)
{
	for (size_t i = 0; i < b->n; i++)
		rmq_url_free(&b->urls[i]);
	free(b->urls);
	if (b->password.n)
		explicit_bzero(b->password.p, b->password.n);
	buf_free(&b->password);
	dial_context_free(b->config.tls);
	*b = (struct broker){ 0 };
}
