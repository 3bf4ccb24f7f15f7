#include "member.h"

#include "conn.h"
#include "events.h"
#include "reply.h"
#include "room.h"
#include "server.h"

static void
say_room(struct conn *c, const char *type, struct slice room)
{
	reply_rooms(c, type, &room, 1, false, slice_of("", 0), slice_of("", 0));
}

static struct rules_answer
ask_rules(const struct conn *c, struct slice room, struct topic **topic)
{
	struct rules_identity id = conn_rules_identity(c);
	struct rules_answer a = { .verdict = RULES_INVALID_ROOM };

	*topic = NULL;
	if (!topic_is_pattern(room))
		return rules_ask(c->server->rules, room, &id);
	*topic = topic_compile(room, TOPIC_ROOM, &a.reason);
	return *topic ? rules_ask_pattern(c->server->rules, *topic, &id) : a;
}

enum code
member_refusal(enum rules_verdict v)
{
	return v == RULES_INVALID_ROOM ? CODE_INVALID_ROOM : CODE_AUTHORIZATION_FAILED;
}

const char *
member_join(struct conn *c, struct slice room, enum code *code, bool *fresh)
{
	const struct config *config = c->server->config;
	struct topic *topic;
	struct rules_answer a = ask_rules(c, room, &topic);
	enum room_kind kind = topic ? ROOM_PATTERN : ROOM_NAMED;
	struct room *r;
	bool full;

	*fresh = false;
	if (a.verdict != RULES_GRANTED) {
		topic_free(topic);
		*code = member_refusal(a.verdict);
		return a.reason ? a.reason : "not allowed";
	}
	r = room_find(c->server, kind, room);
	if (r && room_has(r, c)) {
		topic_free(topic);
		return NULL;
	}
	full = topic ? c->patterns >= config->max_patterns : c->rooms >= config->max_rooms;
	if (full) {
		topic_free(topic);
		*code = CODE_INVALID_ROOM;
		return kind == ROOM_PATTERN ? "too many patterns" : "too many rooms";
	}
	*fresh = room_join(c, kind, room, topic);
	if (*fresh) {
		c->server->counters.joins++;
		reply_report(c, EVENT_JOIN, room, NULL, NULL);
	}
	return NULL;
}

bool
member_leave(struct conn *c, struct slice name)
{
	enum room_kind kind = topic_is_pattern(name) ? ROOM_PATTERN : ROOM_NAMED;
	struct room *r = room_find(c->server, kind, name);

	/* The name may stand in the room itself, which may be gone then. */
	if (!r || !room_has(r, c))
		return false;
	reply_report(c, EVENT_LEAVE, name, NULL, NULL);
	c->server->counters.leaves++;
	return room_leave(c, r);
}

const char *
member_add(struct conn *c, struct slice room)
{
	enum code code;
	bool fresh;
	const char *why = member_join(c, room, &code, &fresh);

	if (fresh)
		say_room(c, "subscribed", room);
	return why;
}

void
member_remove(struct conn *c, struct slice room)
{
	if (member_leave(c, room))
		say_room(c, "unsubscribed", room);
}

struct auto_join {
	struct conn *conn;
	bool tell;
};

static void
join_auto(void *ctx, struct slice room)
{
	struct auto_join *a = ctx;

	if (!room_join(a->conn, ROOM_NAMED, room, NULL))
		return;
	room_find(a->conn->server, ROOM_NAMED, room)->automatic = true;
	if (a->tell) {
		a->conn->server->counters.joins++;
		reply_report(a->conn, EVENT_JOIN, room, NULL, NULL);
		say_room(a->conn, "subscribed", room);
	}
}

void
member_join_auto(struct conn *c, bool tell)
{
	struct rules_identity id = conn_rules_identity(c);

	rules_auto(c->server->rules, &id, join_auto, &(struct auto_join){ c, tell });
}

void
member_recheck(struct conn *c)
{
	struct buf name = { 0 };

	/* Leaving moves the last seat into the gap, which was looked at already. */
	for (uint32_t i = c->seat_count; i-- > 0;) {
		struct room *r = c->seats[i].room;
		struct topic *topic;
		struct rules_answer a;

		if (r->kind != ROOM_NAMED && r->kind != ROOM_PATTERN)
			continue;
		a = ask_rules(c, room_name(r), &topic);
		topic_free(topic);
		if (a.verdict == RULES_GRANTED)
			continue;
		buf_clear(&name);
		buf_slice(&name, room_name(r));
		member_remove(c, buf_view(&name));
	}
	buf_free(&name);
	member_join_auto(c, true);
}
