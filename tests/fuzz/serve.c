/* All of ws-serve between its sockets: what clients, operators and the authenticator say,
 * in the order of a script, while peers read or do not. libwebsockets, libev, the door and
 * the co-processes are stand-ins below, so a script always does the same.
 *
 * The first line holds the options, a letter each; then each line is a step, its letter,
 * for a connection its digit, and what is said:
 *   oN TOKEN   connection N comes          cN TEXT    it says this
 *   fN TEXT    it says this in pieces      bN BYTES   in a binary message
 *   zN TEXT    packed                      ZN BYTES   these packed bytes
 *   gN BYTES   without an end              hN BYTES   in frames of their own
 *   rN         it reads all, and goes on   xN         it reads no more
 *   qN CODE…   it closes                   kN         it is lost
 *   s LINE     a command of stdin          p LINE     of a control peer
 *   P BYTES    the body of POST /commands  B BYTES    of POST /broadcast
 *   a LINE     the authenticator says      A          it ends
 *   R RULES    reload, ';' for a line end  W JSON     a peer watches
 *   F          stdout fills, or empties    t N        N seconds go by
 * A '+' before a step: what it sends is written with the next one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../cmd/ws-serve/access.h"
#include "../../cmd/ws-serve/auth.h"
#include "../../cmd/ws-serve/command.h"
#include "../../cmd/ws-serve/conn.h"
#include "../../cmd/ws-serve/conn_lws.h"
#include "../../cmd/ws-serve/conn_timer.h"
#include "../../cmd/ws-serve/control.h"
#include "../../cmd/ws-serve/coproc.h"
#include "../../cmd/ws-serve/deflate.h"
#include "../../cmd/ws-serve/events.h"
#include "../../cmd/ws-serve/get.h"
#include "../../cmd/ws-serve/handler.h"
#include "../../cmd/ws-serve/http_private.h"
#include "../../cmd/ws-serve/inbox.h"
#include "../../cmd/ws-serve/life.h"
#include "../../cmd/ws-serve/member.h"
#include "../../cmd/ws-serve/ring.h"
#include "../../cmd/ws-serve/room.h"
#include "../../cmd/ws-serve/send.h"
#include "../../cmd/ws-serve/server.h"
#include "../../cmd/ws-serve/spell.h"
#include "../../cmd/ws-serve/watch.h"
#include "frame.h"
#include "mem.h"
#include "msg.h"
#include "rec.h"
#include "standins.h"
#include "utf8.h"

enum { SLOTS = 6, CLOSE_REASON = 123 };

#include "fuzz.h"

/* --- libwebsockets --- */

struct lws {
	void *opaque;
	struct buf out;       /* frames that were written and not looked at */
	struct buf message;   /* the pieces of one */
	size_t room;          /* bytes that the peer still takes */
	bool partial, wanted, killed, ended;
	bool parted;          /* its close frame is out */
	bool first, final, binary, packed, rsv1;
	size_t remaining;
	int opcode;           /* of the message in pieces; -1: none */
	bool fresh;           /* nothing older than this step can come out */
	struct conn *conn;
	int slot;
};

static struct lws *wsis[SLOTS];
static bool with_deflate, with_ring;
static void *admitting;

int lws_callback_on_writable(struct lws *wsi) { wsi->wanted = true; return 0; }
void lws_cancel_service(struct lws_context *context) { (void)context; }
int lws_get_close_length(struct lws *wsi) { (void)wsi; return 0; }
unsigned char *lws_get_close_payload(struct lws *wsi) { (void)wsi; return NULL; }
void *lws_get_opaque_user_data(const struct lws *wsi) { return wsi->opaque; }
void lws_set_opaque_user_data(struct lws *wsi, void *data) { wsi->opaque = data; }
void lws_set_wsi_user(struct lws *wsi, void *user) { (void)wsi; (void)user; }
int lws_frame_is_binary(struct lws *wsi) { return wsi->binary; }
unsigned char lws_get_reserved_bits(struct lws *wsi) { return wsi->packed ? 0x40 : 0; }
int lws_is_final_fragment(struct lws *wsi) { return wsi->final; }
int lws_is_first_fragment(struct lws *wsi) { return wsi->first; }
size_t lws_remaining_packet_payload(struct lws *wsi) { return wsi->remaining; }
int lws_rx_flow_control(struct lws *wsi, int enable) { (void)wsi; (void)enable; return 0; }
int lws_partial_buffered(struct lws *wsi) { return wsi->partial; }
lws_sockfd_type lws_get_socket_fd(struct lws *wsi) { return wsi->slot; }

void
lws_set_timeout(struct lws *wsi, enum pending_timeout reason, int seconds)
{
	(void)reason;
	need(seconds == LWS_TO_KILL_ASYNC);
	wsi->killed = true;
}

void
lws_close_reason(struct lws *wsi, enum lws_close_status status, unsigned char *p, size_t n)
{
	(void)wsi;
	need(frame_close_code_ok(status) && n <= CLOSE_REASON && utf8_valid(slice_of((char *)p, n)));
}

int
lws_write(struct lws *wsi, unsigned char *p, size_t n, enum lws_write_protocol protocol)
{
	need(protocol == LWS_WRITE_RAW && n && !wsi->partial && !wsi->ended);
	buf_add(&wsi->out, (char *)p, n);
	wsi->partial = n > wsi->room;
	wsi->room -= wsi->partial ? wsi->room : n;
	return (int)n;
}

/* --- io_uring --- */

struct ring *
ring_new(void)
{
	static char ring;

	errno = ENOSYS;
	return with_ring ? (struct ring *)&ring : NULL;
}

void ring_free(struct ring *r) { (void)r; }

bool
ring_run(struct ring *r, struct ring_send *list, unsigned n)
{
	(void)r;
	need(n <= RING_DEPTH);
	for (unsigned i = 0; i < n; i++) {
		struct lws *wsi = wsis[list[i].fd];
		size_t taken = list[i].n < wsi->room ? list[i].n : wsi->room;

		need(list[i].n && !wsi->partial && !wsi->ended);
		buf_add(&wsi->out, list[i].p, taken);
		wsi->room -= taken;
		list[i].result = taken ? (int)taken : -EAGAIN;
	}
	return true;
}

/* --- co-processes --- */

struct coproc {
	const struct coproc_ops *ops;
	void *ctx;
	bool retired;
	struct coproc *next;
};

static struct coproc *processes;

struct coproc *
coproc_new(struct ev_loop *loop, const char *what, const char *command,
    const struct coproc_ops *ops, void *ctx)
{
	struct coproc *p = mem_zero(1, sizeof(*p));

	(void)loop;
	(void)what;
	(void)command;
	*p = (struct coproc){ ops, ctx, false, processes };
	return processes = p;
}

bool coproc_up(const struct coproc *p) { (void)p; return true; }
void coproc_retire(struct coproc *p) { p->retired = true; }

bool
coproc_put(struct coproc *p, struct slice line)
{
	(void)p;
	need(js_valid(line, NULL) && js_type(line) == JS_OBJECT);
	return true;
}

void
coproc_free(struct coproc *p)
{
	struct coproc **at = &processes;

	if (!p)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p);
}

/* Retired ones have ended. */
static void
reap(void)
{
	for (struct coproc *p = processes, *next; p; p = next) {
		next = p->next;
		if (!p->retired)
			continue;
		p->ops->down(p->ctx, 0);
		coproc_free(p);
		next = processes;
	}
}

/* --- the door --- */

struct guest {
	void *data;
	int slot;
	bool refused;
};

static struct guest guests[SLOTS];

void door_set_data(struct guest *g, void *data) { g->data = data; }
void *door_data(const struct guest *g) { return g->data; }
void *door_admitting(void) { return admitting; }
int door_add_headers(struct lws_process_html_args *args) { (void)args; return 0; }

struct lws *
door_admit(struct guest *g, struct slice subprotocol, void *conn, struct peer **peer)
{
	struct lws *wsi = mem_zero(1, sizeof(*wsi));

	(void)subprotocol;
	*peer = NULL;
	g->data = NULL;
	wsi->room = SIZE_MAX;
	wsi->opcode = -1;
	wsi->conn = conn;
	wsi->slot = g->slot;
	wsis[g->slot] = wsi;
	admitting = conn;
	need(conn_callback(wsi, LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION, NULL, NULL, 0) == 0);
	/* As lws tells ours when it has negotiated it. */
	deflate_wsi = with_deflate ? wsi : NULL;
	need(conn_callback(wsi, LWS_CALLBACK_ESTABLISHED, NULL, NULL, 0) == 0);
	admitting = NULL;
	return wsi;
}

void
door_refuse(struct guest *g, int status, const char *reason, int retry_s)
{
	need(status >= 400 && *reason && retry_s >= 0);
	g->data = NULL;
}

/* --- the rest of ws-serve --- */

static struct config config;
static struct server server = { .config = &config, .node = "abcdefghijkl" };
static struct watching watching;
static struct watcher watcher;
static struct rules *coming;
static struct buf broken;

bool control_watches_rooms(const struct server *s) { (void)s; return watching.rooms; }

void
control_room_sent(struct server *s, struct slice room, const struct message *m)
{
	(void)s;
	watch_room_sent(&watching, room, m);
}

static void (*reload_done)(void *ctx, const char *why);
static void *reload_ctx;

static void
reload_finish(void *ctx, const char *why)
{
	void (*done)(void *, const char *);

	(void)ctx;
	if (!why && coming) {
		rules_free(server.rules);
		server.rules = coming;
		coming = NULL;
		for (struct conn *c = conn_first(&server), *next; c; c = next) {
			next = c->next;
			if (c->admitted && !c->closing)
				member_recheck(c);
		}
	}
	rules_free(coming);
	coming = NULL;
	done = reload_done;
	reload_done = NULL;
	done(reload_ctx, why);
}

static void
reloaded(void *ctx, const char *why)
{
	(void)ctx;
	need(!why || *why);
}

void
server_reload(struct server *s, void (*done)(void *ctx, const char *why), void *ctx)
{
	if (reload_done) {
		done(ctx, "a reload is under way");
		return;
	}
	reload_done = done;
	reload_ctx = ctx;
	auth_reload(s, reload_finish, NULL);
}

/* --- POST --- */

static struct http http = { .config = { .server = &server, .max_body = 4096 } };

void
http_reply(struct http_conn *c, int status, const char *type, struct slice body, const char *fields)
{
	(void)fields;
	need((status == 200 || status == 400) && type && js_valid(body, NULL));
	c->state = HTTP_WRITING;
}

void
http_refuse(struct http_conn *c, int status, const char *reason, const char *allow)
{
	(void)allow;
	need(status == 413 && *reason);
	c->state = HTTP_WRITING;
}

void
http_receive(struct http_conn *c, const struct http_sink *sink, void *data)
{
	c->sink = sink;
	c->data = data;
	c->state = HTTP_READING;
}

void http_hold(struct http_conn *c, bool on) { c->held = on; }
void http_conn_start(struct http_conn *c) { need(c->state == HTTP_WRITING); }

static void
post(struct slice body, void (*endpoint)(struct http_conn *c, bool lines), bool lines)
{
	struct http_conn c = { .http = &http };

	endpoint(&c, lines);
	for (size_t at = 0; at < body.n && c.state == HTTP_READING; at += 20)
		c.sink->data(&c, slice_of(body.p + at, body.n - at < 20 ? body.n - at : 20));
	if (c.state == HTTP_READING)
		c.sink->end(&c);
	c.sink->gone(&c);
}

/* --- what comes out --- */

static struct conn *speaker; /* who alone said something since the last write */
static bool mixed;           /* others have */
static struct buf plain;

/* Members of the object with this name, however it is written. */
static int
named(struct slice object, struct slice name)
{
	struct slice key, value;
	int n = 0;

	for (struct js_walk w = js_walk(object); js_next(&w, &key, &value);)
		n += js_key_is(key, name);
	return n;
}

static bool
is_text(struct slice value, struct slice text)
{
	struct buf scratch = { 0 };
	bool is = js_type(value) == JS_STRING && slice_eq(js_text(value, &scratch), text);

	buf_free(&scratch);
	return is;
}

/* The only messages that a client causes are ours, or relayed ones: nobody can speak for
 * another, and nobody hears what the rules keep from it. */
static void
check_client_message(struct conn *to, struct slice m)
{
	struct slice room, content, who = conn_user(speaker);
	struct buf id = { 0 }, scratch = { 0 };
	struct rules_identity identity = conn_rules_identity(to);

	need(js_valid(m, NULL) && js_type(m) == JS_OBJECT && named(m, S("type")) == 1 &&
	    named(m, S("timestamp")) == 1);
	if (!is_text(js_get(m, S("type")), S("message"))) {
		need(to == speaker);
		return;
	}
	need(to != speaker && named(m, S("from")) == 1 && named(m, S("conn")) == 1);
	need(who.n ? is_text(js_get(m, S("from")), who) : js_type(js_get(m, S("from"))) == JS_NULL);
	conn_put_id(&id, speaker);
	need(is_text(js_get(m, S("conn")), buf_view(&id)));
	content = conn_spelling(to) == &spell_payload ? js_get(m, S("payload")) : m;
	if (content.p != m.p)
		need(!named(content, S("from")) && !named(content, S("conn")));
	need(named(content, S("channel")) + named(content, S("topic")) + named(content, S("room")) +
	    named(content, S("channels")) == 1);
	room = js_get(content, conn_spelling(to) == &spell_topic ? S("topic") : S("channel"));
	room = js_text(room, &scratch);
	need(rules_ask(server.rules, room, &identity).verdict == RULES_GRANTED);
	buf_free(&id);
	buf_free(&scratch);
}

static void
check_message(struct lws *wsi, struct slice m)
{
	if (wsi->rsv1) {
		buf_clear(&plain);
		need(deflate_unpack(&plain, m, SIZE_MAX / 2) == DEFLATE_OK);
		m = buf_view(&plain);
	}
	need(wsi->opcode == FRAME_BINARY || utf8_valid(m));
	if (speaker && wsi->fresh)
		check_client_message(wsi->conn, m);
}

/* What was written is whole frames, in an order that RFC 6455 5.4 allows. */
static void
check_frames(struct lws *wsi)
{
	struct slice rest = buf_view(&wsi->out), reason;
	struct frame f;

	while (rest.n) {
		need(frame_decode(rest, false, true, &f, NULL) == FRAME_OK &&
		    f.length <= rest.n - f.header);
		need(!wsi->parted);
		if (f.opcode == FRAME_TEXT || f.opcode == FRAME_BINARY) {
			need(wsi->opcode < 0);
			wsi->opcode = (int)f.opcode;
			wsi->rsv1 = f.rsv1;
			need(!f.rsv1 || wsi->conn->deflate);
		} else if (f.opcode == FRAME_CLOSE) {
			need(frame_close(slice_of(rest.p + f.header, (size_t)f.length), &reason) >= 1000);
			wsi->parted = true;
		} else {
			need(f.opcode == FRAME_PING || (f.opcode == FRAME_CONTINUATION && wsi->opcode >= 0));
			need(!f.rsv1);
		}
		if (f.opcode < FRAME_CLOSE) {
			buf_add(&wsi->message, rest.p + f.header, (size_t)f.length);
			if (f.fin) {
				check_message(wsi, buf_view(&wsi->message));
				buf_clear(&wsi->message);
				wsi->opcode = -1;
			}
		}
		rest = slice_from(rest, f.header + (size_t)f.length);
	}
	buf_clear(&wsi->out);
}

static void
check_line(struct slice line)
{
	need(line.n && line.p[line.n - 1] == '\n' && slice_find(line, '\n') == line.n - 1);
	need(js_valid(line, NULL) && js_type(js_get(line, S("event"))) == JS_STRING);
}

static void
on_event(struct event_sink *sink, enum event_kind kind, struct conn *c, struct slice room,
    struct slice line)
{
	(void)sink;
	(void)room;
	if (kind == EVENT_OPEN && c)
		watch_opened(&watching, c);
	check_line(line);
}

static void on_watched(struct watcher *w, struct slice line) { (void)w; check_line(line); }
static void on_answer(struct source *source, struct slice line) { (void)source; check_line(line); }
static void on_hold(struct source *source, bool on) { (void)source; (void)on; }

static struct event_sink sink = { .set = EVENT_ALL, .event = on_event };
static struct source standard = { .name = "stdin", .answer = on_answer, .hold = on_hold };
static struct source control = { .name = "peer", .answer = on_answer, .errors = true,
	.hold = on_hold };

/* No more is queued than allowed, apart from what lws keeps. */
static void
check_queues(void)
{
	uint64_t n = send_queued(&server);

	for (const struct conn *c = conn_first(&server); c; c = c->next) {
		need(c->queued >= c->in_lws && n >= c->in_lws);
		n -= c->in_lws;
	}
	need(n <= (uint64_t)config.queue_total);
}

/* Every seat points at its member and back. */
static void
check_seats(void)
{
	for (struct conn *c = conn_first(&server); c; c = c->next)
		for (uint32_t i = 0; i < c->seat_count; i++) {
			const struct room *r = c->seats[i].room;

			need(c->seats[i].at < r->count && r->members[c->seats[i].at].conn == c &&
			    r->members[c->seats[i].at].seat == i && !c->closing);
		}
}

/* --- a step --- */

static void
end(int slot)
{
	struct lws *wsi = wsis[slot];

	wsi->ended = true;
	conn_callback(wsi, LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL, NULL, NULL, 0);
	check_frames(wsi);
	conn_callback(wsi, LWS_CALLBACK_CLOSED, NULL, NULL, 0);
	buf_free(&wsi->out);
	buf_free(&wsi->message);
	free(wsi);
	wsis[slot] = NULL;
}

/* What lws does before it waits. */
static void
settle(int slot)
{
	struct lws *wsi = wsis[slot];

	for (int i = 0; wsi && i < 1000; i++) {
		if (wsi->killed) {
			end(slot);
			return;
		}
		if (wsi->partial) {
			if (!wsi->room)
				return;
			wsi->partial = false;
		} else if (!wsi->wanted) {
			return;
		}
		wsi->wanted = false;
		if (conn_callback(wsi, LWS_CALLBACK_SERVER_WRITEABLE, NULL, NULL, 0)) {
			end(slot);
			return;
		}
	}
	need(!wsi);
}

static void
flush(void)
{
	send_flush(&server);
	/* One's end may be another's message. */
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < SLOTS; i++)
			settle(i);
	reap();
	for (int i = 0; i < SLOTS; i++)
		if (wsis[i])
			check_frames(wsis[i]);
	speaker = NULL;
	mixed = false;
	check_seats();
	check_queues();
}

/* Say `bytes` in frames of at most `frame` bytes that arrive in pieces of `piece`. */
static void
say(int slot, struct slice bytes, size_t frame, size_t piece, bool whole)
{
	struct lws *wsi = wsis[slot];
	size_t at = 0;

	wsi->first = true;
	do {
		size_t left = bytes.n - at, in_frame = at % frame;
		size_t n = left < piece ? left : piece;

		if (n > frame - in_frame)
			n = frame - in_frame;
		wsi->remaining = (left < frame - in_frame ? left : frame - in_frame) - n;
		wsi->final = whole && left - n - wsi->remaining == 0;
		if (conn_callback(wsi, LWS_CALLBACK_RECEIVE, NULL, (char *)bytes.p + at, n)) {
			end(slot);
			return;
		}
		at += n;
		wsi->first = false;
	} while (at < bytes.n);
}

static void
hear(char letter, int slot, struct slice bytes)
{
	struct lws *wsi = wsis[slot];
	struct buf packed = { 0 };

	wsi->binary = letter == 'b' || letter == 'h';
	wsi->packed = letter == 'z' || letter == 'Z';
	if (wsi->packed && !wsi->conn->deflate)
		return;
	speaker = mixed ? NULL : wsi->conn;
	for (int i = 0; i < SLOTS; i++)
		if (wsis[i])
			wsis[i]->fresh = !wsis[i]->conn->queued && !wsis[i]->partial;
	switch (letter) {
	case 'f':
		say(slot, bytes, SIZE_MAX, 3, true);
		break;
	case 'h':
		say(slot, bytes, 5, 2, true);
		break;
	case 'g':
		say(slot, bytes, 4, 4, false);
		break;
	case 'z':
		deflate_pack(&packed, bytes);
		say(slot, buf_view(&packed), SIZE_MAX, SIZE_MAX, true);
		break;
	default:
		say(slot, bytes, SIZE_MAX, SIZE_MAX, true);
	}
	buf_free(&packed);
}

static void
come(int slot, struct slice token)
{
	struct guest *g = &guests[slot];
	struct door_request r = { .path = S("/ws"), .endpoint = slot % server.endpoint_count,
		.token = token, .source = token.n ? DOOR_TOKEN_QUERY : DOOR_TOKEN_NONE,
		.remote = S("10.0.0.7:51234"), .address = S("10.0.0.7") };

	if (wsis[slot] || g->data)
		return;
	g->slot = slot;
	access_door_ops.knock(&server, g, &r);
}

static void
reload(struct slice text)
{
	struct buf file = { 0 };

	buf_slice(&file, text);
	for (size_t i = 0; i < file.n; i++)
		if (file.p[i] == ';')
			file.p[i] = '\n';
	rules_free(coming);
	coming = rules_parse(buf_view(&file), "rules", &broken);
	buf_free(&file);
}

static void
pass(int seconds)
{
	while (seconds-- > 0) {
		now_s += 1;
		run_loop();
		flush();
	}
}

static void
lose(int slot)
{
	struct guest *g = &guests[slot];

	if (wsis[slot]) {
		end(slot);
	} else if (g->data) {
		access_door_ops.gone(&server, g);
		g->data = NULL;
	}
}

static void
step(struct slice line)
{
	char letter = line.p[0];
	int slot = line.n > 1 ? (line.p[1] - '0') % SLOTS : 0;
	struct slice rest = slice_from(line, 2), text = line.n > 2 ? slice_from(line, 3) : rest;
	struct coproc *process = processes;

	if (slot < 0)
		slot = 0;
	if (strchr("cfbzZghrxq", letter) && !wsis[slot])
		return;
	switch (letter) {
	case 'o':
		come(slot, text);
		break;
	case 'r':
		wsis[slot]->room = SIZE_MAX;
		break;
	case 'x':
		wsis[slot]->room = text.n ? (size_t)text.n * 8 : 0;
		break;
	case 'q':
		if (conn_callback(wsis[slot], LWS_CALLBACK_WS_PEER_INITIATED_CLOSE, NULL,
		    (char *)text.p, text.n < 125 ? text.n : 125) == 0)
			wsis[slot]->killed = true;
		else
			end(slot);
		break;
	case 'k':
		lose(slot);
		break;
	case 's':
	case 'p': {
		struct source *source = letter == 's' ? &standard : &control;

		source->line++;
		send_source(&server, source);
		command_run(&server, source, rest);
		break;
	}
	case 'P':
		post(rest, http_commands, true);
		break;
	case 'B':
		post(rest, http_broadcast, slot & 1);
		break;
	case 'a':
		if (process)
			process->ops->line(process->ctx, rest);
		break;
	case 'A':
		if (process)
			process->ops->down(process->ctx, 0);
		break;
	case 'R':
		reload(rest);
		server_reload(&server, reloaded, NULL);
		break;
	case 'W':
		if (js_valid(rest, NULL))
			watch_add(&watching, &watcher, rest);
		break;
	case 'F':
		sink.full = !sink.full;
		event_sinks_changed(&server);
		break;
	case 't':
		pass((line.n > 2 ? (unsigned char)line.p[2] : 1) % 64);
		break;
	default:
		if (strchr("cfbzZgh", letter))
			hear(letter, slot, text);
	}
}

/* --- the server --- */

static void
start(struct slice letters)
{
	static struct endpoint endpoints[] = { { (char *)"/ws", &spell_payload },
		{ (char *)"/topic", &spell_topic }, { (char *)"/channel", &spell_channel } };
	struct server *s = &server;

	config = (struct config){ .message_rate = { 100, 1000, 200 }, .max_message = 2048,
		.max_rooms = 5, .max_patterns = 3, .max_invalid = 4, .client_queue = 600,
		.queue_total = 3000, .slow = SLOW_CLOSE, .block_ms = 3000, .auth_timeout_ms = 5000,
		.ping_interval_ms = 30000, .ping_timeout_ms = 10000, .max_line = 4096 };
	with_deflate = with_ring = false;
	s->endpoint_count = 1;
	for (size_t i = 0; i < letters.n; i++)
		switch (letters.p[i]) {
		case 'a': config.auth = "jwt-check"; break;
		case 'g': config.guests = true; break;
		case 'm': config.auth_message_ms = 5000; break;
		case 'c': config.refuse_close = true; break;
		case 'd': config.slow = SLOW_DROP; break;
		case 'b': config.slow = SLOW_BLOCK; break;
		case 'z': with_deflate = true; break;
		case 'u': with_ring = true; break;
		case 'e': s->endpoint_count = 3; break;
		case 't': config.payload = REC_TEXT; break;
		case '6': config.payload = REC_BASE64; break;
		case 'l': config.client_queue = 1 << 20; break;
		}
	s->endpoints = endpoints;
	s->max_connections = 5;
	now_s = 1;
	s->started_us = 0;
	sink.full = false;
	events_new(s, &event_ops);
	event_sink_add(s, &sink);
	commands_new(s);
	rooms_new(s);
	sender_new(s);
	conns_new(s);
	conn_timers_new(s);
	inboxes_new(s);
	auth_new(s);
	get_new(s);
	watching_init(&watching, s);
	watcher = (struct watcher){ .line = on_watched };
	s->rules = rules_builtin(config.auth != NULL);
}

static void
stop(void)
{
	struct server *s = &server;

	flush();
	for (int i = 0; i < SLOTS; i++)
		lose(i);
	auth_free(s);
	reap();
	need(!processes && !conn_total(s) && !room_count(s) && !room_user_count(s));
	need(!send_queued(s) && !standard.held && !control.held);
	watch_end(&watching, &watcher);
	watching_free(&watching);
	conns_free(s);
	conn_timers_free(s);
	sender_free(s);
	rooms_free(s);
	reload_done = NULL;
	commands_free(s);
	events_free(s);
	inboxes_free(s);
	rules_free(s->rules);
	rules_free(coming);
	coming = NULL;
	memset(guests, 0, sizeof(guests));
	for (int i = 0; i < WATCHERS; i++)
		need(!timers[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of((const char *)data, size);
	int steps = 0;

	static bool ready;

	if (!ready) {
		ready = true;
		need(freopen("/dev/null", "w", stdout) != NULL);
		msg_setup(MSG_ERROR, false);
	}
	start(slice_cut(&rest, '\n'));
	while (rest.n && steps++ < 200) {
		struct slice line = slice_cut(&rest, '\n');
		bool later = line.n && line.p[0] == '+';

		if (later)
			line = slice_from(line, 1);
		if (!line.n)
			continue;
		step(line);
		if (later) {
			mixed = true;
			speaker = NULL;
		} else {
			flush();
		}
	}
	stop();
	return 0;
}
