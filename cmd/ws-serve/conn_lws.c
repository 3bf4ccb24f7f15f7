#include "conn_lws.h"

#include "conn.h"
#include "conn_end.h"
#include "conn_timer.h"
#include "door.h"
#include "frame.h"
#include "inbox.h"
#include "send.h"
#include "server.h"

/* The peer ends it. What it says is checked: lws answers codes with their like. */
static int
peer_closes(struct conn *c, const char *p, size_t n)
{
	struct slice reason;
	unsigned code = frame_close(slice_of(p, n), &reason);

	/* The answer to ours: all is said. */
	if (c->parting)
		return -1;
	if (!code) {
		c->heard = true;
		conn_note_close(c, 1002, S("bad close frame"));
		conn_retire(c);
		lws_close_reason(c->wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL, 0);
		return -1;
	}
	conn_note_close(c, code, reason);
	conn_retire(c);
	/* Nothing but the echo may follow. */
	send_forget(c);
	c->parting = true;
	return 0;
}

/* Our close frame, the last that c is sent. We write it and wait for the answer ourselves:
 * lws would set a timer for each such wait, in a list that it walks over to do so, and
 * stand for minutes when it is to close tens of thousands. */
static int
part(struct conn *c)
{
	size_t n = c->close_reason ? strlen(c->close_reason) : 0, header;
	unsigned char bytes[FRAME_SERVER_MAX + FRAME_CONTROL_MAX];

	header = frame_header(bytes, FRAME_CLOSE, 2 + n, NULL);
	bytes[header] = (unsigned char)(c->close_code >> 8);
	bytes[header + 1] = (unsigned char)c->close_code;
	if (n)
		memcpy(bytes + header + 2, c->close_reason, n);
	c->parting = true;
	return lws_write(c->wsi, bytes, header + 2 + n, LWS_WRITE_RAW) < 0 ? -1 : 0;
}

static int
writable(struct conn *c)
{
	/* Asked to close once more, lws does not wait for the peer's answer. */
	if (c->parting)
		return c->heard ? -1 : 0;
	c->seen_us = server_now_us(c->server);
	if (send_writable(c) < 0) {
		conn_note_close(c, 1006, S("connection lost"));
		return -1;
	}
	if (c->closing && !c->first && !c->in_lws && c->close_code != 1006)
		return part(c);
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
		/* CLOSED comes only when the peer has answered. */
		if (c)
			conn_ending(c);
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
			conn_closed(c);
		return 0;
	case LWS_CALLBACK_HTTP:
		return -1;
	default:
		return 0;
	}
}
