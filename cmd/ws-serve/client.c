#include "client.h"

#include <stdlib.h>

#include "access.h"
#include "bucket.h"
#include "conn.h"
#include "conn_end.h"
#include "events.h"
#include "inbox.h"
#include "member.h"
#include "rec.h"
#include "reply.h"
#include "room.h"
#include "rules.h"
#include "send.h"
#include "server.h"

enum { NAMES = 256 }; /* rooms that one request may name */

/* A request as it was understood. */
struct request {
	struct slice text, type;
	struct js_member m[REC_MEMBERS];
	int n;
	struct slice correlation, id; /* JSON values, empty: none */
	struct slice rooms;           /* the value that names rooms: a string or an array */
	bool several;                 /* it is a list */
	bool crowded;                 /* more members than m holds; then m is empty */
	struct buf scratch;           /* holds decoded strings */
};

static void
answer_error(struct conn *c, const struct request *r, enum code code, const char *message,
    struct slice room)
{
	reply_error(c, code, slice_str(message), room, r->correlation, r->id);
}

/* A message against the protocol: told, reported, counted; too many end it. */
static void
invalid(struct conn *c, const struct request *r, const char *reason, bool broken)
{
	struct server *s = c->server;

	s->counters.invalid++;
	answer_error(c, r, CODE_INVALID_MESSAGE, reason, slice_of("", 0));
	reply_report(c, EVENT_INVALID, slice_of("", 0), code_name(CODE_INVALID_MESSAGE), reason);
	if (++c->invalid > s->config->max_invalid)
		conn_close(c, broken ? 1007 : 4008, S("too many invalid messages"));
}

static void
denied(struct conn *c, const struct request *r, enum code code, const char *reason,
    struct slice room)
{
	c->server->counters.denied++;
	answer_error(c, r, code, reason, room);
	reply_report(c, EVENT_DENIED, room, code_name(code), reason);
}

static void
emit_message(struct conn *c, struct slice text, bool binary, struct slice room)
{
	struct server *s = c->server;
	struct buf *b;

	if (!event_wanted(s, EVENT_MESSAGE))
		return;
	b = event_begin(s, EVENT_MESSAGE);
	conn_put_who(b, c);
	if (room.n)
		js_put_member(b, "room", room);
	/* Known to be valid JSON: no need to look again. */
	if (!binary && s->config->payload == REC_AUTO)
		js_put_member_raw(b, "data", slice_trim(text));
	else
		rec_put_payload(b, text, (enum rec_form)s->config->payload, binary);
	event_end(s, c, room);
}

/* Find what names rooms: one of four members, at the top level or under `payload`.
 * NULL, or what is wrong. */
static const char *
find_rooms(struct request *r)
{
	struct slice key, value;
	int found = 0;

	for (int i = 0; i < r->n; i++) {
		if (spell_names_rooms(r->m[i].key)) {
			r->rooms = r->m[i].val;
			found++;
		}
		if (!js_key_is(r->m[i].key, S("payload")) || js_type(r->m[i].val) != JS_OBJECT)
			continue;
		for (struct js_walk w = js_walk(r->m[i].val); js_next(&w, &key, &value);) {
			if (!spell_names_rooms(key))
				continue;
			r->rooms = value;
			found++;
		}
	}
	if (found > 1)
		return "more than one of channel, channels, room and topic";
	return NULL;
}

/* The names in r->rooms. Returns their number, -1 with *why when one is no string or
 * there are too many. */
static int
room_names(struct request *r, struct slice *names, const char **why)
{
	struct slice key, value;
	size_t at[NAMES], length[NAMES];
	int n = 0;

	if (js_type(r->rooms) == JS_STRING) {
		names[0] = js_text(r->rooms, &r->scratch);
		return 1;
	}
	r->several = true;
	*why = "a room is not a string";
	if (js_type(r->rooms) != JS_ARRAY)
		return -1;
	/* The scratch buffer may move while names are decoded into it: offsets first. */
	for (struct js_walk w = js_walk(r->rooms); js_next(&w, &key, &value); n++) {
		struct slice name;

		if (n == NAMES) {
			*why = "too many rooms in one request";
			return -1;
		}
		if (js_type(value) != JS_STRING)
			return -1;
		name = js_text(value, &r->scratch);
		if (name.p >= r->text.p && name.p < r->text.p + r->text.n) {
			names[n] = name;
			at[n] = SIZE_MAX;
		} else {
			at[n] = r->scratch.n - name.n;
			length[n] = name.n;
		}
	}
	for (int i = 0; i < n; i++)
		if (at[i] != SIZE_MAX)
			names[i] = slice_of(r->scratch.p + at[i], length[i]);
	*why = "no room is named";
	return n ? n : -1;
}

static void
too_fast(struct conn *c, struct slice correlation, struct slice id)
{
	c->server->counters.rate_limited++;
	reply_error(c, CODE_RATE_LIMIT_EXCEEDED, S("too many messages"), slice_of("", 0),
	    correlation, id);
	conn_close(c, 4008, S("rate limit exceeded"));
}

static void
subscribe(struct conn *c, struct request *r, bool on)
{
	struct slice names[NAMES], granted[NAMES];
	const char *why = find_rooms(r);
	uint32_t done = 0;
	int n;

	if (!why && !r->rooms.n)
		why = "no room is named";
	if (why) {
		invalid(c, r, why, false);
		return;
	}
	n = room_names(r, names, &why);
	if (n < 0) {
		invalid(c, r, why, false);
		return;
	}
	/* The request itself has been paid for. */
	if (n > 1 && !bucket_take(&c->rate, &c->server->config->message_rate, n - 1,
	    server_now_us(c->server))) {
		too_fast(c, r->correlation, r->id);
		return;
	}
	for (int i = 0; i < n && !c->closing; i++) {
		enum code code = CODE_INVALID_ROOM;
		bool fresh;

		why = NULL;
		if (on)
			why = member_join(c, names[i], &code, &fresh);
		else if (!member_leave(c, names[i]) && !topic_is_pattern(names[i]))
			why = topic_name_error(names[i]);
		if (why)
			denied(c, r, code, why, names[i]);
		else
			granted[done++] = names[i];
	}
	if (done)
		reply_rooms(c, on ? "subscribed" : "unsubscribed", granted, done, r->several,
		    r->correlation, r->id);
}

/* True when c is in the room by name or by a pattern; *list gets the room (if it is there)
 * and the patterns that match it. */
static bool
membership(struct conn *c, struct slice name, struct room_list *list)
{
	list->n = 0;
	room_list_named(list, c->server, name);
	for (uint32_t i = 0; i < list->n; i++)
		if (room_has(list->v[i], c))
			return true;
	return false;
}

/* True for the members of a relayed message that are ours to say. */
static bool
ours(struct slice key)
{
	return spell_names_rooms(key) || spell_names_sender(key) || js_key_is(key, S("type")) ||
	    js_key_is(key, S("eventType"));
}

static void
relay(struct conn *c, const struct request *r, struct slice room, const struct room_list *list)
{
	static struct buf relayed;
	struct server *s = c->server;
	const struct spelling *done[8];
	uint32_t spelled = 0;
	bool several = false;

	for (int e = 1; e < s->endpoint_count; e++)
		several = several || s->endpoints[e].spelling != s->endpoints[0].spelling;
	for (int e = 0; e < s->endpoint_count; e++) {
		const struct spelling *spelling = s->endpoints[e].spelling;
		const char *skip = NULL;
		char now[25];
		bool again = false;

		for (uint32_t i = 0; i < spelled; i++)
			again = again || done[i] == spelling;
		if (again || spelled == sizeof(done) / sizeof(*done))
			continue;
		done[spelled++] = spelling;
		spell_begin(&relayed, "message");
		spelling->relay(&relayed, room, r->m, r->n, &skip);
		if (spelling->relay_extra) {
			buf_byte(&relayed, ',');
			buf_str(&relayed, spelling->relay_extra);
		}
		if (c->id.user)
			js_put_member(&relayed, "from", conn_user(c));
		else
			js_put_member_raw(&relayed, "from", S("null"));
		js_put_key(&relayed, "conn");
		buf_byte(&relayed, '"');
		conn_put_id(&relayed, c);
		buf_byte(&relayed, '"');
		for (int i = 0; i < r->n; i++) {
			if (ours(r->m[i].key) || (skip && js_key_is(r->m[i].key, slice_str(skip))))
				continue;
			buf_add(&relayed, ",\"", 2);
			buf_slice(&relayed, r->m[i].key);
			buf_add(&relayed, "\":", 2);
			js_put_flat(&relayed, r->m[i].val);
		}
		server_timestamp(now);
		js_put_member(&relayed, "timestamp", slice_of(now, 24));
		buf_byte(&relayed, '}');
		send_union(s, list->v, list->n, &c, 1, several ? spelling : NULL,
		    &(struct message){ .body = buf_view(&relayed) });
	}
}

static void
publish(struct conn *c, struct request *r)
{
	static struct room_list list; /* kept for the next one */
	struct rules_identity id = conn_rules_identity(c);
	struct rules_answer a;
	struct slice room;

	if (js_type(r->rooms) != JS_STRING) {
		invalid(c, r, "a message is for one room", false);
		return;
	}
	room = js_text(r->rooms, &r->scratch);
	a = rules_ask(c->server->rules, room, &id);
	if (a.verdict != RULES_GRANTED) {
		denied(c, r, member_refusal(a.verdict), a.reason ? a.reason : "not allowed", room);
		return;
	}
	if (!membership(c, room, &list) || !a.publish) {
		denied(c, r, CODE_AUTHORIZATION_FAILED,
		    a.publish ? "only members may send to it" : "sending to it is not allowed", room);
		return;
	}
	emit_message(c, r->text, false, room);
	if (a.relay)
		relay(c, r, room, &list);
}

/* Something else than an auth message with a token, from a client that has to send one. */
static void
turn_away(struct conn *c, const struct request *r, const char *message)
{
	answer_error(c, r, CODE_AUTHENTICATION_FAILED, message, slice_of("", 0));
	access_turned_away(c, "authentication required");
}

static void
authenticate(struct conn *c, struct request *r)
{
	struct slice token = js_pick(r->m, r->n, S("token"));

	if (!token.n)
		token = js_get(js_pick(r->m, r->n, S("payload")), S("token"));
	if (js_type(token) != JS_STRING && c->waiting_auth) {
		turn_away(c, r, "token is not a string");
		return;
	}
	if (js_type(token) != JS_STRING) {
		invalid(c, r, "token is not a string", false);
		return;
	}
	access_auth_message(c, js_text(token, &r->scratch), r->correlation, r->id);
}

enum request_kind { REQUEST_OTHER, REQUEST_PING, REQUEST_AUTH, REQUEST_SUBSCRIBE,
	REQUEST_UNSUBSCRIBE, REQUEST_MESSAGE };

static enum request_kind
kind_of(struct slice type)
{
	static const char *const names[] = { "", "ping", "auth", "subscribe", "unsubscribe",
		"message" };

	for (int i = REQUEST_PING; i <= REQUEST_MESSAGE; i++)
		if (slice_is(type, names[i]))
			return (enum request_kind)i;
	return REQUEST_OTHER;
}

/* True when an event that this request may cause would have to wait. */
static bool
must_wait(const struct conn *c, enum request_kind kind)
{
	const struct server *s = c->server;

	switch (kind) {
	case REQUEST_PING:
	case REQUEST_AUTH:
		return false;
	case REQUEST_SUBSCRIBE:
		return event_must_wait(s, EVENT_JOIN) || event_must_wait(s, EVENT_DENIED);
	case REQUEST_UNSUBSCRIBE:
		return event_must_wait(s, EVENT_LEAVE);
	default:
		return event_must_wait(s, EVENT_MESSAGE) || event_must_wait(s, EVENT_DENIED);
	}
}

/* Understand the message. NULL, or what is wrong; *broken: it is no JSON at all. */
static const char *
understand(struct request *r, struct slice text, bool *broken)
{
	struct js_error e;
	struct slice type;

	r->text = text;
	r->n = js_object(text, r->m, REC_MEMBERS, &e);
	if (r->n >= 0) {
		r->correlation = js_pick(r->m, r->n, S("correlationId"));
		r->id = js_pick(r->m, r->n, S("id"));
		type = js_pick(r->m, r->n, S("type"));
	} else {
		r->n = 0;
		text = slice_trim(text);
		*broken = !js_valid(text, NULL);
		if (*broken || js_type(text) != JS_OBJECT)
			return e.why;
		/* Too many members. Of a type that is none of ours all are welcome. */
		r->crowded = true;
		r->correlation = js_get(text, S("correlationId"));
		r->id = js_get(text, S("id"));
		type = js_get(text, S("type"));
	}
	if (!type.n)
		return "type is missing";
	if (js_type(type) != JS_STRING)
		return "type is not a string";
	r->type = js_text(type, &r->scratch);
	return NULL;
}

static void
handle(struct conn *c, struct request *r, enum request_kind kind)
{
	const char *why;

	switch (kind) {
	case REQUEST_PING:
		reply_pong(c, r->correlation, r->id);
		return;
	case REQUEST_AUTH:
		authenticate(c, r);
		return;
	case REQUEST_SUBSCRIBE:
	case REQUEST_UNSUBSCRIBE:
		subscribe(c, r, kind == REQUEST_SUBSCRIBE);
		return;
	case REQUEST_MESSAGE:
		if ((why = find_rooms(r)))
			invalid(c, r, why, false);
		else if (r->rooms.n)
			publish(c, r);
		else
			emit_message(c, r->text, false, slice_of("", 0));
		return;
	case REQUEST_OTHER:
		emit_message(c, r->text, false, slice_of("", 0));
	}
}

void
client_message(struct conn *c, struct slice text, bool binary)
{
	static struct request r;
	struct server *s = c->server;
	struct buf scratch = r.scratch;
	const char *why = NULL;
	enum request_kind kind = REQUEST_OTHER;
	bool broken = false;

	/* The buffer is kept from one request to the next. */
	r.correlation = r.id = r.rooms = r.type = slice_of("", 0);
	r.several = r.crowded = false;
	r.n = 0;
	buf_clear(&scratch);
	r.scratch = scratch;
	if (c->ask) {
		/* What it may say depends on the answer. */
		inbox_park(c);
		return;
	}
	if (!binary) {
		why = understand(&r, text, &broken);
		if (!why)
			kind = kind_of(r.type);
		if (r.crowded && kind != REQUEST_OTHER)
			why = "too many members";
	}
	if (why ? event_must_wait(s, EVENT_INVALID) : must_wait(c, kind)) {
		inbox_park(c);
		return;
	}
	if (!bucket_take(&c->rate, &s->config->message_rate, 1, server_now_us(s))) {
		too_fast(c, r.correlation, r.id);
		return;
	}
	if (c->waiting_auth && (why || kind != REQUEST_AUTH)) {
		turn_away(c, &r, "the first message must be auth");
		return;
	}
	if (binary) {
		r.text = text;
		emit_message(c, text, true, slice_of("", 0));
	} else if (why) {
		invalid(c, &r, why, broken);
	} else {
		handle(c, &r, kind);
	}
}
