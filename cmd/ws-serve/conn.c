#include "conn.h"

#include <stdlib.h>
#include <sys/random.h>

#include "access.h"
#include "client.h"
#include "door.h"
#include "events.h"
#include "frame.h"
#include "inbox.h"
#include "js.h"
#include "life.h"
#include "mem.h"
#include "msg.h"
#include "num.h"
#include "peers.h"
#include "room.h"
#include "send.h"
#include "server.h"
#include "spell.h"
#include "table.h"
#include "utf8.h"

enum { CLOSE_REASON = 123 }; /* bytes, RFC 6455 section 5.5 */

struct conns {
	struct server *server;
	struct table table;      /* by number */
	struct conn *first, *last;
	uint64_t count;          /* all, those on their way out included */
	uint64_t open;
	uint64_t number;         /* of the last one */
	struct wheel wheel;
	struct ev_timer tick;
	struct ev_idle resume;   /* parked connections go on, slice by slice */
	int64_t armed_us;        /* what `tick` is set to */
	bool kicked;             /* lws was told to look at its timers */
	struct ev_prepare turn;
};

/* --- finding --- */

struct conn *
conn_first(const struct server *s)
{
	return s->conns->first;
}

uint64_t
conn_count(const struct server *s)
{
	return s->conns->open;
}

uint64_t
conn_total(const struct server *s)
{
	return s->conns->count;
}

static uint64_t
number_hash(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15u ^ number >> 7;
}

static bool
is_number(const void *item, const void *key)
{
	return ((const struct conn *)item)->number == *(const uint64_t *)key;
}

struct conn *
conn_find(const struct server *s, struct slice id)
{
	size_t prefix = strlen(s->node);
	char digits[24];
	uint64_t key;
	int64_t number;
	struct conn *c;

	if (id.n < prefix + 2 || id.n > prefix + 20 || memcmp(id.p, s->node, prefix) ||
	    id.p[prefix] != '-' || id.p[prefix + 1] < '1' || id.p[prefix + 1] > '9')
		return NULL;
	memcpy(digits, id.p + prefix + 1, id.n - prefix - 1);
	digits[id.n - prefix - 1] = '\0';
	if (num_int(digits, &number) || number <= 0)
		return NULL;
	key = (uint64_t)number;
	c = table_find(&s->conns->table, number_hash(key), is_number, &key);
	return c && c->admitted && !c->closing ? c : NULL;
}

void
conn_put_id(struct buf *b, const struct conn *c)
{
	buf_str(b, c->server->node);
	buf_byte(b, '-');
	buf_u64(b, c->number);
}

void
conn_put_who(struct buf *b, const struct conn *c)
{
	js_put_key(b, "conn");
	buf_byte(b, '"');
	conn_put_id(b, c);
	buf_byte(b, '"');
	if (c->id.user)
		js_put_member(b, "user", conn_user(c));
}

const struct spelling *
conn_spelling(const struct conn *c)
{
	return c->endpoint->spelling;
}

struct rules_identity
conn_rules_identity(const struct conn *c)
{
	return (struct rules_identity){
		.authenticated = c->id.authenticated,
		.user = conn_user(c),
		.claims = c->id.claims ? slice_str(c->id.claims) : slice_of("", 0),
	};
}

void
identity_free(struct identity *id)
{
	free(id->user);
	free(id->claims);
	*id = (struct identity){ 0 };
}

/* --- timers --- */

void
conn_set_timer(struct conn *c)
{
	const struct config *config = c->server->config;
	struct wheel *w = &c->server->conns->wheel;
	int64_t due = INT64_MAX;

	if (c->end_us)
		due = c->end_us;
	if (!c->closing) {
		if (c->expires_us && !c->ask && c->expires_us < due)
			due = c->expires_us;
		if (c->block_us && c->block_us < due)
			due = c->block_us;
		if (c->later_us && c->later_us < due)
			due = c->later_us;
		if (config->ping_interval_ms && !c->parked) {
			int64_t ping = c->ping_us + (c->ping_out ? config->ping_timeout_ms
				: config->ping_interval_ms) * 1000;

			if (ping < due)
				due = ping;
		}
	}
	if (due == INT64_MAX) {
		wheel_clear(&c->timer);
		return;
	}
	wheel_set(w, &c->timer, due);
	if (due < c->server->conns->armed_us)
		c->server->conns->armed_us = 0;
}

/* Time for a ping, or a ping's time is over. */
static void
ping(struct conn *c, int64_t now)
{
	const struct config *config = c->server->config;

	if (!config->ping_interval_ms || c->parked)
		return;
	if (c->ping_out) {
		if (now < c->ping_us + config->ping_timeout_ms * 1000)
			return;
		if (c->seen_us < c->ping_us) {
			c->server->counters.ping_timeouts++;
			conn_cut(c, "ping timeout");
			return;
		}
		c->ping_out = false;
	}
	if (now >= c->ping_us + config->ping_interval_ms * 1000) {
		c->ping_us = now;
		c->ping_out = true;
		send_ping(c);
	}
}

static void
fire(void *ctx, struct wheel_node *n)
{
	struct conns *x = ctx;
	struct conn *c = (struct conn *)((char *)n - offsetof(struct conn, timer));
	int64_t now = server_now_us(x->server);

	if (c->end_us && now >= c->end_us) {
		c->end_us = 0;
		if (!c->closing)
			access_late(c);
		else
			conn_kill(c);
	} else if (!c->closing && c->expires_us && !c->ask && now >= c->expires_us) {
		access_expired(c);
	} else if (!c->closing && c->block_us && now >= c->block_us) {
		x->server->counters.slow++;
		conn_abandon(c, 4013, S("too slow"));
	} else if (!c->closing && c->later_us && now >= c->later_us) {
		/* How was noted when it was decided, and counts from now on. */
		c->later_us = 0;
		conn_close(c, c->close_code, slice_of("", 0));
	} else if (!c->closing) {
		ping(c, now);
	}
	if (c->wsi)
		conn_set_timer(c);
}

static void
arm(struct conns *x)
{
	int64_t next = wheel_next(&x->wheel), now = server_now_us(x->server);

	ev_timer_stop(x->server->loop, &x->tick);
	x->armed_us = next < 0 ? INT64_MAX : next;
	if (next >= 0) {
		ev_timer_set(&x->tick, next > now ? (double)(next - now) / 1e6 : 0.0001, 0.);
		ev_timer_start(x->server->loop, &x->tick);
	}
}

static void
on_tick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct conns *x = w->data;

	(void)loop;
	(void)revents;
	wheel_run(&x->wheel, server_now_us(x->server), fire, x);
	x->armed_us = 0;
}

/* lws looks at its own timers only when one of its descriptors has an event. */
void
conn_kick(struct server *s)
{
	s->conns->kicked = true;
}

static void
on_turn(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct conns *x = w->data;

	(void)loop;
	(void)revents;
	send_turn(x->server);
	if (x->kicked) {
		x->kicked = false;
		lws_cancel_service(x->server->lws);
	}
	if (!x->armed_us)
		arm(x);
}

static void
on_resume(struct ev_loop *loop, struct ev_idle *w, int revents)
{
	struct conns *x = w->data;
	int most = 64;

	(void)revents;
	for (struct conn *c = x->first, *next; c; c = next) {
		next = c->next;
		if (!c->parked || c->ask)
			continue;
		if (event_must_wait(x->server, EVENT_MESSAGE) || !most--)
			return;
		inbox_unpark(c);
	}
	ev_idle_stop(loop, w);
}

void
conn_resume(struct server *s)
{
	ev_idle_start(s->loop, &s->conns->resume);
}

/* --- ending --- */

void
conn_note_close(struct conn *c, unsigned code, struct slice reason)
{
	/* What was only planned for later does not count. */
	if (c->close_code && !c->later_us)
		return;
	c->later_us = 0;
	free(c->close_reason);
	if (reason.n > CLOSE_REASON) {
		/* Not inside a character. */
		reason.n = CLOSE_REASON;
		while (reason.n && !utf8_valid(reason))
			reason.n--;
	}
	c->close_code = (uint16_t)code;
	c->close_reason = reason.n ? mem_copy(reason.p, reason.n) : NULL;
}

void
conn_retire(struct conn *c)
{
	struct server *s = c->server;

	if (c->closing)
		return;
	c->closing = true;
	if (c->admitted)
		s->conns->open--;
	access_forget(c);
	inbox_forget(c);
	room_leave_all(c);
	send_unblock(c);
}

void
conn_close(struct conn *c, unsigned code, struct slice reason)
{
	if (c->closing)
		return;
	send_flush(c->server);
	if (c->closing)
		return;
	conn_note_close(c, code, reason);
	conn_retire(c);
	c->end_us = server_now_us(c->server) + CONN_CLOSE_MS * 1000;
	conn_set_timer(c);
	lws_callback_on_writable(c->wsi);
}

void
conn_close_later(struct conn *c, int64_t within_ms, unsigned code, struct slice reason)
{
	int64_t now = server_now_us(c->server);
	uint32_t random = 0;

	/* A drain has less time than what was planned before may take. */
	if (c->closing || (c->later_us && c->later_us <= now + within_ms * 1000))
		return;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	conn_note_close(c, code, reason);
	c->later_us = now + (int64_t)((double)within_ms * 1000 * random / UINT32_MAX);
	conn_set_timer(c);
}

void
conn_parked(struct conn *c, bool on)
{
	if (!on) {
		/* Nobody is ended for silence while it was not listened to. */
		c->ping_out = false;
		c->ping_us = c->seen_us = server_now_us(c->server);
	}
	if (!c->closing)
		conn_set_timer(c);
}

void
conn_abandon(struct conn *c, unsigned code, struct slice reason)
{
	send_flush(c->server);
	send_forget(c);
	conn_close(c, code, reason);
}

/* Without a close frame, from outside of its callback. */
void
conn_kill(struct conn *c)
{
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	conn_kick(c->server);
}

void
conn_cut(struct conn *c, const char *reason)
{
	conn_note_close(c, 1006, slice_str(reason));
	conn_retire(c);
	send_forget(c);
	conn_kill(c);
}

/* --- beginning --- */

struct conn *
conn_new(struct server *s, const struct endpoint *endpoint, struct slice remote, struct slice path)
{
	struct conns *x = s->conns;
	size_t strings = remote.n + 1 + path.n + 1;
	struct conn *c = mem_zero(1, sizeof(*c) + strings);

	c->server = s;
	c->number = ++x->number;
	c->endpoint = endpoint;
	memcpy(c->remote, remote.p, remote.n);
	c->path = c->remote + remote.n + 1;
	memcpy(c->remote + remote.n + 1, path.p, path.n);
	c->opened_us = c->seen_us = c->ping_us = server_now_us(s);
	c->prev = x->last;
	if (x->last)
		x->last->next = c;
	else
		x->first = c;
	x->last = c;
	x->count++;
	table_add(&x->table, number_hash(c->number), c);
	return c;
}

void
conn_free(struct conn *c)
{
	struct conns *x = c->server->conns;

	conn_retire(c);
	c->in_lws = 0;
	send_forget(c);
	wheel_clear(&c->timer);
	peers_left(c->server->peers, c->peer);
	table_remove(&x->table, number_hash(c->number), c);
	if (c->prev)
		c->prev->next = c->next;
	else
		x->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		x->last = c->prev;
	x->count--;
	identity_free(&c->id);
	free(c->close_reason);
	free(c);
}

void
conn_opened(struct conn *c)
{
	c->admitted = true;
	c->server->conns->open++;
	c->server->counters.opened++;
	conn_set_timer(c);
}

/* How it ended, when nothing that we did says so: lws closes by itself what breaks the
 * protocol, and keeps what it put into the close frame. */
static void
note_end(struct conn *c)
{
	unsigned code = 1006;
	struct slice reason;

	if ((!c->close_code || c->later_us) && lws_get_close_length(c->wsi) >= 2)
		code = frame_close(slice_of((char *)lws_get_close_payload(c->wsi),
		    (size_t)lws_get_close_length(c->wsi)), &reason);
	if (code == 1007)
		c->server->counters.bad_utf8++;
	conn_note_close(c, code ? code : 1006, code == 1007 ? S("invalid UTF-8")
		: code == 1002 ? S("protocol error") : S("connection lost"));
}

static void
ending(struct conn *c)
{
	note_end(c);
	conn_retire(c);
	send_forget(c);
}

/* The end: it is reported and forgotten. */
static void
closed(struct conn *c)
{
	struct server *s = c->server;

	ending(c);
	c->wsi = NULL;
	if (c->admitted) {
		s->counters.closed++;
		if (event_wanted(s, EVENT_CLOSE)) {
			struct buf *b = event_begin(s, EVENT_CLOSE);
			int64_t tenths = (server_now_us(s) - c->opened_us) / 100000;

			conn_put_who(b, c);
			js_put_member_int(b, "code", c->close_code);
			if (c->close_reason)
				js_put_member(b, "reason", slice_str(c->close_reason));
			js_put_key(b, "seconds");
			buf_fmt(b, "%lld.%lld", (long long)tenths / 10, (long long)tenths % 10);
			js_put_member_int(b, "received", (int64_t)c->received);
			js_put_member_int(b, "sent", (int64_t)c->sent);
			js_put_member_int(b, "dropped", (int64_t)c->dropped);
			event_end(s, c, slice_of("", 0));
		}
	}
	if (!c->entering)
		conn_free(c);
	life_conn_gone(s);
}

/* --- what lws says --- */

/* The peer ends it. What it says is checked: lws answers codes with their like. */
static int
peer_closes(struct conn *c, const char *p, size_t n)
{
	struct slice reason;
	unsigned code = frame_close(slice_of(p, n), &reason);

	if (!code) {
		conn_note_close(c, 1002, S("bad close frame"));
		conn_retire(c);
		lws_close_reason(c->wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL, 0);
		return -1;
	}
	conn_note_close(c, code, reason);
	conn_retire(c);
	/* Nothing but the echo may follow. */
	send_forget(c);
	return 0;
}

static int
writable(struct conn *c)
{
	c->seen_us = server_now_us(c->server);
	if (send_writable(c) < 0) {
		conn_note_close(c, 1006, S("connection lost"));
		return -1;
	}
	if (c->closing && !c->first && !c->in_lws && c->close_code != 1006) {
		size_t n = c->close_reason ? strlen(c->close_reason) : 0;

		lws_close_reason(c->wsi, (enum lws_close_status)c->close_code,
		    (unsigned char *)c->close_reason, n);
		return -1;
	}
	return 0;
}

static void
pong(struct conn *c, const char *p, size_t n)
{
	struct counters *counters = &c->server->counters;
	uint32_t sent_ms, now_ms = (uint32_t)(server_now_us(c->server) / 1000);

	c->seen_us = server_now_us(c->server);
	if (!c->ping_out || n != sizeof(sent_ms))
		return;
	c->ping_out = false;
	memcpy(&sent_ms, p, sizeof(sent_ms));
	if (now_ms - sent_ms < 3600000) {
		c->rtt_us = (uint32_t)(c->seen_us - c->ping_us);
		counters->rtt_count++;
		counters->rtt_us += c->rtt_us;
	}
	conn_set_timer(c);
}

int
conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct conn *c = reason == LWS_CALLBACK_ESTABLISHED ? NULL : lws_get_opaque_user_data(wsi);

	(void)user;
	switch (reason) {
	case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
	case LWS_CALLBACK_FILTER_HTTP_CONNECTION:
		return door_admitting() ? 0 : -1;
	case LWS_CALLBACK_ADD_HEADERS:
		return door_add_headers(in);
	case LWS_CALLBACK_ESTABLISHED:
		c = door_admitting();
		c->wsi = wsi;
		c->fd = lws_get_socket_fd(wsi);
		lws_set_opaque_user_data(wsi, c);
		/* Without a user pointer there is no DROP_PROTOCOL. */
		lws_set_wsi_user(wsi, c);
		return 0;
	case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
		/* lws begins to close, by itself or for us: nothing may follow its close
		 * frame, though CLOSED comes only when the peer has answered. */
		if (c)
			ending(c);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return c ? inbox_piece(c, in, len) : -1;
	case LWS_CALLBACK_RECEIVE_PONG:
		if (c)
			pong(c, in, len);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return c ? writable(c) : 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return c ? peer_closes(c, in, len) : 0;
	case LWS_CALLBACK_CLOSED:
		if (c)
			closed(c);
		return 0;
	case LWS_CALLBACK_HTTP:
		return -1;
	default:
		return 0;
	}
}

/* --- all of them --- */

void
conns_new(struct server *s)
{
	struct conns *x = s->conns = mem_zero(1, sizeof(*x));

	x->server = s;
	wheel_init(&x->wheel, server_now_us(s));
	ev_timer_init(&x->tick, on_tick, 0., 0.);
	ev_prepare_init(&x->turn, on_turn);
	ev_idle_init(&x->resume, on_resume);
	/* Each turn: libev has idle watchers of lower priority wait for an idle loop. */
	ev_set_priority(&x->resume, EV_MAXPRI);
	/* Before the flush of stdout, for which this may make events. */
	ev_set_priority(&x->turn, EV_MAXPRI);
	x->tick.data = x->turn.data = x->resume.data = x;
	ev_prepare_start(s->loop, &x->turn);
}

void
conns_free(struct server *s)
{
	struct conns *x = s->conns;

	while (x->first)
		conn_free(x->first);
	ev_timer_stop(s->loop, &x->tick);
	ev_prepare_stop(s->loop, &x->turn);
	ev_idle_stop(s->loop, &x->resume);
	table_free(&x->table);
	free(x);
	s->conns = NULL;
}
