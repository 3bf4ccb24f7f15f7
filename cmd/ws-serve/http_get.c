/* http_get - the endpoints that tell, and DELETE /connections/ID. */
#include "http_private.h"

#include "conn.h"
#include "conn_end.h"
#include "js.h"
#include "life.h"
#include "metrics_text.h"
#include "report.h"
#include "room.h"
#include "server.h"
#include "url.h"

static void
reply_json(struct http_conn *c, int status, struct buf *b)
{
	buf_byte(b, '\n');
	http_reply(c, status, "application/json", buf_view(b), "Cache-Control: no-store\r\n");
	buf_free(b);
}

void
http_health(struct http_conn *c)
{
	struct buf b = { 0 };

	buf_byte(&b, '{');
	js_put_member(&b, "status", S("healthy"));
	js_put_member(&b, "service", S("websocket-server"));
	js_put_key(&b, "connections");
	buf_byte(&b, '{');
	report_channels(&b, c->http->config.server);
	buf_str(&b, "}}");
	reply_json(c, 200, &b);
}

void
http_ready(struct http_conn *c)
{
	const struct server *s = c->http->config.server;
	bool ready = life_ready(s), draining = life_draining(s);
	struct buf b = { 0 };
	char stamp[25];

	server_timestamp(stamp);
	buf_byte(&b, '{');
	js_put_member(&b, "status", ready ? S("ready") : S("not ready"));
	js_put_key(&b, "websocket");
	buf_byte(&b, '{');
	js_put_member(&b, "status", ready ? S("healthy") : draining ? S("draining") : S("unhealthy"));
	js_put_member_int(&b, "connections", (int64_t)conn_count(s));
	js_put_member_int(&b, "rooms", (int64_t)room_count(s));
	js_put_member_int(&b, "uptime", server_now_us(s) / 1000);
	js_put_member(&b, "timestamp", slice_str(stamp));
	buf_str(&b, "}}");
	reply_json(c, ready ? 200 : 503, &b);
}

void
http_stats(struct http_conn *c)
{
	struct buf b = { 0 };

	report_stats(&b, c->http->config.server);
	reply_json(c, 200, &b);
}

void
http_metrics(struct http_conn *c)
{
	struct buf b = { 0 };

	metrics_text(&b, c->http->config.server);
	http_reply(c, 200, "text/plain; version=0.0.4; charset=utf-8", buf_view(&b),
	    "Cache-Control: no-store\r\n");
	buf_free(&b);
}

/* ?user=, ?limit=, ?after=; false when a value is malformed or a name unknown. */
static bool
read_page(struct slice query, struct buf *scratch, struct report_page *page)
{
	page->limit = REPORT_LIMIT;
	/* Decoded text is never longer: so nothing moves. */
	buf_reserve(scratch, query.n);
	while (query.n) {
		struct slice value = slice_cut(&query, '&'), name = slice_cut(&value, '=');
		size_t start = scratch->n;

		if (url_decode(scratch, value))
			return false;
		value = slice_of(scratch->p + start, scratch->n - start);
		if (slice_is(name, "user"))
			page->user = value;
		else if (slice_is(name, "after"))
			page->after = value;
		else if (!slice_is(name, "limit") || !js_int(value, &page->limit)
		    || page->limit < 1 || page->limit > REPORT_LIMIT_MAX)
			return false;
	}
	return true;
}

static void
reply_list(struct http_conn *c, struct slice query,
    bool (*report)(struct buf *b, const struct server *s, const struct report_page *page))
{
	struct report_page page = { 0 };
	struct buf scratch = { 0 }, b = { 0 };

	buf_byte(&b, '{');
	if (!read_page(query, &scratch, &page)
	    || !report(&b, c->http->config.server, &page)) {
		http_refuse(c, 400, "malformed query", NULL);
	} else {
		buf_byte(&b, '}');
		reply_json(c, 200, &b);
	}
	buf_free(&scratch);
	buf_free(&b);
}

void
http_rooms(struct http_conn *c, struct slice rest, struct slice query)
{
	struct room *r;
	struct buf b = { 0 };

	if (!rest.p) {
		reply_list(c, query, report_rooms);
	} else if ((r = room_find(c->http->config.server, ROOM_NAMED, rest))) {
		report_room(&b, c->http->config.server, r, true);
		reply_json(c, 200, &b);
	} else {
		http_refuse(c, 404, "no such room", NULL);
	}
}

void
http_connections(struct http_conn *c, struct slice rest, struct slice query)
{
	const struct conn *conn;
	struct buf b = { 0 };

	if (!rest.p) {
		reply_list(c, query, report_conns);
	} else if ((conn = conn_find(c->http->config.server, rest))) {
		report_conn(&b, conn);
		reply_json(c, 200, &b);
	} else {
		http_refuse(c, 404, "no such connection", NULL);
	}
}

void
http_disconnect(struct http_conn *c, struct slice id)
{
	struct conn *conn = conn_find(c->http->config.server, id);
	struct buf b = { 0 };

	if (!conn) {
		http_refuse(c, 404, "no such connection", NULL);
		return;
	}
	conn_close(conn, 4003, S("ended by the operator"));
	buf_str(&b, "{\"closed\":1}");
	reply_json(c, 200, &b);
}
