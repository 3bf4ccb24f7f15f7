#include "conn_end.h"

#include <stdlib.h>
#include <sys/random.h>

#include "conn.h"
#include "conn_timer.h"
#include "events.h"
#include "frame.h"
#include "js.h"
#include "life.h"
#include "mem.h"
#include "send.h"
#include "server.h"
#include "utf8.h"

enum { CLOSE_REASON = 123 }; /* bytes, RFC 6455 section 5.5 */

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
conn_close(struct conn *c, unsigned code, struct slice reason)
{
	if (c->closing)
		return;
	send_flush(c->server);
	if (c->closing)
		return;
	conn_note_close(c, code, reason);
	/* Whatever it waited for, its answer to the close frame is read. */
	if (c->parked) {
		lws_rx_flow_control(c->wsi, 1);
		conn_kick(c->server);
	}
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
end(struct conn *c)
{
	note_end(c);
	conn_retire(c);
	send_forget(c);
}

void
conn_ending(struct conn *c)
{
	end(c);
	c->parting = true;
	if (!c->end_us) {
		c->end_us = server_now_us(c->server) + CONN_CLOSE_MS * 1000;
		conn_set_timer(c);
	}
}

/* The end: it is reported and forgotten. */
void
conn_closed(struct conn *c)
{
	struct server *s = c->server;

	end(c);
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
