#include "report.h"

#include <stdlib.h>
#include <time.h>

#include "conn.h"
#include "get.h"
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

/* --- connections --- */

void
report_conn(struct buf *b, const struct conn *c)
{
	const struct server *s = c->server;

	buf_byte(b, '{');
	get_put_connection(b, c);
	js_put_key(b, "socketId");
	buf_byte(b, '"');
	conn_put_id(b, c);
	buf_byte(b, '"');
	if (c->id.user)
		js_put_member(b, "userId", conn_user(c));
	else
		js_put_member_raw(b, "userId", S("null"));
	put_moment(b, "connectedAt", s, c->opened_us);
	js_put_key(b, "metadata");
	buf_byte(b, '{');
	js_put_member(b, "remote", slice_str(c->remote));
	js_put_member(b, "path", slice_str(c->path));
	buf_byte(b, '}');
	if (c->rtt_us)
		put_double(b, "latency", c->rtt_us / 1e3);
	buf_byte(b, '}');
}

static void
end_list(struct buf *b, bool more)
{
	buf_byte(b, ']');
	if (more)
		js_put_member_raw(b, "more", S("true"));
}

bool
report_conns(struct buf *b, const struct server *s, const struct report_page *page)
{
	const struct conn *c;
	bool first = true;
	int64_t n = 0;

	if (!get_conns_after(s, page->after, &c))
		return false;
	js_put_key(b, "connections");
	buf_byte(b, '[');
	for (; c; c = c->next) {
		if (!c->admitted || c->closing || (page->user.n && !slice_eq(conn_user(c), page->user)))
			continue;
		if (n++ == page->limit)
			break;
		put_comma(b, &first);
		report_conn(b, c);
	}
	end_list(b, c != NULL);
	return true;
}

/* --- rooms --- */

void
report_room(struct buf *b, const struct server *s, const struct room *r, bool members)
{
	bool first = true;

	buf_byte(b, '{');
	js_put_member(b, "room", room_name(r));
	js_put_member(b, "name", room_name(r));
	js_put_member_int(b, "memberCount", r->count);
	put_moment(b, "createdAt", s, r->made_us);
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
		end_list(b, r->count > REPORT_MEMBERS);
	}
	buf_byte(b, '}');
}

bool
report_rooms(struct buf *b, const struct server *s, const struct report_page *page)
{
	bool first = true;
	size_t n, i = 0;
	const struct room **list = get_rooms_after(s, page->after, &n);

	js_put_key(b, "rooms");
	buf_byte(b, '[');
	for (; i < n && (int64_t)i < page->limit; i++) {
		put_comma(b, &first);
		report_room(b, s, list[i], false);
	}
	end_list(b, i < n);
	free(list);
	return true;
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
	struct report *r = mem_zero(1, sizeof *r);

	r->server = s;
	s->report = r;
	ev_timer_init(&r->second, on_second, 0, 1);
	r->second.data = r;
	ev_timer_start(s->loop, &r->second);
}

void
report_free(struct server *s)
{
	if (!s->report)
		return;
	ev_timer_stop(s->loop, &s->report->second);
	free(s->report);
	s->report = NULL;
}
