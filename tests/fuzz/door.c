/* A request as it comes to the door of ws-serve, and what becomes of it: an upgrade that
 * keeps every promise of door.h, a file beneath the folder, an answer of an endpoint that
 * this client may ask, or a refusal; each once, in sound HTTP. The first byte says what
 * kind of door it is. */
#include <sys/socket.h>

static ssize_t fuzz_recv(int fd, void *p, size_t n, int flags);
static ssize_t fuzz_send(int fd, const void *p, size_t n, int flags);
#include "now.h"

static int64_t fuzz_now_us(void) { return 1000000; }
#define recv fuzz_recv
#define now_us fuzz_now_us
#include "../../cmd/ws-serve/knock.c"
#undef recv
#undef now_us
#define send fuzz_send
#include "../../cmd/ws-serve/http.c"
#undef send

#include <limits.h>
#include <unistd.h>

#include "../../cmd/ws-serve/command.h"
#include "../../cmd/ws-serve/conn.h"
#include "../../cmd/ws-serve/conn_timer.h"
#include "../../cmd/ws-serve/edge.h"
#include "../../cmd/ws-serve/events.h"
#include "../../cmd/ws-serve/inbox.h"
#include "../../cmd/ws-serve/report.h"
#include "../../cmd/ws-serve/respond.h"
#include "../../cmd/ws-serve/ring.h"
#include "../../cmd/ws-serve/room.h"
#include "../../cmd/ws-serve/send.h"
#include "../../cmd/ws-serve/spell.h"
#include "js.h"
#include "msg.h"
#include "standins.h"
#include "fuzz.h"

static const char *const origins[] = { "https://a.example" };
static const char *const fields[] = { "x-tenant", "authorization" };
static struct slice input;  /* what the client sends */
static size_t arrived;      /* of it, by now */
static int outcomes;        /* how often the request was decided on */
static bool with_token;
static struct buf answer;

/* --- sockets --- */

static ssize_t
fuzz_recv(int fd, void *p, size_t n, int flags)
{
	(void)fd;
	need(flags & MSG_PEEK);
	if (n > arrived)
		n = arrived;
	memcpy(p, input.p, n);
	return n ? (ssize_t)n : -1;
}

static ssize_t
fuzz_send(int fd, const void *p, size_t n, int flags)
{
	(void)fd;
	(void)flags;
	need(slice_starts(slice_of(p, n), S("HTTP/1.1 100 ")));
	return (ssize_t)n;
}

/* One answer in HTTP/1.1; `file` when it is followed by a file. */
static void
check_answer(struct slice text, bool head, bool file, int64_t file_left)
{
	struct slice start = slice_cut(&text, '\n'), length = { 0 }, type = { 0 };
	int64_t n = -1;

	need(slice_starts(start, S("HTTP/1.1 ")) && start.n > 13 && start.p[start.n - 1] == '\r');
	for (;;) {
		struct slice line = slice_cut(&text, '\n'), name;

		need(line.n && line.p[line.n - 1] == '\r');
		line.n--;
		if (!line.n)
			break;
		for (size_t i = 0; i < line.n; i++)
			need((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7f);
		name = slice_cut(&line, ':');
		need(request_token(name));
		if (request_same(name, S("content-length")))
			length = slice_trim(line);
		if (request_same(name, S("content-type")))
			type = slice_trim(line);
	}
	if (length.n)
		need(js_int(length, &n) && n >= 0);
	else
		need(slice_starts(slice_from(start, 9), S("304")));
	if (file) {
		need(!text.n && (head || file_left == n));
	} else if (head) {
		need(!text.n);
	} else if (length.n) {
		need((int64_t)text.n == n);
		if (slice_is(type, "application/json"))
			need(js_valid(text, NULL));
	}
}

/* A file that goes out is beneath the folder, and no dot leads to it. */
static void
check_file(int fd)
{
	char link[64], path[PATH_MAX], folder[PATH_MAX];
	ssize_t n;
	size_t m;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	need((n = readlink(link, path, sizeof(path) - 1)) > 0 && getcwd(folder, sizeof(folder)));
	path[n] = '\0';
	m = strlen(folder);
	need(strncmp(path, folder, m) == 0 && path[m] == '/' && !strstr(path + m, "/."));
}

/* --- the door --- */

static struct door door;
static struct guest guest;

void guest_move(struct guest *g, enum guest_state state) { g->state = state; }
void guest_free(struct guest *g) { g->state = GUEST_GONE; }
bool guest_watch(struct guest *g) { (void)g; return true; }
void guest_unwatch(struct guest *g) { (void)g; }

bool
guest_consume(int fd, size_t n)
{
	(void)fd;
	/* The header, and no byte behind it. */
	need(n == request_end(input, 0));
	return true;
}

void
guest_refuse(struct guest *g, int status, const char *reason, int retry_s)
{
	outcomes++;
	buf_clear(&answer);
	respond_refusal(&answer, &(struct refusal){ .status = status, .reason = reason,
	    .retry_s = retry_s, .head = g->head });
	check_answer(buf_view(&answer), g->head, false, 0);
	g->state = GUEST_LINGERING;
}

static int
endpoint(void *ctx, struct slice path, bool *exact)
{
	(void)ctx;
	*exact = slice_is(path, "/ws");
	return *exact ? 0 : slice_starts(path, S("/any")) ? 1 : -1;
}

static void
knocked(void *ctx, struct guest *g, const struct door_request *r)
{
	(void)ctx;
	outcomes++;
	need(g->upgrade && r->path.n && r->path.p[0] == '/' && slice_find(r->path, '?') == r->path.n);
	need((r->source == DOOR_TOKEN_NONE) == !r->token.n);
	for (size_t i = 0; i < r->token.n; i++)
		need(r->token.p[i] > ' ' && r->token.p[i] < 0x7f);
	need(r->subprotocol_count >= 0 && r->subprotocol_count <= DOOR_SUBPROTOCOLS);
	for (int i = 0; i < r->subprotocol_count; i++)
		need(request_token(r->subprotocols[i]) && !slice_is(r->subprotocols[i], "bearer"));
	need(!door.config.origin_count || !r->origin.n || request_same(r->origin, S("https://a.example")));
	need(r->remote.n && r->address.n && r->address.n <= r->remote.n);
	need(r->field_count <= door.config.field_count && (!r->deflate || door.config.deflate));
	need(g->bearer == (r->source == DOOR_TOKEN_PROTOCOL));
}

static const struct door_ops ops = { .endpoint = endpoint, .knock = knocked };

/* The owner answers later: nobody asks for these. */
void door_set_data(struct guest *g, void *data) { (void)g; (void)data; abort(); }
void *door_data(const struct guest *g) { (void)g; abort(); }
void *door_admitting(void) { abort(); }
int door_add_headers(struct lws_process_html_args *args) { (void)args; abort(); }

void
door_refuse(struct guest *g, int status, const char *reason, int retry_s)
{
	(void)g;
	(void)status;
	(void)reason;
	(void)retry_s;
	abort();
}

struct lws *
door_admit(struct guest *g, struct slice subprotocol, void *conn, struct peer **peer)
{
	(void)g;
	(void)subprotocol;
	(void)conn;
	(void)peer;
	abort();
}

/* --- HTTP --- */

static struct http_conn taken;

struct http_conn *
http_conn_new(struct http *h, int fd, struct peer_address who)
{
	taken = (struct http_conn){ .http = h, .fd = fd, .who = who, .file = -1 };
	outcomes++;
	return &taken;
}

void
http_reply(struct http_conn *c, int status, const char *type, struct slice body, const char *extra)
{
	need(c->state == HTTP_READING);
	respond_put(&c->out, &(struct respond){ .status = status, .type = type, .body = body,
	    .fields = extra, .head = c->head });
	c->state = HTTP_WRITING;
}

void
http_refuse(struct http_conn *c, int status, const char *reason, const char *allow)
{
	need(c->state == HTTP_READING && status >= 400);
	respond_refusal(&c->out, &(struct refusal){ .status = status, .reason = reason, .allow = allow,
	    .head = c->head });
	c->state = HTTP_WRITING;
}

void
http_send_file(struct http_conn *c, const struct static_file *file, const char *extra)
{
	respond_put(&c->out, &(struct respond){ .status = 200, .type = file->type,
	    .length = file->size, .fields = extra, .head = c->head });
	c->file = file->fd;
	c->file_left = c->head ? 0 : file->size;
	c->state = HTTP_WRITING;
	check_file(c->file);
}

void
http_receive(struct http_conn *c, const struct http_sink *sink, void *data)
{
	/* Whoever may give commands has shown the token. */
	need(!with_token || memmem(input.p, request_end(input, 0), "secret", 6));
	c->sink = sink;
	c->data = data;
	c->state = HTTP_READING;
}

void http_hold(struct http_conn *c, bool on) { c->held = on; }
void http_conn_cut(struct http_conn *c) { (void)c; abort(); }

void
http_conn_free(struct http_conn *c)
{
	if (c->sink)
		c->sink->gone(c);
	if (c->file >= 0)
		close(c->file);
	buf_free(&c->out);
	c->http = NULL;
}

void
http_conn_start(struct http_conn *c)
{
	struct slice rest = slice_from(input, request_end(input, 0)), content;
	ssize_t used = 0;

	while (c->state == HTTP_READING && c->body.state != BODY_DONE && rest.n && used >= 0) {
		used = body_take(&c->body, slice_of(rest.p, rest.n < 9 ? rest.n : 9), &content);
		if (used >= 0 && content.n)
			c->sink->data(c, content);
		rest = slice_from(rest, used > 0 ? (size_t)used : 0);
	}
	if (used < 0)
		http_refuse(c, 400, "malformed chunk", NULL);
	else if (c->state == HTTP_READING && c->body.state == BODY_DONE)
		c->sink->end(c);
	if (c->state == HTTP_WRITING)
		check_answer(buf_view(&c->out), c->head, c->file >= 0 && c->file_left, c->file_left);
	http_conn_free(c);
}

/* --- the server --- */

static struct config config = { .max_message = 1000, .client_queue = 1000, .queue_total = 1000,
	.no_io_uring = true };
static struct endpoint endpoints[] = { { (char *)"/ws", &spell_payload } };
static struct server server = { .config = &config, .node = "abcdefghijkl",
	.endpoints = endpoints, .endpoint_count = 1 };
static const struct door_stats no_stats;

bool life_ready(const struct server *s) { (void)s; return true; }
bool control_watches_rooms(const struct server *s) { (void)s; return false; }
const struct tls_stats *edge_tls_stats(const struct server *s) { (void)s; return NULL; }
void edge_http_stats(const struct server *s, struct http_stats *sum) { (void)s; (void)sum; }
const struct door_stats *door_stats(const struct door *d) { (void)d; return &no_stats; }

void
control_room_sent(struct server *s, struct slice room, const struct message *m)
{
	(void)s;
	(void)room;
	(void)m;
}

void
server_reload(struct server *s, void (*done)(void *ctx, const char *why), void *ctx)
{
	(void)s;
	done(ctx, NULL);
}

static void
start(void)
{
	struct server *s = &server;

	msg_setup(MSG_ERROR, false);
	now_s = 1;
	events_new(s, &event_ops);
	commands_new(s);
	rooms_new(s);
	sender_new(s);
	conns_new(s);
	conn_timers_new(s);
	inboxes_new(s);
	report_new(s);
	s->rules = rules_builtin(false);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct listener from = { .host = (char *)"127.0.0.1:3000", .loopback = true,
		.tls = (struct tls *)"" };
	static struct proxy proxy;
	static struct http *plain, *secret;
	static int folder = -1;
	unsigned kind = size ? data[0] : 0;
	struct slice whole = slice_of((const char *)data + 1, size ? size - 1 : 0);

	if (!plain) {
		struct http_config c = { .server = &server, .endpoints = HTTP_ALL, .files = -1,
			.check_host = true, .max_body = 500 };

		start();
		folder = static_open(".");
		proxy_add(&proxy, "10.0.0.0/8");
		plain = http_new(&c);
		secret = http_new(&c);
		http_set_token(secret, S("secret"));
	}
	with_token = kind & 2;
	door = (struct door){ .ops = &ops, .config = { .vhost = kind & 1 ? (struct lws_vhost *)"" : NULL,
		.http = with_token ? secret : plain } };
	plain->config.files = kind & 64 ? folder : -1;
	plain->config.open = kind & 4;
	if (kind & 8)
		door.config.proxy = &proxy;
	if (kind & 16) {
		door.config.origins = origins;
		door.config.origin_count = 1;
	}
	if (kind & 32) {
		door.config.cookie = "sid";
		door.config.fields = fields;
		door.config.field_count = 2;
		door.config.deflate = true;
	}
	input = whole;
	outcomes = 0;
	guest = (struct guest){ .door = &door, .from = &from, .fd = 5, .has_address = true };
	need(proxy_address(S("10.1.2.3"), &guest.address, &(struct slice){ 0 }));
	strcpy(guest.remote, "10.1.2.3:4711");
	for (arrived = kind & 128 ? 1 : whole.n; guest.state == GUEST_READING; arrived += 40) {
		if (arrived > whole.n)
			arrived = whole.n;
		if (!arrived)
			break;
		guest_look(&guest, arrived == whole.n);
		if (arrived == whole.n)
			break;
	}
	need(outcomes <= 1 && (outcomes == 1 || !request_end(whole, 0)));
	buf_free(&door.token);
	buf_clear(&answer);
	return 0;
}
