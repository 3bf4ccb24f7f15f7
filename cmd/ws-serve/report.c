#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "command.h"
#include "conn.h"
#include "js.h"
#include "mem.h"
#include "rec.h"
#include "room.h"
#include "send.h"
#include "server.h"

enum { WINDOW = 10 }; /* seconds over which messagesPerSecond is the mean */

struct report {
	struct server *server;
	ev_timer second;
	uint64_t messages[WINDOW]; /* received and sent until then, a second apart */
	unsigned seconds;          /* since the start; the next index is seconds % WINDOW */
};

/* --- small things --- */

static void
put_double(struct buf *b, const char *name, double value)
{
	js_put_key(b, name);
	buf_fmt(b, "%.3f", value);
}

/* The time stamp of a moment of server_now_us. */
static void
put_moment(struct buf *b, const char *name, const struct server *s, int64_t at_us)
{
	int64_t us = at_us + s->started.tv_nsec / 1000;
	struct timespec t = { s->started.tv_sec + us / 1000000, us % 1000000 * 1000 };

	js_put_key(b, name);
	rec_put_time(b, t);
}

static void
put_conn_id(struct buf *b, const char *name, const struct conn *c)
{
	js_put_key(b, name);
	buf_byte(b, '"');
	conn_put_id(b, c);
	buf_byte(b, '"');
}

static void
put_comma(struct buf *b, bool *first)
{
	if (!*first)
		buf_byte(b, ',');
	*first = false;
}

/* --- channels and stats --- */

static int
by_size(const void *a, const void *b)
{
	uint32_t x = (*(struct room *const *)a)->count, y = (*(struct room *const *)b)->count;

	return x < y ? 1 : x > y ? -1 : 0;
}

void
report_channels(struct buf *b, const struct server *s)
{
	struct room **rooms = mem_alloc((size_t)room_count(s) * sizeof(struct room *));
	size_t n = 0;

	for (struct room *r = room_first(s); r; r = r->next) {
		if (!r->automatic)
			rooms[n++] = r;
	}
	qsort(rooms, n, sizeof *rooms, by_size);
	js_put_member_int(b, "total", (int64_t)conn_count(s));
	js_put_key(b, "by_channel");
	buf_byte(b, '{');
	for (size_t i = 0; i < n && i < REPORT_CHANNELS; i++) {
		if (i)
			buf_byte(b, ',');
		js_put_string(b, room_name(rooms[i]));
		buf_fmt(b, ":%u", rooms[i]->count);
	}
	buf_byte(b, '}');
	free(rooms);
}

static double
messages_per_second(const struct server *s)
{
	const struct report *r = s->report;
	unsigned span = r->seconds < WINDOW ? r->seconds : WINDOW;
	uint64_t now = s->counters.received + s->counters.sent;

	/* The oldest of the window stands where the next one will be written. */
	return span ? (double)(now - r->messages[(r->seconds - span) % WINDOW]) / span : 0;
}

void
report_stats(struct buf *b, const struct server *s)
{
	const struct counters *c = &s->counters;
	uint64_t errors = c->invalid + c->rate_limited + c->too_big + c->bad_utf8;
	char stamp[25];

	server_timestamp(stamp);
	buf_byte(b, '{');
	report_channels(b, s);
	js_put_member_int(b, "totalConnections", (int64_t)c->opened);
	js_put_member_int(b, "activeConnections", (int64_t)conn_count(s));
	js_put_member_int(b, "totalRooms", (int64_t)room_count(s));
	put_double(b, "messagesPerSecond", messages_per_second(s));
	put_double(b, "averageLatency", c->rtt_count ? (double)c->rtt_us / (double)c->rtt_count / 1e3 : 0);
	put_double(b, "errorRate", c->received ? (double)errors / (double)c->received : 0);
	js_put_member(b, "timestamp", slice_str(stamp));
	js_put_member(b, "node", slice_str(s->node));
	put_double(b, "uptime", (double)server_now_us(s) / 1e6);
	js_put_member_int(b, "users", (int64_t)room_user_count(s));
	js_put_member_int(b, "received", (int64_t)c->received);
	js_put_member_int(b, "sent", (int64_t)c->sent);
	js_put_member_int(b, "dropped", (int64_t)c->dropped);
	js_put_member_int(b, "refused", (int64_t)c->refused);
	js_put_member_int(b, "queued", (int64_t)send_queued(s));
	buf_byte(b, '}');
}

void
report_limits(struct buf *b, const struct server *s)
{
	const struct config *c = s->config;
	const struct {
		const char *name;
		int64_t value;
	} limits[] = {
		{ "max_connections", c->max_connections },
		{ "max_connections_per_ip", c->max_per_ip },
		{ "max_handshakes", c->max_handshakes },
		{ "max_message", c->max_message },
		{ "max_rooms", c->max_rooms },
		{ "max_patterns", c->max_patterns },
		{ "max_invalid", c->max_invalid },
		{ "max_line", c->max_line },
		{ "client_queue", c->client_queue },
		{ "queue_total", c->queue_total },
		{ "ping_interval_ms", c->ping_interval_ms },
		{ "ping_timeout_ms", c->ping_timeout_ms },
	};

	buf_byte(b, '{');
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		js_put_member_int(b, limits[i].name, limits[i].value);
	js_put_key(b, "message_rate");
	buf_fmt(b, "{\"count\":%" PRId64 ",\"per_ms\":%" PRId64 ",\"burst\":%" PRId64 "}}",
	    c->message_rate.count, c->message_rate.per_ms, c->message_rate.burst);
}

/* --- connections --- */

static void
put_seats(struct buf *b, const char *name, const struct conn *c, enum room_kind kind)
{
	bool first = true;

	js_put_key(b, name);
	buf_byte(b, '[');
	for (uint32_t i = 0; i < c->seat_count; i++) {
		if (c->seats[i].room->kind != kind)
			continue;
		put_comma(b, &first);
		js_put_string(b, room_name(c->seats[i].room));
	}
	buf_byte(b, ']');
}

void
report_conn(struct buf *b, const struct conn *c)
{
	const struct server *s = c->server;

	buf_byte(b, '{');
	put_conn_id(b, "conn", c);
	put_conn_id(b, "socketId", c);
	if (c->id.user) {
		js_put_member(b, "user", conn_user(c));
		js_put_member(b, "userId", conn_user(c));
	}
	js_put_member(b, "remote", slice_str(c->remote));
	js_put_member(b, "path", slice_str(c->path));
	put_moment(b, "connectedAt", s, c->opened_us);
	put_double(b, "seconds", (double)(server_now_us(s) - c->opened_us) / 1e6);
	put_seats(b, "rooms", c, ROOM_NAMED);
	put_seats(b, "patterns", c, ROOM_PATTERN);
	js_put_member_int(b, "received", (int64_t)c->received);
	js_put_member_int(b, "sent", (int64_t)c->sent);
	js_put_member_int(b, "dropped", (int64_t)c->dropped);
	js_put_member_int(b, "queued", (int64_t)c->queued);
	if (c->rtt_us)
		put_double(b, "latency", c->rtt_us / 1e3);
	buf_byte(b, '}');
}

bool
report_conns(struct buf *b, const struct server *s, const struct report_page *page)
{
	const struct conn *c = conn_first(s);
	bool first = true;

	if (page->after.n) {
		const struct conn *after = conn_find(s, page->after);

		if (!after)
			return false;
		c = after->next;
	}
	buf_byte(b, '[');
	for (int64_t n = 0; c && n < page->limit; c = c->next) {
		if (!c->admitted || c->closing || (page->user.n && !slice_eq(conn_user(c), page->user)))
			continue;
		put_comma(b, &first);
		report_conn(b, c);
		n++;
	}
	buf_byte(b, ']');
	return true;
}

/* --- rooms --- */

void
report_room(struct buf *b, const struct room *r, bool members)
{
	bool first = true;

	buf_byte(b, '{');
	js_put_member(b, "room", room_name(r));
	js_put_member(b, "name", room_name(r));
	js_put_member_int(b, "memberCount", r->count);
	js_put_member_raw(b, "auto", r->automatic ? S("true") : S("false"));
	if (members) {
		js_put_key(b, "members");
		buf_byte(b, '[');
		for (uint32_t i = 0; i < r->count && i < REPORT_MEMBERS; i++) {
			put_comma(b, &first);
			buf_byte(b, '"');
			conn_put_id(b, r->members[i].conn);
			buf_byte(b, '"');
		}
		buf_byte(b, ']');
	}
	buf_byte(b, '}');
}

bool
report_rooms(struct buf *b, const struct server *s, const struct report_page *page)
{
	const struct room *r = room_first(s);
	bool first = true;

	if (page->after.n) {
		const struct room *after = room_find(s, ROOM_NAMED, page->after);

		if (!after)
			return false;
		r = after->next;
	}
	buf_byte(b, '[');
	for (int64_t n = 0; r && n < page->limit; r = r->next, n++) {
		put_comma(b, &first);
		report_room(b, r, false);
	}
	buf_byte(b, ']');
	return true;
}

/* --- the verb --- */

static const char *
read_page(const struct js_member *m, int n, struct buf *scratch, struct report_page *page)
{
	struct slice limit = js_pick(m, n, S("limit")), user = js_pick(m, n, S("user")),
	    after = js_pick(m, n, S("after"));

	page->limit = REPORT_LIMIT;
	if (limit.n && (!js_int(limit, &page->limit) || page->limit < 1
	    || page->limit > REPORT_LIMIT_MAX))
		return "limit is out of range";
	if ((user.n && js_type(user) != JS_STRING) || (after.n && js_type(after) != JS_STRING))
		return "user and after are strings";
	/* Room for both, so that the first does not move when the second is decoded. */
	buf_reserve(scratch, user.n + after.n);
	page->user = js_text(user, scratch);
	page->after = js_text(after, scratch);
	return NULL;
}

static const char *
get_one(struct server *s, const struct js_member *m, int n, const char *what,
    struct buf *scratch, struct buf *answer)
{
	struct slice name = js_text(js_pick(m, n, slice_str(what)), scratch);
	struct room *r;
	struct conn *c;

	if (slice_is(slice_str(what), "room")) {
		if (!(r = room_find(s, ROOM_NAMED, name)))
			return "no such room";
		js_put_key(answer, what);
		report_room(answer, r, true);
		return NULL;
	}
	if (!(c = conn_find(s, name)))
		return "no such connection";
	js_put_key(answer, "connection");
	report_conn(answer, c);
	return NULL;
}

static const char *
get(struct server *s, struct slice what, const struct js_member *m, int n,
    struct buf *scratch, struct buf *answer)
{
	struct report_page page = { .limit = REPORT_LIMIT };
	const char *why;
	bool rooms;

	if (slice_is(what, "stats")) {
		js_put_key(answer, "stats");
		report_stats(answer, s);
		return NULL;
	}
	if (slice_is(what, "limits")) {
		js_put_key(answer, "limits");
		report_limits(answer, s);
		return NULL;
	}
	if (slice_is(what, "room"))
		return get_one(s, m, n, "room", scratch, answer);
	if (slice_is(what, "connection"))
		return get_one(s, m, n, "conn", scratch, answer);
	rooms = slice_is(what, "rooms");
	if (!rooms && !slice_is(what, "connections"))
		return "get what is not known";
	if ((why = read_page(m, n, scratch, &page)))
		return why;
	js_put_key(answer, rooms ? "rooms" : "connections");
	if (!(rooms ? report_rooms : report_conns)(answer, s, &page))
		return "after is not there any more";
	return NULL;
}

static const char *
get_verb(struct server *s, struct source *source, const struct js_member *m, int n,
    struct buf *answer)
{
	struct buf scratch = { 0 };
	size_t before = answer->n;
	const char *why = get(s, js_text(js_pick(m, n, S("get")), &scratch), m, n, &scratch, answer);

	(void)source;
	if (why)
		answer->n = before;
	buf_free(&scratch);
	return why;
}

/* --- its life --- */

static void
on_second(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct report *r = timer->data;

	(void)loop;
	(void)revents;
	r->messages[r->seconds++ % WINDOW] = r->server->counters.received + r->server->counters.sent;
}

void
report_new(struct server *s)
{
	static const char *const allowed[] = { "room", "conn", "user", "after", "limit", NULL };
	struct report *r = mem_zero(1, sizeof *r);

	r->server = s;
	s->report = r;
	ev_timer_init(&r->second, on_second, 0, 1);
	r->second.data = r;
	ev_timer_start(s->loop, &r->second);
	ev_unref(s->loop);
	command_verb_add(s, "get", allowed, get_verb);
}

void
report_free(struct server *s)
{
	if (!s->report)
		return;
	ev_ref(s->loop);
	ev_timer_stop(s->loop, &s->report->second);
	free(s->report);
	s->report = NULL;
}
