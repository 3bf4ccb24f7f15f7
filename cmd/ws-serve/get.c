#include "get.h"

#include <stddef.h>
#include <stdlib.h>

#include "command.h"
#include "conn.h"
#include "control.h"
#include "counters.h"
#include "events.h"
#include "handler.h"
#include "mem.h"
#include "room.h"
#include "send.h"
#include "server.h"

/* A question in hand: the members of the line that say what is asked for. */
struct question {
	struct server *server;
	struct slice room, conn, user, after; /* empty: not there */
	int64_t limit;
	struct buf scratch;
};

/* --- one of each --- */

static void
put_names(struct buf *b, const char *member, const struct conn *c, enum room_kind kind)
{
	js_put_key(b, member);
	buf_byte(b, '[');
	for (uint32_t i = 0; i < c->seat_count; i++) {
		const struct room *r = c->seats[i].room;

		if (r->kind != kind)
			continue;
		if (b->p[b->n - 1] != '[')
			buf_byte(b, ',');
		js_put_string(b, room_name(r));
	}
	buf_byte(b, ']');
}

static void
put_seconds(struct buf *b, const char *member, int64_t us)
{
	js_put_key(b, member);
	buf_fmt(b, "%.1f", (double)us / 1e6);
}

void
get_put_connection(struct buf *b, const struct conn *c)
{
	conn_put_who(b, c);
	js_put_member(b, "remote", slice_str(c->remote));
	js_put_member(b, "path", slice_str(c->path));
	put_seconds(b, "seconds", server_now_us(c->server) - c->opened_us);
	put_names(b, "rooms", c, ROOM_NAMED);
	put_names(b, "patterns", c, ROOM_PATTERN);
	js_put_member_int(b, "received", (int64_t)c->received);
	js_put_member_int(b, "sent", (int64_t)c->sent);
	js_put_member_int(b, "dropped", (int64_t)c->dropped);
	js_put_member_int(b, "queued", (int64_t)c->queued);
}

static void
put_room(struct buf *b, const struct room *r)
{
	js_put_member(b, "room", room_name(r));
	js_put_member_int(b, "members", r->count);
}

/* --- lists --- */

static void
open_item(struct buf *b)
{
	if (b->p[b->n - 1] != '[')
		buf_byte(b, ',');
	buf_byte(b, '{');
}

static void
end_list(struct buf *b, bool more)
{
	buf_byte(b, ']');
	if (more)
		js_put_member_raw(b, "more", S("true"));
}

static int
compare(struct slice x, struct slice y)
{
	size_t n = x.n < y.n ? x.n : y.n;
	int order = n ? memcmp(x.p, y.p, n) : 0;

	return order ? order : (x.n > y.n) - (x.n < y.n);
}

static int
by_name(const void *a, const void *b)
{
	return compare(room_name(*(const struct room *const *)a),
	    room_name(*(const struct room *const *)b));
}

const struct room **
get_rooms_after(const struct server *s, struct slice after, size_t *n)
{
	const struct room **list = mem_alloc((room_count(s) + 1) * sizeof(*list));

	*n = 0;
	for (const struct room *r = room_first(s); r; r = r->next)
		if (compare(room_name(r), after) > 0)
			list[(*n)++] = r;
	qsort(list, *n, sizeof(*list), by_name);
	return list;
}

static const char *
get_rooms(struct question *q, struct buf *b)
{
	size_t n, i = 0, start = b->n;
	const struct room **list = get_rooms_after(q->server, q->after, &n);

	js_put_key(b, "rooms");
	buf_byte(b, '[');
	for (; i < n && (int64_t)i < q->limit && b->n - start < GET_BYTES; i++) {
		open_item(b);
		put_room(b, list[i]);
		buf_byte(b, '}');
	}
	end_list(b, i < n);
	free(list);
	return NULL;
}

/* The members of a room, in pages by position: a list that changes all the time has no
 * better order. */
static const char *
get_room(struct question *q, struct buf *b)
{
	const struct room *r = room_find(q->server, ROOM_NAMED, q->room);
	size_t start = b->n;
	uint32_t i = 0;

	if (!q->room.n)
		return "room is missing";
	if (!r)
		return "no such room";
	put_room(b, r);
	js_put_key(b, "connections");
	buf_byte(b, '[');
	for (; i < r->count && i < q->limit && b->n - start < GET_BYTES; i++) {
		open_item(b);
		conn_put_who(b, r->members[i].conn);
		buf_byte(b, '}');
	}
	end_list(b, i < r->count);
	return NULL;
}

bool
get_conns_after(const struct server *s, struct slice after, const struct conn **first)
{
	const struct conn *c = conn_find(s, after);
	size_t dash = slice_find(after, '-');
	int64_t number;

	*first = c ? c->next : conn_first(s);
	if (c || !after.n)
		return true;
	if (dash == after.n || !js_int(slice_from(after, dash + 1), &number) || number < 0)
		return false;
	/* The list is in the order of the numbers, so a page can also begin behind one that
	 * has left meanwhile. */
	while (*first && (*first)->number <= (uint64_t)number)
		*first = (*first)->next;
	return true;
}

static const char *
get_connections(struct question *q, struct buf *b)
{
	const struct conn *c;
	size_t start = b->n;
	int64_t n = 0;

	if (!get_conns_after(q->server, q->after, &c))
		return "after is no connection";
	js_put_key(b, "connections");
	buf_byte(b, '[');
	for (; c; c = c->next) {
		if (!c->admitted || c->closing || (q->user.n && !slice_eq(q->user, conn_user(c))))
			continue;
		if (n++ == q->limit || b->n - start >= GET_BYTES)
			break;
		open_item(b);
		get_put_connection(b, c);
		buf_byte(b, '}');
	}
	end_list(b, c != NULL);
	return NULL;
}

static const char *
get_connection(struct question *q, struct buf *b)
{
	const struct conn *c = conn_find(q->server, q->conn);

	if (!q->conn.n)
		return "conn is missing";
	if (!c)
		return "no such connection";
	js_put_key(b, "connection");
	buf_byte(b, '{');
	get_put_connection(b, c);
	buf_byte(b, '}');
	return NULL;
}

/* --- numbers --- */

struct number {
	const char *name;
	size_t offset;
};

#define COUNTER(name) { #name, offsetof(struct counters, name) }
static const struct number counters[] = {
	COUNTER(opened), COUNTER(closed), COUNTER(received), COUNTER(received_bytes), COUNTER(sent),
	COUNTER(sent_bytes), COUNTER(dropped), COUNTER(slow), COUNTER(commands),
	COUNTER(command_errors), COUNTER(bad_lines), COUNTER(joins), COUNTER(leaves), COUNTER(denied),
	COUNTER(invalid), COUNTER(rate_limited), COUNTER(too_big),
	COUNTER(unfinished), COUNTER(bad_utf8),
	COUNTER(ping_timeouts), COUNTER(expired), COUNTER(refused), COUNTER(auth_asked),
	COUNTER(auth_refused), COUNTER(auth_timeouts), COUNTER(auth_restarts), COUNTER(events),
	COUNTER(events_dropped), COUNTER(parked), COUNTER(held), COUNTER(reloads),
	COUNTER(reload_errors),
};

static const char *
get_stats(struct question *q, struct buf *b)
{
	struct server *s = q->server;
	struct control_stats control = control_stats(s);

	js_put_key(b, "stats");
	buf_byte(b, '{');
	js_put_member(b, "node", slice_str(s->node));
	put_seconds(b, "uptime", server_now_us(s));
	js_put_member_int(b, "connections", (int64_t)conn_count(s));
	js_put_member_int(b, "rooms", (int64_t)room_count(s));
	js_put_member_int(b, "users", (int64_t)room_user_count(s));
	js_put_member_int(b, "queued", (int64_t)send_queued(s));
	js_put_member_int(b, "events_waiting", (int64_t)event_pending(s));
	js_put_member_int(b, "control_peers", (int64_t)control.peers);
	js_put_member_int(b, "control_dropped", (int64_t)control.dropped);
	js_put_member_int(b, "handler_lost", (int64_t)handler_lost(s));
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		js_put_member_int(b, counters[i].name,
		    (int64_t)*(uint64_t *)((char *)&s->counters + counters[i].offset));
	buf_byte(b, '}');
	return NULL;
}

#define LIMIT(name) { #name, offsetof(struct config, name) }
static const struct number limits[] = {
	{ "max_connections_per_ip", offsetof(struct config, max_per_ip) },
	LIMIT(max_handshakes), LIMIT(max_message),
	LIMIT(max_rooms), LIMIT(max_patterns), LIMIT(max_invalid), LIMIT(max_line),
	LIMIT(client_queue), LIMIT(queue_total), LIMIT(ping_interval_ms), LIMIT(ping_timeout_ms),
	LIMIT(auth_timeout_ms), LIMIT(drain_ms),
};

static void
put_rate(struct buf *b, const char *name, const struct num_rate *r)
{
	js_put_key(b, name);
	if (r->count)
		buf_fmt(b, "\"%lld/%lldms:%lld\"", (long long)r->count, (long long)r->per_ms,
		    (long long)r->burst);
	else
		buf_str(b, "null");
}

static const char *
get_limits(struct question *q, struct buf *b)
{
	static const char *const slow[] = { "close", "drop", "block" };
	const struct config *config = q->server->config;

	js_put_key(b, "limits");
	buf_byte(b, '{');
	/* Asked for, or what the descriptors allow. */
	js_put_member_int(b, "max_connections", q->server->max_connections);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		js_put_member_int(b, limits[i].name,
		    *(const int64_t *)((const char *)config + limits[i].offset));
	put_rate(b, "connect_rate", &config->connect_rate);
	put_rate(b, "message_rate", &config->message_rate);
	js_put_member(b, "slow", slice_str(slow[config->slow]));
	if (config->slow == SLOW_BLOCK)
		js_put_member_int(b, "slow_block_ms", config->block_ms);
	buf_byte(b, '}');
	return NULL;
}

/* --- the verb --- */

/* A member that is a string; false when it is something else. */
static bool
text_member(struct question *q, const struct js_member *m, int n, const char *name,
    struct slice *text)
{
	struct slice value = js_pick(m, n, slice_str(name));

	*text = slice_of("", 0);
	if (!value.n)
		return true;
	if (js_type(value) != JS_STRING)
		return false;
	*text = js_text(value, &q->scratch);
	return true;
}

static const struct {
	const char *name;
	const char *(*get)(struct question *q, struct buf *b);
} questions[] = {
	{ "stats", get_stats }, { "rooms", get_rooms }, { "room", get_room },
	{ "connections", get_connections }, { "connection", get_connection },
	{ "limits", get_limits },
};

static const char *
answer_question(struct question *q, const struct js_member *m, int n, struct buf *answer)
{
	struct slice limit = js_pick(m, n, S("limit")), what;
	size_t room = 0;

	/* Texts that were decoded must not move when the next one is. */
	for (int i = 0; i < n; i++)
		room += m[i].val.n + 4;
	buf_reserve(&q->scratch, room);
	if (!text_member(q, m, n, "get", &what) || !text_member(q, m, n, "room", &q->room) ||
	    !text_member(q, m, n, "conn", &q->conn) || !text_member(q, m, n, "user", &q->user) ||
	    !text_member(q, m, n, "after", &q->after))
		return "a member of get is not a string";
	if (q->after.n > TOPIC_NAME)
		return "after is too long";
	q->limit = 1000;
	if (limit.n && (!js_int(limit, &q->limit) || q->limit < 1 || q->limit > GET_LIMIT))
		return "limit is not between 1 and 10000";
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		if (slice_is(what, questions[i].name))
			return questions[i].get(q, answer);
	return "get is none of stats, rooms, room, connections, connection and limits";
}

static const char *
run_get(struct server *s, struct source *source, const struct js_member *m, int n,
    struct buf *answer)
{
	struct question q = { .server = s };
	const char *why = answer_question(&q, m, n, answer);

	(void)source;
	buf_free(&q.scratch);
	return why;
}

void
get_new(struct server *s)
{
	static const char *const allowed[] = { "room", "conn", "user", "after", "limit", NULL };

	command_verb_add(s, "get", allowed, run_get);
}
