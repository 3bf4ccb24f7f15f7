#include "edge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "door.h"
#include "exit.h"
#include "http.h"
#include "io.h"
#include "listen.h"
#include "mem.h"
#include "metrics.h"
#include "metrics_text.h"
#include "msg.h"
#include "opt.h"
#include "peers.h"
#include "server.h"
#include "static.h"
#include "tls.h"

enum {
	ADMIN_GUESTS = 64,     /* requests to the admin listener at a time */
	RELAY_DRAIN_MS = 1000,
};

struct edge {
	struct listener *listeners, *admin;
	int listener_count, admin_count;
	struct tls *tls;
	struct door *admin_door;
	struct http *public_http, *admin_http;
	struct buf token, next_token; /* next: loaded, not yet taken */
	int files;                    /* the folder of --static, -1: none */
	struct metrics_file metrics;
	ev_timer metrics_timer;
	struct buf why;
};

static void
open_one(struct listener *l, const char *where, bool reuse_port)
{
	const char *why = NULL;

	errno = 0;
	if (listen_open(l, where, reuse_port, &why))
		msg_die(errno ? EXIT_HOST : EXIT_USAGE, "cannot listen at %s: %s", where, why);
}

/* The sockets that were passed to us, or else the one that the options name. */
static int
make_listeners(const char *where, const char *option, bool admin, bool reuse_port,
    struct listener **list)
{
	const char *why = NULL;
	int n = listen_inherited(admin, list, &why);

	if (n < 0)
		msg_die(EXIT_USAGE, "LISTEN_FDS: %s", why);
	if (n && where)
		opt_fail("%s and inherited sockets: %s", option, where);
	if (n && reuse_port)
		opt_fail("--reuse-port is not for inherited sockets");
	if (n || !where)
		return n;
	free(*list);
	*list = mem_zero(1, sizeof **list);
	if (reuse_port && strchr(where, '/'))
		opt_fail("--reuse-port is for TCP: %s", where);
	open_one(*list, where, reuse_port);
	return 1;
}

static void
load_token(struct edge *e, const char *path)
{
	if (io_secret_file(path, &e->token))
		msg_die(EXIT_USAGE, "cannot read token file \"%s\": %s", path, strerror(errno));
}

/* Whoever can reach an address that is not this host's alone needs a token. */
static void
check_admin(const struct config *config, const struct edge *e)
{
	const char *option = config->admin_hosts.n ? "--admin-host"
	    : config->admin_open ? "--admin-open"
	    : config->admin_token_file ? "--admin-token-file" : NULL;

	if (option && !e->admin_count && !config->expose)
		opt_fail("%s needs --admin or --expose", option);
	for (int i = 0; i < e->admin_count; i++) {
		if (!e->admin[i].loopback && !config->admin_token_file)
			opt_fail("--admin needs --admin-token-file at an address that others can reach: %s",
			    e->admin[i].host);
	}
	for (int i = 0; i < e->listener_count; i++) {
		if (config->expose & ~(unsigned)HTTP_OPEN && !e->listeners[i].loopback
		    && !config->admin_token_file)
			opt_fail("--expose stats or broadcast needs --admin-token-file at an address that "
			    "others can reach: %s", e->listeners[i].host);
	}
}

void
edge_new(struct server *s)
{
	const struct config *config = s->config;
	struct edge *e = mem_zero(1, sizeof *e);
	const char *why;

	s->edge = e;
	e->files = -1;
	e->listener_count = make_listeners(config->address, "an address", false,
	    config->reuse_port, &e->listeners);
	if (e->listener_count == 0)
		opt_fail("no address to listen at");
	e->admin_count = make_listeners(config->admin, "--admin", true, false, &e->admin);
	for (int i = 0; i < e->admin_count; i++)
		listen_http(&e->admin[i]);
	check_admin(config, e);
	if (config->admin_token_file)
		load_token(e, config->admin_token_file);
	if (config->files && (e->files = static_open(config->files)) < 0)
		msg_die(EXIT_USAGE, "cannot open --static \"%s\": %s", config->files, strerror(errno));
	if (config->cert) {
		e->tls = tls_new(s->loop, config->cert, config->key, &why);
		if (!e->tls)
			msg_die(EXIT_USAGE, "%s", why);
		for (int i = 0; i < e->listener_count; i++)
			listen_secure(&e->listeners[i], e->tls);
	}
}

int
edge_listeners(const struct server *s, const struct listener **list)
{
	*list = s->edge->listeners;
	return s->edge->listener_count;
}

int
edge_admin_listeners(const struct server *s, const struct listener **list)
{
	*list = s->edge->admin;
	return s->edge->admin_count;
}

const struct tls_stats *
edge_tls_stats(const struct server *s)
{
	return s->edge->tls ? tls_stats(s->edge->tls) : NULL;
}

void
edge_http_stats(const struct server *s, struct http_stats *sum)
{
	http_count(s->edge->public_http, sum);
	http_count(s->edge->admin_http, sum);
}

/* --- HTTP --- */

static struct http *
make_http(struct server *s, unsigned endpoints, bool admin)
{
	const struct config *config = s->config;
	struct edge *e = s->edge;
	struct http_config http = {
		.server = s,
		.loop = s->loop,
		.endpoints = endpoints,
		.files = admin ? -1 : e->files,
		.check_host = admin,
		.hosts = config->admin_hosts.v,
		.host_count = config->admin_hosts.n,
		.open = config->admin_open,
		.max_body = config->max_line,
	};
	struct http *h = http_new(&http);

	if (e->token.n)
		http_set_token(h, buf_view(&e->token));
	return h;
}

static void
open_admin(struct server *s)
{
	static const struct door_ops nobody = { 0 };
	struct edge *e = s->edge;
	struct door_config door = {
		.listeners = e->admin,
		.listener_count = e->admin_count,
		.max_guests = ADMIN_GUESTS,
		.timeout_ms = DOOR_TIMEOUT_MS,
	};

	if (e->admin_count == 0)
		return;
	door.http = e->admin_http = make_http(s, HTTP_ALL, true);
	e->admin_door = door_new(s->loop, &door, &nobody, s);
	if (!e->admin_door)
		msg_die(EXIT_HOST, "cannot start to accept: %s", strerror(errno));
}

/* --- metrics --- */

static void
render(struct buf *b, void *ctx)
{
	metrics_text(b, ctx);
}

static void
on_metrics(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct edge *e = timer->data;

	(void)revents;
	metrics_file_tick(&e->metrics);
	ev_timer_stop(loop, timer);
	ev_timer_set(timer, metrics_file_wait(&e->metrics) / 1e3, 0);
	ev_timer_start(loop, timer);
}

/* --- the public port --- */

void
edge_open(struct server *s)
{
	const struct config *config = s->config;
	struct edge *e = s->edge;
	struct door_config door = {
		.listeners = e->listeners,
		.listener_count = e->listener_count,
		.vhost = s->vhost,
		.max_guests = config->max_handshakes,
		.timeout_ms = DOOR_TIMEOUT_MS,
		.proxy = config->trust_proxy ? &config->proxy : NULL,
		.origins = config->origins.v,
		.origin_count = config->origins.n,
		.cookie = config->auth_cookie,
		.fields = config->auth_headers.v,
		.field_count = config->auth_headers.n,
		.deflate = config->deflate,
	};

	if (config->max_per_ip || config->connect_rate.count)
		s->peers = peers_new(config->max_per_ip, &config->connect_rate);
	door.peers = s->peers;
	if (config->expose || e->files >= 0)
		door.http = e->public_http = make_http(s, config->expose, false);
	s->door = door_new(s->loop, &door, &access_door_ops, s);
	if (!s->door)
		msg_die(EXIT_HOST, "cannot start to accept: %s", strerror(errno));
	open_admin(s);
	metrics_file_init(&e->metrics, config->metrics_file, NULL, render, s);
	ev_timer_init(&e->metrics_timer, on_metrics, 0, 0);
	e->metrics_timer.data = e;
	if (config->metrics_file)
		ev_timer_start(s->loop, &e->metrics_timer);
}

/* --- reload --- */

const char *
edge_load(struct server *s)
{
	const char *token = s->config->admin_token_file, *why;
	struct edge *e = s->edge;

	buf_clear(&e->next_token);
	if (token && io_secret_file(token, &e->next_token)) {
		buf_clear(&e->why);
		buf_fmt(&e->why, "cannot read token file \"%s\": %s", token, strerror(errno));
		return buf_cstr(&e->why);
	}
	return e->tls && tls_load(e->tls, &why) ? why : NULL;
}

void
edge_take(struct server *s, bool take)
{
	struct edge *e = s->edge;

	if (e->tls)
		tls_take(e->tls, take);
	if (!take || e->next_token.n == 0)
		return;
	if (e->public_http)
		http_set_token(e->public_http, buf_view(&e->next_token));
	if (e->admin_http)
		http_set_token(e->admin_http, buf_view(&e->next_token));
}

static void
on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)timer;
	(void)revents;
}

/* What connections said last is in the relays: give them a moment to pass it on. */
static void
drain_relays(struct server *s, const struct tls *tls)
{
	ev_tstamp end = ev_time() + RELAY_DRAIN_MS / 1e3;
	ev_timer tick;

	ev_init(&tick, on_tick);
	ev_timer_set(&tick, 0.05, 0.05);
	ev_timer_start(s->loop, &tick);
	while (tls_stats(tls)->relays > 0 && ev_time() < end)
		ev_run(s->loop, EVRUN_ONCE);
	ev_timer_stop(s->loop, &tick);
}

void
edge_close(struct server *s)
{
	struct edge *e = s->edge;

	ev_timer_stop(s->loop, &e->metrics_timer);
	door_stop(s->door);
	if (e->tls)
		drain_relays(s, e->tls);
	metrics_file_finish(&e->metrics);
	door_free(e->admin_door);
	door_free(s->door);
	e->admin_door = s->door = NULL;
	http_free(e->public_http);
	http_free(e->admin_http);
}

void
edge_free(struct server *s)
{
	struct edge *e = s->edge;

	tls_free(e->tls);
	peers_free(s->peers);
	if (e->files >= 0)
		close(e->files);
	buf_free(&e->token);
	buf_free(&e->next_token);
	buf_free(&e->why);
	free(e->listeners);
	free(e->admin);
	free(e);
	s->edge = NULL;
}
