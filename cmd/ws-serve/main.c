#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "access.h"
#include "auth.h"
#include "command.h"
#include "conn.h"
#include "conn_lws.h"
#include "conn_timer.h"
#include "control.h"
#include "deflate.h"
#include "edge.h"
#include "events.h"
#include "exit.h"
#include "get.h"
#include "handler.h"
#include "inbox.h"
#include "input.h"
#include "io.h"
#include "js.h"
#include "life.h"
#include "listen.h"
#include "mem.h"
#include "member.h"
#include "msg.h"
#include "notify.h"
#include "options.h"
#include "report.h"
#include "room.h"
#include "rules.h"
#include "send.h"
#include "server.h"
#include "spell.h"

enum {
	SPARE_FILES = 64,      /* descriptors that are not for connections */
	FILES_EACH = 1,        /* descriptors of a connection */
	FILES_EACH_TLS = 3,    /* and with TLS, whose relay has two */
	FILES_DEFAULT = 65536, /* the limit unless --max-connections asks for more */
	FILES_MOST = 1 << 30,
	RX_BUFFER = 256,       /* bytes per connection; lws collects control frames there */
	HANDLER_END_MS = 1000, /* for the handler to end by itself */
	TX_PACKET = 1 << 20,   /* lws writes at most so much at once, and parks a copy of
	                        * the rest */
};

static struct server server;

void
server_timestamp(char out[25])
{
	static time_t second = -1;
	static char text[25]; /* of that second; computed once, since each reply has one */
	struct timespec now;
	struct tm tm;
	int ms;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second) {
		second = now.tv_sec;
		gmtime_r(&second, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
	}
	memcpy(out, text, sizeof(text));
	ms = (int)(now.tv_nsec / 1000000);
	out[20] = (char)('0' + ms / 100);
	out[21] = (char)('0' + ms / 10 % 10);
	out[22] = (char)('0' + ms % 10);
}

/* --- reload --- */

struct reload {
	void (*done)(void *ctx, const char *why);
	void *ctx;
	struct rules *rules; /* read, and sound */
};

static struct reload *reloading; /* the one that waits for its authenticator, or NULL */

static void
recheck_all(struct server *s)
{
	for (struct conn *c = conn_first(s), *next; c; c = next) {
		next = c->next;
		if (c->admitted && !c->closing)
			member_recheck(c);
	}
}

/* The last step, which nothing can stop any more: all or nothing is taken over. */
static void
reload_finish(void *ctx, const char *why)
{
	struct reload *r = ctx;

	reloading = NULL;
	edge_take(&server, !why);
	if (why) {
		server.counters.reload_errors++;
		rules_free(r->rules);
	} else {
		server.counters.reloads++;
		if (r->rules) {
			rules_free(server.rules);
			server.rules = r->rules;
			recheck_all(&server);
		}
	}
	if (!life_draining(&server))
		notify("READY=1");
	r->done(r->ctx, why);
	free(r);
}

void
server_reload(struct server *s, void (*done)(void *ctx, const char *why), void *ctx)
{
	static struct buf why;
	struct reload *r;
	const char *edge_why;

	/* What the first has loaded must not be taken from it. */
	if (reloading) {
		s->counters.reload_errors++;
		done(ctx, "a reload is under way");
		return;
	}
	notify_reloading();
	r = reloading = mem_zero(1, sizeof(*r));
	r->done = done;
	r->ctx = ctx;
	buf_clear(&why);
	if (s->config->rooms) {
		r->rules = rules_load(s->config->rooms, &why);
		if (!r->rules) {
			reload_finish(r, buf_cstr(&why));
			return;
		}
	}
	if ((edge_why = edge_load(s)))
		reload_finish(r, edge_why);
	else
		auth_reload(s, reload_finish, r);
}

/* --- start --- */

/* Nothing of lws is for people: what matters is told by our own events. */
static void
lws_says(int level, const char *line)
{
	if (level == LLL_ERR && !strstr(line, "adopt_socket_readbuf: calling service"))
		msg_debug("libwebsockets: %.*s", (int)strcspn(line, "\n"), line);
}

static void
make_lws(struct server *s)
{
	static struct lws_protocols protocols[] = {
		{ .name = "wsutils", .callback = conn_callback, .rx_buffer_size = RX_BUFFER,
		  .tx_packet_size = TX_PACKET },
		{ 0 },
	};
	/* lws keeps every connection in one sorted list for its own pings: O(n) for each
	 * new one. We ping by ourselves. */
	static const lws_retry_bo_t no_pings = { 0 };
	void *loops[] = { s->loop };
	/* Without fd_limit_per_thread lws goes by the limit of descriptors, which has been
	 * raised by now, and finds a connection by its descriptor; with it, by a search. */
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.extensions = s->config->deflate ? deflate_extensions : NULL,
		/* Without LWS_SERVER_OPTION_VALIDATE_UTF8: once a text has come lws would look
		 * for UTF-8 in pings and pongs too, and in packed messages. inbox.c does it. */
		.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.foreign_loops = loops,
		.retry_and_idle_policy = &no_pings,
		.max_http_header_pool = 64,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
	};

	/* Each adoption logs a line at this level: not even formatted unless wanted. */
	lws_set_log_level(msg_shown(MSG_DEBUG) ? LLL_ERR : 0, lws_says);
	s->lws = lws_create_context(&info);
	if (!s->lws)
		msg_die(EXIT_HOST, "cannot start libwebsockets with libev: is the package "
		    "libwebsockets-evlib-ev installed?");
	s->vhost = lws_create_vhost(s->lws, &info);
	if (!s->vhost)
		msg_die(EXIT_HOST, "cannot set up libwebsockets");
}

static void
make_node(char node[13])
{
	unsigned char random[12];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		msg_die(EXIT_HOST, "cannot get random numbers: %s", strerror(errno));
	for (int i = 0; i < 12; i++)
		node[i] = "abcdefghijklmnopqrstuvwxyz234567"[random[i] % 32];
	node[12] = '\0';
}

static void
make_endpoints(struct server *s)
{
	const struct opt_list *list = &s->config->endpoints;
	int n = list->n ? list->n : 1;

	s->endpoints = mem_zero((size_t)n, sizeof(*s->endpoints));
	s->endpoint_count = n;
	for (int i = 0; i < n; i++) {
		const char *text = list->n ? list->v[i] : "/ws=payload";
		const char *why = endpoint_parse(&s->endpoints[i], text);

		if (why)
			opt_fail("--endpoint: %s: %s", why, text);
		for (int k = 0; k < i; k++)
			if (strcmp(s->endpoints[k].path, s->endpoints[i].path) == 0)
				opt_fail("--endpoint: the path stands there twice: %s", text);
	}
}

static void
make_rules(struct server *s)
{
	struct buf why = { 0 };

	if (!s->config->rooms) {
		s->rules = rules_builtin(s->config->auth != NULL);
		return;
	}
	s->rules = rules_load(s->config->rooms, &why);
	if (!s->rules)
		msg_die(EXIT_USAGE, "%s", buf_cstr(&why));
}

static void
make_control(struct server *s)
{
	const char *path = s->config->control, *why;

	get_new(s);
	if (path && control_new(s, path, (mode_t)s->config->control_mode, &why))
		msg_die(EXIT_HOST, "cannot listen at %s: %s", path, why);
}

static void
report_url(struct server *s, const char *base, const char *path)
{
	struct buf url = { 0 }, *b;

	buf_str(&url, base);
	buf_str(&url, path);
	msg_info("listening on %s", buf_cstr(&url));
	if (event_wanted(s, EVENT_LISTEN)) {
		b = event_begin(s, EVENT_LISTEN);
		js_put_member(b, "node", slice_str(s->node));
		js_put_member(b, "url", buf_view(&url));
		event_end(s, NULL, slice_of("", 0));
	}
	buf_free(&url);
}

static void
report_listen(struct server *s)
{
	const struct listener *list;
	int n = edge_listeners(s, &list);

	for (int i = 0; i < n; i++)
		for (int k = 0; k < s->endpoint_count; k++)
			report_url(s, list[i].url, s->endpoints[k].path[0] == '*' ? "/"
				: s->endpoints[k].path);
	n = edge_admin_listeners(s, &list);
	for (int i = 0; i < n; i++)
		report_url(s, list[i].url, "/");
}

/* Descriptors for as many connections as are asked for, and no more: Debian's build of
 * libwebsockets walks over all that the limit allows at each close. */
static void
limit_connections(struct server *s)
{
	const struct config *config = s->config;
	long each = config->cert ? FILES_EACH_TLS : FILES_EACH, files = FILES_DEFAULT;

	if (config->max_connections)
		files = config->max_connections < FILES_MOST / each
			? (long)config->max_connections * each + SPARE_FILES +
			    (long)config->max_handshakes
			: FILES_MOST;
	s->max_connections = (io_limit_files(files) - SPARE_FILES) / each;
	if (s->max_connections < 1)
		s->max_connections = 1;
	if (config->max_connections && config->max_connections < s->max_connections)
		s->max_connections = config->max_connections;
}

static const struct event_ops event_ops = { .room = inbox_resume, .failed = life_fail,
	.unread = life_acks_unread };

int
main(int argc, char **argv)
{
	struct server *s = &server;
	int status;

	msg_init("ws-serve");
	s->config = options_parse(argc, argv);
	msg_never_wait();
	limit_connections(s);
	s->loop = ev_default_loop(EVFLAG_AUTO);
	if (!s->loop)
		msg_die(EXIT_HOST, "cannot make an event loop");
	s->started_us = (int64_t)(ev_now(s->loop) * 1e6);
	clock_gettime(CLOCK_REALTIME, &s->started);
	make_node(s->node);
	make_endpoints(s);
	make_rules(s);
	edge_new(s);
	events_new(s, &event_ops);
	commands_new(s);
	rooms_new(s);
	sender_new(s);
	conns_new(s);
	conn_timers_new(s);
	inboxes_new(s);
	make_lws(s);
	life_new(s);
	auth_new(s);
	edge_open(s);
	report_new(s);
	make_control(s);
	handler_new(s);
	input_new(s);
	report_listen(s);
	notify("READY=1");

	status = life_run(s);

	/* Before the door: those who wait for an answer are refused. */
	auth_free(s);
	edge_close(s);
	report_free(s);
	handler_free(s, HANDLER_END_MS);
	control_free(s);
	input_free(s);
	lws_context_destroy(s->lws);
	if (!event_finish(s, (int)(s->config->drain_ms < 1000 ? 1000 : s->config->drain_ms)) &&
	    status == EXIT_DONE)
		status = EXIT_HOST;
	life_free(s);
	conns_free(s);
	conn_timers_free(s);
	sender_free(s);
	rooms_free(s);
	commands_free(s);
	events_free(s);
	inboxes_free(s);
	edge_free(s);
	rules_free(s->rules);
	for (int i = 0; i < s->endpoint_count; i++)
		free(s->endpoints[i].path);
	free(s->endpoints);
	ev_loop_destroy(s->loop);
	return status;
}
